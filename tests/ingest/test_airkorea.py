"""AirKorea's traps: hours to 24:00, strings, missing marks, refusals that look like answers."""

import contextlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import airkorea_rows as airkorea
from ingest.airkorea_alarms import parse_alarms
from ingest.airkorea_forecast import parse_forecast, parse_over50, parse_weekly
from ingest.airkorea_gateway import parse_label
from pipeline.errors import (
    BadPayload,
    NotYetAvailable,
    QuotaSpent,
    Refused,
    SourceError,
    SourceUnavailable,
)

WIRE = Path(__file__).parent / "wire"
PM = ("pm2p5", "pm10")


def measurements(path, station=None):
    return airkorea.parse_measurements(path.read_bytes(), station)


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
    assert parse_label(label) == np.datetime64(utc)


@given(st.datetimes(datetime(2016, 1, 1), datetime(2030, 1, 1)))  # noqa: DTZ001
def test_every_hour_has_one_label_and_back(when):
    hour = when.replace(minute=0, second=0, microsecond=0)
    end = hour + timedelta(hours=1)
    label = f"{hour:%Y-%m-%d} {hour.hour + 1:02d}:00"
    assert parse_label(label) == np.datetime64(end - timedelta(hours=9))


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
        parse_label(label)


def test_all_stations_of_a_province():
    parsed = measurements(WIRE / "airkorea_ctprvn.json")
    rows = parsed.observations
    assert parsed.left_out == ()
    assert len(parsed.covered) == 4  # an hour without values is an answer, too
    table = {(r.station, r.quantity): (r.time, r.value) for r in rows.itertuples() if r.quantity in PM}
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
    rows = measurements(path, station="중구").observations
    assert set(rows["station"]) == {"airkorea:중구"}
    assert rows["time"].nunique() == 3
    assert (np.diff(np.sort(rows["time"].unique())) == np.timedelta64(1, "h")).all()
    with pytest.raises(BadPayload, match="stationName"):
        measurements(path)


def test_station_list_decides_coordinates_by_value_and_city_by_network():
    table = airkorea.parse_stations((WIRE / "airkorea_stations.json").read_bytes()).stations.set_index(
        "station"
    )
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


def test_gases_become_mole_fractions():
    rows = measurements(WIRE / "airkorea_ctprvn.json").observations
    there = rows[rows["station"] == "airkorea:송파구"].set_index("quantity")["value"]
    assert there.to_dict() == {
        "sulfur_dioxide_fraction": 4.0,  # 0.004 ppm
        "carbon_monoxide_fraction": 600.0,
        "ozone_fraction": 12.0,
        "nitrogen_dioxide_fraction": 40.0,
    }


@given(st.integers(0, 9999))
def test_parts_per_million_are_exact_in_parts_per_billion(n):
    rows = airkorea.parse_measurements(envelope([item(o3Value=f"{n / 10000:.4f}")])).observations
    assert rows.set_index("quantity").loc["ozone_fraction", "value"] == n / 10


def test_a_value_with_a_flag_is_kept_as_suspect():
    flagged = item(pm25Flag="점검및교정", pm10Flag=None)
    rows = airkorea.parse_measurements(envelope([flagged])).observations.set_index("quantity")
    assert rows["qc"].to_dict() == {"pm2p5": 1, "pm10": 0}
    impossible = airkorea.parse_measurements(envelope([item(pm25Value="-9999", pm25Flag="자료이상")]))
    assert impossible.observations.set_index("quantity").loc["pm2p5", "qc"] == 2


def test_a_row_twice_is_one_row():
    rows = airkorea.parse_measurements(envelope([item(), item()])).observations
    assert len(rows) == 2


def test_more_gas_than_air_is_refused():
    with pytest.raises(BadPayload, match="coValue"):
        airkorea.parse_measurements(envelope([item(coValue="1e306")]))


@pytest.mark.parametrize("value", ["abc", "1,000", "nan", "inf", True, [3], 10**400])
def test_a_value_that_is_no_number_names_its_field(value):
    with pytest.raises(BadPayload, match=r"pm25Value.*quarantine"):
        airkorea.parse_measurements(envelope([item(pm25Value=value)]))
    mixed = airkorea.parse_measurements(envelope([item(pm25Value=value), item(stationName="종로구")]))
    assert set(mixed.observations["station"]) == {"airkorea:종로구"}
    assert [error.field for error in mixed.left_out] == ["pm25Value"]


def test_at_most_twenty_bad_rows_are_named():
    bad = [item(stationName=f"s{n}", pm25Value="x") for n in range(30)]
    assert len(airkorea.parse_measurements(envelope([*bad, item()])).left_out) == 20


def test_an_answer_that_holds_less_than_it_says_is_noticed():
    said = json.loads(envelope([item()]))
    said["response"]["body"]["totalCount"] = 640
    (cut,) = airkorea.parse_measurements(json.dumps(said).encode()).left_out
    assert "1 of 640 rows" in str(cut)
    pages = b"[" + envelope([item()]) + b"," + envelope([item(stationName="종로구")]) + b"]"
    assert airkorea.parse_measurements(pages).observations["station"].nunique() == 2


def test_impossible_values_are_flagged_and_kept():
    rows = airkorea.parse_measurements(envelope([item(pm25Value="-9999")])).observations
    assert rows.set_index("quantity").loc["pm2p5", ["value", "qc"]].tolist() == [-9999.0, 2]


def xml(code):
    return f"<r><cmmMsgHeader><returnReasonCode>{code}</returnReasonCode></cmmMsgHeader></r>".encode()


@pytest.mark.parametrize(
    ("payload", "error", "says"),
    [
        ((WIRE / "airkorea_gateway_30.xml").read_bytes(), Refused, "encoded twice"),
        (xml(22), QuotaSpent, "midnight"),
        (xml(31), Refused, "expired"),
        (xml(99), SourceUnavailable, "later"),
        (xml("03"), NotYetAvailable, "later"),
        (xml(12), BadPayload, "operation"),
        (envelope([], "22"), QuotaSpent, "midnight"),
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


PARSERS = (
    airkorea.parse_measurements,
    airkorea.parse_stations,
    parse_forecast,
    parse_weekly,
    parse_over50,
    parse_alarms,
)
ITEM = {
    **item(),
    "dataTime": "2025-01-31 17시 발표",
    "informCode": "PM25",
    "informData": "2025-02-01",
    "informGrade": "서울 : 나쁨",
    "presnatnDt": "2025-01-31",
    "frcstOneDt": "2025-02-03",
    "frcstOneCn": "서울 : 낮음, 신뢰도 : 높음",
    "seoul50Over": "O",
    "itemCode": "PM25",
    "districtName": "서울",
    "moveName": "서울권역",
    "issueGbn": "주의보",
    "issueDate": "2025-01-31",
    "issueTime": "24:00",
    "issueVal": "80",
    "addr": "서울 중구",
    "dmX": "37.5",
    "dmY": "127.0",
}
VALUE = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8) | st.sampled_from("-:,O"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(ITEM)), inner),
    max_leaves=6,
)


@pytest.mark.slow
@given(
    st.binary(max_size=200)
    | st.dictionaries(st.sampled_from(sorted(ITEM)), VALUE).map(
        lambda new: envelope([ITEM | new, item() | new])
    )
    | st.dictionaries(st.sampled_from(["items", "totalCount", "item"]), VALUE).map(
        lambda body: json.dumps({"response": {"header": {"resultCode": "00"}, "body": body}}).encode()
    )
)
@settings(max_examples=300)
def test_whatever_comes_only_typed_errors_are_raised(payload):
    for parse in PARSERS:
        with contextlib.suppress(SourceError):
            parsed = parse(payload)
            assert all(bulletin.digest for bulletin in parsed.bulletins)
            parsed.stations.to_json()


def test_public_samples(shared):
    folder = shared / "samples" / "airkorea"
    rows = measurements(folder / "getCtprvnRltmMesureDnsty_seoul_20240306_excerpt.json").observations
    assert rows[rows["quantity"].isin(PM)]["value"].tolist() == [8.0, 22.0, 2.0, 6.0]
    assert rows[rows["quantity"] == "nitrogen_dioxide_fraction"]["value"].tolist() == [26.0, 17.0]
    assert (rows["time"] == np.datetime64("2024-03-06T03:00")).all()
    one = measurements(folder / "getMsrstnAcctoRltmMesureDnsty_2400.json", "x").observations
    assert (one["time"] == np.datetime64("2025-05-09T15:00")).all()
    for code in (22, 30):
        with pytest.raises(SourceUnavailable, match=str(code)):
            measurements(folder / f"gateway_error_{code}.xml")
    failed = json.loads((folder / "item_comm_failure_20231012_v1.0.json").read_text())
    assert len(airkorea.parse_measurements(envelope([failed])).observations) == 0


def test_golden_times(shared):
    golden = json.loads((shared / "reference" / "golden_vectors.json").read_text())["time"]
    rows = [g for g in golden if g["source"] == "airkorea"]
    assert rows
    for row in rows:
        want = datetime.fromisoformat(row["utc"]).astimezone(UTC).replace(tzinfo=None)
        assert parse_label(row["raw"]) == np.datetime64(want)
