"""One self-contained page of a verification: figures inlined, tables short, what is missing said."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from forecasting.verification.sections import Shown, sections_of

ALTERNATIVES = {
    "skill": "Brier skill score by lead with 90 % intervals",
    "error": "root mean square error by lead with 90 % intervals",
    "reliability": "reliability diagrams with the band of a calibrated forecast",
    "roc": "ROC curves of day D+1",
    "value": "relative economic value over the cost-loss ratio, day D+1",
    "coverage": "coverage of central intervals by year and season, day D+1",
}


@dataclass(frozen=True)
class Page:
    """What a report is made of.

    Parameters
    ----------
    title, summary : what was verified, in words
    caveats : what a reader must know before the first figure
    tables : by name, of one quantity
    figures : PNG by name, of ``plots.figures``
    thresholds : for every city the threshold shown [ug m-3]
    models : names in order, the subject first
    absent : what there was nothing of to compare with, a sentence each
    """

    title: str
    summary: str
    caveats: Sequence[str]
    tables: Mapping[str, pd.DataFrame]
    figures: Mapping[str, bytes]
    thresholds: Mapping[str, int]
    models: Sequence[str]
    absent: Sequence[str] = field(default_factory=tuple)


def render(page: Page) -> str:
    """Return the page as HTML that needs no other file and no network.

    Examples
    --------
    >>> html = render(Page("A <title>", "Nothing.", [], {}, {}, {}, ["sameair"]))
    >>> "A &lt;title&gt;" in html, "http" in html
    (True, False)
    """
    shown = sections_of(page.tables, page.thresholds, page.models, page.absent)
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            title=page.title,
            summary=page.summary,
            caveats=page.caveats,
            sections=[_with_figures(section, page.figures) for section in shown],
        )
    )


def _with_figures(section: Shown, figures: Mapping[str, bytes]) -> dict[str, Any]:
    drawn = [
        {"data": base64.b64encode(figures[name]).decode(), "alt": ALTERNATIVES[name]}
        for name in section.figures
        if name in figures
    ]
    return {"title": section.title, "lines": section.lines, "tables": section.tables, "figures": drawn}


def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("forecasting.verification"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
