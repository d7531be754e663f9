"""The known origin of the air of a simulated world, against which methods that guess it are measured."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import numpy as np
import xarray as xr

from ingest.simulated.fine_winds import fine_winds
from ingest.simulated.grid import EMITTERS, FINE, GOBI
from ingest.simulated.tagged import TAGS, carry, city_parts
from ingest.simulated.world import all_times, climate_of
from pipeline.errors import UsageError
from pipeline.times import iso, to_ns

SPIN_UP_H: Final = 240
"""Hours carried before the first that counts: air is exchanged within a few days."""
STREAM: Final = 20_250_602
"""Keeps the random numbers of the eddies apart from all others of a world."""


def origin_shares(
    seed: int, start: datetime, end: datetime, cities: Sequence[str] = ("seoul", "beijing")
) -> xr.Dataset:
    """Return which share of the PM2.5 of cities came from where, start < time ≤ end, in some 3 s a season.

    The air is carried anew, tag by tag, on half a degree and with eddies that no weather service sees
    (``fine_winds``), so its sum is not quite what the stations of the world measured. The same seed and
    stretch give the same shares to the last digit.

    Parameters
    ----------
    cities : places that have a source of their own, ``ingest.simulated.city_air.OWN``

    Returns
    -------
    Dataset
        ``share`` (time, city, tag) [1], adding up to 1, and ``pm2p5`` (time, city) [ug m-3], with
        ``latitude``, ``longitude`` and ``size`` (tag) [degree] of the emitters, NaN for ``inflow`` (from
        outside the region) and ``own`` (the city's own streets)

    Raises
    ------
    UsageError
        the stretch lies outside the simulated hours, or is too near to their beginning

    Examples
    --------
    >>> from pipeline.times import parse_instant
    >>> found = origin_shares(1, parse_instant("2022-06-01T00:00Z"), parse_instant("2022-06-01T03:00Z"))
    >>> found["share"].sizes["tag"], found["share"].sum("tag").round(9).values.ravel().tolist()
    (11, [1.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    """
    times = all_times()
    low, high = (int(np.searchsorted(times, to_ns(when), side="right")) for when in (start, end))
    first = low - SPIN_UP_H
    if first < 0 or high <= low or to_ns(end) > times[-1]:
        raise UsageError(
            f"origins are known from {times[SPIN_UP_H]} to {times[-1]}, not {iso(start)} to {iso(end)}"
        )
    climate = climate_of(seed)
    rng = np.random.default_rng([seed, STREAM, first])
    tagged = carry(climate, first, high, FINE, fine_winds(rng, high - first, FINE))
    parts = np.stack([city_parts(tagged, climate, first, city)[SPIN_UP_H:] for city in cities], axis=1)
    return _dataset(parts, times[low:high], cities, seed)


def _dataset(
    parts: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    times: np.ndarray[tuple[int], np.dtype[np.datetime64]],
    cities: Sequence[str],
    seed: int,
) -> xr.Dataset:
    total = parts.sum(axis=-1)
    placed = {**EMITTERS, "gobi": GOBI}
    where = {
        name: ("tag", [getattr(placed[tag], name) if tag in placed else np.nan for tag in TAGS])
        for name in ("latitude", "longitude", "size")
    }
    return xr.Dataset(
        {
            "share": (("time", "city", "tag"), parts / total[..., None], {"units": "1"}),
            "pm2p5": (("time", "city"), total, {"units": "ug m-3"}),
        },
        {"time": times, "city": list(cities), "tag": list(TAGS), **where},
        {"world": f"simulated-{seed}", "source": "tagged emissions of the simulated region (simulated)"},
    )
