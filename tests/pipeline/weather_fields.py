"""Made-up forecasts for tests: a value tells the run and the lead it belongs to."""

import numpy as np
import xarray as xr

from pipeline.times import to_ns


def point_forecast(run, hours=6, base=0.0):
    """A forecast at two points; PM2.5 is base + lead at the first and 10 more at the second."""
    lead = np.arange(hours)
    return xr.Dataset(
        {
            "pm2p5": (("forecast_period", "station"), base + lead[:, None] + np.array([0.0, 10.0])),
            "eastward_wind_aloft": (
                ("forecast_period", "level", "station"),
                np.ones((hours, 2, 2)) * np.array([850.0, 500.0])[None, :, None] / 100,
            ),
        },
        {
            "forecast_period": lead,
            "forecast_reference_time": to_ns(run),
            "level": [850.0, 500.0],
            "station": ["made:a", "made:b"],
            "latitude": ("station", [37.5, 39.9]),
            "longitude": ("station", [127.0, 116.4]),
        },
        {"source": "made up", "reference": "run", "licence": "none"},
    )


def previous(start, hours, days=(1, 2, 3)):
    """Previous runs; the value is 1000 · lead day + hours since ``start``."""
    times = to_ns(start) + np.arange(hours) * np.timedelta64(1, "h")
    value = np.array(days)[:, None, None] * 1000.0 + np.arange(hours)[None, :, None] + np.zeros(1)
    return xr.Dataset(
        {"wind_speed": (("lead_day", "time", "station"), value)},
        {
            "lead_day": list(days),
            "time": times.astype("datetime64[ns]"),
            "station": ["made:a"],
            "latitude": ("station", [37.5]),
            "longitude": ("station", [127.0]),
        },
        {"source": "made up", "licence": "none"},
    )
