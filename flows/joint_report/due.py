"""Reports written by themselves: of the month and the season that ended last, once they are settled."""

from __future__ import annotations

from datetime import datetime

from flows.joint_report.cycles import runs_in
from flows.joint_report.files import stem_of, write_report
from flows.joint_report.gather import SETTLED, Asked, joint_report
from flows.joint_report.period import DAY, Period, month_of, season_of
from flows.workspace import Workspace
from pipeline.names import MEASURED
from pipeline.season import Calendar, calendar_of, winter_name


def reports_if_due(ws: Workspace, now: datetime) -> list[str]:
    """Write what is settled, has runs and does not lie in the folder of reports yet; return the names."""
    written = []
    for period in ended(now - SETTLED, calendar_of(ws.settings.season_file)):
        facts = {"kind": period.kind, "name": period.name, "world": MEASURED, "source": {"kind": "runs"}}
        stem = stem_of(facts)
        there = (ws.settings.reports_dir / stem / f"{stem}.json").is_file()
        if not there and runs_in(ws, MEASURED, period.start, period.end):
            write_report(joint_report(ws, Asked(period)), ws.settings.reports_dir)
            written.append(stem)
    return written


def ended(at: datetime, calendar: Calendar) -> list[Period]:
    """Return the month and the season that were over last at an instant.

    >>> from datetime import UTC
    >>> [one.name for one in ended(datetime(2020, 4, 3, tzinfo=UTC), calendar_of())]
    ['2020-03', '2019-20']
    """
    month = month_of(f"{at:%Y-%m}")
    while month.end > at:
        month = month_of(f"{month.first - DAY:%Y-%m}")
    year = at.year
    while season_of(winter_name(year), calendar).end > at:
        year -= 1
    return [month, season_of(winter_name(year), calendar)]
