"""A process that ends when the one that started it is gone, and the processes that one has started."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

LOOK_EVERY: Final = 2.0
"""Between two looks whether the parent lives [s]."""

FAREWELL: Final = 20.0
"""How long an orderly end may take before a process is ended [s]."""

LEAVING: Final = 15.0
"""How long Prefect's own end of a service may take after that [s]."""

RUN: Final = "PREFECT__FLOW_RUN_ID"
"""What the environment holds of a process that Prefect's runner or worker began."""

log = logging.getLogger(__name__)


def end_with_parent() -> None:
    """Have a run that Prefect began told to end once its parent is gone, and end it if it does not.

    A run that outlives the service that began it is out of everybody's reach: nothing shows its log, and no
    stop of the service ends it. Any other process is left alone.
    """
    if RUN not in os.environ:
        return
    threading.Thread(target=_look_after, args=(os.getppid(),), daemon=True).start()


def children(parent: int) -> list[int]:
    """Return the living processes that a process has started; empty where the system has no `/proc`.

    >>> children(0)[:0]
    []
    """
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            # the name of a program may hold blanks and brackets; state and parent follow it
            state, owner = path.read_text("utf-8", errors="replace").rpartition(")")[2].split()[:2]
        except (OSError, ValueError):
            continue
        if int(owner) == parent and state not in "ZX":
            found.append(int(path.parent.name))
    return sorted(found)


def tell_to_end(processes: Sequence[int]) -> None:
    """Send each the signal to end in good order."""
    for number in processes:
        try:
            os.kill(number, signal.SIGTERM)
        except ProcessLookupError:
            continue


def _look_after(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_EVERY)
    log.warning("the process that began this one is gone; this one ends")
    tell_to_end([os.getpid()])
    time.sleep(FAREWELL)
    os._exit(75)
