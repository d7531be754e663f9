"""One issue, forecast whole: model and baselines, for every quantity; runs and hindcasts both come here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import pandas as pd
import xarray as xr

from forecasting.baselines import Courses
from forecasting.issue_tables import OPERATIONAL, baseline_blocks, recent_history
from forecasting.model import Model
from forecasting.predictions import prediction_rows, table_of
from forecasting.samples import forecast_samples, scene_of
from forecasting.situation_memory import Remembered
from forecasting.weather_ahead import AS_USUAL, Manner
from pipeline.asof import AsOfPanel
from pipeline.cities import City
from pipeline.paths import join_paths
from pipeline.threads import single_threaded

__all__ = ["OPERATIONAL", "QUANTITIES", "IssueForecast", "forecast_issue"]

QUANTITIES = ("pm2p5", "pm10")


@dataclass(frozen=True)
class IssueForecast:
    """Everything one issue forecast, per quantity: joint samples, paths, and rows of all models."""

    samples: dict[str, xr.Dataset]
    paths: dict[str, xr.Dataset]
    rows: dict[str, pd.DataFrame]


def forecast_issue(
    panel: AsOfPanel,
    models: Mapping[str, Model | None],
    cities: Sequence[City],
    *,
    issue_time: datetime,
    as_of: datetime,
    quantities: Sequence[str] = QUANTITIES,
    manner: Manner = AS_USUAL,
) -> IssueForecast:
    """Forecast one issue with what had been received by ``as_of``.

    Parameters
    ----------
    panel : series with all versions; later ones are never read
    models : the model of every quantity, or None where none may be used
    cities : cities to forecast
    issue_time, as_of : instant from which leads count, and instant of the snapshot [UTC]
    manner : see ``forecasting.weather_ahead``

    Returns
    -------
    samples and paths of the operational forecast, and rows of it and of both baselines

    Numerical libraries run on one thread here: an issue is too small for more, and the order of their sums,
    so the last digit, then depends on no machine and no number of workers.
    """
    return single_threaded(_forecast, panel, models, cities, issue_time, as_of, quantities, manner)


def _forecast(
    panel: AsOfPanel,
    models: Mapping[str, Model | None],
    cities: Sequence[City],
    issue_time: datetime,
    as_of: datetime,
    quantities: Sequence[str],
    manner: Manner,
) -> IssueForecast:
    samples, paths, rows = {}, {}, {}
    read = Remembered()
    for quantity in quantities:
        model = models.get(quantity)
        made = forecast_samples(panel, model, cities, quantity, issue_time, as_of, manner, read)
        samples[quantity], paths[quantity] = made, join_paths(panel, made, cities)
        past = model.history if model else recent_history(panel, cities, quantity, as_of)
        scene = scene_of(panel, past.targets, issue_time, as_of)
        parts = [
            prediction_rows(paths[quantity], cities, model=OPERATIONAL, quantity=quantity),
            table_of(baseline_blocks(scene, Courses(past), cities)),
        ]
        rows[quantity] = pd.concat(parts, ignore_index=True)
    return IssueForecast(samples, paths, rows)
