"""Tables that a mapping file describes: times, stations, heights, species, quality, and what is refused."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.published.mapped import read_mapped
from ingest.published.mapped_times import interval_ends
from ingest.published.mapping import Time, parse_mapping
from ingest.published.table import LeftOut
from ingest.published.units import FACTORS, OFFSETS, conversion
from pipeline.errors import BadPayload, SourceError, UsageError
from pipeline.names import QUANTITIES
from tests.ingest.published_samples import found

PAGE = Path(__file__).parents[2] / "docs" / "import-files.md"
EXAMPLES = re.findall(r"```toml\n(.*?)```", PAGE.read_text("utf-8"), flags=re.DOTALL)
HOURLY, PROFILE, COMPOSITION = (parse_mapping(text, "docs") for text in EXAMPLES)


def read(mapping, text: str):
    encoding = "utf-8" if mapping.encoding == "utf-8" else mapping.encoding
    return read_mapped(text.encode(encoding), "a.csv", mapping)


def test_hourly_table_of_the_page():
    text = (
        "date,hour,code,PM2.5,CO,flag\n"
        "20190101,1,부평,35,0.5,\n"
        "20190101,24,부평,36,-,0\n"
        "20190101,2,elsewhere,-999,1,9\n"
    )
    table = read(HOURLY, text)
    assert table.source == "files-incheon-hourly"
    assert found(table) == {
        ("incheon:bupyeong", "pm2p5", "2018-12-31T16"): (35.0, 0),
        ("incheon:bupyeong", "carbon_monoxide_fraction", "2018-12-31T16"): (500.0, 0),
        ("incheon:bupyeong", "pm2p5", "2019-01-01T15"): (36.0, 0),
        ("incheon:elsewhere", "carbon_monoxide_fraction", "2018-12-31T17"): (1000.0, 2),
    }
    assert {s.station: s.latitude for s in table.listed if s.latitude == s.latitude} == {
        "incheon:bupyeong": 37.49
    }
    assert table.missing == 2


def test_profile_levels_are_stations_at_their_altitude():
    text = "time,range,beta\n2019-03-05T01:00,500,2.5\n2019-03-05T01:00,1000,nan\n2019-03-05T02:00,1000,1.5\n"
    table = read(PROFILE, text)
    assert found(table) == {
        ("lidar:seoul@500m", "attenuated_backscatter", "2019-03-05T01"): (pytest.approx(2.5e-6), 0),
        ("lidar:seoul@1000m", "attenuated_backscatter", "2019-03-05T02"): (pytest.approx(1.5e-6), 0),
    }
    assert {s.station: s.altitude for s in table.listed} == {
        "lidar:seoul@500m": 86 + 500,
        "lidar:seoul@1000m": 86 + 1000,
    }
    assert table.listed[0].note == "level 500 m above ground"


def test_heights_of_columns_and_above_the_sea():
    mapping = parse_mapping(
        """
        version = 1
        source = "tower"
        time = { columns = ["t"], zone = "+09:00", label = "middle", interval_hours = 2 }
        height = { above = "sea" }
        values = [
            { column = "a", quantity = "pm2p5", unit = "mg m-3", height = 100 },
            { column = "b", quantity = "pm2p5", unit = "mg m-3", height = 200.5 },
        ]
        [stations]
        network = "tower"
        places = [{ id = "x", latitude = 1, longitude = 2 }]
        """,
        "x.toml",
    )
    table = read(mapping, "t,a,b\n2019-01-01 10:00,0.035,0.04\n")
    assert found(table) == {
        ("tower:x@100m", "pm2p5", "2019-01-01T02"): (pytest.approx(35.0), 0),
        ("tower:x@200.5m", "pm2p5", "2019-01-01T02"): (pytest.approx(40.0), 0),
    }
    assert [s.altitude for s in table.listed] == [100.0, 200.5]
    assert table.listed[0].interval_hours == 2


def test_composition_of_the_page():
    text = (
        "start,species,concentration\n2019-03-05 09:00,SO4,12.5\n2019-03-05 09:00,NO3,NA\n"
        "2019-03-05 09:00,EC,1.5\n2019-03-05 09:00,Gold,1\n"
    )
    table = read(COMPOSITION, text)
    assert found(table) == {
        ("aerosol:baengnyeong", "sulfate", "2019-03-05T01"): (12.5, 0),
        ("aerosol:baengnyeong", "elemental_carbon", "2019-03-05T01"): (1.5, 0),
    }
    assert table.left_out_count == 1
    assert "Gold" in str(table.left_out[0])


def test_stations_in_the_header():
    mapping = parse_mapping(
        """
        version = 1
        source = "wide"
        time = { columns = ["t"], format = "epoch_s", zone = "UTC", label = "end" }
        stations = { network = "w", in_header = true, rename = { "S 1" = "one" } }
        values = [{ column = "*", quantity = "air_temperature", unit = "degC" }]
        """,
        "x.toml",
    )
    table = read(mapping, f"t,S 1,two\n{1_546_300_800 + 3600},1.5,\n{1_546_300_800 + 7200},,-2\n")
    assert found(table) == {
        ("w:one", "air_temperature", "2019-01-01T01"): (pytest.approx(273.15 + 1.5), 0),
        ("w:two", "air_temperature", "2019-01-01T02"): (pytest.approx(273.15 - 2), 0),
    }


def ends(texts, **time):
    columns = {"t": np.array(texts, object)}
    left_out = LeftOut("a")
    given, there = interval_ends(columns, Time(columns=("t",), **{"label": "end", **time}), left_out)
    return [str(t)[:16] if ok else None for t, ok in zip(given.view("M8[ns]"), there, strict=True)]


def test_times_of_every_kind():
    seoul = {"zone": "Asia/Seoul", "format": "%Y-%m-%d %H:%M"}
    assert ends(["2024-05-24 24:00", "2024-05-24 25:00", ""], **seoul) == ["2024-05-24T15:00", None, None]
    assert ends(["2019-01-01T10:00"], zone="Asia/Seoul", label="begin") == ["2019-01-01T02:00"]
    stated = ["2019-01-01T10:00+09:00", "2019-01-01T01:00Z", "2019-01-01T01:00"]
    assert ends(stated, zone="stated") == ["2019-01-01T01:00", "2019-01-01T01:00", None]
    assert ends(["2019-01-01T01:00Z"], zone="Asia/Seoul") == [None]
    assert ends(["0001-01-01T01:00", "9999-01-01T01:00"], zone="UTC") == [None, None]
    assert ends(["1546300800", "-1", "x"], zone="UTC", format="epoch_s") == ["2019-01-01T00:00", None, None]


def test_hours_that_exist_twice_or_never_are_left_out():
    given = ["2019-03-31T02:30", "2019-10-27T02:30", "2019-10-27T03:30"]
    assert ends(given, zone="Europe/Berlin") == [None, None, "2019-10-27T02:30"]


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('unit = "ug m-3"', 'unit = "ppm"', "pm2p5 is not read in 'ppm'"),
        ('quantity = "pm2p5"', 'quantity = "gold"', "the quantity 'gold' is unknown"),
        ('zone = "Asia/Seoul"', 'zone = "Asia/Soul"', "is no zone"),
        ('zone = "Asia/Seoul"', 'zone = "stated"', "needs a format with %z"),
        ('format = "%Y%m%d %H"', 'format = "%Q"', "is no format of times"),
        ('column = "code"', 'column = "code"\nin_header = true', "either by a column or by the header"),
        ('id = "bupyeong"', 'id = "bupyeong"\nlatitude = 91', "no TOML"),
        ("latitude = 37.49", "latitude = 91", "stations.places.0.latitude"),
        ('label = "end"', "", "time.label: Field required"),
        ("version = 1", "version = 2", "version"),
        ("skip_lines = 0", "skip_line = 0", "skip_line: Extra inputs"),
        ('source = "incheon-hourly"', 'source = "Incheon/../x"', "source"),
        ("skip_lines = 0", "skip_lines = = 0", "no TOML"),
    ],
)
def test_wrong_mappings_are_refused_by_name(old, new, complaint):
    text = EXAMPLES[0].replace(old, new, 1)
    assert text != EXAMPLES[0]
    with pytest.raises(UsageError, match=re.escape(complaint)):
        parse_mapping(text, "x.toml")


def test_files_that_do_not_fit_their_mapping_are_refused():
    with pytest.raises(BadPayload, match="lacks the columns"):
        read(PROFILE, "time,beta\n2019-03-05T01:00,2\n")
    with pytest.raises(BadPayload, match="is no table of text"):
        read_mapped(b"\xff\xfe\x00", "a.csv", PROFILE)
    with pytest.raises(BadPayload, match="same name"):
        read(PROFILE, "time,range,beta,beta\n")
    with pytest.raises(BadPayload, match="is empty"):
        read(PROFILE, "")


def test_every_quantity_is_read_in_its_own_unit():
    for name, quantity in QUANTITIES.items():
        assert conversion(name, quantity.unit) == (1.0, 0.0)
    assert {target for _, target in OFFSETS} <= set(FACTORS)


@pytest.mark.slow
@given(payload=st.binary(max_size=200), which=st.sampled_from([HOURLY, PROFILE, COMPOSITION]), data=st.data())
def test_no_bytes_raise_anything_but_a_source_error(payload, which, data):
    header = ["date,hour,code,PM2.5,CO,flag", "time,range,beta", "start,species,concentration"]
    line = header[[HOURLY, PROFILE, COMPOSITION].index(which)]
    cell = st.one_of(
        st.text(max_size=6),
        st.floats().map(str),
        st.sampled_from(["20190101", "24", "2019-03-05T01:00", "SO4", "2019-03-05 24:00", "1e300", ""]),
    )
    width = line.count(",") + 1
    rows = data.draw(st.lists(st.lists(cell, min_size=width, max_size=width), max_size=4))
    text = "\n".join([line, *(",".join(row) for row in rows)]).encode(errors="replace")
    for content in (payload, line.encode() + b"\n" + payload, text):
        try:
            table = read_mapped(content, "a.csv", which)
        except SourceError:
            continue
        assert np.isfinite(table.value).all()
