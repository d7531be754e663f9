"""Time stamps of a mapped table: any format and zone, 24:00, and the end of the interval they stand for."""

from __future__ import annotations

import re
from collections.abc import Mapping as Columns
from datetime import timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from ingest.published.mapping import STATED, Time
from ingest.published.table import FIRST_YEAR, LAST_YEAR, LeftOut, Times
from ingest.published.text import Texts
from pipeline.times import NS_HOUR

_EARLIEST, _LATEST = 631_152_000, 7_258_118_400
"""1990-01-01 and 2200-01-01 [s since 1970]."""


def interval_ends(
    columns: Columns[str, Texts], time: Time, left_out: LeftOut
) -> tuple[Times, npt.NDArray[np.bool_]]:
    """Return the interval end of each row [ns since 1970, UTC], and which rows have one.

    A local time that exists twice or never, where clocks are changed, is left out: it cannot be known.

    Examples
    --------
    >>> time = Time(columns=("d", "h"), format="%Y%m%d %H", zone="Asia/Seoul", label="end")
    >>> given = {"d": np.array(["20190101"], object), "h": np.array(["24"], object)}
    >>> str(interval_ends(given, time, LeftOut("x"))[0].view("M8[ns]")[0])[:13]
    '2019-01-01T15'
    """
    texts: pd.Series[Any] = pd.Series(columns[time.columns[0]], dtype=object).astype(str).str.strip()
    for name in time.columns[1:]:
        texts = texts + " " + pd.Series(columns[name], dtype=object).astype(str).str.strip()
    found = _epoch(texts) if time.format == "epoch_s" else _parsed(texts, time)
    there = found.notna().to_numpy()
    if not there.all():
        first = str(texts[~there].iloc[0])[:40]
        left_out.add("some rows", f"{first!r} is no time", time.columns[0], int((~there).sum()))
    clean = found.where(there, pd.Timestamp(FIRST_YEAR, 1, 1)).to_numpy().astype("datetime64[ns]")
    shift = {"end": 0, "begin": time.interval_hours * NS_HOUR, "middle": time.interval_hours * NS_HOUR // 2}
    return clean.view(np.int64) // 10**9 * 10**9 + shift[time.label], there


def _epoch(texts: pd.Series[Any]) -> pd.Series[Any]:
    seconds = pd.to_numeric(texts, errors="coerce").astype("float64")
    seconds = seconds.where((seconds >= _EARLIEST) & (seconds < _LATEST))
    return pd.to_datetime(seconds, unit="s", errors="coerce")


def _parsed(texts: pd.Series[Any], time: Time) -> pd.Series[Any]:
    """Return naive UTC times; NaT for what is none."""
    found = _once(texts, time)
    lacking = found.isna() & texts.str.contains("24", regex=False)
    for text in texts[lacking].unique():
        found = found.mask(texts == text, _midnight(str(text), time))
    return found


def _midnight(text: str, time: Time) -> Any:
    """Return the end of a day that is written as hour 24: the next day's hour 0."""
    for at in re.finditer("(?=24)", text):
        other = f"{text[: at.start()]}00{text[at.start() + 2 :]}"
        found = _once(pd.Series([other], dtype=object), time).iloc[0]
        if not pd.isna(found):
            return found + pd.Timedelta(days=1)
    return pd.NaT


def _once(texts: pd.Series[Any], time: Time) -> pd.Series[Any]:
    """Return naive UTC times of texts without 24:00."""
    if time.zone == STATED:
        stated = texts.str.contains(r"(?:Z|[+-]\d\d:?\d\d)$", regex=True)
        found = pd.to_datetime(texts.where(stated), format=time.format, errors="coerce", utc=True)
        return _within(found.dt.tz_localize(None))
    found = pd.to_datetime(texts, format=time.format, errors="coerce", utc=True).dt.tz_localize(None)
    zoned = texts.str.contains(r"(?:Z|\d[+-]\d\d:?\d\d)$", regex=True)
    local = _within(found.mask(zoned)).dt.tz_localize(_zone(time.zone), ambiguous="NaT", nonexistent="NaT")
    naive: pd.Series[Any] = local.dt.tz_convert("UTC").dt.tz_localize(None)
    return naive


def _within(times: pd.Series[Any]) -> pd.Series[Any]:
    return times.where(times.dt.year.between(FIRST_YEAR, LAST_YEAR))


def _zone(name: str) -> tzinfo:
    if name[0] in "+-":
        sign = -1 if name[0] == "-" else 1
        return timezone(sign * timedelta(hours=int(name[1:3]), minutes=int(name[4:6])))
    return ZoneInfo(name)
