"""Air that knows its origin: the transport of ``transport``, with one set of species per origin.

Every emitter, the dust of the Gobi, the air that comes in from outside, and a city's own streets are carried
apart, secondary particles under the tag of the primary ones they grew from. All that happens to the air is
linear in it, so the tags add up to the untagged air on the same winds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from ingest.simulated.city_air import DUST_FINE_SHARE, hour_means, own_air, place_index, squeeze
from ingest.simulated.grid import EMITTERS, FINE, Floats, Grid, patch, sampling_weights
from ingest.simulated.synoptic import Climate, Weather, weather
from ingest.simulated.transport import (
    RIM_KEPT,
    RIM_NEW,
    SPECIES,
    PointHistory,
    departure,
    growth,
    inflow,
    raised_dust,
    survival,
    yearly_and_daily,
)

OWN: Final = "own"
"""What a city's own streets add; it is carried nowhere."""
TAGS: Final = (*EMITTERS, "gobi", "inflow", OWN)
FINE_TAGS: Final = (*EMITTERS, "inflow")
DUST_TAGS: Final = ("gobi", "inflow")
CHUNK_HOURS: Final = 240


@dataclass(frozen=True)
class Tagged:
    """What passed the places: columns in 1000 m [ug m-3] by tag, and the weather and sum of it all.

    ``fine`` (hours, FINE_TAGS, places) primary and secondary together, ``dust`` (hours, DUST_TAGS, places).
    """

    fine: Floats
    dust: Floats
    history: PointHistory


def carry(
    climate: Climate,
    first: int,
    last: int,
    grid: Grid = FINE,
    gusts: tuple[Floats, Floats] | None = None,
) -> Tagged:
    """Run the region over the hours ``first`` ≤ hour < ``last``, beginning with the air of outside.

    Parameters
    ----------
    gusts : winds beside those of the climate, (last - first, cells) each [m s-1]

    Examples
    --------
    >>> from ingest.simulated.world import climate_of
    >>> tagged = carry(climate_of(1), 0, 3)
    >>> tagged.fine.shape[:2], bool(np.allclose(tagged.fine.sum(1), tagged.history.air[:, :2].sum(1)))
    ((3, 9), True)
    """
    reader, outside = sampling_weights(grid), inflow(grid)
    n = len(FINE_TAGS)
    state = np.zeros((2 * n + len(DUST_TAGS), len(grid.cell_latitude)))
    state[n - 1], state[2 * n - 1], state[-1] = outside
    pieces: list[tuple[Floats, ...]] = []
    for begin in range(first, last, CHUNK_HOURS):
        end = min(begin + CHUNK_HOURS, last)
        mine = slice(begin - first, end - first)
        stirred = None if gusts is None else (gusts[0][mine], gusts[1][mine])
        w = weather(climate, begin, end, grid, stirred)
        state, air = _advance(state, _Chunk(climate, slice(begin, end), w, grid), reader)
        parts = (w.u, w.v, w.anomaly, w.height, w.rain, w.humidity)
        pieces.append((air, *(part @ reader for part in parts)))
    air, *rest = (np.concatenate(part) for part in zip(*pieces, strict=True))
    primary, secondary, dust = air[:, :n], air[:, n : 2 * n], air[:, 2 * n :]
    total = np.stack([part.sum(axis=1) for part in (primary, secondary, dust)], axis=1)
    return Tagged(primary + secondary, dust, PointHistory(total, *rest))


class _Chunk:
    """All that happens to the air in some hours."""

    def __init__(self, climate: Climate, hours: slice, w: Weather, grid: Grid) -> None:
        n = len(FINE_TAGS)
        self.at, self.share = departure(w, grid)
        self.formed, rim = growth(w), grid.rim
        kept = survival(w)
        kept[:, :, rim] *= RIM_KEPT
        self.kept_fine, self.kept_dust = kept[:, 0], kept[:, SPECIES - 1]
        self.winter, self.traffic = yearly_and_daily(climate, hours)
        patches = np.stack([patch(e, grid) for e in EMITTERS.values()])
        self.steady = np.where(rim, 0, patches)
        self.heating = self.steady * np.array([[e.heating] for e in EMITTERS.values()])
        self.dust = np.where(rim, 0, raised_dust(climate, hours, w, grid))
        self.outside = np.zeros((2 * n + len(DUST_TAGS), len(rim)))
        for row, species in zip((n - 1, 2 * n - 1, -1), inflow(grid), strict=True):
            self.outside[row] = np.where(rim, RIM_NEW * species, 0)


def _advance(state: Floats, chunk: _Chunk, reader: Floats) -> tuple[Floats, Floats]:
    """Step through a chunk; returns the last state and what each hour shows, (hours, rows, places)."""
    n, sources = len(FINE_TAGS), len(EMITTERS)
    air = np.empty((len(chunk.at), len(state), reader.shape[1]))
    for h in range(len(chunk.at)):
        moved = np.zeros_like(state)
        for corner in range(4):
            moved += np.take(state, chunk.at[h, corner], axis=1) * chunk.share[h, corner]
        moved[n : 2 * n] += chunk.formed[h] * moved[:n]
        moved[: 2 * n] *= chunk.kept_fine[h]
        moved[2 * n :] *= chunk.kept_dust[h]
        moved += chunk.outside
        moved[:sources] += chunk.traffic[h] * (chunk.steady + chunk.heating * chunk.winter[h])
        moved[2 * n] += chunk.dust[h]
        state = moved
        air[h] = state @ reader
    return state, air


def city_parts(tagged: Tagged, climate: Climate, first: int, city: str) -> Floats:
    """Return the PM2.5 of a city by origin, (hours, TAGS) [ug m-3], means over the hour that ends.

    Parameters
    ----------
    first : hour of the world at which ``tagged`` begins
    """
    hours = slice(first, first + len(tagged.fine))
    here = replace(climate, day_of_year=climate.day_of_year[hours], local_hour=climate.local_hour[hours])
    at = place_index(city)
    squeezed = squeeze(tagged.history, at)
    parts = np.zeros((len(tagged.fine), len(TAGS)))
    for row, tag in enumerate(FINE_TAGS):
        parts[:, TAGS.index(tag)] += tagged.fine[:, row, at] * squeezed
    for row, tag in enumerate(DUST_TAGS):
        parts[:, TAGS.index(tag)] += DUST_FINE_SHARE * tagged.dust[:, row, at] * squeezed
    parts[:, TAGS.index(OWN)] = own_air(tagged.history, here, city)
    return np.stack([hour_means(part) for part in parts.T], axis=1)
