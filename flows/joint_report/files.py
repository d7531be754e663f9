"""Writing a report: page, PDF and figures in every language, and all its numbers."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from alerts.vocabulary import LANGUAGES, Language
from flows.joint_report.page import page_of, standalone
from flows.joint_report.pdf import pdf_of
from flows.joint_report.sections import document_of
from flows.joint_report.words import words_of
from pipeline.files import write_atomic
from pipeline.names import MEASURED

Report = Mapping[str, Any]
TABLES: Final = (
    "exceedance",
    "continuous",
    "difference",
    "calibration",
    "reliability",
    "roc",
    "reviewed",
    "statements",
)


def stem_of(report: Report) -> str:
    """Return what a report's files are called, without language and ending.

    >>> stem_of({"kind": "month", "name": "2019-03", "world": "measured", "source": {"kind": "runs"}})
    'joint-month-2019-03'
    >>> stem_of({"kind": "season", "name": "2019-20", "world": "simulated-5", "source": {"kind": "hindcast"}})
    'joint-season-2019-20-simulated-5-hindcast'
    """
    parts = ["joint", str(report["kind"]), str(report["name"])]
    parts += [str(report["world"])] * (report["world"] != MEASURED)
    parts += ["hindcast"] * (report["source"]["kind"] == "hindcast")
    return "-".join(parts)


def write_report(report: Report, out: Path, languages: Sequence[Language] = LANGUAGES) -> dict[str, Path]:
    """Write a report into a folder of its name; each file whole or not at all.

    Returns
    -------
    paths by name below ``out``
    """
    return {name: write_atomic(out / name, content) for name, content in files_of(report, languages)}


def files_of(report: Report, languages: Sequence[Language] = LANGUAGES) -> Iterator[tuple[str, bytes]]:
    """Give the files of a report, the data last; the same report gives the same bytes."""
    stem = stem_of(report)
    for language in languages:
        words = words_of(language)
        document = document_of(report, words)
        yield f"{stem}/{stem}.{language}.html", page_of(document, report, words).encode()
        yield f"{stem}/{stem}.{language}.pdf", pdf_of(document, report, words)
        for figure in document.figures():
            yield f"{stem}/figures/{figure.name}.{language}.svg", standalone(figure.svg).encode()
    for name in TABLES:
        if report["scores"][name]:
            yield f"{stem}/tables/{name}.csv", _csv(report["scores"][name])
    episodes = [{"city": c, **e} for c, known in report["episodes"].items() for e in known["episodes"]]
    if episodes:
        yield f"{stem}/tables/episodes.csv", _csv(episodes)
    text = json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False, sort_keys=True)
    yield f"{stem}/{stem}.json", f"{text}\n".encode()


def _csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Return rows as CSV; a measure with its interval takes three columns."""
    flat = [dict(_flat(row)) for row in rows]
    columns = list(dict.fromkeys(name for row in flat for name in row))
    target = io.StringIO()
    writer = csv.DictWriter(target, columns, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(flat)
    return target.getvalue().encode()


def _flat(row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in row.items():
        if isinstance(value, Mapping):
            yield name, value["value"]
            yield f"{name}_low", value["low"]
            yield f"{name}_high", value["high"]
        elif not isinstance(value, (list, tuple)):
            yield name, value
