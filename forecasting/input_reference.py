"""How a model's inputs usually are, month by month, and whether they still are: PSI, level, share missing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from forecasting.situation.derived import sources_of
from pipeline.asof import AsOfPanel, AsOfSeries
from pipeline.times import to_ns

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

BINS: Final = 10
WINDOW_DAYS: Final = 90
BLOCK: Final = np.timedelta64(30 * 24 * 3600 * 10**9, "ns")
BLOCKS: Final = 3
"""A window of WINDOW_DAYS is three blocks of 30 days."""

FEWEST_WINDOWS: Final = 24
"""With fewer past windows (two years) nobody knows how an input usually varies."""

STRONG_PSI: Final = 0.25
"""A population stability index below this is no shift (Siddiqi 2006, Credit Risk Scorecards, chapter 10)."""

MARGIN: Final = 1.25
"""How much beyond everything seen in the past an index or a share must lie."""

EDGES: Final = tuple(f"edge_{i}" for i in range(1, BINS))
SHARES: Final = tuple(f"share_{i}" for i in range(BINS))


def input_reference(panel: AsOfPanel, keys: Iterable[str], data_until: datetime) -> pd.DataFrame:
    """Return how inputs were distributed in each calendar month, and how much windows of 90 days varied.

    Parameters
    ----------
    panel : series with all versions; what was received after ``data_until`` is not read
    keys : panel keys of the inputs

    Returns
    -------
    one row per input and calendar month: ``edge_1`` … ``edge_9`` deciles, ``share_0`` … ``share_9`` of values
    between them, and, the same in all months of an input, over past windows: ``windows`` (number),
    ``psi_highest``, ``rank_lowest``, ``rank_highest`` (mean rank of the values, 0 to 1), ``known_lowest``,
    ``known_usual`` (share of intervals known)
    """
    rows = []
    for key in _stored(panel, keys):
        times, values = _newest(panel[key], to_ns(data_until))
        if len(values) < 12 * BINS:
            continue
        months = _months(times)
        table = {m: _deciles(values[months == m]) for m in np.unique(months)}
        usual = _past_windows(times, values, table, panel[key].interval_hours)
        for month, (edges, shares) in table.items():
            head = {"key": key, "month": int(month), **usual}
            rows.append(
                {**head, **dict(zip(EDGES, edges, strict=True)), **dict(zip(SHARES, shares, strict=True))}
            )
    return pd.DataFrame(rows)


def input_findings(panel: AsOfPanel, reference: pd.DataFrame, now: datetime) -> list[dict[str, Any]]:
    """Return which inputs of the last 90 days are unlike anything in the past of the model.

    Parameters
    ----------
    panel : series; what was received after ``now`` is not read
    reference : table of :func:`input_reference`

    Returns
    -------
    findings: subject, psi, rank, known, text, those of PM first; for inputs whose past is long enough
    """
    found = []
    end = to_ns(now)
    start = end - np.timedelta64(to_ns(now) - to_ns(now - timedelta(days=WINDOW_DAYS)), "ns")
    groups = reference.groupby("key", sort=True) if len(reference) else ()
    for key, rows in groups:
        usual = rows.iloc[0]
        if usual["windows"] < FEWEST_WINDOWS:
            continue
        series = panel.get(str(key))
        times, values = _newest(series, end) if series is not None else _NOTHING
        recent = times > start
        hours = series.interval_hours if series is not None else 1
        said = _judged(times[recent], values[recent], rows, WINDOW_DAYS * 24 / hours)
        text = _complaint(said, usual)
        if text:
            found.append({"subject": f"input {key}", **said, "text": f"{key}: {text}"})
    return sorted(found, key=lambda f: (".pm" not in f["subject"], f["subject"]))


def _stored(panel: AsOfPanel, keys: Iterable[str]) -> list[str]:
    """Return the series of the panel behind some inputs: winds may be stored as speed and direction."""
    wanted = set()
    for place, quantity, role in (p for p in (key.split(".") for key in keys) if len(p) == 3):
        key = f"{place}.{quantity}.{role}"
        wanted |= set(sources_of(key, panel))
    return sorted(wanted & set(panel))


_NOTHING = (np.empty(0, "datetime64[ns]"), np.empty(0))


def psi(counts: Floats, expected: Floats) -> float:
    """Return the population stability index of counts against expected shares; 0: just as expected.

    Half a value is added to every bin, so that an empty one does not make it infinite.

    >>> psi(np.full(10, 50.0), np.full(10, 0.1))
    0.0
    >>> skewed = psi(np.array([100.0, 0.0]), np.array([0.5, 0.5]))
    >>> bool(abs(skewed - 50 / 101 * np.log(201)) < 1e-12)
    True
    """
    share = (counts + 0.5) / (counts.sum() + 0.5 * len(counts))
    wanted = (expected * counts.sum() + 0.5) / (counts.sum() + 0.5 * len(counts))
    return float(((share - wanted) * np.log(share / wanted)).sum())


def _newest(series: AsOfSeries, limit: np.datetime64) -> tuple[npt.NDArray[np.datetime64], Floats]:
    """Return the newest version of every value known at an instant; withdrawn ones are left out."""
    known = series.received <= limit
    times, values = series.times[known], series.values[known]
    last = np.append(times[1:] != times[:-1], True)[: len(times)] & np.isfinite(values)
    return times[last], values[last]


def _months(times: npt.NDArray[np.datetime64]) -> Ints:
    return np.asarray(times.astype("datetime64[M]").astype(np.int64) % 12 + 1)


def _deciles(values: Floats) -> tuple[Floats, Floats]:
    """Return nine edges and the share of the values in each of the ten bins between them."""
    edges = np.quantile(values, np.arange(1, BINS) / BINS)
    counts = np.bincount(np.searchsorted(edges, values), minlength=BINS)
    return edges, counts / counts.sum()


def _binned(
    times: npt.NDArray[np.datetime64], values: Floats, table: dict[int, tuple[Floats, Floats]]
) -> tuple[Ints, Floats]:
    """Return the bin of every value in its month, and the shares expected there, (value, bin)."""
    months = _months(times)
    at, expected = np.zeros(len(values), np.int64), np.full((len(values), BINS), 1 / BINS)
    for month, (edges, shares) in table.items():
        own = months == month
        at[own], expected[own] = np.searchsorted(edges, values[own]), shares
    return at, expected


def _past_windows(
    times: npt.NDArray[np.datetime64],
    values: Floats,
    table: dict[int, tuple[Floats, Floats]],
    interval_hours: int,
) -> dict[str, float]:
    """Return the extremes of index, rank and share known over all past windows of 90 days."""
    block = ((times - times[0]) // BLOCK).astype(np.int64)
    size = int(block[-1])
    whole = block < size
    at, expected = _binned(times[whole], values[whole], table)
    counts = np.zeros((size, BINS))
    np.add.at(counts, (block[whole], at), 1.0)
    wanted = np.zeros((size, BINS))
    np.add.at(wanted, block[whole], expected)
    slots = WINDOW_DAYS * 24 / interval_hours
    windows = [
        _of_window(counts[i : i + BLOCKS].sum(axis=0), wanted[i : i + BLOCKS].sum(axis=0), slots)
        for i in range(max(0, size - BLOCKS + 1))
    ]
    good = [w for w in windows if w["known"] > 0.5]
    return {
        "windows": float(len(good)),
        "psi_highest": max((w["psi"] for w in good), default=np.nan),
        "rank_lowest": min((w["rank"] for w in good), default=np.nan),
        "rank_highest": max((w["rank"] for w in good), default=np.nan),
        "known_lowest": min((w["known"] for w in windows), default=np.nan),
        "known_usual": float(np.median([w["known"] for w in windows])) if windows else np.nan,
    }


def _of_window(counts: Floats, wanted: Floats, slots: float) -> dict[str, float]:
    """Return index, mean rank and share known of one window."""
    total = counts.sum()
    if not total:
        return {"psi": np.nan, "rank": np.nan, "known": 0.0}
    shares = wanted / total
    middle = np.cumsum(shares) - shares / 2
    return {"psi": psi(counts, shares), "rank": float(counts @ middle / total), "known": float(total / slots)}


def _judged(
    times: npt.NDArray[np.datetime64], values: Floats, rows: pd.DataFrame, slots: float
) -> dict[str, float]:
    """Return index, rank and share known of a window, against the reference of one input."""
    edges, shares = rows[list(EDGES)].to_numpy(float), rows[list(SHARES)].to_numpy(float)
    table = {int(m): (edges[i], shares[i]) for i, m in enumerate(rows["month"])}
    at, expected = _binned(times, values, table)
    counts = np.bincount(at, minlength=BINS).astype(float)
    return {k: round(v, 3) for k, v in _of_window(counts, expected.sum(axis=0), slots).items()}


def _complaint(said: dict[str, float], usual: pd.Series) -> str:
    """Say what is unlike the past, or nothing."""
    known = f"{said['known']:.0%} of the values of 90 days are there, usually {usual['known_usual']:.0%}"
    if said["known"] < min(0.8 * usual["known_usual"], usual["known_lowest"] / MARGIN):
        return known
    if not said["known"] > 0.5 * usual["known_usual"]:
        return ""
    limit = max(STRONG_PSI, MARGIN * usual["psi_highest"])
    if said["psi"] <= limit:
        return ""
    way = "higher" if said["rank"] > 0.5 else "lower"
    return (
        f"unlike the past, mostly {way}: PSI {said['psi']:.2f}, never above {usual['psi_highest']:.2f} before"
    )
