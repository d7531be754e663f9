"""What is said of a file of a run that is not there: that it never was, or when retention removed it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from fastapi import HTTPException

from alerts.edition import bulletin_name
from pipeline.ledger.runs import RunRow
from pipeline.removed import NOTE, Note, read_note
from pipeline.settings import Settings
from pipeline.storage.products import brought

GONE: Final = 410
NOT_FOUND: Final = 404


def note_of_run(run: RunRow, settings: Settings) -> Note:
    """Return what retention removed of a run, by name of file."""
    if not run.products:
        return {}
    folder = Path(next(iter(run.products.values()))).parent
    path = brought(settings, folder / NOTE, changes=True).resolve()
    return read_note(path) if path.is_relative_to(settings.runs_dir.resolve()) else {}


def not_there(run: RunRow | None, settings: Settings, product: str, otherwise: str) -> HTTPException:
    """Return the error for a product without a file: 410 and the day where it was removed, else 404."""
    where = run.products.get(product, "") if run is not None else ""
    return _missing(run, settings, Path(where).name, otherwise)


def no_bulletin(
    run: RunRow | None, settings: Settings, city: str, language: str, otherwise: str
) -> HTTPException:
    """Return the error for a bulletin without a file, as :func:`not_there` does."""
    name = bulletin_name(run.id, city, language) if run is not None else ""
    return _missing(run, settings, name, otherwise)


def _missing(run: RunRow | None, settings: Settings, name: str, otherwise: str) -> HTTPException:
    went = note_of_run(run, settings).get(name) if run is not None else None
    if went is None:
        return HTTPException(NOT_FOUND, otherwise)
    return HTTPException(GONE, f"{went.told}.")
