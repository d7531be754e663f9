"""The services written from whatever is published: late, corrected, missing; and asked without a socket."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import lru_cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import airkorea, cnemc
from ingest.simulated.network import SEOUL
from ingest.simulated.published import Published
from ingest.simulated.services import answer
from ingest.simulated.twin import twin_session
from ingest.simulated.world import make_world
from pipeline.errors import UsageError
from pipeline.schema import STATION_COLUMNS
from pipeline.times import HOUR, from_ns, parse_instant, to_ns

END = parse_instant("2025-02-10T15:00Z")
"""Midnight in Korea, which AirKorea calls 24:00."""
STATIONS = ("airkorea:중구", "cnemc:1001A")
PLACES = pd.DataFrame(
    [[s, s.split(":")[1], 37.5, 127.0, np.nan, "", 1, ""] for s in STATIONS], columns=list(STATION_COLUMNS)
)


def published(rows):
    """Rows of (station, quantity, hours before the end, value, minutes until it is published)."""
    table = pd.DataFrame(
        [(s, q, to_ns(END - n * HOUR), float(v), np.int8(0), minutes) for s, q, n, v, minutes in rows],
        columns=["station", "quantity", "time", "value", "qc", "minutes"],
    )
    table["time"] = table["time"].astype("datetime64[ns]")
    at = table["time"] + pd.to_timedelta(table.pop("minutes"), unit="min")
    return Published(table.assign(published_at=at.astype("datetime64[ns]")), PLACES)


def korea(data, now):
    asked = {"stationName": "중구", "dataTerm": "DAILY"}
    payload = answer(data, "airkorea", "getMsrstnAcctoRltmMesureDnsty", now, asked)
    rows = airkorea.parse_measurements(payload, "중구").observations
    return {
        (q, from_ns(np.datetime64(t))): v
        for q, t, v in rows[["quantity", "time", "value"]].itertuples(index=False)
    }


def china(data, now):
    payload = answer(data, "cnemc", "GetAllAQIPublishLive", now)
    rows = cnemc.parse_live(payload).observations if payload != b"[]" else pd.DataFrame(columns=["quantity"])
    return {(r.quantity, from_ns(np.datetime64(r.time))): r.value for r in rows.itertuples()}


def test_a_correction_replaces_the_value_from_when_it_is_published():
    data = published(
        [(s, "pm2p5", 2, 40, 15) for s in STATIONS] + [(s, "pm2p5", 2, 44, 90) for s in STATIONS]
    )
    for minutes, value in ((-60, 40.0), (-15, 44.0)):
        now = END + timedelta(minutes=minutes)
        assert korea(data, now) == china(data, now) == {("pm2p5", END - 2 * HOUR): value}
    assert korea(data, END - 2 * HOUR) == china(data, END - 2 * HOUR) == {}


def test_missing_is_shown_as_missing_and_says_why():
    data = published([("airkorea:중구", "pm2p5", 0, np.nan, 15), ("airkorea:중구", "pm10", 0, 50, 15)])
    payload = answer(data, "airkorea", "getCtprvnRltmMesureDnsty", END + HOUR, {"sidoName": "전국"}).decode()
    assert '"pm25Value": "-", "pm25Flag": "통신장애"' in payload
    assert '"pm10Value": "50", "pm10Flag": null' in payload
    assert "2025-02-10 24:00" in payload


WHOLE = st.integers(1, 900)
GAS = st.integers(1, 900).map(lambda n: n * 0.1)


@given(st.lists(st.tuples(st.integers(0, 23), WHOLE, WHOLE, GAS), unique_by=lambda row: row[0], max_size=12))
@settings(max_examples=40)
def test_what_is_published_is_read_back_to_the_printed_digit(hours):
    rows = [
        (station, quantity, n, value, 15)
        for n, fine, coarse, gas in hours
        for station in STATIONS
        for quantity, value in (("pm2p5", fine), ("pm10", coarse), (GASES[station], gas))
    ]
    data, now = published(rows), END + timedelta(minutes=20)
    want = {(q, END - n * HOUR): v for s, q, n, v, _ in rows if s == STATIONS[0]}
    got = korea(data, now)
    assert got == {key: pytest.approx(value) for key, value in want.items()}
    newest = min((n for n, *_ in hours), default=0)
    want = {(q, END - n * HOUR): v for s, q, n, v, _ in rows if s == STATIONS[1] and n == newest}
    assert china(data, now) == {
        k: pytest.approx(v, abs=0.5 if k[0] == "ozone" else 0) for k, v in want.items()
    }


GASES = {"airkorea:중구": "ozone_fraction", "cnemc:1001A": "ozone"}


@lru_cache(maxsize=1)
def world():
    return make_world(3)


@pytest.mark.slow
def test_the_twin_answers_many_threads_at_once_as_one():
    now = world().end + timedelta(minutes=30)
    url = "https://apis.data.go.kr/B552584/ArpltnInforInqireSvc/getMsrstnAcctoRltmMesureDnsty"
    with twin_session(world(), lambda: now) as session:

        def ask(name):
            return session.get(url, params={"stationName": name, "dataTerm": "DAILY"}).content

        one_by_one = [ask(name) for name in SEOUL]
        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(ask, SEOUL)) == one_by_one


@pytest.mark.slow
def test_the_twin_reaches_as_far_back_as_it_is_asked():
    with twin_session(world(), lambda: world().end) as session:
        url = "https://apis.data.go.kr/x/getMsrstnAcctoRltmMesureDnsty"
        for term, days in (("DAILY", 1), ("MONTH", 31)):
            asked = {"stationName": "중구", "dataTerm": term, "numOfRows": "9999"}
            rows = airkorea.parse_measurements(session.get(url, params=asked).content, "중구").observations
            span = pd.Timestamp(to_ns(world().end)) - rows["time"].min()
            assert pd.Timedelta(days=days - 1) < span <= pd.Timedelta(days=days)


def test_the_twin_has_no_other_operations_and_no_other_hours():
    with twin_session(world(), lambda: world().end) as session:
        assert session.post("https://air.cnemc.cn:18007/CityData/Other").status_code == 404
        weather = "https://api.open-meteo.com/v1/forecast"
        asked = {"latitude": "37.6", "longitude": "127.0", "hourly": "soil_moisture"}
        assert session.get(weather, params=asked).status_code == 400
    with (
        twin_session(world(), lambda: world().end + timedelta(days=3650)) as session,
        pytest.raises(UsageError),
    ):
        session.get("https://apis.data.go.kr/x/getMsrstnList")
