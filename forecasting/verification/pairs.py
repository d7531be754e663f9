"""Predictions beside what was measured: every model on the same rows, in groups of one city and lead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from forecasting.predictions import PROBABILITY_COLUMNS, QUANTILE_COLUMNS
from forecasting.verification.references import climatologies, persisted
from pipeline.cities import all_cities
from pipeline.names import PM_THRESHOLDS

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Events = npt.NDArray[np.bool_]

KEYS = ("city", "target", "issue_time", "valid_end")
DAYS = ("daily", "outlook")
"""Targets that are means of local days."""

LEAD_BANDS = ((0, 24), (24, 48), (48, 72), (72, 96))
"""Hourly rows are scored over these ranges of ``lead_hours``, (low, high] [h]."""

SEASONS = {12: "DJF", 1: "DJF", 2: "DJF", 3: "MAM", 4: "MAM", 5: "MAM", 6: "JJA", 7: "JJA", 8: "JJA"}


@dataclass(frozen=True)
class Group:
    """All rows of one city and lead that every model forecast and that were measured.

    Parameters
    ----------
    models : names; ``mean`` (model, row), ``quantiles`` (model, row, level), ``probability`` (model, row,
        threshold) are in their order
    observed : (row,) [ug m-3]
    before : (row,) mean of the local day before the one forecast; NaN where unknown or for hours
    issued_before : (row,) mean of the last whole local day before the issue [ug m-3]
    climatology : for ``season`` and ``trend`` (row, threshold), NaN where undefined
    day, year, month, cycle : (row,) local day number of what is forecast, its year and month, hour of issue
    issue, begins : (row,) issue time, and when what is forecast begins [UTC]
    """

    city: str
    target: str
    lead: str
    models: tuple[str, ...]
    mean: Floats
    quantiles: Floats
    probability: Floats
    observed: Floats
    before: Floats
    issued_before: Floats
    climatology: dict[str, Floats]
    day: Ints
    year: Ints
    month: Ints
    cycle: Ints
    issue: npt.NDArray[np.datetime64]
    begins: npt.NDArray[np.datetime64]

    @property
    def event(self) -> Events:
        """Tell for each row and threshold whether it was exceeded, (row, threshold)."""
        return np.asarray(self.observed[:, None] > np.array(PM_THRESHOLDS))

    @property
    def key(self) -> dict[str, str]:
        """Return what names the group in a table."""
        return {"city": self.city, "target": self.target, "lead": self.lead}

    def of(self, model: str) -> int:
        """Return the position of a model."""
        return self.models.index(model)


def day_number(when: pd.Series, timezone: str) -> Ints:
    """Return the local calendar day of instants as days since 1970.

    >>> day_number(pd.Series(pd.to_datetime(["2020-01-10T15:00Z"])), "Asia/Seoul").astype("M8[D]")
    array(['2020-01-11'], dtype='datetime64[D]')
    """
    local = when.dt.tz_convert(timezone).dt.tz_localize(None)
    return np.asarray(local.to_numpy("datetime64[D]").astype(np.int64), np.int64)


def groups(predictions: pd.DataFrame, truth: pd.DataFrame) -> Iterator[Group]:
    """Yield the groups of a table of predictions, in the order of city, target and lead.

    Parameters
    ----------
    predictions : rows of ``forecasting.predictions``, of any number of models; a row given twice counts
        as it was given last
    truth : rows of ``forecasting.verify.observed_truth``, for days as far back as climatologies shall reach

    Rows that a model lacks, or without a mean or a measured value, are left out for all models.
    """
    rows = _matched(predictions, truth)
    for city, mine in rows.groupby("city", sort=True):
        if str(city) not in all_cities():
            continue
        timezone = all_cities()[str(city)].timezone
        measured = day_means_by_number(truth, str(city))
        for (target, lead), part in mine.groupby(["target", _lead_label(mine)], sort=True):
            yield _group(part, (str(city), str(target), str(lead)), measured, timezone)


def day_means_by_number(truth: pd.DataFrame, city: str) -> pd.Series:
    """Return the measured day means of a city by local day number [ug m-3]."""
    days = truth[(truth["city"] == city) & (truth["target"] == "daily")]
    ends = days["valid_end"] - pd.Timedelta(hours=12)
    number = day_number(ends, all_cities()[city].timezone)
    values = pd.Series(days["observed"].to_numpy(np.float64), number)
    return values[~values.index.duplicated(keep="last")].sort_index()


def _matched(predictions: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    rows = predictions.dropna(subset=["mean", *PROBABILITY_COLUMNS, *QUANTILE_COLUMNS])
    rows = rows.drop_duplicates([*KEYS, "model"], keep="last")
    kind = rows["target"].where(rows["target"] != "outlook", "daily")
    wanted = truth[["city", "target", "valid_end", "observed"]].rename(columns={"target": "_kind"})
    rows = rows.assign(_kind=kind).merge(wanted, on=["city", "_kind", "valid_end"], how="inner")
    models = rows.groupby(["city", "target"])["model"].transform("nunique")
    return rows[rows.groupby(list(KEYS))["model"].transform("nunique") == models]


def _lead_label(rows: pd.DataFrame) -> pd.Series:
    labels = [f"{low + 1}-{high} h" for low, high in LEAD_BANDS]
    bands = pd.cut(rows["lead_hours"], [0, *(high for _, high in LEAD_BANDS)], labels=labels).astype(str)
    daily = "D+" + rows["lead_day"].astype(str)
    return bands.where(rows["target"] == "hourly", daily).rename("lead")


def _group(part: pd.DataFrame, key: tuple[str, str, str], measured: pd.Series, timezone: str) -> Group:
    models = tuple(sorted(str(name) for name in part["model"].unique()))
    tables = [
        part[part["model"] == name].sort_values(["issue_time", "valid_end"], ignore_index=True)
        for name in models
    ]
    first = tables[0]
    day = day_number(first["valid_end"] - pd.Timedelta(minutes=30), timezone)
    issued = day_number(first["issue_time"], timezone)
    date = day.astype("datetime64[D]")
    daily = key[1] in DAYS
    nothing = np.full(len(first), np.nan)
    return Group(
        *key,
        models=models,
        mean=np.stack([t["mean"].to_numpy(np.float64) for t in tables]),
        quantiles=_block(tables, QUANTILE_COLUMNS),
        probability=_block(tables, PROBABILITY_COLUMNS),
        observed=first["observed"].to_numpy(np.float64),
        before=measured.reindex(day - 1).to_numpy(np.float64) if daily else nothing,
        issued_before=persisted(measured, issued) if daily else nothing,
        climatology=climatologies(measured, day, issued) if daily else {},
        day=day,
        year=date.astype("datetime64[Y]").astype(np.int64) + 1970,
        month=date.astype("datetime64[M]").astype(np.int64) % 12 + 1,
        cycle=first["issue_time"].dt.hour.to_numpy(np.int64),
        issue=_utc(first["issue_time"]),
        begins=_utc(first["valid_start"]),
    )


def _utc(when: pd.Series) -> npt.NDArray[np.datetime64]:
    return np.asarray(when.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy("datetime64[ns]"))


def _block(tables: Sequence[pd.DataFrame], columns: Sequence[str]) -> Floats:
    return np.stack([t[list(columns)].to_numpy(np.float64) for t in tables])
