"""What came of an episode: measured days and hours with their quality, and what the warnings were worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import xarray as xr

from alerts.episode_scores import Measured, verdicts
from alerts.policy_play import Alarm, Said
from flows.dossier_decisions import Told
from flows.dossier_subjects import Subject
from flows.measures import days_with_measures
from flows.workspace import Workspace
from pipeline.cities import City, all_cities
from pipeline.ledger.verdicts import newest_verdicts
from pipeline.paths import day_means, observed_paths
from pipeline.series import load_panel
from pipeline.times import from_ns, iso, local_date, to_ns

Plain = dict[str, Any]
HOURLY = "pm2p5_hourly"


def outcome_of(ws: Workspace, subject: Subject, told: Sequence[Told], as_of: datetime) -> Plain:
    """Return the outcome of an episode as plain data.

    ``crossed`` is the end of the first interval above the threshold, of the hourly series where there is
    one; ``issued`` and ``drafted`` judge the warnings that went out, and all that were drafted.
    """
    city = all_cities()[subject.city]
    paths = _paths(ws, subject, city, as_of)
    days = _days(paths, city, subject)
    name = HOURLY if _finite(paths, HOURLY) else "pm2p5"
    times, values = _within(paths, name, subject)
    above = values > subject.threshold
    return {
        "days": days,
        "series": "hourly" if name == HOURLY else "reference",
        "crossed": iso(from_ns(times[above][0])) if above.any() else "",
        "highest": round(float(values.max()), 1) if len(values) else None,
        "highest_at": iso(from_ns(times[int(values.argmax())])) if len(values) else "",
        "values_above": int(above.sum()),
        "values": len(values),
        "issued": _judged(subject, city, days, [one for one in told if one.issued]),
        "drafted": _judged(subject, city, days, told),
        "quality": _quality(ws, subject, city, days, as_of),
    }


def _paths(ws: Workspace, subject: Subject, city: City, as_of: datetime) -> xr.Dataset:
    start, end = subject.onset - timedelta(days=2), subject.end + timedelta(days=1)
    cities = [replace(city, series=tuple(s for s in city.series if s.quantity.startswith("pm2p5")))]
    panel = load_panel(ws.store, cities, subject.world, start=start, end=end, as_of=as_of, around=False)
    return observed_paths(panel, cities, start=subject.onset, end=subject.end, as_of=as_of)


def _finite(paths: xr.Dataset, name: str) -> bool:
    return bool(np.isfinite(paths[name].to_numpy()).any())


def _within(paths: xr.Dataset, name: str, subject: Subject) -> tuple[Any, Any]:
    values = paths[name].to_numpy()[0, 0]
    times = paths["time"].to_numpy()
    good = np.isfinite(values) & (times > to_ns(subject.onset)) & (times <= to_ns(subject.end))
    return times[good], values[good]


def _days(paths: xr.Dataset, city: City, subject: Subject) -> list[Plain]:
    """Return each local day with its mean [ug m-3] and the share of its intervals that were measured."""
    found = day_means(paths, city)
    rows = {}
    for day, mean, share in zip(
        found["valid_start"].to_numpy(),
        found["day_mean"].to_numpy()[0],
        found["observed_share"].to_numpy(),
        strict=True,
    ):
        local = local_date(from_ns(day), city.timezone)
        known = round(float(mean), 1) if np.isfinite(mean) else None
        rows[local] = {"day": local.isoformat(), "mean": known, "share": round(float(share), 2)}
    return [rows.get(d, {"day": d.isoformat(), "mean": None, "share": 0.0}) for d in subject.days]


def _judged(subject: Subject, city: City, days: Sequence[Plain], told: Sequence[Told]) -> Plain:
    """Return hit, late, missed or false alarm by the versions given, and the lead time [h]."""
    known = [(d, one["mean"]) for d, one in zip(subject.days, days, strict=True) if one["mean"] is not None]
    gap = round((subject.end - subject.onset).total_seconds() / 3600)
    side = Measured(subject.city, city.timezone, subject.threshold, gap, dict(known))
    found = verdicts(_alarms(subject, told), side)
    if not found:
        quiet = all(one["mean"] is not None for one in days)
        return {"outcome": "quiet" if quiet else "not measured", "first": "", "lead_hours": None}
    best = min(found, key=lambda v: (v.outcome in ("false alarm", "not measured"), v.onset))
    return {"outcome": best.outcome, "first": best.first_issue, "lead_hours": best.lead_hours}


def _alarms(subject: Subject, told: Sequence[Told]) -> list[Alarm]:
    by_warning: dict[str, list[Said]] = {}
    for one in told:
        span = one.spans.get(subject.city)
        if one.warns and span is not None:
            said = Said(one.at, *span, one.until)
            by_warning.setdefault(one.warning, []).append(said)
    return [Alarm(warning, subject.city, tuple(said)) for warning, said in by_warning.items()]


def _quality(ws: Workspace, subject: Subject, city: City, days: Sequence[Plain], as_of: datetime) -> Plain:
    """Return what a reader must know of the data: gaps, stations in doubt, days with measures."""
    with ws.ledger.read() as conn:
        doubted = [v for v in newest_verdicts(conn, subject.world) if v.state == "suspect"]
    measures = days_with_measures(ws, subject.world, city, as_of)
    return {
        "thin_days": [one["day"] for one in days if one["mean"] is None],
        "suspect_stations": sorted({v.station for v in doubted}),
        "measures": sorted(d.isoformat() for d in measures if d in subject.days),
    }
