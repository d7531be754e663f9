"""Names of processes that do jobs, by which a dead one is told from one that is only silent."""

from __future__ import annotations

import os
import socket
from pathlib import Path


def worker_name() -> str:
    """Return this process's name: machine, number, and when it began, since numbers are used again.

    >>> is_alive(worker_name())
    True
    """
    return f"{socket.gethostname()}:{os.getpid()}:{_began(os.getpid())}"


def is_alive(worker: str) -> bool | None:
    """Tell whether a process of this machine lives; None of another machine, or where it cannot be told.

    >>> is_alive("another machine:1:2"), is_alive("nonsense")
    (None, None)
    """
    host, _, rest = worker.rpartition(":")[0].rpartition(":")
    number, began = rest, worker.rpartition(":")[2]
    if host != socket.gethostname() or not number.isdigit():
        return None
    found = _began(int(number))
    if found == "":
        return False if Path("/proc/self/stat").exists() else None
    return found == began


def _began(number: int) -> str:
    """Return when a process began, in ticks since the machine started; empty if there is none."""
    try:
        # the name of a program may hold blanks and brackets; the 20th field after it is when it began
        fields = Path(f"/proc/{number}/stat").read_text("utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in ("Z", "X") else fields[19]
