"""What is forecast: the target series of a panel, their past, and the scale on which they are modelled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from pipeline.asof import AsOfPanel
from pipeline.cities import City
from pipeline.times import to_ns

Floats = npt.NDArray[np.floating]
Times = npt.NDArray[np.datetime64]

LOG_OFFSET = 5.0
"""[ug m-3] added before the logarithm, so that the noise of clean hours does not outweigh polluted ones."""

HOUR_NS = np.timedelta64(1, "h").astype("timedelta64[ns]")


def to_log(values: Floats) -> Floats:
    """Return the modelling scale, ln(c + 5), of concentrations [ug m-3].

    >>> bool(np.allclose(to_level(to_log(np.array([0.0, 35.0]))), [0, 35]))
    True
    """
    return np.log(np.maximum(values, 0.0) + LOG_OFFSET)


def to_level(logs: Floats) -> Floats:
    """Return concentrations [ug m-3], never negative, from the modelling scale."""
    return np.maximum(np.exp(np.minimum(logs, 8.5)) - LOG_OFFSET, 0.0)


@dataclass(frozen=True)
class Target:
    """One forecast series: a city's reference or hourly series of a quantity."""

    city: str
    quantity: str
    role: str
    interval_hours: int
    timezone: str

    @property
    def key(self) -> str:
        """Return the key of the series in an AsOfPanel."""
        return f"{self.city}.{self.quantity}.{self.role}"

    @property
    def variable(self) -> str:
        """Return the name of the variable of the samples that holds this series."""
        return self.quantity if self.role == "reference" else f"{self.quantity}_hourly"


def targets_of(panel: AsOfPanel, cities: Sequence[City], quantity: str) -> tuple[Target, ...]:
    """List the targets: every city's reference series, and the hourly one where the reference is coarser.

    A city whose series the panel lacks keeps its declared reference, so that it still gets a forecast.
    """
    found = []
    for city in cities:
        reference = f"{city.id}.{quantity}.reference"
        spec = city.spec(quantity, "reference", panel.world)
        step = panel[reference].interval_hours if reference in panel else spec.interval_hours if spec else 1
        found.append(Target(city.id, quantity, "reference", step, city.timezone))
        if step > 1 and f"{city.id}.{quantity}.hourly" in panel:
            found.append(Target(city.id, quantity, "hourly", 1, city.timezone))
    return tuple(found)


@dataclass(frozen=True)
class History:
    """The targets' values on one hourly grid as they were known at one instant.

    Parameters
    ----------
    targets : the series
    start : first interval end of the grid [UTC]
    values : (target, hour) concentrations [ug m-3, float32], NaN where unknown
    """

    targets: tuple[Target, ...]
    start: np.datetime64
    values: npt.NDArray[np.float32]

    @property
    def times(self) -> Times:
        """Return the interval ends of the grid [UTC]."""
        times: Times = self.start + np.arange(self.values.shape[1]) * HOUR_NS
        return times

    def index(self, when: Times) -> npt.NDArray[np.int64]:
        """Return the positions of instants on the grid; they may lie outside it."""
        found: npt.NDArray[np.int64] = ((when - self.start) // HOUR_NS).astype(np.int64)
        return found


def read_history(
    panel: AsOfPanel,
    targets: Sequence[Target],
    as_of: datetime,
    leave_out_years: Sequence[int] = (),
    days: int | None = None,
) -> History:
    """Read what was known of the targets at ``as_of``: everything, or the last so many days.

    Values of left-out UTC years become NaN.
    """
    end = to_ns(as_of).astype("datetime64[h]").astype("datetime64[ns]")
    firsts = [panel[t.key].times[0] for t in targets if t.key in panel and len(panel[t.key].times)]
    start = min([f.astype("datetime64[h]").astype("datetime64[ns]") for f in firsts], default=end)
    start = start if days is None else max(start, end - days * 24 * HOUR_NS)
    grid = start + np.arange(max(0, int((end - start) // HOUR_NS)) + 1) * HOUR_NS
    values = np.stack([panel.on_grid(t.key, grid, as_of) for t in targets]).astype(np.float32)
    years = grid.astype("datetime64[Y]").astype(np.int64) + 1970
    values[:, np.isin(years, list(leave_out_years))] = np.nan
    return History(tuple(targets), start, values)


def day_of_year(times: Times) -> npt.NDArray[np.int64]:
    """Return days since 1 January [UTC], 0 … 365.

    >>> day_of_year(np.array(["2020-01-01T05", "2020-12-31T00"], "M8[ns]")).tolist()
    [0, 365]
    """
    days: npt.NDArray[np.int64] = (times.astype("M8[D]") - times.astype("M8[Y]").astype("M8[D]")).astype(
        np.int64
    )
    return days


def hour_of_day(times: Times) -> npt.NDArray[np.int64]:
    """Return the hour of instants [UTC], 0 … 23."""
    hours: npt.NDArray[np.int64] = (times.astype("M8[h]") - times.astype("M8[D]").astype("M8[h]")).astype(
        np.int64
    )
    return hours
