"""An open data folder: settings, ledger, observation store, clock, and where progress is told."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from sqlalchemy import make_url

from pipeline.errors import StorageError
from pipeline.ledger import Ledger, open_ledger
from pipeline.observations import ObservationStore
from pipeline.settings import Settings
from pipeline.storage.opening import OBSERVATIONS, stored_in
from pipeline.times import Clock, system_clock

RESTORING: Final = ".restoring"
"""Stands in a data folder from the beginning of a restore to its end; nothing works there meanwhile."""

Reporter = Callable[[str, int, int], None]


def _silent(label: str, done: int, total: int) -> None:
    """Tell nobody."""


reporter: ContextVar[Reporter] = ContextVar("reporter", default=_silent)
"""Where long steps tell how far they have come: label, done, total."""


@dataclass(frozen=True)
class Workspace:
    """Everything a step needs to touch the disk; opened anew by every task, so that each can run alone."""

    settings: Settings
    ledger: Ledger
    store: ObservationStore
    clock: Clock

    def __reduce__(self) -> tuple[Callable[..., Workspace], tuple[Path, str]]:
        """Travel to another process as what is needed to open it there; passwords and keys stay here."""
        url = make_url(self.settings.ledger)
        return reopened, (self.settings.data_dir.resolve(), "" if url.password else str(url))

    def run_folder(self, world: str, cycle_text: str, run_id: str) -> Path:
        """Return the folder of one run's products."""
        return self.settings.runs_dir / world / cycle_text.replace(":", "") / run_id

    @property
    def warnings_dir(self) -> Path:
        """Return the folder of issued CAP messages and rendered e-mails."""
        return self.settings.data_dir / "warnings"


def open_workspace(settings: Settings, clock: Clock = system_clock) -> Workspace:
    """Open a data folder, creating and migrating its ledger when needed.

    What matplotlib keeps of the machine's fonts goes into the first data folder that a process opens, unless
    the operator has set ``MPLCONFIGDIR``.

    Raises
    ------
    StorageError
        the ledger cannot be used, or a restore into the folder was broken off
    """
    if (settings.data_dir / RESTORING).exists():
        raise StorageError(f"a restore into {settings.data_dir} was broken off; repeat `sameair restore`")
    os.environ.setdefault("MPLCONFIGDIR", str((settings.data_dir / "cache" / "matplotlib").resolve()))
    ledger = open_ledger(settings.ledger)
    return Workspace(
        settings, ledger, ObservationStore(stored_in(settings, OBSERVATIONS), ledger, clock), clock
    )


@contextmanager
def opened_at(data_dir: str) -> Iterator[Workspace]:
    """Open a data folder for one piece of work; every other setting comes from the own configuration.

    Parameters
    ----------
    data_dir : empty: that of the own configuration, too
    """
    ws = open_workspace(Settings(data_dir=Path(data_dir)) if data_dir else Settings())
    try:
        yield ws
    finally:
        ws.ledger.close()


@lru_cache(2)
def reopened(data_dir: Path, ledger_url: str) -> Workspace:
    """Open in another process what a Workspace there travelled from.

    Parameters
    ----------
    data_dir : the sender's; where there is no such folder, that of this process's own settings
    ledger_url : the sender's, where these name none; empty where it holds a password, which does not travel
    """
    own = Settings()
    folder = data_dir if data_dir.is_dir() else own.data_dir
    return open_workspace(Settings(data_dir=folder, ledger_url=own.ledger_url or ledger_url))
