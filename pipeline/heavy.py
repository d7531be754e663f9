"""Heavy work in coarse errands: in this process, in processes of this machine, or on a Dask scheduler.

The results do not depend on where: errands are cut the same everywhere, each runs on one thread, and what
they give back comes in their order.
"""

from __future__ import annotations

import os
import pickle
import re
import socket
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from pipeline.errors import HeavyWorkError, SameairError, UsageError, printable
from pipeline.threads import single_threaded

if TYPE_CHECKING:
    from pipeline.heavy_inputs import Laid

Result = TypeVar("Result")

ROOT: Final = Path(__file__).parents[1]
WHERE: Final = re.compile(r"|\d{1,3}|(tcp|tls)://[^\s/]+:\d+")
"""What the setting may be; its empty form is one process for each core, up to MOST_UNASKED."""

_DEEP: Final = str(ROOT).count("site-packages")

MOST_UNASKED: Final = 4
"""Processes used at most where nobody said how many: each needs memory of its own."""

DEATHS: Final = 3
"""So many processes may die over one errand before it is given up."""


@dataclass(frozen=True)
class Errand:
    """One piece of work: what errors call it, and the arguments of the call, small enough to be sent."""

    label: str
    arguments: tuple[Any, ...]


class Heavy(Protocol):
    """A place where errands are done."""

    def ordered(
        self, call: Callable[..., Result], errands: Iterable[Errand], shared: Sequence[object] = ()
    ) -> Iterator[Result]:
        """Yield ``call(*shared, *errand.arguments)`` of every errand, in their order, on one thread each.

        Few errands are under way at a time, and as few results wait. Whoever stops listening ends them.

        Parameters
        ----------
        call : a function that a module names, which changes nothing but what it returns
        shared : large first arguments of every call, at most three, handed over once and never written to

        Raises
        ------
        HeavyWorkError
            an errand failed with an error that is none of ours, or ended DEATHS processes
        SameairError
            whatever an errand itself raised
        """


class InThisProcess:
    """Does errands one after the other, here."""

    def ordered(
        self, call: Callable[..., Result], errands: Iterable[Errand], shared: Sequence[object] = ()
    ) -> Iterator[Result]:
        """See ``Heavy``.

        >>> list(HERE.ordered(pow, [Errand("a", (3,)), Errand("b", (2,))], shared=(2,)))
        [8, 4]
        """
        for errand in errands:
            yield attempt(call, errand.label, (*shared, *errand.arguments))


HERE: Final = InThisProcess()


@contextmanager
def heavy_work(where: str, folder: Path | None = None) -> Iterator[Heavy]:
    """Open a place for errands, and leave no process of ours behind.

    Parameters
    ----------
    where : empty: one process for each core of this machine, MOST_UNASKED at most; 0 or 1: this process;
        a number: so many processes; ``tcp://host:port`` or ``tls://host:port``: a Dask scheduler
    folder : where shared inputs lie while they are needed; other machines should see it by the same path

    Raises
    ------
    UsageError
        ``where`` is none of these

    Examples
    --------
    >>> with heavy_work("1") as heavy:
    ...     list(heavy.ordered(pow, [Errand("squared", (3, 2))]))
    [9]
    """
    if not WHERE.fullmatch(where):
        raise UsageError(
            f"SAMEAIR_HEAVY_WORK={where}: give a number of processes, or a scheduler's tcp://host:port"
        )
    count = int(where) if where.isdigit() else min(len(os.sched_getaffinity(0)), MOST_UNASKED)
    if "://" in where:
        from pipeline.heavy_dask import OnScheduler

        with OnScheduler(where, folder).opened() as far:
            yield far
    elif count <= 1:
        yield HERE
    else:
        from pipeline.heavy_processes import Processes

        with Processes(count, folder).opened() as beside:
            yield beside


@dataclass(frozen=True)
class Job:
    """An errand on its way to another process.

    Parameters
    ----------
    inputs : the shared arguments, each laid down in a file
    pins : what the sender runs on, see ``heavy_pins``; None where it is the same installation
    """

    call: Callable[..., Any]
    errand: Errand
    inputs: tuple[Laid, ...]
    pins: dict[str, str] | None = None


def perform(job: Job, *content: bytes) -> Any:
    """Do a job that arrived from another process.

    Parameters
    ----------
    content : of the shared inputs, where they travelled with the job instead of lying in a file
    """
    from pipeline.heavy_inputs import opened
    from pipeline.heavy_pins import check_pins

    if job.pins is not None:
        check_pins(job.pins)
    given = content or (None,) * len(job.inputs)
    shared = [opened(laid, one) for laid, one in zip(job.inputs, given, strict=True)]
    return attempt(job.call, job.errand.label, (*shared, *job.errand.arguments))


def attempt(call: Callable[..., Result], label: str, arguments: Sequence[object]) -> Result:
    """Call on one thread; an error that is none of ours, or cannot travel, becomes a HeavyWorkError.

    >>> attempt(int, "reading", ["x"])
    Traceback (most recent call last):
    ...
    pipeline.errors.HeavyWorkError: reading: ValueError: invalid literal for int() with base 10: 'x' (...)
    """
    try:
        return single_threaded(call, *arguments)
    except Exception as error:
        if isinstance(error, SameairError) and _travels(error):
            raise
        raise HeavyWorkError(said(label, error)) from error


def said(label: str, error: BaseException) -> str:
    """Return one line: which errand, which error, and where in the program it happened."""
    frames = traceback.extract_tb(error.__traceback__)
    here = f"{ROOT}{os.sep}"
    ours = [f for f in frames if f.filename.startswith(here) and f.filename.count("site-packages") == _DEEP]
    place = "outside the program"
    if ours:
        place = f"{os.path.relpath(ours[-1].filename, ROOT)}:{ours[-1].lineno} in {ours[-1].name}"
    text = " ".join(printable(str(error)).split())[:400]
    return f"{label}: {type(error).__name__}: {text} ({place}, on {socket.gethostname()})"


def _travels(error: SameairError) -> bool:
    """Tell whether an error is the same after a journey to another process."""
    try:
        return str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301 - made a moment ago
    except Exception:  # noqa: BLE001 - whatever stops it, it does not travel
        return False
