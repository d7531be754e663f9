"""What stands beside our forecasts in a verification: agencies' bulletins, issued warnings, second truths."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any, Final

import numpy as np
import pandas as pd

from alerts.scales import national_scale
from flows.workspace import Workspace
from forecasting.verification.ceiling import local_day_means, two_truths
from forecasting.verification.nier import Grades
from forecasting.verification.stated import Statement
from pipeline.bulletins import StoredBulletin, read_bulletins
from pipeline.cities import all_cities
from pipeline.ledger.warnings import read_events, read_in_state
from pipeline.names import MEASURED, QC_FAIL
from pipeline.times import local_date, parse_instant

Rows = list[dict[str, Any]]

CEILINGS: Final = (
    ("beijing", "archive:beijing_mean_12nat", "archive:beijing_embassy", 24),
    ("beijing", "archive:beijing_china2019_mean12", "archive:beijing_embassy", 24),
    ("seoul", "archive:seoul_city_3h_trailing", "archive:seoul_cleanair_downtown3", 8),
)
"""Pairs of measured series that each could stand for a city, and intervals in a day of the first."""

FIRST_HIGH = 2
"""Grades from the third on count as high: Korean "bad", Chinese "lightly polluted"."""


def grades_of(day: date) -> dict[str, Grades]:
    """Return the grades of every city's country that are in force on a day.

    >>> grades_of(date(2020, 1, 1))["seoul"].edges
    (15.0, 35.0, 75.0)
    """
    found = {}
    for city in all_cities().values():
        scale = national_scale(city.rule_set, day)
        edges = tuple(band.upper for band in scale.bands if np.isfinite(band.upper))
        found[city.id] = Grades(edges, FIRST_HIGH, scale.half_even, f"{scale.rule} {scale.version}")
    return found


def statements_of(ws: Workspace, world: str, quantity: str, as_of: datetime) -> list[Statement]:
    """Return what agencies stated of the cities' days, from the bulletins that are stored."""
    with ws.ledger.read() as conn:
        stored = read_bulletins(conn, world, as_of=as_of, kind="forecast")
    return [said for bulletin in stored for said in _statements(bulletin, quantity)]


def _statements(stored: StoredBulletin, quantity: str) -> Iterator[Statement]:
    content = stored.bulletin.content
    if content.get("pollutant") != quantity or "target_date" not in content:
        return
    day = int(np.datetime64(str(content["target_date"]), "D").astype(np.int64))
    for region in dict(content.get("regions", {})).values():
        if region.get("city"):
            ends = [region[k] for k in ("low", "high") if region.get(k) is not None]
            value = region.get("value")
            middle = float(np.mean(ends)) if value is None and len(ends) == 2 else value
            yield Statement(
                stored.bulletin.source, region["city"], day, stored.received_at, region.get("grade"), middle
            )


def warning_rows(
    ws: Workspace, world: str, measured: Mapping[str, pd.Series], thresholds: Mapping[str, int]
) -> Rows:
    """Score the days that issued warnings spoke of, by city and status (``Actual``, ``Exercise`` …).

    Parameters
    ----------
    measured : day means by local day number, of every city, over the days to be judged [ug m-3]
    thresholds : the day mean above which a warned day was right [ug m-3]

    Returns
    -------
    ``warned_days``, ``right``, ``false_alarms``, ``ahead`` (right and issued before the day began),
    ``days_above`` and ``missed`` of the measured days, POD and FAR (None where undefined); nothing when no
    warning was issued
    """
    warned = _warned_days(ws, world)
    rows: Rows = []
    for (city, status), days in sorted(warned.items()):
        known = measured.get(city, pd.Series(dtype=float)).dropna()
        above = set(known.index[known > thresholds[city]])
        judged = {day: ahead for day, ahead in days.items() if day in known.index}
        right = above & set(judged)
        rows.append(
            {
                "city": city,
                "status": status,
                "threshold": thresholds[city],
                "warned_days": len(judged),
                "right": len(right),
                "false_alarms": len(judged) - len(right),
                "ahead": sum(judged[day] for day in right),
                "days_above": len(above),
                "missed": len(above) - len(right),
                "pod": len(right) / len(above) if above else None,
                "far": 1 - len(right) / len(judged) if judged else None,
            }
        )
    return rows


def _warned_days(ws: Workspace, world: str) -> dict[tuple[str, str], dict[int, bool]]:
    """Return for each city and status the days warned of, and whether that was before they began."""
    found: dict[tuple[str, str], dict[int, bool]] = {}
    with ws.ledger.read() as conn:
        for row in read_in_state(conn, ("issued", "updated", "ended"), world):
            steps = read_events(conn, row.warning_id)
            issued = [e.at for e in steps if e.version == row.version and e.state == "issued"]
            if not issued or row.content.get("kind") in ("all_clear", "cancel"):
                continue
            for outlook in row.content["cities"]:
                days = found.setdefault((outlook["city"], row.content["cap_status"]), {})
                zone = all_cities()[outlook["city"]].timezone
                for day in _days(outlook["onset"], outlook["end"], zone):
                    ahead = day > _number(local_date(issued[0], zone))
                    days[day] = days.get(day, False) or ahead
    return found


def _days(onset: str, end: str, zone: str) -> range:
    first = _number(local_date(parse_instant(onset), zone))
    last = _number(local_date(parse_instant(end) - pd.Timedelta(seconds=1).to_pytimedelta(), zone))
    return range(first, last + 1)


def _number(day: date) -> int:
    return int(np.datetime64(day, "D").astype(np.int64))


def ceiling_rows(ws: Workspace, world: str, as_of: datetime) -> Rows:
    """Return how well one measured series of a city would forecast another, where both are stored."""
    if world != MEASURED:
        return []
    rows: Rows = []
    for city, first, second, per_day in CEILINGS:
        read = ws.store.read(world=world, stations=[first, second], quantities=["pm2p5"], as_of=as_of)
        zone = all_cities()[city].timezone
        means = []
        for station, count in ((first, per_day), (second, 24)):
            part = read[(read["station"].astype(str) == station) & (read["qc"] != QC_FAIL)]
            means.append(local_day_means(part.set_index("time")["value"], zone, count))
        rows += two_truths(means[0], means[1], city=city, truth=first, other=second)
    return rows
