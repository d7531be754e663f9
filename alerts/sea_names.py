"""Names of the seas on a map, from the table in which each party has its own names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from shapely.geometry import Polygon, box
from shapely.ops import polylabel

from alerts.bulletin_words import Texts, each
from pipeline.regions import all_regions, region_name

LEAST_SHARE: Final = 0.4
"""A sea is named where at least this part of it is shown [1]."""
LEAST_AREA: Final = 8.0
"""Or where at least this much of it is shown [square degrees]."""


@dataclass(frozen=True)
class SeaName:
    """A sea's name in every language, and where it stands [degree]."""

    latitude: float
    longitude: float
    said: Texts


def sea_names(west: float, south: float, east: float, north: float, party: str = "") -> Iterator[SeaName]:
    """Give the seas of which a frame shows enough to name them, as a party names them.

    Parameters
    ----------
    west, south, east, north : the frame [degree]
    party : whose readers look at the map; empty where both do, who then see the common names

    Examples
    --------
    >>> [sea.said["ko"] for sea in sea_names(114.0, 34.4, 129.4, 43.1)]
    ['보하이해', '황해']
    >>> [sea.said["ko"] for sea in sea_names(114.0, 34.4, 129.4, 43.1, "seoul")]
    ['발해만', '서해']
    """
    frame = box(west, south, east, north)
    for region in all_regions().values():
        ring = Polygon(region.ring)
        shown = ring.intersection(frame)
        if region.kind != "sea" or shown.area < min(LEAST_AREA, LEAST_SHARE * ring.area):
            continue
        inside = polylabel(max(getattr(shown, "geoms", [shown]), key=lambda part: part.area), 0.2)
        yield SeaName(inside.y, inside.x, each(lambda v, r=region.id: region_name(r, v.language, party)))  # type: ignore[misc]
