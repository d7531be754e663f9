"""Names of processes that do jobs, by which a dead one is told from one that is only silent."""

from __future__ import annotations

import os
import socket
from pathlib import Path


def worker_name(number: int | None = None) -> str:
    """Return a process's name: machine, number, and when it began, since numbers are used again.

    Two containers of one machine may bear one name and count their processes each from 1: what tells them
    apart are the machine's start and the container's own table of processes.

    Parameters
    ----------
    number : of a process of this machine; default: this one

    >>> is_alive(worker_name())
    True
    """
    number = os.getpid() if number is None else number
    return f"{_table()}:{number}:{_began(number)}"


def is_alive(worker: str) -> bool | None:
    """Tell whether a process of this machine lives; None of another machine, or where it cannot be told.

    >>> is_alive("another machine:1:2"), is_alive("nonsense")
    (None, None)
    """
    head, _, began = worker.rpartition(":")
    table, _, number = head.rpartition(":")
    if table != _table() or not number.isdigit():
        return None
    found = _began(int(number))
    if found == "":
        return False if Path("/proc/self/stat").exists() else None
    return found == began


def _table() -> str:
    """Return the name of the table of processes that this one stands in."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("utf-8").strip()[:8]
        space = Path("/proc/self/ns/pid").readlink().name.strip("pid:[]")
    except OSError:
        return socket.gethostname()
    return f"{socket.gethostname()}/{boot}/{space}"


def _began(number: int) -> str:
    """Return when a process began, in ticks since the machine started; empty if there is none."""
    try:
        # the name of a program may hold blanks and brackets; the 20th field after it is when it began
        fields = Path(f"/proc/{number}/stat").read_text("utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in ("Z", "X") else fields[19]
