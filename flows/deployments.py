"""The timetable as Prefect's deployments, and what is planned for them on Prefect's server."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from prefect import Flow, get_client
from prefect.client.schemas.filters import FlowFilter, FlowRunFilter
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import ObjectNotFound
from prefect.schedules import Cron
from prefect.types.entrypoint import EntrypointType

from flows.starts import ZONE, Start, starts
from pipeline.times import Clock, system_clock

AT_ONCE: Final = 200
"""So many planned runs are read at once."""


def deployments(flows: dict[str, Flow[..., Any]], data_dir: str) -> list[RunnerDeployment]:
    """Return the deployments of a data folder.

    Parameters
    ----------
    flows : by the names of :func:`flows.starts.starts`
    """
    return [_deployment(flows[start.flow], start, data_dir) for start in starts()]


def drop_old_starts(
    names: list[str], older: timedelta = timedelta(minutes=1), clock: Clock = system_clock
) -> int:
    """Delete planned runs of flows whose time is over, and leave those of other programs; returns how many.

    Parameters
    ----------
    names : of the flows, as Prefect knows them
    """
    over = {"expected_start_time": {"before_": clock() - older}}
    waiting = {"state": {"type": {"any_": ["SCHEDULED"]}}}
    wanted = FlowRunFilter.model_validate(over | waiting)
    ours = FlowFilter.model_validate({"name": {"any_": names}})
    dropped = 0
    with get_client(sync_client=True) as client:
        while found := client.read_flow_runs(flow_filter=ours, flow_run_filter=wanted, limit=AT_ONCE):
            for run in found:
                try:
                    client.delete_flow_run(run.id)
                except ObjectNotFound:
                    continue
                dropped += 1
    return dropped


def _deployment(flow: Flow[..., Any], start: Start, data_dir: str) -> RunnerDeployment:
    """Return a deployment with no limit of its own: the ledger of jobs lets one at a time begin.

    Prefect keeps who holds a limit in the server's memory, and that it is held in its database, so a limit
    could stay taken for ever where both are killed. It imports the flow by its module: by its file,
    `flows/` would hide other packages.
    """
    made = flow.to_deployment(
        name=start.name,
        schedule=Cron(start.cron, timezone=ZONE),
        parameters={"data_dir": data_dir},
        entrypoint_type=EntrypointType.MODULE_PATH,
        description=flow.description,
    )
    if not isinstance(made, RunnerDeployment):
        raise TypeError("to_deployment was called from a running event loop")
    return made
