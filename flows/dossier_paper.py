"""A dossier as page, text and PDF in every language, and its files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alerts.plain_text import one_line
from alerts.vocabulary import LANGUAGES, Language
from flows.dossier_sections import parts_of
from flows.dossier_words import minute, season_words
from flows.papers import Paper, page_of, pdf_of, text_of
from pipeline.files import write_atomic
from pipeline.ledger.season import DocumentRow
from pipeline.times import parse_instant

Plain = Mapping[str, Any]


def dossier_paper(
    row: DocumentRow,
    findings: Sequence[Plain],
    status: Plain,
    language: Language,
    *,
    names: bool = True,
) -> Paper:
    """Return a dossier in one language.

    Parameters
    ----------
    findings, status : as ``flows.findings`` and ``flows.dossier`` tell them
    names : whether persons are named
    """
    words, said = season_words(language), row.content
    city = words.names.city(said["city"])
    facts = {"id": said["dossier"], "version": row.version}
    signed = words.names.join([words.party(p) for p in status["signed_off"]]) or words.say("none")
    state, due = words.say(status["status"].replace(" ", "_")), minute(said["due"])
    about = {"world": one_line(said["world"]), "city": city, "as_of": minute(said["as_of"])}
    caveats = [words.say("simulated")] * said["simulated"]
    caveats += [words.say("overdue", due=due)] * status["overdue"]
    return Paper(
        language=language,
        title=words.say("title", city=city, first=said["first_day"], last=said["last_day"]),
        lines=(
            words.say("subtitle", **facts, **about),
            words.say("status", status=state, due=due, signed=signed),
        ),
        caveats=tuple(caveats),
        parts=parts_of(said, findings, words, names=names),
        note=words.say("note", **facts, digest=row.digest[:16]),
        made=parse_instant(said["as_of"]),
        alarm=words.say("simulated") if said["simulated"] else "",
    )


def document_of(row: DocumentRow, findings: Sequence[Plain], status: Plain) -> dict[str, Any]:
    """Return a dossier with its findings for machines."""
    return {
        **row.content,
        "version": row.version,
        "digest": row.digest,
        "findings": list(findings),
        "status": dict(status),
    }


def write_dossier(
    row: DocumentRow, findings: Sequence[Plain], status: Plain, out: Path, *, names: bool = True
) -> dict[str, Path]:
    """Write a dossier as page, text and PDF in every language, and as JSON; each file whole or not at all."""
    stem = f"dossier-{row.subject}-v{row.version}"
    found = {}
    if names:
        text = json.dumps(document_of(row, findings, status), indent=1, ensure_ascii=False, sort_keys=True)
        found[f"{stem}.json"] = f"{text}\n".encode()
    for language in LANGUAGES:
        paper = dossier_paper(row, findings, status, language, names=names)
        found[f"{stem}.{language}.html"] = page_of(paper).encode()
        found[f"{stem}.{language}.txt"] = text_of(paper).encode()
        found[f"{stem}.{language}.pdf"] = pdf_of(paper)
    return {name: write_atomic(out / name, content) for name, content in found.items()}
