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
from pipeline.paths import cities_in, join_paths
from pipeline.schema import check_samples
from pipeline.threads import single_threaded

__all__ = ["OPERATIONAL", "QUANTITIES", "IssueForecast", "forecast_issue", "join_issues"]

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


def join_issues(panel: AsOfPanel, parts: Sequence[IssueForecast]) -> IssueForecast:
    """Return one forecast of what was forecast of several cities each alone, at one issue with one model.

    A model draws all its futures together whomever it is asked for, so what is joined equals what would have
    been forecast at once.

    Parameters
    ----------
    panel : what the parts were made from
    """
    if len(parts) == 1:
        return parts[0]
    samples = {q: _join_samples([part.samples[q] for part in parts]) for q in parts[0].samples}
    return IssueForecast(
        samples,
        {q: join_paths(panel, joined, cities_in(joined)) for q, joined in samples.items()},
        {q: pd.concat([part.rows[q] for part in parts], ignore_index=True) for q in parts[0].rows},
    )


def _join_samples(parts: Sequence[xr.Dataset]) -> xr.Dataset:
    """Put samples of several cities side by side; a lead that one lacks is not a number there."""
    joined = xr.merge(parts, join="outer", compat="no_conflicts", combine_attrs="drop_conflicts")
    for name, between in (("inputs_used", ","), ("inputs_missing", ","), ("degraded", "; ")):
        told = (one for part in parts for one in str(part.attrs[name]).split(between))
        joined.attrs[name] = between.join(dict.fromkeys(one for one in told if one))
    return check_samples(joined.sel(city=[city.id for city in cities_in(joined)]))
