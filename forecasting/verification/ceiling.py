"""How well one measured truth would forecast another: the ceiling of every score against either."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from forecasting.verification.measures import event_measures
from pipeline.names import PM_THRESHOLDS

Rows = list[dict[str, Any]]
HOURS_NEEDED = 0.75


def local_day_means(values: pd.Series, timezone: str, per_day: int) -> pd.Series:
    """Return the means of local days by day number; days with fewer than 75 % of their values are left out.

    Parameters
    ----------
    values : [ug m-3], indexed by interval end [UTC, datetime64[ns]]
    per_day : intervals in a day

    Examples
    --------
    >>> times = pd.date_range("2020-01-09T16:00", periods=24, freq="h")
    >>> local_day_means(pd.Series(np.arange(24.0), times), "Asia/Seoul", 24).to_dict()
    {18271: 11.5}
    """
    known = values.dropna()
    index = pd.DatetimeIndex(known.index) - pd.Timedelta(minutes=30)
    local = index.tz_localize("UTC").tz_convert(timezone).tz_localize(None)
    number = local.to_numpy("datetime64[D]").astype(np.int64)
    days = known.groupby(number).agg(["mean", "count"])
    return days.loc[days["count"] >= HOURS_NEEDED * per_day, "mean"]


def two_truths(first: pd.Series, second: pd.Series, **key: str) -> Rows:
    """Return how a perfect knowledge of the second truth would score against the first, by threshold.

    A forecast cannot be expected to do better than this: what separates the two is place and instrument.

    Parameters
    ----------
    first, second : day means [ug m-3] by day number
    key : columns that name the pair

    Returns
    -------
    a row for each threshold exceeded by either: ``n``, ``rmse``, ``bias`` (second − first), ``correlation``,
    ``events``, ``brier_score``, ``pod``, ``far``, ``csi``, ``hss``; none without common days

    Examples
    --------
    >>> a, b = pd.Series([10.0, 40.0, 20.0]), pd.Series([12.0, 30.0, 24.0])
    >>> rows = two_truths(a, b)
    >>> [r["threshold"] for r in rows], rows[0]["csi"], rows[1]["pod"]
    ([15, 35], 1.0, 0.0)
    """
    both = pd.concat({"first": first, "second": second}, axis=1).dropna()
    if len(both) < 2:
        return []
    error = both["second"] - both["first"]
    shared = {
        **key,
        "n": len(both),
        "rmse": float(np.sqrt((error**2).mean())),
        "bias": float(error.mean()),
        "correlation": float(both["first"].corr(both["second"])),
    }
    rows: Rows = []
    for threshold in PM_THRESHOLDS:
        event, said = both["first"] > threshold, both["second"] > threshold
        if not (event | said).any():
            continue
        counts = {
            "n": len(both),
            "events": event.sum(),
            "said": said.sum(),
            "hits": (event & said).sum(),
            "brier": (event != said).sum(),
        }
        found = event_measures({name: np.array([float(v)]) for name, v in counts.items()})
        measures = {name: v[0].item() for name, v in found.items()}
        rows.append({**shared, "threshold": threshold, "events": int(event.sum()), **measures})
    return rows
