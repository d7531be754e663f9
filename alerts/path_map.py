"""The map of the paths on which air comes to a city, as inline SVG: land, names, paths with marks of hours.

No border is drawn, and no ring of a region, which could be taken for one. Paths are those of forecast winds;
one from winds that were estimated from pressure is never drawn.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

from markupsafe import Markup
from shapely.geometry import Point, Polygon, box
from shapely.ops import polylabel

from alerts.bulletin_words import Texts, each, texts
from alerts.origin_note import main_regions
from alerts.origin_view import origin_words
from alerts.regional_map import View, land
from alerts.svg import drawing, element, group, label, line_path
from alerts.vocabulary import LANGUAGES, Language
from pipeline.cities import City, all_cities
from pipeline.names import is_simulated
from pipeline.origin_panel import CityOrigin, OriginPanel, Path, RegionHours
from pipeline.regions import all_regions, region_name

MARKED: Final = (24, 48, 72)
"""Hours before arrival that are marked on every path."""
ROOM: Final = (98.0, 20.0, 142.0, 52.0)
"""What the land file holds: west, south, east, north [degree]."""
LEAST_SPAN: Final = 9.0
"""A map shows at least this much from south to north [degree]."""
KM_PER_DEGREE: Final = 111.19
SCALE_KM: Final = 500


def origin_texts(key: str, **values: object) -> Texts:
    """Return a text about the origin of air in every language; a value that is Texts goes in by language.

    >>> origin_texts("title")["zh"]
    '空气来向与路径'
    """
    return {
        str(language): origin_words(language)[key].format(
            **{k: v[language] if isinstance(v, dict) else v for k, v in values.items()}
        )
        for language in LANGUAGES
    }


def is_drawn(origin: CityOrigin, panel: OriginPanel) -> bool:
    """Tell whether the paths of a city may be drawn: of forecast winds only.

    >>> from alerts.origin_example import example_panel
    >>> panel = example_panel()
    >>> is_drawn(panel.cities[0], panel), is_drawn(panel.cities[0], example_panel(kind="surrogate"))
    (True, False)
    """
    return panel.kind == "forecast" and not panel.missing and not origin.missing and bool(origin.paths)


def path_map_svg(
    origin: CityOrigin, panel: OriginPanel, *, width: int = 520, only: Language | None = None
) -> Markup:
    """Draw the paths that arrive in one city; empty where none may be drawn.

    Parameters
    ----------
    only : one language of the labels; None for all, of which the page shows one
    """
    if not is_drawn(origin, panel):
        return Markup("")
    cities = all_cities()
    here = cities[origin.city]
    view = path_view(origin.paths, here, width)
    parts = [element("rect", width=width, height=view.height, class_="sea"), *land(view)]
    told = [r for r in main_regions(origin) if r.region in all_regions()]
    parts.append(group((_line(view, path) for path in origin.paths), class_="air-paths"))
    parts += [_marks(view, origin.paths, hour) for hour in MARKED if hour <= origin.hours]
    parts += [_reading(view, u.latitude, u.longitude) for u in origin.upwind]
    parts += [_region_name(view, r, only) for r in told if not _holds_city(r.region)]
    parts += [_city(view, c, here, only) for c in cities.values()]
    parts.append(_scale(view, only))
    if is_simulated(panel.world):
        parts.append(_label(texts("simulated"), only, 8.0, 16.0, class_="map-mark"))
    name = each(lambda v: v.city(origin.city))
    said = origin_texts("map_alt", city=name, hours=f"{origin.hours:g}")
    heard = said[only] if only else " / ".join(said.values())
    return drawing(width, round(view.height), parts, class_="region paths", aria_label=heard)


def path_view(paths: Sequence[Path], city: City, width: int) -> View:
    """Return a view that holds nearly all points of the paths and the city, inside the land file.

    Three of a hundred points at each side may lie outside, so that a stray path does not shrink all others.
    """
    points = [(p[1], p[2]) for path in paths for p in path.points if math.isfinite(p[1])]
    north, east = (sorted(axis) for axis in zip(*points, strict=True))
    cut = len(points) * 3 // 100
    south = max(min(north[cut], city.latitude) - 1.2, ROOM[1])
    top = min(max(north[-1 - cut], city.latitude) + 1.2, ROOM[3])
    west = max(min(east[cut], city.longitude) - 1.5, ROOM[0])
    right = min(max(east[-1 - cut], city.longitude) + 1.5, ROOM[2])
    south, top = _widened(south, top, LEAST_SPAN, ROOM[1], ROOM[3])
    stretch = 1 / math.cos(math.radians((south + top) / 2))
    west, right = _widened(west, right, 1.15 * stretch * (top - south), ROOM[0], ROOM[2])
    south, top = _widened(south, top, (right - west) / stretch / 2.2, ROOM[1], ROOM[3])
    return View(west, south, right, top, width)


def _widened(low: float, high: float, least: float, floor: float, ceiling: float) -> tuple[float, float]:
    """Return a stretch that is at least so long, within its bounds."""
    more = max(least - (high - low), 0.0) / 2
    low, high = low - more, high + more
    shift = max(floor - low, 0.0) - max(high - ceiling, 0.0)
    return max(low + shift, floor), min(high + shift, ceiling)


def _label(said: Mapping[str, str], only: Language | None, x: float, y: float, **more: object) -> Markup:
    return label(said[only] if only else said, x, y, **more)


def _holds_city(region_id: str) -> bool:
    """Tell whether a city lies in a region, whose name stands there already."""
    polygon = Polygon(all_regions()[region_id].ring)
    return any(polygon.contains(Point(c.longitude, c.latitude)) for c in all_cities().values())


def _region_name(view: View, spent: RegionHours, only: Language | None) -> Markup:
    """Write a region's name and hours well inside the part of it that the map shows."""
    frame = box(view.west, view.south, view.east, view.north)
    shown = Polygon(all_regions()[spent.region].ring).intersection(frame)
    if shown.is_empty:
        return Markup("")
    inside = polylabel(max(getattr(shown, "geoms", [shown]), key=lambda part: part.area), 0.2)
    x, y = view.place(inside.y, inside.x)
    name = each(lambda v: region_name(spent.region, v.language))
    hours = each(lambda v: v.number(spent.hours))
    said = origin_texts("on_map", name=name, hours=hours)
    return _label(said, only, x, y, text_anchor="middle", class_="region-name")


def _line(view: View, path: Path) -> Markup:
    known = [view.place(p[1], p[2]) for p in path.points if math.isfinite(p[1])]
    return element("path", d=line_path(known), class_="air-path") if len(known) > 1 else Markup("")


def _marks(view: View, paths: Sequence[Path], hour: int) -> Markup:
    """Draw a dot where each path was so many hours before it arrived."""
    places = {view.place(p[1], p[2]) for path in paths for p in path.points if p[0] == hour}
    dots = (element("circle", cx=x, cy=y, r=2.6) for x, y in sorted(places) if math.isfinite(x))
    return group(dots, class_=f"hour-{hour}")


def _reading(view: View, latitude: float, longitude: float) -> Markup:
    x, y = view.place(latitude, longitude)
    return element("rect", x=x - 3, y=y - 3, width=6, height=6, class_="upwind")


def _city(view: View, city: City, here: City, only: Language | None) -> Markup:
    """Draw a city's dot and name, the one to which the paths lead larger."""
    if not (view.south < city.latitude < view.north and view.west < city.longitude < view.east):
        return Markup("")
    x, y = view.place(city.latitude, city.longitude)
    left = x > view.width - 70
    name = _label(
        each(lambda v: v.city(city.id)),
        only,
        x - 8 if left else x + 8,
        y + 4,
        text_anchor="end" if left else "start",
        class_="city-name",
    )
    return group([element("circle", cx=x, cy=y, r=4.5 if city == here else 3.0, class_="place"), name])


def _scale(view: View, only: Language | None) -> Markup:
    """Draw a bar that is 500 km long at the map's middle latitude."""
    length = SCALE_KM / KM_PER_DEGREE * view.stretch * view.scale
    x, y = 10.0, view.height - 10.0
    bar = element(
        "path", d=line_path([(x, y - 4), (x, y), (x + length, y), (x + length, y - 4)]), class_="bar"
    )
    said = origin_texts("scale", number=SCALE_KM)
    return group([bar, _label(said, only, x + 4, y - 5, class_="tick")])
