"""What a node knew of each series, in short, so that two nodes can say which of their data differ.

Of every series and span the table tells how many values were known and a digest of them. A digest is left out
where a span holds so few values that they could be guessed from it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
import pandas as pd

from pipeline.asof import AsOfPanel, AsOfSeries, Times, Values
from pipeline.times import to_ns

COLUMNS: Final = ("series", "span", "values", "digest", "delay_hours")
FEWEST: Final = 100
"""Below so many values a digest would let somebody guess them one by one."""
DIGITS: Final = 12
_THOUSANDTHS: Final = 1000.0


@dataclass(frozen=True)
class Span:
    """A stretch of interval ends, start < time ≤ end, as it was known at an instant."""

    name: str
    start: datetime
    end: datetime
    as_of: datetime


def digest_table(panel: AsOfPanel, keys: Sequence[str], spans: Iterable[Span]) -> pd.DataFrame:
    """Return of every series and span how many values were known, their digest, and how late they came.

    Parameters
    ----------
    keys : of the panel; of one that is not there every span holds none

    Returns
    -------
    columns series, span, values, digest (first digits of SHA-256 over times and thousandths of the values;
    empty where fewer than FEWEST are known), delay_hours (median of first receipt
    − interval end [h])

    Examples
    --------
    >>> t = np.arange("2020-01-01T01", "2020-01-11T01", dtype="M8[h]").astype("M8[ns]")
    >>> panel = AsOfPanel({"a": AsOfSeries(t, t, np.ones(len(t)))}, "measured")
    >>> first, last = (datetime.fromisoformat(f"2020-{m}-01T00:00+00:00") for m in ("01", "02"))
    >>> table = digest_table(panel, ["a", "b"], [Span("2020-01", first, last, last)])
    >>> table[["series", "values", "digest"]].to_numpy().tolist()
    [['a', 240, '8a47b962a1c4'], ['b', 0, '']]
    """
    every = list(spans)
    rows = [{"series": key, **_row(panel.get(key), span)} for key in sorted(keys) for span in every]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _row(series: AsOfSeries | None, span: Span) -> dict[str, Any]:
    """Return what is told of one series and span."""
    none = {"span": span.name, "values": 0, "digest": "", "delay_hours": None}
    if series is None or not len(series.times):
        return none
    times, values = series.window(to_ns(span.start), to_ns(span.end), to_ns(span.as_of))
    if not len(times):
        return none
    low, high = np.searchsorted(series.times, [times[0], times[-1]], side="left")
    ends = series.times[low : high + 1]
    is_first = np.append(True, ends[1:] != ends[:-1])
    lag = (series.received[low : high + 1] - ends)[is_first] / np.timedelta64(1, "h")
    delay = round(float(np.median(lag)), 1)
    digest = _digest(times, values) if len(times) >= FEWEST else ""
    return none | {"values": len(times), "digest": digest, "delay_hours": delay}


def _digest(times: Times, values: Values) -> str:
    """Return the first digits of SHA-256 over interval ends [ns] and values in thousandths."""
    whole = np.round(values * _THOUSANDTHS).astype("<i8")
    text = np.column_stack([times.astype("datetime64[ns]").astype("<i8"), whole]).tobytes()
    return hashlib.sha256(text).hexdigest()[:DIGITS]


def differing(ours: pd.DataFrame, theirs: pd.DataFrame) -> pd.DataFrame:
    """Return the series and spans in which two tables do not tell the same, with a word for each.

    Returns
    -------
    columns series, span, values_ours, values_theirs, what: ``here alone``, ``there alone``, ``other values``
    (as many, but not the same) or ``more here`` / ``more there``

    Examples
    --------
    >>> row = {"series": "a", "span": "2020", "values": 3, "digest": "", "delay_hours": 1.0}
    >>> differing(pd.DataFrame([row]), pd.DataFrame([row | {"values": 5}]))["what"].tolist()
    ['more there']
    """
    keys = ["series", "span"]
    both = ours.merge(theirs, on=keys, how="outer", suffixes=("_ours", "_theirs")).fillna(
        {"values_ours": 0, "values_theirs": 0, "digest_ours": "", "digest_theirs": ""}
    )
    here, there = both["values_ours"].astype(int), both["values_theirs"].astype(int)
    what = np.select(
        [(here > 0) & (there == 0), (here == 0) & (there > 0), here > there, here < there],
        ["here alone", "there alone", "more here", "more there"],
        np.where(both["digest_ours"] == both["digest_theirs"], "", "other values"),
    )
    found = both.assign(values_ours=here, values_theirs=there, what=what)
    kept = found.loc[found["what"] != "", [*keys, "values_ours", "values_theirs", "what"]]
    return kept.sort_values(keys, ignore_index=True)
