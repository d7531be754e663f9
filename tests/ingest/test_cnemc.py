"""CNEMC's traps: two kinds of time, many marks for missing, empty bodies, control sites."""

import contextlib
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import cnemc, cnemc_city
from ingest.cnemc_wire import TYPES, looks_alive
from ingest.collect import collect_all
from ingest.feeds import Due, RawAnswer, SourceConfig
from ingest.simulated.published import Published
from pipeline.errors import BadPayload, NotYetAvailable, SourceError, SourceUnavailable
from pipeline.http import Request
from pipeline.times import HOUR
from tests.fakes.cnemc import CnemcFake
from tests.fakes.server import serving_fake
from tests.ingest.toy_source import Clock, open_intake, stored

WIRE = Path(__file__).parent / "wire"
MINUTE = timedelta(minutes=1)
TEN = datetime(2026, 10, 9, 10, tzinfo=UTC)

ROW = {"StationCode": "1001A", "TimePoint": "2026-10-09T18:00:00", "PM2_5": "87", "PM10": "121"}


# The CNEMC rows of ../shared/reference/golden_vectors.json ("time"), then the false Z and offsets.
@pytest.mark.parametrize(
    ("raw", "utc"),
    [
        ("/Date(1791540000000)/", "2026-10-09T10:00"),
        ("2026-10-09T18:00:00", "2026-10-09T10:00"),
        ("2016-12-23T12:00:00Z", "2016-12-23T04:00"),
        ("2026-10-09T18:00:00+08:00", "2026-10-09T10:00"),
        ("/Date(1791540000000+0800)/", "2026-10-09T10:00"),
        ("2025-01-01T00:00:00", "2024-12-31T16:00"),
    ],
)
def test_times(raw, utc):
    assert cnemc.parse_time(raw) == np.datetime64(utc)


@pytest.mark.parametrize(
    "raw",
    [
        "",
        None,
        "/Date()/",
        "/Date(99999999999999999999)/",
        "/Date(1791540000123)/",
        "2026-10-09T18:00:00.123",
        "2026-10-09T18:30:00",
        "0001-01-01T00:00:00",
        "9999-12-31T23:00:00",
        "yesterday",
        5,
    ],
)
def test_what_is_no_time_is_refused(raw):
    with pytest.raises(BadPayload, match="TimePoint"):
        cnemc.parse_time(raw)


def test_the_country_at_one_hour():
    parsed = cnemc.read_live(WIRE / "cnemc_live.json")
    rows = {(r.station, r.quantity): r.value for r in parsed.observations.itertuples()}
    assert rows == {
        ("cnemc:1001A", "pm2p5"): 87.0,
        ("cnemc:1001A", "pm10"): 121.0,
        ("cnemc:1001A", "nitrogen_dioxide"): 61.0,
        ("cnemc:1001A", "ozone"): 8.0,
        ("cnemc:1002A", "pm2p5"): 41.0,
        ("cnemc:1015A", "nitrogen_dioxide"): 40.0,
        ("cnemc:1015A", "sulfur_dioxide"): 9.0,
        ("cnemc:1015A", "carbon_monoxide"): 0.8 * 1000,
    }
    assert (parsed.observations["time"] == np.datetime64("2025-01-31T16:00")).all()
    assert parsed.covered == (("", datetime(2025, 1, 31, 16, tzinfo=UTC)),)
    stations = parsed.stations.set_index("station")
    assert stations["city"].to_dict() == {"cnemc:1001A": "beijing", "cnemc:1002A": "", "cnemc:1015A": ""}
    assert "control" in stations.loc["cnemc:1002A", "note"]
    assert stations.loc["cnemc:1001A", ["latitude", "longitude"]].tolist() == [39.88, 116.36]
    assert stations.loc["cnemc:1015A", ["latitude", "longitude"]].isna().all()


@pytest.mark.parametrize("mark", ["NA", "", None, "/", "—", "-;", " NA "])
def test_every_mark_of_missing(mark):
    rows = cnemc.parse_live(json.dumps([ROW | {"PM2_5": mark}]).encode()).observations
    assert rows["quantity"].tolist() == ["pm10"]


@pytest.mark.parametrize(
    ("payload", "error", "says"),
    [
        (b"", SourceUnavailable, "nothing"),
        (b"<html>404</html>", SourceUnavailable, "web page"),
        (b"[]", NotYetAvailable, "hour"),
        (b"{}", BadPayload, "list"),
        (b"[1]", BadPayload, "no code"),
        (json.dumps([ROW | {"PM10": "12x"}]).encode(), BadPayload, "PM10"),
        (json.dumps([{k: v for k, v in ROW.items() if k != "PM2_5"}]).encode(), BadPayload, "PM2_5"),
        (b'[{"StationCode":', BadPayload, "JSON"),
    ],
)
def test_what_is_no_answer_is_typed(payload, error, says):
    with pytest.raises(error, match=says):
        cnemc.parse_live(payload)


def test_one_bad_row_is_left_out_and_named_while_the_others_count():
    other = ROW | {"StationCode": "1003A"}
    broken = [
        {"PM10": "12x"},
        {"StationCode": "a b"},
        {"TimePoint": "later"},
        {"PM2_5": "NaN"},
        {"PM10": True},
    ]
    parsed = cnemc.parse_live(json.dumps([ROW | b for b in broken] + [other]).encode())
    assert set(parsed.observations["station"]) == set(parsed.stations["station"]) == {"cnemc:1003A"}
    assert [e.field for e in parsed.left_out] == ["PM10", "StationCode", "TimePoint", "PM2_5", "PM10"]


def test_at_most_twenty_rows_are_named():
    parsed = cnemc.parse_live(json.dumps([ROW | {"PM10": "x"}] * 30 + [ROW]).encode())
    assert len(parsed.left_out) == 20


def test_a_row_after_the_answer_is_left_out():
    now = datetime(2026, 10, 9, 10, 25, tzinfo=UTC)
    late = ROW | {"StationCode": "1003A", "TimePoint": "2026-10-09T19:00:00"}
    parsed = cnemc.parse_live(json.dumps([ROW, late]).encode(), now=now)
    assert [e.what for e in parsed.left_out] == ["1003A lies in the future"]


def test_an_hour_counts_as_answered_where_half_of_the_stations_have_it():
    old = [ROW | {"StationCode": f"{n}A", "TimePoint": "2026-10-09T17:00:00"} for n in range(3)]
    new = [ROW | {"StationCode": f"{n}B"} for n in range(7)]
    assert cnemc.parse_live(json.dumps(old + new).encode()).covered == (("", TEN),)
    assert len(cnemc.parse_live(json.dumps(old + new[:3]).encode()).covered) == 2


def test_a_row_given_twice_counts_once_and_a_zero_of_dust_is_suspect():
    rows = cnemc.parse_live(json.dumps([ROW, ROW | {"PM2_5": "0", "O3": "0"}]).encode()).observations
    assert sorted(zip(rows["quantity"], rows["value"], rows["qc"], strict=True)) == [
        ("ozone", 0.0, 0),
        ("pm10", 121.0, 0),
        ("pm2p5", 0.0, 1),
    ]


@pytest.mark.parametrize(
    "row",
    [
        {"station_code": "1001A", "time_point": "2016-12-23T12:00:00Z", "pm2_5": 87, "pm10": 121},
        {"stationcode": "1001A", "timepoint": "2016-12-23T12:00:00", "pm2_5": "87", "pm10": "121"},
    ],
)
def test_copies_in_other_spellings_read_alike(row):
    rows = cnemc.parse_live(json.dumps([row | {"pm2_5_24h": "1", "area": "北京市"}]).encode()).observations
    assert rows["value"].tolist() == [87.0, 121.0]
    assert (rows["time"] == np.datetime64("2016-12-23T04:00")).all()


def test_names_that_cannot_be_stored_are_mended():
    row = json.dumps([ROW | {"PositionName": "a"}]).replace('"a"', '"a\\ud800"')
    assert cnemc.parse_live(row.encode()).stations["name"].tolist() == ["a?"]


@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=8) | st.just(ROW),
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([*ROW, "features"]), inner)
        ),
        max_leaves=12,
    ).map(lambda value: json.dumps(value).encode())
)
@settings(max_examples=300, deadline=None)
def test_whatever_comes_only_typed_errors_are_raised(payload):
    for read in (cnemc.parse_live, lambda p: cnemc_city.parse_city(p, "110000")):
        with contextlib.suppress(SourceError):
            assert len(read(payload).stations)


def test_a_day_of_a_city():
    hours = [
        {
            "TimePoint": f"/Date({1791540000000 - n * 3_600_000})/",
            "PM2_5": str(80 + n),
            "PM10": "/",
            "CO": "1.1",
        }
        for n in range(24)
    ]
    parsed = cnemc_city.parse_city(json.dumps(hours[::-1]).encode(), "110000")
    rows = parsed.observations[parsed.observations["quantity"] == "pm2p5"].sort_values("time")
    assert rows["value"].tolist() == [80.0 + n for n in range(23, -1, -1)]
    assert set(rows["station"]) == {"cnemc:city_110000"} == set(parsed.stations["station"])
    assert parsed.covered == tuple(("cnemc:city_110000", TEN - n * HOUR) for n in range(23, -1, -1))
    assert parsed.stations["city"].tolist() == ["beijing"]


def test_another_citys_answer_is_refused():
    body = json.dumps([{"CityCode": 120000, "TimePoint": "2026-10-09T18:00:00", "PM2_5": "1", "PM10": "2"}])
    with pytest.raises(BadPayload, match="CityCode"):
        cnemc_city.parse_city(body.encode(), "110000")


def published(hours=30):
    """Two stations and one city of Beijing, every hour up to 18:00 CST, 20 minutes after the hour."""
    times = pd.date_range(end="2026-10-09T10:00", periods=hours, freq="h").to_numpy().astype("M8[ns]")
    stations = ["cnemc:1001A", "cnemc:1003A", "cnemc:city_110000"]
    rows = pd.DataFrame(
        [
            (s, q, t, 10.0 + 5 * n + i, np.int8(0))
            for n, s in enumerate(stations)
            for q in ("pm2p5", "carbon_monoxide")
            for i, t in enumerate(times)
        ],
        columns=["station", "quantity", "time", "value", "qc"],
    )
    rows["published_at"] = rows["time"] + pd.Timedelta(minutes=20)
    empty = {"altitude": np.nan, "city": "beijing", "interval_hours": 1, "note": ""}
    table = [{"station": s, "name": s, "latitude": 39.9, "longitude": 116.4} | empty for s in stations]
    return Published(rows, pd.DataFrame(table))


@dataclass
class Direct:
    """Asks as it is told, once."""

    session: requests.Session

    def ask(self, service, request):
        answer = self.session.request(
            request.method, request.url, data=request.data, headers=dict(request.headers), timeout=5
        )
        request.check(answer.content)
        assert any(answer.headers["Content-Type"].startswith(kind) for kind in request.expect)
        return answer.content


def test_the_feeds_bring_back_a_day_with_one_request_an_hour_and_one_a_city():
    truth, now = published(), datetime(2026, 10, 9, 10, 59, tzinfo=UTC)
    with serving_fake(CnemcFake(truth, lambda: now)) as served, requests.Session() as session:
        country, cities = cnemc.feeds(SourceConfig(base_url=served.url))
        hours = tuple(TEN - n * HOUR for n in range(23, -1, -1))
        got, covered = [], set()
        for feed, due in ((country, {"": hours}), (cities, {"cnemc:city_110000": hours})):
            for ask in feed.asks(Due(now, due)):
                payload = feed.fetch(Direct(session), ask)
                asked = {"operation": ask.operation, **ask.parameters}
                parsed = feed.parse(RawAnswer(feed.source, payload, ask.description, now, asked, feed.name))
                got.append(parsed.observations)
                covered |= set(parsed.covered)
    assert covered == {(unit, hour) for unit in ("", "cnemc:city_110000") for hour in hours}
    assert len(served.asked) == 24 + 1
    key = ["station", "quantity", "time"]
    want = truth.rows[truth.rows["time"] > np.datetime64("2026-10-08T10")]
    found = pd.concat(got).sort_values(key).reset_index(drop=True)
    want = want.sort_values(key).reset_index(drop=True)
    pd.testing.assert_frame_equal(found[[*key, "value"]], want[[*key, "value"]])


def test_an_hour_that_is_gone_is_not_there_and_a_wrong_method_gets_a_web_page():
    now = datetime(2026, 10, 9, 10, 59, tzinfo=UTC)
    with serving_fake(CnemcFake(published(), lambda: now)) as served, requests.Session() as session:
        (country, _), http = cnemc.feeds(SourceConfig(base_url=served.url)), Direct(session)
        gone = country.asks(Due(now, {"": (datetime(2026, 10, 8, 10, tzinfo=UTC),)}))[0]
        with pytest.raises(NotYetAvailable):
            country.parse(RawAnswer("cnemc", country.fetch(http, gone), "", now))
        with pytest.raises(SourceUnavailable, match="web page"):
            http.ask(country.service, Request("GET", served.url + "/", check=looks_alive, expect=TYPES))
        form = served.asked[0]
    assert form.form == {"date": "2026-10-08 18:00:00"}
    assert form.headers["x-requested-with"] == "XMLHttpRequest"


def test_public_samples(shared):
    folder = shared / "samples" / "cnemc"
    rows = cnemc.read_live(folder / "RECONSTRUCTED_GetAllAQIPublishLive_2rows.json").observations
    values = dict(zip(rows["quantity"], rows["value"], strict=True))
    assert values == {
        "pm2p5": 54,
        "pm10": 79,
        "sulfur_dioxide": 12,
        "nitrogen_dioxide": 61,
        "ozone": 43,
        "carbon_monoxide": 1.4 * 1000,
    }
    assert (rows["time"] == np.datetime64("2022-01-04T08:00")).all()
    archive = cnemc.read_live(folder / "archive_2022-01-04T16_head.csv")
    assert not archive.left_out
    assert (archive.observations["time"] == np.datetime64("2022-01-04T08:00")).all()
    pm = archive.observations.set_index(["station", "quantity"])["value"]
    assert pm["cnemc:1001A", "pm2p5"] == 54
    assert pm["cnemc:1177A", "pm10"] == 195
    assert "cnemc:1061A" not in pm.xs("pm10", level="quantity").index
    assert set(archive.stations.loc[archive.stations["city"] == "", "station"]) >= {"cnemc:1002A"}


def test_the_public_copy_of_2018(shared):
    raw = json.loads((shared / "samples/cnemc/GetAQIDataPublishLive_nationwide_20180220T07.json").read_text())
    parsed = cnemc.parse_live(json.dumps(raw).encode())
    assert not parsed.left_out
    given = [f["properties"] for f in raw["features"]]
    want = sum(g["pm2_5"] not in cnemc.MISSING for g in {g["stationcode"]: g for g in given}.values())
    assert (parsed.observations["quantity"] == "pm2p5").sum() == want > 1000
    assert (parsed.observations["time"] == np.datetime64("2018-02-19T23:00")).mean() > 0.9
    assert parsed.stations.set_index("station").loc["cnemc:1001A", "latitude"] == 39.8673


def test_golden_times(shared):
    golden = json.loads((shared / "reference" / "golden_vectors.json").read_text())["time"]
    rows = [g for g in golden if g["source"] == "cnemc"]
    assert len(rows) == 2
    for row in rows:
        want = datetime.fromisoformat(row["utc"]).astimezone(UTC).replace(tzinfo=None)
        assert cnemc.parse_time(row["raw"]) == np.datetime64(want)


def test_after_an_outage_of_30_hours_a_day_comes_back_and_the_rest_is_told(tmp_path):
    truth, clock = published(hours=80), Clock(TEN - 40 * HOUR + 27 * MINUTE)
    intake = open_intake(tmp_path, clock)
    with serving_fake(CnemcFake(truth, clock)) as served, requests.Session() as session:
        both, http = cnemc.feeds(SourceConfig(base_url=served.url)), Direct(session)
        both[1] = replace(both[1], units=lambda _: ("cnemc:city_110000",))
        first = collect_all(intake, http, both, clock())
        clock.now += 30 * HOUR
        second = collect_all(intake, http, both, clock())
        served.asked.clear()
        assert [r.outcome for r in collect_all(intake, http, both, clock())] == ["idle", "idle"]
    assert [report.lost for report in first] == [(), ()]
    missed = [TEN - n * HOUR for n in range(39, 33, -1)]
    assert [[hour for _, hour in report.lost] for report in second] == [missed, missed]
    known = stored(intake, clock())
    lost = set(pd.DatetimeIndex(missed).tz_localize(None))
    want = truth.rows[(truth.rows["quantity"] == "pm2p5") & ~truth.rows["time"].isin(lost)]
    begin, end = TEN - 64 * HOUR, TEN - 10 * HOUR
    times = pd.DatetimeIndex(want["time"]).tz_localize("UTC")
    want = want[(times > begin) & (times <= end)]
    assert known == {
        (r.station, r.time.tz_localize("UTC").to_pydatetime()): r.value for r in want.itertuples()
    }
    assert served.asked == []
    intake.ledger.close()
