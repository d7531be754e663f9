"""How sources, models and the service do, as Prometheus text: for a collector's file or over HTTP."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.registry import Collector

from flows.drift import ModelHealth, models_now
from flows.health import Coverage, FeedHealth, coverage_of, health_of
from flows.live import feeds_of
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
    for collector in more:
        registry.register(collector)
    _feeds(registry, health)
    _models(registry, models, now)
    share = Gauge(
        "sameair_city_coverage_ratio",
        "PM2.5 values of the last 24 h held, by those its stations would give",
        ["city", "network"],
        registry=registry,
    )
    for part in coverage:
        if math.isfinite(part.share):
            share.labels(part.city, part.network).set(part.share)
    made = Gauge("sameair_metrics_timestamp_seconds", "When these figures were made", registry=registry)
    made.set(now.timestamp())
    return generate_latest(registry)


def metrics_now(ws: Workspace, now: datetime) -> bytes:
    """Return every figure of the measured world and of the service as Prometheus text."""
    health = health_of(ws, feeds_of(ws, MEASURED), MEASURED, now)
    models, coverage = models_now(ws, MEASURED, now), coverage_of(ws, MEASURED, now)
    return metrics_text(health, coverage, now, models, [Operations(ws, now)])


def _feeds(registry: CollectorRegistry, health: Sequence[FeedHealth]) -> None:
    by_feed = {
        name: Gauge(f"sameair_{name}", text, ["feed"], registry=registry)
        for name, text in {
            "feed_severity": "0 well, 1 partial, 2 late or stopped, 3 down",
            "feed_last_success_timestamp_seconds": "When the feed last gave anything readable",
            "feed_newest_timestamp_seconds": "Newest interval end or issue it gave",
            "feed_hours_gone": "Interval ends found in 30 days to be gone for good",
        }.items()
    }
    left = Gauge(
        "sameair_feed_requests_left", "Requests left in the period", ["feed", "period"], registry=registry
    )
    waiting = Gauge("sameair_quarantine_open", "Answers in quarantine", ["source"], registry=registry)
    for feed in health:
        by_feed["feed_severity"].labels(feed.feed).set(feed.severity)
        by_feed["feed_hours_gone"].labels(feed.feed).set(feed.gone)
        if feed.last_success is not None:
            by_feed["feed_last_success_timestamp_seconds"].labels(feed.feed).set(
                feed.last_success.timestamp()
            )
        if feed.newest is not None:
            by_feed["feed_newest_timestamp_seconds"].labels(feed.feed).set(feed.newest.timestamp())
        for period, number in feed.quota_left.items():
            left.labels(feed.feed, period).set(number)
        waiting.labels(feed.source).set(feed.quarantined)


def _models(registry: CollectorRegistry, models: Sequence[ModelHealth], now: datetime) -> None:
    names = ("rmse", "crps", "bias", "coverage_80", "skill_persistence")
    age = Gauge("sameair_model_data_age_seconds", "Since its data ended", ["quantity"], registry=registry)
    drift = Gauge("sameair_model_drift_findings", "Found by the watch", ["quantity"], registry=registry)
    score = Gauge(
        "sameair_model_score",
        "Of its forecasts of the last 90 days, D+1 to D+3",
        ["quantity", "city", "score"],
        registry=registry,
    )
    for model in models:
        age.labels(model.quantity).set((now - model.data_until).total_seconds())
        if model.checked is not None:
            drift.labels(model.quantity).set(len(model.findings))
        for entry in model.scores:
            for name in names:
                if entry.get(name) is not None:
                    score.labels(model.quantity, entry["city"], name).set(entry[name])


def write_metrics(folder: Path, text: bytes) -> Path:
    """Write the figures where a textfile collector looks, whole or not at all."""
    return write_atomic(folder / "metrics" / "sameair.prom", text)
