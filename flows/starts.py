"""What wakes each flow of the timetable: names, cron lines and work pools, as data and as `prefect.yaml`.

Nothing here knows Prefect, so that the file can be written and compared without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from flows.timetable import CONFIRM, CYCLE, TIMETABLE, Entry

ZONE: Final = "Asia/Seoul"
"""Time zone of the cron lines."""

LATE: Final = "late"
LATE_CRON: Final = "2-57/5 * * * *"
"""Every five minutes: whatever was missed is found soon after the machine is back."""

PROMPT_POOL: Final = "sameair"
"""Work pool of what loses its worth within hours."""

PATIENT_POOL: Final = "sameair-patient"
"""Work pool of what may wait for half a day, so that it takes no worker from the rest."""

PATIENT: Final = timedelta(hours=12)
"""What still matters so long after its time goes to the second pool."""

HEAD: Final = f"""\
# Made from flows/timetable.py by `make docs`; a test compares. See docs/scheduling.md.
# Deployments for a Prefect server of your own: prefect --no-prompt deploy --all
# No deployment has a concurrency limit, and the pools should have none: a slot whose holder was killed
# with its server would stay taken for ever, and its flow would never run again. The ledger of jobs lets
# one at a time work; how many processes run beside each other is the `--limit` of each worker.
name: sameair
pull: []
definitions:
  work_pools:
    prompt: &prompt
      name: {PROMPT_POOL}
    patient: &patient
      name: {PATIENT_POOL}
deployments:
"""


@dataclass(frozen=True)
class Start:
    """One deployment: which flow is woken when, and where it works.

    Parameters
    ----------
    name : of the deployment
    flow : of the timetable; ``late`` is not in it, for it looks after the others
    function : in :mod:`flows.scheduled`
    cron : in ``ZONE``
    """

    name: str
    flow: str
    function: str
    cron: str
    pool: str
    means: str


def starts() -> tuple[Start, ...]:
    """Return every deployment, in the order of the timetable.

    >>> {start.name: start.cron for start in starts()}["confirm"]
    '1 17 * * *'
    >>> [start.name for start in starts() if start.pool == PATIENT_POOL]
    ['verification', 'upkeep', 'backup', 'outlook', 'retraining', 'links']
    """
    late = Start(LATE, LATE, _function(LATE), LATE_CRON, PROMPT_POOL, "what nothing began in time")
    return (*map(_start, TIMETABLE), late)


def cycle_times() -> tuple[str, ...]:
    """Return when cycles run at the earliest [KST].

    >>> cycle_times()
    ('05:20', '11:20', '17:01', '23:20')
    """
    minutes = [
        (hour * 60 + int(e.begins.total_seconds() // 60)) for e in (CYCLE, CONFIRM) for hour in e.rhythm.hours
    ]
    return tuple(f"{m // 60:02d}:{m % 60:02d}" for m in sorted(minutes))


def prefect_file() -> str:
    """Return the deployments as the text of `prefect.yaml`.

    >>> print(prefect_file()[len(HEAD):].split("  - name")[1])
    : cycle
        description: forecast cycle
        entrypoint: flows.scheduled.scheduled_cycle
        schedules:
          - cron: "20 5,11,23 * * *"
            timezone: Asia/Seoul
            slug: cycle
        parameters:
          data_dir: ""
        work_pool: *prompt
    """
    return HEAD + "".join(map(_block, starts()))


def _start(entry: Entry) -> Start:
    name = "confirm" if entry is CONFIRM else entry.flow
    pool = PATIENT_POOL if entry.matters >= PATIENT else PROMPT_POOL
    cron = entry.rhythm.cron(entry.begins)
    return Start(name, entry.flow, _function(entry.flow), cron, pool, entry.means)


def _function(flow: str) -> str:
    return f"scheduled_{flow}"


def _block(start: Start) -> str:
    return f"""\
  - name: {start.name}
    description: {start.means}
    entrypoint: flows.scheduled.{start.function}
    schedules:
      - cron: "{start.cron}"
        timezone: {ZONE}
        slug: {start.name}
    parameters:
      data_dir: ""
    work_pool: *{"patient" if start.pool == PATIENT_POOL else "prompt"}
"""
