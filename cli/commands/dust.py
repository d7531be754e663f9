"""``sameair dust``: days of dust and other coarse particles, with what speaks for their origin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import AsJson, DataDir, World, make_settings
from cli.output import print_json, print_lines, print_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from pipeline.dust_outlook import DustDay


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command("dust")(dust)


def dust(  # noqa: PLR0913 - one argument per option
    first: Annotated[str, typer.Option("--from", help="First local day, such as 2017-05-01.")],
    last: Annotated[str, typer.Option("--to", help="Last local day.")],
    city: Annotated[str, typer.Option("--city", help="seoul or beijing.")] = "seoul",
    winds: Annotated[
        str, typer.Option("--winds", help="none, or surrogate: paths by measured pressure as a sign.")
    ] = "none",
    after: Annotated[
        str | None,
        typer.Option("--after", help="Another city: how often its events are followed.", show_default=False),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Also days without coarse particles.")] = False,
    world: World = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List days with coarse particles: dust, or PM10 events of unknown origin, with the evidence."""
    from flows.dust import judged_days
    from flows.workspace import open_workspace
    from forecasting.transport.dust_events import COARSE, follows
    from pipeline.cities import city as known_city
    from pipeline.errors import UsageError
    from pipeline.names import MEASURED

    if winds not in ("none", "surrogate"):
        raise UsageError(f"--winds {winds}: there are none and surrogate")
    chosen, other = known_city(city), known_city(after) if after else None
    ws = open_workspace(make_settings(data_dir))
    name, now = world or MEASURED, ws.clock()
    span = _day("--from", first), _day("--to", last)
    days = judged_days(ws, name, chosen, *span, now, by_pressure=winds == "surrogate")
    shown = [d for d in days if every or d.verdict in COARSE]
    lines = _lines(days, measured=name == MEASURED)
    if winds == "surrogate":
        lines.append("paths: wind estimated from sea-level pressure; no weather model")
    if other is not None:
        followed, begun, hit, of = follows(judged_days(ws, name, other, *span, now), days)
        lines.append(
            f"of {begun} events in {other.name['en']} {followed} were followed within 3 d, "
            f"of all {of} days {hit}; the season is not held, so this is no measure of transport"
        )
    if as_json:
        from dataclasses import asdict

        print_json({"world": name, "days": [asdict(d) for d in shown], "said": lines})
        return
    columns = ["day", "verdict", "coarse h", "of h", "PM10 mean", "highest", "PM2.5/PM10", "signs"]
    print_table(f"{chosen.name['en']}, {name}", columns, [_row(d) for d in shown])
    print_lines(lines)


def _lines(days: Sequence[DustDay], *, measured: bool) -> list[str]:
    """Say how many days and events there are, and how they compare with what was reported."""
    from datetime import date

    from forecasting.transport.dust_events import COARSE, events, official_days, score_official

    unknown = sum(d.verdict == "unknown" for d in days)
    lines = [f"{len(days)} days, {unknown} of them not assessable; {len(events(days))} events"]
    official, counts = official_days() if measured else ((), ())
    score = score_official(days, official)
    if score.named:
        missed = f"; not: {', '.join(score.missed)}" if score.missed else ""
        lines.append(f"found {score.found} of {score.named} days on which dust was reported{missed}")
    known = {date.fromisoformat(d.day): d for d in days}
    for count in counts:
        if {count.city} == {d.city for d in days} and {count.first, count.last} <= set(known):
            inside = [d for day, d in known.items() if count.first <= day <= count.last]
            found, blind = (sum(d.verdict in kinds for d in inside) for kinds in (COARSE, ("unknown",)))
            span = f"from {count.first} to {count.last} ({blind} not assessable)"
            lines.append(
                f"{found} days with coarse particles {span}; {count.days} days of dust were reported"
            )
    return lines


def _row(day: DustDay) -> list[object]:
    from pipeline.dust_outlook import VERDICTS

    signs = "; ".join(
        f"{e.kind} {'+' if e.supports else '-'}{'' if e.value is None else f' {e.value:g}'} {e.place} {e.at}"
        for e in day.evidence
    )
    numbers = [day.pm10_mean, day.pm10_max, day.ratio]
    shown = ["" if n is None else f"{n:g}" for n in numbers]
    return [day.day, VERDICTS[day.verdict], f"{day.hours:g}", f"{day.known:g}", *shown, signs]


def _day(option: str, text: str) -> date:
    """Read a local day, refusing what is none."""
    from datetime import date

    from pipeline.errors import UsageError

    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{option} {text}: this is no day; write it like 2017-05-01") from None
