"""What was on the screen when somebody decided: a document that is kept under its digest and never changed.

The forms carry the digest, the audit row of the decision repeats it, and the chain of the audit trail holds
it, so that nobody can say later that something else was shown.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from alerts.content import WarningContent
from alerts.standing import standing
from alerts.vocabulary import LANGUAGES
from alerts.wording import wording
from pipeline.exchange.canonical import canonical_json
from pipeline.files import write_atomic
from pipeline.ledger.consultation import read_answers, read_questions
from pipeline.ledger.runs import get_run
from pipeline.ledger.warnings import VersionRow
from pipeline.settings import Settings
from pipeline.storage.products import brought
from pipeline.times import iso

Plain = dict[str, Any]
SCHEMA = 1


def evidence_document(
    conn: Connection,
    settings: Settings,
    row: VersionRow,
    content: WarningContent,
    shown: Mapping[str, Any] | None = None,
) -> Plain:
    """Return what a page about a version shows, as plain data without the time of looking.

    Parameters
    ----------
    row, content : the version, and the text of it that is shown: its own, or another that was offered
    shown : what else the page shows, JSON values; numbers rounded as they are shown
    """
    run = get_run(conn, content.run_id)
    answers = read_answers(conn)
    return {
        "schema": SCHEMA,
        "warning": row.warning_id,
        "version": row.version,
        "content_digest": hashlib.sha256(canonical_json(content.to_dict())).hexdigest(),
        "content": content.to_dict(),
        "standing": standing(conn, row.warning_id),
        "questions": [
            {"question": q.id, "text": q.text, "answer": answers[q.id].text if q.id in answers else None}
            for q in read_questions(conn)
            if q.subject == row.warning_id
        ],
        "run": None
        if run is None
        else {
            "id": run.id,
            "cycle": iso(run.cycle),
            "as_of": iso(run.as_of),
            "model": run.model_id,
            "code": run.code_version,
            "degraded": run.degraded,
            "products": _digests(settings, run.products),
        },
        "texts": {language: _text_digest(content, language) for language in LANGUAGES},
        "shown": dict(shown or {}),
    }


def keep_evidence(settings: Settings, document: Mapping[str, Any]) -> str:
    """Store a document under its digest, if it is not there yet, and return the digest.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     settings = Settings(data_dir=Path(folder))
    ...     digest = keep_evidence(settings, {"schema": 1})
    ...     print(read_evidence(settings, digest), read_evidence(settings, "0" * 64))
    {'schema': 1} None
    """
    data = canonical_json(document)
    digest = hashlib.sha256(data).hexdigest()
    path = _path(settings, digest)
    if not path.is_file():
        write_atomic(path, data)
    return digest


def read_evidence(settings: Settings, digest: str) -> Plain | None:
    """Return a kept document, None where there is none or the file is not what its name says."""
    if not re.fullmatch(r"[0-9a-f]{64}", digest) or not _path(settings, digest).is_file():
        return None
    data = _path(settings, digest).read_bytes()
    if hashlib.sha256(data).hexdigest() != digest:
        return None
    found: Plain = json.loads(data)
    return found


def _path(settings: Settings, digest: str) -> Path:
    return settings.data_dir / "evidence" / digest[:2] / f"{digest}.json"


def _digests(settings: Settings, products: Mapping[str, str]) -> dict[str, str | None]:
    """Return the digest of every product of a run, None for a file that is gone."""
    found: dict[str, str | None] = {}
    for name, where in sorted(products.items()):
        path = brought(settings, where)
        state = path.stat() if path.is_file() else None
        found[name] = _file_digest(path, state.st_mtime_ns, state.st_size) if state else None
    return found


@lru_cache(maxsize=512)
def _file_digest(path: Path, _changed: int, _size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _text_digest(content: WarningContent, language: Any) -> str:
    text = wording(content, language)
    said = "\n".join((text.headline, text.description, text.instruction))
    return hashlib.sha256(said.encode()).hexdigest()
