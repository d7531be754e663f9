"""When each flow runs: the four issues of the Korean forecast day, as Prefect schedules."""

from __future__ import annotations

from typing import Final

from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron
from prefect.types.entrypoint import EntrypointType

from flows.cycle import scheduled_cycle

CYCLE_CRON: Final = "20 5,11,17,23 * * *"
"""Twenty minutes after 05, 11, 17 and 23 KST, when AirKorea (HH:15) and CNEMC (HH:20 CST) have published."""


def cycle_deployment(data_dir: str) -> RunnerDeployment:
    """Return the deployment that runs every cycle of the measured world; one at a time, in KST.

    Prefect imports the flow by its module: by its file, `flows/` would hide other packages.
    """
    deployment = scheduled_cycle.to_deployment(
        name="cycle",
        schedule=Cron(CYCLE_CRON, timezone="Asia/Seoul"),
        parameters={"data_dir": data_dir},
        concurrency_limit=1,
        entrypoint_type=EntrypointType.MODULE_PATH,
        description="ingest, forecast, assess and propose; what a person approved is delivered",
    )
    if not isinstance(deployment, RunnerDeployment):
        raise TypeError("to_deployment was called from a running event loop")
    return deployment


def serve(data_dir: str) -> None:
    """Run the schedules until stopped; needs a Prefect server or starts one in this process."""
    from prefect import serve as prefect_serve

    prefect_serve(cycle_deployment(data_dir))
