"""How the jobs of a flow stand, for the operator: what failed for good or was missed, and when it is over."""

from __future__ import annotations

from collections.abc import Sequence

from flows.timetable import Entry, entries_of, failures_of
from pipeline.ledger.jobs import JobRow
from pipeline.ledger.notices import Condition
from pipeline.times import iso

SUBJECT = "job "
"""How the subjects begin that are about jobs."""

TOLD = 2
WORST = 3


def job_conditions(flow: str, jobs: Sequence[JobRow]) -> list[Condition]:
    """Return how a flow stands by its jobs of the last day; nothing while none has ended.

    A failed attempt is told when no other follows by itself. Of what recurs within the hour a missed time is
    not told, for the next one does its work; any other is told for a day. An attempt that was stopped with
    its worker says nothing.
    """
    ended = [job for job in jobs if job.state != "running" and not job.was_stopped]
    if not ended:
        return []
    entry = entries_of(flow)[0]
    newest = max(ended, key=lambda job: (job.nominal, job.attempt))
    attempts = [job for job in ended if job.nominal == newest.nominal]
    failed = newest.state == "failed" and failures_of(attempts) > len(entry.retries)
    said = f"{entry.means} ({flow}) of {iso(newest.nominal)} {newest.state}"
    text = f"{said}: {newest.why}" if newest.why else said
    found = [Condition(f"{SUBJECT}{flow}", newest.state, _worst(entry) * failed, text)]
    return [*found, _missed(entry, ended)] if entry.each else found


def _missed(entry: Entry, ended: Sequence[JobRow]) -> Condition:
    """Return whether nominal times of the last day were left out, and which."""
    missed = [job for job in ended if job.state == "skipped"]
    times = ", ".join(f"{iso(job.nominal)} ({job.why})" for job in missed)
    text = f"{entry.means} left out: {times}" if missed else f"{entry.means}: none left out for a day"
    state = "missed" if missed else "none"
    return Condition(f"{SUBJECT}{entry.flow} missed", state, _worst(entry) * bool(missed), text)


def _worst(entry: Entry) -> int:
    return WORST if entry.flow == "cycle" else TOLD
