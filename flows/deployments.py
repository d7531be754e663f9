"""The timetable as Prefect's deployments: what wakes each flow, and the service that keeps them awake."""

from __future__ import annotations

import logging
import os
import threading
import time
from typing import Any, Final

import requests
from prefect import Flow, get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron
from prefect.types.entrypoint import EntrypointType

from flows.scheduled import FLOWS, scheduled_late
from flows.timetable import CONFIRM, CYCLE, TIMETABLE

LATE_CRON: Final = "2-57/5 * * * *"
"""Every five minutes: whatever was missed is found soon after the machine is back."""

LOOK_EVERY: Final = 30.0
"""Between two looks whether Prefect's server answers [s]."""

SILENT_FOR: Final = 180.0
"""After so long without an answer the service ends, for the service manager to begin it anew [s]."""

FAILED: Final = 75
"""Exit code of a service whose server is gone: try again later (EX_TEMPFAIL)."""

log = logging.getLogger(__name__)


def schedules() -> dict[str, tuple[str, str]]:
    """Return for each deployment the flow of the timetable and its cron line in KST.

    >>> schedules()["confirm"], schedules()["post"]
    (('cycle', '1 17 * * *'), ('post', '0,5,10,15,20,25,30,35,40,45,50,55 * * * *'))
    """
    named = [("confirm" if entry is CONFIRM else entry.flow, entry) for entry in TIMETABLE]
    return {name: (entry.flow, entry.rhythm.cron(entry.begins)) for name, entry in named}


def cycle_times() -> tuple[str, ...]:
    """Return when cycles run at the earliest [KST].

    >>> cycle_times()
    ('05:20', '11:20', '17:01', '23:20')
    """
    minutes = [
        (hour * 60 + int(e.begins.total_seconds() // 60)) for e in (CYCLE, CONFIRM) for hour in e.rhythm.hours
    ]
    return tuple(f"{m // 60:02d}:{m % 60:02d}" for m in sorted(minutes))


def deployments(data_dir: str) -> list[RunnerDeployment]:
    """Return the deployments of a data folder."""
    made = [_deployment(FLOWS[flow], name, cron, data_dir) for name, (flow, cron) in schedules().items()]
    return [*made, _deployment(scheduled_late, "late", LATE_CRON, data_dir)]


def serve(data_dir: str) -> None:
    """Run the schedules until stopped, on the server that PREFECT_API_URL names.

    Starts that were planned while nobody served are dropped: what still matters of them is found in the
    ledger of jobs. Where the server stops answering the process ends with code 75.
    """
    from prefect import serve as prefect_serve

    drop_old_starts()
    threading.Thread(target=end_without_server, args=(os.environ["PREFECT_API_URL"],), daemon=True).start()
    prefect_serve(*deployments(data_dir))


def drop_old_starts() -> int:
    """Delete planned runs of these flows whose time is over; returns how many."""
    from datetime import timedelta

    from pipeline.times import system_clock

    over = {"expected_start_time": {"before_": system_clock() - timedelta(minutes=1)}}
    waiting = {"state": {"type": {"any_": ["SCHEDULED"]}}}
    dropped = 0
    with get_client(sync_client=True) as client:
        while found := client.read_flow_runs(
            flow_run_filter=FlowRunFilter.model_validate(over | waiting), limit=200
        ):
            for run in found:
                client.delete_flow_run(run.id)
            dropped += len(found)
    return dropped


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


def _deployment(flow: Flow[..., Any], name: str, cron: str, data_dir: str) -> RunnerDeployment:
    """Return a deployment in KST, with no limit of its own: the ledger of jobs lets one at a time begin.

    Prefect keeps who holds a limit in the server's memory, and that it is held in its database, so a limit
    could stay taken for ever where both are killed. It imports the flow by its module: by its file,
    `flows/` would hide other packages.
    """
    made = flow.to_deployment(
        name=name,
        schedule=Cron(cron, timezone="Asia/Seoul"),
        parameters={"data_dir": data_dir},
        entrypoint_type=EntrypointType.MODULE_PATH,
        description=flow.description,
    )
    if not isinstance(made, RunnerDeployment):
        raise TypeError("to_deployment was called from a running event loop")
    return made
