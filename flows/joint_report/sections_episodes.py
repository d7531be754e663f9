"""Episodes with their timelines, warnings as issued, and lead time gained by sharing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flows.joint_report.document import Block, Figure, Head, Points, Section, table_of
from flows.joint_report.drawings import timeline_svg
from flows.joint_report.words import Words
from pipeline.cities import all_cities

Report = Mapping[str, Any]


def episodes_part(report: Report, words: Words) -> Section:
    """Return every episode of the period, and what is known of those not foreseen or forecast in vain."""
    blocks: list[Block] = [words.say("episodes_note")]
    if report["source"]["kind"] == "hindcast":
        blocks.append(words.say("episodes_played"))
    for city, known in report["episodes"].items():
        blocks += _of_city(city, known, words)
    return Section(words.say("episodes"), tuple(blocks))


def _of_city(city: str, known: Mapping[str, Any], words: Words) -> list[Block]:
    zone, at = all_cities()[city].timezone, f"{known['threshold']:g}"
    told = {"city": words.city(city), "threshold": at}
    columns = ("days", "highest", "outcome", "first_predicted", "lead_hours", "warned", "begins", "ends")
    rows = [
        (
            words.days(e["first_day"], e["last_day"]),
            words.number(e["highest"], 0),
            words.of("outcomes", e["outcome"]),
            words.moment(e["first_predicted"], zone),
            words.number(e["lead_hours"], 0),
            _warned(e, zone, words),
            words.moment(e["begins"], zone),
            words.names.moment(e["ends"], zone, end=True),
        )
        for e in known["episodes"]
    ]
    heads = [words.say(f"column_{c}") for c in columns]
    zoned = words.say("clock", zone=words.names.zone(zone))
    blocks: list[Block] = [
        Head(words.say("episodes_city", **told)),
        words.say("episodes_counts", n=len(rows), **known["counts"]),
        table_of(f"{words.say('episodes_table', **told)} {zoned}", heads, rows, words, (0, 3, 5, 6, 7)),
    ]
    blocks += [_timeline(e, city, zone, words, known["threshold"]) for e in known["episodes"] if e["course"]]
    return [*blocks, *_unforeseen(known, words), *_in_vain(known, zone, words)]


def _warned(episode: Mapping[str, Any], zone: str, words: Words) -> str:
    if episode["warned"] is None:
        return words.say("not_warned")
    return f"{words.moment(episode['warned'], zone)}, {words.of('statuses', episode['warned_status'])}"


def _timeline(e: Mapping[str, Any], city: str, zone: str, words: Words, threshold: float) -> Figure:
    days = words.days(e["first_day"], e["last_day"])
    caption = words.say("figure_timeline", city=words.city(city), days=days, threshold=f"{threshold:g}")
    return Figure(f"episode-{city}-{e['first_day']}", timeline_svg(e, city, zone, words, threshold), caption)


def _unforeseen(known: Mapping[str, Any], words: Words) -> list[Block]:
    lines = [
        words.say(
            "why_line",
            days=words.days(e["first_day"], e["last_day"]),
            outcome=words.of("outcomes", e["outcome"]),
            why=_why(e, words),
        )
        for e in known["episodes"]
        if e["outcome"] in ("missed", "late")
    ]
    return [Head(words.say("unforeseen")), Points(tuple(lines))] if lines else [words.say("none_unforeseen")]


def _in_vain(known: Mapping[str, Any], zone: str, words: Words) -> list[Block]:
    lines = [
        words.say(
            "vain_line",
            days=words.days(e["first_day"], e["last_day"]),
            highest=words.number(e["highest"], 0),
            first=words.moment(e["first_predicted"], zone),
            why=_why(e, words),
        )
        for e in known["false"]
    ]
    return [Head(words.say("in_vain")), Points(tuple(lines))] if lines else [words.say("none_in_vain")]


def _why(episode: Mapping[str, Any], words: Words) -> str:
    said = []
    for one in episode["why"]:
        told: dict[str, object] = {k: v for k, v in one.items() if k != "key"}
        told |= {name: words.share(one[name]) for name in ("p", "share") if name in one}
        told |= {name: words.number(one[name], 0) for name in ("value", "low", "high") if name in one}
        said.append(words.say(one["key"], **told))
    return words.say("sentence_gap").join([*said, words.say("why_unknown")])


def issued_part(report: Report, words: Words) -> Section:
    """Return the versions that people issued, with signatures, deliveries and acknowledgements."""
    rows = [
        (
            f"{w['warning']} / {w['version']}",
            words.names.named("products", w["product"]),
            words.of("kinds", w["kind"]),
            words.of("statuses", w["status"]),
            words.instant(w["issued"]),
            words.names.join([words.party(p) for p in w["signed_by"]]) or words.say("nobody"),
            words.names.join(
                [
                    words.say(
                        "warned_days",
                        city=words.city(c["city"]),
                        **{k: c[k] for k in ("days", "measured", "above")},
                    )
                    for c in w["cities"]
                ]
            ),
            f"{w['sent']}/{w['messages']}/{w['acknowledged']}",
        )
        for w in report["warnings"]
    ]
    columns = [
        words.say(f"column_{c}")
        for c in ("warning", "product", "kind", "status", "issued", "signed_by", "cities_warned", "messages")
    ]
    return Section(
        words.say("issued"),
        (words.say("issued_note"), table_of(words.say("issued_table"), columns, rows, words, (0, 4, 6))),
    )


def lead_part(report: Report, words: Words) -> Section:
    """Return the lead time gained by sharing, in pairs, with its interval."""
    title = words.say("lead")
    if not report["lead"]:
        return Section(title, (words.say("lead_none"),))
    rows = [
        (
            words.city(one["city"]),
            words.city(one["without_air_of"]),
            str(one["threshold"]),
            str(one["episodes"]),
            words.within({"value": one["hours"], "low": one["low"], "high": one["high"]}, 1),
            f"{one['sooner']}/{one['same']}/{one['later']}",
            "/".join(str(side["alarms"]) for side in one["alarms"]),
            words.number(one["factor"], 2),
        )
        for one in report["lead"]
    ]
    columns = [
        words.say(f"column_{c}")
        for c in ("city", "without", "threshold", "episodes", "gained", "sooner", "alarms", "factor")
    ]
    blocks: list[Block] = [
        words.say("lead_note"),
        table_of(words.say("lead_table"), columns, rows, words, (4, 5)),
    ]
    blocks += [_each_lead(one, words) for one in report["lead"]]
    return Section(title, tuple(blocks))


def _each_lead(one: Report, words: Words) -> Block:
    zone = all_cities()[one["city"]].timezone
    each = [
        (
            words.moment(e["onset"], zone),
            words.number(e["highest"], 0),
            words.number(e["lead"], 0),
            words.number(e["lead_without"], 0),
            words.number(e["gained"], 0),
        )
        for e in one["list"]
    ]
    heads = [
        words.say(f"column_{c}") for c in ("begins", "highest", "lead_with", "lead_without", "gained_hours")
    ]
    return table_of(words.say("lead_each", city=words.city(one["city"])), heads, each, words, (0,))
