"""Readers of published files: times, units, missing marks and traps, on invented files in the real shapes."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.published import prsa, quotsoft, seoul_tsv, stateair
from ingest.published.airkorea_xls import _day
from ingest.published.formats import format_of
from ingest.published.sheets import OLE, ZIP, sheet_rows
from ingest.published.station_lists import HEADER, parse_list, read_list
from ingest.published.table import MOST_LEFT_OUT, instants
from pipeline.errors import BadPayload, SourceError
from tests.ingest.published_samples import PRSA, QUOTSOFT, READERS, SEOUL, STATEAIR, TEXTS, found

PASS, SUSPECT, FAIL = 0, 1, 2


def test_quotsoft_hours_are_ends_in_beijing_time_and_garbage_is_flagged():
    table = quotsoft.read(QUOTSOFT.encode(), "china_sites_20190303.csv")
    assert found(table) == {
        ("cnemc:1001A", "pm2p5", "2019-03-02T16"): (151.0, PASS),
        ("cnemc:1003A", "pm2p5", "2019-03-02T16"): (0.0, FAIL),
        ("cnemc:1001A", "pm10", "2019-03-02T16"): (200.0, PASS),
        ("cnemc:1002A", "pm10", "2019-03-02T16"): (553405.0, PASS),
        ("cnemc:1003A", "pm10", "2019-03-02T16"): (-3.0, FAIL),
        ("cnemc:1001A", "carbon_monoxide", "2019-03-02T16"): (1500.0, PASS),
        ("cnemc:1002A", "carbon_monoxide", "2019-03-02T16"): (700.0, PASS),
        ("cnemc:1001A", "pm2p5", "2019-03-03T15"): (1200.0, SUSPECT),
        ("cnemc:1002A", "pm2p5", "2019-03-03T15"): (35.0, PASS),
        ("cnemc:1003A", "pm2p5", "2019-03-03T15"): (36.0, PASS),
    }
    assert (table.missing, table.not_kept) == (2, 2 * 3)


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("20190303,1,PM2.5,1,2", 1),
        ("20190303,1,PM2.5,1,2,3,4", 1),
        ("20190303,1,PM9,1,2,3", 1),
        ("20190230,1,PM2.5,1,2,3", 1),
        ("20190303,25,PM2.5,1,2,3", 1),
        ("20190303", 1),
        ("20190303,1,PM2.5,1,abc,1_0", 2),
        ("20190303,1,PM2.5,1,inf,1", 1),
        ("20190303,1,PM2.5,1,\r7,1", 0),
    ],
)
def test_quotsoft_leaves_out_what_it_cannot_read_and_keeps_the_rest(line, count):
    table = quotsoft.read((QUOTSOFT + line + "\n").encode(), "a.csv")
    assert table.left_out_count == count
    assert len(table.left_out) == count
    assert found(table)["cnemc:1001A", "pm2p5", "2019-03-02T16"] == (151.0, PASS)


def test_quotsoft_needs_known_stations():
    with pytest.raises(BadPayload, match="neither codes of national sites nor stations of Beijing"):
        quotsoft.read(
            "date,hour,type,北京,天津\n20190303,1,PM2.5,1,2\n".encode(), "china_cities_20190303.csv"
        )
    with pytest.raises(BadPayload, match="each once"):
        quotsoft.read(b"date,hour,type,1001A,1001A\n", "a.csv")
    with pytest.raises(BadPayload, match="nothing in it could be read"):
        quotsoft.read(b"date,hour,type,1001A\n20190303,0\n", "a.csv")


@given(
    values=st.lists(st.one_of(st.none(), st.integers(1, 900)), min_size=48, max_size=48),
    newline=st.sampled_from(["\n", "\r\n"]),
    bom=st.booleans(),
)
def test_quotsoft_gives_back_just_what_was_written(values, newline, bom):
    cells = np.array(values, dtype=object).reshape(24, 2)
    lines = ["date,hour,type,1001A,1002A"]
    lines += [
        f"20190303,{h},PM10,{','.join('' if v is None else str(v) for v in cells[h])}" for h in range(24)
    ]
    payload = (b"\xef\xbb\xbf" if bom else b"") + newline.join(lines).encode()
    table = quotsoft.read(payload, "a.csv")
    start = np.datetime64("2019-03-03T00") - np.timedelta64(8, "h")
    wanted = {
        (f"cnemc:100{s + 1}A", "pm10", str(start + np.timedelta64(h, "h"))): (float(cells[h, s]), PASS)
        for h in range(24)
        for s in range(2)
        if cells[h, s] is not None
    }
    assert found(table) == wanted


def test_stateair_clock_of_twelve_hours_missing_marks_and_quality():
    table = stateair.read(STATEAIR.encode(), "Beijing_PM2.5_2019_YTD.csv")
    station = "archive:us_embassy_beijing"
    assert found(table) == {
        (station, "pm2p5", "2018-12-31T17"): (57.0, PASS),
        (station, "pm2p5", "2018-12-31T19"): (80.0, FAIL),
        (station, "pm2p5", "2019-01-01T16"): (0.0, PASS),
    }
    assert table.missing == 1
    assert table.listed[0].latitude == pytest.approx(39.95)


def test_stateair_hour_of_american_summer_time_is_put_back():
    row = STATEAIR.splitlines()[1]
    hours = [row.replace(",01,56.9", f",{h},56.9").replace("57.0", v) for h, v in (("04", "3"), ("04", "4"))]
    text = "\n".join([*STATEAIR.splitlines()[:3], *hours])
    values = {t: v for (_, _, t), v in found(stateair.read(text.encode(), "a.csv")).items()}
    assert values == {
        "2018-12-31T17": (57.0, PASS),
        "2018-12-31T19": (3.0, SUSPECT),
        "2018-12-31T20": (4.0, PASS),
    }


def test_stateair_of_older_years_and_of_other_places():
    older = "Disclaimer\r\n\r\n" + STATEAIR.replace("Raw Conc.", "Value")
    assert len(stateair.read(older.encode(), "a.csv")) == 3
    with pytest.raises(BadPayload, match="site"):
        stateair.read(STATEAIR.replace("Beijing", "Dhaka").encode(), "a.csv")
    with pytest.raises(BadPayload, match="parameter"):
        stateair.read(STATEAIR.replace("PM2.5 - P", "O3 - P").encode(), "a.csv")
    with pytest.raises(BadPayload, match="QC Name"):
        stateair.read(STATEAIR.replace("QC Name", "QC").encode(), "a.csv")


def test_prsa_units_and_wind():
    hour = "2013-02-28T16"
    values = {q: v for (s, q, t), (v, _) in found(prsa.read(PRSA.encode(), "a.csv")).items() if t == hour}
    assert values == {
        "pm2p5": 4.0,
        "sulfur_dioxide": 4.0,
        "nitrogen_dioxide": 7.0,
        "carbon_monoxide": 300.0,
        "ozone": 77.0,
        "air_temperature": pytest.approx(273.15 - 0.7),
        "surface_air_pressure": pytest.approx(102_300.0),
        "dew_point_temperature": pytest.approx(273.15 - 18.8),
        "precipitation_amount": 0.5,
        "wind_speed": 4.4,
        "wind_from_direction": 360 - 22.5,
    }


def test_seoul_hours_begin_and_zero_is_missing():
    table = seoul_tsv.read(SEOUL.encode(), "a.tsv")
    end = "2016-12-31T16"
    assert found(table) == {
        ("seoul:jung", "sulfur_dioxide_fraction", end): (pytest.approx(6.0), PASS),
        ("seoul:jung", "nitrogen_dioxide_fraction", end): (pytest.approx(68.0), PASS),
        ("seoul:jung", "carbon_monoxide_fraction", end): (pytest.approx(1300.0), PASS),
        ("seoul:jung", "ozone_fraction", end): (pytest.approx(2.0), PASS),
        ("seoul:jung", "pm10", end): (77.0, PASS),
        ("seoul:jung", "pm2p5", end): (63.0, PASS),
    }
    assert table.missing == 6


def test_seoul_leaves_out_strange_codes_and_times():
    table = seoul_tsv.read(
        (SEOUL + SEOUL.replace("102", "999") + SEOUL.replace("-01-01", "-13-01")).encode(), "a"
    )
    assert len(table) == 6
    assert table.left_out_count == 3


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("airkorea_20221202.xls", "2022-12-02"),
        ("airkorea_1_20190101_20190102.xls", "2019-01-02"),
    ],
)
def test_airkorea_date_is_in_the_name(name, day):
    assert str(np.datetime64(_day(name), "D")) == day


@pytest.mark.parametrize("name", ["airkorea.xls", "airkorea_20221302.xls", "airkorea_120221202.xls"])
def test_airkorea_without_a_date_is_refused(name):
    with pytest.raises(BadPayload, match="date"):
        _day(name)


def test_instants_that_do_not_exist():
    hours = instants(
        *(np.array(x, float) for x in ([2019] * 4, [2, 2, 13, 2], [28, 29, 1, 1], [24, 0, 0, 25]))
    )
    assert hours[1].tolist() == [True, False, False, False]
    assert str(hours[0].view("M8[ns]")[0])[:13] == "2019-03-01T00"


def test_left_out_rows_are_counted_but_not_all_named():
    lines = "\n".join(f"2019{n:04d},x,PM2.5,1,2,3" for n in range(100))
    table = quotsoft.read((QUOTSOFT + lines).encode(), "a.csv")
    assert (table.left_out_count, len(table.left_out)) == (100, MOST_LEFT_OUT)


def test_each_format_is_recognised_by_one_reader_only():
    for name, (read, text) in TEXTS.items():
        assert format_of(name, text.encode()).read is read
    assert format_of("airkorea_20221202.xls", OLE).name == "airkorea-xls"
    assert format_of("book.xls", OLE) is None


def test_quotsoft_station_list(tmp_path):
    text = f"{HEADER},对照点\n1001A,万寿西宫,北京,116.3621,39.8784,N\n1002A,定陵,北京,-,,Y\n"
    wanshou, dingling = parse_list(text.encode(), "x.csv")
    assert (wanshou.longitude, wanshou.city, wanshou.note) == (116.3621, "beijing", "北京")
    assert np.isnan(dingling.latitude)
    assert (dingling.city, dingling.note) == ("", "北京; control site, not in the city mean")
    for wrong in ("1001A,a,b,x,1", "1001A,a,b,1,91", ",a,b,1,1"):
        with pytest.raises(BadPayload):
            parse_list(f"{HEADER}\n{wrong}".encode(), "x.csv")
    (tmp_path / "a.csv").write_text("a,b\n")
    assert read_list(tmp_path / "a.csv") is None


@st.composite
def mutations(draw, text: bytes):
    """Return a valid file with a few bytes replaced, cut out or put in."""
    out = bytearray(text)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(out)))
        out[at : at + draw(st.integers(0, 12))] = draw(
            st.one_of(
                st.binary(max_size=8), st.sampled_from([b",", b"\n", b'"', b"\t", b"9" * 30, b"-", b"1e400"])
            )
        )
    return bytes(out)


@given(data=st.data())
def test_no_bytes_raise_anything_but_a_source_error(data):
    name = data.draw(st.sampled_from(sorted(READERS)))
    starts = [text.encode() for _, text in TEXTS.values()] + [OLE + bytes(600), ZIP + bytes(60)]
    seed = data.draw(st.sampled_from(starts))
    payload = data.draw(st.one_of(st.binary(max_size=300), mutations(seed)))
    try:
        table = READERS[name](payload, name)
    except SourceError:
        return
    assert np.isfinite(table.value).all()
    assert len(table.time) == len(table.value) == len(table.station)


def test_damaged_workbooks_are_refused():
    for payload in (OLE, OLE + bytes(2000), ZIP, ZIP + io.BytesIO(b"x" * 500).read()):
        with pytest.raises(BadPayload, match="damaged"):
            sheet_rows(payload, "a.xls")
