"""What all paths of a season say of a city's air: hours over regions and cells, and groups of paths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from forecasting.transport.cluster import Clusters, cluster, mean_paths
from forecasting.transport.receptor import Fields, fields, maps
from forecasting.transport.season_arrivals import EAST_ASIA, Arrivals
from forecasting.transport.significance import RESAMPLES, days_of, independent_arrivals
from forecasting.verification.intervals import block_counts, interval
from pipeline.errors import UsageError
from pipeline.regions import all_regions, region_of

Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.datetime64]

SCHEMES: Final[Mapping[str, Mapping[str, tuple[int, ...]]]] = {
    "quarters": {"DJF": (12, 1, 2), "MAM": (3, 4, 5), "JJA": (6, 7, 8), "SON": (9, 10, 11)},
    "halves": {"Oct-Mar": (10, 11, 12, 1, 2, 3), "Apr-Sep": (4, 5, 6, 7, 8, 9)},
}
"""Months of each season, by how the year is divided."""

WHOLE_PATHS: Final = 0.8
"""Groups are made of the longest stretch of path that this share of arrivals has."""

SHORTEST: Final = 12
"""Shorter paths are not grouped [h]."""


@dataclass(frozen=True)
class Season:
    """What is said of one season; ``refused`` says why nothing is, and then the rest is empty.

    Parameters
    ----------
    arrivals, independent : of known concentration; at least 24 h apart
    mean, threshold : concentration of all arrivals, and above which one is high [ug m-3]
    known_hours : how long paths were on average [h]
    regions, groups : tables, a row for each region and each group of paths
    maps : statistics of the cells
    paths : mean path of each group, latitude and longitude (group, age) [degree]
    """

    name: str
    arrivals: int
    independent: int
    first: str
    last: str
    mean: float
    threshold: float
    known_hours: float
    regions: pd.DataFrame
    groups: pd.DataFrame
    maps: xr.Dataset | None
    paths: tuple[Floats, Floats] | None
    refused: str = ""


def season_names(times: Times, scheme: str) -> npt.NDArray[np.str_]:
    """Return the season of each instant.

    Examples
    --------
    >>> season_names(np.array(["2019-12-31", "2020-07-01"], "M8[ns]"), "quarters").tolist()
    ['DJF', 'JJA']
    """
    if scheme not in SCHEMES:
        raise UsageError(f"--seasons {scheme}: there are {', '.join(SCHEMES)}")
    of_month = {month: name for name, months in SCHEMES[scheme].items() for month in months}
    months = times.astype("datetime64[M]").astype(np.int64) % 12 + 1
    return np.array([of_month[int(m)] for m in months], dtype=np.str_)


def summarise(
    arrivals: Arrivals,
    concentration: Floats,
    scheme: str,
    rng: np.random.Generator,
    attributes: Mapping[str, str],
    *,
    threshold: float | None = None,
    resamples: int = RESAMPLES,
) -> list[Season]:
    """Return what the arrivals of each season say; one of too few independent arrivals is refused, by name.

    Parameters
    ----------
    arrivals : of one city
    concentration : (arrival,) there [ug m-3]; NaN where unknown, which leaves the arrival out
    scheme : how the year is divided, one of SCHEMES
    attributes : of the maps: source, kind and world of the winds
    threshold : above which an arrival is high; None: each season's 75th percentile
    """
    seasons = season_names(arrivals.times, scheme)
    known = np.isfinite(concentration) & (arrivals.known >= SHORTEST)
    found = []
    for name in SCHEMES[scheme]:
        chosen = known & (seasons == name)
        if not (seasons == name).any():
            continue
        part, values = arrivals.take(chosen), concentration[chosen]
        try:
            found.append(_season(name, part, values, rng, attributes, threshold, resamples))
        except UsageError as error:
            found.append(_refused(name, part, str(error)))
    return found


def _season(
    name: str,
    part: Arrivals,
    values: Floats,
    rng: np.random.Generator,
    attributes: Mapping[str, str],
    threshold: float | None,
    resamples: int,
) -> Season:
    def statistics(hours: Floats) -> Fields:
        return fields(hours, values, part.times, rng, what=name, threshold=threshold, resamples=resamples)

    cells, regions = statistics(part.cells.hours), statistics(part.regions.hours)
    grouped, table = _groups(part, values, rng, resamples)
    return Season(
        name,
        len(values),
        independent_arrivals(part.times),
        str(part.times[0])[:10],
        str(part.times[-1])[:10],
        float(values.mean()),
        cells.threshold,
        float(part.known.mean()),
        _region_table(part, regions),
        table,
        maps(cells, EAST_ASIA, part.cells, {**attributes, "season": name}),
        grouped,
    )


def _refused(name: str, part: Arrivals, why: str) -> Season:
    none = pd.DataFrame()
    times = part.times
    ends = (str(times[0])[:10], str(times[-1])[:10]) if len(times) else ("", "")
    nan = float("nan")
    return Season(
        name, len(times), independent_arrivals(times), *ends, nan, nan, nan, none, none, None, None, why
    )


def _region_table(part: Arrivals, found: Fields) -> pd.DataFrame:
    hours = part.regions.hours
    columns: dict[str, Any] = {
        "region": list(all_regions()),
        "hours": found.hours,
        "hours_low": found.hours_low,
        "hours_high": found.hours_high,
        "hours_below_mixing_height": np.nan
        if part.regions.mixed is None
        else part.regions.mixed.mean(axis=0),
        "arrivals_passing": (hours > 0).mean(axis=0),
    }
    for name, estimate in (("cwt", found.cwt), ("pscf", found.pscf)):
        columns |= {
            name: estimate.value,
            f"{name}_low": estimate.low,
            f"{name}_high": estimate.high,
            f"{name}_p": estimate.p,
            f"{name}_significant": estimate.significant,
        }
    table = pd.DataFrame(columns)
    return table[table["hours"] > 0].sort_values("hours", ascending=False, ignore_index=True)


def _groups(
    part: Arrivals, values: Floats, rng: np.random.Generator, resamples: int
) -> tuple[tuple[Floats, Floats] | None, pd.DataFrame]:
    """Group the paths of a season; None and an empty table where too few are long enough."""
    upto = _common_length(part)
    if upto is None:
        return None, pd.DataFrame()
    latitude, longitude = part.latitude[:, :upto], part.longitude[:, :upto]
    made = cluster(latitude, longitude)
    there = made.labels > 0
    paths = mean_paths(latitude[there], longitude[there], made.labels[there])
    drawn = block_counts(int(days_of(part.times)[-1]) + 1, rng, draws=resamples)[1:, days_of(part.times)]
    return paths, _group_table(made, values, drawn, paths, float(-part.age[upto - 1]))


def _common_length(part: Arrivals) -> int | None:
    """Return how many points of a path at least WHOLE_PATHS of the arrivals have; None below SHORTEST."""
    whole = np.isfinite(part.latitude).mean(axis=0)
    points = int((whole >= WHOLE_PATHS).sum())
    return points if points and -part.age[points - 1] >= SHORTEST else None


def _group_table(
    made: Clusters, values: Floats, drawn: Floats, paths: tuple[Floats, Floats], hours: float
) -> pd.DataFrame:
    rows = []
    for group in range(1, int(made.labels.max()) + 1):
        mine = (made.labels == group).astype(np.float64)
        with np.errstate(invalid="ignore"):
            low, high = interval((drawn @ (mine * values) / (drawn @ mine))[:, None])
        rows.append(
            {
                "group": group,
                "arrivals": int(mine.sum()),
                "share": float(mine.mean()),
                "mean": float(values[mine > 0].mean()),
                "mean_low": float(low[0]),
                "mean_high": float(high[0]),
                "hours": hours,
                "begins_over": region_of(float(paths[0][group - 1, -1]), float(paths[1][group - 1, -1])),
                "begins_latitude": float(paths[0][group - 1, -1]),
                "begins_longitude": float(paths[1][group - 1, -1]),
            }
        )
    return pd.DataFrame(rows)
