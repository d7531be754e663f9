"""Numerical libraries on one thread, where the last digit must not depend on the machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TypeVar

import scipy.linalg  # noqa: F401 - loads the libraries whose threads are counted
from threadpoolctl import ThreadpoolController

Result = TypeVar("Result")


@contextmanager
def one_thread() -> Iterator[None]:
    """Let BLAS and OpenMP use one thread, so that the order of their sums is always the same.

    With several threads sums are added up in another order, and two trainings on the same data differ in the
    last digit. The limit on OpenMP holds for the calling thread.

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


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()
