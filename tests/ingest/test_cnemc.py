"""CNEMC's traps: two kinds of time, many marks for missing, empty bodies, control sites."""

import json
from datetime import UTC, datetime

import numpy as np
import pytest
import requests

from ingest import cnemc
from pipeline.errors import BadPayload, NotYetAvailable, SourceUnavailable
from tests.ingest.wire_server import WIRE, serving

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
        ("cnemc:1002A", "pm2p5"): 41.0,
    }
    assert (parsed.observations["time"] == np.datetime64("2025-01-31T16:00")).all()
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
        (b"[1]", BadPayload, "lacks"),
        (json.dumps([ROW | {"PM10": "12x"}]).encode(), BadPayload, "PM10"),
        (json.dumps([{k: v for k, v in ROW.items() if k != "PM2_5"}]).encode(), BadPayload, "PM2_5"),
        (b'[{"StationCode":', BadPayload, "JSON"),
    ],
)
def test_what_is_no_answer_is_typed(payload, error, says):
    with pytest.raises(error, match=says):
        cnemc.parse_live(payload)


def test_posts_carry_an_empty_form_or_the_hour_in_beijing_time():
    with serving((WIRE / "cnemc_live.json").read_bytes()) as (url, asked), requests.Session() as session:
        cnemc.get_live(session, base_url=url)
        cnemc.get_history(session, datetime(2025, 1, 31, 16, tzinfo=UTC), base_url=url)
    live, hour = asked
    assert live[:3] == ("POST", "/HourChangesPublish/GetAllAQIPublishLive", b"")
    assert live[3]["Content-Length"] == "0"
    assert live[3]["X-Requested-With"] == "XMLHttpRequest"
    assert hour[:3] == (
        "POST",
        "/HourChangesPublish/GetAQIHistoryByConditionHis",
        b"date=2025-02-01+00%3A00%3A00",
    )


def test_public_samples(shared):
    path = shared / "samples" / "cnemc" / "RECONSTRUCTED_GetAllAQIPublishLive_2rows.json"
    rows = cnemc.read_live(path).observations
    assert rows["value"].tolist() == [54.0, 79.0]
    assert (rows["time"] == np.datetime64("2022-01-04T08:00")).all()


def test_golden_times(shared):
    golden = json.loads((shared / "reference" / "golden_vectors.json").read_text())["time"]
    rows = [g for g in golden if g["source"] == "cnemc"]
    assert len(rows) == 2
    for row in rows:
        want = datetime.fromisoformat(row["utc"]).astimezone(UTC).replace(tzinfo=None)
        assert cnemc.parse_time(row["raw"]) == np.datetime64(want)
