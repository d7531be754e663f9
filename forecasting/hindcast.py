"""Hindcasts: every issue of a period replayed as it would have been, with nothing known too early."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd

from forecasting.issue import QUANTITIES, forecast_issue
from forecasting.model import Model
from pipeline.asof import AsOfPanel, AsOfSeries
from pipeline.cities import City
from pipeline.times import cycles_between, to_ns

Progress = Callable[[str, int, int], None]
Models = Mapping[str, Model | None]
ModelChoice = Callable[[datetime], Models]
"""Returns the models to use at an issue; never one that learned from later values."""

MARGIN_DAYS = 5
"""Days after a left-out year that are left out with it, for forecasts reach over the turn of the year."""


def issues_between(first: date, last: date) -> list[datetime]:
    """Return every cycle with ``first`` 00 UTC ≤ issue < ``last`` + 1 day.

    >>> len(issues_between(date(2019, 12, 1), date(2019, 12, 2)))
    8
    """
    start = datetime(first.year, first.month, first.day, tzinfo=UTC)
    return cycles_between(start, datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=1))


def end_of_day(day: date) -> datetime:
    """Return the end of a UTC day, up to which training may read.

    >>> end_of_day(date(2019, 11, 30)).isoformat()
    '2019-12-01T00:00:00+00:00'
    """
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)


def hindcast(
    panel: AsOfPanel,
    cities: Sequence[City],
    issues: Sequence[datetime],
    models_at: ModelChoice,
    *,
    quantities: Sequence[str] = QUANTITIES,
    progress: Progress | None = None,
) -> dict[str, pd.DataFrame]:
    """Replay issues one by one; what an issue gives does not depend on which others are replayed.

    Parameters
    ----------
    panel : series with all versions
    cities : cities to forecast
    issues : nominal issue times [UTC]; each is its own snapshot instant
    models_at : which models to use at an issue

    Returns
    -------
    for every quantity the table of ``forecasting.predictions``, one row per city, model, issue and target,
    for every issue whatever was missing
    """
    tables: dict[str, list[pd.DataFrame]] = {q: [] for q in quantities}
    for done, issue in enumerate(issues):
        rows = forecast_issue(
            panel, models_at(issue), cities, issue_time=issue, as_of=issue, quantities=quantities
        ).rows
        for quantity in quantities:
            tables[quantity].append(rows[quantity])
        if progress:
            progress("hindcast", done + 1, len(issues))
    return {q: pd.concat(parts, ignore_index=True) for q, parts in tables.items() if parts}


def without_year(panel: AsOfPanel, year: int) -> AsOfPanel:
    """Return the panel with every value of a UTC year and the days after it withdrawn, inputs included.

    A model trained on it knows nothing of the year being scored, neither as truth nor as input.

    Examples
    --------
    >>> t = np.array(["2018-06-01", "2019-01-03", "2019-06-01"], "M8[ns]")
    >>> panel = AsOfPanel({"a": AsOfSeries(t, t, np.array([1.0, 2.0, 3.0]))}, "measured")
    >>> without_year(panel, 2018)["a"].values
    array([nan, nan,  3.])
    """
    start = to_ns(datetime(year, 1, 1, tzinfo=UTC))
    end = to_ns(datetime(year + 1, 1, 1, tzinfo=UTC) + timedelta(days=MARGIN_DAYS))
    kept = {}
    for key, series in panel.items():
        hidden = (series.times > start) & (series.times <= end)
        values = np.where(hidden, np.nan, series.values)
        kept[key] = AsOfSeries(series.times, series.received, values, series.interval_hours)
    return AsOfPanel(kept, panel.world, panel.batches)
