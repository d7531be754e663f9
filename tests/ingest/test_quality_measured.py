"""Quality control on measured series: injected faults found, good hours left alone, real extremes passed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmarks.quality_detection import FAULTS, clock_shares, detection, network, shifted
from ingest.quality_arrival import flag_arrivals
from ingest.quality_fingerprint import LAG_GAIN, REFERENCE_HOURS, SWAP_GAIN, WINDOW_HOURS, swap_gains
from ingest.quality_network import EARTH_KM, closeness, find_near
from ingest.quality_review import review_rows
from ingest.quality_stations import PLACE_REACH_KM
from pipeline.names import QC_FAIL, QC_PASS
from pipeline.schema import STATION_COLUMNS
from pipeline.times import parse_instant

pytestmark = pytest.mark.shared
DAYS = 30
ASKED = ("stuck, 1 to 3 days", "spike +200", "spike +500", "unit, x 1000", "unit, x 0.001")
BOUND = [fault for fault in FAULTS if fault.name in ASKED]
FLAGGED_AT_MOST = 0.005
FOUND_AT_LEAST = 0.9
KINDS = {"PM2.5": "pm2p5", "PM10": "pm10"}


@pytest.fixture(scope="module")
def year(shared):
    return network(shared / "data")


@pytest.mark.parametrize("day", [15, 200])
def test_faults_are_found_within_a_day_and_good_hours_left_alone(year, day):
    part = year.values[day * 24 : (day + DAYS) * 24]
    near = find_near(year.stations, year.names)
    found = detection(part, near, BOUND, np.random.default_rng(day))
    shares = dict(zip([f.name for f in BOUND], found.found / found.events, strict=True))
    assert found.events.min() > 100
    assert min(shares.values()) >= FOUND_AT_LEAST, shares
    assert found.flagged / found.good <= FLAGGED_AT_MOST
    assert found.left / found.good <= FLAGGED_AT_MOST


@pytest.mark.parametrize("shift", [3, -3, 9])
def test_shifted_clocks_are_in_doubt_after_28_days(year, shift):
    judged, (share,) = clock_shares(year, 120, shift, [LAG_GAIN])
    assert judged > 800
    assert share >= FOUND_AT_LEAST
    assert clock_shares(year, 120, 0, [LAG_GAIN])[1][0] <= 0.02


def test_shifted_is_late():
    assert shifted(np.arange(4.0)[:, None], 1)[1:, 0].tolist() == [0, 1, 2]
    assert shifted(np.arange(4.0)[:, None], -1)[:3, 0].tolist() == [1, 2, 3]


def test_exchanged_stations_are_in_doubt_after_28_days(year):
    before = year.values[60 * 24 : 60 * 24 + REFERENCE_HOURS]
    now = year.values[120 * 24 : 120 * 24 + WINDOW_HOURS].copy()
    near = find_near(year.stations, year.names, PLACE_REACH_KM)
    place = year.stations[["latitude", "longitude"]].to_numpy()
    far = EARTH_KM * np.arccos(np.clip(closeness(place[:, 0], place[:, 1]), -1, 1))
    known = np.isfinite(swap_gains(before, now, near)).any(axis=1)
    order = np.random.default_rng(0).permutation(np.flatnonzero(known))
    pairs = [(a, b) for a, b in zip(order[0:80:2], order[1:80:2], strict=True) if far[a, b] > 50]
    for a, b in pairs:
        now[:, [a, b]] = now[:, [b, a]]
    gains = np.nan_to_num(swap_gains(before, now, near), nan=-np.inf)
    found = [max(gains[a].max(), gains[b].max()) > SWAP_GAIN for a, b in pairs]
    assert len(pairs) > 30
    assert np.mean(found) >= FOUND_AT_LEAST
    others = np.setdiff1d(np.flatnonzero(known), np.ravel(pairs))
    assert (np.delete(gains, np.ravel(pairs), axis=1)[others].max(axis=1) > SWAP_GAIN).mean() <= 0.03


def published(shared, names, kind, network, listed):
    """Rows of files as quotsoft publishes them (Beijing time), of the listed stations of a network."""
    table = pd.concat([pd.read_csv(shared / "data" / "files" / f"{name}.csv") for name in names])
    table = table[table["type"] == kind]
    time = pd.to_datetime(table["date"].astype(str)) + pd.to_timedelta(table["hour"] - 8, unit="h")
    wide = table.set_index(pd.Index(time.astype("datetime64[ns]"), name="time")).add_prefix(f"{network}:")
    wide = wide[[c for c in wide.columns if c in set(listed["station"])]].astype("float64")
    long = wide.melt(ignore_index=False, var_name="station").reset_index().dropna()
    return long.assign(quantity=KINDS[kind], qc=np.int8(0))[["station", "quantity", "time", "value", "qc"]]


def beijing(shared):
    table = pd.read_csv(shared / "data" / "stations" / "beijing_stations.csv")
    return table.assign(station="beijing:" + table["name"], interval_hours=1.0).reindex(
        columns=list(STATION_COLUMNS)
    )


EXTREMES = {
    "Beijing 2015-12-01": (("20151130", "20151201"), "PM2.5", 400),
    "Beijing 2015-12-01, PM10": (("20151130", "20151201"), "PM10", 400),
    "dust of 2017-05-04": (("20170504",), "PM10", 400),
    "fine part of the dust": (("20170504",), "PM2.5", 200),
}


@pytest.mark.parametrize("case", EXTREMES)
def test_real_extremes_pass_on_arrival_and_in_the_review(shared, case):
    days, kind, high = EXTREMES[case]
    listed = beijing(shared)
    table = published(shared, [f"beijing_all_{day}" for day in days], kind, "beijing", listed)
    arrived = flag_arrivals(table, table[:0], listed)
    versions = arrived.assign(received_at=arrived["time"], source="quotsoft")
    changed = review_rows(versions, listed, after=parse_instant("2015-01-01T00:00Z"))
    extreme = arrived["value"] >= high
    assert extreme.sum() > 50
    assert (arrived.loc[extreme, "qc"] == QC_PASS).all()
    assert (changed.loc[changed["value"] >= high, "qc"] == QC_PASS).all()
    assert (arrived.loc[arrived["qc"] != QC_PASS, "value"] <= 16).all(), (
        "what is flagged reads next to nothing"
    )


@pytest.mark.parametrize("kind", KINDS)
def test_the_hours_around_seouls_worst_days_pass_in_china(shared, kind):
    sites = pd.read_csv(shared / "data" / "stations" / "china_sites_ne_2019_stations.csv")
    listed = sites.rename(columns={"lat": "latitude", "lon": "longitude"})
    listed = listed.assign(station="cnemc:" + sites["code"], interval_hours=1.0).reindex(
        columns=list(STATION_COLUMNS)
    )
    names = [f"china_sites_2019030{n}" for n in (3, 4, 5)]
    table = published(shared, names, kind, "cnemc", listed)
    flagged = flag_arrivals(table, table[:0], listed)["qc"]
    assert len(flagged) > 40_000
    assert (flagged != QC_PASS).mean() <= 0.002
    assert not (flagged == QC_FAIL).any()


def test_seouls_worst_day_passes(shared):
    city = pd.read_parquet(shared / "data" / "pm25" / "seoul_city.parquet")
    days = city.loc["2019-02-28":"2019-03-08"]
    for column, hours in (("cleanair_downtown3", 1.0), ("city_3h_trailing", 3.0)):
        series = days[column].dropna()
        listed = pd.DataFrame({"station": ["seoul:city"], "interval_hours": hours})
        table = pd.DataFrame(
            {
                "station": "seoul:city",
                "quantity": "pm2p5",
                "time": series.index.to_numpy().astype("datetime64[ns]"),
                "value": series.to_numpy("float64"),
                "qc": np.int8(0),
            }
        )
        found = flag_arrivals(table, table[:0], listed.reindex(columns=list(STATION_COLUMNS)))
        assert found["value"].max() > 130
        assert not found["qc"].any(), column
