"""How a cost grows with size: the exponent of the power law through measured costs, and limits judged."""

from __future__ import annotations

import multiprocessing
import resource
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """Return b of the least-squares fit cost = a * size ** b; 1 is linear growth.

    >>> round(exponent([10, 100, 1000], [3, 30, 300]), 3)
    1.0
    """
    slope, _ = np.polyfit(np.log(np.asarray(sizes, float)), np.log(np.asarray(costs, float)), 1)
    return float(slope)


def peak_gib() -> float:
    """Return the largest memory that this process has held [GiB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def apart(job: Callable[..., dict[str, float]], *arguments: Any) -> dict[str, float]:
    """Run a job in a process of its own, so that its memory is its own."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(job, *arguments).result()


def judged(found: Mapping[str, float], limits: Mapping[str, float]) -> int:
    """Print each figure beside its limit; return 1 where one is over it, else 0."""
    over = 0
    for name, limit in limits.items():
        if name in found:
            is_over = found[name] > limit
            over |= is_over
            print(f"{name:44s} {found[name]:10.3f}  limit {limit:10.3f}  {'OVER' if is_over else 'ok'}")
    return int(over)
