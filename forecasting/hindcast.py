"""Hindcasts: every issue of a period replayed as it would have been, with nothing known too early."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

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
from pipeline.threads import apart, one_thread
from pipeline.times import cycles_between, to_ns

Progress = Callable[[str, int, int], None]
Models = Mapping[str, Model | None]
Tables = dict[str, pd.DataFrame]
Scene = tuple[AsOfPanel, Sequence[City], Models, Sequence[str], Manner]

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
    workers: int = 1,
    progress: Progress | None = None,
) -> Tables:
    """Replay issues, those of an hour of the day together; none depends on the others or on the workers.

    Parameters
    ----------
    panel : series with all versions
    cities : cities to forecast
    issues : nominal issue times [UTC]; each is its own snapshot instant
    models : the model of every quantity, which learned nothing that it should not know
    manner : see ``forecasting.weather_ahead``
    workers : processes to share the work between

    Returns
    -------
    for every quantity the table of ``forecasting.predictions``, one row per city, model, issue and target,
    for every issue whatever was missing
    """
    scene: Scene = (panel, cities, models, quantities, manner)
    by_hour = [[i for i in sorted(issues) if i.hour == hour] for hour in sorted({i.hour for i in issues})]
    found: list[tuple[list[datetime], Tables]] = []
    done = 0
    for chunk, tables in _replayed(scene, by_hour, workers):
        found.append((chunk, tables))
        done += len(chunk)
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


def _replayed(
    scene: Scene, by_hour: Sequence[list[datetime]], workers: int
) -> Iterator[tuple[list[datetime], Tables]]:
    """Yield the tables of chunks of issues, from this process or from several."""
    if workers <= 1 or len(by_hour) <= 1:
        for issues in by_hour:
            yield from _replay(scene, issues)
        return
    with tempfile.TemporaryDirectory(prefix="sameair-") as folder:
        file = Path(folder) / "scene.pickle"
        file.write_bytes(pickle.dumps(scene, protocol=5))
        for made in apart(_replay_from, [(file, issues) for issues in by_hour], workers):
            yield from made


def _replay_from(file: Path, issues: list[datetime]) -> list[tuple[list[datetime], Tables]]:
    scene: Scene = pickle.loads(file.read_bytes())  # noqa: S301 - written by the process that asks
    return list(_replay(scene, issues))


def _replay(scene: Scene, issues: list[datetime]) -> Iterator[tuple[list[datetime], Tables]]:
    """Yield the tables of chunks of issues at one hour of the day."""
    panel, cities, models, quantities, manner = scene
    read = Remembered()
    asked = {q: Question(panel, models.get(q), cities, q, manner) for q in quantities}
    with one_thread():
        parts = {q: issue_tables(one, issues, read, CHUNK) for q, one in asked.items()}
        for first in range(0, len(issues), CHUNK):
            yield issues[first : first + CHUNK], {q: next(tables) for q, tables in parts.items()}
