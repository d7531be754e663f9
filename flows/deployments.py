"""When each flow runs, as Prefect schedules: the Korean forecast day's four issues, the sources, the post."""

from __future__ import annotations

from typing import Any, Final

from prefect import Flow
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron
from prefect.types.entrypoint import EntrypointType

from flows.cycle import scheduled_cycle, scheduled_exchange, scheduled_post
from flows.hourly import scheduled_ingest

CYCLE_CRON: Final = "20 5,11,23 * * *"
"""Twenty minutes after 05, 11 and 23 KST, when AirKorea (HH:15) and CNEMC (HH:20 CST) have published."""

CONFIRM_CRON: Final = "1 17 * * *"
"""A minute after 17 KST, from data to 16:00, so that it confirms or updates before the decision of 17:10."""

INGEST_CRON: Final = "27 * * * *"
"""Every hour, when AirKorea (HH:15) and CNEMC (HH:20 CST) have published; CNEMC keeps a day only."""

POST_CRON: Final = "*/5 * * * *"
"""Every five minutes: a deadline passes, or a mail server that was away is back."""

EXCHANGE_CRON: Final = "3-53/10 * * * *"
"""Every ten minutes, if this node speaks for one party; between the hour's sources and the post."""


def cycle_times() -> tuple[str, ...]:
    """Return when cycles run [KST].

    >>> cycle_times()
    ('05:20', '11:20', '17:01', '23:20')
    """
    found = []
    for minute, hours, *_ in (CYCLE_CRON.split(), CONFIRM_CRON.split()):
        found += [f"{int(hour):02d}:{int(minute):02d}" for hour in hours.split(",")]
    return tuple(sorted(found))


def deployments(data_dir: str) -> list[RunnerDeployment]:
    """Return the deployments of a data folder: the measured world's cycle and sources, post and exchange."""
    return [
        _deployment(scheduled_cycle, "cycle", CYCLE_CRON, data_dir),
        _deployment(scheduled_cycle, "confirm", CONFIRM_CRON, data_dir),
        _deployment(scheduled_ingest, "ingest", INGEST_CRON, data_dir),
        _deployment(scheduled_post, "post", POST_CRON, data_dir),
        _deployment(scheduled_exchange, "exchange", EXCHANGE_CRON, data_dir),
    ]


def serve(data_dir: str) -> None:
    """Run the schedules until stopped, on the server that PREFECT_API_URL names."""
    from prefect import serve as prefect_serve

    prefect_serve(*deployments(data_dir))


def _deployment(flow: Flow[..., Any], name: str, cron: str, data_dir: str) -> RunnerDeployment:
    """Return a deployment, one run at a time, in KST.

    Prefect imports the flow by its module: by its file, `flows/` would hide other packages.
    """
    made = flow.to_deployment(
        name=name,
        schedule=Cron(cron, timezone="Asia/Seoul"),
        parameters={"data_dir": data_dir},
        concurrency_limit=1,
        entrypoint_type=EntrypointType.MODULE_PATH,
        description=flow.description,
    )
    if not isinstance(made, RunnerDeployment):
        raise TypeError("to_deployment was called from a running event loop")
    return made
