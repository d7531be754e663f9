"""The state of the exchange in words, for a person at a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from pipeline.exchange.standing import duration
from pipeline.exchange.statements import spans
from pipeline.times import parse_instant

Plain = Mapping[str, Any]
COLUMNS: Final = (
    "from",
    "city",
    "lead",
    "days",
    "who",
    "hit",
    "missed",
    "false",
    "mean error",
    "skill",
    "inside",
)
SIDES: Final = (("theirs", "theirs"), ("ours", "ours"), ("persistence", "yesterday"))


def status_lines(found: Plain) -> list[str]:
    """Return everything but the table of forecasts."""
    head = f"exchange of {found['party']} at {found['at']}; world {found['world']}"
    lines = [f"{head}; programme {found['programme']}"]
    for peer in found["peers"]:
        lines += ["", *_peer(peer)]
    lines += ["", *_waiting(found["waiting"])]
    lines += [
        f"refused {r['at']} by {r['way']}: {r['name']}: {r['reason']}: {r['what']}" for r in found["refused"]
    ]
    lines += [f"the last key of {k['party']} ends {k['ends']}: `sameair keys rotate`" for k in found["keys"]]
    return lines


def _peer(peer: Plain) -> Iterator[str]:
    yield peer["line"]
    yield from (f"  LATE      {text}" for text in peer["late"])
    last = peer["heard"]
    if last:
        yield (
            f"  last      {last['kind']} {last['number']}: written {last['written']} by their clock,"
            f" received {last['received']} by ours"
        )
    yield f"  under way {_under_way(peer['under_way_s'])}"
    ahead = peer["clock_ahead_s"]
    yield (
        f"  clock     theirs is {ahead:.0f} s ahead of ours at least"
        if ahead >= 1
        else "  clock     not ahead of ours"
    )
    yield f"  missing   {spans([(a, b) for a, b in peer['missing']]) or 'nothing'} of theirs"
    odd = ", ".join(f"{n} {outcome}" for outcome, n in peer["not_acted_upon"].items())
    yield from [f"  refused   of the last 7 days' envelopes not acted upon: {odd}"] * bool(odd)
    yield f"  confirmed {_confirmed(peer)}"
    until = peer["measured_until"]
    yield f"  measured  theirs until {until['theirs'] or 'never'}, ours until {until['ours'] or 'never'}"
    yield from _bulletins(peer["bulletins"])


def _under_way(lags: Plain | None) -> str:
    if lags is None:
        return "nothing came in the last 24 h"
    middle, longest = (duration(timedelta(seconds=lags[name])) for name in ("median", "longest"))
    return (
        f"half of the {lags['envelopes']} envelopes of the last 24 h within {middle}, the slowest {longest}"
    )


def _confirmed(peer: Plain) -> str:
    held = peer["confirmed"]
    told = f"{held['handled']} of our {held['own']}"
    told += f", said {held['said_at']}" if held["said_at"] else ", nothing said of them yet"
    told += f"; misses {spans([(a, b) for a, b in held['missing']])}" if held["missing"] else ""
    told += f"; could not take {', '.join(held['refused'])}" if held["refused"] else ""
    waits = peer["waits"]
    return told + (f"; {waits['envelopes']} wait since {waits['since']}" if waits["since"] else "")


def _bulletins(said: Plain) -> Iterator[str]:
    theirs, ours = said["theirs"], said["ours"]
    yield f"  bulletins due daily at {said['hour']}, next at {said['next_due']}"
    here = f" (here since {theirs['at']})" if theirs["at"] else ""
    yield f"            theirs for {theirs['for']}: {theirs['said']}{here}"
    held = "" if ours["confirmed"] else "not yet "
    there = f" (written {ours['at']}, {held}confirmed)" if ours["at"] else ""
    yield f"            ours for {ours['for']}: {ours['said']}{there}"


def _waiting(rows: Sequence[Plain]) -> list[str]:
    if not rows:
        return ["nothing waits for a person"]
    return [f"waits for {r['of']} until {r['until']}: {r['what']} {r['about']}: {r['text']}" for r in rows]


def forecast_rows(found: Plain) -> list[list[object]]:
    """Return the forecasts of the same days, three rows for each city and lead, in COLUMNS."""
    rows: list[list[object]] = []
    for row in found["rows"]:
        for side, name in SIDES:
            counts = row[side]
            head = (
                [row["sender"], row["city"], row["lead"], row["days"]]
                if side == "theirs"
                else ["", "", "", ""]
            )
            counted = (
                [counts["hits"], counts["misses"], counts["false_alarms"]] if row["decided"] else ["", "", ""]
            )
            error = row[f"mae_{side}"]
            rows.append(
                [*head, name, *counted, "" if error is None else error, _skill(row, side), _inside(row, side)]
            )
    return rows


def forecast_notes(found: Plain) -> list[str]:
    """Return what a reader of these figures must know, and what is not in them."""
    first, last = (parse_instant(found[name]).date() for name in ("first", "last"))
    left = "; ".join(f"{n} {why}" for why, n in found["left_out"].items() if n)
    lines = [
        f"Days from {first} to {last} that both forecast and that were measured, the same for both sides.",
        "Skill: against persistence, the mean of the day before the issue: 1 is perfect, 0 no better, with a",
        "90 % interval from 10 days on. It tells each side about its own forecasts and ranks nobody.",
    ]
    for row in found["rows"]:
        open_, dim = row["left_open"], row["days"] - row["numbers"]
        lines += [
            f"{row['city']} {row['lead']}: {row['above']} of {row['decided']} days above {row['threshold']};"
            f" {open_} more that theirs leaves open; {dim} of {row['days']} without a number on either side"
        ]
    return lines + [f"Left out: {left}."] * bool(left)


def _skill(row: Plain, side: str) -> str:
    """Return a skill with its interval.

    >>> _skill({"skill_ours": {"value": 0.31, "low": 0.1, "high": 0.5}}, "ours")
    '0.31 (0.10 to 0.50)'
    """
    if side == "persistence":
        return ""
    found = row[f"skill_{side}"]
    if found["value"] is None:
        return ""
    if found["low"] is None:
        return f"{found['value']:.2f} (too few days)"
    return f"{found['value']:.2f} ({found['low']:.2f} to {found['high']:.2f})"


def _inside(row: Plain, side: str) -> str:
    if side == "persistence":
        return ""
    width = row[f"width_{side}"]
    return f"{row[f'inside_{side}']} of {row['days']}" + (f", {width:g} wide" if width is not None else "")
