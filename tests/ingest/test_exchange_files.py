"""Exchange files: what the other side may write, in JSON and CSV alike, and what is said about bad ones."""

import contextlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.exchange.model import ROWS, make_schema, packaged_schema
from ingest.exchange.parse import parse_exchange
from ingest.exchange.text import is_whole
from pipeline.errors import BadPayload, SourceError
from pipeline.times import parse_instant
from tests.fakes.exchange import as_csv, as_json

NOW = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
HEAD = {
    "format": "sameair-exchange",
    "version": "1.0",
    "kind": "forecast",
    "sender": "cnemc",
    "issued_at": "2026-01-15T18:00:00+08:00",
}
CITIES = {
    "110000": "北京",
    "220100": "长春",
    "210200": "大连",
    "210100": "沈阳",
    "130300": "秦皇岛",
    "120000": "天津",
    "370200": "青岛",
    "320100": "南京",
    "310000": "上海",
    "330200": "宁波",
    "340100": "合肥",
}
ROW = {"city": "110000", "city_name": "北京", "date": "2026-01-16", "pollutant": "pm2p5", "unit": "ug m-3"}
ROW |= {"low": 55, "high": 75}
OBSERVED = {"station": "1001A", "quantity": "pm2p5", "interval_end": "2026-01-15T18:00:00+08:00"}
OBSERVED |= {"unit": "ug m-3", "value": 54}


def bulletin_of_the_day():
    """Eleven cities, three days, AQI and two concentrations."""
    rows = [
        ROW
        | {"city": code, "city_name": name, "date": f"2026-01-{day}", "pollutant": p, "unit": u}
        | {"low": 10 * n + day, "high": 10 * n + day + 30}
        for n, (code, name) in enumerate(CITIES.items())
        for day in (16, 17, 18)
        for p, u in (("aqi", "1"), ("pm2p5", "ug m-3"), ("pm10", "ug m-3"))
    ]
    return HEAD | {"rows": rows, "overall": "16日起受偏南风影响，污染物逐步累积", "timezone": "Asia/Shanghai"}


@pytest.mark.parametrize("write", [as_json, as_csv])
def test_the_daily_bulletin_of_eleven_cities(write):
    parsed = parse_exchange(write(bulletin_of_the_day()), NOW)
    assert len(parsed.bulletins) == 3 * 3
    assert not parsed.left_out
    assert parsed.covered == (("", datetime(2026, 1, 15, 10, tzinfo=UTC)),)
    found = {(b.content["target_date"], b.content["pollutant"]): b for b in parsed.bulletins}
    tomorrow = found["2026-01-17", "pm2p5"]
    assert tomorrow.issued_at == datetime(2026, 1, 15, 10, tzinfo=UTC)
    assert tomorrow.valid_from == parse_instant("2026-01-16T16:00Z")
    assert tomorrow.valid_until == parse_instant("2026-01-17T16:00Z")
    regions = tomorrow.content["regions"]
    assert set(regions) == set(CITIES.values())
    assert (regions["北京"]["low"], regions["北京"]["high"]) == (0 + 17, 0 + 17 + 30)
    assert (regions["合肥"]["low"], regions["合肥"]["high"]) == (10 * 10 + 17, 10 * 10 + 17 + 30)
    assert (regions["北京"]["city"], regions["合肥"]["city"]) == ("beijing", "")
    assert tomorrow.content["overall"].startswith("16日起")
    assert len({b.key for b in parsed.bulletins}) == 9


def test_both_spellings_say_the_same():
    document = bulletin_of_the_day()
    in_json, in_csv = (parse_exchange(write(document), NOW) for write in (as_json, as_csv))
    assert in_json.bulletins == in_csv.bulletins
    observed = HEAD | {
        "kind": "observations",
        "rows": [OBSERVED, OBSERVED | {"station": "1003A", "value": 61.5}],
    }
    in_json, in_csv = (parse_exchange(write(observed), NOW).observations for write in (as_json, as_csv))
    assert in_json.equals(in_csv)


def test_a_correction_keeps_its_key():
    document = bulletin_of_the_day()
    corrected = document | {"rows": [row | {"high": row["high"] + 5} for row in document["rows"]]}
    first, second = (parse_exchange(as_json(d), NOW).bulletins for d in (document, corrected))
    assert [b.key for b in first] == [b.key for b in second]
    assert all(a.digest != b.digest for a, b in zip(first, second, strict=True))


def test_spreadsheets_may_fill_lines_with_commas_and_begin_with_a_mark():
    lines = as_csv(HEAD | {"rows": [ROW]}).decode().splitlines()
    filled = "\r\n".join(line + ",,," for line in [*lines[:3], "", *lines[3:]])
    parsed = parse_exchange(b"\xef\xbb\xbf" + filled.encode(), NOW)
    assert parsed.bulletins[0].content["regions"]["北京"]["high"] == 75


def test_observations_and_stations():
    rows = [
        OBSERVED,
        OBSERVED | {"quantity": "carbon_monoxide", "unit": "mg m-3", "value": 1.4},
        OBSERVED | {"quantity": "pm10", "value": 80, "quality": "suspect"},
        OBSERVED | {"quantity": "ozone", "value": 99, "quality": "invalid"},
        OBSERVED | {"station": "1003A", "value": None},
        OBSERVED | {"station": "1004A", "value": -999},
    ]
    parsed = parse_exchange(as_json(HEAD | {"kind": "observations", "rows": rows}), NOW)
    found = {(r.station, r.quantity): (r.value, r.qc) for r in parsed.observations.itertuples()}
    assert found == {
        ("exchange:cnemc.1001A", "pm2p5"): (54.0, 0),
        ("exchange:cnemc.1001A", "carbon_monoxide"): (1.4 * 1000, 0),
        ("exchange:cnemc.1001A", "pm10"): (80.0, 1),
        ("exchange:cnemc.1001A", "ozone"): (99.0, 2),
        ("exchange:cnemc.1004A", "pm2p5"): (-999.0, 2),
    }
    assert (parsed.observations["time"] == np.datetime64("2026-01-15T10:00")).all()
    assert parsed.covered == ()
    place = {"station": "1001A", "name": "万寿西宫", "latitude": 39.88, "longitude": 116.36, "city": "110000"}
    stations = parse_exchange(as_csv(HEAD | {"kind": "stations", "rows": [place]}), NOW).stations
    assert stations[["station", "name", "city", "latitude"]].to_numpy().tolist() == [
        ["exchange:cnemc.1001A", "万寿西宫", "beijing", 39.88]
    ]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"format": "other"}, "format"),
        ({"version": "2.0"}, "1.x is"),
        ({"version": 1.0}, "version"),
        ({"kind": "forecasts"}, "kind"),
        ({"sender": "CNEMC Beijing"}, "sender"),
        ({"issued_at": "2026-01-15T18:00:00"}, "issued_at"),
        ({"issued_at": "20260115"}, "ISO 8601"),
        ({"issued_at": 1768471200}, "ISO 8601"),
        ({"issued_at": "2026-01-15T18:00:00Z"}, "still to come"),
        ({"issued_at": "1970-01-15T18:00:00Z"}, "issued in 1970"),
        ({"timezone": "Beijing"}, "time zone"),
        ({"timezone": "../../etc/passwd"}, "time zone"),
        ({"rows": []}, "no rows"),
        ({"rows": {}}, "no list of rows"),
    ],
)
def test_a_bad_head_is_explained(change, says):
    with pytest.raises(BadPayload, match=says):
        parse_exchange(json.dumps(HEAD | {"rows": [ROW]} | change).encode(), NOW)


def test_a_minor_version_may_add_fields():
    document = HEAD | {"version": "1.7", "mood": "calm", "rows": [ROW | {"confidence": "high"}]}
    assert len(parse_exchange(as_json(document), NOW).bulletins) == 1


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"date": "16.01.2026"}, "row 2: write ISO 8601"),
        ({"date": "2025-01-16"}, "no day of a forecast of 2026-01-15"),
        ({"date": "2026-03-16"}, "no day of a forecast"),
        ({"pollutant": "PM2.5"}, "'PM2.5'"),
        ({"unit": "mg m-3", "pollutant": "aqi"}, "aqi is not given in 'mg m-3'"),
        ({"high": 40}, "not in order"),
        ({"high": None}, "neither a value"),
        ({"low": True}, "write a number"),
        ({"low": "NaN"}, "finite"),
        ({"low": -1}, "greater than or equal"),
        ({"city": "../x"}, "city"),
    ],
)
def test_a_bad_row_is_left_out_and_explained(change, says):
    parsed = parse_exchange(json.dumps(HEAD | {"rows": [ROW, ROW | change]}).encode(), NOW)
    assert len(parsed.bulletins) == 1
    assert [says in str(error) for error in parsed.left_out] == [True]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"interval_end": "2026-01-15T18:00:00Z"}, "later than the file"),
        ({"interval_end": "2026-01-15T17:30:00+08:00"}, "no end of an hour"),
        ({"interval_end": "2026-01-15T17:00:00"}, "timezone"),
        ({"unit": "ppm"}, "write 'ug m-3' or 'mg m-3'"),
        ({"quantity": "PM25"}, "PM25"),
        ({"quality": "good"}, "quality"),
    ],
)
def test_a_bad_observation_is_left_out_and_explained(change, says):
    document = HEAD | {"kind": "observations", "rows": [OBSERVED, OBSERVED | change]}
    parsed = parse_exchange(as_csv(document), NOW)
    assert parsed.observations["value"].tolist() == [54.0]
    assert [says in str(error) for error in parsed.left_out] == [True]


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        (b"", "neither JSON nor CSV"),
        (b"PK\x03\x04", "neither JSON nor CSV"),
        ("#format,北京".encode("gb18030"), "not UTF-8"),
        (b"#format,sameair-exchange\n#version,1.0\n", "cut off"),
        (b"#format,sameair-exchange\na,b\n1,2\n#end,2\n", "#end says '2', but the file has 1 rows"),
        (b'{"rows": [', "JSON does not read"),
        (b"#hello\n", "does not begin with"),
    ],
)
def test_what_is_no_file_of_the_exchange_is_explained(payload, says):
    with pytest.raises(BadPayload, match=says):
        parse_exchange(payload, NOW)


@pytest.mark.parametrize("write", [as_json, as_csv])
def test_every_part_of_a_file_is_not_whole(write):
    payload = write(HEAD | {"rows": [ROW, ROW]})
    end = payload.rstrip()
    assert is_whole(end)
    assert not any(is_whole(end[:n]) for n in range(len(end)))


values = (
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers()
    | st.text(max_size=12)
    | st.sampled_from(
        [
            *HEAD.values(),
            *ROW.values(),
            *OBSERVED.values(),
            "observations",
            "stations",
            "9999-12-31",
            "0001-01-01",
        ]
    )
)
rows = st.dictionaries(st.sampled_from([*ROW, *OBSERVED]), values).map(lambda c: ROW | OBSERVED | c) | values
files = st.tuples(st.dictionaries(st.sampled_from([*HEAD, "timezone"]), values), st.lists(rows, max_size=3))


@given(files.map(lambda f: json.dumps(HEAD | f[0] | {"rows": f[1]}).encode()) | st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_whatever_comes_only_typed_errors_are_raised(payload):
    with contextlib.suppress(SourceError):
        parsed = parse_exchange(payload, NOW)
        for bulletin in parsed.bulletins:
            assert bulletin.digest
            assert bulletin.valid_until - bulletin.valid_from <= timedelta(hours=25)


@given(st.lists(st.text(alphabet='#,"\n\r ab10', max_size=30), max_size=12))
@settings(max_examples=200, deadline=None)
def test_whatever_stands_in_a_table_only_typed_errors_are_raised(lines):
    text = "\n".join([*(f"#{k},{v}" for k, v in HEAD.items()), ",".join(ROW), *lines, f"#end,{len(lines)}"])
    with contextlib.suppress(SourceError):
        parse_exchange(text.encode(), NOW)


@pytest.mark.parametrize("kind", ROWS)
def test_the_packaged_schemas_are_those_of_the_reader(kind):
    assert packaged_schema(kind) == make_schema(kind)


def test_the_examples_of_the_documentation_read():
    page = (Path(__file__).parents[2] / "docs" / "exchange-files.md").read_text("utf-8")
    blocks = [part.split("\n", 1) for part in page.split("```")[1::2]]
    examples = [body for kind, body in blocks if kind in ("json", "csv")]
    assert len(examples) == 4
    for body in examples:
        parsed = parse_exchange(body.encode(), datetime(2026, 1, 16, tzinfo=UTC))
        assert not parsed.left_out
