"""What a run costs: wall time, processor time with that of child processes, most memory; kept beside it."""

from __future__ import annotations

import json
import logging
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pipeline.errors import StorageError
from pipeline.files import write_atomic

FILE: Final = "cost.json"
KIBIBYTE: Final = 1024
"""Linux gives the most memory of a process in these."""

log = logging.getLogger(__name__)


@contextmanager
def cost_kept(folder: Path) -> Iterator[None]:
    """Write into a run's folder what the block cost; one that fails leaves nothing.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     with cost_kept(Path(name)):
    ...         total = sum(range(1000))
    ...     sorted(read_cost(Path(name)))
    ['cpu_seconds', 'memory_bytes', 'wall_seconds']
    """
    wall, cpu = time.monotonic(), _cpu_seconds()
    yield
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIBIBYTE
    found = {
        "wall_seconds": round(time.monotonic() - wall, 3),
        "cpu_seconds": round(_cpu_seconds() - cpu, 3),
        "memory_bytes": most,
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(folder / FILE, json.dumps(found).encode())
    except (OSError, StorageError) as error:
        log.warning("what the run cost could not be written down: %s", error)


def read_cost(folder: Path) -> dict[str, float]:
    """Return what a run cost, nothing where that is not known."""
    try:
        held = json.loads((folder / FILE).read_bytes())
    except (OSError, ValueError):
        return {}
    return {str(k): float(v) for k, v in held.items()} if isinstance(held, dict) else {}


def _cpu_seconds() -> float:
    """Return the processor time of this process and of its children that have ended [s]."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, kinds))
