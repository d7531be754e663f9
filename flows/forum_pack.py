"""A pack for a technical forum: the dossiers of a time as one zip, without names, in three languages."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from alerts.vocabulary import LANGUAGES, Language
from flows.dossier import status_of
from flows.dossier_figure import highest_figure, highest_of
from flows.dossier_paper import dossier_paper
from flows.dossier_sections import DASH, findings_part
from flows.dossier_words import season_words, table_of
from flows.findings import findings_of
from flows.papers import Paper, Part, page_of, pdf_of, text_of
from flows.workspace import Workspace
from pipeline.errors import UsageError
from pipeline.files import write_atomic
from pipeline.ledger.season import DocumentRow, newest_documents
from pipeline.names import is_simulated
from pipeline.times import iso, parse_instant

Plain = Mapping[str, Any]

NOT_FOR_OTHERS: Final = ("parties", "none")
"""Marks of received data under which a dossier is for the parties alone."""

OLDEST_IN_ZIP: Final = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Chosen:
    """A dossier of the pack with its findings and status."""

    row: DocumentRow
    findings: Sequence[Plain]
    status: Plain


def forum_pack(
    ws: Workspace, world: str, since: datetime, until: datetime, *, public: bool = False
) -> tuple[bytes, list[str]]:
    """Return a zip of the newest dossiers of episodes that began in [since, until), and what was left out.

    Persons are told by their party. For the public (``public``) a dossier in which received data may be that
    are marked for the parties alone is left out and named.

    Raises
    ------
    UsageError
        no dossier of that time was built
    """
    with ws.ledger.read() as conn:
        built = newest_documents(conn, "dossier", world)
    rows = [r for r in built if since <= parse_instant(r.content["onset"]) < until]
    if not rows:
        raise UsageError(f"no dossier of {world} from {iso(since)} to {iso(until)}; `sameair dossiers build`")
    kept = [r for r in rows if not (public and _closed(r))]
    left = sorted(r.subject for r in rows if r not in kept)
    now = max(r.as_of for r in rows)
    chosen = [
        Chosen(r, findings_of(ws, world, r.subject), status_of(ws, r, now))
        for r in sorted(kept, key=lambda r: (r.content["onset"], r.subject))
    ]
    files: dict[str, bytes] = {}
    for language in LANGUAGES:
        files |= _named(f"{language}/summary", summary_paper(chosen, left, language, (since, until), world))
        for one in chosen:
            paper = dossier_paper(one.row, one.findings, one.status, language, names=False)
            files |= _named(f"{language}/{one.row.subject}", paper)
    return _zip(files), left


def _closed(row: DocumentRow) -> bool:
    return any(mark["redistribution"] in NOT_FOR_OTHERS for mark in row.content["data"])


def summary_paper(
    chosen: Sequence[Chosen],
    left: Sequence[str],
    language: Language,
    span: tuple[datetime, datetime],
    world: str,
) -> Paper:
    """Return the summary: table of episodes, open questions and dissent, method, data and whose they are."""
    words = season_words(language)
    say = words.say
    simulated = is_simulated(world)
    rows = [
        (
            one.row.subject,
            words.names.city(one.row.content["city"]),
            f"{one.row.content['first_day']} – {one.row.content['last_day']}",
            _highest(one.row.content),
            say(str(one.row.content["outcome"]["issued"]["outcome"]).replace(" ", "_")),
            say(str(one.status["status"]).replace(" ", "_")),
        )
        for one in chosen
    ]
    figures = (highest_figure([one.row.content for one in chosen], words),) * bool(chosen)
    heads = ("f_dossier", "f_city", "f_days", "f_highest", "issued_short", "f_status")
    table = table_of(say("f_episodes"), [say(h) for h in heads], rows, words)
    open_ones = [f for one in chosen for f in one.findings if f["stands"] != "agreed"]
    questions = findings_part(open_ones, words, names=False)
    marks = {
        (m["attribution"] or m["source"], m["licence"]) for one in chosen for m in one.row.content["data"]
    }
    credits = [say("f_credit", who=who, licence=licence) for who, licence in sorted(marks)]
    first, last = (iso(at)[:10] for at in span)
    return Paper(
        language=language,
        title=say("f_title", first=first, last=last),
        lines=(say("f_about", n=len(chosen), world=world), say("no_names")),
        caveats=(say("simulated"),) * simulated,
        parts=(
            Part(say("f_episodes"), (), (table,), figures),
            Part(say("f_open"), questions.lines),
            Part(say("f_method"), (say("f_method_text"), say("f_limits"))),
            Part(say("data"), tuple(credits) or (say("no_data"),)),
            *((Part(say("f_left"), (say("f_left_text", list=", ".join(left)),)),) * bool(left)),
        ),
        note=say("f_note", first=first, last=last),
        made=max((one.row.as_of for one in chosen), default=span[0]),
        alarm=say("simulated") if simulated else "",
    )


def _highest(said: Plain) -> str:
    mean = highest_of(said)
    return DASH if mean is None else f"{mean:.0f}"


def _named(stem: str, paper: Paper) -> dict[str, bytes]:
    return {
        f"{stem}.html": page_of(paper).encode(),
        f"{stem}.txt": text_of(paper).encode(),
        f"{stem}.pdf": pdf_of(paper),
    }


def _zip(files: Mapping[str, bytes]) -> bytes:
    """Return a zip whose bytes follow from the files alone."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as pack:
        for name in sorted(files):
            pack.writestr(zipfile.ZipInfo(name, OLDEST_IN_ZIP), files[name], zipfile.ZIP_DEFLATED)
    return out.getvalue()


def write_pack(content: bytes, out: Path, span: tuple[datetime, datetime]) -> Path:
    """Write a pack whole or not at all."""
    return write_atomic(out / f"forum-{iso(span[0])[:10]}-{iso(span[1])[:10]}.zip", content)
