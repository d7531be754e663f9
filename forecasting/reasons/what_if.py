"""What would change a forecast: the reading of the next hours that would move a probability most."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from forecasting.kernel.reach import reaches
from pipeline.cities import City
from pipeline.paths import day_means, instant_of
from pipeline.times import NS_HOUR, from_ns, iso, local_date, to_ns

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

HOURS = (3, 12)
"""Readings of intervals that end so many hours after the issue are considered [h]."""

LEVELS = (0.2, 0.3, 0.5, 0.7, 0.8)
"""Quantiles of a reading at which it may be called low or high, before rounding."""

FEWEST = 30
"""Distinct cases that must agree with a reading; with fewer nothing is said of it."""

CERTAIN = 3.5
"""A change counts from so many standard errors on: of a hundred readings looked at none passes by chance."""

LEAST = 0.05
"""A smaller change of a probability is not worth telling."""

DECIDED = 0.03
"""A probability this close to 0 or 1 is decided; no reading is sought for it."""

Z90 = 1.6449


@dataclass(frozen=True)
class Change:
    """A reading that would move a probability.

    Parameters
    ----------
    place, quantity : of the reading
    valid_end, interval_hours : its interval [UTC, h]
    side : ``below`` or ``above``
    level : [ug m-3]
    probability : of the exceedance if the reading comes so
    low, high : 90 % interval of that probability, from the number of cases
    futures : distinct cases that agree with the reading: joint futures, or stretches of past days
    reading_probability : share of the cases that agree with it
    """

    place: str
    quantity: str
    valid_end: str
    interval_hours: int
    side: str
    level: float
    probability: float
    low: float
    high: float
    futures: int
    reading_probability: float


@dataclass(frozen=True)
class Possible:
    """A reading of the next hours, with what it may be and whether the event then comes.

    Parameters
    ----------
    place, quantity, valid_end, interval_hours : of the reading
    values : (case,) what it may be [ug m-3]
    event : (case,) whether the event comes with it
    same : (case,) number of a group of cases that say the same thing and count once
    """

    place: str
    quantity: str
    valid_end: str
    interval_hours: int
    values: Floats
    event: Flags
    same: npt.NDArray[np.int64]


@dataclass(frozen=True)
class WhatIf:
    """What would change the decisive probability of a city.

    Parameters
    ----------
    city, lead_day, threshold : the day mean exceeds the threshold [ug m-3] on this local day
    day : its date
    probability : now
    futures : distinct joint futures it was counted on
    changes : at most one reading that would lower it and one that would raise it, strongest first
    refused : why there is none, or empty
    """

    city: str
    lead_day: int
    day: str
    threshold: int
    probability: float
    futures: int
    changes: tuple[Change, ...]
    refused: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


Beside = Callable[[str, int, float], Iterable[Possible]]
"""Tells what else may be read, for a city, lead day and probability of its event."""


def what_if(
    paths: xr.Dataset,
    cities: Sequence[City],
    thresholds: Mapping[str, Sequence[int]],
    beside: Beside | None = None,
    quantity: str = "pm2p5",
) -> list[WhatIf]:
    """Seek, for every city, the reading of the next hours that would move its decisive probability most.

    Decisive is the local day D+1 … D+3 and the threshold whose probability is nearest to one half. The
    probability after a reading of a city is counted on the joint futures that agree with it. Of many cities
    the readings are those of its reach, see ``forecasting.kernel.reach``.

    Parameters
    ----------
    paths : joint paths of one issue, see ``pipeline.schema.check_paths``
    thresholds : of each city [ug m-3]
    beside : readings at places that the joint futures do not hold, if there are any
    """
    found, known = [], reaches(cities)
    for city in cities:
        decisive = _decisive(paths, city, thresholds.get(city.id, ()), quantity)
        if decisive is not None:
            event = decisive[3]
            near = [one for one in cities if one.id in known[city.id].whole]
            readings = list(_of_cities(paths, near, quantity, event))
            if beside is not None:
                readings += beside(city.id, decisive[0], float(event.mean()))
            found.append(_seek(city.id, decisive[:3], event, readings))
    return found


def _of_cities(paths: xr.Dataset, cities: Sequence[City], quantity: str, event: Flags) -> Iterator[Possible]:
    """Yield what will be measured in each city in the next hours, as the futures have it."""
    issue = to_ns(instant_of(paths, "issue_time"))
    world = str(paths.attrs.get("world", "measured"))
    for city in cities:
        spec = city.spec(quantity, "reference", world)
        step = spec.interval_hours if spec else 1
        for end in paths["time"].values:
            lead = (end - issue) / np.timedelta64(NS_HOUR, "ns")
            on_cadence = end.astype("int64") % (step * NS_HOUR) == 0
            if HOURS[0] <= lead <= HOURS[1] and on_cadence:
                members = paths[quantity].sel(city=city.id, time=end).values.astype(np.float64)
                if np.isfinite(members).all() and np.ptp(members) > 0:
                    same = np.unique(np.column_stack([members, event]), axis=0, return_inverse=True)[1]
                    yield Possible(city.id, quantity, iso(from_ns(end)), step, members, event, same.ravel())


def _decisive(
    paths: xr.Dataset, city: City, thresholds: Sequence[int], quantity: str
) -> tuple[int, str, int, Flags] | None:
    """Return lead day, date, threshold and members of the least certain exceedance of a city."""
    today = np.datetime64(local_date(instant_of(paths, "issue_time"), city.timezone), "D")
    days = day_means(paths, city, quantity)
    best = None
    for i, day in enumerate(days["day"].values.astype("M8[D]")):
        lead = int((day - today) / np.timedelta64(1, "D"))
        members = days["day_mean"].transpose("realization", "day").values[:, i]
        if not 1 <= lead <= 3 or not np.isfinite(members).all():
            continue
        for threshold in thresholds:
            event = members > threshold
            doubt = float(event.mean() * (1 - event.mean()))
            if best is None or doubt > best[0]:
                best = (doubt, (lead, str(day), int(threshold), event))
    return best[1] if best else None


def _seek(city: str, what: tuple[int, str, int], event: Flags, readings: Sequence[Possible]) -> WhatIf:
    lead_day, day, threshold = what
    now = float(event.mean())
    changes: tuple[Change, ...] = ()
    if not DECIDED < now < 1 - DECIDED:
        refused = "decided"
    else:
        every = (pair for reading in readings for pair in _changes(reading, now))
        ranked = [change for _, change in sorted(every, key=lambda pair: -pair[0])]
        both = [[c for c in ranked if (c.probability < now) == lower][:1] for lower in (True, False)]
        changes = tuple(sorted((c for one in both for c in one), key=lambda c: -abs(c.probability - now)))
        refused = "" if changes else "noise"
    return WhatIf(city, lead_day, day, threshold, round(now, 3), len(event), changes, refused)


def _changes(reading: Possible, now: float) -> Iterator[tuple[float, Change]]:
    """Yield every change beyond noise that a reading may bring, with its size less one standard error."""
    before = float(reading.event.mean())
    for level in sorted({_spoken(v) for v in np.quantile(reading.values, LEVELS)}):
        for side in ("below", "above"):
            agree = reading.values < level if side == "below" else reading.values > level
            n = len(np.unique(reading.same[agree]))
            if n < FEWEST or agree.all():
                continue
            then = float(reading.event[agree].mean())
            error = float(np.sqrt(before * (1 - before) / n * (1 - agree.mean())))
            if abs(then - before) > CERTAIN * error and abs(then - now) >= LEAST:
                low, high = wilson(then, n)
                yield abs(then - before) - error, Change(
                    reading.place, reading.quantity, reading.valid_end, reading.interval_hours, side,
                    float(level), round(then, 3), round(low, 3), round(high, 3), n,
                    round(float(agree.mean()), 3),
                )  # fmt: skip


def _spoken(value: float) -> float:
    """Round a concentration to what is said aloud: 1 up to 20, 5 up to 100, then 10 [ug m-3].

    >>> [_spoken(v) for v in (7.4, 33.0, 148.0)]
    [7.0, 35.0, 150.0]
    """
    step = 1.0 if value < 20 else 5.0 if value < 100 else 10.0
    return float(np.round(value / step) * step)


def wilson(share: float, count: int) -> tuple[float, float]:
    """Return the 90 % interval of a probability of which a share was counted (Wilson 1927).

    >>> [round(v, 3) for v in wilson(0.5, 30)]
    [0.356, 0.644]
    """
    extra = Z90**2 / count
    middle = (share + extra / 2) / (1 + extra)
    half = Z90 / (1 + extra) * np.sqrt(share * (1 - share) / count + extra / (4 * count))
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))
