"""Hindcasts: every issue of a period replayed as it would have been, with nothing known too early."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import groupby

import numpy as np
import numpy.typing as npt
import pandas as pd

from forecasting.issue import QUANTITIES
from forecasting.issue_tables import Question, issue_tables
from forecasting.model import Model
from forecasting.situation_memory import Remembered
from forecasting.weather_ahead import AS_USUAL, Manner
from pipeline.asof import AsOfPanel, AsOfSeries
from pipeline.cities import City
from pipeline.heavy import HERE, Errand, Heavy
from pipeline.times import cycles_between, to_ns

Progress = Callable[[str, int, int], None]
Models = Mapping[str, Model | None]
Tables = dict[str, pd.DataFrame]
Scene = tuple[Sequence[City], Models, Sequence[str], Manner]

MARGIN_DAYS = 5
"""Days after a left-out year that are left out with it, for forecasts reach over the turn of the year."""

CHUNK = 32
"""Issues whose joint futures are in memory together."""


def issues_between(first: date, last: date) -> list[datetime]:
    """Return every cycle with ``first`` 00 UTC ≤ issue < ``last`` + 1 day.

    >>> len(issues_between(date(2019, 12, 1), date(2019, 12, 2)))
    8
    """
    start = datetime(first.year, first.month, first.day, tzinfo=UTC)
    return cycles_between(start, end_of_day(last))


def blocks_of(issues: Sequence[datetime]) -> list[list[datetime]]:
    """Return issues in blocks of one hour of the day and one year, whoever replays them.

    >>> [len(block) for block in blocks_of(issues_between(date(2019, 12, 31), date(2020, 1, 2)))]
    [1, 2, 1, 2, 1, 2, 1, 2]
    """
    ordered = sorted(issues, key=lambda issue: (issue.hour, issue))
    return [list(block) for _, block in groupby(ordered, key=lambda issue: (issue.hour, issue.year))]


def end_of_day(day: date) -> datetime:
    """Return the end of a UTC day, up to which training may read.

    >>> end_of_day(date(2019, 11, 30)).isoformat()
    '2019-12-01T00:00:00+00:00'
    """
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)


def hindcast(  # noqa: PLR0913 - one argument per way in which hindcasts differ
    panel: AsOfPanel,
    cities: Sequence[City],
    issues: Sequence[datetime],
    models: Models,
    *,
    quantities: Sequence[str] = QUANTITIES,
    manner: Manner = AS_USUAL,
    heavy: Heavy = HERE,
    progress: Progress | None = None,
) -> Tables:
    """Replay issues in blocks of one hour of the day and one year; none depends on the others, or on where.

    Parameters
    ----------
    panel : series with all versions
    cities : cities to forecast
    issues : nominal issue times [UTC]; each is its own snapshot instant
    models : the model of every quantity, which learned nothing that it should not know
    manner : see ``forecasting.weather_ahead``
    heavy : where blocks are replayed

    Returns
    -------
    for every quantity the table of ``forecasting.predictions``, one row per city, model, issue and target,
    for every issue whatever was missing
    """
    scene: Scene = (cities, models, quantities, manner)
    blocks = blocks_of(issues)
    errands = [Errand(f"replaying {block[0]:%Y %H} UTC", (block,)) for block in blocks]
    found: list[tuple[list[datetime], Tables]] = []
    done = 0
    for block, tables in zip(blocks, heavy.ordered(_replay, errands, (panel, scene)), strict=True):
        found.append((block, tables))
        done += len(block)
        if progress:
            progress("replaying cycles", done, len(issues))
    order = _order(issues, [chunk for chunk, _ in found])
    return {q: _whole([tables.pop(q) for _, tables in found], order) for q in quantities if found}


def _order(issues: Sequence[datetime], chunks: Sequence[list[datetime]]) -> npt.NDArray[np.int64]:
    """Return for every issue its position in the chunks one after the other."""
    place = {issue: i for i, issue in enumerate(issue for chunk in chunks for issue in chunk)}
    return np.array([place[issue] for issue in issues], np.int64)


def _whole(tables: list[pd.DataFrame], order: npt.NDArray[np.int64]) -> pd.DataFrame:
    """Return the rows of all chunks in the order of the issues; the chunks are let go on the way."""
    table = pd.concat(tables, ignore_index=True)
    tables.clear()
    changes = table["issue_time"].ne(table["issue_time"].shift()).to_numpy()
    first = np.append(np.flatnonzero(changes), len(table))
    rows = np.concatenate([np.arange(first[i], first[i + 1]) for i in order])
    return table.take(rows).reset_index(drop=True)


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


def _replay(panel: AsOfPanel, scene: Scene, issues: list[datetime]) -> Tables:
    """Return the tables of issues at one hour of the day, a few of whose joint futures exist at a time."""
    cities, models, quantities, manner = scene
    read = Remembered()
    asked = {q: Question(panel, models.get(q), cities, q, manner) for q in quantities}
    return {
        q: pd.concat(issue_tables(one, issues, read, CHUNK), ignore_index=True) for q, one in asked.items()
    }
