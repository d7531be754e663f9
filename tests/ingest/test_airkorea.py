"""AirKorea's traps: hours to 24:00, strings, missing marks, refusals that look like answers."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from ingest import airkorea
from pipeline.errors import BadPayload, NotYetAvailable, SourceUnavailable
from tests.ingest.wire_server import WIRE, serving


def envelope(items, code="00"):
    return json.dumps({"response": {"header": {"resultCode": code}, "body": {"items": items}}}).encode()


def item(**changes):
    whole = {"stationName": "중구", "dataTime": "2025-01-31 10:00", "pm25Value": "38", "pm10Value": "61"}
    return whole | changes


# The AirKorea rows of ../shared/reference/golden_vectors.json ("time").
@pytest.mark.parametrize(
    ("label", "utc"),
    [
        ("2025-05-09 24:00", "2025-05-09T15:00"),
        ("2022-05-09 10:00", "2022-05-09T01:00"),
        ("2024-12-31 24:00", "2024-12-31T15:00"),
        ("2024-02-29 24:00", "2024-02-29T15:00"),
        ("2025-01-01 01:00", "2024-12-31T16:00"),
    ],
)
def test_labels_are_kst_hour_ends(label, utc):
    assert airkorea.parse_label(label) == np.datetime64(utc)


@given(st.datetimes(datetime(2016, 1, 1), datetime(2030, 1, 1)))  # noqa: DTZ001
def test_every_hour_has_one_label_and_back(when):
    hour = when.replace(minute=0, second=0, microsecond=0)
    end = hour + timedelta(hours=1)
    label = f"{hour:%Y-%m-%d} {hour.hour + 1:02d}:00"
    assert airkorea.parse_label(label) == np.datetime64(end - timedelta(hours=9))


@pytest.mark.parametrize(
    "label",
    [
        "2025-05-09 24:30",
        "2025-05-09 10:30",
        "9999-12-31 24:00",
        "2025-05-09 25:00",
        "2025-02-30 10:00",
        "10:00",
        "",
        None,
        5,
    ],
)
def test_a_label_that_is_no_time_is_refused(label):
    with pytest.raises(BadPayload, match="dataTime"):
        airkorea.parse_label(label)


def test_all_stations_of_a_province():
    rows = airkorea.read_measurements(WIRE / "airkorea_ctprvn.json").observations
    table = {(r.station, r.quantity): (r.time, r.value) for r in rows.itertuples()}
    assert table == {
        ("airkorea:중구", "pm2p5"): (np.datetime64("2025-01-31T15:00"), 38.0),
        ("airkorea:중구", "pm10"): (np.datetime64("2025-01-31T15:00"), 61.0),
        ("airkorea:종로구", "pm2p5"): (
            np.datetime64("2025-01-31T14:00"),
            0.0,
        ),  # zero is a value, "-" is none
        ("airkorea:종로구", "pm10"): (np.datetime64("2025-01-31T14:00"), 55.0),
    }


def test_one_station_does_not_name_itself():
    path = WIRE / "airkorea_station_hours.json"
    rows = airkorea.read_measurements(path, station="중구").observations
    assert set(rows["station"]) == {"airkorea:중구"}
    assert rows["time"].nunique() == 3
    assert (np.diff(np.sort(rows["time"].unique())) == np.timedelta64(1, "h")).all()
    with pytest.raises(BadPayload, match="stationName"):
        airkorea.read_measurements(path)


def test_station_list_decides_coordinates_by_value_and_city_by_network():
    table = airkorea.read_stations(WIRE / "airkorea_stations.json").stations.set_index("station")
    assert table.loc["airkorea:가온동", ["latitude", "longitude", "city"]].tolist() == [
        37.58,
        126.97,
        "seoul",
    ]
    assert table.loc["airkorea:나래동", ["latitude", "longitude", "city"]].tolist() == [37.51, 127.05, ""]
    assert table.loc["airkorea:다솜동", ["latitude", "longitude"]].isna().all()
    assert table.loc["airkorea:다솜동", "city"] == ""


@pytest.mark.parametrize("items", ["", [], None, {}])
def test_no_items_in_any_spelling(items):
    assert len(airkorea.parse_measurements(envelope(items)).observations) == 0


@pytest.mark.parametrize("items", [[item()], item(), {"item": item()}, {"item": [item()]}])
def test_items_in_any_spelling(items):
    assert len(airkorea.parse_measurements(envelope(items)).observations) == 2


def test_a_station_silent_altogether_gives_no_row():
    silent = item(dataTime=None, pm25Value="-", pm10Value="-")
    assert len(airkorea.parse_measurements(envelope([silent])).observations) == 0


@pytest.mark.parametrize("value", ["abc", "1,000", "nan", "inf", True, [3]])
def test_a_value_that_is_no_number_names_its_field(value):
    with pytest.raises(BadPayload, match=r"pm25Value.*quarantine"):
        airkorea.parse_measurements(envelope([item(pm25Value=value)]))


def test_impossible_values_are_flagged_and_kept():
    rows = airkorea.parse_measurements(envelope([item(pm25Value="-9999")])).observations
    assert rows.set_index("quantity").loc["pm2p5", ["value", "qc"]].tolist() == [-9999.0, 2]


def xml(code):
    return f"<r><cmmMsgHeader><returnReasonCode>{code}</returnReasonCode></cmmMsgHeader></r>".encode()


@pytest.mark.parametrize(
    ("payload", "error", "says"),
    [
        ((WIRE / "airkorea_gateway_30.xml").read_bytes(), SourceUnavailable, "encoded twice"),
        (xml(22), SourceUnavailable, "midnight"),
        (xml(99), SourceUnavailable, "later"),
        (xml("03"), NotYetAvailable, "later"),
        (xml(12), BadPayload, "operation"),
        (envelope([], "22"), SourceUnavailable, "midnight"),
        (b'{"OpenAPI_ServiceResponse":{"cmmMsgHeader":{"returnReasonCode":"30"}}}', SourceUnavailable, "key"),
        (b"<!DOCTYPE html><html>503</html>", SourceUnavailable, "later"),
        (b"<other/>", BadPayload, "quarantine"),
        (b"", BadPayload, "quarantine"),
        (b"\xff\xfe", BadPayload, "quarantine"),
        (b"[]", BadPayload, "response"),
        (b'{"response":{"header":{"resultCode":"00"},"body":{"items":[1]}}}', BadPayload, "items"),
    ],
)
def test_refusals_are_typed_and_say_what_to_do(payload, error, says):
    with pytest.raises(error, match=says):
        airkorea.parse_measurements(payload)


def test_every_prefix_of_an_answer_is_refused_cleanly():
    whole = (WIRE / "airkorea_ctprvn.json").read_bytes()
    for cut in range(0, len(whole.rstrip()), 37):
        with pytest.raises(BadPayload):
            airkorea.parse_measurements(whole[:cut])


def test_the_request_sends_the_raw_key_and_errors_never_show_it():
    key = "abc+/=="
    with serving((WIRE / "airkorea_ctprvn.json").read_bytes()) as (url, asked), requests.Session() as session:
        for form in (key, "abc%2B%2F%3D%3D"):
            payload = airkorea.get_measurements(session, form, base_url=url)
            assert len(airkorea.parse_measurements(payload).observations) == 4
            assert "serviceKey=abc%2B%2F%3D%3D" in asked[-1][1]
    with requests.Session() as session, pytest.raises(SourceUnavailable) as caught:
        airkorea.get_stations(session, key, base_url=url)
    assert "abc" not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(("status", "raised"), [(429, True), (503, True), (400, False), (200, False)])
def test_only_server_trouble_is_read_from_the_status(status, raised):
    body = (WIRE / "airkorea_gateway_30.xml").read_bytes()
    with serving(body, status) as (url, _), requests.Session() as session:
        if raised:
            with pytest.raises(SourceUnavailable, match=str(status)):
                airkorea.get_measurements(session, "k", base_url=url)
        else:
            assert airkorea.get_measurements(session, "k", base_url=url) == body


def test_public_samples(shared):
    folder = shared / "samples" / "airkorea"
    rows = airkorea.read_measurements(
        folder / "getCtprvnRltmMesureDnsty_seoul_20240306_excerpt.json"
    ).observations
    assert rows["value"].tolist() == [8.0, 22.0, 2.0, 6.0]
    assert (rows["time"] == np.datetime64("2024-03-06T03:00")).all()
    one = airkorea.read_measurements(folder / "getMsrstnAcctoRltmMesureDnsty_2400.json", "x").observations
    assert (one["time"] == np.datetime64("2025-05-09T15:00")).all()
    for code in (22, 30):
        with pytest.raises(SourceUnavailable, match=str(code)):
            airkorea.read_measurements(folder / f"gateway_error_{code}.xml")
    failed = json.loads((folder / "item_comm_failure_20231012_v1.0.json").read_text())
    assert len(airkorea.parse_measurements(envelope([failed])).observations) == 0


def test_golden_times(shared):
    golden = json.loads((shared / "reference" / "golden_vectors.json").read_text())["time"]
    rows = [g for g in golden if g["source"] == "airkorea"]
    assert rows
    for row in rows:
        want = datetime.fromisoformat(row["utc"]).astimezone(UTC).replace(tzinfo=None)
        assert airkorea.parse_label(row["raw"]) == np.datetime64(want)
