"""The list of sources, and that whatever an answer holds is reported and kept, and never stops the others."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from ingest.collect import collect_all
from ingest.feeds import WHOLE, Ask, SourceConfig, Timing
from ingest.sources import MODULES, abouts, all_feeds, readers
from tests.ingest.toy_source import Clock, NoHttp, open_intake
from tests.ingest.wire_server import WIRE

NOW = datetime(2025, 2, 1, tzinfo=UTC)
GOOD = (WIRE / "cnemc_live.json").read_bytes()
ROW = {"StationCode": "1001A", "TimePoint": "2025-02-01T00:00:00", "PM2_5": "87", "PM10": "121"}
KEYED = {"airkorea", "seoul", "openaq", "kma"}


def airkorea_items(**changed):
    item = {"stationName": "중구", "dataTime": "2025-01-31 24:00", "pm25Value": "30", "pm10Value": "50"}
    body = {"items": [item | changed], "totalCount": 1, "pageNo": 1, "numOfRows": 10}
    return json.dumps({"response": {"header": {"resultCode": "00"}, "body": body}}).encode()


NONSENSE = [
    ("airkorea.hourly", airkorea_items(dataTime=["2025-01-31 24:00"])),
    ("airkorea.hourly", airkorea_items(dataTime="9999-12-31 24:00")),
    ("airkorea.hourly", airkorea_items(dataTime="2025-01-31 23:07")),
    ("airkorea.stations", airkorea_items(stationName=["중구"])),
    ("airkorea.hourly", b"[" * 100_000),
    ("airkorea.hourly", b'{"response": ' + b"9" * 5000 + b"}"),
    ("cnemc.hourly", json.dumps([ROW | {"TimePoint": "/Date(1738368000123)/"}]).encode()),
    ("cnemc.hourly", json.dumps([ROW | {"TimePoint": "0001-01-01T00:00:00"}]).encode()),
    ("cnemc.hourly", json.dumps([ROW | {"StationCode": {"a": 1}, "PM2_5": [1]}]).encode()),
    ("open_meteo.weather", b"[[]]"),
    ("open_meteo.weather", b'{"error": {"a": 1}}'),
]


def asked_once(feed, payload):
    """Return a feed that is due now, asks one thing and gets what it is given."""
    fills = ((WHOLE, NOW),)
    return replace(
        feed,
        timing=Timing(timedelta(0), timedelta(hours=1)),
        asks=lambda due: [Ask("invented", "an invented answer", {}, fills)],
        fetch=lambda http, ask: payload,
        units=lambda stations: (WHOLE,),
    )


@pytest.mark.parametrize(("name", "payload"), NONSENSE)
def test_nonsense_of_one_source_stops_no_other(name, payload, tmp_path):
    clock = Clock(NOW)
    intake = open_intake(tmp_path, clock)
    good = asked_once(replace(readers()["cnemc.hourly"], name="good", source="good"), GOOD)
    broken, fine = collect_all(intake, NoHttp(), [asked_once(readers()[name], payload), good], NOW)
    intake.ledger.close()
    (error,) = broken.errors
    assert error.source == name.split(".")[0]
    assert broken.rows == 0
    assert [p.read_bytes() for p in intake.quarantine_dir.glob(f"{name}-*.raw")] == [payload]
    assert (fine.outcome, fine.errors) == ("ok", ())
    assert fine.rows > 0


def test_every_source_says_what_it_is():
    found = {about.source: about for about in abouts()}
    assert set(found) == set(MODULES)
    for about in found.values():
        assert about.title
        assert about.adds
    assert {name for name, about in found.items() if about.key_setting} == KEYED


def test_a_source_without_its_key_has_no_feed_and_the_others_do_not_mind():
    without = {feed.source for feed in all_feeds({})}
    assert without.isdisjoint(KEYED - {"openaq"})
    with_key = {feed.source for feed in all_feeds({"kma": SourceConfig(key=SecretStr("k"))})}
    assert with_key == without | {"kma"}
    assert without >= {"cnemc", "open_meteo", "ecmwf"}


def test_every_feed_can_read_answers_of_quarantine():
    found = readers()
    assert {feed.source for feed in found.values()} == set(MODULES)
    for name, feed in found.items():
        assert name.partition(".")[0] == feed.source
        assert feed.timing.keeps > feed.timing.delay
        assert feed.timing.step > timedelta(0)


def test_a_key_never_stands_in_the_name_of_a_feed():
    secret = SourceConfig(key=SecretStr("s3cret-key"))
    for feed in all_feeds({name: secret for name in MODULES}):
        assert "s3cret-key" not in repr(feed)
