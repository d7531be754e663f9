"""What is kept of a drill: its world, to whom it may speak, and when each step really happened."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from alerts.recipients import Recipient
from flows.workspace import Workspace
from pipeline.errors import StorageError, UsageError
from pipeline.files import write_atomic

PREFIX: Final = "drill-"
"""Worlds of drills begin with it; no simulated world and no measurement bears such a name."""


@dataclass(frozen=True)
class StepDone:
    """One step as it was played: in the exercise's own time and truly, what happened, which messages left."""

    at: str
    truly: str
    what: str
    outcome: str
    sent: tuple[str, ...] = ()


@dataclass(frozen=True)
class DrillRecord:
    """One drill; its id is the name of its world. ``recipients`` are the only ones it may speak to."""

    id: str
    scenario: str
    recipients: tuple[str, ...]
    begun_at: str
    first_cycle: str
    speed: float
    steps: tuple[StepDone, ...] = ()
    ended_at: str = ""

    def with_step(self, step: StepDone) -> DrillRecord:
        """Return the record with one more step."""
        return replace(self, steps=(*self.steps, step))

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> DrillRecord:
        """Rebuild a record from its JSON."""
        steps = tuple(StepDone(**{**s, "sent": tuple(s["sent"])}) for s in data["steps"])
        return cls(**{**data, "recipients": tuple(data["recipients"]), "steps": steps})


def is_drill(world: str) -> bool:
    """Tell whether a world is that of a drill.

    >>> is_drill("drill-20260114t080000"), is_drill("simulated-7"), is_drill("measured")
    (True, False, False)
    """
    return world.startswith(PREFIX)


def write_record(ws: Workspace, record: DrillRecord) -> None:
    """Store a record, whole or not at all."""
    content = json.dumps(asdict(record), ensure_ascii=False, indent=1).encode()
    write_atomic(_folder(ws) / f"{record.id}.json", content)


def read_record(ws: Workspace, drill_id: str) -> DrillRecord:
    """Return the record of a drill.

    Raises
    ------
    UsageError
        there is none of that id
    StorageError
        it cannot be read
    """
    path = _folder(ws) / f"{drill_id}.json"
    if not re.fullmatch(PREFIX + r"[a-z0-9-]{1,60}", drill_id) or not path.is_file():
        raise UsageError(f"there was no drill {drill_id}; see `sameair drill list`")
    try:
        return DrillRecord.from_dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StorageError(f"{path} cannot be read ({type(error).__name__}: {error})") from None


def list_records(ws: Workspace) -> list[DrillRecord]:
    """Return every drill that was ever begun here, newest first."""
    names = sorted((p.stem for p in _folder(ws).glob(f"{PREFIX}*.json")), reverse=True)
    return [read_record(ws, name) for name in names]


def audience(ws: Workspace, world: str, recipients: Sequence[Recipient]) -> tuple[Recipient, ...]:
    """Return whom a world may speak to: in a drill those chosen for it and nobody else, else everybody.

    A drill whose record is gone speaks to nobody.
    """
    if not is_drill(world):
        return tuple(recipients)
    try:
        chosen = read_record(ws, world).recipients
    except UsageError:
        return ()
    return tuple(r for r in recipients if r.id in chosen)


def _folder(ws: Workspace) -> Path:
    return ws.settings.data_dir / "drills"
