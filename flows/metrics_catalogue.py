"""Every metric that the program says of itself: name, kind, labels, meaning; the reference is made of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily

PREFIX: Final = "sameair_"
PARTS: Final = ("flow", "part")


class Described(NamedTuple):
    """A metric: what it is of, its name without prefix, its meaning, labels and kind."""

    of: str
    name: str
    means: str
    labels: tuple[str, ...] = ()
    kind: Literal["gauge", "counter", "info"] = "gauge"

    @property
    def shown(self) -> str:
        """The name under which Prometheus reads it.

        >>> next(m for m in CATALOGUE if m.name == "runs").shown
        'sameair_runs_total'
        """
        return PREFIX + self.name + {"gauge": "", "counter": "_total", "info": "_info"}[self.kind]


_PROGRAM: Final = (
    Described("the program", "build", "Version of the program", ("version",), "info"),
    Described("the program", "metrics_timestamp_seconds", "When these figures were made"),
    Described("the program", "ready", "1 where /readyz finds the part well, else 0", ("part",)),
)
_RUNS: Final = (
    Described("runs", "runs", "Runs by how they ended", ("status",), "counter"),
    Described("runs", "forecasts_degraded", "Runs that lacked an input", (), "counter"),
    Described("runs", "cycles_behind", "Cycles without a run, up to now"),
    Described("runs", "run_last_failed", "1 where the newest attempt failed"),
    Described("the newest run", "run_cycle_timestamp_seconds", "Newest cycle with a run"),
    Described("the newest run", "run_duration_seconds", "Wall time of its forecast"),
    Described("the newest run", "run_delay_seconds", "From the cycle's hour to its forecast"),
    Described("the newest run", "run_degraded", "1 where it lacked an input"),
    Described("the newest run", "run_cpu_seconds", "Processor time of its forecast, children too"),
    Described("the newest run", "run_memory_bytes", "Most memory of the process that made it"),
)
_JOBS: Final = (
    Described("jobs", "jobs", "Attempts on record", ("flow", "state")),
    Described("jobs", "job_done_nominal_timestamp_seconds", "Newest nominal time that was done", PARTS),
    Described("jobs", "job_duration_seconds", "Wall time of that", PARTS),
    Described("jobs", "job_silence_seconds", "Since a running job gave a sign", PARTS),
)
_WARNINGS: Final = (
    Described("warnings", "episodes_open", "Open episodes of PM2.5", ("city",)),
    Described("warnings", "warnings_issued", "Versions issued", ("product",), "counter"),
    Described(
        "warnings",
        "warning_lead_seconds",
        "From the first issue of the newest warning to the onset of its first episode",
    ),
)
_MESSAGES: Final = (
    Described("messages", "outbox_messages", "Messages by state", ("state", "purpose")),
    Described("messages", "outbox_oldest_age_seconds", "Age of the oldest", ("state",)),
    Described("messages", "deliveries", "Messages that left", ("channel",), "counter"),
)
_EXCHANGE: Final = (
    Described("the exchange", "exchange_silence_seconds", "Since anything of the peer was heard", ("peer",)),
    Described(
        "the exchange", "exchange_waiting_envelopes", "Envelopes that it has not handled yet", ("peer",)
    ),
    Described("the exchange", "exchange_missing_envelopes", "Numbers of its chain not here", ("peer",)),
    Described("the exchange", "exchange_fault", "1 where nothing more may be said to it", ("peer",)),
)
_ROOM: Final = (
    Described("disk and ledger", "disk_free_bytes", "Free space of the data folder"),
    Described("disk and ledger", "disk_size_bytes", "Size of its file system"),
    Described("disk and ledger", "disk_files_free", "Inodes that are free there"),
    Described("disk and ledger", "backup_timestamp_seconds", "When the newest backup was taken"),
    Described("disk and ledger", "ledger_size_bytes", "Ledger and its log on the disk (SQLite)"),
)
_SOURCES: Final = (
    Described("sources", "feed_severity", "0 well, 1 partial, 2 late or stopped, 3 down", ("feed",)),
    Described(
        "sources",
        "feed_last_success_timestamp_seconds",
        "When the feed last gave anything readable",
        ("feed",),
    ),
    Described("sources", "feed_newest_timestamp_seconds", "Newest interval end or issue it gave", ("feed",)),
    Described("sources", "feed_hours_gone", "Interval ends found in 30 days to be gone for good", ("feed",)),
    Described("sources", "feed_requests_left", "Requests left in the period", ("feed", "period")),
    Described("sources", "quarantine_open", "Answers in quarantine", ("source",)),
    Described(
        "sources",
        "city_coverage_ratio",
        "PM2.5 values of the last 24 h held, by those its stations would give",
        ("city", "network"),
    ),
)
_MODELS: Final = (
    Described("models", "model_data_age_seconds", "Since its data ended", ("quantity",)),
    Described("models", "model_drift_findings", "Found by the watch", ("quantity",)),
    Described(
        "models",
        "model_score",
        "Of its forecasts of the last 90 days, D+1 to D+3",
        ("quantity", "city", "score"),
    ),
)
CATALOGUE: Final = (
    *_PROGRAM,
    *_RUNS,
    *_JOBS,
    *_WARNINGS,
    *_MESSAGES,
    *_EXCHANGE,
    *_ROOM,
    *_SOURCES,
    *_MODELS,
)
_BY_NAME: Final = {one.name: one for one in CATALOGUE}


def gauge(name: str) -> GaugeMetricFamily:
    """Return an empty gauge of the catalogue; its values are added with their labels.

    >>> gauge("jobs").name
    'sameair_jobs'
    """
    one = _BY_NAME[name]
    return GaugeMetricFamily(PREFIX + name, one.means, labels=one.labels)


def counter(name: str) -> CounterMetricFamily:
    """Return an empty counter of the catalogue."""
    one = _BY_NAME[name]
    return CounterMetricFamily(PREFIX + name, one.means, labels=one.labels)


def info(name: str, values: Sequence[str]) -> InfoMetricFamily:
    """Return what the catalogue calls an information, with the values of its labels in their order."""
    one = _BY_NAME[name]
    return InfoMetricFamily(PREFIX + name, one.means, dict(zip(one.labels, values, strict=True)))
