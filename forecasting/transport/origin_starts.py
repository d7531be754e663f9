"""Where and when the paths of a run start: at the expected peak of each city, and in the past day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt
import xarray as xr

from forecasting.transport.ensembles import ensemble
from forecasting.transport.trajectories import Starts
from pipeline.cities import City
from pipeline.paths import day_means, instant_of
from pipeline.times import FORECAST_DAYS, from_ns, local_date, to_ns

HOURS_BACK: Final = 72
ARRIVAL_STEP: Final = 3
"""Hours between the arrivals of the expected day."""

PAST_STEP: Final = 6
PAST_HOURS: Final = 24
OFFSETS: Final = (-0.25, 0.0, 0.25)
"""Around the city [degree]: what the position of a path is not known better than."""

HEIGHT_PARTS: Final = (0.1, 0.25, 0.5, 0.75)
"""Start heights as parts of the highest mixing layer of the day, so that all of them lie in it."""

USUAL_MIXING: Final = 1000.0
MIXING_RANGE: Final = (500.0, 2000.0)
"""Where the mixing height is unknown, and between what it is taken [m]."""

MIXING: Final = "atmosphere_boundary_layer_thickness"

Times = npt.NDArray[np.datetime64]


@dataclass(frozen=True)
class Expected:
    """The local day with the highest expected mean: its arrival times, and the hour of its peak."""

    arrivals: Times
    peak: datetime


def expected_peak(paths: xr.Dataset, city: City) -> Expected | None:
    """Return the day from D+0 to D+3 with the highest mean over the joint futures; None where none is known.

    Parameters
    ----------
    paths : joint paths of a run, after ``pipeline.schema.check_paths`` [ug m-3]

    Returns
    -------
    Expected
        arrivals every three hours over that local day, and its hour with the highest mean
    """
    days = day_means(paths, city)
    today = local_date(instant_of(paths, "issue_time"), city.timezone)
    dates = days["day"].to_numpy().astype("M8[D]")
    ahead = (dates >= np.datetime64(today)) & (dates <= np.datetime64(today + timedelta(days=FORECAST_DAYS)))
    means = days["day_mean"].to_numpy().mean(axis=0)
    means = np.where(ahead & np.isfinite(means), means, -np.inf)
    if not len(means) or not np.isfinite(means.max()):
        return None
    day = int(means.argmax())
    start, end = (days[name].to_numpy()[day] for name in ("valid_start", "valid_end"))
    step = np.timedelta64(ARRIVAL_STEP, "h")
    arrivals = start + step * np.arange(1, int((end - start) / step) + 1)
    times = paths["time"].to_numpy()
    hourly = paths["pm2p5"].sel(city=city.id).mean("realization").to_numpy()
    inside = (times > start) & (times <= end) & np.isfinite(hourly)
    return Expected(arrivals, from_ns(times[inside][hourly[inside].argmax()]))


def past_arrivals(issue_time: datetime) -> Times:
    """Return the arrivals at 00, 06, 12, 18 UTC in the day up to an instant.

    >>> [str(t)[5:13] for t in past_arrivals(datetime.fromisoformat("2025-01-10T08:00+00:00"))]
    ['01-09T12', '01-09T18', '01-10T00', '01-10T06']
    """
    last = to_ns(issue_time).astype("M8[h]")
    last = last - last.astype("int64") % PAST_STEP
    back = np.arange(PAST_HOURS - PAST_STEP, -1, -PAST_STEP)
    times: Times = (last - back.astype("m8[h]")).astype("M8[ns]")
    return times


def start_heights(winds: xr.Dataset, city: City, arrivals: Times) -> tuple[float, ...]:
    """Return four heights within the mixing layer of a city over some arrivals [m above ground].

    Parts of its greatest thickness then, taken between 500 and 2000 m; of 1000 m where nobody tells it.

    >>> from pipeline.cities import city
    >>> start_heights(xr.Dataset(), city("seoul"), np.array(["2025-01-01"], "M8[ns]"))
    (100.0, 250.0, 500.0, 750.0)
    """
    deep = USUAL_MIXING
    if MIXING in winds and "latitude" in winds.dims:
        here = winds[MIXING].sel(latitude=city.latitude, longitude=city.longitude, method="nearest")
        around = np.timedelta64(ARRIVAL_STEP, "h")
        known = here.sel(time=slice(arrivals[0] - around, arrivals[-1] + around)).to_numpy()
        known = known[np.isfinite(known)]
        deep = float(np.clip(known.max(), *MIXING_RANGE)) if len(known) else deep
    return tuple(round(part * deep, 0) for part in HEIGHT_PARTS)


def starts_of(winds: xr.Dataset, city: City, arrivals: Times, purpose: str) -> Starts:
    """Return the starts of one city's ensemble: arrivals x heights x offsets, labelled city and purpose.

    ``purpose`` is ``expected``, with positions around the city, or ``past``, at the city alone.
    """
    offsets = OFFSETS if purpose == "expected" else (0.0,)
    heights = start_heights(winds, city, arrivals)
    starts = ensemble(city.latitude, city.longitude, arrivals, heights, offsets)
    count = len(starts.times)
    labels = {"city": np.full(count, city.id), "purpose": np.full(count, purpose)}
    return Starts(starts.times, starts.latitude, starts.longitude, starts.height, {**starts.labels, **labels})


def join_starts(parts: Sequence[Starts]) -> Starts:
    """Return several groups of starts as one, so that their paths are computed together."""
    return Starts(
        np.concatenate([p.times for p in parts]),
        np.concatenate([p.latitude for p in parts]),
        np.concatenate([p.longitude for p in parts]),
        np.concatenate([p.height for p in parts]),
        {name: np.concatenate([p.labels[name] for p in parts]) for name in parts[0].labels},
    )
