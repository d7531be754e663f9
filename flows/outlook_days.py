"""The days of a weekly outlook: forecast, further ahead by past years, stated by others, and of last week."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final

import numpy as np
import pandas as pd

from flows.assess import policy_of
from flows.combine_claims import claims_of, day_number
from flows.dossier_subjects import EPOCH, measured_days
from flows.reviewed_warnings import stretches_in_force
from flows.workspace import Workspace
from forecasting.issue import OPERATIONAL
from pipeline.cities import City
from pipeline.ledger.runs import RunRow, current_run
from pipeline.times import FORECAST_DAYS, iso, local_date, parse_instant, to_ns

Plain = dict[str, Any]
Means = Mapping[str, Mapping[date, float]]

LATER_DAYS: Final = 7
"""An outlook reaches so many days past its cycle."""

HALF_WIDTH: Final = 15
"""Days of other years so near to the same date count for the usual of a day [d]."""

LEAST: Final = 60
"""With fewer days of past years nothing is said of the usual."""

PAST: Final = timedelta(days=6 * 366)
WEEK: Final = 7
STATED: Final = timedelta(days=3)


def past_of(ws: Workspace, run: RunRow, as_of: datetime) -> Means:
    """Return the day means of past years by city [ug m-3], as known at an instant."""
    return measured_days(ws, run.world, run.cycle - PAST, run.cycle, as_of)


def ahead_of(ws: Workspace, run: RunRow, city: City) -> list[Plain]:
    """Return what a run forecast of the days up to D+3, with how often such forecasts came true."""
    thresholds, records = policy_of(ws).thresholds(city.id), _records(ws, run, city)
    found = []
    for row in _daily(ws, run, city):
        lead = int(row["lead_day"])
        found.append(
            {
                "day": _day(row, city).isoformat(),
                "lead_day": lead,
                **{name: round(float(row[name]), 1) for name in ("mean", "q10", "q90")},
                "chances": [
                    {
                        "threshold": t,
                        "probability": round(float(row[f"p_gt_{t}"]), 3),
                        **records.get((lead, t), {}),
                    }
                    for t in thresholds
                ],
            }
        )
    return found


def _daily(ws: Workspace, run: RunRow, city: City) -> list[dict[Any, Any]]:
    path = ws.settings.data_dir / run.products["predictions"]
    if not path.is_file():
        return []
    only = [("city", "==", city.id), ("model", "==", OPERATIONAL), ("target", "==", "daily")]
    return (
        pd.read_parquet(path, filters=only)
        .dropna(subset=["mean"])
        .sort_values("valid_start")
        .to_dict("records")
    )


def _day(row: Mapping[Any, Any], city: City) -> date:
    return local_date(row["valid_start"].to_pydatetime(), city.timezone)


def _records(ws: Workspace, run: RunRow, city: City) -> dict[tuple[int, int], Plain]:
    """Return how many of the past forecasts like these came true, as the run's evidence has it."""
    path = ws.settings.data_dir / run.products.get("evidence", "")
    if "evidence" not in run.products or not path.is_file():
        return {}
    document = json.loads(path.read_text("utf-8"))
    mine: Plain = next((c for c in document["cities"] if c["city"] == city.id), {"records": []})
    return {
        (int(r["lead_day"]), int(r["threshold"])): {
            "like": len(r["past"]),
            "came": sum(p["came"] for p in r["past"]),
        }
        for r in mine["records"]
    }


def later_of(cycle: datetime, city: City, threshold: int, past: Means) -> list[Plain]:
    """Return the usual of the days after D+3: how often days so near to the date were above, in past years.

    That is climatology and no forecast; only days before that of the cycle count.

    Parameters
    ----------
    past : measured day means by city [ug m-3]
    """
    mine = past.get(city.id, {})
    today, found = local_date(cycle, city.timezone), []
    for lead in range(FORECAST_DAYS + 1, LATER_DAYS + 1):
        day = today + timedelta(days=lead)
        near = np.array([value for d, value in mine.items() if d < today and _near(d, day)])
        known = len(near) >= LEAST
        found.append(
            {
                "day": day.isoformat(),
                "lead_day": lead,
                "threshold": threshold,
                "days": len(near),
                "share": round(float((near > threshold).mean()), 3) if known else None,
                "median": round(float(np.median(near)), 1) if known else None,
            }
        )
    return found


def _near(one: date, day: date) -> bool:
    gap = abs((day - one).days) % 365.2425
    return (day - one).days > 180 and min(gap, 365.2425 - gap) <= HALF_WIDTH + 0.5


def stated_of(ws: Workspace, run: RunRow, city: City, as_of: datetime) -> list[Plain]:
    """Return what others had last stated of the coming days by an instant, as ranges [ug m-3]."""
    claims = claims_of(ws, run.world, as_of - STATED, as_of, run.cycle.hour)
    today, found = local_date(run.cycle, city.timezone), []
    for source in claims.sources:
        for lead in range(LATER_DAYS + 1):
            day = today + timedelta(days=lead)
            claim = claims.known(source, city.id, day_number(day), as_of)
            if claim is not None:
                high = None if math.isinf(claim.high) else round(claim.high, 1)
                found.append(
                    {
                        "source": source,
                        "day": day.isoformat(),
                        "low": round(claim.low, 1),
                        "high": high,
                        "received": iso(claim.received),
                    }
                )
    return found


def last_week_of(ws: Workspace, run: RunRow, city: City, as_of: datetime, past: Means) -> list[Plain]:
    """Return the seven days before the cycle: measured, forecast the day before, and warned of or not."""
    threshold = policy_of(ws).thresholds(city.id)[0]
    today, means = local_date(run.cycle, city.timezone), past.get(city.id, {})
    warned = [s for s in stretches_in_force(ws, run.world) if s.city == city.id and s.since <= to_ns(as_of)]
    found = []
    for back in range(WEEK, 0, -1):
        day = today - timedelta(days=back)
        mean, number = means.get(day), (day - EPOCH).days
        found.append(
            {
                "day": day.isoformat(),
                "mean": None if mean is None else round(mean, 1),
                "above": None if mean is None else mean > threshold,
                "threshold": threshold,
                "probability": _day_before(ws, run, city, day, threshold),
                "warned": any(s.days[0] <= number <= s.days[1] for s in warned),
            }
        )
    return found


def _day_before(ws: Workspace, run: RunRow, city: City, day: date, threshold: int) -> float | None:
    """Return the probability that the cycle of the same hour gave the day before; None where none ran."""
    cycle = parse_instant(f"{day - timedelta(days=1)}T{run.cycle:%H:%M}Z")
    with ws.ledger.read() as conn:
        before = current_run(conn, run.world, cycle)
    if before is None or "predictions" not in before.products:
        return None
    rows = [r for r in _daily(ws, before, city) if _day(r, city) == day]
    return round(float(rows[0][f"p_gt_{threshold}"]), 3) if rows else None
