"""One issue, forecast whole: model and baselines, for every quantity; runs and hindcasts both come here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import pandas as pd
import xarray as xr

from forecasting.baselines import Baseline
from forecasting.model import Model
from forecasting.predictions import prediction_rows
from forecasting.samples import BASELINES, RECENT_DAYS, baseline_samples, forecast_samples
from forecasting.targets import History, read_history, targets_of
from forecasting.threads import single_threaded
from forecasting.weather_ahead import AS_USUAL, Manner
from pipeline.asof import AsOfPanel
from pipeline.cities import City
from pipeline.paths import join_paths

OPERATIONAL = "sameair"
"""Name, in the column ``model``, of the forecast that would be used operationally."""

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
    for quantity in quantities:
        model = models.get(quantity)
        samples[quantity] = forecast_samples(panel, model, cities, quantity, issue_time, as_of, manner)
        paths[quantity] = join_paths(panel, samples[quantity], cities)
        parts = [prediction_rows(paths[quantity], cities, model=OPERATIONAL, quantity=quantity)]
        history = _history(panel, model, cities, quantity, as_of)
        for kind in BASELINES:
            parts.append(_baseline_rows(kind, panel, history, cities, quantity, issue_time, as_of))
        rows[quantity] = pd.concat(parts, ignore_index=True)
    return IssueForecast(samples, paths, rows)


def _history(
    panel: AsOfPanel, model: Model | None, cities: Sequence[City], quantity: str, as_of: datetime
) -> History:
    if model is not None:
        return model.history
    return read_history(
        panel, targets_of(panel.known_by(as_of), cities, quantity), as_of, days=RECENT_DAYS - 1
    )


def _baseline_rows(
    kind: Baseline,
    panel: AsOfPanel,
    history: History,
    cities: Sequence[City],
    quantity: str,
    issue_time: datetime,
    as_of: datetime,
) -> pd.DataFrame:
    drawn = baseline_samples(kind, panel, history, cities, issue_time, as_of)
    return prediction_rows(join_paths(panel, drawn, cities), cities, model=kind, quantity=quantity)
