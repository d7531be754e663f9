"""What a dossier shows, section by section, in the words of one language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from alerts.origin_view import named_place
from flows.dossier_figure import course_figure
from flows.dossier_sections_decisions import decisions_part
from flows.dossier_words import cut, minute, table_of
from flows.exchange_month_words import Words
from flows.papers import Part
from pipeline.cities import all_cities

Plain = Mapping[str, Any]

DASH: Final = "–"


def parts_of(said: Plain, findings: Sequence[Plain], words: Words, *, names: bool) -> tuple[Part, ...]:
    """Return the sections of a dossier in the order in which they are shown.

    Parameters
    ----------
    names : whether persons are named; without, by their party alone
    """
    return (
        outcome_part(said, words),
        forecast_part(said, words),
        changes_part(said, words),
        decisions_part(said, words, names=names),
        origin_part(said, words),
        findings_part(findings, words, names=names),
        data_part(said, words),
    )


def outcome_part(said: Plain, words: Words) -> Part:
    """Return what was measured and what the warnings were worth."""
    say, found = words.say, said["outcome"]
    table = table_of(
        say("days"),
        (say("day"), say("mean"), say("share")),
        [(d["day"], _number(d["mean"]), f"{100 * d['share']:.0f} %") for d in found["days"]],
        words,
    )
    lines = [
        _crossed(said, words),
        say("issued", outcome=_outcome(found["issued"], words), lead=_lead(found["issued"], words)),
        say("drafted", outcome=_outcome(found["drafted"], words), lead=_lead(found["drafted"], words)),
        *_quality(found["quality"], words),
    ]
    return Part(say("outcome"), tuple(lines), (table,))


def _crossed(said: Plain, words: Words) -> str:
    found, threshold = said["outcome"], said["threshold"]
    if not found["values"]:
        return words.say("no_values")
    highest = {"highest": _number(found["highest"]), "highest_at": minute(found["highest_at"])}
    if not found["crossed"]:
        return words.say("not_crossed", threshold=threshold, **highest)
    counts = {"above": found["values_above"], "values": found["values"]}
    return words.say("crossed", threshold=threshold, at=minute(found["crossed"]), **highest, **counts)


def _outcome(judged: Plain, words: Words) -> str:
    return words.say(str(judged["outcome"]).replace(" ", "_"))


def _lead(judged: Plain, words: Words) -> str:
    hours = judged["lead_hours"]
    if hours is None:
        return words.say("no_lead")
    key = "lead" if hours >= 0 else "late_lead"
    return words.say(key, first=minute(judged["first"]), hours=f"{abs(hours):.0f}")


def _quality(found: Plain, words: Words) -> list[str]:
    say = words.say
    thin = found["thin_days"]
    lines = [say("thin", days=_list(thin, words)) if thin else say("all_measured")]
    if found["suspect_stations"]:
        lines.append(say("suspect", stations=_list(found["suspect_stations"], words)))
    if found["measures"]:
        lines.append(say("measures", days=_list(found["measures"], words)))
    return lines


def forecast_part(said: Plain, words: Words) -> Part:
    """Return both sides' forecasts of the days as issued, ours with their course."""
    say, ours, theirs = words.say, said["forecasts"]["ours"], said["forecasts"]["theirs"]
    above = say("probability", threshold=said["threshold"])
    rows = [
        (
            minute(r["cycle"]),
            r["day"],
            f"D+{r['lead_day']}",
            _number(r["mean"]),
            f"{_number(r['q10'])}–{_number(r['q90'])}",
            words.names.percent(r["probability"]),
            cut(r["degraded"]) or DASH,
        )
        for r in ours
    ]
    head = ("cycle", "day", "lead_day", "mean", "range80")
    own = table_of(say("ours"), (*map(say, head), above, say("degraded")), rows, words)
    stated = [
        (cut(r["party"] or r["source"]), minute(r["issued"]), minute(r["received"]), *_said(r, words))
        for r in theirs
    ]
    columns = (say("source"), say("issued_at"), say("received"), say("day"), say("mean"))
    other = table_of(say("theirs"), columns, stated, words)
    lines = [say("no_forecast")] * (not ours) + [say("no_theirs")] * (not theirs)
    tables = (own,) * bool(ours) + (other,) * bool(theirs)
    figures = (course_figure(said, words),) if ours else ()
    return Part(say("forecasts"), tuple(lines), tables, figures)


def _said(row: Plain, words: Words) -> tuple[str, str]:
    if row["unread"]:
        return DASH, words.say("unread", why=cut(row["unread"]))
    high = "" if row["high"] is None else f"{row['high']:.0f}"
    return row["day"], f"{row['low']:.0f}–{high}"


def changes_part(said: Plain, words: Words) -> Part:
    """Return where the probability moved, and what moved it."""
    lines = []
    for one in said["changes"]:
        why = "; ".join(
            f"{r['effect']:+.0f} µg/m³ {cut(r['text'][words.names.language])}" for r in one["reasons"]
        )
        lines.append(
            words.say(
                "change",
                day=one["day"],
                before=words.names.percent(one["before"]),
                after=words.names.percent(one["after"]),
                first=minute(one["from"]),
                last=minute(one["to"]),
                why=why or words.say("no_reasons"),
            )
        )
    return Part(words.say("changes"), tuple(lines) or (words.say("no_changes"),))


def origin_part(said: Plain, words: Words) -> Part:
    """Return where the air came from, as the run told it, and the links."""
    found, say = said["origin"], words.say
    links = [
        say(
            "link",
            up=words.names.city(r["upwind"]),
            down=words.names.city(r["downwind"]),
            lift=r["lift"] if r["lift"] is not None else DASH,
            p=r["p_value"] if r["p_value"] is not None else DASH,
        )
        for r in found["links"]
        if r["upwind"] in all_cities()
    ]
    if found["missing"]:
        return Part(say("origin"), (say("origin_missing", why=cut(found["missing"])), *links))
    first, last = (minute(at) for at in found["arrivals"])
    told = {"first": first, "last": last, "cycle": minute(found["cycle"]), "winds": cut(found["winds"])}
    rows = [
        (named_place(r["region"], words.names), f"{r['hours']:.1f}", f"{r['low']:.1f}–{r['high']:.1f}")
        for r in found["regions"]
    ]
    table = table_of(say("origin"), (say("region"), say("hours"), say("range80")), rows, words)
    return Part(say("origin"), (say("origin_line", **told), *links), (table,))


def findings_part(findings: Sequence[Plain], words: Words, *, names: bool) -> Part:
    """Return every finding with every answer, word for word; dissent stands beside what it dissents from."""
    lines = []
    for one in findings:
        waits = _list([words.party(p) for p in one["waits_for"]], words)
        told = {"party": _speaker(one, words, names=names), "text": cut(one["text"]), "waits": waits}
        lines.append(words.say(f"finding_{one['stands']}", **told))
        for answer in one["answers"]:
            said = {"party": _speaker(answer, words, names=names), "text": cut(answer["text"])}
            lines.append(words.say(f"answer_{answer['answer']}", **said))
    return Part(words.say("findings"), tuple(lines) or (words.say("no_findings"),))


def _speaker(said: Plain, words: Words, *, names: bool) -> str:
    party = words.party(said["party"])
    return f"{party} ({cut(said['person'])}, {minute(said['at'])})" if names else party


def data_part(said: Plain, words: Words) -> Part:
    """Return whose received data may be in it, with the words and terms that their senders ask for."""
    lines = [
        words.say(
            "attribution",
            who=cut(m["attribution"] or m["source"]),
            licence=m["licence"],
            terms=m["redistribution"],
        )
        for m in said["data"]
    ]
    return Part(words.say("data"), tuple(dict.fromkeys(lines)) or (words.say("no_data"),))


def _number(value: float | None) -> str:
    return DASH if value is None else f"{value:.0f}"


def _list(texts: Sequence[str], words: Words) -> str:
    return ("、" if words.names.language == "zh" else ", ").join(texts)
