"""Errands in processes of this machine, one thread each; one that dies is replaced, its errand repeated."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from pathlib import Path
from threading import Lock, Thread
from typing import Any, Final, TypeVar

from pipeline.errors import HeavyWorkError
from pipeline.heavy import DEATHS, HERE, Errand, Job, perform, said
from pipeline.heavy_inputs import Inputs

Result = TypeVar("Result")

ONE_THREAD: Final = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
)
"""What numerical libraries read when they are loaded."""

LONGEST_FAREWELL: Final = 5.0
"""[s] that an idle process may take to end."""

_spawn = get_context("spawn")
_environment = Lock()


class Died(Exception):
    """A process ended in the middle of an errand."""


class Hand:
    """One process, and what it is doing."""

    def __init__(self) -> None:
        self.pipe, there = _spawn.Pipe()
        self.process = _spawn.Process(target=_serve, args=(there,), daemon=True, name="sameair-heavy")
        with _one_thread_environment():
            self.process.start()
        there.close()
        self.number = -1

    def give(self, number: int, job: Job) -> None:
        """Begin an errand; a process that died meanwhile is found when its answer is awaited."""
        self.number = number
        with suppress(BrokenPipeError):
            self.pipe.send(job)

    def take(self) -> Any:
        """Return what the errand gave back.

        Raises
        ------
        Died
            the process is no more
        SameairError
            that of the errand
        """
        try:
            fine, value = self.pipe.recv()
        except (EOFError, OSError):
            self.process.join(LONGEST_FAREWELL)
            raise Died(self._end()) from None
        if not fine:
            raise value
        return value

    def end(self, *, at_once: bool) -> None:
        """End the process, in the middle of an errand if need be."""
        self.pipe.close()
        if at_once:
            self.process.kill()
        self.process.join(LONGEST_FAREWELL)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.process.close()

    def _end(self) -> str:
        code = self.process.exitcode
        return signal.Signals(-code).name if code is not None and code < 0 else f"exit code {code}"


class Processes:
    """Does errands in so many processes, which stay for the next ones until this is closed."""

    def __init__(self, count: int, folder: Path | None) -> None:
        self.count = count
        self._inputs = Inputs(folder)
        self._idle: list[Hand] = []

    @contextmanager
    def opened(self) -> Iterator[Processes]:
        """End all processes and remove their inputs afterwards."""
        try:
            with self._inputs:
                yield self
        finally:
            for hand in self._idle:
                hand.end(at_once=False)
            self._idle.clear()

    def ordered(
        self, call: Callable[..., Result], errands: Iterable[Errand], shared: Sequence[object] = ()
    ) -> Iterator[Result]:
        """See ``pipeline.heavy.Heavy``; a single errand is not worth a process."""
        if isinstance(errands, Sequence) and len(errands) <= 1:
            yield from HERE.ordered(call, errands, shared)
            return
        inputs = tuple(self._inputs.laid(value) for value in shared)
        yield from _Round(self, (Job(call, errand, inputs) for errand in errands)).results()

    def hand(self) -> Hand:
        """Return a process that does nothing."""
        return self._idle.pop() if self._idle else Hand()

    def free(self, hand: Hand) -> None:
        """Keep a process for the next errand."""
        self._idle.append(hand)


class _Round:
    """One sequence of errands: which are under way, which are done, which have to be repeated."""

    def __init__(self, place: Processes, jobs: Iterator[Job]) -> None:
        self.place, self.jobs = place, enumerate(jobs)
        self.busy: list[Hand] = []
        self.known: dict[int, Job] = {}
        self.done: dict[int, Any] = {}
        self.again: list[int] = []
        self.deaths: dict[int, int] = {}

    def results(self) -> Iterator[Any]:
        """Yield the results in order; end what is under way if nobody wants more."""
        number = 0
        try:
            while True:
                self._give()
                if not self.busy:
                    return
                for pipe in wait([hand.pipe for hand in self.busy]):
                    self._take(next(hand for hand in self.busy if hand.pipe is pipe))
                while number in self.done:
                    yield self.done.pop(number)
                    number += 1
        finally:
            for hand in self.busy:
                hand.end(at_once=True)

    def _give(self) -> None:
        """Give errands to as many processes as there may be, unless too many results wait already."""
        while len(self.busy) < self.place.count:
            if self.again:
                number = self.again.pop()
            elif len(self.busy) + len(self.done) >= 2 * self.place.count:
                return
            else:
                following = next(self.jobs, None)
                if following is None:
                    return
                number, self.known[following[0]] = following
            hand = self.place.hand()
            self.busy.append(hand)
            hand.give(number, self.known[number])

    def _take(self, hand: Hand) -> None:
        self.busy.remove(hand)
        try:
            self.done[hand.number] = hand.take()
        except Died as death:
            hand.end(at_once=True)
            self._died(hand.number, str(death))
            return
        except BaseException:
            self.place.free(hand)
            raise
        del self.known[hand.number]
        self.place.free(hand)

    def _died(self, number: int, how: str) -> None:
        self.deaths[number] = self.deaths.get(number, 0) + 1
        if self.deaths[number] >= DEATHS:
            raise HeavyWorkError(
                f"{self.known[number].errand.label}: {DEATHS} processes ended over it ({how}); most likely it"
                " needs more memory than there is: use fewer processes"
            )
        self.again.append(number)


@contextmanager
def _one_thread_environment() -> Iterator[None]:
    """Let a process that is started now find one thread asked for, before it loads any library."""
    with _environment:
        before = {name: os.environ.get(name) for name in ONE_THREAD}
        os.environ.update(ONE_THREAD)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value


def _serve(pipe: Connection[Any, Any]) -> None:
    """Do what comes, until nothing can come any more; Ctrl-C is for the parent, which ends this process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_await_parent, daemon=True).start()
    while True:
        try:
            job = pipe.recv()
        except (EOFError, OSError):
            return
        except Exception as error:  # noqa: BLE001 - what cannot be read here is told to the sender
            answer = (False, HeavyWorkError(said("an errand cannot be read", error)))
        else:
            answer = _answer(job)
        try:
            pipe.send(answer)
        except (BrokenPipeError, ConnectionResetError):
            return
        except Exception as error:  # noqa: BLE001 - as above
            pipe.send((False, HeavyWorkError(said("a result cannot be sent", error))))


def _answer(job: Job) -> tuple[bool, Any]:
    try:
        return True, perform(job)
    except Exception as error:  # noqa: BLE001 - raised again by the sender
        return False, error


def _await_parent() -> None:
    """End this process when its parent was killed, which a busy one would not see."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
