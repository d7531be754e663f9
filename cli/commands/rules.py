"""``sameair rules``: the legal criteria as they are held, and what they say of a city and day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import AsJson, DataDir, World, cycle_of, make_settings
from cli.output import print_json, print_lines, print_table

if TYPE_CHECKING:
    from datetime import date

    from alerts.content import RuleFinding
    from alerts.rules import Rule

app = typer.Typer(help="Legal criteria of both countries: list, show, check a day, compute an index.")

Day = Annotated[
    str | None,
    typer.Option("--date", help="Local day, such as 2026-03-01; default today.", show_default=False),
]

YEARS = range(1950, 2101)
"""Years of which a day may be judged: no mean over days or years leaves the calendar."""


@app.command("list")
def list_rules(
    day: Day = None,
    country: Annotated[
        str | None, typer.Option("--country", help="KR or CN; else both.", show_default=False)
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every version, in force or not.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List the rules in force on a day, with their dates and how well they are documented."""
    from alerts.rules import all_rules

    when, chosen = _day(day, data_dir), _country(country)
    held = [r for r in all_rules() if (every or r.in_force(when)) and chosen in (None, r.country)]
    if as_json:
        print_json([_plain(r) for r in held])
        return
    rows = [[r.id, r.version, r.valid_from, r.valid_to or "", r.spatial_unit, r.evidence] for r in held]
    title = "every version" if every else f"in force on {when}"
    print_table(title, ["rule", "version", "from", "to", "judges", "evidence"], rows)


@app.command()
def show(
    rule: Annotated[str, typer.Argument(help="A rule, such as kr.advisory.pm2p5.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show every version of a rule with its numbers, unit, stations, averaging, coverage and source."""
    from flows.rules import versions_of

    today = _day(None, data_dir)
    held = versions_of(rule)
    if as_json:
        print_json([{**_plain(r), "in_force": r.in_force(today)} for r in held])
        return
    for version in held:
        rows = [[name, value] for name, value in _plain(version).items() if value not in ("", [], None)]
        print_table(
            f"{version.title}{', in force' if version.in_force(today) else ''}", ["field", "value"], rows
        )


@app.command()
def check(
    day: Day = None,
    city: Annotated[str, typer.Option("--city", help="seoul or beijing.")] = "seoul",
    rule: Annotated[str | None, typer.Option("--rule", help="One rule only.", show_default=False)] = None,
    cycle: Annotated[
        str | None,
        typer.Option("--cycle", help="Judge on this cycle's paths, not on measurements.", show_default=False),
    ] = None,
    world: World = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Judge the rules in force on a day: on what was measured, or on the joint paths of a cycle."""
    from dataclasses import asdict

    from flows.rules import check_rules
    from flows.workspace import open_workspace
    from pipeline.cities import city as known_city
    from pipeline.names import MEASURED

    ws = open_workspace(make_settings(data_dir))
    chosen, name = known_city(city), world or MEASURED
    when = _day(day, data_dir, chosen.timezone)
    instant = cycle_of(cycle) if cycle else None
    checked = check_rules(ws, name, chosen, when, cycle=instant, rule_id=rule)
    if as_json:
        told = [{**asdict(f), **_hours(f)} for f in checked.findings]
        print_json({"world": name, "on": checked.judged_on, "series": checked.series, "findings": told})
        return
    columns = ["rule", "version", "level", "chance", "measures", "announce by", "on", "evidence", "note"]
    rows = [_row(f) for f in checked.findings]
    print_table(f"{chosen.name['en']}, {when}, {name}", columns, rows)
    lines = [f"judged on {checked.judged_on}", *(f"{k}: {v}" for k, v in checked.series.items())]
    print_lines([*lines, "no legal advice: a rule's own text decides"])


@app.command()
def index(
    values: Annotated[list[str], typer.Argument(help="Such as pm2p5=43 pm10=80 o3_1h=24 (China), o3=0.035.")],
    country: Annotated[str, typer.Option("--country", help="CN: AQI; KR: CAI.")] = "CN",
    day: Day = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Compute the index of a station's concentrations by the standard in force on a day."""
    from alerts.aqi import aqi, is_reported
    from alerts.cai import cai
    from pipeline.errors import UsageError

    code, given = _country(country), _concentrations(values)
    when = _day(day, data_dir, "Asia/Shanghai" if code == "CN" else "Asia/Seoul")
    try:
        if code == "CN":
            found = aqi(given, when)
            told = {"index": found.value, "level": found.level, "primary": list(found.primary)}
            if not is_reported(found.value, given, when):
                told["reported"] = "no: a pollutant is missing"
        else:
            told = {"index": cai(given, when)}
    except KeyError as unknown:
        raise UsageError(f"{unknown} is no pollutant of this index; see `sameair rules show`") from None
    if as_json:
        print_json(told)
    else:
        print_lines(
            [
                ", ".join(
                    f"{k} {' '.join(v) if isinstance(v, list) else v}" for k, v in told.items() if v != []
                )
            ]
        )


def _hours(finding: RuleFinding) -> dict[str, object]:
    """Return the local hours of the measures that a finding brings, and by when it is to be announced."""
    from datetime import date
    from zoneinfo import ZoneInfo

    from alerts.rule_measures import announcement_of, measures_of

    found = measures_of(finding)
    if found is None:
        return {"measures": None, "announce_by": None}
    zone, due = ZoneInfo(found.timezone), announcement_of(finding)
    start, end = found.hours(date.fromisoformat(finding.day))
    hours = {"starts": start.astimezone(zone).isoformat(), "ends": end.astimezone(zone).isoformat()}
    return {
        "measures": {**hours, "brought": finding.level in found.levels, "evidence": found.evidence},
        "announce_by": due.astimezone(zone).isoformat() if due else None,
    }


def _row(finding: RuleFinding) -> list[object]:
    told = _hours(finding)
    measures, due = told["measures"], told["announce_by"]
    hours = f"{measures['starts'][5:16]} to {measures['ends'][5:16]}" if isinstance(measures, dict) else ""
    brought = isinstance(measures, dict) and measures["brought"]
    return [
        finding.rule,
        finding.version,
        finding.level or "not decidable",
        "" if finding.probability is None else f"{finding.probability:.0%}",
        hours.replace("T", " ") if brought or not hours else f"would: {hours.replace('T', ' ')}",
        str(due)[5:16].replace("T", " ") if due else "",
        finding.basis,
        finding.evidence,
        finding.note,
    ]


def _concentrations(values: list[str]) -> dict[str, float]:
    """Read NAME=NUMBER arguments, refusing what is no concentration."""
    from math import isfinite

    from pipeline.errors import UsageError

    found: dict[str, float] = {}
    for text in values:
        name, _, number = text.partition("=")
        if name in found:
            raise UsageError(f"{text}: {name} is given twice; write each pollutant once")
        try:
            found[name] = float(number)
        except ValueError:
            found[name] = float("nan")
        if not isfinite(found[name]) or found[name] < 0:
            raise UsageError(f"{text}: write a pollutant and its concentration like pm2p5=43")
    return found


def _plain(rule: Rule) -> dict[str, object]:
    """Return a version of a rule as plain data, its numbers beside the rest."""
    from dataclasses import asdict

    data = {**asdict(rule), **rule.parameters}
    data.pop("parameters")
    return {
        k: str(v) if hasattr(v, "isoformat") else list(v) if isinstance(v, tuple) else v
        for k, v in data.items()
    }


def _country(text: str | None) -> str | None:
    """Read a country, in capitals or not.

    >>> _country("kr")
    'KR'
    """
    from pipeline.errors import UsageError

    if text is None or text.upper() in {"CN", "KR"}:
        return text and text.upper()
    raise UsageError(f"--country {text}: there are CN and KR")


def _day(text: str | None, data_dir: object, zone: str = "Asia/Seoul") -> date:
    """Read a local day; today in a zone, by the clock of the installation, where none is given."""
    from datetime import date
    from zoneinfo import ZoneInfo

    from flows.workspace import open_workspace
    from pipeline.errors import UsageError

    if text is None:
        now = open_workspace(make_settings(data_dir)).clock()  # type: ignore[arg-type]
        return now.astimezone(ZoneInfo(zone)).date()
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--date {text}: this is no day; write it like 2026-03-01") from None
    if day.year not in YEARS:
        raise UsageError(f"--date {text}: the day must lie between {YEARS[0]} and {YEARS[-1]}")
    return day
