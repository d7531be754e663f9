"""Where a warning holds: an outline where one is given, else the buffered hull of the stations, so marked."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import pandas as pd
from shapely import MultiPoint, Point, Polygon
from shapely.geometry.base import BaseGeometry

from pipeline.cities import City
from pipeline.errors import ContractError

METRES_PER_DEGREE = 111_195.0
"""Length of one degree of latitude on a sphere of 6371 km [m]."""
BUFFER_M = 10_000.0
"""Width of the margin around the stations' hull [m]; own choice, about the spacing of the networks."""
CIRCLE_M = 30_000.0
"""Radius round the city's centre where fewer than three stations are known [m]; own choice."""
MAX_VERTICES = 100
"""CAP good practice (domain facts, cap-composer PR 65)."""

Shape = Literal["outline", "hull", "circle"]
LatLon = tuple[float, float]


@dataclass(frozen=True)
class Area:
    """A closed polygon of (latitude, longitude) [degrees], with its source, licence and kind."""

    polygon: tuple[LatLon, ...]
    source: str
    licence: str
    shape: Shape

    @property
    def is_hull(self) -> bool:
        """Tell whether this is an approximation made here and not an administrative outline."""
        return self.shape != "outline"


def city_area(city: City, stations: pd.DataFrame) -> Area:
    """Return the convex hull of a city's stations, widened by 10 km; a circle with fewer than three.

    Parameters
    ----------
    city : whose stations count (column ``city``); its centre carries the circle
    stations : table with columns of pipeline.schema.STATION_COLUMNS; rows without a position are left out

    Examples
    --------
    >>> from pipeline.cities import city as find_city
    >>> none = pd.DataFrame({"city": [], "latitude": [], "longitude": []})
    >>> area = city_area(find_city("seoul"), none)
    >>> area.shape, area.is_hull, area.polygon[0] == area.polygon[-1]
    ('circle', True, True)
    """
    own = stations[stations["city"] == city.id].dropna(subset=["latitude", "longitude"])
    points = sorted({(float(a), float(o)) for a, o in zip(own["latitude"], own["longitude"], strict=True)})
    if len(points) < 3:
        ring = Point(0.0, 0.0).buffer(CIRCLE_M, quad_segs=12)
        source = f"circle of {CIRCLE_M / 1000:.0f} km round the city's centre; fewer than 3 stations known"
        return Area(_to_degrees(ring, (city.latitude, city.longitude)), source, "own construction", "circle")
    centre = (sum(p[0] for p in points) / len(points), sum(p[1] for p in points) / len(points))
    hull = _few_vertices(MultiPoint(_to_metres(points, centre)).convex_hull.buffer(BUFFER_M, quad_segs=8))
    source = f"buffered hull of the stations ({len(points)} stations, {BUFFER_M / 1000:.0f} km)"
    return Area(_to_degrees(hull, centre), source, "own construction", "hull")


def outline_area(ring: Iterable[LatLon], *, source: str, licence: str) -> Area:
    """Return an administrative outline as an area: closed, and simplified to at most 100 vertices.

    >>> square = [(0.0, 0.0), (0.0, 1.0), (1.0, 1.0), (1.0, 0.0)]
    >>> outline_area(square, source="survey", licence="public domain").polygon[-1]
    (0.0, 0.0)
    """
    points = list(ring)
    centre = points[0]
    outline = Polygon(_to_metres(points, centre))
    return Area(_to_degrees(_few_vertices(outline), centre), source, licence, "outline")


def _few_vertices(shape: BaseGeometry) -> Polygon:
    """Return the polygon simplified, doubling the tolerance until it has at most 100 vertices."""
    simple, tolerance = shape, 100.0
    while isinstance(simple, Polygon) and len(simple.exterior.coords) > MAX_VERTICES:
        simple = shape.simplify(tolerance)
        tolerance *= 2
    if not isinstance(simple, Polygon):
        raise ContractError(f"an area must be one polygon, not a {simple.geom_type}; give its largest part")
    return simple


def _to_metres(points: Iterable[LatLon], centre: LatLon) -> list[tuple[float, float]]:
    """Return local equirectangular (east, north) [m] of (lat, lon) points."""
    scale = METRES_PER_DEGREE * math.cos(math.radians(centre[0]))
    return [((lon - centre[1]) * scale, (lat - centre[0]) * METRES_PER_DEGREE) for lat, lon in points]


def _to_degrees(polygon: Polygon, centre: LatLon) -> tuple[LatLon, ...]:
    """Return the closed exterior as (lat, lon), rounded to 0.0001 degree."""
    scale = METRES_PER_DEGREE * math.cos(math.radians(centre[0]))
    ring = tuple(
        (round(centre[0] + north / METRES_PER_DEGREE, 4) + 0.0, round(centre[1] + east / scale, 4) + 0.0)
        for east, north in polygon.exterior.coords
    )
    return (*ring[:-1], ring[0])
