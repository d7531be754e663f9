"""From stored stations to the series of a city, with every version and its time of receipt kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol

import numpy as np
import pandas as pd

from pipeline.asof import AsOfPanel, AsOfSeries
from pipeline.cities import City, SeriesSpec
from pipeline.names import QC_FAIL, QC_SUSPECT, is_simulated


class VersionedStore(Protocol):
    """What is needed of the observation store: every version of stations' values, and the stations."""

    def versions(
        self,
        *,
        world: str,
        stations: Sequence[str] | None = None,
        quantities: Sequence[str] | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        as_of: datetime | None = None,
    ) -> pd.DataFrame:
        """Return every version with start < time ≤ end received by ``as_of``."""

    def stations(self, world: str, as_of: datetime | None = None) -> pd.DataFrame:
        """Return the newest row of each station."""


def load_panel(
    store: VersionedStore,
    cities: Iterable[City],
    world: str,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    as_of: datetime | None = None,
) -> AsOfPanel:
    """Read the declared series of the cities from the store, with all versions received by ``as_of``.

    Values that failed quality control (and suspect ones, where a series does not accept them) are taken as
    withdrawn: they are in the store, not in the panel.

    Returns
    -------
    panel keyed ``city.quantity.role``; a series without any value is left out
    """
    kind = "simulated" if is_simulated(world) else world
    wanted = [(c, s) for c in cities for s in c.series if s.world == kind]
    members = _members(store.stations(world, as_of), wanted)
    stations = sorted({s for group in members.values() for s in group})
    quantities = sorted({spec.quantity for _, spec in wanted})
    rows = store.versions(
        world=world, stations=stations, quantities=quantities, start=start, end=end, as_of=as_of
    )
    by_key = {
        (str(s), str(q)): part
        for (s, q), part in rows.groupby(["station", "quantity"], observed=True, sort=False)
    }
    series = {}
    for city, spec in wanted:
        key = f"{city.id}.{spec.quantity}.{spec.role}"
        group = members[key]
        parts = [_accepted(by_key[(s, spec.quantity)], spec) for s in group if (s, spec.quantity) in by_key]
        if parts:
            series[key] = _single(parts[0], spec) if spec.stations else network_mean(parts, len(group), spec)
    return AsOfPanel(series, world)


def network_mean(parts: Sequence[pd.DataFrame], size: int, spec: SeriesSpec) -> AsOfSeries:
    """Average stations into a city series whose versions follow each late or corrected station value.

    For every hour there is one version per instant at which any station's value arrived; it is the mean of
    the newest values then known, or NaN while fewer than ``minimum_coverage`` of ``size`` stations report.

    Examples
    --------
    Two of two stations report at 02 h, one is corrected at 05 h:

    >>> rows = [pd.DataFrame({"time": t, "received_at": r, "value": v}) for t, r, v in [
    ...     (np.array(["2020-01-01T01", "2020-01-01T01"], "M8[ns]"),
    ...      np.array(["2020-01-01T02", "2020-01-01T05"], "M8[ns]"), [10.0, 14.0]),
    ...     (np.array(["2020-01-01T01"], "M8[ns]"), np.array(["2020-01-01T02"], "M8[ns]"), [20.0])]]
    >>> network_mean(rows, 2, SeriesSpec("pm2p5", "reference", "simulated", 1, network="airkorea")).values
    array([15., 17.])
    """
    rows = pd.concat([p.assign(member=i) for i, p in enumerate(parts)], ignore_index=True)
    rows = rows.sort_values(["time", "received_at", "member"], kind="stable")
    revised = rows.duplicated(["time", "member"], keep=False) | (
        rows.groupby("time")["received_at"].transform("nunique") > 1
    )
    simple = rows[~revised].groupby("time")
    frames = [
        pd.DataFrame(
            {
                "received_at": simple["received_at"].first(),
                "value": simple["value"].mean(),
                "count": simple["value"].count(),
            }
        ).reset_index()
    ]
    frames += [_versions_of_hour(hour) for _, hour in rows[revised].groupby("time")]
    out = pd.concat(frames, ignore_index=True).sort_values(["time", "received_at"], kind="stable")
    enough = out["count"] >= max(1, int(np.ceil(spec.minimum_coverage * size)))
    return AsOfSeries(
        out["time"].to_numpy("datetime64[ns]"),
        out["received_at"].to_numpy("datetime64[ns]"),
        out["value"].where(enough).to_numpy("float64"),
        spec.interval_hours,
    )


def _versions_of_hour(hour: pd.DataFrame) -> pd.DataFrame:
    table = hour.pivot_table(
        index="received_at", columns="member", values="value", aggfunc="last", dropna=False
    )
    seen = hour.assign(there=1.0).pivot_table(
        index="received_at", columns="member", values="there", aggfunc="last", dropna=False
    )
    known = table.where(table.notna() | seen.isna(), np.inf).ffill().replace(np.inf, np.nan)
    return pd.DataFrame(
        {
            "time": hour["time"].iloc[0],
            "received_at": known.index.to_numpy("datetime64[ns]"),
            "value": known.mean(axis=1).to_numpy(),
            "count": known.notna().sum(axis=1).to_numpy(),
        }
    )


def _accepted(part: pd.DataFrame, spec: SeriesSpec) -> pd.DataFrame:
    refused = [QC_FAIL] if spec.accept_suspect else [QC_FAIL, QC_SUSPECT]
    return part.assign(value=part["value"].where(~part["qc"].isin(refused)))


def _members(stations: pd.DataFrame, wanted: Sequence[tuple[City, SeriesSpec]]) -> dict[str, list[str]]:
    members = {}
    for city, spec in wanted:
        key = f"{city.id}.{spec.quantity}.{spec.role}"
        if spec.stations:
            members[key] = list(spec.stations)
        else:
            here = stations[stations["city"] == city.id]["station"].astype(str)
            members[key] = sorted(s for s in here if s.startswith(f"{spec.network}:"))
    return members


def _single(part: pd.DataFrame, spec: SeriesSpec) -> AsOfSeries:
    rows = part.sort_values(["time", "received_at"], kind="stable")
    return AsOfSeries(
        rows["time"].to_numpy("datetime64[ns]"),
        rows["received_at"].to_numpy("datetime64[ns]"),
        rows["value"].to_numpy("float64"),
        spec.interval_hours,
    )
