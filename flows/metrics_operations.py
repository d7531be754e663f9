"""How the service itself does, as Prometheus metrics: cycles, warnings, messages, exchange, disk, ledger."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from sqlalchemy import Connection

from flows.backup.note import newest_note
from flows.exchange_late import peers_of
from flows.metrics_catalogue import counter, gauge, info
from flows.metrics_jobs import job_metrics
from flows.version import code_version
from flows.workspace import Workspace
from pipeline.cities import all_cities
from pipeline.exchange.standing import standing_of
from pipeline.ledger.episodes import open_episodes
from pipeline.ledger.figures import count_issued, count_messages, count_runs, newest_lead
from pipeline.ledger.runs import list_runs, newest_current_run
from pipeline.names import MEASURED
from pipeline.readiness import cycles_behind, readiness_of
from pipeline.run_cost import read_cost
from pipeline.times import iso

OPEN_STATES: Final = ("pending", "sending", "unknown")
"""States of messages that somebody or something still has to do with; their age counts."""

EXCHANGE_FIGURES: Final = ("silence_seconds", "waiting_envelopes", "missing_envelopes", "fault")


class Operations(Collector):
    """Collects, at an instant, how the service does; every metric is of the measured world alone."""

    def __init__(self, ws: Workspace, now: datetime) -> None:
        self._ws, self._now = ws, now

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics; each query is an aggregate."""
        yield info("build", [code_version()])
        yield from self._readiness()
        yield from self._room()
        with self._ws.ledger.read() as conn:
            yield from self._runs(conn)
            yield from job_metrics(conn, self._now)
            yield from self._warnings(conn)
            yield from self._messages(conn)
            yield from self._exchange(conn)

    def _readiness(self) -> Iterator[Metric]:
        ready = gauge("ready")
        for part in readiness_of(self._ws.ledger, self._ws.settings, self._now, frozenset()):
            ready.add_metric([part.name], float(part.is_ready))
        yield ready

    def _room(self) -> Iterator[Metric]:
        folder = self._ws.settings.data_dir
        free, files = shutil.disk_usage(folder), os.statvfs(folder)
        yield _single("disk_free_bytes", free.free)
        yield _single("disk_size_bytes", free.total)
        yield _single("disk_files_free", files.f_favail)
        note = newest_note(folder)
        if note is not None:
            yield _single("backup_timestamp_seconds", note[0].timestamp())
        path = self._ws.ledger.engine.url.database if self._ws.settings.ledger.startswith("sqlite") else None
        if path:
            kept = [f"{path}{end}" for end in ("", "-wal") if os.path.exists(f"{path}{end}")]  # noqa: PTH110
            yield _single("ledger_size_bytes", sum(os.stat(one).st_size for one in kept))  # noqa: PTH116

    def _runs(self, conn: Connection) -> Iterator[Metric]:
        runs = counter("runs")
        degraded = 0
        sums: dict[str, int] = {}
        for status, is_degraded, number in count_runs(conn, MEASURED):
            sums[status] = sums.get(status, 0) + number
            degraded += number * is_degraded
        for status, number in sums.items():
            runs.add_metric([status], number)
        yield runs
        lacking = counter("forecasts_degraded")
        lacking.add_metric([], degraded)
        yield lacking
        yield _single("cycles_behind", cycles_behind(conn, self._now)[0])
        current = newest_current_run(conn, MEASURED)
        if current is not None and current.ended_at is not None:
            yield from _of_run(current.cycle, current.begun_at, current.ended_at, bool(current.degraded))
            folder = self._ws.run_folder(MEASURED, iso(current.cycle), current.id)
            yield from _cost_of(read_cost(folder))
        last = list_runs(conn, MEASURED, 1)
        yield _single("run_last_failed", bool(last) and last[0].status == "failed")

    def _warnings(self, conn: Connection) -> Iterator[Metric]:
        opened = gauge("episodes_open")
        found = [one.city for one in open_episodes(conn, MEASURED, self._now)]
        for city in sorted(all_cities()):
            opened.add_metric([city], found.count(city))
        yield opened
        issued = counter("warnings_issued")
        for product, number in count_issued(conn, MEASURED):
            issued.add_metric([product], number)
        yield issued
        lead = newest_lead(conn, MEASURED)
        if lead is not None:
            yield _single("warning_lead_seconds", lead.total_seconds())

    def _messages(self, conn: Connection) -> Iterator[Metric]:
        held, age = gauge("outbox_messages"), gauge("outbox_oldest_age_seconds")
        sent = counter("deliveries")
        numbers: dict[tuple[str, str], int] = {}
        left: dict[str, int] = {}
        oldest: dict[str, datetime] = {}
        for kind in count_messages(conn, MEASURED):
            key = (kind.state, kind.purpose)
            numbers[key] = numbers.get(key, 0) + kind.number
            if kind.state == "sent":
                left[kind.channel] = left.get(kind.channel, 0) + kind.number
            if kind.state in OPEN_STATES:
                oldest[kind.state] = min(kind.oldest, oldest.get(kind.state, kind.oldest))
        for (state, purpose), number in numbers.items():
            held.add_metric([state, purpose], number)
        for state in OPEN_STATES:
            seconds = (self._now - oldest[state]).total_seconds() if state in oldest else 0.0
            age.add_metric([state], seconds)
        for channel, number in left.items():
            sent.add_metric([channel], number)
        yield from (held, age, sent)

    def _exchange(self, conn: Connection) -> Iterator[Metric]:
        families = [gauge(f"exchange_{name}") for name in EXCHANGE_FIGURES]
        for peer in peers_of(self._ws) if self._ws.settings.party else ():
            standing = standing_of(conn, peer, self._now)
            missing = sum(last - first + 1 for first, last in standing.missing)
            silence = standing.silence(self._now).total_seconds()
            values = (silence, standing.waiting[0], missing, bool(standing.fault))
            for family, value in zip(families, values, strict=True):
                family.add_metric([peer], float(value))
        yield from families


def _single(name: str, value: float) -> Metric:
    """Return a gauge without labels."""
    found = gauge(name)
    found.add_metric([], float(value))
    return found


def _cost_of(cost: dict[str, float]) -> Iterator[Metric]:
    """Yield what the run cost; nothing of a run that was made before this was written down."""
    for name in ("cpu_seconds", "memory_bytes"):
        if name in cost:
            yield _single(f"run_{name}", cost[name])


def _of_run(cycle: datetime, begun: datetime, ended: datetime, degraded: bool) -> Iterator[Metric]:
    """Yield what the newest current run of the measured world took, and how late it was."""
    yield _single("run_cycle_timestamp_seconds", cycle.timestamp())
    yield _single("run_duration_seconds", (ended - begun).total_seconds())
    yield _single("run_delay_seconds", (ended - cycle).total_seconds())
    yield _single("run_degraded", degraded)
