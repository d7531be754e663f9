"""What evaluators of rules read of a city's paths: series, means of local days, and what they rest on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import xarray as xr

from alerts.aqi import iaqi
from alerts.judged import Undecidable
from alerts.rules import Rule
from pipeline.cities import City
from pipeline.paths import day_means
from pipeline.times import NS_HOUR, local_day_bounds, to_ns

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Series:
    """Paths of one series of a city: values (realization, time) [ug m-3], NaN where there is no interval."""

    times: npt.NDArray[np.datetime64]
    values: Floats
    step_hours: int
    note: str = ""

    def part(self, start: np.datetime64, end: np.datetime64) -> Floats:
        """Return the values of (start, end] on the series' own cadence."""
        inside: Flags = (self.times > start) & (self.times <= end)
        return self.values[:, inside]


def running_index(series: Series, table: Rule, held: Rule) -> Floats:
    """Return the Chinese index of running means (realization, time) of the length that a rule names.

    NaN where fewer intervals have a value than the rule asks for.
    """
    width = held.mean_hours // series.step_hours
    there = np.isfinite(series.values)
    total = np.cumsum(np.where(there, series.values, 0.0), axis=1)
    count = np.cumsum(there, axis=1)
    total[:, width:], count[:, width:] = (
        total[:, width:] - total[:, :-width],
        count[:, width:] - count[:, :-width],
    )
    enough = count >= held.minimum_coverage * width
    enough[:, : width - 1] = False
    return iaqi(np.where(enough, total / np.maximum(count, 1), np.nan), "pm2p5", table)


def day_means_of(
    held: Rule, paths: xr.Dataset, city: City, day: date, quantities: tuple[str, ...]
) -> tuple[dict[str, Floats], str]:
    """Return the day means that are there, and a note on the others; Undecidable without the first."""
    found = {q: day_mean_of(held, paths, city, day, q) for q in quantities}
    means = {q: mean for q, mean in found.items() if mean is not None}
    if quantities[0] not in means:
        raise Undecidable(too_few(held, quantities[0]))
    missing = [q.upper() for q in quantities if q not in means]
    return means, f"{', '.join(missing)} not available: the level is at least this" if missing else ""


def too_few(held: Rule, quantity: str) -> str:
    """Say that a day mean is not there, naming the coverage that a rule asks for.

    >>> from alerts.rules import rule
    >>> too_few(rule("kr.grade", date(2020, 1, 1)), "pm2p5")
    "fewer than 75 % of the day's PM2.5 intervals, or the day is beyond the forecast"
    """
    name = quantity.upper().replace("2P5", "2.5")
    share = f"{held.minimum_coverage * 100:.0f} %"
    return f"fewer than {share} of the day's {name} intervals, or the day is beyond the forecast"


def day_mean_of(held: Rule, paths: xr.Dataset, city: City, day: date, quantity: str) -> Floats | None:
    """Return the mean of a local day on every path [ug m-3]; None where it is too incomplete for a rule."""
    if quantity not in paths:
        return None
    days = day_means(paths, city, quantity, held.minimum_coverage)
    at = np.flatnonzero(days["day"].values == np.datetime64(day))
    if not len(at) or not bool(days["complete"].values[at[0]]):
        return None
    mean: Floats = days["day_mean"].values[:, at[0]]
    return mean


def hourly_series(paths: xr.Dataset, city: City, quantity: str) -> Series:
    """Return the hourly series of a city, a proxy with its note; Undecidable where there is none."""
    spec = city.spec(quantity, "hourly", str(paths.attrs.get("world", "measured")))
    name = quantity if spec is not None and spec.role == "reference" else f"{quantity}_hourly"
    if spec is None or name not in paths:
        raise Undecidable(f"there is no hourly {quantity.upper()} series of {city.id}")
    proxy = spec.role != "reference" and bool(spec.note)
    return _series(paths, city, name, 1, f"hourly series of {city.id}: {spec.note}" if proxy else "")


def reference_series(paths: xr.Dataset, city: City, quantity: str) -> Series:
    """Return the reference series of a city on its own cadence."""
    spec = city.spec(quantity, "reference", str(paths.attrs.get("world", "measured")))
    return _series(paths, city, quantity, spec.interval_hours if spec else 1, "")


def _series(paths: xr.Dataset, city: City, name: str, step: int, note: str) -> Series:
    times = paths["time"].values.astype("datetime64[ns]")
    on_cadence = times.astype("int64") % (step * NS_HOUR) == 0
    values = paths[name].sel(city=city.id).transpose("realization", "time").values
    return Series(times[on_cadence], values[:, on_cadence], step, note)


def covered(held: Rule, part: Floats, expected: int, what: str) -> Floats:
    """Return the values if every path has as many as a rule asks for; else Undecidable, with ``what``."""
    least = int(np.isfinite(part).sum(axis=1).min(initial=expected))
    if least < held.minimum_coverage * expected or not part.size:
        raise Undecidable(f"fewer than {held.minimum_coverage * 100:.0f} % of the {what} have a value")
    return part


def day_bounds(city: City, day: date) -> tuple[np.datetime64, np.datetime64]:
    """Return the local midnights that begin and end a day [UTC]."""
    start, end = local_day_bounds(day, city.timezone)
    return to_ns(start), to_ns(end)


def basis_of_day(paths: xr.Dataset, city: City, day: date, quantities: tuple[str, ...]) -> str:
    """Tell what the reference values of a local day rest on: observed, forecast or mixed."""
    start, end = day_bounds(city, day)
    parts = [reference_series(paths, city, q).part(start, end) for q in quantities]
    bases = {basis_of(part) for part in parts}
    return bases.pop() if len(bases) == 1 else "mixed"


def basis_of(part: Floats) -> str:
    """Tell what values rest on; where all paths agree they were measured (``schema.check_paths``)."""
    there = np.isfinite(part).all(axis=0)
    measured = there & (np.ptp(np.where(there, part, 0.0), axis=0) == 0)
    if measured.sum() == there.sum():
        return "observed"
    return "mixed" if measured.any() else "forecast"
