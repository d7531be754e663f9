"""Whether an installation can do its work now: the ledger answers, there is room, the last cycle is there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from pipeline.errors import SameairError
from pipeline.ledger import Ledger
from pipeline.ledger.runs import newest_current_run
from pipeline.names import MEASURED
from pipeline.settings import Settings
from pipeline.times import iso, latest_cycle

CYCLE: Final = timedelta(hours=6)
LATE_CYCLES: Final = 2
"""From this many missing cycles on, the measured world stands still."""
LEAST_BYTES: Final = 2**29
"""With less free space than this a run may not be stored."""
LEAST_FILES: Final = 1000
"""With fewer free inodes than this a run may not be stored."""

PARTS: Final = ("ledger", "disk", "cycle")
"""What readiness consists of, in the order in which it is looked at."""


@dataclass(frozen=True)
class Part:
    """One part of readiness: whether it is well, and why not."""

    name: str
    is_ready: bool
    reason: str


def readiness_of(ledger: Ledger, settings: Settings, now: datetime, leave_out: frozenset[str]) -> list[Part]:
    """Return how each part stands; nothing raises, what cannot be asked is not ready.

    Parameters
    ----------
    leave_out : names of parts that are not asked about

    Examples
    --------
    >>> import tempfile
    >>> from pipeline.ledger import open_ledger
    >>> from pipeline.times import parse_instant
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     held = Settings(data_dir=folder)
    ...     ledger = open_ledger(held.ledger)
    ...     found = readiness_of(ledger, held, parse_instant("2026-01-05T03:00Z"), frozenset({"disk"}))
    ...     ledger.close()
    >>> [(part.name, part.is_ready, part.reason) for part in found]
    [('ledger', True, 'it answers'), ('cycle', True, 'no live sources: none is expected')]
    """
    looks: dict[str, Callable[[], Part]] = {
        "ledger": lambda: _ledger(ledger),
        "disk": lambda: _disk(settings.data_dir),
        "cycle": lambda: _cycle(ledger, settings, now),
    }
    return [_asked(name, looks[name]) for name in PARTS if name not in leave_out]


def _asked(name: str, look: Callable[[], Part]) -> Part:
    try:
        return look()
    except (SameairError, SQLAlchemyError, OSError) as error:
        return Part(name, False, " ".join(str(error).split()))


def _ledger(ledger: Ledger) -> Part:
    with ledger.read() as conn:
        conn.exec_driver_sql("SELECT 1")
    return Part("ledger", True, "it answers")


def _disk(folder: Path) -> Part:
    free, files = shutil.disk_usage(folder).free, os.statvfs(folder)
    if files.f_files and files.f_favail < LEAST_FILES:
        return Part("disk", False, f"only {files.f_favail} files can still be made; remove small files")
    if free < LEAST_BYTES:
        return Part("disk", False, f"only {free / 2**20:.0f} MiB free; make room")
    return Part("disk", True, f"{free / 2**30:.1f} GiB free")


def _cycle(ledger: Ledger, settings: Settings, now: datetime) -> Part:
    """Look whether the newest cycle of the measured world is there, where the schedule is to make it."""
    if not settings.live_sources:
        return Part("cycle", True, "no live sources: none is expected")
    with ledger.read() as conn:
        behind, said = cycles_behind(conn, now)
    if behind >= LATE_CYCLES:
        return Part("cycle", False, f"{said}; look whether `sameair serve` runs")
    return Part("cycle", True, said)


def cycles_behind(conn: Connection, now: datetime) -> tuple[int, str]:
    """Return how many cycles the measured world is behind, and that in words."""
    current = newest_current_run(conn, MEASURED)
    if current is None:
        return LATE_CYCLES, "there is no run of the measured world yet"
    behind = max(int((latest_cycle(now) - current.cycle) / CYCLE), 0)
    return behind, f"newest cycle {iso(current.cycle)}, {behind} behind"
