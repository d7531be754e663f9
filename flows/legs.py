"""Legs of a cycle: what is done for one party's cities; one that fails is left out, and the others go on."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Generic, TypeVar

from flows.leg_diary import Diary, LegFatal
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


@dataclass(frozen=True)
class Spared(Generic[Made]):
    """What was made, of which cities, and by city why it is left out.

    Parameters
    ----------
    apart : the fault for which all of it was made of each party's cities alone and joined. Empty where it was
        made at once, and where only a process had ended in it: what is joined is not worse
    """

    made: Made
    cities: list[City]
    left_out: dict[str, str]
    apart: str = ""


def spare_legs(
    cities: Sequence[City],
    make: Callable[[Sequence[City]], Made],
    join: Callable[[Sequence[Made]], Made],
    step: str = "computing",
    diary: Diary | None = None,
) -> Spared[Made]:
    """Make something of all cities, or, where that fails, of each party's alone, and join what could be made.

    Where nothing may be begun, because processes died in all of it, it is tried at once all the same.

    Parameters
    ----------
    make : makes it of some cities
    join : puts together what was made of several parties' cities
    step : what this is, in words that follow "while"
    diary : knows in what earlier processes died, and where this one is; what was fatal is not begun again

    Raises
    ------
    Exception
        what making it of all raised, where every party fails alone
    """
    kept_in = diary or Diary()

    def attempt(chosen: Sequence[City], fatal_at: float = 1) -> Made:
        with kept_in.under_way(step, chosen, fatal_at=fatal_at):
            return make(chosen)

    try:
        return Spared(attempt(cities), list(cities), {})
    except Exception as fault:
        log.exception("it cannot be made of all cities together; each party is tried alone")
        parts, faults = _each_alone(cities, attempt)
        if not parts and all(isinstance(one, LegFatal) for one in (fault, *faults.values())):
            return Spared(attempt(cities, math.inf), list(cities), {})
        if not parts:
            raise
        left_out = {city: reason_of(one) for city, one in faults.items()}
        kept = [city for city in cities if city.id not in faults]
        told = not faults and not isinstance(fault, LegFatal)
        return Spared(join(parts), kept, left_out, reason_of(fault) if told else "")


def _each_alone(
    cities: Sequence[City], attempt: Callable[[Sequence[City]], Made]
) -> tuple[list[Made], dict[str, Exception]]:
    """Return what could be made of each party's cities alone, and by city why it could not."""
    parts: list[Made] = []
    faults: dict[str, Exception] = {}
    for _, group in groupby(sorted(cities, key=lambda c: c.party), key=lambda c: c.party):
        own = list(group)
        try:
            parts.append(attempt(own))
        except Exception as fault:
            log.exception("left out: %s", ", ".join(city.id for city in own))
            faults |= dict.fromkeys([city.id for city in own], fault)
    return parts, faults


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
