"""OpenAQ v3 and its archive against the fakes and the documented answers."""

import gzip
import json
import math
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from ingest import openaq, openaq_archive
from ingest.feeds import SourceConfig
from ingest.openaq import Sensor, parse_hours, parse_locations
from ingest.openaq_archive import COLUMNS, get_day, get_month, parse_day, parse_month
from ingest.openaq_wire import check
from ingest.simulated.published import Published
from pipeline.cities import cities_of
from pipeline.errors import BadPayload, NotYetAvailable, Refused, SourceError, SourceUnavailable
from pipeline.times import to_ns
from tests.fakes.openaq import KEY, ArchiveFake, OpenAqFake
from tests.ingest.source_rounds import rounds
from tests.ingest.toy_source import Clock

HOUR = timedelta(hours=1)
START = datetime(2025, 3, 10, tzinfo=UTC)
STATIONS = pd.DataFrame(
    [
        ("openaq:101", "Jung-gu", 37.5640, 126.9756, ""),
        ("openaq:102", "Chaoyang", 39.9300, 116.4600, ""),
        ("openaq:103", "Garden", 37.5700, 126.9800, "low cost"),
        ("openaq:104", "Busan", 35.1800, 129.0800, ""),
    ],
    columns=["station", "name", "latitude", "longitude", "note"],
).assign(altitude=np.nan, city="", interval_hours=1)


def value(station, quantity, n):
    return float(20 + n % 17 + int(station[-1]) + (10 if quantity == "pm10" else 0))


def made(hours=240, late=None):
    """Hourly means of all stations, published 90 minutes after the hour, some later."""
    rows = pd.DataFrame(
        [
            (s, q, to_ns(START + n * HOUR), value(s, q, n), (late or {}).get((s, n), 1.5))
            for s in STATIONS["station"]
            for q in ("pm2p5", "pm10")
            for n in range(hours)
        ],
        columns=["station", "quantity", "time", "value", "delay"],
    )
    rows["time"] = rows["time"].astype("datetime64[ns]")
    rows["published_at"] = rows["time"] + pd.to_timedelta(rows.pop("delay"), unit="h")
    return Published(rows.assign(qc=np.int8(0)), STATIONS)


@pytest.fixture
def clock():
    return Clock(START + timedelta(days=4, hours=6, minutes=27))


@pytest.fixture
def asking(tmp_path, clock):
    with rounds(tmp_path, openaq, OpenAqFake(made(), clock), clock, SecretStr(KEY)) as found:
        yield found


def stored(asking, quantity="pm2p5", station="openaq:101"):
    rows = asking.intake.store.read(world=asking.intake.world, as_of=asking.intake.clock() + HOUR)
    rows = rows[(rows["station"] == station) & (rows["quantity"] == quantity)].sort_values("time")
    return dict(zip(rows["time"].to_numpy(), rows["value"], strict=True))


def test_without_a_key_nothing_is_asked():
    assert openaq.feeds(SourceConfig()) == []


def test_stations_are_looked_for_around_every_configured_city(monkeypatch):
    chosen = cities_of(["east-asian-clean-air-cities"])
    monkeypatch.setattr(openaq, "all_cities", lambda: chosen)
    places = openaq.searched()
    assert set(chosen) <= set(places)
    assert places["tokyo"] == (chosen["tokyo"].latitude, chosen["tokyo"].longitude)
    assert {name: places[name] for name in openaq.PLACES} == openaq.PLACES


def test_monitors_near_our_places_become_stations(asking):
    asking.collect("openaq.locations")
    stations = asking.intake.store.stations(asking.intake.world).set_index("station")
    assert sorted(stations.index) == ["openaq:101", "openaq:102"]  # no low-cost sensor, nothing far away
    assert stations["city"].to_dict() == {"openaq:101": "seoul", "openaq:102": "beijing"}
    assert stations.loc["openaq:101", "latitude"] == pytest.approx(37.5640)
    assert stations.loc["openaq:101", "note"] == "Korea, by OpenAQ; sensors pm10=1011 pm2p5=1012"


def test_hours_are_asked_by_sensor_and_carry_their_end(asking, clock):
    asking.collect()
    newest = clock.now.replace(minute=0) - 2 * HOUR
    got = stored(asking)
    first = clock.now - timedelta(days=3)  # the first backfill
    want = {
        to_ns(START + n * HOUR): value("openaq:101", "pm2p5", n)
        for n in range(240)
        if first < START + n * HOUR <= newest
    }
    assert got == want
    queries = [q for _, q in asking.calls() if "datetime_from" in q]
    assert len(queries) == 4  # two stations with two sensors each
    assert {q["limit"] for q in queries} == {"1000"}
    assert all(q["datetime_from"].endswith("Z") and q["datetime_to"].endswith("Z") for q in queries)


def test_an_hour_later_only_the_new_hour_is_asked(asking, clock):
    asking.collect()
    asking.calls()
    clock.now += HOUR
    report = asking.collect("openaq.hourly")["openaq.hourly"]
    assert report.rows == 4
    query = next(q for _, q in asking.calls() if "datetime_from" in q)
    newest = clock.now.replace(minute=0) - 2 * HOUR
    assert query["datetime_to"] == f"{newest:%Y-%m-%dT%H:%M:%SZ}"


def test_values_that_come_late_are_asked_for_again(asking, clock):
    at = int((clock.now - START) / HOUR) - 2  # the newest hour that is due
    asking.fake.published = made(late={("openaq:101", at): 5.0})
    asking.collect()
    assert to_ns(START + at * HOUR) not in stored(asking)
    clock.now += 5 * HOUR
    asking.collect("openaq.hourly")
    assert stored(asking)[to_ns(START + at * HOUR)] == value("openaq:101", "pm2p5", at)


def test_missing_values_of_korea_come_as_9999_and_give_no_row(asking):
    rows = asking.fake.published.rows
    rows.loc[(rows["station"] == "openaq:101") & (rows["time"] == to_ns(START + 90 * HOUR)), "value"] = (
        math.nan
    )
    asking.fake.published = Published(rows, STATIONS)
    asking.collect()
    assert to_ns(START + 90 * HOUR) not in stored(asking)
    assert to_ns(START + 89 * HOUR) in stored(asking)


def test_a_station_that_is_silent_for_weeks_is_listed_but_not_asked(asking, clock):
    rows = made().rows
    asking.fake.published = Published(
        rows[(rows["station"] != "openaq:101") | (rows["time"] < to_ns(START))], STATIONS
    )
    asking.collect()
    assert {a.path.split("/")[2] for a in asking.served.asked if "/sensors/" in a.path} == {"1021", "1022"}
    stations = asking.intake.store.stations(asking.intake.world).set_index("station")
    assert "sensors" not in stations.loc["openaq:101", "note"]


def test_a_wrong_key_is_refused_and_never_shown(tmp_path, clock):
    with rounds(tmp_path, openaq, OpenAqFake(made(), clock), clock, SecretStr("wr0ng+k/ey")) as asking:
        report = asking.collect("openaq.locations")["openaq.locations"]
    [error] = report.errors
    assert isinstance(error, Refused)
    assert "SAMEAIR_OPENAQ_KEY" in str(error)
    assert "wr0ng" not in repr(error)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b'{"detail": "Too many requests"}', SourceUnavailable),
        (b'{"detail": "Query timeout"}', SourceUnavailable),
        (b'{"detail": [{"loc": ["query"], "msg": "out of range"}]}', BadPayload),
    ],
)
def test_refusals_are_told_apart(body, error):
    with pytest.raises(error) as raised:
        check(body)
    assert type(raised.value) is error


def test_pages_are_read_to_the_end_whatever_found_says(tmp_path, clock, monkeypatch):
    monkeypatch.setattr("ingest.openaq_wire.PER_PAGE", 1)
    many = pd.concat([STATIONS.iloc[[0]].assign(station=f"openaq:{n}") for n in range(201, 206)])
    fake = OpenAqFake(Published(made().rows, many), clock)
    with rounds(tmp_path, openaq, fake, clock, SecretStr(KEY)) as asking:
        asking.collect("openaq.locations")
        stations = asking.intake.store.stations(asking.intake.world)
    assert len(stations) == 5
    assert max(int(q["page"]) for _, q in asking.calls()) == 6


SENSOR = Sensor("openaq:2178", "pm2p5", "3920")


@pytest.mark.shared
def test_the_documented_answers(shared):
    folder = shared / "samples" / "openaq"
    hours = parse_hours((folder / "measurements.json").read_bytes(), SENSOR)
    rows = hours.observations
    assert rows["value"].tolist() == [6.0, 7.5]
    # datetimeTo, the end of the hour
    assert [str(t)[:13] for t in rows["time"].to_numpy()] == ["2023-10-16T13", "2023-10-16T14"]
    listed = parse_locations((folder / "locations.json").read_bytes(), datetime(2023, 10, 14, tzinfo=UTC))
    [station] = listed.stations.to_dict("records")
    assert (station["station"], station["name"], station["city"]) == ("openaq:2178", "Del Norte", "")
    assert station["note"] == "AirNow, by OpenAQ; sensors pm10=3919 pm2p5=3920"
    assert openaq.units(listed.stations) == ("openaq:2178/pm10/3919", "openaq:2178/pm2p5/3920")


def results(*items):
    return json.dumps({"meta": {"found": ">1000"}, "results": list(items)}).encode()


def hour(value=12.5, end="2025-03-10T01:00:00Z", name="pm25", units="µg/m³"):
    return {
        "value": value,
        "parameter": {"id": 2, "name": name, "units": units},
        "period": {"datetimeTo": {"utc": end}, "datetimeFrom": {"utc": "2025-03-10T00:00:00Z"}},
    }


@pytest.mark.parametrize("mark", [None, -1, -999, -9999, 9999, -999.0])
def test_marks_of_missing_values_give_no_row(mark):
    assert not len(parse_hours(results(hour(mark)), SENSOR).observations)


def test_other_negative_values_are_kept_and_flagged():
    rows = parse_hours(results(hour(-4.9)), SENSOR).observations
    assert rows[["value", "qc"]].to_numpy().tolist() == [[-4.9, 2]]


@pytest.mark.parametrize(
    "bad",
    [
        hour("12"),
        hour(True),
        hour(name="pm10"),
        hour(units="ppm"),
        hour(end="2025-03-10T01:30:00Z"),
        hour(end="2025-03-10T01:00:00"),
        {},
        None,
    ],
)
def test_a_bad_value_is_left_out_and_named_while_others_count(bad):
    parsed = parse_hours(results(bad, hour(end="2025-03-10T02:00:00Z")), SENSOR)
    assert len(parsed.observations) == 1
    assert len(parsed.left_out) == 1
    with pytest.raises(BadPayload):
        parse_hours(results(bad), SENSOR)


# --- the archive


def table(*rows):
    lines = [",".join(COLUMNS), *(",".join(map(str, row)) for row in rows)]
    return gzip.compress("\n".join(lines).encode(), mtime=0)


def row(when="2025-03-10T01:00:00+09:00", value="12.5", parameter="pm25", units="µg/m³", location="101"):
    return (location, f"{location}2", "Jung-gu-101", when, "37.564", "126.9756", parameter, units, value)


def test_a_day_of_the_archive_reads_back_what_was_published(tmp_path, clock):
    clock.now = START + timedelta(days=8)
    fake = ArchiveFake(made(), clock)
    with rounds(tmp_path, openaq, fake, clock, SecretStr(KEY)) as asking:
        url = asking.served.url
        keys = parse_month(get_month(asking.http, 101, START, url), 101, START)
        days = [openaq_archive.day_of(key) for key in keys]
        assert days == ["20250310", "20250311", "20250312", "20250313", "20250314"]
        parsed = parse_day(get_day(asking.http, keys[1], url))
        with pytest.raises(NotYetAvailable):
            get_day(asking.http, keys[0].replace("0310", "0316"), url)
    rows = parsed.observations[parsed.observations["quantity"] == "pm2p5"]
    got = dict(zip(rows["time"].to_numpy(), rows["value"], strict=True))
    first = datetime(2025, 3, 10, 16, tzinfo=UTC)  # 01 KST of 11 March
    want = {to_ns(first + n * HOUR): value("openaq:101", "pm2p5", 16 + n) for n in range(24)}
    assert got == want
    assert parsed.stations["city"].tolist() == ["seoul"]


def test_times_of_the_archive_carry_their_zone():
    rows = parse_day(table(row("2025-03-10T01:00:00+09:00"), row("2025-03-09T17:00:00Z"))).observations
    assert [str(t)[:13] for t in rows["time"].to_numpy()] == ["2025-03-09T16", "2025-03-09T17"]


def test_values_between_full_hours_are_averaged_into_the_hour_that_ends_next():
    parts = [row(f"2025-03-10T00:{m:02d}:00Z", str(v)) for m, v in ((10, 10), (30, 20), (59, 60))]
    rows = parse_day(table(*parts, row("2025-03-10T01:00:00Z", "30"))).observations
    assert rows["value"].tolist() == [(10 + 20 + 60 + 30) / 4]
    assert str(rows["time"].iloc[0])[:16] == "2025-03-10 01:00"


def test_gases_keep_the_kind_of_unit_they_came_in():
    rows = parse_day(
        table(
            row(parameter="o3", units="ppm", value="0.031"),
            row(parameter="no2", units="µg/m³", value="44"),
            row(parameter="co", units="ppb", value="400"),
            row(parameter="temperature", units="c", value="3"),
        )
    ).observations
    got = dict(zip(rows["quantity"], rows["value"], strict=True))
    assert got == {"ozone_fraction": 31.0, "nitrogen_dioxide": 44.0, "carbon_monoxide_fraction": 400.0}


@pytest.mark.parametrize("mark", ["", "9999", "-999.0", "-1"])
def test_marks_of_the_archive_give_no_row(mark):
    assert not len(parse_day(table(row(value=mark))).observations)


@pytest.mark.parametrize(
    "bad", [row(value="wet"), row(when="yesterday"), row(when="2025-03-10T01:00:00"), row(location="x")]
)
def test_a_bad_row_of_the_archive_is_left_out_and_named(bad):
    parsed = parse_day(table(bad, row()))
    assert (len(parsed.observations), len(parsed.left_out)) == (1, 1)
    with pytest.raises(BadPayload):
        parse_day(table(bad))


@pytest.mark.parametrize(
    "payload",
    [
        b"no gzip",
        gzip.compress(b"a,b\n1,2\n", mtime=0),
        table(row())[:-9],
        gzip.compress(b"\xff\xfe\x00", mtime=0),
        b"",
    ],
)
def test_a_file_that_is_none_is_a_bad_payload(payload):
    with pytest.raises(BadPayload):
        parse_day(payload)


def test_a_file_that_unpacks_without_end_is_refused(monkeypatch):
    monkeypatch.setattr("ingest.openaq_archive.MOST_UNPACKED", 1000)
    with pytest.raises(BadPayload, match="larger"):
        parse_day(table(*[row()] * 100))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
LOCATION = {
    "id": 1,
    "name": "x",
    "isMonitor": True,
    "isMobile": False,
    "provider": {"name": "y"},
    "coordinates": {"latitude": 1.0, "longitude": 2.0},
    "datetimeLast": {"utc": "2025-03-10T01:00:00Z"},
    "sensors": [{"id": 2, "parameter": {"name": "pm25", "units": "µg/m³"}}],
}


@st.composite
def spoiled(draw):
    """A good answer in which one field, at any depth, is any JSON whatever."""
    item = json.loads(json.dumps(draw(st.sampled_from([LOCATION, hour()]))))
    node = item
    while True:
        name = draw(st.sampled_from(sorted(node)))
        if isinstance(node[name], dict) and draw(st.booleans()):
            node = node[name]
            continue
        node[name] = draw(JSON)
        return results(item, item)


@settings(max_examples=400)
@given(payload=st.binary(max_size=60) | JSON.map(lambda x: json.dumps(x).encode()) | spoiled())
def test_no_bytes_of_the_service_raise_anything_but_our_errors(payload):
    with suppress(SourceError):
        parse_hours(payload, SENSOR)
    with suppress(SourceError):
        parse_locations(payload, START)


CELL = st.sampled_from([*row(), "", "nan", "inf", "1e400", '"', "\x00", "-", "2025-03-10T01:00:00+99:00"])


@settings(max_examples=300)
@example(payload=gzip.compress(b"location_id\rsensors_id", mtime=0))
@given(
    payload=st.binary(max_size=60)
    | st.binary(max_size=60).map(lambda text: gzip.compress(text, mtime=0))
    | st.lists(st.lists(CELL | st.text(max_size=6), max_size=10), max_size=4).map(lambda rows: table(*rows))
)
def test_no_bytes_of_the_archive_raise_anything_but_our_errors(payload):
    with suppress(SourceError):
        parse_day(payload)
    with suppress(SourceError):
        parse_month(payload, 1, START)
