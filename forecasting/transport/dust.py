"""Asian dust told from the particles of combustion by what is measured: PM10, and how much of it is PM2.5.

Dust is coarse: in Seoul's dust of 2015-2020 a tenth to a third of PM10 is PM2.5, in its haze two thirds. The
numbers below are this program's own, chosen on 2013-2018 of both cities (docs/dust.md shows what others do).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline.asof import AsOfPanel
from pipeline.cities import City
from pipeline.dust_outlook import DustDay, DustEvidence, Verdict
from pipeline.surroundings import AROUND
from pipeline.times import HOUR, NS_HOUR, from_ns, hour_range, local_day_bounds, to_ns

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Times = npt.NDArray[np.datetime64]


@dataclass(frozen=True)
class Terms:
    """What coarse particles are: the limits of one interval, and of a day.

    Parameters
    ----------
    pm10 : at or above this an interval counts [ug m-3]; the Korean PM10 advisory begins there
    ratio : at most this part of it is PM2.5 [1]
    coarse, coarse_ratio : or PM10 less PM2.5 is at least this [ug m-3] and the part at most that [1]: in the
        densest dust fine particles rise too (Beijing, 4 May 2017: PM10 996, PM2.5 568)
    hours : of such air make a day an event [h]
    coverage : hours with both values that a day needs to be called free of dust [h]
    """

    pm10: float = 150.0
    ratio: float = 0.40
    coarse: float = 250.0
    coarse_ratio: float = 0.60
    hours: float = 3.0
    coverage: float = 18.0


TERMS: Final = Terms()

LIKELY: Final = 0.5
"""A day ahead is called by what at least this share of its futures show."""


@dataclass(frozen=True)
class Particles:
    """PM10 and PM2.5 of one place on the same interval ends [ug m-3], NaN where unknown.

    ``step`` is the length of the intervals [h].
    """

    times: Times
    step: int
    pm10: Floats
    pm2p5: Floats

    def within(self, start: datetime, end: datetime) -> Flags:
        """Tell which intervals end in (start, end]."""
        found: Flags = (self.times > to_ns(start)) & (self.times <= to_ns(end))
        return found


def is_coarse(pm10: Floats, pm2p5: Floats, terms: Terms = TERMS) -> Flags:
    """Tell which intervals hold coarse particles as dust brings them; NaN does not.

    Parameters
    ----------
    pm10, pm2p5 : of the same intervals, of any shape [ug m-3]

    Examples
    --------
    Seoul on 6 May 2017, Beijing on 4 May 2017, and Seoul's haze of 5 March 2019:

    >>> is_coarse(np.array([359.0, 996.0, 201.0]), np.array([30.0, 568.0, 156.0])).tolist()
    [True, True, False]
    """
    fine_enough = pm2p5 <= terms.ratio * pm10
    dense = (pm10 - pm2p5 >= terms.coarse) & (pm2p5 <= terms.coarse_ratio * pm10)
    found: Flags = (pm10 >= terms.pm10) & (fine_enough | dense)
    return found


def city_particles(
    panel: AsOfPanel, city: City, start: datetime, end: datetime, as_of: datetime
) -> Particles:
    """Return a city's particles over (start, end] as known at an instant, on the coarser of both cadences."""
    keys = (f"{city.id}.pm10.reference", f"{city.id}.pm2p5.reference")
    return _particles(panel, keys, start, end, as_of)


def place_particles(
    panel: AsOfPanel, place: str, start: datetime, end: datetime, as_of: datetime
) -> Particles:
    """Return the particles of a place around the cities, as :func:`city_particles`."""
    return _particles(panel, (f"{AROUND}.pm10.{place}", f"{AROUND}.pm2p5.{place}"), start, end, as_of)


def measured_day(
    found: Particles,
    city: City,
    day: date,
    evidence: Sequence[DustEvidence] = (),
    *,
    lead_day: int = 0,
    terms: Terms = TERMS,
) -> DustDay:
    """Judge one local day of a city by what was measured.

    Parameters
    ----------
    found : the city's particles, that day among them
    evidence : signs of where the air came from (``forecasting.transport.dust_origin``)

    Returns
    -------
    its verdict: ``dust`` needs coarse particles for ``terms.hours`` and a sign that supports it;
    ``unknown`` is a day without coarse particles of which less than ``terms.coverage`` hours are known
    """
    inside = found.within(*local_day_bounds(day, city.timezone))
    pm10, pm2p5 = found.pm10[inside], found.pm2p5[inside]
    both = np.isfinite(pm10) & np.isfinite(pm2p5)
    coarse = is_coarse(pm10, pm2p5, terms)
    hours, known = float(coarse.sum() * found.step), float(both.sum() * found.step)
    verdict: Verdict = "none"
    if hours >= terms.hours:
        verdict = "dust" if any(e.supports for e in evidence) else "pm10_event"
    elif known < terms.coverage:
        verdict = "unknown"
    elif float(np.sum(pm10[both] >= terms.pm10) * found.step) >= terms.hours:
        verdict = "fine"
    chosen = coarse if coarse.any() else both
    return DustDay(
        city=city.id,
        day=day.isoformat(),
        lead_day=lead_day,
        verdict=verdict,
        probability=None if verdict == "unknown" else float(hours >= terms.hours),
        hours=hours,
        known=known,
        pm10_mean=_round(pm10, np.nanmean),
        pm10_max=_round(pm10, np.nanmax),
        ratio=float(round(pm2p5[chosen].sum() / max(pm10[chosen].sum(), 1e-9), 3)) if chosen.any() else None,
        observed=True,
        evidence=tuple(evidence) if hours >= terms.hours else (),
    )


def onset(found: Particles, city: City, day: date, terms: Terms = TERMS) -> datetime | None:
    """Return when the first coarse interval of a local day began [UTC]; None where there is none."""
    inside = found.within(*local_day_bounds(day, city.timezone))
    at = found.times[inside & is_coarse(found.pm10, found.pm2p5, terms)]
    return from_ns(at[0]) - found.step * HOUR if len(at) else None


def days_between(first: date, last: date) -> list[date]:
    """Return every local date from the first to the last, both included."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _particles(
    panel: AsOfPanel, keys: tuple[str, str], start: datetime, end: datetime, as_of: datetime
) -> Particles:
    steps = [panel[key].interval_hours if key in panel else 1 for key in keys]
    step = max(steps)
    fine = hour_range(start - (step - 1) * HOUR, end)
    on_step: Flags = fine.astype("int64") % (step * NS_HOUR) == 0
    columns = [_on_step(panel.on_grid(k, fine, as_of), s, step) for k, s in zip(keys, steps, strict=True)]
    inside = on_step & (fine > to_ns(start))
    return Particles(fine[inside], step, *(c[inside] for c in columns))


def _on_step(values: Floats, own: int, step: int) -> Floats:
    """Return means over the last ``step`` hours of hourly values; values of that step stay as they are."""
    if own == step:
        return values
    parts = np.stack([np.concatenate([np.full(k, np.nan), values[: len(values) - k]]) for k in range(step)])
    known = np.isfinite(parts).sum(axis=0)
    total = np.nansum(parts, axis=0) / np.maximum(known, 1)
    return np.where(2 * known * own > step, total, np.nan)


def _round(values: Floats, how: object) -> float | None:
    known = values[np.isfinite(values)]
    return round(float(how(known)), 1) if len(known) and callable(how) else None
