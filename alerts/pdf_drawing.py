"""The drawings of the pages, put into a PDF: the same SVG, so that both show the same picture."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from lxml import etree

from alerts.pdf_page import Align, Sheet, Type

MM_PER_PX: Final = 25.4 / 96
Xml = Any


@dataclass(frozen=True)
class Style:
    """How a class of elements looks: colours, line [px], dashes [px], opacity, letters [px]."""

    fill: str = ""
    stroke: str = ""
    width: float = 1.0
    dash: float = 0.0
    opacity: float = 1.0
    size: float = 11.0
    bold: bool = False
    halo: str = ""


_SHADES = ("#eceef7", "#d2d7ee", "#b2badf", "#8b97cc", "#6473b5", "#43529a", "#262f6b")
_TONES = {
    "blue": "#4b8fd6",
    "green": "#4fa96a",
    "yellow": "#e8c33a",
    "orange": "#ec8b34",
    "red": "#d64541",
    "purple": "#8f3f8f",
    "maroon": "#6b1f2e",
}
_HOURS = {"24": "#a02f17", "48": "#6b4600", "72": "#1f4d39"}
_SERIES = ("#2f5d9e", "#b45f06", "#38761d", "#741b47")
STYLES: Final[Mapping[str, Mapping[str, object]]] = {
    "grid": {"stroke": "#cccccc", "width": 0.7},
    "tick": {"fill": "#555555"},
    "edge": {"stroke": "#777777", "width": 0.8, "dash": 2.5},
    "edge-value": {"fill": "#333333", "size": 9.5, "halo": "#ffffff"},
    "grade": {"fill": "#333333"},
    "day": {"fill": "#333333"},
    "midnight": {"stroke": "#999999", "width": 0.8},
    "fan": {"fill": "#4a6fa5", "opacity": 0.17},
    "fan-2": {"opacity": 0.2},
    "fan-3": {"opacity": 0.34},
    "median": {"stroke": "#4a6fa5", "width": 1.8},
    "observed": {"stroke": "#000000", "width": 1.5},
    "day-mean": {"stroke": "#a02f17", "width": 2.2},
    "whisker": {"stroke": "#a02f17", "width": 1.0},
    "day-value": {"fill": "#a02f17", "size": 11.5, "bold": True, "halo": "#ffffff"},
    "issue": {"stroke": "#000000", "width": 1.0, "dash": 3.0},
    "issue-name": {"fill": "#000000", "halo": "#ffffff"},
    "sea": {"fill": "#eef2f4"},
    "land": {"fill": "#fafafa", "stroke": "#999999", "width": 0.6},
    "sea-name": {"fill": "#6b7883", "size": 10.5},
    "stations": {"fill": "#000000"},
    "area": {"stroke": "#2b3880", "width": 0.8, "opacity": 0.6},
    "city": {"stroke": "#2b3880", "width": 0.8},
    "stem": {"stroke": "#2b3880", "width": 0.8},
    "city-value": {"bold": True, "size": 12.0, "fill": "#14182e"},
    "city-name": {"bold": True, "size": 13.0, "fill": "#000000", "halo": "#fafafa"},
    "link": {"stroke": "#a02f17", "width": 2.0},
    "link-head": {"fill": "#a02f17"},
    "link-name": {"fill": "#a02f17", "bold": True, "halo": "#eef2f4"},
    "wind": {"stroke": "#333333", "width": 1.0},
    "wind-head": {"fill": "#333333"},
    "air-path": {"stroke": "#a02f17", "width": 0.9, "opacity": 0.5},
    "upwind": {"fill": "#ffffff", "stroke": "#000000", "width": 1.2},
    "place": {"fill": "#000000"},
    "region-name": {"fill": "#333333", "size": 10.0, "halo": "#fafafa"},
    "bar": {"stroke": "#333333", "width": 1.0},
    "bars": {"fill": "#4a6fa5"},
    "episode": {"fill": "#f3dcd3"},
    "series": {"width": 1.6},
    "zero": {"stroke": "#777777", "width": 0.9},
    **{f"series-{i}": {"stroke": colour} for i, colour in enumerate(_SERIES)},
    **{f"mark-{i}": {"fill": colour} for i, colour in enumerate(_SERIES)},
    "map-mark": {"fill": "#5a3b00", "bold": True, "size": 12.0, "halo": "#fff3d6"},
    "shade-none": {"fill": "#ffffff", "stroke": "#333333"},
    **{f"shade-{i}": {"fill": colour} for i, colour in enumerate(_SHADES)},
    **{f"on-shade-{i}": {"fill": "#14182e" if i < 4 else "#ffffff"} for i in range(7)},
    **{f"tone-{name}": {"fill": colour} for name, colour in _TONES.items()},
    **{f"hour-{name}": {"fill": colour} for name, colour in _HOURS.items()},
}
"""The looks by class, on paper; those on screens are in templates/bulletin.css."""
PLAIN: Final = frozenset(
    {"fan-1", "region", "paths", "plume", "forecast", "air-paths", "hull", "on-shade-none"}
)
"""Classes that change nothing on paper."""


def style_of(classes: Iterable[str], inherited: Style | None = None) -> Style:
    """Return the look of an element with these classes, the later over the earlier.

    >>> style_of(["fan", "fan-3"]).opacity, style_of(["tone-red"]).fill
    (0.34, '#d64541')
    """
    style = inherited or Style()
    for name in classes:
        if not name.startswith("only-"):
            style = replace(style, **STYLES.get(name, {}))  # type: ignore[arg-type]
    return style


def draw(sheet: Sheet, svg: str, x: float, y: float, width: float, said: str) -> float:
    """Draw an SVG made by ``alerts.svg`` with its upper left corner at a place; returns its height [mm].

    Parameters
    ----------
    width : on paper [mm]
    said : what it shows, for those who do not see it
    """
    root: Xml = etree.fromstring(str(svg))
    _, _, wide, high = (float(v) for v in root.get("viewBox").split())
    pen = _Pen(sheet, x, y, width / wide)
    with sheet.tagged("Figure", said), sheet.rect_clip(x, y, width, high * pen.scale):
        for child in root:
            pen.element(child, Style())
    return high * pen.scale


def height_of(svg: str, width: float) -> float:
    """Return how tall a drawing is when it is so wide [mm].

    >>> height_of('<svg viewBox="0 0 200 100"/>', 50.0)
    25.0
    """
    _, _, wide, high = (float(v) for v in str(etree.fromstring(str(svg)).get("viewBox")).split())
    return high * width / wide


@dataclass(frozen=True)
class _Pen:
    """Draws elements of an SVG whose corner lies at x, y [mm]; ``scale`` are millimetres per pixel."""

    sheet: Sheet
    x: float
    y: float
    scale: float

    def element(self, node: Xml, inherited: Style) -> None:
        """Draw an element with what it holds; of texts those in the sheet's language."""
        name = etree.QName(node).localname
        style = style_of((node.get("class") or "").split(), inherited)
        if name == "g":
            for child in node:
                self.element(child, style)
        elif name == "text":
            if node.get("lang") in (None, self.sheet.language):
                self._text(node, style)
        else:
            self._shape(name, node, style)

    def _text(self, node: Xml, style: Style) -> None:
        points = style.size * self.scale / (25.4 / 72)
        kind = Type(points, style.bold, style.fill or "#000000")
        align: Align = {"end": "right", "middle": "middle"}.get(node.get("text-anchor"), "left")  # type: ignore[assignment]
        x, y = self._place(float(node.get("x")), float(node.get("y")))
        text = node.text or ""
        if style.halo:
            self._halo(x, y, text, kind, align, style.halo)
        self.sheet.text_at(x, y, text, kind, align)

    def _halo(self, x: float, y: float, text: str, kind: Type, align: Align, colour: str) -> None:
        """Lay a pale ground under letters that stand on lines."""
        wide = self.sheet.width_of(text, kind)
        left = x - {"left": 0.0, "middle": wide / 2, "right": wide}[align]
        with self.sheet.local_context(fill_opacity=0.75):
            self.sheet.box(left - 0.3, y - 0.85 * kind.mm, wide + 0.6, 1.05 * kind.mm, fill=colour)

    def _shape(self, name: str, node: Xml, style: Style) -> None:
        if not style.fill and not style.stroke:
            return
        with self.sheet.local_context(
            fill_opacity=style.opacity,
            stroke_opacity=style.opacity,
            line_width=style.width * self.scale,
            fill_color=style.fill or "#000000",
            draw_color=style.stroke or "#000000",
        ):
            if style.dash:
                self.sheet.set_dash_pattern(style.dash * self.scale, style.dash * self.scale)
            how = ("D" if style.stroke else "") + ("F" if style.fill else "")
            self._outline(name, node, how)

    def _outline(self, name: str, node: Xml, how: str) -> None:
        number = {k: float(v) for k, v in node.attrib.items() if re.fullmatch(r"-?[\d.]+", v)}
        sheet, s = self.sheet, self.scale
        if name == "line":
            sheet.line(*self._place(number["x1"], number["y1"]), *self._place(number["x2"], number["y2"]))
        elif name == "rect":
            x, y = self._place(number.get("x", 0.0), number.get("y", 0.0))
            sheet.rect(x, y, number["width"] * s, number["height"] * s, style=how)
        elif name == "circle":
            x, y = self._place(number["cx"], number["cy"])
            sheet.circle(x, y, number["r"] * s, style=how)
        elif name == "path":
            self._path(node.get("d"), how)

    def _path(self, data: str, how: str) -> None:
        """Write a path of moves, lines and quadratic curves as the PDF has them."""
        operations = list(self._operations(data))
        if operations:
            end = {"D": "S", "F": "f*", "DF": "B*"}[how]
            self.sheet.write_path([*operations, end])

    def _operations(self, data: str) -> Iterator[str]:
        here = (0.0, 0.0)
        for command, numbers in re.findall(r"([MLQZ])([^MLQZ]*)", data):
            values = [float(v) for v in re.findall(r"-?[\d.]+", numbers)]
            points = list(zip(values[::2], values[1::2], strict=True))
            if command == "Z":
                yield "h"
            elif command == "Q":
                yield self._curve(here, points[0], points[1])
            else:
                yield f"{self._point(points[0])} {'m' if command == 'M' else 'l'}"
            here = points[-1] if points else here

    def _curve(self, a: tuple[float, float], control: tuple[float, float], b: tuple[float, float]) -> str:
        """Return a quadratic curve as the cubic one that it is."""
        c, d = (tuple(p[i] + 2 / 3 * (control[i] - p[i]) for i in (0, 1)) for p in (a, b))
        return " ".join(self._point((p[0], p[1])) for p in (c, d, b)) + " c"

    def _point(self, point: tuple[float, float]) -> str:
        return self.sheet.in_points(*self._place(*point))

    def _place(self, x: float, y: float) -> tuple[float, float]:
        return self.x + x * self.scale, self.y + y * self.scale
