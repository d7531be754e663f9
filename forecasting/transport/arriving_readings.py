"""The newest readings of the air around, as many issues knew them."""

from __future__ import annotations

from typing import Final

import numpy as np

from forecasting.targets import to_log
from forecasting.transport.arriving import Readings, Times
from pipeline.asof import AsOfPanel, AsOfSeries
from pipeline.asof_blocks import window_known
from pipeline.cities import City, all_cities
from pipeline.surroundings import AROUND, Place, all_places

WINDOW: Final = (0, 6)
"""Readings are means over so many hours before an issue [h]."""


def readings_of(panel: AsOfPanel, issues: Times, *, snapshot: bool = False) -> Readings:
    """Return what the cities and the places of air around them had last measured, by each issue.

    Parameters
    ----------
    panel : of the world
    issues : (n,) [UTC]
    snapshot : the panel holds what a snapshot knew, for one issue: all of it counts as known at that issue

    Examples
    --------
    >>> t = np.arange("2020-01-01T00", "2020-01-01T08", dtype="M8[h]").astype("M8[ns]")
    >>> panel = AsOfPanel({"seoul.pm2p5.reference": AsOfSeries(t, t, np.full(8, 20.0))}, "measured")
    >>> found = readings_of(panel, t[-1:])
    >>> bool(np.isclose(found.values[0, 0], np.log(20 + 5)))
    True
    """
    places: list[tuple[City | Place, str]] = [(c, f"{c.id}.pm2p5.reference") for c in all_cities().values()]
    places += [(p, f"{AROUND}.pm2p5.{p.id}") for p in all_places().values() if p.group == "air"]
    there = [(place, key) for place, key in places if key in panel]
    columns = [np.empty((len(issues), 0))]
    for _, key in there:
        series = panel[key]
        logs = np.asarray(to_log(series.values), np.float64)
        received = np.minimum(series.received, issues[0]) if snapshot else series.received
        series = AsOfSeries(series.times, received, logs, series.interval_hours)
        columns.append(window_known(series, issues, [WINDOW]))
    return Readings(
        np.array([place.latitude for place, _ in there]),
        np.array([place.longitude for place, _ in there]),
        np.concatenate(columns, axis=1),
    )
