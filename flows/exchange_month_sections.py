"""What the monthly report of the exchange shows, section by section, in the words of one language."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from alerts.plain_text import one_line
from flows.exchange_month_words import Section, Table, Words, cut, table_of
from pipeline.exchange.statements import spans

MOST_ROWS: Final = 10


def minute(instant: str) -> str:
    """Return an instant to the minute.

    >>> minute("2026-01-14T02:00:00Z")
    '2026-01-14 02:00'
    """
    return instant[:16].replace("T", " ")


def sections_of(report: Mapping[str, Any], words: Words) -> list[Section]:
    """Return the sections of a report in the order in which they are shown."""
    return [
        *(_way(peer, words) for peer in report["peers"]),
        _warnings(report, words),
        _consultation(report, words),
        _forecasts(report["forecasts"], words),
    ]


def _way(peer: Mapping[str, Any], words: Words) -> Section:
    """Return the section of the way to one peer."""
    say, name = words.say, words.party(peer["peer"])
    title = say("way", peer=name)
    if not peer["hours"]:
        return Section(title, (say("never"),), ())
    lines = [
        say("since", peer=name, since=minute(peer["since"])),
        say("heard", peer=name, n=peer["hours_heard"], hours=peer["hours"]),
        _confirmed(peer["confirmed"], name, words),
        *_missing(peer, name, words),
        say("under_way_note", peer=name),
        *[say("ahead", peer=name, minutes=f"{peer['clock_ahead']:g}")] * (peer["clock_ahead"] > 0),
    ]
    tables = (
        _times(peer, name, words),
        _silences(peer["silences"], words),
        _passed(peer, name, words),
        _bulletins(peer["bulletins"], name, words),
    )
    return Section(title, tuple(lines), tables)


def _confirmed(found: Mapping[str, Any], name: str, words: Words) -> str:
    if not found["sent"]:
        return words.say("nothing_sent", peer=name)
    counts = {"n": found["n"], "sent": found["sent"], "within": found["within_hour"], "open": found["open"]}
    return words.say("confirmed", peer=name, **counts)


def _missing(peer: Mapping[str, Any], name: str, words: Words) -> Iterator[str]:
    """Yield what is missing, of other worlds, refused or not acted upon."""
    if peer["missing_now"]:
        yield words.say("missing", peer=name, spans=spans([(a, b) for a, b in peer["missing_now"]]))
    if any(peer["exercises"].values()):
        yield words.say("exercises", **peer["exercises"])
    for key, counts in (
        ("refused_theirs", peer["refused"]["theirs"]),
        ("refused_unnamed", peer["refused"]["unnamed"]),
        ("unfit", peer["not_acted_upon"]),
    ):
        if counts:
            told = ", ".join(f"{one_line(reason)} {n}" for reason, n in counts.items())
            yield f"{words.say('refused')}: " * (key != "unfit") + words.say(key, peer=name, list=told)


def _times(peer: Mapping[str, Any], name: str, words: Words) -> Table:
    rows = [(words.say(row["what"], peer=name), row) for row in peer["under_way"]]
    if peer["confirmed"]["n"]:
        rows.append((words.say("ours_confirmed"), peer["confirmed"]))
    figures = ("n", "within_hour", "median", "ninetieth", "longest")
    heads = ("kind", "envelopes", *figures[1:])
    cells = tuple((label, *(f"{row[figure]:g}" for figure in figures)) for label, row in rows)
    return table_of(words.say("under_way"), [words.say(head) for head in heads], cells, words)


def _silences(found: Sequence[Mapping[str, Any]], words: Words) -> Table:
    rows = [(minute(one["from"]), minute(one["to"]), f"{one['hours']:g}") for one in found[:MOST_ROWS]]
    rows += [(words.say("more", n=len(found) - MOST_ROWS), "", "")] * (len(found) > MOST_ROWS)
    return table_of(words.say("silences"), [words.say(key) for key in ("from", "to", "hours")], rows, words)


def _passed(peer: Mapping[str, Any], name: str, words: Words) -> Table:
    rows = [(words.kind(row["kind"]), str(row["theirs"]), str(row["ours"])) for row in peer["kinds"]]
    theirs, ours = peer["values"]["theirs"], peer["values"]["ours"]
    rows += [
        (words.say(key), f"{theirs[key]:,}", f"{ours[key]:,}") for key in ("values", "corrected", "withdrawn")
    ]
    heads = [words.say("kind"), words.say("theirs_column", peer=name), words.say("ours_column")]
    return table_of(words.say("passed"), heads, rows, words)


def _bulletins(found: Mapping[str, Any], name: str, words: Words) -> Table:
    heads = [words.say(key) for key in ("side", "due", "in_time", "late", "missing_days")]
    sides = (("theirs", words.say("theirs_column", peer=name)), ("ours", words.say("ours_column")))
    rows = [
        (
            label,
            str(found["due"]),
            str(found[side]["in_time"]),
            str(found[side]["late"]),
            f"{found[side]['none']}" + f" ({_short(found[side]['days'])})" * bool(found[side]["days"]),
        )
        for side, label in sides
    ]
    return table_of(words.say("bulletins", hour=found["hour"]), heads, rows, words)


def _short(days: Sequence[str]) -> str:
    """Return days in short, the first ones where there are many."""
    return ", ".join(day[8:] for day in days[:MOST_ROWS]) + " …" * (len(days) > MOST_ROWS)


def _warnings(report: Mapping[str, Any], words: Words) -> Section:
    say, party = words.say, words.party
    issued = [
        (*_version(w, words), "" if w["minutes"] is None else f"{w['minutes']:g}") for w in report["warnings"]
    ]
    told = [(party(w["party"]), *_version(w, words)) for w in report["told"]]
    objections = [
        (party(o["party"]), minute(o["at"]), cut(o["slot"]), cut(o["reason"]))
        for o in report["decisions"]["objections"]
    ]
    heads = ["warning", "product", "cities", "issued"]
    return Section(
        say("decisions"),
        (say("decisions_line", **{k: v for k, v in report["decisions"].items() if k != "objections"}),),
        (
            table_of(say("warnings"), [say(key) for key in (*heads, "agreement")], issued, words),
            table_of(say("told"), [say(key) for key in ("party", *heads)], told, words),
            table_of(
                say("objections"),
                [say(key) for key in ("party", "at", "subject", "reason")],
                objections,
                words,
            ),
        ),
    )


def _version(warning: Mapping[str, Any], words: Words) -> tuple[str, str, str, str]:
    """Return the cells that tell of a version of a warning."""
    name = f"{warning['warning']} v{warning['version']}"
    return name, _what(warning, words), words.cities(warning["cities"]), minute(warning["issued"])


def _what(warning: Mapping[str, Any], words: Words) -> str:
    """Return what a version was: product, what happened to it, and whether it was an exercise."""
    named = words.names.named
    name = f"{named('products', warning['product'])}, {named('kinds', warning['kind'])}"
    return name + f" ({words.say('exercise')})" * bool(warning["status"] != "Actual")


def _consultation(report: Mapping[str, Any], words: Words) -> Section:
    say, found = words.say, report["consultation"]
    went = {"in_time": say("in_time"), "late": say("late"), "none": say("not_answered")}
    questions = [
        (
            words.party(q["asker"]),
            minute(q["at"]),
            cut(q["subject"]),
            cut(q["text"]),
            went[q["went"]],
            str(q["calls"]),
        )
        for q in found["questions"]
    ]
    numbers = [
        (
            cut(pair["subject"]),
            ", ".join(f"{words.party(party)} {value:g}" for party, value in pair["numbers"].items()),
            f"{pair['apart']:g}" + f" ({say('not_fit')})" * (not pair["fit"]),
        )
        for pair in found["numbers"]
    ]
    heads = [say(key) for key in ("party", "at", "subject", "question", "answered", "calls")]
    tables = (
        table_of(say("questions"), heads, questions, words),
        table_of(say("numbers"), [say("subject"), say("probabilities"), say("apart")], numbers, words),
    )
    return Section(say("consultation"), (say("numbers_line", n=found["sealed"]),), tables)


def _forecasts(found: Mapping[str, Any], words: Words) -> Section:
    say = words.say
    reasons = (("too late", "too_late"), ("no run of ours", "no_run"), ("not measured", "not_measured"))
    left = ", ".join(f"{say(key)} {found['left_out'][r]}" for r, key in reasons if found["left_out"].get(r))
    lines = [say("forecasts_note")] if found["rows"] else [say("forecasts_none")]
    lines += [say("left_out", list=left)] * bool(left)
    return Section(say("forecasts"), tuple(lines), tuple(_forecast_tables(found["rows"], words)))


def _forecast_tables(rows: Sequence[Mapping[str, Any]], words: Words) -> Iterator[Table]:
    """Yield for each city, and sender where there are several, what both sides' forecasts were worth."""
    say = words.say
    sides = (("theirs", say("them")), ("ours", say("us")))
    heads = [say("lead"), say("days"), say("numbers_days"), *(say("skill", who=who) for _, who in sides)]
    heads += [say("inside", who=who) for _, who in sides]
    heads += [say("hits", who=who) for who in (say("them"), say("us"), say("persistence"))]
    for sender, city in dict.fromkeys((row["sender"], row["city"]) for row in rows):
        mine = [row for row in rows if (row["sender"], row["city"]) == (sender, city)]
        above = say("above", threshold=mine[0]["threshold"])
        cells = [_forecast_row(row) for row in mine]
        title = say("stated_by", city=words.names.city(city), party=words.party(sender))
        yield table_of(title, [*heads[:2], above, *heads[2:]], cells, words)


def _forecast_row(row: Mapping[str, Any]) -> tuple[str, ...]:
    skills = [_skill(row[f"skill_{side}"]) for side in ("theirs", "ours")]
    inside = [f"{row[f'inside_{side}']}/{row['days']}" for side in ("theirs", "ours")]
    counts = [
        "/".join(str(row[side][key]) for key in ("hits", "misses", "false_alarms"))
        for side in ("theirs", "ours", "persistence")
    ]
    above = f"{row['above']}/{row['decided']}"
    return row["lead"], str(row["days"]), above, str(row["numbers"]), *skills, *inside, *counts


def _skill(found: Mapping[str, float | None]) -> str:
    if found["value"] is None:
        return "–"
    within = f" ({found['low']:.2f} … {found['high']:.2f})" if found["low"] is not None else ""
    return f"{found['value']:.2f}{within}"
