"""``sameair dust``: days of dust and other coarse particles, with what speaks for their origin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import AsJson, DataDir, World, make_settings
from cli.output import print_json, print_lines, print_table

if TYPE_CHECKING:
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
    every: Annotated[bool, typer.Option("--all", help="Also days without coarse particles.")] = False,
    world: World = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List days with coarse particles: dust, or PM10 events of unknown origin, with the evidence."""
    from flows.dust import judged_days
    from flows.workspace import open_workspace
    from forecasting.transport.dust_events import COARSE, official_days, score_official
    from pipeline.cities import city as known_city
    from pipeline.errors import UsageError
    from pipeline.names import MEASURED

    if winds not in ("none", "surrogate"):
        raise UsageError(f"--winds {winds}: there are none and surrogate")
    chosen = known_city(city)
    ws = open_workspace(make_settings(data_dir))
    name = world or MEASURED
    span = _day("--from", first), _day("--to", last)
    days = judged_days(ws, name, chosen, *span, ws.clock(), by_pressure=winds == "surrogate")
    score = score_official(days, official_days()[0] if name == MEASURED else ())
    shown = [d for d in days if every or d.verdict in COARSE]
    if as_json:
        from dataclasses import asdict

        print_json({"world": name, "days": [asdict(d) for d in shown], "official": asdict(score)})
        return
    columns = ["day", "verdict", "coarse h", "of h", "PM10 mean", "highest", "PM2.5/PM10", "signs"]
    print_table(f"{chosen.name['en']}, {name}", columns, [_row(d) for d in shown])
    unknown = sum(d.verdict == "unknown" for d in days)
    print_lines([f"{len(days)} days, {unknown} of them not assessable"])
    if winds == "surrogate":
        print_lines(["paths: wind estimated from sea-level pressure; no weather model"])
    if score.named:
        found = (
            f"{score.found} of {score.named} days on which the weather service is reported to have seen dust"
        )
        missed = f"; not: {', '.join(score.missed)}" if score.missed else ""
        print_lines([f"found {found}{missed}"])


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
