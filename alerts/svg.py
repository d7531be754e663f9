"""Small pieces of SVG as strings, escaped; styles are classes of the page's style sheet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from markupsafe import Markup, escape

Point = tuple[float, float]


def element(name: str, content: str = "", /, **attributes: object) -> Markup:
    """Return one element; a trailing underscore of an attribute is dropped, other underscores become hyphens.

    >>> element("line", x1=1.25, y1=0, class_="grid", stroke_width=2)
    Markup('<line x1="1.2" y1="0" class="grid" stroke-width="2"/>')
    >>> element("text", "a<b", x=1)
    Markup('<text x="1">a&lt;b</text>')
    """
    said = "".join(f' {_attribute(k)}="{escape(_number(v))}"' for k, v in attributes.items() if v is not None)
    return Markup(f"<{name}{said}>{escape(content)}</{name}>" if content else f"<{name}{said}/>")  # noqa: S704


def label(said: Mapping[str, str] | str, x: float, y: float, **attributes: object) -> Markup:
    """Return a text at a place: one element per language, or one alone where all say the same."""
    if isinstance(said, str):
        return element("text", said, x=x, y=y, **attributes)
    if len(set(said.values())) == 1:
        return element("text", next(iter(said.values())), x=x, y=y, **attributes)
    return join(element("text", text, x=x, y=y, lang=lang, **attributes) for lang, text in said.items())


def join(parts: Iterable[str]) -> Markup:
    """Return markup one after the other."""
    return Markup("").join(parts)


def group(parts: Iterable[str], **attributes: object) -> Markup:
    """Return a group of elements."""
    return element("g", join(parts), **attributes)


def line_path(points: Iterable[Point]) -> str:
    """Return path data of a line through points.

    >>> line_path([(0, 1), (2.04, 3)])
    'M0 1L2 3'
    """
    return "M" + "L".join(f"{_number(x)} {_number(y)}" for x, y in points)


def area_path(upper: Iterable[Point], lower: Iterable[Point]) -> str:
    """Return path data of the area between two lines with the same x."""
    return line_path([*upper, *reversed(list(lower))]) + "Z"


def drawing(width: float, height: float, parts: Iterable[str], **attributes: object) -> Markup:
    """Return a whole inline SVG that scales with its column."""
    box = f"0 0 {_number(width)} {_number(height)}"
    return element("svg", join(parts), viewBox=box, role="img", **attributes)


def _attribute(name: str) -> str:
    return name.rstrip("_").replace("_", "-")


def _number(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.1f}".removesuffix(".0")
    return str(value)
