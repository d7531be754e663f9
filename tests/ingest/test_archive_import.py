"""The archive import as a whole: damaged files, repetition, station lists, chunks, the measured archive."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from ingest.archive_tables import frames, read_table
from ingest.archives import import_archive
from pipeline.errors import BadPayload, UsageError
from pipeline.ledger import open_ledger
from pipeline.observations import ObservationStore
from pipeline.schema import check_observations
from pipeline.times import local_day_bounds, to_ns
from tests.ingest.archive_fixtures import MemoryStore, hours, long, wide


def test_damaged_and_unknown_files_are_named_and_the_rest_is_imported(tmp_path):
    good = wide(tmp_path, "pm25/us_embassy_china", hours("2019-01-01", 50), Beijing=np.arange(50.0))
    (tmp_path / "pm25/beijing_city.parquet").write_bytes(good.read_bytes()[:-200])
    (tmp_path / "pm25/seoul_city.parquet").write_bytes(b"")
    long(tmp_path, "met/synop_80_stations_3h", t=hours("2019-01-01", 1), ta=[1.0])
    long(tmp_path, "met/kma_buoys_1h", stn=[1], t=[1_546_300_800], ta=[1.0])
    long(tmp_path, "pm25/beijing_35_stations", dongsi=[1.0])
    wide(tmp_path, "pm25/holiday_photos", hours("2019-01-01", 1), x=[1.0])
    store = MemoryStore()
    report = import_archive(tmp_path, store)
    assert len(store.get("archive:us_embassy_beijing")) == 50
    assert {s.file for s in report.damaged} == {
        "pm25/beijing_city.parquet",
        "pm25/seoul_city.parquet",
        "met/synop_80_stations_3h.parquet",
        "met/kma_buoys_1h.parquet",
        "pm25/beijing_35_stations.parquet",
    }
    for skipped in report.damaged:
        assert isinstance(skipped.error, BadPayload)
        assert Path(skipped.file).name in skipped.reason
        assert "fetch the file again" in skipped.reason
    unknown = [s for s in report.skipped if s.error is None]
    assert [s.file for s in unknown] == ["pm25/holiday_photos.parquet"]
    assert report.as_dict()["skipped"][0].keys() == {"file", "reason", "damaged"}


def test_missing_or_empty_folder_says_what_to_give(tmp_path):
    with pytest.raises(UsageError, match="pm25"):
        import_archive(tmp_path / "nowhere", MemoryStore())
    with pytest.raises(UsageError, match="pm25"):
        import_archive(tmp_path, MemoryStore())


def test_second_import_adds_nothing_and_later_years_add_their_rows(tmp_path):
    first, later = tmp_path / "a", tmp_path / "b"
    (first / "stations").mkdir(parents=True)
    (first / "stations/beijing_stations.csv").write_text(
        "id,name,latitude,longitude,area\ndongsi,东四,39.9,116.4,city\n", "utf-8"
    )
    source = {"best_source": ["12 national stations"] * 3}
    wide(first, "beijing_city", hours("2018-05-31 20:00", 3), best_hourly=[1.0, 2.0, 3.0], **source)
    wide(
        later, "beijing_city", hours("2018-06-30 20:00", 3), best_hourly=[4.0, 5.0, 6.0],
        extra=[7.0, 8.0, 9.0], best_source=["US embassy"] * 3,
    )  # fmt: skip
    store = MemoryStore()
    assert import_archive(first, store).written == 3
    again = import_archive(first, store)
    assert (again.written, again.stations_written) == (0, 0)
    assert import_archive(later, store).written == 6
    best = store.known.set_index("station").loc["archive:beijing_best_hourly"]
    assert "12 national stations 2018-05…2018-05, US embassy 2018-06…2018-06" in best["note"]
    assert (best["latitude"], best["city"]) == (39.9, "beijing")
    assert store.get("archive:beijing_extra")["value"].tolist() == [7.0, 8.0, 9.0]
    assert import_archive(first, store).stations_written == 0


def test_station_lists(tmp_path):
    lists = {
        "seoul_stations.csv": "id,name,net,sido,lat,lon,addr,since\n"
        "jung,중구,도시대기,서울,37.5,127.0,x,1995\n"
        ",한강대로,도로변대기,서울,37.6,127.1,x,1996\n",
        "china_sites_ne_2019_stations.csv": "code,name,city,lon,lat\n"
        "1A,a,济南,117.0,36.0\n2A,b,济南,118.0,37.0\n",
        "synop_stations.csv": "stn,name,lat,lon,elev_m\n47108,SEOUL CITY,37.567,126.967,87.0\n",
        "moon_stations.csv": "a,b\n1,2\n",
    }
    for name, text in lists.items():
        (tmp_path / name).write_text(text, "utf-8")
    (tmp_path / "beijing_stations.csv").write_text("id,name,latitude\nx,y,z\n", "utf-8")
    wide(tmp_path, "china_18_cities_2019", hours("2019-01-01", 1), Jinan=[1.0])
    long(tmp_path, "seoul_asos108_1h", t=hours("2019-01-01", 1), ta=[1.0])
    store = MemoryStore()
    report = import_archive(tmp_path, store)
    table = store.known.set_index("station")
    assert table.loc["seoul:한강대로", "note"].startswith("roadside")
    assert table.loc["seoul:jung", ["name", "latitude", "longitude", "city"]].tolist() == [
        "중구",
        37.5,
        127.0,
        "seoul",
    ]
    assert table.loc["archive:china_city_jinan", ["latitude", "longitude"]].tolist() == [36.5, 117.5]
    assert table.loc["kma_asos:108", ["latitude", "altitude"]].tolist() == [37.567, 87.0]
    assert [Path(s.file).name for s in report.damaged] == ["beijing_stations.csv"]
    assert [Path(s.file).name for s in report.skipped if not s.error] == ["moon_stations.csv"]


def test_chunks_are_whole_months_where_they_fit(tmp_path):
    path = wide(tmp_path, "us_embassy_china", hours("2019-01-01", 24 * 90), Beijing=np.arange(2160.0) % 50)
    table = read_table(path)
    assert table is not None
    sizes = [len(f) for f in frames(table, 1500)]
    assert sizes == [31 * 24 + 28 * 24, 31 * 24]
    assert [len(f) for f in frames(table, 500)] == [500, 244, 500, 172, 500, 244]
    assert sum(len(f) for f in frames(table, 7)) == 2160


def test_progress_ends_at_the_total(tmp_path):
    wide(tmp_path, "us_embassy_china", hours("2019-01-01", 5), Beijing=np.arange(5.0))
    wide(tmp_path, "unknown", hours("2019-01-01", 5), Beijing=np.arange(5.0))
    told: list[tuple[str, int, int]] = []
    import_archive(tmp_path, MemoryStore(), progress=lambda *step: told.append(step))
    done = [step[1] for step in told]
    assert done == sorted(done)
    assert told[-1][1] == told[-1][2] == sum(p.stat().st_size for p in tmp_path.glob("*.parquet"))


class SpotStore(MemoryStore):
    """Keeps the city tables only; counts the rest."""

    def append(self, rows, *, source, world, assumed_delay=None):
        check_observations(rows)
        if source in ("archive-seoul_city", "archive-beijing_city"):
            return super().append(rows, source=source, world=world, assumed_delay=assumed_delay)
        self.sizes.append(len(rows))
        return SimpleNamespace(rows_written=len(rows))


def day_mean(rows: pd.DataFrame, day: date, timezone: str) -> tuple[float, int]:
    start, end = (to_ns(t) for t in local_day_bounds(day, timezone))
    mine = rows[(rows.index > start) & (rows.index <= end)]
    return float(mine["value"].mean()), len(mine)


@pytest.mark.slow
@pytest.mark.shared
def test_measured_archive(shared):
    store = SpotStore()
    report = import_archive(shared / "data", store)
    assert report.skipped == ()
    assert report.cells == 28_727_700
    station_numbers, counts_of_stations, off_grid = 862_323 + 1_350_766 + 17_482, 38_135, 2
    assert report.values == 28_727_700 - station_numbers - counts_of_stations - off_grid
    assert report.written == sum(store.sizes) == report.values
    assert max(store.sizes) <= 3_000_000
    assert sum(f.duplicates for f in report.files) == 0
    assert report.stations_written == len(store.known) > 1000

    seoul = store.get("archive:seoul_city_3h_trailing")
    mean, intervals = day_mean(seoul, date(2019, 3, 5), "Asia/Seoul")
    assert (round(mean), intervals) == (135, 8)
    assert set(seoul.index.hour) == {0, 3, 6, 9, 12, 15, 18, 21}
    beijing = store.get("archive:beijing_best_hourly")
    means = [day_mean(beijing, date(2019, 3, d), "Asia/Shanghai") for d in (2, 3, 4)]
    assert [round(m) for m, _ in means] == [184, 163, 106]
    assert [n for _, n in means] == [24, 24, 24]
    assert beijing.index.max() == to_ns(datetime(2020, 12, 31, 23, tzinfo=UTC))


def test_real_store_keeps_assumed_receipt_and_takes_the_archive_once(tmp_path):
    folder = tmp_path / "archive"
    wide(folder, "seoul_city", hours("2019-03-05", 3, 3), city_3h_trailing=[141.0, 148.0, 137.0])
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
    store = ObservationStore(tmp_path / "observations", ledger, lambda: datetime(2026, 1, 1, tzinfo=UTC))
    assert import_archive(folder, store).written == 3
    again = import_archive(folder, store)
    assert (again.written, again.stations_written) == (0, 0)
    known = store.read(world="measured", as_of=datetime(2019, 3, 5, 4, tzinfo=UTC))
    assert known["value"].tolist() == [141.0, 148.0]
    assert store.stations("measured")["station"].tolist() == ["archive:seoul_city_3h_trailing"]
    ledger.close()
