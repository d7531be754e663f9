"""What services have published by an instant, whatever it comes from: a simulated world or an archive."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import pandas as pd

from pipeline.times import to_ns


@dataclass(frozen=True)
class Published:
    """Values with the instant at which their service publishes them, and the stations.

    Parameters
    ----------
    rows : OBSERVATION_COLUMNS and ``published_at`` [UTC, datetime64[ns]]; a correction is one more row of the
        same station, quantity and time with a later ``published_at``
    stations : STATION_COLUMNS
    """

    rows: pd.DataFrame = field(repr=False)
    stations: pd.DataFrame = field(repr=False)

    def known(self, now: datetime, start: datetime, end: datetime) -> pd.DataFrame:
        """Return the newest published value of each station, quantity and time in (start, end]."""
        times, at = self.rows["time"], self.rows["published_at"]
        rows = self.rows[(times > to_ns(start)) & (times <= to_ns(end)) & (at <= to_ns(now))]
        rows = rows.sort_values("published_at", kind="stable")
        return rows.drop_duplicates(["station", "quantity", "time"], keep="last", ignore_index=True)
