"""Hourly weather at points as observation rows, whatever variables were asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ingest.feeds import WHOLE, Ask, Due, Timing
from ingest.open_meteo_wire import SOURCE, Columns, Floats, WeatherPoint, answers_of
from ingest.wire import Parsed, flags, station_rows
from pipeline.schema import OBSERVATION_COLUMNS, check_observations
from pipeline.times import from_ns, to_ns

MOST_PAST_DAYS: Final = 92
SETTLED: Final = np.timedelta64(24, "h")
"""An hour that is still null at this age will stay so."""
TIMING: Final = Timing(delay=timedelta(minutes=15), keeps=timedelta(days=MOST_PAST_DAYS - 1))
ANALYSIS: Final = "weather analysis at a point, not measured"
Values = Callable[[Columns, int], Mapping[str, Floats]]
"""Gives of a point's columns the first so many values of each quantity."""


def parse_hours(
    payload: bytes, until: datetime, points: Sequence[WeatherPoint], note: str, values: Values
) -> Parsed:
    """Read the hours up to an instant; ``covered`` holds those that have a value, or are SETTLED."""
    answers = answers_of(payload, points)
    frames, covered = [], set()
    for answer, point in zip(answers, points, strict=True):
        columns = Columns(answer)
        times = columns.times[columns.times <= to_ns(until)]
        frame = weather_rows(point.id, times, values(columns, len(times)))
        frames.append(frame)
        covered |= {*times[times <= to_ns(until) - SETTLED].tolist(), *_ns(frame["time"].to_numpy())}
    return Parsed(
        check_observations(pd.concat(frames, ignore_index=True)),
        station_rows([point_station(p, note) for p in points]),
        covered=tuple((WHOLE, from_ns(np.datetime64(t, "ns"))) for t in sorted(covered)),
    )


def _ns(times: npt.NDArray[np.datetime64]) -> list[int]:
    found: list[int] = np.unique(times).tolist()
    return found


def point_station(point: WeatherPoint, note: str = ANALYSIS) -> dict[str, object]:
    """Return the station row of a weather point."""
    return {
        "station": f"{SOURCE}:{point.id}",
        "name": point.name,
        "latitude": point.latitude,
        "longitude": point.longitude,
        "altitude": np.nan,
        "city": point.city,
        "interval_hours": 1,
        "note": note,
    }


def weather_rows(
    point_id: str, times: npt.NDArray[np.datetime64], values: Mapping[str, Floats]
) -> pd.DataFrame:
    """Return observation rows of one point from columns over ``times``; NaN gives no row."""
    quantities = list(values)
    table = np.stack([values[q] for q in quantities])
    which, hour = np.nonzero(np.isfinite(table))
    quantity = np.array(quantities, dtype=object)[which]
    value = table[which, hour].astype(float)
    rows = pd.DataFrame(
        {
            "station": pd.Series([f"{SOURCE}:{point_id}"] * len(value), dtype="str"),
            "quantity": pd.Series(quantity, dtype="str"),
            "time": times[hour].astype("datetime64[ns]"),
            "value": value,
            "qc": flags(quantity.tolist(), value),
        }
    )
    return rows[list(OBSERVATION_COLUMNS)]


def asks(due: Due) -> list[Ask]:
    """Return one request for all hours that are due; it reaches back to the oldest, at least to yesterday.

    >>> from datetime import UTC
    >>> now = datetime(2025, 2, 3, 1, 27, tzinfo=UTC)
    >>> [a.parameters["past_days"] for a in asks(Due(now, {WHOLE: (now - timedelta(days=3),)}))]
    ['3']
    """
    if not due.instants:
        return []
    days = (due.now.date() - due.instants[0].date()).days
    past_days = str(min(max(days, 1), MOST_PAST_DAYS))
    fills = tuple((WHOLE, hour) for hour in due.instants)
    return [Ask("forecast", f"hourly weather of {past_days} days", {"past_days": past_days}, fills)]
