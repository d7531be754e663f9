"""Numerical libraries on one thread, where the last digit must not depend on the machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import cache, partial
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import TypeVar

import scipy.linalg  # noqa: F401 - loads the libraries whose threads are counted
from threadpoolctl import ThreadpoolController

Result = TypeVar("Result")

WORKERS = 2
"""Processes that train side by side, each on one thread: threads that share cores slow each other down."""


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


def apart(
    call: Callable[..., Result], items: Sequence[tuple[object, ...]], workers: int = WORKERS
) -> Iterator[Result]:
    """Yield the result of a call per tuple of arguments, in their order, from processes of one thread each.

    With one worker, or one item, nothing leaves this process; the results are the same. The pool is the
    standard library's: a process that dies breaks it with an error, and one that holds much memory is left
    alone (loky ends it in mid-work, and then may wait for ever). The processes end with this one.

    >>> list(apart(pow, [(2, 3), (3, 2)], workers=1))
    [8, 9]
    """
    if min(workers, len(items)) <= 1:
        for item in items:
            yield single_threaded(call, *item)
        return
    context = get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(items)), context, initializer=_end_with_parent) as pool:
        yield from pool.map(partial(single_threaded, call), *zip(*items, strict=True))


def _end_with_parent() -> None:
    """Let this process end when its parent is killed, which a waiting worker would not see."""
    Thread(target=_await_parent, daemon=True).start()


def _await_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()
