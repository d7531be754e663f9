"""The map of the region as inline SVG: coast, seas, cities by highest expected day mean, stations, link.

No border is drawn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pandas as pd
from markupsafe import Markup
from shapely.geometry import box, shape

from alerts.areas import Area
from alerts.bulletin_data import Outlook
from alerts.bulletin_words import each, texts
from alerts.content import LinkEvidence
from alerts.map import region_features
from alerts.sea_names import SeaName, sea_names
from alerts.svg import drawing, element, group, label, line_path

SHADE_EDGES = (15, 35, 50, 75, 115, 150)
"""Edges of the shades of a city [ug m-3]; one hue, so that no country's colours are suggested."""
MARGIN_EAST, MARGIN_NORTH = 2.4, 3.2
LEAST_EAST, LEAST_NORTH = 13.0, 8.0
"""A map shows at least so much, also of a single city [degree]."""
TAG_HEIGHT = 16.0
"""How far above its city a tag hangs [px]."""


@dataclass(frozen=True)
class Wind:
    """A wind at a place: latitude and longitude [degree], eastward and northward component [m s-1]."""

    latitude: float
    longitude: float
    eastward: float
    northward: float


@dataclass(frozen=True)
class View:
    """An equidistant cylindrical view that is true to scale at its middle latitude."""

    west: float
    south: float
    east: float
    north: float
    width: float

    @property
    def scale(self) -> float:
        """Return pixels per degree of longitude."""
        return self.width / (self.east - self.west)

    @property
    def stretch(self) -> float:
        """Return how many degrees of longitude are as long as one of latitude."""
        return 1 / math.cos(math.radians((self.south + self.north) / 2))

    @property
    def height(self) -> float:
        """Return the height of the view [px]."""
        return (self.north - self.south) * self.stretch * self.scale

    def place(self, latitude: float, longitude: float) -> tuple[float, float]:
        """Return the place of a position [px]."""
        return (longitude - self.west) * self.scale, (self.north - latitude) * self.stretch * self.scale


def shade(mean: float) -> int:
    """Return the shade of a concentration, 0 to 6 [ug m-3].

    >>> [shade(v) for v in (3.0, 15.4, 80.0, 400.0)]
    [0, 1, 4, 6]
    """
    return sum(mean > edge for edge in SHADE_EDGES)


def map_svg(
    outlooks: Sequence[Outlook],
    areas: Sequence[Area],
    stations: pd.DataFrame,
    *,
    links: Sequence[LinkEvidence] = (),
    winds: Sequence[Wind] = (),
    width: int = 420,
    party: str = "",
) -> Markup:
    """Draw the region around the cities.

    Parameters
    ----------
    outlooks, areas : of each city, in the same order
    stations : table with ``latitude`` and ``longitude`` [degree]; rows without a position are left out
    links : accepted transport relations, drawn as arrows with their lag [h], unless it is known that no path
        passed the upwind city
    winds : winds to draw as small arrows; none is fine
    party : whose names of seas the map bears; empty for the common ones
    """
    view = _view(outlooks, width)
    parts = [element("rect", width=width, height=view.height, class_="sea"), *land(view)]
    parts += [_sea(view, sea) for sea in sea_names(view.west, view.south, view.east, view.north, party)]
    parts += [_area(view, area, outlook) for area, outlook in zip(areas, outlooks, strict=True)]
    parts.append(_stations(view, stations))
    parts += [_wind(view, wind) for wind in winds]
    parts += [_link(view, outlooks, link) for link in links]
    parts += [_city(view, outlook) for outlook in outlooks]
    said = " / ".join(texts("map_alt").values())
    return drawing(width, round(view.height), parts, class_="region", aria_label=said)


def _view(outlooks: Sequence[Outlook], width: int) -> View:
    east = [o.city.longitude for o in outlooks] or [122.0]
    north = [o.city.latitude for o in outlooks] or [38.0]
    more_east = max(MARGIN_EAST, (LEAST_EAST - (max(east) - min(east))) / 2)
    more_north = max(MARGIN_NORTH, (LEAST_NORTH - (max(north) - min(north))) / 2)
    return View(
        max(min(east) - more_east, 98),
        max(min(north) - more_north, 20),
        min(max(east) + more_east, 142),
        min(max(north) + more_north, 52),
        width,
    )


@lru_cache(maxsize=64)
def land(view: View) -> tuple[Markup, ...]:
    """Draw the land of a view, cut with some room beyond it, so that no line shows along the frame.

    >>> len(land(View(120, 34, 130, 40, 420))) == len(region_features())
    True
    """
    room = box(view.west - 1, view.south - 1, view.east + 1, view.north + 1)
    return tuple(_feature(view, room, feature) for feature in region_features())


def _sea(view: View, sea: SeaName) -> Markup:
    x, y = view.place(sea.latitude, sea.longitude)
    return label(sea.said, x, y + 3.5, text_anchor="middle", class_="sea-name")


def _feature(view: View, room: Any, feature: dict[str, Any]) -> Markup:
    cut = shape(feature["geometry"]).intersection(room)
    data = []
    for piece in getattr(cut, "geoms", [cut]):
        rings = [piece.exterior, *piece.interiors] if piece.geom_type == "Polygon" else [piece]
        for ring in rings:
            if ring.geom_type in ("LineString", "LinearRing"):
                data.append(line_path(view.place(y, x) for x, y in ring.coords))
    return element("path", d="".join(data), class_=feature["properties"]["kind"])


def _stations(view: View, stations: pd.DataFrame) -> Markup:
    known = stations.dropna(subset=["latitude", "longitude"])
    places = {
        view.place(float(a), float(o))
        for a, o in zip(known["latitude"], known["longitude"], strict=True)
        if view.south < a < view.north and view.west < o < view.east
    }
    dots = (element("circle", cx=x, cy=y, r=1.1) for x, y in sorted(places))
    return group(dots, class_="stations")


def _area(view: View, area: Area, outlook: Outlook) -> Markup:
    data = line_path(view.place(a, o) for a, o in area.polygon) + "Z"
    kind = "area hull" if area.is_hull else "area"
    return element("path", d=data, class_=f"{kind} {_tone(outlook)}")


def _tone(outlook: Outlook) -> str:
    return f"shade-{shade(outlook.worst.mean)}" if outlook.worst else "shade-none"


def _city(view: View, outlook: Outlook) -> Markup:
    """Draw a tag above the city: its name and the highest expected day mean."""
    x, y = view.place(outlook.city.latitude, outlook.city.longitude)
    number = str(math.floor(outlook.worst.mean + 0.5)) if outlook.worst else "?"
    tone = _tone(outlook)
    return group(
        [
            element("line", x1=x, x2=x, y1=y, y2=y - TAG_HEIGHT, class_="stem"),
            element(
                "rect", x=x - 17, y=y - TAG_HEIGHT - 18, width=34, height=18, rx=4, class_=f"city {tone}"
            ),
            label(number, x, y - TAG_HEIGHT - 4.5, text_anchor="middle", class_=f"city-value on-{tone}"),
            label(
                each(lambda v: v.city(outlook.city.id)),
                x,
                y - TAG_HEIGHT - 23,
                text_anchor="middle",
                class_="city-name",
            ),
        ]
    )


def _link(view: View, outlooks: Sequence[Outlook], link: LinkEvidence) -> Markup:
    """Draw a curved arrow from the upwind to the downwind city, with the lag; none that no path supports."""
    if link.path_share == 0:
        return Markup("")
    places = {o.city.id: view.place(o.city.latitude, o.city.longitude) for o in outlooks}
    if link.upwind not in places or link.downwind not in places:
        return Markup("")
    (x1, y1), (x2, y2) = places[link.upwind], places[link.downwind]
    length = math.hypot(x2 - x1, y2 - y1) or 1.0
    ux, uy = (x2 - x1) / length, (y2 - y1) / length
    bend = 0.16 * length
    mx, my = (x1 + x2) / 2 - uy * bend, (y1 + y2) / 2 + ux * bend
    start, end = _towards((x1, y1), (mx, my), 12), _towards((x2, y2), (mx, my), 14)
    ax, ay = _towards(end, (mx, my), -1)
    curve = f"M{start[0]:.1f} {start[1]:.1f}Q{mx:.1f} {my:.1f} {end[0]:.1f} {end[1]:.1f}"
    said = texts("lag", hours=f"{link.lag_hours:g}")
    lx, ly = (x1 + 2 * mx + x2) / 4, (y1 + 2 * my + y2) / 4
    return group(
        [
            element("path", d=curve, class_="link"),
            element("path", d=_head((mx, my), (ax, ay), 9), class_="link-head"),
            label(said, lx, ly + 16, text_anchor="middle", class_="link-name"),
        ]
    )


def _wind(view: View, wind: Wind) -> Markup:
    """Draw a wind as an arrow of 3 px per m s-1."""
    x, y = view.place(wind.latitude, wind.longitude)
    dx, dy = 3 * wind.eastward, -3 * wind.northward
    tip = (x + dx, y + dy)
    line = element("line", x1=x, y1=y, x2=tip[0], y2=tip[1], class_="wind")
    return group([line, element("path", d=_head((x, y), tip, 4), class_="wind-head")])


def _towards(start: tuple[float, float], end: tuple[float, float], distance: float) -> tuple[float, float]:
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = math.hypot(dx, dy) or 1.0
    return start[0] + dx / length * distance, start[1] + dy / length * distance


def _head(start: tuple[float, float], tip: tuple[float, float], size: float) -> str:
    """Return the path of an arrow head at ``tip`` that points away from ``start``."""
    bx, by = _towards(tip, start, size)
    nx, ny = (tip[1] - by) * 0.42, (bx - tip[0]) * 0.42
    return line_path([tip, (bx + nx, by + ny), (bx - nx, by - ny)]) + "Z"
