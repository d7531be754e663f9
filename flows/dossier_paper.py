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
from flows.papers import FORMS, Paper
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
    caveats += [words.say("replay")] * bool(said.get("replay"))
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


def dossier_file(
    row: DocumentRow, findings: Sequence[Plain], status: Plain, language: Language, kind: str
) -> bytes:
    """Return a dossier as ``html``, ``txt`` or ``pdf`` in one language, or as ``json``; else KeyError."""
    if kind == "json":
        text = json.dumps(document_of(row, findings, status), indent=1, ensure_ascii=False, sort_keys=True)
        return f"{text}\n".encode()
    return FORMS[kind](dossier_paper(row, findings, status, language))


def write_dossier(
    row: DocumentRow, findings: Sequence[Plain], status: Plain, out: Path, *, names: bool = True
) -> dict[str, Path]:
    """Write a dossier as page, text and PDF in every language, and as JSON; each file whole or not at all."""
    stem = f"dossier-{row.subject}-v{row.version}"
    found = {}
    if names:
        found[f"{stem}.json"] = dossier_file(row, findings, status, "en", "json")
    for language in LANGUAGES:
        paper = dossier_paper(row, findings, status, language, names=names)
        found |= {f"{stem}.{language}.{kind}": form(paper) for kind, form in FORMS.items()}
    return {name: write_atomic(out / name, content) for name, content in found.items()}
