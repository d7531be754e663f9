"""What a joint warning says of the origin of a city's air: a few lines of its origin panel, to be signed.

It holds hours of paths over regions, local air beside arrival, and readings upwind; no amount and no share of
what anybody emitted can be had from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any, Final, TypeVar

from pipeline.cities import all_cities
from pipeline.origin_panel import CityOrigin, LocalAir, OriginPanel, RegionHours, UpwindReading, Window
from pipeline.regions import ELSEWHERE

MOST_REGIONS: Final = 5
MOST_WINDOWS: Final = 3
MOST_READINGS: Final = 4
LEAST_HOURS: Final = 1.0
"""A region counts from this mean time of the paths over it on [h]."""

Hours = TypeVar("Hours", RegionHours, LocalAir)


@dataclass(frozen=True)
class OriginNote:
    """The origin of one city's air at its expected peak, as signed.

    Parameters
    ----------
    arrivals : first and last arrival that the hours rest on [UTC, ISO]
    hours : how far back the paths go [h]
    members, lost : paths, and how many of them ended before they were that long
    winds, method, spread : what it rests on, and what the members differ in, as the panel says
    """

    city: str
    arrivals: tuple[str, str]
    hours: float
    members: int
    lost: int
    regions: tuple[RegionHours, ...]
    local: LocalAir
    windows: tuple[Window, ...]
    upwind: tuple[UpwindReading, ...]
    winds: str
    method: str
    spread: str

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> OriginNote:
        """Rebuild a note from plain data, also after a trip through JSON."""
        nested = {
            "arrivals": tuple(data["arrivals"]),
            "regions": tuple(RegionHours(**r) for r in data["regions"]),
            "local": LocalAir(**data["local"]),
            "windows": tuple(Window(**w) for w in data["windows"]),
            "upwind": tuple(UpwindReading(**u) for u in data["upwind"]),
        }
        return cls(**{**data, **nested})


def origin_notes(panel: OriginPanel | None) -> tuple[OriginNote, ...]:
    """Return a note for each city whose origin is known from forecast winds; of surrogate winds none is made.

    Hours keep the decimals of the panel, so that they are rounded once, as they are shown.

    >>> origin_notes(None)
    ()
    >>> from alerts.origin_example import example_panel
    >>> [(note.city, note.regions[0].region, note.regions[0].hours) for note in origin_notes(example_panel())]
    [('beijing', 'hebei', 21.44), ('seoul', 'yellow_sea', 16.23)]
    """
    if panel is None or panel.missing or panel.kind != "forecast":
        return ()
    return tuple(origin_note(city, panel) for city in panel.cities if not city.missing)


def main_regions(city: CityOrigin) -> list[RegionHours]:
    """Return the regions that are told of a city, those with the longest time of the paths first."""
    regions = sorted(city.regions, key=lambda r: (r.region == ELSEWHERE, -r.hours, r.region))
    return [r for r in regions if r.hours >= LEAST_HOURS][:MOST_REGIONS]


def origin_note(city: CityOrigin, panel: OriginPanel) -> OriginNote:
    """Return what is told of one city: its main regions, windows (other cities' first), readings upwind."""
    windows = sorted(city.windows, key=lambda w: (w.place not in all_cities(), -w.share, w.place))
    readings = sorted(city.upwind, key=lambda u: (u.hours_before, u.place, u.quantity))
    known = [u for u in readings if u.value is not None or u.latest is not None]
    return OriginNote(
        city=city.city,
        arrivals=city.arrivals,
        hours=round(city.hours, 1),
        members=city.members,
        lost=city.lost,
        regions=tuple(
            replace(_tidy(r), share_of_paths=round(r.share_of_paths, 2)) for r in main_regions(city)
        ),
        local=_tidy(city.local),
        windows=tuple(
            replace(w, lag_hours=round(w.lag_hours, 3), share=round(w.share, 2))
            for w in windows[:MOST_WINDOWS]
        ),
        upwind=tuple(_rounded(u) for u in known[:MOST_READINGS]),
        winds=panel.winds,
        method=panel.method,
        spread=panel.spread,
    )


def _tidy(spent: Hours) -> Hours:
    """Return hours as a panel stores them; none where they are not known, as JSON knows no NaN."""
    hours, low, high = (round(v, 3) if isfinite(v) else 0.0 for v in (spent.hours, spent.low, spent.high))
    return replace(spent, hours=hours, low=low, high=high)


def _rounded(reading: UpwindReading) -> UpwindReading:
    """Return a reading with the decimals that a panel stores."""
    value, latest = (None if v is None else round(v, 3) for v in (reading.value, reading.latest))
    return replace(
        reading,
        latitude=round(reading.latitude, 3),
        longitude=round(reading.longitude, 3),
        hours_before=round(reading.hours_before, 3),
        value=value,
        latest=latest,
    )
