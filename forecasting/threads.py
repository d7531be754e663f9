"""One thread for every numerical call: results do not depend on the machine, workers do not compete."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, TypeVar

from threadpoolctl import ThreadpoolController

Result = TypeVar("Result")

WORKERS = 2
"""Models that are fitted side by side, each on one thread (scikit-learn#30662: OpenMP teams that share cores
slow each other down many times)."""


@cache
def _controller() -> Any:
    return ThreadpoolController()


def single_threaded(call: Callable[..., Result], *arguments: object) -> Result:
    """Call with one OpenMP and one BLAS thread.

    >>> single_threaded(max, 1, 2)
    2
    """
    with _controller().limit(limits=1):
        return call(*arguments)


def side_by_side(call: Callable[..., Result], items: Iterable[tuple[object, ...]]) -> list[Result]:
    """Call once per tuple of arguments, WORKERS at a time, results in the order of the items.

    >>> side_by_side(pow, [(2, 3), (3, 2)])
    [8, 9]
    """
    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(lambda item: single_threaded(call, *item), items))
