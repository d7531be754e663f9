"""Errands on a Dask scheduler: workers of one thread each, on this machine or on others.

The client keeps every errand and every shared input until the result is there, so that no worker is needed
for anything but work: whichever dies, its errand is done by another.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar
from uuid import uuid4

from pipeline.errors import HeavyWorkError, SameairError
from pipeline.heavy import DEATHS, Errand, Job, perform, said
from pipeline.heavy_inputs import Inputs, Laid
from pipeline.heavy_pins import pins_here

if TYPE_CHECKING:
    from distributed import Client, Future

Result = TypeVar("Result")

LONGEST_GREETING: Final = 60.0
"""[s] in which a scheduler has to answer."""

LONGEST_ALONE: Final = 120.0
"""[s] for which a scheduler may have no worker at all, such as while one is started again."""

LOOK: Final = 2.0
"""[s] between two looks at scheduler and workers while a result is awaited."""

AHEAD: Final = 2
"""Errands under way for each worker: one that is done, one that waits."""

log = logging.getLogger(__name__)


class OnScheduler:
    """Does errands on the workers of a Dask scheduler, as long as this is open."""

    def __init__(self, address: str, folder: Path | None) -> None:
        self.address = address
        self._inputs = Inputs(folder)
        self._client: Client | None = None
        self._content: dict[str, Future[bytes]] = {}
        self._travel = False

    @contextmanager
    def opened(self) -> Iterator[OnScheduler]:
        """Take leave of the scheduler afterwards, whatever happened to it."""
        with _quiet():
            try:
                with self._inputs:
                    yield self
            finally:
                self._content.clear()
                if self._client is not None:
                    with suppress(OSError, TimeoutError, RuntimeError):
                        self._client.close(timeout=LONGEST_GREETING)  # type: ignore[no-untyped-call]

    def ordered(
        self, call: Callable[..., Result], errands: Iterable[Errand], shared: Sequence[object] = ()
    ) -> Iterator[Result]:
        """See ``pipeline.heavy.Heavy``."""
        client = self._connected()
        inputs = tuple(self._inputs.laid(value) for value in shared)
        content = [self._sent(client, laid) for laid in inputs] if self._travel else []
        jobs = (Job(call, errand, inputs, pins_here()) for errand in errands)
        under_way: deque[tuple[Job, Future[Any]]] = deque()
        try:
            while True:
                room = AHEAD * max(1, len(self._threads(client))) - len(under_way)
                under_way.extend(
                    (job, _submitted(client, job, content)) for job in islice(jobs, max(0, room))
                )
                if not under_way:
                    return
                yield self._result(client, *under_way.popleft())
        finally:
            _let_go(client, [future for _, future in under_way])

    def _connected(self) -> Client:
        """Return the client, and refuse a scheduler on which results could differ or never come."""
        if self._client is not None:
            return self._client
        from distributed import Client

        try:
            client = Client(  # type: ignore[no-untyped-call]
                self.address, timeout=LONGEST_GREETING, set_as_default=False, name="sameair"
            )
        except (OSError, TimeoutError) as error:
            raise HeavyWorkError(
                f"no Dask scheduler answers at {self.address} ({type(error).__name__}); start it, or empty"
                " SAMEAIR_HEAVY_WORK to work on this machine"
            ) from error
        self._client = client
        try:
            client.wait_for_workers(1, timeout=LONGEST_GREETING)
        except TimeoutError:
            raise HeavyWorkError(
                f"the scheduler at {self.address} has no worker;"
                f" start `sameair worker --scheduler {self.address}`"
            ) from None
        several = sorted(str(name) for name, threads in self._threads(client).items() if threads != 1)
        if several:
            raise HeavyWorkError(
                f"workers with several threads disturb each other ({', '.join(several)}); start them with"
                " `sameair worker`, or --nthreads 1"
            )
        self._travel = not self._see_folder(client)
        return client

    def _see_folder(self, client: Client) -> bool:
        """Tell whether every worker sees the inputs' folder; one that dies meanwhile counts as blind."""
        probe = self._inputs.folder / f"probe-{uuid4().hex}"
        probe.touch()
        seen = _asked(lambda: client.run(_is_there, str(probe), on_error="return"), self.address)
        probe.unlink()
        return all(one is True for one in seen.values())

    def _sent(self, client: Client, laid: Laid) -> Future[bytes]:
        """Send the content of an input; the scheduler keeps it, and any worker can have it anew."""
        if laid.digest not in self._content:
            key = f"sameair-input-{laid.digest}"
            self._content[laid.digest] = client.submit(_same, laid.path.read_bytes(), key=key)
        return self._content[laid.digest]

    def _threads(self, client: Client) -> dict[str, int]:
        return dict(_asked(client.nthreads, self.address))

    def _result(self, client: Client, job: Job, future: Future[Any]) -> Any:
        """Await one result; say what became of the errand where there is none."""
        from distributed import KilledWorker

        alone_since: float | None = None
        while True:
            try:
                return future.result(timeout=LOOK)
            except SameairError:
                raise
            except KilledWorker as error:
                raise HeavyWorkError(
                    f"{job.errand.label}: {DEATHS} or more workers ended over it, the last at"
                    f" {error.last_worker.address}; most likely it needs more memory than they have"
                ) from error
            except (concurrent.futures.CancelledError, asyncio.CancelledError) as error:
                raise self._gone(job) from error
            except TimeoutError:
                alone_since = self._patience(client, job, alone_since)
            except Exception as error:
                raise HeavyWorkError(said(job.errand.label, error)) from error

    def _patience(self, client: Client, job: Job, alone_since: float | None) -> float | None:
        """Return since when there has been no worker; refuse to wait where nobody can answer any more."""
        if client.status != "running":
            raise self._gone(job)
        if self._threads(client):
            return None
        now = time.monotonic()
        if alone_since is not None and now - alone_since > LONGEST_ALONE:
            raise HeavyWorkError(
                f"{job.errand.label}: the scheduler at {self.address} has had no worker for"
                f" {LONGEST_ALONE:.0f} s; start `sameair worker --scheduler {self.address}` and run it again"
            )
        return alone_since or now

    def _gone(self, job: Job) -> HeavyWorkError:
        return HeavyWorkError(
            f"{job.errand.label}: the scheduler at {self.address} is gone;"
            " start it again and run the same command"
        )


def _submitted(client: Client, job: Job, content: Sequence[Future[bytes]]) -> Future[Any]:
    name = re.sub(r"[^A-Za-z0-9.]+", "_", job.errand.label)
    try:
        return client.submit(perform, job, *content, key=f"sameair-{name}-{uuid4().hex}", pure=False)
    except Exception as error:
        raise HeavyWorkError(said(f"{job.errand.label} cannot be sent", error)) from error


def _asked(ask: Callable[[], Any], address: str) -> Any:
    try:
        return ask()
    except (OSError, TimeoutError, concurrent.futures.CancelledError) as error:
        raise HeavyWorkError(
            f"the scheduler at {address} is gone; start it again and run the same command"
        ) from error


def _let_go(client: Client, futures: Sequence[Future[Any]]) -> None:
    """Give up what is not wanted; an errand that has begun is finished by its worker, and forgotten."""
    if futures and client.status == "running":
        with suppress(OSError, TimeoutError, concurrent.futures.CancelledError):
            client.cancel(list(futures), force=True)  # type: ignore[no-untyped-call]


def _is_there(path: str) -> bool:
    return Path(path).exists()


def _same(content: bytes) -> bytes:
    return content


@contextmanager
def _quiet() -> Iterator[None]:
    """Let the errors of this module speak instead of the library's log, and allow large inputs."""
    import dask
    import distributed  # noqa: F401 - sets its defaults, which must be there before any other is set

    chatty = [logging.getLogger(name) for name in ("distributed", "asyncio")]
    levels = [one.level for one in chatty]
    for one in chatty:
        one.setLevel(logging.CRITICAL)
    try:
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TB"}):
            yield
    finally:
        for one, level in zip(chatty, levels, strict=True):
            one.setLevel(level)
