"""The archive tables: units, times, ids and flags; on invented tables in the documented shapes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ingest.archives import import_archive
from pipeline.names import QC_FAIL, QC_NOT_EVALUATED, QC_PASS, QC_SUSPECT
from tests.ingest.archive_fixtures import MemoryStore, hours, load, long, wide


@pytest.mark.parametrize(
    ("name", "column", "station", "quantity", "interval"),
    [
        ("pm25/seoul_city", "city_3h_trailing", "archive:seoul_city_3h_trailing", "pm2p5", 3),
        ("pm25/seoul_city", "best_hourly", "archive:seoul_best_hourly", "pm2p5", 1),
        ("pm25/seoul_25_stations", "jung", "seoul:jung", "pm2p5", 1),
        ("pm25/beijing_city", "best_hourly", "archive:beijing_best_hourly", "pm2p5", 1),
        ("pm25/beijing_city_pm10", "mean_35st", "archive:beijing_pm10_mean_35st", "pm10", 1),
        ("pm25/beijing_35_stations", "dongsi", "beijing:dongsi", "pm2p5", 1),
        ("pm25/china_864_sites_2019", "1001A", "cnemc:1001A", "pm2p5", 1),
        ("pm25/china_900_sites_2021", "9001A", "cnemc:9001A", "pm2p5", 1),
        ("pm25/china_18_cities_2019", "Jinan", "archive:china_city_jinan", "pm2p5", 1),
        ("pm25/china_18_cities_pm10_2019", "Jinan", "archive:china_city_jinan", "pm10", 1),
        ("pm25/korea_5_stations_pm10_3h", "busan_haeundae", "archive:korea_busan_haeundae", "pm10", 3),
        ("pm25/korea_5_stations_pm25_3h", "busan_haeundae", "archive:korea_busan_haeundae", "pm2p5", 3),
        ("pm25/us_embassy_china", "Shanghai", "archive:us_embassy_shanghai", "pm2p5", 1),
        ("pm25/us_embassy_ulaanbaatar", "Ulaanbaatar", "archive:us_embassy_ulaanbaatar", "pm2p5", 1),
    ],
)
def test_wide_tables(tmp_path, name, column, station, quantity, interval):
    wide(tmp_path, name, hours("2019-03-01", 4, 3), **{column: [40.0, np.nan, 42.5, 43.0]})
    store = load(tmp_path)
    rows = store.get(station, quantity)
    assert rows["value"].tolist() == [40.0, 42.5, 43.0]
    assert rows.index.strftime("%dT%H").tolist() == ["01T00", "01T06", "01T09"]
    assert set(rows["source"]) == {"archive-" + name.split("/")[1]}
    assert store.known.set_index("station").loc[station, "interval_hours"] == interval


@pytest.mark.parametrize(
    ("name", "station"),
    [
        ("met/synop_80_stations_3h", "synop:54511"),
        ("met/synop_93_stations_3h_2021", "synop:54511"),
        ("met/ulaanbaatar_synop_3h", "synop:54511"),
        ("met/kma_buoys_1h", "kma_buoy:54511"),
        ("met/seoul_asos108_1h", "kma_asos:108"),
    ],
)
def test_weather_units(tmp_path, name, station):
    long(
        tmp_path, name, stn=[54511], t=hours("2019-03-01", 1), ta=[-3.2], td=[-20.0], rh=[27.0], ws=[4.0],
        wd=[0.0], ps=[1012.4], slp=[1016.0],
    )  # fmt: skip
    store = load(tmp_path)
    got = {q: store.get(station, q)["value"].iloc[0] for q in store.rows["quantity"]}
    assert got == pytest.approx(
        {
            "air_temperature": -3.2 + 273.15,
            "dew_point_temperature": -20.0 + 273.15,
            "relative_humidity": 27 / 100,
            "wind_speed": 4.0,
            "wind_from_direction": 0.0,
            "surface_air_pressure": 1012.4 * 100,
            "air_pressure_at_mean_sea_level": 1016.0 * 100,
        }
    )


def test_asos_extras_and_buoys(tmp_path):
    when = hours("2019-03-01", 1)
    long(tmp_path, "seoul_asos108_1h", t=when, cloud10=[7.0], vis10m=[2000.0], srad=[1.8], rain=[0.5])
    long(tmp_path, "kma_buoys_1h", stn=[22101], t=when, gust=[218.5], sst=[13.5])
    store = load(tmp_path)
    value = {r.quantity: r.value for r in store.rows.itertuples()}
    assert value["cloud_area_fraction"] == pytest.approx(7 / 10)
    assert value["visibility_in_air"] == 2000 * 10
    assert value["surface_downwelling_shortwave_flux_in_air"] == pytest.approx(1.8e6 / 3600)
    assert value["precipitation_amount"] == 0.5
    assert value["sea_surface_temperature"] == pytest.approx(13.5 + 273.15)
    gust = store.get("kma_buoy:22101", "wind_speed_of_gust")
    assert (gust["value"].iloc[0], gust["qc"].iloc[0]) == (218.5, QC_FAIL)


def test_synop_rain_has_no_stated_period_and_impossible_rain_fails(tmp_path):
    long(tmp_path, "ulaanbaatar_synop_3h", stn=[44292, 44292], t=hours("2019-03-01", 2, 3), rain=[2.0, -99.8])
    assert load(tmp_path).get("synop:44292", "precipitation_amount")["qc"].tolist() == [
        QC_NOT_EVALUATED,
        QC_FAIL,
    ]


def test_metar_quality_codes_become_flags_and_synop_reports_stay_apart(tmp_path):
    at = pd.to_datetime(["2016-05-01 00:00", "2016-05-01 00:00", "2016-05-01 00:30", "2016-05-01 01:00"])
    long(
        tmp_path, "beijing_airport_metar", t=at, src=list("4444"), rtype=["FM-12", "FM-15", "FM-15", "SY-MT"],
        ta=[15.6, 17.0, 16.0, 15.0], taq=["1", "2", "7", "9"], ws=[1.0, 2.0, 3.0, 4.0], wsq=list("5160"),
        wd=[270.0, np.nan, 90.0, 80.0], wdq=list("1911"), wtype=list("NVNN"), vis=[20000.0, 9999.0, 0.0, 5.0],
    )  # fmt: skip
    store = load(tmp_path)
    metar = store.get("metar:ZBAA", "air_temperature")
    assert metar["qc"].tolist() == [QC_SUSPECT, QC_FAIL, QC_PASS]
    assert metar["value"].to_numpy() == pytest.approx(np.array([17.0, 16.0, 15.0]) + 273.15)
    assert store.get("metar:ZBAA_synop", "air_temperature")["value"].to_numpy() == pytest.approx([288.75])
    assert store.get("metar:ZBAA", "wind_speed")["qc"].tolist() == [QC_PASS, QC_SUSPECT, QC_PASS]
    assert store.get("metar:ZBAA", "visibility_in_air")["value"].tolist() == [9999.0, 0.0, 5.0]


def test_off_grid_labels_of_three_hour_means_are_dropped_and_counted(tmp_path):
    index = pd.DatetimeIndex(
        ["2015-08-23 12:00", "2015-08-23 14:00", "2015-08-23 15:00", "2015-09-03 02:00"], name="time"
    )
    wide(tmp_path, "seoul_city", index, city_3h_trailing=[1.0, 2.0, 3.0, 4.0], jung_gu=[5.0, 6.0, 7.0, 8.0])
    store = MemoryStore()
    report = import_archive(tmp_path, store).files[0]
    assert store.get("archive:seoul_city_3h_trailing")["value"].tolist() == [1.0, 3.0]
    assert store.get("archive:seoul_jung_gu")["value"].tolist() == [5.0, 6.0, 7.0, 8.0]
    assert (report.cells, report.values, report.dropped) == (8, 6, 2)


def test_counts_are_bookkeeping_and_every_cell_is_accounted_for(tmp_path):
    wide(tmp_path, "beijing_city_pm10", hours("2015-01-01", 3), mean_35st=[1.0, np.nan, 3.0], n=[30, 0, 31])
    store = MemoryStore()
    report = import_archive(tmp_path, store).files[0]
    assert (report.cells, report.values, report.bookkeeping, report.dropped) == (2 + 3, 2, 3, 0)
    assert set(store.rows["station"]) == {"archive:beijing_pm10_mean_35st"}


def test_retrospective_values_are_suspect_wherever_they_are_spliced_in(tmp_path):
    wide(
        tmp_path, "seoul_city", hours("2016-12-31 15:00", 3), berkeley_retro=[10.0, 11.0, 12.0],
        mean_25st=[np.nan, 21.0, 22.0], best_hourly=[10.0, 21.0, 22.0],
        best_source=["berkeley_retro", "mean_25st", "mean_25st"],
    )  # fmt: skip
    store = load(tmp_path)
    assert store.get("archive:seoul_berkeley_retro")["qc"].tolist() == [QC_SUSPECT] * 3
    assert store.get("archive:seoul_best_hourly")["qc"].tolist() == [QC_SUSPECT, QC_PASS, QC_PASS]
    assert store.get("archive:seoul_mean_25st")["qc"].tolist() == [QC_PASS] * 2
    notes = store.known.set_index("station")["note"]
    assert "not for hindcasts" in notes["archive:seoul_berkeley_retro"]
    assert "mean_25st" in notes["archive:seoul_best_hourly"]


def test_values_out_of_range_are_kept_and_failed(tmp_path):
    wide(tmp_path, "beijing_35_stations", hours("2016-01-01", 3), dongsi=[50.0, 553405.0, -5.0])
    rows = load(tmp_path).get("beijing:dongsi")
    assert rows["value"].tolist() == [50.0, 553405.0, -5.0]
    assert rows["qc"].tolist() == [QC_PASS, QC_FAIL, QC_FAIL]


def test_last_of_duplicates_wins_and_is_counted(tmp_path):
    twice = pd.DatetimeIndex(["2019-01-01 01:00", "2019-01-01 02:00", "2019-01-01 01:00"], name="time")
    wide(tmp_path, "us_embassy_china", twice, Beijing=[1.0, 2.0, 3.0], Shanghai=[4.0, 5.0, np.nan])
    long(tmp_path, "kma_buoys_1h", stn=[1, 1], t=twice[[0, 2]], ws=[5.0, 6.0])
    store = MemoryStore()
    report = import_archive(tmp_path, store)
    assert store.get("archive:us_embassy_beijing")["value"].tolist() == [3.0, 2.0]
    assert store.get("archive:us_embassy_shanghai")["value"].tolist() == [4.0, 5.0]
    assert store.get("kma_buoy:1", "wind_speed")["value"].tolist() == [6.0]
    assert {f.file: f.duplicates for f in report.files} == {
        "kma_buoys_1h.parquet": 1,
        "us_embassy_china.parquet": 1,
    }


def test_times_with_a_zone_or_in_a_column_are_understood(tmp_path):
    seoul = pd.date_range("2019-03-01 09:00", periods=2, freq="h", tz="Asia/Seoul", name="time")
    wide(tmp_path, "us_embassy_china", seoul, Beijing=[1.0, 2.0])
    long(tmp_path, "beijing_35_stations", time=["2019-03-01T00:00", None], dongsi=[3.0, 4.0])
    store = MemoryStore()
    report = import_archive(tmp_path, store)
    assert store.get("archive:us_embassy_beijing").index[0] == pd.Timestamp("2019-03-01 00:00")
    assert store.get("beijing:dongsi").index.tolist() == [pd.Timestamp("2019-03-01 00:00")]
    assert report.files[0].dropped == 1
