"""A map of the region: coastline without borders, points, winds, paths of air and outlines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from markupsafe import Markup

from alerts.regional_map import View, land
from alerts.svg import drawing, element, line_path
from review.figures.roles import check_lengths, check_role, plain_numbers, shown

MARGIN: Final = 1.2
LEAST: Final = 3.0
"""A map shows at least so much from edge to edge [degree]."""
WIDTH: Final = 640.0


@dataclass(frozen=True)
class Point:
    """A place with a value, None where it is not known."""

    latitude: float
    longitude: float
    label: str
    value: float | None
    role: str

    def __post_init__(self) -> None:
        check_role(self.role)


@dataclass(frozen=True)
class Arrow:
    """A wind at a place: eastward and northward component [m s-1], the direction into which it blows."""

    latitude: float
    longitude: float
    u: float
    v: float
    label: str


@dataclass(frozen=True)
class Path:
    """A way of air: positions and how many hours each lies from its end [h]."""

    label: str
    latitudes: Sequence[float]
    longitudes: Sequence[float]
    hours: Sequence[float]
    role: str = "hour-24"

    def __post_init__(self) -> None:
        check_role(self.role)
        check_lengths(self.label, len(self.latitudes), self.longitudes, self.hours)


@dataclass(frozen=True)
class Outline:
    """A closed line around a region."""

    label: str
    latitudes: Sequence[float]
    longitudes: Sequence[float]
    role: str = "neutral"

    def __post_init__(self) -> None:
        check_role(self.role)
        check_lengths(self.label, len(self.latitudes), self.longitudes)


@dataclass(frozen=True)
class MapFigure:
    """A map; it shows all that it holds and some room around.

    Examples
    --------
    >>> here = Point(37.57, 126.98, "Seoul", 42.0, "seoul")
    >>> MapFigure("stations", "Stations", [here], unit="µg/m³").rows()
    [['Seoul', '42 µg/m³', '37.57, 126.98']]
    """

    kind = "map"

    id: str
    title: str
    points: Sequence[Point] = ()
    arrows: Sequence[Arrow] = ()
    paths: Sequence[Path] = ()
    outlines: Sequence[Outline] = ()
    unit: str = ""
    note: str = ""

    def document(self, zone: str) -> dict[str, Any]:
        """Return the figure as the script reads it."""
        south, west, north, east = self.extent()
        return {
            "zone": zone,
            "unit": self.unit,
            "extent": [[south, west], [north, east]],
            "points": [
                {"at": _at(p), "label": p.label, "value": plain_numbers([p.value])[0], "role": p.role}
                for p in self.points
            ],
            "arrows": [{"at": _at(a), "u": a.u, "v": a.v, "label": a.label} for a in self.arrows],
            "paths": [
                {
                    "label": one.label,
                    "line": _line(one),
                    "hours": [round(float(h), 2) for h in one.hours],
                    "role": one.role,
                }
                for one in self.paths
            ],
            "outlines": [{"label": o.label, "line": _line(o), "role": o.role} for o in self.outlines],
        }

    def heads(self) -> list[str]:
        """Return the heads of the table's columns after the name: the value, and where it is."""
        return [self.unit or "–", "° N, ° E"]

    def rows(self) -> list[list[str]]:
        """Return the table: what is where."""
        points = [
            [p.label, f"{shown(p.value)} {self.unit}".rstrip(), f"{p.latitude:.2f}, {p.longitude:.2f}"]
            for p in self.points
        ]
        winds = [[a.label, "–", f"{a.latitude:.2f}, {a.longitude:.2f}"] for a in self.arrows]
        ends = [
            [one.label, f"{one.hours[-1]:g} h", f"{one.latitudes[-1]:.2f}, {one.longitudes[-1]:.2f}"]
            for one in self.paths
            if one.hours
        ]
        return points + winds + ends

    def key(self) -> list[tuple[str, str, str]]:
        """Return the legend: each role of paths and outlines once."""
        found = {one.role: ("line", one.label) for one in self._drawn()}
        return [(role, *said) for role, said in found.items()]

    def extent(self) -> tuple[float, float, float, float]:
        """Return south, west, north and east edge of what is shown [degree]."""
        places = [(p.latitude, p.longitude) for p in self.points]
        places += [(a.latitude, a.longitude) for a in self.arrows]
        for one in self._drawn():
            places += list(zip(one.latitudes, one.longitudes, strict=True))
        if not places:
            return 32.0, 112.0, 44.0, 130.0
        south, north = min(y for y, _ in places), max(y for y, _ in places)
        west, east = min(x for _, x in places), max(x for _, x in places)
        up, aside = max(MARGIN, (LEAST - north + south) / 2), max(MARGIN, (LEAST - east + west) / 2)
        return south - up, west - aside, north + up, east + aside

    def svg(self) -> Markup:
        """Return the picture for a page without scripts and for paper."""
        south, west, north, east = self.extent()
        view = View(west, south, east, north, WIDTH)
        parts = [element("rect", x=0, y=0, width=WIDTH, height=view.height, class_="sea")]
        parts += land(view)
        for line in self._drawn():
            data = line_path(view.place(y, x) for y, x in zip(line.latitudes, line.longitudes, strict=True))
            parts.append(element("path", d=data, class_=f"line role-{line.role}"))
        for point in self.points:
            x, y = view.place(point.latitude, point.longitude)
            said = element("title", f"{point.label}: {shown(point.value)} {self.unit}".rstrip())
            parts.append(element("circle", said, cx=x, cy=y, r=5, class_=f"place role-{point.role}"))
        return drawing(WIDTH, view.height, parts, class_="drawing map", aria_hidden="true")

    def _drawn(self) -> list[Path | Outline]:
        return [*self.outlines, *self.paths]


def _at(place: Point | Arrow) -> list[float]:
    return [round(place.latitude, 3), round(place.longitude, 3)]


def _line(one: Path | Outline) -> list[list[float]]:
    return [[round(y, 3), round(x, 3)] for y, x in zip(one.latitudes, one.longitudes, strict=True)]
