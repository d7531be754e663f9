"""``sameair season``: what of the season calendar is in force, and what begins next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from cli.options import AsJson, DataDir, Instant, make_settings
from cli.output import print_json, print_lines, print_table

if TYPE_CHECKING:
    from datetime import datetime

    from pipeline.season import Calendar, Row

COLUMNS = ("party", "what", "from", "to", "evidence", "source")


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(season)


def season(at: Instant = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show the season calendar of both sides: what is in force, what begins next, and its rhythm."""
    from pipeline.errors import UsageError
    from pipeline.season import calendar_of
    from pipeline.times import parse_instant, system_clock

    calendar = calendar_of(make_settings(data_dir).season_file)
    try:
        when = parse_instant(at) if at else system_clock()
    except ValueError:
        raise UsageError(f"--at {at} is no instant; write it like 2026-01-14T08:00Z") from None
    found = _told(calendar, when)
    if as_json:
        print_json(found)
        return
    print_lines(_lines(found))
    for title, rows in (("in force", found["in_force"]), ("next", found["next"])):
        print_table(title, COLUMNS, [[row[name] for name in COLUMNS] for row in rows])


def _told(calendar: Calendar, when: datetime) -> dict[str, Any]:
    """Return the calendar at an instant as plain data."""
    from pipeline.season_file import WEEKDAYS
    from pipeline.times import iso

    day, rhythm = calendar.day_of(when), calendar.rhythm
    return {
        "version": calendar.version,
        "at": iso(when),
        "day": day.isoformat(),
        "active": calendar.active(day),
        "winter": calendar.winter_of(day),
        "next_change": calendar.next_change(day).isoformat(),
        "rhythm": {
            "outlook": f"{WEEKDAYS[rhythm.outlook_weekday]} {rhythm.outlook_time:%H:%M}",
            "outlook_timezone": rhythm.outlook_timezone,
            "dossier_days": rhythm.dossier.days,
            "shifts": [f"{shift:%H:%M}" for shift in rhythm.shifts],
            "rota_days": rhythm.rota.days,
        },
        "in_force": [_row(*one) for one in calendar.in_force(day)],
        "next": [_row(*one) for one in calendar.ahead(day)],
    }


def _row(row: Row, first: Any, last: Any) -> dict[str, Any]:
    return {
        "party": row.party,
        "key": row.key,
        "kind": row.kind,
        "what": row.names["en"],
        "names": row.names,
        "from": first.isoformat(),
        "to": last.isoformat(),
        "evidence": row.mark,
        "source": row.source,
    }


def _lines(found: dict[str, Any]) -> list[str]:
    mode = f"in force, winter {found['winter']}" if found["active"] else "not in force"
    change = "ends before" if found["active"] else "begins on"
    rhythm = found["rhythm"]
    outlook = f"weekly joint outlook {rhythm['outlook']} {rhythm['outlook_timezone']}"
    return [
        f"Seasonal Management on {found['day']}: {mode}; {change} {found['next_change']}",
        f"{outlook}; shifts at {', '.join(rhythm['shifts'])}; dossiers within {rhythm['dossier_days']} days",
        f"calendar {found['version']}; thresholds, rules and probabilities are the same all year",
    ]
