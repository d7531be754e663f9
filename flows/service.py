"""`sameair serve`: the timetable kept awake in one process, until it is told to end."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
import time
from contextlib import suppress
from typing import Any, Final

import requests
from prefect.deployments import run_deployment
from prefect.runner import Runner

from flows.deployments import deployments, drop_old_starts
from flows.job_workers import worker_name
from flows.jobs import write_off
from flows.parents import FAREWELL, LEAVING, children, tell_to_end
from flows.scheduled import STARTED
from flows.starts import LATE
from flows.workspace import opened_at

LOOK_EVERY: Final = 30.0
"""Between two looks whether Prefect's server answers [s]."""

SILENT_FOR: Final = 180.0
"""After so long without an answer the service ends, for the service manager to begin it anew [s]."""

FAILED: Final = 75
"""Exit code of a service whose server is gone: try again later (EX_TEMPFAIL)."""

log = logging.getLogger(__name__)


class Service(Runner):
    """Prefect's runner that, told to end, first lets the runs under way write down that they were stopped."""

    def __init__(self) -> None:
        super().__init__(name="sameair", pause_on_shutdown=False)
        self._others = set(children(os.getpid()))
        self._told: asyncio.Future[int] | None = None
        self.stopped: set[str] = set()
        """Names of the workers that were told to end."""

    def handle_sigterm(self, *_args: Any, **_more: Any) -> None:
        """Remember that an end is asked for; the event loop sees to it."""
        self._tell(signal.SIGTERM)

    async def keep(self) -> int:
        """Serve until told to end and return by which signal.

        Raises
        ------
        Exception
            what ended Prefect's runner
        """
        loop = asyncio.get_running_loop()
        self._told = loop.create_future()
        loop.add_signal_handler(signal.SIGINT, self._tell, signal.SIGINT)
        serving = asyncio.ensure_future(self.start())
        waited: set[asyncio.Future[Any]] = {serving, self._told}
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        if not self._told.done():
            await serving
            return 0
        await self._end_runs()
        serving.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await asyncio.wait_for(serving, LEAVING)
        return self._told.result()

    async def _end_runs(self) -> None:
        """Tell the runs under way to end, and wait for them; what stays is killed with Prefect's runner."""
        runs = set(children(os.getpid())) - self._others
        log.info("this service was told to end; runs under way: %d", len(runs))
        self.stopped = {worker_name(number) for number in runs}
        tell_to_end(sorted(runs))
        until = time.monotonic() + FAREWELL
        while runs & set(children(os.getpid())) and time.monotonic() < until:
            await asyncio.sleep(0.2)

    def _tell(self, number: int) -> None:
        if self._told is not None and not self._told.done():
            self._told.get_loop().call_soon_threadsafe(_settle, self._told, number)


def _settle(told: asyncio.Future[int], number: int) -> None:
    if not told.done():
        told.set_result(number)


def end_without_server(url: str) -> None:
    """Look after the server for ever; end this process once it has been silent for too long."""
    answered = time.monotonic()
    while True:
        time.sleep(LOOK_EVERY)
        try:
            requests.get(f"{url}/health", timeout=LOOK_EVERY).raise_for_status()
            answered = time.monotonic()
        except requests.RequestException as error:
            silent = time.monotonic() - answered
            log.warning("Prefect's server has not answered for %.0f s: %s", silent, type(error).__name__)
            if silent > SILENT_FOR:
                log.error("Prefect's server is gone; this service ends, to be begun anew")
                os._exit(FAILED)


def serve(data_dir: str) -> None:
    """Run the schedules until stopped, on the server that PREFECT_API_URL names.

    Starts that were planned while nobody served are dropped: what still matters of them is found in the
    ledger of jobs, at once and every five minutes. Where the server stops answering the process ends with
    code 75.

    Raises
    ------
    KeyboardInterrupt
        it was stopped by Ctrl-C
    """
    drop_old_starts([flow.name for flow in STARTED.values()])
    url = os.environ["PREFECT_API_URL"]
    threading.Thread(target=end_without_server, args=(url,), daemon=True).start()
    service = Service()
    for made in deployments(STARTED, data_dir):
        service.add_deployment(made)
    run_deployment(f"{STARTED[LATE].name}/{LATE}", timeout=0)
    told = asyncio.run(service.keep())
    with opened_at(data_dir) as ws:
        write_off(ws, service.stopped)
    if told == signal.SIGINT:
        raise KeyboardInterrupt
