"""A small store in memory and writers of tables in the documented shapes, for the tests of the archives."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pandas as pd

from ingest.archives import ASSUMED_DELAY, import_archive
from pipeline.schema import STATION_COLUMNS, check_observations

KEY = ["station", "quantity", "time"]


class MemoryStore:
    """Keeps the newest value of each station, quantity and time, as the observation store does."""

    def __init__(self) -> None:
        self.rows = pd.DataFrame(columns=[*KEY, "value", "qc", "source"])
        self.known = pd.DataFrame(columns=list(STATION_COLUMNS))
        self.sizes: list[int] = []

    def append(self, rows, *, source, world, assumed_delay=None):
        check_observations(rows)
        assert world == "measured"
        assert assumed_delay == ASSUMED_DELAY == timedelta(hours=1)
        assert not rows.duplicated(KEY).any()
        plain = rows.astype({"station": str, "quantity": str}).assign(source=source)
        self.sizes.append(len(plain))
        both = pd.concat([self.rows, plain]) if len(self.rows) else plain
        kept = both.drop_duplicates([*KEY, "value", "qc"])
        new = len(kept) - len(self.rows)
        kept = kept.drop_duplicates(KEY, keep="last")
        self.rows = kept.reset_index(drop=True)
        return SimpleNamespace(rows_written=new)

    def append_stations(self, stations, *, source, world):
        assert list(stations.columns) == list(STATION_COLUMNS)
        assert stations["station"].is_unique
        same = self.known.set_index("station").reindex(stations["station"]).reset_index()
        texts = [t.astype(object).where(t.notna(), "").astype(str) for t in (same, stations)]
        new = int((~texts[0].eq(texts[1]).all(axis=1)).sum())
        both = pd.concat([self.known, stations]) if len(self.known) else stations
        self.known = both.drop_duplicates("station", keep="last")
        return new

    def stations(self, world):
        return self.known

    def get(self, station: str, quantity: str = "pm2p5") -> pd.DataFrame:
        mine = self.rows[(self.rows["station"] == station) & (self.rows["quantity"] == quantity)]
        return mine.set_index("time").sort_index()


def hours(start: str, n: int, step: int = 1) -> pd.DatetimeIndex:
    return pd.date_range(start, periods=n, freq=f"{step}h", name="time", unit="us")


def wide(folder: Path, name: str, index: pd.DatetimeIndex, **columns: object) -> Path:
    path = folder / f"{name}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(columns, index=index).to_parquet(path)
    return path


def long(folder: Path, name: str, **columns: object) -> Path:
    path = folder / f"{name}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(columns).to_parquet(path)
    return path


def load(folder: Path) -> MemoryStore:
    store = MemoryStore()
    import_archive(folder, store)
    return store
