"""Timeliness of cycles and deliveries, quality of the data, and credits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flows.joint_report.document import Block, Points, Section, table_of
from flows.joint_report.words import Words

Report = Mapping[str, Any]
MOST: Final = 12
"""So many rows are listed; the data hold the others."""

SOURCES: Final = ("measurements", "program", "fonts")


def timeliness_part(report: Report, words: Words) -> Section:
    """Return how many cycles there were, how punctual, and how warnings were delivered."""
    cycles, sent = report["cycles"], report["deliveries"]
    lines = [
        words.say("cycles_line", **{k: cycles[k] for k in ("due", "forecast", "live", "degraded", "failed")})
    ]
    if report["source"]["kind"] == "hindcast":
        lines = [words.say("cycles_hindcast")]
    elif not cycles["live"]:
        lines.append(words.say("cycles_not_live"))
    lines.append(words.say("deliveries_line", messages=sent["messages"], acknowledged=sent["acknowledged"]))
    rows = [
        (
            words.say(name),
            str(spread["n"]),
            *(words.number(spread[k], 1) for k in ("median", "ninetieth", "longest")),
        )
        for name, spread in (
            ("after_cycle", cycles["after_cycle"]),
            ("to_sent", sent["to_sent"]),
            ("to_acknowledged", sent["to_acknowledged"]),
        )
        if spread["n"]
    ]
    columns = [words.say(f"column_{c}") for c in ("what", "n", "median", "ninetieth", "longest")]
    blocks: list[Block] = [
        Points(tuple(lines)),
        table_of(words.say("timeliness_table"), columns, rows, words, (0,)),
    ]
    states = [(words.of("states", state), str(n)) for state, n in sent["states"].items()]
    heads = [words.say("column_state"), words.say("column_messages_n")]
    return Section(
        words.say("timeliness"), (*blocks, table_of(words.say("states_table"), heads, states, words, (0,)))
    )


def quality_part(report: Report, words: Words) -> Section:
    """Return coverage, gaps, lateness, flags and changes of stations."""
    known = report["quality"]
    return Section(
        words.say("quality"),
        (
            words.say("quality_note"),
            _series(known, words),
            _sources(known, words),
            words.say("stations_line", **known["stations"]),
            _gone(known, words),
            _verdicts(known, words),
        ),
    )


def _series(known: Report, words: Words) -> Block:
    rows = [
        (
            words.city(s["city"]),
            words.of("quantities", s["quantity"]),
            f"{s['there']}/{s['expected']}",
            words.share(s["coverage"]),
            words.number(s["longest_gap_hours"], 0),
            words.say("not_known") if s["late"] is None else str(s["late"]),
            str(s["corrected"]),
        )
        for s in known["series"]
    ]
    columns = ("city", "quantity", "intervals", "coverage", "longest_gap", "late", "corrected")
    return table_of(words.say("series_table"), [words.say(f"column_{c}") for c in columns], rows, words, (2,))


def _sources(known: Report, words: Words) -> Block:
    rows = [
        (
            s["source"],
            *(str(s[k]) for k in ("stations", "values", "suspect", "failed", "corrected")),
            words.say("not_known") if s["late"] is None else str(s["late"]),
        )
        for s in known["sources"]
    ]
    columns = ("source", "stations", "values", "suspect", "failed", "corrected", "late")
    return table_of(
        words.say("sources_table"), [words.say(f"column_{c}") for c in columns], rows, words, (0,)
    )


def _gone(known: Report, words: Words) -> Block:
    rows = [(g["feed"], str(g["units"]), str(g["hours"])) for g in known["gone"]]
    columns = [words.say(f"column_{c}") for c in ("source", "stations", "hours_gone")]
    return table_of(words.say("gone_table"), columns, rows, words, (0,))


def _verdicts(known: Report, words: Words) -> Block:
    rows = [
        (
            v["station"],
            words.of("quantities", v["quantity"]),
            words.of("doubts", v["kind"]),
            words.of("doubt_states", v["state"]),
        )
        for v in known["verdicts"][:MOST]
    ]
    columns = [words.say(f"column_{c}") for c in ("station", "quantity", "doubt", "state")]
    title = words.say("verdicts_table", n=len(known["verdicts"]), shown=min(MOST, len(known["verdicts"])))
    return table_of(title, columns, rows, words, (0, 2))


def credits_part(report: Report, words: Words) -> Section:
    """Return whose data and works stand in the report, and under which terms."""
    lines = [str(words.table["credit_parts"][key]) for key in SOURCES]
    for one in report["credits"]:
        lines.append(
            words.say(
                "credit_line",
                attribution=one["attribution"] or one["source"],
                licence=one["licence"],
                redistribution=words.of("redistributions", one["redistribution"]),
            )
        )
    return Section(words.say("credits"), (words.say("credits_note"), Points(tuple(lines))))
