"""How sources, models and the service do, as Prometheus text: for a collector's file or over HTTP."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from flows.drift import ModelHealth, models_now
from flows.health import Coverage, FeedHealth, coverage_of, health_of
from flows.live import feeds_of
from flows.metrics_catalogue import gauge
from flows.metrics_operations import Operations
from flows.workspace import Workspace
from pipeline.files import write_atomic
from pipeline.names import MEASURED


def metrics_text(
    health: Sequence[FeedHealth],
    coverage: Sequence[Coverage],
    now: datetime,
    models: Sequence[ModelHealth] = (),
    more: Sequence[Collector] = (),
) -> bytes:
    """Return gauges of every feed, city and model in use in the text format of Prometheus (version 0.0.4).

    Parameters
    ----------
    more : collectors of other figures, such as :class:`flows.metrics_operations.Operations`

    >>> from pipeline.times import parse_instant
    >>> now = parse_instant("2025-01-01T00:00Z")
    >>> feed = FeedHealth("cnemc.hourly", "cnemc", "ok", now, now, {"day": 7}, 0, 0, "")
    >>> 'sameair_feed_severity{feed="cnemc.hourly"} 0.0' in metrics_text([feed], [], now).decode()
    True
    """
    registry = CollectorRegistry()
    for collector in (*more, _Given(health, coverage, models, now)):
        registry.register(collector)
    return generate_latest(registry)


def metrics_now(ws: Workspace, now: datetime) -> bytes:
    """Return every figure of the measured world and of the service as Prometheus text."""
    health = health_of(ws, feeds_of(ws, MEASURED), MEASURED, now)
    models, coverage = models_now(ws, MEASURED, now), coverage_of(ws, MEASURED, now)
    return metrics_text(health, coverage, now, models, [Operations(ws, now)])


class _Given(Collector):
    """Collects what is handed over: feeds, coverage and models as somebody else found them."""

    def __init__(
        self,
        health: Sequence[FeedHealth],
        coverage: Sequence[Coverage],
        models: Sequence[ModelHealth],
        now: datetime,
    ) -> None:
        self._health, self._coverage, self._models, self._now = health, coverage, models, now

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of feeds, models and coverage, and when they were made."""
        yield from _feeds(self._health)
        yield from _model_figures(self._models, self._now)
        share = gauge("city_coverage_ratio")
        for part in self._coverage:
            if math.isfinite(part.share):
                share.add_metric([part.city, part.network], part.share)
        made = gauge("metrics_timestamp_seconds")
        made.add_metric([], self._now.timestamp())
        yield from (share, made)


def _feeds(health: Sequence[FeedHealth]) -> Iterator[Metric]:
    severity, gone = gauge("feed_severity"), gauge("feed_hours_gone")
    success, newest = gauge("feed_last_success_timestamp_seconds"), gauge("feed_newest_timestamp_seconds")
    left, waiting = gauge("feed_requests_left"), gauge("quarantine_open")
    for feed in health:
        severity.add_metric([feed.feed], feed.severity)
        gone.add_metric([feed.feed], feed.gone)
        if feed.last_success is not None:
            success.add_metric([feed.feed], feed.last_success.timestamp())
        if feed.newest is not None:
            newest.add_metric([feed.feed], feed.newest.timestamp())
        for period, number in feed.quota_left.items():
            left.add_metric([feed.feed, period], number)
    for source, number in {feed.source: feed.quarantined for feed in health}.items():
        waiting.add_metric([source], number)
    yield from (severity, success, newest, gone, left, waiting)


def _model_figures(models: Sequence[ModelHealth], now: datetime) -> Iterator[Metric]:
    names = ("rmse", "crps", "bias", "coverage_80", "skill_persistence")
    age, drift, score = gauge("model_data_age_seconds"), gauge("model_drift_findings"), gauge("model_score")
    for model in models:
        age.add_metric([model.quantity], (now - model.data_until).total_seconds())
        if model.checked is not None:
            drift.add_metric([model.quantity], len(model.findings))
        for entry in model.scores:
            for name in names:
                if entry.get(name) is not None:
                    score.add_metric([model.quantity, entry["city"], name], entry[name])
    yield from (age, drift, score)


def write_metrics(folder: Path, text: bytes) -> Path:
    """Write the figures where a textfile collector looks, whole or not at all."""
    return write_atomic(folder / "metrics" / "sameair.prom", text)
