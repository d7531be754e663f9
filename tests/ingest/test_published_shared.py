"""The real files: the numbers of the prepared tables for the same hours, nothing lost, nothing invented."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ingest.archive_stations import NETWORK_NOTES
from ingest.published.formats import format_of
from ingest.published.sheets import sheet_rows

pytestmark = pytest.mark.shared


def table_of(path: Path):
    payload = path.read_bytes()
    return format_of(path.name, payload).read(payload, path.name)


def wide(table, quantity: str = "pm2p5") -> pd.DataFrame:
    """Return one quantity as time by station, the last value of each hour, with NaN for what is flagged."""
    mine = table.quantity == table.quantities.index(quantity)
    frame = pd.DataFrame(
        {
            "time": table.time[mine].view("M8[ns]"),
            "station": np.array(table.stations, object)[table.station[mine]],
            "value": np.where(table.qc[mine] == 0, table.value[mine], np.nan),
        }
    )
    frame = frame.drop_duplicates(["time", "station"], keep="last")
    return frame.set_index(["time", "station"])["value"].unstack()  # noqa: PD010


def same(read: pd.DataFrame, prepared: pd.DataFrame) -> int:
    """Compare what both have, check that neither lacks a value of the other, and count the values."""
    read = read.reindex(index=prepared.index, columns=prepared.columns)
    pd.testing.assert_frame_equal(read, prepared, check_names=False, check_freq=False, check_dtype=False)
    return int(read.notna().to_numpy().sum())


@pytest.mark.parametrize(("day", "values"), [("20151130", 818), ("20151201", 818), ("20170504", 801)])
def test_beijing_days(shared, day, values):
    read = wide(table_of(shared / f"data/files/beijing_all_{day}.csv"))
    prepared = pd.read_parquet(shared / "data/pm25/beijing_35_stations.parquet")
    prepared.columns = [f"beijing:{c}" for c in prepared.columns]
    hours = pd.date_range(pd.Timestamp(day) - pd.Timedelta("8h"), periods=24, freq="h")
    assert same(read, prepared.reindex(hours)) == values


@pytest.mark.parametrize("day", ["20190303", "20190304", "20190305"])
def test_china_days(shared, day):
    table = table_of(shared / f"data/files/china_sites_{day}.csv")
    read = wide(table)
    prepared = pd.read_parquet(shared / "data/pm25/china_864_sites_2019.parquet")
    prepared.columns = [f"cnemc:{c}" for c in prepared.columns]
    hours = pd.date_range(pd.Timestamp(day) - pd.Timedelta("8h"), periods=24, freq="h")
    common = [c for c in prepared.columns if c in table.stations]
    assert len(common) == 847
    assert same(read, prepared.reindex(hours)[common]) > 15_000


def test_all_pollutants_of_a_day_are_those_of_pandas(shared):
    path = shared / "data/files/china_sites_20190304.csv"
    plain = pd.read_csv(path)
    table = table_of(path)
    kinds = {"PM10": "pm10", "SO2": "sulfur_dioxide", "NO2": "nitrogen_dioxide", "O3": "ozone"}
    for kind, quantity in {**kinds, "PM2.5": "pm2p5", "CO": "carbon_monoxide"}.items():
        given = plain[plain["type"] == kind].iloc[:, 3:].to_numpy("float64")
        mine = table.value[table.quantity == table.quantities.index(quantity)]
        assert len(mine) == np.isfinite(given).sum()
        assert mine.sum() == pytest.approx(np.nansum(given) * (1000 if kind == "CO" else 1), rel=1e-12)
    assert table.left_out_count == 0


def test_embassy_year(shared):
    table = table_of(shared / "data/files/Beijing_PM2.5_2019_YTD.csv")
    read = wide(table)
    prepared = pd.read_parquet(shared / "data/pm25/us_embassy_china.parquet")["Beijing"]
    year = prepared["2018-12-31T17":"2019-12-31T16"].to_frame("archive:us_embassy_beijing")
    # Of two rows of 2019-03-10 03:00 the prepared table keeps the first, which is the absent 02:00.
    wrong = pd.Timestamp("2019-03-09T19")
    assert (year.loc[wrong].item(), read.loc[wrong].item()) == (120.0, 116.0)
    year.loc[wrong] = 116.0
    assert same(read, year) == 8718
    assert (len(table), table.missing, table.left_out_count) == (8719, 41, 0)
    assert table.listed[0].note == NETWORK_NOTES["archive:us_embassy"]


def test_seoul_districts(shared):
    read = wide(table_of(shared / "data/files/seoul_measurement_head.tsv"))
    prepared = pd.read_parquet(shared / "data/pm25/seoul_25_stations.parquet")
    prepared.columns = [f"seoul:{c}" for c in prepared.columns]
    both = prepared.reindex(read.index)[list(read.columns)]
    there = read.notna().to_numpy()
    assert (both.to_numpy()[there] == read.to_numpy()[there]).all()
    assert there.sum() == 1987


def test_prsa_head(shared):
    path = shared / "data/files/PRSA_Data_Aotizhongxin_head.csv"
    read, plain = wide(table_of(path))["beijing:aotizhongxin"], pd.read_csv(path)
    assert read.notna().sum() == plain["PM2.5"].notna().sum()
    first = pd.Timestamp("2013-03-01") - pd.Timedelta("8h")
    assert read[first] == plain["PM2.5"][0]
    prepared = pd.read_parquet(shared / "data/pm25/beijing_city.parquet")["uci12"]
    lags = {lag: read.corr(prepared.shift(lag)) for lag in (-1, 0, 1)}
    assert max(lags, key=lags.get) == 0


def test_airkorea_day(shared):
    path = shared / "data/files/airkorea_seoul_districts_20221202.xls"
    table = table_of(path)
    gangnam = wide(table)["airkorea:강남구"]
    assert str(gangnam.index[0]), str(gangnam.index[-1]) == ("2022-12-01 16:00:00", "2022-12-02 15:00:00")
    row = next(r for r in sheet_rows(path.read_bytes(), path.name) if r[1] == "[서울 강남구]강남구")
    assert gangnam.tolist() == [float(cell) for cell in row[2:26]]
    assert (len(table.stations), len(table), table.missing) == (40, 941, 40 * 24 - 941)
