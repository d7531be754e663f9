"""Sources fail alone: whatever an answer holds, it is reported and kept, and never stops the others."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ingest.sources import HttpSource, RawAnswer, collect_all, parse_answer
from pipeline.errors import BadPayload
from tests.ingest.wire_server import WIRE

NOW = datetime(2025, 2, 1, tzinfo=UTC)
GOOD = (WIRE / "cnemc_live.json").read_bytes()
ROW = {"StationCode": "1001A", "TimePoint": "2025-02-01T00:00:00", "PM2_5": "87", "PM10": "121"}


def airkorea_items(**changed):
    item = {"stationName": "중구", "dataTime": "2025-01-31 24:00", "pm25Value": "30", "pm10Value": "50"}
    body = {"items": [item | changed]}
    return json.dumps({"response": {"header": {"resultCode": "00"}, "body": body}}).encode()


def source(name, *payloads, asked="newest hour"):
    return HttpSource(name, lambda now: [RawAnswer(name, p, asked, now) for p in payloads], parse_answer)


NONSENSE = [
    ("airkorea", airkorea_items(dataTime=["2025-01-31 24:00"]), "newest hour"),
    ("airkorea", airkorea_items(dataTime="9999-12-31 24:00"), "newest hour"),
    ("airkorea", airkorea_items(dataTime="2025-01-31 23:07"), "newest hour"),
    ("airkorea", airkorea_items(stationName=["중구"]), "station list"),
    ("airkorea", b"[" * 100_000, "newest hour"),
    ("airkorea", b'{"response": ' + b"9" * 5000 + b"}", "newest hour"),
    ("cnemc", json.dumps([ROW | {"TimePoint": "/Date(1738368000123)/"}]).encode(), "newest hour"),
    ("cnemc", json.dumps([ROW | {"TimePoint": "0001-01-01T00:00:00"}]).encode(), "newest hour"),
    ("cnemc", json.dumps([ROW | {"StationCode": {"a": 1}, "PM2_5": [1]}]).encode(), "newest hour"),
    ("open_meteo", b"[[]]", "hourly weather"),
    ("open_meteo", b'{"error": {"a": 1}}', "hourly weather"),
]


@pytest.mark.parametrize(("name", "payload", "asked"), NONSENSE)
def test_nonsense_of_one_source_stops_no_other(name, payload, asked, tmp_path: Path):
    broken, good = collect_all([source(name, payload, asked=asked), source("cnemc", GOOD)], NOW, tmp_path)
    (error,) = broken.errors
    assert isinstance(error, BadPayload)
    assert error.source == name
    assert [p.read_bytes() for p in broken.quarantined] == [payload]
    assert not len(broken.observations)
    assert len(good.observations) == 3
