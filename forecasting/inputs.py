"""Series beside the targets: weather and stations upwind, each on the scale on which it is a feature."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from forecasting.targets import Floats, Target, Times, to_log
from pipeline.asof import AsOfPanel
from pipeline.surroundings import AROUND

WIND = {"eastward_wind": np.sin, "northward_wind": np.cos}
POLAR = ("wind_speed", "wind_from_direction")
CONCENTRATIONS = ("pm2p5", "pm10")
UPWIND = frozenset(
    {
        *("altay", "dalian", "ejin", "erenhot", "haliut", "hohhot", "jinan", "qingdao", "shanghai"),
        *("shenyang", "taiyuan", "ulaanbaatar", "urumqi", "yellow_sea"),
        *("baengnyeong_air", "dalian_air", "jinan_air", "shijiazhuang_air", "weihai_air"),
        *("shanghai_embassy", "shenyang_embassy"),
    }
)
"""Places of ``pipeline.surroundings`` that are read."""


def read_row(panel: AsOfPanel, key: str, grid: Times, as_of: datetime) -> Floats:
    """Return one series on a grid as known at an instant, on the scale on which it is a feature.

    A wind component that is not stored is made of speed and direction; calm air has no direction.

    Examples
    --------
    >>> from pipeline.asof import AsOfSeries
    >>> from pipeline.times import from_ns
    >>> t = np.array(["2020-01-01T00", "2020-01-01T01"], "M8[ns]")
    >>> panel = AsOfPanel({"a.wind_speed.weather": AsOfSeries(t, t, np.array([5.0, 0.0])),
    ...     "a.wind_from_direction.weather": AsOfSeries(t, t, np.array([270.0, np.nan]))}, "measured")
    >>> read_row(panel, "a.eastward_wind.weather", t, from_ns(t[1])).tolist()
    [5.0, 0.0]
    """
    city, quantity, role = key.split(".")
    if quantity in WIND and key not in panel:
        speed, direction = (panel.on_grid(f"{city}.{q}.{role}", grid, as_of) for q in POLAR)
        angle = np.deg2rad(np.where(speed == 0, 0.0, direction))
        return np.asarray(0.0 - speed * WIND[quantity](angle), np.float64)
    row = panel.on_grid(key, grid, as_of)
    return to_log(row) if quantity in CONCENTRATIONS else row


def upwind_keys(panel: AsOfPanel) -> tuple[str, ...]:
    """Return the keys of the series of UPWIND places, sorted, winds as components."""
    found = set()
    for key in _around(panel):
        city, quantity, role = key.split(".")
        found |= {f"{city}.{q}.{role}" for q in (WIND if quantity in POLAR else [quantity])}
    return tuple(sorted(found))


def input_keys(panel: AsOfPanel, targets: Sequence[Target]) -> tuple[str, ...]:
    """Return the panel keys of every series that the features read: targets, own weather, upwind."""
    cities = {t.city for t in targets}
    beside = _around(panel)
    weather = [k for k in panel if k.split(".")[2] == "weather" and k.split(".")[0] in cities]
    return (*(t.key for t in targets), *sorted(weather), *sorted(beside))


def _around(panel: AsOfPanel) -> list[str]:
    return [k for k in panel if k.startswith(f"{AROUND}.") and k.split(".")[2] in UPWIND]
