"""What services have published by an instant, whatever it comes from: a simulated world or an archive."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd

from ingest.simulated.service_forecast import Forecaster
from pipeline.times import to_ns

AREA_OF_CITY: Final = {"seoul": "서울", "beijing": "北京市"}
"""Province (AirKorea) or city (CNEMC) as the services write it, where ``areas`` does not say."""


@dataclass(frozen=True)
class Published:
    """Values with the instant at which their service publishes them, and the stations.

    Parameters
    ----------
    rows : OBSERVATION_COLUMNS and ``published_at`` [UTC, datetime64[ns]]; a correction is one more row of the
        same station, quantity and time with a later ``published_at``; NaN is published as missing. A column
        ``flag`` may hold what AirKorea says of the value
    stations : STATION_COLUMNS
    areas : province or city of a station, by id
    forecaster : what the weather service foretells, if it does
    """

    rows: pd.DataFrame = field(repr=False)
    stations: pd.DataFrame = field(repr=False)
    areas: Mapping[str, str] = field(default_factory=dict, repr=False)
    forecaster: Forecaster | None = field(default=None, repr=False)

    @cached_property
    def _sorted(self) -> pd.DataFrame:
        return self.rows.sort_values(["time", "published_at"], kind="stable", ignore_index=True)

    def known(self, now: datetime, start: datetime, end: datetime, network: str = "") -> pd.DataFrame:
        """Return the newest published value of each station, quantity and time in (start, end].

        ``network`` takes only stations whose id begins with it, such as ``airkorea:``.
        """
        times = self._sorted["time"].to_numpy()
        low, high = np.searchsorted(times, np.array([to_ns(start), to_ns(end)]), side="right")
        rows = self._sorted.iloc[int(low) : int(high)]
        rows = rows[(rows["published_at"] <= to_ns(now)) & rows["station"].str.startswith(network)]
        return rows.drop_duplicates(["station", "quantity", "time"], keep="last", ignore_index=True)

    def newest(self, now: datetime, reach: timedelta, network: str) -> pd.DataFrame:
        """Return all that is published of each station's newest hour, of the hours in (now - reach, now]."""
        rows = self.known(now, now - reach, now, network)
        return rows[rows["time"] == rows.groupby("station", observed=True)["time"].transform("max")]

    def stations_of(self, network: str) -> pd.DataFrame:
        """Return the stations whose id begins with ``network``, indexed by id."""
        table = self.stations[self.stations["station"].str.startswith(network)]
        return table.set_index("station", drop=False)

    def area(self, station: str, city: str) -> str:
        """Return the province or city of a station, as its service writes it."""
        return self.areas.get(station) or AREA_OF_CITY.get(city, "")


Hours = dict[tuple[str, np.datetime64], dict[str, tuple[float, str]]]
"""By station and interval end: by quantity the value and what is said of it."""


def by_hour(rows: pd.DataFrame) -> Hours:
    """Return rows grouped by station and interval end, in the order of their first mention.

    >>> rows = pd.DataFrame({"station": ["cnemc:1001A"], "quantity": ["pm2p5"], "value": [54.0],
    ...     "time": np.array(["2022-01-04T08"], "M8[ns]")})
    >>> list(by_hour(rows).values())
    [{'pm2p5': (54.0, '')}]
    """
    flags = rows["flag"].astype(object) if "flag" in rows else [""] * len(rows)
    columns = (rows["station"].astype(object), rows["quantity"].astype(object), rows["time"].to_numpy())
    found: Hours = {}
    for station, quantity, time, value, flag in zip(*columns, rows["value"], flags, strict=True):
        found.setdefault((station, time), {})[quantity] = (float(value), flag)
    return found


def printed(value: float | None, digits: int, missing: str, scale: float = 1.0) -> str:
    """Return a value as services print numbers, a missing one as they mark it.

    >>> printed(2.04, 3, "-", 1000.0), printed(None, 0, "-"), printed(float("nan"), 0, "NA")
    ('0.002', '-', 'NA')
    """
    if value is None or not math.isfinite(value):
        return missing
    return f"{value / scale:.{digits}f}"
