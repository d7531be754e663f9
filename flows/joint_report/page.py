"""The report as one page that needs no other file and no network, and that prints."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from alerts.fonts import font_face_css
from alerts.pdf_drawing import style_of
from flows.joint_report.document import Document, Figure, Head, Points, Table
from flows.joint_report.words import Words

LANGUAGE_TAGS: Final = {"zh": "zh-CN", "ko": "ko-KR", "en": "en"}


def page_of(document: Document, report: Mapping[str, Any], words: Words) -> str:
    """Return a report as HTML in one language."""
    return (
        _environment()
        .get_template("joint_report.html.j2")
        .render(
            tag=LANGUAGE_TAGS[words.language],
            document=document,
            words=words,
            alarm=words.say("simulated_mark") if report["simulated"] else "",
            kind_of=kind_of,
            drawn=Markup,
            looks=Markup(f"{font_face_css()}\n{looks()}"),  # noqa: S704 - made of constants
        )
    )


def kind_of(block: object) -> str:
    """Return what a block is: ``text``, ``table``, ``figure``, ``points`` or ``head``."""
    kinds = {Table: "table", Figure: "figure", Points: "points", Head: "head"}
    return kinds.get(type(block), "text")


def looks() -> str:
    """Return the style sheet of the drawings, the same looks as in a PDF.

    >>> ".figure .grid{stroke:#cccccc;stroke-width:0.7;fill:none}" in looks()
    True
    """
    rules = [".figure text{font-size:11px;fill:#000}"]
    for name in sorted(_USED):
        style = style_of([name])
        said = {name: f"{getattr(style, name)}" for name in ("fill", "stroke") if getattr(style, name)}
        if style.stroke or name == "series":
            said |= {"stroke-width": f"{style.width:g}"} | ({} if style.fill else {"fill": "none"})
        said |= {"stroke-dasharray": f"{style.dash:g}"} if style.dash else {}
        rules.append(f".figure .{name}{{{';'.join(f'{k}:{v}' for k, v in said.items())}}}")
    return "".join(rules)


_USED: Final = frozenset(
    {"grid", "tick", "edge", "edge-value", "day", "issue", "issue-name", "bars", "episode", "series", "zero"}
    | {f"{kind}-{n}" for kind in ("series", "mark") for n in range(4)}
)


def standalone(svg: str) -> str:
    """Return a drawing as a file of its own, with its looks inside."""
    head, _, rest = str(svg).partition(">")
    named = head.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    return f"{named}><style>{looks()}</style>{rest}\n"


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("flows"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
