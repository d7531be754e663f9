"""The measured PM2.5 of both cities as a panel of series, from the reference data of ../shared."""

import numpy as np
import pandas as pd

from pipeline.asof import AsOfPanel, AsOfSeries


def measured_panel(shared, first=None, last=None):
    """Return the series of both cities from one day to another, each value known an hour after its hour."""
    seoul = pd.read_parquet(shared / "data" / "pm25" / "seoul_city.parquet").loc[first:last]
    beijing = pd.read_parquet(shared / "data" / "pm25" / "beijing_city.parquet").loc[first:last]
    return AsOfPanel(
        {
            "seoul.pm2p5.reference": _series(seoul["city_3h_trailing"], 3),
            "seoul.pm2p5.hourly": _series(seoul["best_hourly"], 1),
            "beijing.pm2p5.reference": _series(beijing["best_hourly"], 1),
        },
        "measured",
    )


def _series(values, step):
    values = values.dropna()
    values = values[values.index.hour % step == 0]
    times = values.index.values.astype("datetime64[ns]")
    return AsOfSeries(times, times + np.timedelta64(1, "h"), values.to_numpy(float), step)
