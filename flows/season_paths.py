"""Every arrival of a city over months and years: its paths, and what was measured."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from flows.heavy import heavy_of
from flows.winds import winds_for
from flows.workspace import Workspace, reporter
from forecasting.transport.ensembles import ensemble
from forecasting.transport.season_arrivals import Arrivals, all_arrivals, arrivals_of
from forecasting.transport.surrogate import surrogate_winds
from forecasting.transport.trajectories import trajectories
from pipeline.asof import AsOfPanel
from pipeline.cities import City
from pipeline.errors import UsageError
from pipeline.heavy import Errand
from pipeline.times import iso, to_ns

Winds = Literal["stored", "surrogate"]
Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.datetime64]

EVERY_HOURS: Final = 6
STRETCH: Final = timedelta(days=30)
"""Arrivals whose winds are read together."""

HEIGHTS: Final = (100.0, 500.0)
"""Above ground, at arrival [m]."""

LEAST_KNOWN: Final = 0.5
"""Part of the six hours around an arrival whose concentration must be known."""


def season_arrivals(
    ws: Workspace,
    panel: AsOfPanel,
    city: City,
    span: tuple[datetime, datetime],
    *,
    winds: Winds,
    hours: float,
    as_of: datetime,
) -> tuple[Arrivals, dict[str, str]]:
    """Return all arrivals of a span, 6-hourly, and the attributes of their winds.

    Parameters
    ----------
    panel : its world is that of the winds; measured pressure is read from it for surrogate winds
    span : first instant, and that before which the last arrival lies
    winds : stored forecasts, for each hour that with the shortest lead; or estimated from pressure
    hours : length of the paths back in time

    Raises
    ------
    UsageError
        no winds are there for any stretch; says what to do
    """
    tell, parts = reporter.get(), []
    attributes: dict[str, str] = {}
    sources: dict[str, None] = {}
    cut = list(stretches(*span))
    errands = [Errand(f"paths to {city.id} of {first:%Y-%m-%d}", (first, last)) for first, last in cut]
    asked = (city, winds, hours, as_of)
    with heavy_of(ws) as heavy:
        for done, found in enumerate(heavy.ordered(_paths, errands, (ws, panel, asked))):
            tell(f"paths to {city.id}", done, len(cut))
            if found is not None:
                arrived, attributes, names = found
                parts.append(arrived)
                sources |= dict.fromkeys(names)
    tell(f"paths to {city.id}", len(cut), len(cut))
    if not parts:
        raise UsageError(_missing(panel.world, winds, span))
    return all_arrivals(parts), {"source": "; ".join(sources), **attributes}


def _paths(
    ws: Workspace,
    panel: AsOfPanel,
    asked: tuple[City, Winds, float, datetime],
    first: datetime,
    last: datetime,
) -> tuple[Arrivals, dict[str, str], list[str]] | None:
    """Return the arrivals of a stretch, attributes and sources of its winds; None where there are none."""
    city, winds, hours, as_of = asked
    field = _winds(ws, panel, winds, first - timedelta(hours=hours), last, as_of)
    arrivals = arrival_times(first, last)
    if field is None or not len(arrivals):
        return None
    heights = HEIGHTS if field.sizes["level"] > 1 else HEIGHTS[-1:]
    starts = ensemble(city.latitude, city.longitude, arrivals, heights, (0.0,))
    found = arrivals_of(trajectories(field, starts, -hours))
    attributes = {name: str(field.attrs[name]) for name in ("kind", "world")}
    return found, attributes, str(field.attrs["source"]).split("; ")


def concentration_of(
    panel: AsOfPanel, city: City, times: Times, as_of: datetime, quantity: str = "pm2p5"
) -> Floats:
    """Return the mean concentration of the six hours around each arrival; NaN where under half is known.

    Of a series with longer intervals those count that end in these hours.
    """
    spec = city.spec(quantity, "reference", panel.world)
    if spec is None:
        return np.full(len(times), np.nan)
    offsets = np.arange(-2, 4) * np.timedelta64(1, "h").astype("m8[ns]")
    around = (times[:, None] + offsets[None, :]).astype("M8[ns]")
    hours = np.unique(around)
    values = panel.on_grid(f"{city.id}.{quantity}.reference", hours, as_of)[np.searchsorted(hours, around)]
    there = np.isfinite(values)
    count, asked = there.sum(axis=1), len(offsets) / spec.interval_hours
    total = np.where(there, values, 0.0).sum(axis=1)
    return np.where(count >= LEAST_KNOWN * asked, total / np.maximum(count, 1), np.nan)


def _winds(
    ws: Workspace, panel: AsOfPanel, winds: Winds, start: datetime, end: datetime, as_of: datetime
) -> xr.Dataset | None:
    if winds == "surrogate":
        return surrogate_winds(panel, start=start, end=end, as_of=as_of)
    return winds_for(ws, panel.world, start=start, end=end, as_of=as_of)


def stretches(first: datetime, before: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Cut a span into stretches whose winds are read together.

    >>> from pipeline.times import parse_instant
    >>> [str(b)[:10] for _, b in stretches(parse_instant("2019-01-01"), parse_instant("2019-02-10"))]
    ['2019-01-31', '2019-02-10']
    """
    while first < before:
        yield first, min(first + STRETCH, before)
        first += STRETCH


def arrival_times(first: datetime, before: datetime) -> Times:
    """Return the instants of arrival, every six hours from the first on [UTC]."""
    times: Times = np.arange(to_ns(first), to_ns(before), np.timedelta64(EVERY_HOURS, "h"))
    return times.astype("M8[ns]")


def _missing(world: str, winds: Winds, span: tuple[datetime, datetime]) -> str:
    between = f"between {iso(span[0])} and {iso(span[1])}"
    if winds == "surrogate":
        return f"too few readings of sea-level pressure of world '{world}' {between}; import the archive"
    return (
        f"no winds on levels of world '{world}' are stored {between}; import them "
        "(`sameair import-history single-runs`), or use --winds surrogate where pressure was measured"
    )
