"""A map of one season: where air stayed, and the concentration that air of each cell arrived with."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

Floats = npt.NDArray[np.float64]
Lines = Sequence[tuple[Floats, Floats]]

DOTS_PER_INCH: Final = 110
LEAST_WEIGHT: Final = 0.5
"""Cells of less weight are left white in the map of concentrations: too little air passed there."""
LEAST_MINUTES: Final = 1.0
"""Less time over a cell is not drawn [min]."""
MARGIN: Final = 2.0
"""Around what is shown [degree]."""


def season_map(
    fields: xr.Dataset,
    title: str,
    note: str,
    *,
    place: tuple[float, float],
    coast: Lines,
    paths: tuple[Floats, Floats] | None = None,
) -> bytes:
    """Draw a season's hours and concentrations; returns a PNG.

    Parameters
    ----------
    fields : of ``receptor.maps``
    note : under the maps: whose winds, what is simulated, what the map cannot tell
    place : latitude and longitude of the city [degree]
    coast : lines of longitudes and latitudes; no borders are drawn
    paths : mean path of each group, latitude and longitude (group, age); None where none may be drawn
    """
    figure = Figure(figsize=(11.0, 7.0), dpi=DOTS_PER_INCH, layout="constrained")
    panels: Any = figure.subplots(1, 2)
    enough = fields["weight"].to_numpy() >= LEAST_WEIGHT
    minutes = 60 * fields["residence"].to_numpy()
    shown = np.where(minutes >= LEAST_MINUTES, minutes, np.nan)
    _cells(panels[0], fields, shown, "time over a cell, per arrival [min]", "Blues", LogNorm())
    cwt = np.where(enough, fields["cwt"].to_numpy(), np.nan)
    _cells(panels[1], fields, cwt, "PM2.5 that passing air arrived with (CWT) [µg/m³]", "YlOrBr")
    _significant(panels[1], fields)
    for axes in panels:
        _frame(axes, fields, enough, place, coast)
    if paths is not None:
        for latitude, longitude in zip(*paths, strict=True):
            panels[0].plot(longitude, latitude, color="#7a1f1f", linewidth=1.6)
    panels[0].set_title("where the air had been" + ("; mean paths of groups" if paths is not None else ""))
    panels[1].set_title("concentration on arrival; dots: more than chance")
    figure.suptitle(title)
    figure.supxlabel(note, fontsize=8)
    target = io.BytesIO()
    figure.savefig(target, format="png", metadata={"Software": None})
    return target.getvalue()


def _cells(
    axes: Axes, fields: xr.Dataset, values: Floats, said: str, colours: str, norm: LogNorm | None = None
) -> None:
    longitude, latitude = fields["longitude"].to_numpy(), fields["latitude"].to_numpy()
    drawn = axes.pcolormesh(longitude, latitude, values, cmap=colours, norm=norm, shading="nearest")
    axes.figure.colorbar(drawn, ax=axes, label=said, orientation="horizontal", shrink=0.9, pad=0.03)


def _significant(axes: Axes, fields: xr.Dataset) -> None:
    rows, columns = np.nonzero(fields["cwt_significant"].to_numpy() > 0)
    latitude, longitude = fields["latitude"].to_numpy()[rows], fields["longitude"].to_numpy()[columns]
    axes.plot(longitude, latitude, ".", color="black", markersize=2.5)


def _frame(
    axes: Axes, fields: xr.Dataset, enough: npt.NDArray[np.bool_], place: tuple[float, float], coast: Lines
) -> None:
    for longitude, latitude in coast:
        axes.plot(longitude, latitude, color="#666666", linewidth=0.6)
    axes.plot(place[1], place[0], marker="*", color="black", markersize=10)
    rows, columns = np.nonzero(enough)
    latitude, longitude = fields["latitude"].to_numpy()[rows], fields["longitude"].to_numpy()[columns]
    around = [place[0]], [place[1]]
    north, east = np.append(latitude, around[0]), np.append(longitude, around[1])
    axes.set_ylim(north.min() - MARGIN, north.max() + MARGIN)
    axes.set_xlim(east.min() - MARGIN, east.max() + MARGIN)
    axes.set_aspect(1 / np.cos(np.radians(north.mean())))
