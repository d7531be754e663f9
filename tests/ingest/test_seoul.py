"""Seoul's traps: zeros that mean missing, two spellings of midnight, a key in the path, XML for JSON."""

import contextlib
import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from ingest import seoul
from ingest.feeds import SourceConfig
from pipeline.errors import (
    BadPayload,
    NotYetAvailable,
    QuotaSpent,
    Refused,
    SourceError,
    SourceUnavailable,
)
from pipeline.ledger.asked import list_gaps
from pipeline.times import HOUR, parse_instant
from tests.fakes.seoul import KEY, SeoulFake
from tests.ingest.source_rounds import hourly, published, rounds
from tests.ingest.toy_source import Clock

ROW = {
    "MSRDT": "202502041100",
    "MSRRGN_NM": "도심권",
    "MSRSTE_NM": "중구",
    "PM10": 24,
    "PM25": 16,
    "O3": 0.035,
    "NO2": 0.008,
    "CO": 0.3,
    "SO2": 0.004,
    "IDEX_NM": "보통",
    "IDEX_MVL": 54,
    "ARPLT_MAIN": "O3",
}
NOON = parse_instant("2025-02-04T03:00Z")


def answer(rows):
    result = {"CODE": "INFO-000", "MESSAGE": "정상 처리되었습니다"}
    body = {"list_total_count": len(rows), "RESULT": result, "row": rows}
    return json.dumps({"RealtimeCityAir": body}).encode()


def values(*rows):
    table = seoul.parse_hour(answer(rows)).observations
    return dict(
        zip(zip(table["station"].str[6:], table["quantity"], strict=True), table["value"], strict=True)
    )


# The first is the row of ../shared/reference/golden_vectors.json ("time").
@pytest.mark.parametrize(
    ("label", "utc"),
    [
        ("202502041100", "2025-02-04T02:00"),
        ("202502042400", "2025-02-04T15:00"),
        ("202502050000", "2025-02-04T15:00"),
        ("202412312400", "2024-12-31T15:00"),
        (202502041100, "2025-02-04T02:00"),
    ],
)
def test_labels_are_kst_hour_ends(label, utc):
    assert seoul.parse_label(label) == np.datetime64(utc)


@pytest.mark.parametrize(
    "label",
    ["202502042500", "202502042401", "202502041130", "202502301100", "2025020411", "", None, 1.5, True],
)
def test_a_label_that_is_no_time_is_refused(label):
    with pytest.raises(BadPayload, match="MSRDT"):
        seoul.parse_label(label)


def test_values_units_stations_and_what_is_covered():
    parsed = seoul.parse_hour(answer([ROW]))
    assert dict(zip(parsed.observations["quantity"], parsed.observations["value"], strict=True)) == {
        "pm2p5": 16.0,
        "pm10": 24.0,
        "ozone_fraction": 35.0,
        "nitrogen_dioxide_fraction": 8.0,
        "carbon_monoxide_fraction": 300.0,
        "sulfur_dioxide_fraction": 4.0,
    }
    (station,) = parsed.stations.to_dict("records")
    assert (station["station"], station["city"]) == ("seoul:중구", "seoul")
    assert np.isnan(station["latitude"])
    assert parsed.covered == (("", parse_instant("2025-02-04T02:00Z")),)


def test_a_gas_of_zero_and_empty_text_are_missing():
    assert values(ROW | {"O3": 0, "NO2": 0.0, "CO": "", "SO2": None, "PM10": ""}) == {("중구", "pm2p5"): 16.0}


def test_a_pm_of_zero_is_missing_without_an_index():
    for changed in ({"IDEX_MVL": ""}, {"IDEX_NM": ""}, {"IDEX_MVL": 0}, {"IDEX_MVL": None, "IDEX_NM": None}):
        assert ("중구", "pm2p5") not in values(ROW | {"PM25": 0} | changed)


def test_a_pm_of_zero_is_missing_where_the_neighbours_are_not_clean():
    others = [ROW | {"MSRSTE_NM": name, "PM25": value} for name, value in (("종로구", 14), ("용산구", 18))]
    assert ("중구", "pm2p5") not in values(ROW | {"PM25": 0}, *others)
    clean = [row | {"PM25": 2} for row in others]
    assert values(ROW | {"PM25": 0}, *clean)["중구", "pm2p5"] == 0.0
    earlier = [row | {"MSRDT": "202502041000"} for row in others]
    assert values(ROW | {"PM25": 0}, *earlier)["중구", "pm2p5"] == 0.0


def test_a_district_under_maintenance_is_suspect():
    rows = seoul.parse_hour(answer([ROW | {"IDEX_NM": "점검중"}, ROW | {"MSRSTE_NM": "종로구"}])).observations
    assert rows.groupby("station")["qc"].max().to_dict() == {"seoul:중구": 1, "seoul:종로구": 0}


def test_a_name_that_is_no_district_is_not_listed():
    parsed = seoul.parse_hour(answer([ROW, ROW | {"MSRSTE_NM": "평균"}]))
    assert set(parsed.stations["station"]) == {"seoul:중구"}
    assert set(parsed.observations["station"]) == {"seoul:중구", "seoul:평균"}


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"PM25": "abc"}, "PM25"),
        ({"MSRDT": "?"}, "MSRDT"),
        ({"MSRSTE_NM": 5}, "MSRSTE_NM"),
        ({"O3": True}, "O3"),
        ({"CO": 1e306}, "CO"),
    ],
)
def test_a_bad_row_is_left_out_and_named(changed, field):
    parsed = seoul.parse_hour(answer([ROW | changed, ROW | {"MSRSTE_NM": "종로구"}]))
    assert set(parsed.observations["station"]) == {"seoul:종로구"}
    assert [error.field for error in parsed.left_out] == [field]
    with pytest.raises(BadPayload, match=field):
        seoul.parse_hour(answer([ROW | changed]))


def xml(code):
    return f"<RESULT>\n<CODE>{code}</CODE>\n<MESSAGE><![CDATA[…]]></MESSAGE>\n</RESULT>".encode()


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        (xml("INFO-200"), NotYetAvailable),
        (b'{"RESULT": {"CODE": "INFO-200"}}', NotYetAvailable),
        (xml("INFO-100"), Refused),
        (xml("ERROR-337"), QuotaSpent),
        (xml("ERROR-500"), SourceUnavailable),
        (b'{"RESULT":{"CODE":"ERROR-600"}}', SourceUnavailable),
        (xml("ERROR-300"), BadPayload),
        (xml("ERROR-335"), BadPayload),
        (b"<html><body>502</body></html>", SourceUnavailable),
        (b"<other/>", BadPayload),
        (b"", BadPayload),
        (b"[]", BadPayload),
        (answer([]), BadPayload),
        (answer({"a": 1}), BadPayload),
    ],
)
def test_refusals_are_typed(payload, error):
    with pytest.raises(error):
        seoul.parse_hour(payload)


FIELD = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.just([ROW])


@pytest.mark.slow
@given(
    st.binary(max_size=200)
    | st.lists(
        st.dictionaries(st.sampled_from(sorted(ROW)), FIELD).map(lambda new: ROW | new), max_size=4
    ).map(answer)
)
@settings(max_examples=300)
def test_whatever_comes_only_typed_errors_are_raised(payload):
    with contextlib.suppress(SourceError):
        seoul.parse_hour(payload).stations.to_json()


@pytest.fixture
def clock():
    return Clock(NOON + timedelta(minutes=27))


@pytest.fixture
def truth():
    stations = tuple(f"seoul:{name}" for name in sorted(seoul.DISTRICTS))
    rows = hourly(stations, NOON + 30 * HOUR, 48, lambda s, q, n: 20 + (n + len(q) + ord(s[6])) % 30)
    rows.loc[rows["quantity"] == "ozone_fraction", "value"] *= 1.0
    return published(rows)


@pytest.mark.slow
@pytest.mark.parametrize("midnight", ["0000", "2400"])
def test_a_day_comes_back_hour_by_hour(tmp_path, truth, clock, midnight):
    fake = SeoulFake(truth, clock, midnight=midnight)
    with rounds(tmp_path, seoul, fake, clock, SecretStr(KEY)) as portal:
        for _ in range(14):
            (report,) = portal.collect().values()
            assert report.outcome == "ok"
            clock.now += HOUR
        found = portal.intake.store.read(world="measured", as_of=clock.now)
        want = truth.known(clock.now, NOON - HOUR, NOON + 13 * HOUR, "seoul:")
        keys = ["station", "quantity", "time"]
        both = want.merge(found, on=keys, how="outer", suffixes=("", "_got"))
        assert len(both) == 25 * 3 * 14
        assert (both["value"] == both["value_got"]).all()


def test_an_hour_that_was_missed_is_gone_and_said_so(tmp_path, truth, clock):
    with rounds(tmp_path, seoul, SeoulFake(truth, clock), clock, SecretStr(KEY)) as portal:
        portal.collect()
        clock.now += 3 * HOUR
        portal.collect()
        with portal.intake.ledger.read() as conn:
            gone = [gap.hour for gap in list_gaps(conn, "measured", NOON)]
        assert gone == [NOON + HOUR, NOON + 2 * HOUR]
        assert len(portal.served.asked) == 2


def test_a_refused_key_never_shows(tmp_path, truth, clock):
    fake = SeoulFake(truth, clock)
    with rounds(tmp_path, seoul, fake, clock, SecretStr("5345435245544b4559")) as portal:
        (report,) = portal.collect().values()
    (error,) = report.errors
    assert isinstance(error, Refused)
    assert "SAMEAIR_SEOUL_KEY" in str(error)
    assert "5345435245544b4559" not in repr(error)


def test_without_a_key_nothing_is_asked():
    assert seoul.feeds(SourceConfig()) == []


def test_the_public_sample(shared):
    parsed = seoul.parse_hour(
        (shared / "samples" / "seoul" / "RealtimeCityAir_20250204_excerpt.json").read_bytes()
    )
    table = parsed.observations.set_index(["station", "quantity"])["value"]
    assert table["seoul:중구"][["pm2p5", "pm10", "ozone_fraction"]].tolist() == [16.0, 24.0, 35.0]
    assert table["seoul:종로구", "nitrogen_dioxide_fraction"] == 11.0
    assert (parsed.observations["time"] == pd.Timestamp("2025-02-04T02:00")).all()
    with pytest.raises(BadPayload, match="ERROR-300"):
        seoul.parse_hour((shared / "samples" / "seoul" / "error_300.xml").read_bytes())


def test_golden_times(shared):
    golden = json.loads((shared / "reference" / "golden_vectors.json").read_text())["time"]
    rows = [g for g in golden if g["source"] == "seoul"]
    assert rows
    for row in rows:
        want = datetime.fromisoformat(row["utc"]).astimezone(UTC).replace(tzinfo=None)
        assert seoul.parse_label(row["raw"]) == np.datetime64(want)
