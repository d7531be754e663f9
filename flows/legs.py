"""Legs of a cycle: what is done for one party's cities; one that fails is left out, and the others go on."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import TypeVar

from flows.workspace import Workspace
from pipeline.cities import City
from pipeline.errors import SameairError
from pipeline.files import write_atomic
from pipeline.ledger.runs import RunRow
from pipeline.redaction import without_addresses

Made = TypeVar("Made")

LONGEST_REASON = 200
"""So much of what went wrong with a leg stands in the texts about a run [characters]."""

log = logging.getLogger(__name__)


class LegFailed(SameairError):
    """A city was left out of a run that is otherwise done; it is made up for by a later look."""


def spare_legs(
    cities: Sequence[City], make: Callable[[Sequence[City]], Made]
) -> tuple[Made, list[City], dict[str, str]]:
    """Make something of all cities, or, where that fails, without the parties whose cities fail alone.

    Returns
    -------
    what was made, of which cities, and by city why it is left out

    Raises
    ------
    Exception
        what making it of all raised, where every party fails alone, or none does
    """
    try:
        return make(cities), list(cities), {}
    except Exception:
        log.exception("it cannot be made of all cities together; each party is tried alone")
        faults: dict[str, str] = {}
        for _, group in groupby(sorted(cities, key=lambda c: c.party), key=lambda c: c.party):
            own = list(group)
            try:
                make(own)
            except Exception as fault:
                log.exception("left out: %s", ", ".join(city.id for city in own))
                faults |= {city.id: reason_of(fault) for city in own}
        kept = [city for city in cities if city.id not in faults]
        if not faults or not kept:
            raise
        return make(kept), kept, faults


def reason_of(error: BaseException) -> str:
    """Return in one short line what went wrong, without addresses.

    >>> reason_of(KeyError("no column"))
    "KeyError: 'no column'"
    """
    said = " ".join(without_addresses(f"{type(error).__name__}: {error}").split())
    return said[:LONGEST_REASON]


def left_out_of(run: RunRow | None) -> dict[str, str]:
    """Return by city why a run made no forecast of it."""
    found = run.inputs.get("left_out", {}) if run is not None else {}
    return {str(city): str(why) for city, why in found.items()}


def note_unassessed(ws: Workspace, run: RunRow, failed: dict[str, str]) -> None:
    """Note beside a run which cities could not be assessed, for a later look; none: forget it."""
    path = _unassessed(ws, run)
    if failed:
        write_atomic(path, json.dumps(failed, sort_keys=True).encode("utf-8"))
    else:
        path.unlink(missing_ok=True)


def unassessed_of(ws: Workspace, run: RunRow) -> dict[str, str]:
    """Return by city why the assessment of a run failed; empty where it did not."""
    path = _unassessed(ws, run)
    return dict(json.loads(path.read_text("utf-8"))) if path.exists() else {}


def lacking_legs(ws: Workspace, run: RunRow) -> str:
    """Return in one line which legs of a run are to be made up for; empty where none is."""
    faults = unassessed_of(ws, run) | left_out_of(run)
    return "; ".join(f"{city}: {why}" for city, why in sorted(faults.items()))


def _unassessed(ws: Workspace, run: RunRow) -> Path:
    return ws.settings.data_dir / Path(run.products["forecast"]).parent / "not-assessed.json"
