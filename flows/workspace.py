"""An open data folder: settings, ledger, observation store, clock, and where progress is told."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from pipeline.ledger import Ledger, open_ledger
from pipeline.observations import ObservationStore
from pipeline.settings import Settings
from pipeline.storage.opening import OBSERVATIONS, stored_in
from pipeline.times import Clock, system_clock

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
    """
    os.environ.setdefault("MPLCONFIGDIR", str((settings.data_dir / "cache" / "matplotlib").resolve()))
    ledger = open_ledger(settings.ledger)
    return Workspace(
        settings, ledger, ObservationStore(stored_in(settings, OBSERVATIONS), ledger, clock), clock
    )
