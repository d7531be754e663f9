"""What the services of a simulated world have published, with late stations and silent instruments."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ingest.open_meteo import POINTS
from ingest.simulated.analysis import weather_values
from ingest.simulated.instruments import PUBLISHED_MINUTES, Network
from ingest.simulated.network import AREA
from ingest.simulated.published import Published
from ingest.simulated.service_forecast import forecaster_of
from pipeline.times import from_ns, to_ns

if TYPE_CHECKING:
    from ingest.simulated.world import SimulatedWorld

FLAG_TEXT: Final = np.array(["자료이상", "장비점검", "점검및교정", "통신장애"])
"""What AirKorea says of a missing value, by the cause of the silence."""
WIND: Final = {"wind_speed": "wind_speed_10m", "wind_from_direction": "wind_direction_10m"}
"""Published as printed, because components would not give back the printed digits of a calm."""


def published_of(world: SimulatedWorld, start: datetime, end: datetime) -> Published:
    """Return what the three services of a world publish of the hours in (start, end].

    Parameters
    ----------
    start, end : cut to the simulated hours; an end outside them is refused

    Raises
    ------
    UsageError
        the end lies outside the simulated hours
    """
    last = world.hour_at(to_ns(end)) + 1
    first = int(np.searchsorted(world.times, to_ns(start), side="right"))
    hours = slice(first, max(first, last))
    times = world.times[hours]
    parts = [_network_rows(times, network, hours) for network in world.networks.values() if len(times)]
    if len(times):
        parts.append(_weather_rows(world, times, hours))
    ahead = forecaster_of(world.climate, world.seed, from_ns(world.times[0]))
    return Published(_joined(parts), world.stations, AREA, ahead)


def _network_rows(times: npt.NDArray[np.datetime64], network: Network, hours: slice) -> pd.DataFrame:
    delay = network.delay_minutes[hours].astype("timedelta64[m]")
    silent = FLAG_TEXT[network.silent[hours]]
    return pd.concat(
        [
            _rows(
                times,
                network.stations,
                quantity,
                values[hours],
                times[:, None] + delay,
                np.where(np.isnan(values[hours]), silent, ""),
            )
            for quantity, values in network.readings.items()
        ],
        ignore_index=True,
    )


def _weather_rows(world: SimulatedWorld, times: npt.NDArray[np.datetime64], hours: slice) -> pd.DataFrame:
    shown = {field: column[hours] for field, column in world.printed.items()}
    values = weather_values(shown) | {quantity: shown[field] for quantity, field in WIND.items()}
    delay = np.timedelta64(PUBLISHED_MINUTES["open_meteo"], "m")
    stations = tuple(f"open_meteo:{p.id}" for p in POINTS)
    at = np.repeat((times + delay)[:, None], len(stations), axis=1)
    blank = np.full(at.shape, "")
    return pd.concat(
        [
            _rows(times, stations, quantity, column, at, blank)
            for quantity, column in values.items()
            if quantity not in ("eastward_wind", "northward_wind")
        ],
        ignore_index=True,
    )


def _rows(
    times: npt.NDArray[np.datetime64],
    stations: tuple[str, ...],
    quantity: str,
    values: npt.NDArray[np.float64],
    published_at: npt.NDArray[np.datetime64],
    flag: npt.NDArray[np.str_],
) -> pd.DataFrame:
    """Return rows of one quantity from arrays over (hours, stations)."""
    n = len(times)
    return pd.DataFrame(
        {
            "station": np.tile(np.array(stations, dtype=object), n),
            "quantity": np.full(n * len(stations), quantity, dtype=object),
            "time": np.repeat(times, len(stations)),
            "value": values.ravel(),
            "qc": np.zeros(values.size, dtype=np.int8),
            "published_at": published_at.ravel().astype("datetime64[ns]"),
            "flag": flag.ravel().astype(object),
        }
    )


def _joined(parts: list[pd.DataFrame]) -> pd.DataFrame:
    nothing = np.empty((0, 0))
    none = _rows(np.empty(0, "M8[ns]"), (), "", nothing, nothing.astype("M8[ns]"), nothing.astype(str))
    return pd.concat(parts, ignore_index=True) if parts else none
