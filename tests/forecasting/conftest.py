"""A small invented world whose truth is known: two cities, one downwind of the other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from forecasting.model import Model
from forecasting.train import train
from pipeline.asof import AsOfPanel, AsOfSeries
from pipeline.cities import City, all_cities
from pipeline.times import to_ns

START = datetime(2018, 1, 1, tzinfo=UTC)
DAYS = 500
LEARNED = START + timedelta(days=430)
WORLD = "simulated-99"


def small_panel(seed: int = 1, days: int = DAYS) -> AsOfPanel:
    """Hourly ln c of both cities: a daily course plus AR(1) noise, Beijing's reaching Seoul a day later."""
    rng = np.random.default_rng(seed)
    hours = np.arange(1, days * 24 + 1)
    times = to_ns(START) + hours * np.timedelta64(3_600_000_000_000, "ns")
    weather = np.zeros(len(hours) + 24)
    for i in range(1, len(weather)):
        weather[i] = 0.98 * weather[i - 1] + 0.12 * rng.standard_normal()
    own = np.zeros(len(hours))
    for i in range(1, len(own)):
        own[i] = 0.95 * own[i - 1] + 0.1 * rng.standard_normal()
    course = 0.2 * np.sin(2 * np.pi * hours / 24)
    logs = {"beijing": 3.6 + course + weather[24:], "seoul": 3.1 + course + 0.6 * weather[:-24] + own}
    receipt = times + np.timedelta64(1, "h")
    series = {f"{c}.pm2p5.reference": AsOfSeries(times, receipt, np.exp(v)) for c, v in logs.items()}
    wind = 3.0 + rng.standard_normal(len(hours))
    series["seoul.eastward_wind.weather"] = AsOfSeries(times, receipt, wind)
    return AsOfPanel(series, WORLD)


@pytest.fixture(scope="session")
def panel() -> AsOfPanel:
    return small_panel()


@pytest.fixture(scope="session")
def cities() -> list[City]:
    return [all_cities()[c] for c in ("seoul", "beijing")]


@pytest.fixture(scope="session")
def model(panel: AsOfPanel, cities: list[City]) -> Model:
    return trained(panel, cities)


def trained(panel: AsOfPanel, cities: list[City], **more: object) -> Model:
    """Train on the first 430 days."""
    return train(panel, cities, "pm2p5", **{"data_until": LEARNED, "effort": "quick", **more})


@pytest.fixture(scope="session")
def learned() -> datetime:
    """End of what the model learned from."""
    return LEARNED


@pytest.fixture(scope="session")
def issue() -> datetime:
    """The first cycle after the end of what the model learned from that all its inputs lie before."""
    return LEARNED + timedelta(hours=8)


@pytest.fixture(scope="session")
def make_panel() -> Callable[..., AsOfPanel]:
    return small_panel


@pytest.fixture(scope="session")
def train_small() -> Callable[..., Model]:
    return trained
