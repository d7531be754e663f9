"""Numerical libraries on one thread, where the last digit must not depend on the machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import TypeVar

import sklearn.ensemble  # noqa: F401 - loads the libraries whose threads are counted
from threadpoolctl import ThreadpoolController

Result = TypeVar("Result")

WORKERS = 2
"""Models that are fitted side by side, each on one thread (scikit-learn#30662: OpenMP teams that share cores
slow each other down many times)."""


@contextmanager
def one_thread() -> Iterator[None]:
    """Let BLAS and OpenMP use one thread, so that the order of their sums is always the same.

    With several threads scikit-learn adds up gradients in the order in which the threads finish, and two
    trainings on the same data differ in the last digit. The limit on OpenMP holds for the calling thread.

    >>> with one_thread():
    ...     max(pool["num_threads"] for pool in _controller().info())
    1
    """
    with _controller().limit(limits=1):
        yield


def single_threaded(call: Callable[..., Result], *arguments: object) -> Result:
    """Call under ``one_thread``.

    >>> single_threaded(max, 1, 2)
    2
    """
    with one_thread():
        return call(*arguments)


def side_by_side(call: Callable[..., Result], items: Iterable[tuple[object, ...]]) -> list[Result]:
    """Call once per tuple of arguments, WORKERS at a time, results in the order of the items.

    >>> side_by_side(pow, [(2, 3), (3, 2)])
    [8, 9]
    """
    with one_thread(), ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(lambda item: single_threaded(call, *item), items))


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()
