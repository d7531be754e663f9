"""NOAA's tdump: read in every variant, written in the present one, and back."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import BadPayload, ContractError
from pipeline.tdump import MetGrid, Tdump, TdumpPoint, TdumpStart, parse_tdump
from pipeline.tdump_paths import UNKNOWN, paths_of, tdump_of
from pipeline.tdump_write import format_tdump

OLD = """     1
    NGM     95    10    16     0     0
     2FORWARD OMEGA   !a comment
    95    10    16     0  40.000 -90.000    10.0
    95    10    16     0  40.000-105.125  1000.0
     2PRESSURETHETA   
     1     1    95    10    16     0     0     0     0.0  40.000 -90.000    10.0   991.7   290.0
     2     1    95    10    16     0     0     0     0.0  40.000-105.125  1000.0   879.8   295.5
     1     1    95    10    16     1     0     0     1.0  39.897 -89.851     9.1   991.3   290.1
     2     1    95    10    16     1     0     0     1.0  39.715-105.581   988.2   882.0   295.6
"""  # noqa: W291 - as HYSPLIT wrote it
TWO_TIMES = """     1     1
    HRRR    23     8    22    16     1
     2 FORWARD  OMEGA   
    23     8    22    16   42.258  -84.403    50.0
    23     8    22    17   42.258  -84.403    50.0
     1 PRESSURE
     1     1    23     8    22    16     0     1     0.0   42.258  -84.403     50.0    984.6
     2     1    23     8    22    16     0     1     0.0   42.258  -84.403     50.0    984.6
     1     1    23     8    22    17     0     1     1.0   42.228  -84.505     76.7    979.7
     1     1    23     8    22    18     0     2     2.0   42.204  -84.619     78.0    978.3
     2     1    23     8    22    18     0     2     2.0   42.232  -84.513     84.5    978.2
"""  # noqa: W291 - as HYSPLIT wrote it


def test_the_old_format_has_columns_that_touch():
    said = parse_tdump(OLD, "old")
    assert (said.direction, said.vertical, said.diagnostics) == ("FORWARD", "OMEGA", ("PRESSURE", "THETA"))
    assert [s.longitude for s in said.starts] == [-90.0, -105.125]
    assert said.points[-1] == TdumpPoint(
        2, 1, np.datetime64("1995-10-16T01", "ns"), 0, 1.0, 39.715, -105.581, 988.2, (882.0, 295.6)
    )
    assert parse_tdump(format_tdump(said), "new") == said


def test_ages_count_from_each_paths_own_start():
    """The file counts from its first start; the second path is an hour later, so 18 UTC is its 1 h."""
    paths = paths_of(parse_tdump(TWO_TIMES, "two"))
    assert paths["age"].to_numpy().tolist() == [0.0, 1.0, 2.0]
    assert paths["latitude"].to_numpy()[1].tolist()[:2] == [42.258, 42.232]
    assert np.isnan(paths["latitude"].to_numpy()[1, 2])
    assert paths["air_pressure"].to_numpy()[0].tolist() == pytest.approx([98460, 97970, 97830])


def test_what_is_not_known_is_marked_and_read_as_nan():
    paths = paths_of(parse_tdump(TWO_TIMES, "two"))
    paths["height"][:] = np.nan
    paths["air_pressure"][0, 1] = np.nan
    said = tdump_of(paths)
    assert {p.height for p in said.points} == {UNKNOWN}
    again = paths_of(parse_tdump(format_tdump(said), "again"))
    assert np.isnan(again["air_pressure"][0, 1])
    assert again["air_pressure"].notnull().sum() == paths["air_pressure"].notnull().sum()


def test_heights_that_winds_of_one_level_do_not_tell_come_back_unknown():
    paths = paths_of(parse_tdump(OLD, "old"))
    paths["height"] = paths["height"] * np.nan
    again = paths_of(parse_tdump(format_tdump(tdump_of(paths)), "again"))
    assert again["height"].isnull().all()
    assert again["latitude"].notnull().all()


def test_the_mixed_layer_is_written_where_it_is_known():
    paths = paths_of(parse_tdump(TWO_TIMES, "two"))
    assert tdump_of(paths).diagnostics == ("PRESSURE",)
    paths["atmosphere_boundary_layer_thickness"] = xr.full_like(paths["height"], 412.0)
    said = tdump_of(paths, begins=np.datetime64("2023-08-22T12", "ns"))
    assert said.diagnostics == ("PRESSURE", "MIXDEPTH")
    assert " PRESSURE MIXDEPTH" in format_tdump(said)
    assert said.grids[0].time == np.datetime64("2023-08-22T12", "ns")


def test_paths_back_in_time_are_written_from_their_starts():
    paths = paths_of(parse_tdump(TWO_TIMES, "two"))
    paths = paths.assign_coords(age=-paths["age"])
    said = tdump_of(paths)
    assert said.direction == "BACKWARD"
    assert [p.age for p in said.points if p.trajectory == 1] == [0.0, -1.0, -2.0]
    times = [p.time for p in said.points]
    assert times == sorted(times, reverse=True)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: "", "ends before the number of grids"),
        (lambda t: t.replace("     1     1\n    HRRR", "     x     1\n    HRRR"), "line 1: not the number"),
        (lambda t: t.replace("HRRR    23", "HRRR    ab"), "line 2: no grid"),
        (lambda t: t.replace("FORWARD", "SIDEWAYS"), "line 3: no number of trajectories"),
        (lambda t: t.replace("     2 FORWARD", "    99 FORWARD"), "line 6: no start|line 7|no start"),
        (
            lambda t: t.replace("   42.258  -84.403    50.0\n    23", "   92.258  -84.403    50.0\n    23"),
            "no place",
        ),
        (lambda t: t.replace("     1 PRESSURE", "     3 PRESSURE"), "not 3 names"),
        (lambda t: t.replace("    979.7", ""), "line 9: 12 columns where 13 should be"),
        (lambda t: t.replace("    979.7", "     none"), "line 9: no point"),
        (lambda t: t.replace("    979.7", "      nan"), "line 9: a point that is no place"),
        (
            lambda t: t.replace(
                "     2     1    23     8    22    18", "     7     1    23     8    22    18"
            ),
            "of 2",
        ),
        (lambda t: t.replace("8    22    17     0     1", "8    32    17     0     1"), "line 9: no point"),
        (lambda t: "\n".join(t.splitlines()[:6]), "holds no point"),
        (lambda t: "\n".join(t.splitlines()[:4]), "ends before its starts"),
    ],
)
def test_damage_is_named_with_its_line(change, words):
    with pytest.raises(BadPayload, match=words):
        parse_tdump(change(TWO_TIMES), "two")


@given(st.text(max_size=300))
def test_any_text_is_refused_in_one_line(text):
    with pytest.raises(BadPayload):
        parse_tdump(text, "x")


@given(st.data())
def test_paths_come_back_to_the_decimals_of_the_format(data):
    count, hours = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 5))
    sign = data.draw(st.sampled_from([1.0, -1.0]))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    shape = (count, hours + 1)
    values = {
        "latitude": rng.uniform(-90, 90, shape),
        "longitude": rng.uniform(-180, 180, shape),
        "height": rng.uniform(0, 20_000, shape),
        "air_pressure": rng.uniform(5_000, 105_000, shape),
    }
    length = rng.integers(1, hours + 2, count)
    for array in values.values():
        array[np.arange(hours + 1)[None] >= length[:, None]] = np.nan
    minutes = rng.integers(0, 100_000, count).astype("m8[m]")
    paths = xr.Dataset(
        {n: (("trajectory", "age"), v) for n, v in values.items()},
        {"age": sign * np.arange(hours + 1.0)},
        {"source": "TEST winds", "kind": "analysis", "world": "measured", "method": "M"},
    )
    paths["start_time"] = ("trajectory", (np.datetime64("2019-03-03T00:00") + minutes).astype("M8[ns]"))
    paths["ended"] = ("trajectory", np.full(count, "", object))
    again = paths_of(parse_tdump(format_tdump(tdump_of(paths)), "x"))
    assert (again["start_time"].to_numpy() == paths["start_time"].to_numpy()).all()
    kept = again.sizes["age"]
    for name, half in (("latitude", 5e-4), ("longitude", 5e-4), ("height", 0.05), ("air_pressure", 5.0)):
        np.testing.assert_allclose(again[name], paths[name][:, :kept], atol=half * 1.001, rtol=0)
        assert paths[name][:, kept:].isnull().all()


def test_more_paths_than_the_columns_hold_are_refused():
    hour = np.datetime64("2019-03-03", "ns")
    many = Tdump(
        (MetGrid("X", hour, 0),),
        "FORWARD",
        "OMEGA",
        (TdumpStart(hour, 0, 0, 0),) * 100_000,
        ("PRESSURE",),
        (),
    )
    with pytest.raises(ContractError, match="at most 99999"):
        format_tdump(many)


@pytest.mark.shared
def test_every_published_variant_is_read_and_the_present_format_written_byte_for_byte(shared):
    folder = shared / "data" / "trajectory"
    files = [*(folder / "noaa_tdump").iterdir(), *(folder / "ready_web_tdump").iterdir()]
    files += (folder / "noaa_cluster_example").glob("tdump*")
    assert len(files) > 70
    for file in files:
        text = file.read_text("utf-8")
        said = parse_tdump(text, file.name)
        assert parse_tdump(format_tdump(said), file.name) == said
        if file.name in ("tdump", "tdump_fmt1", "tdump_com", "tdump_multi"):
            assert format_tdump(said).splitlines() == text.splitlines()
        paths = paths_of(said)
        back = said.direction == "BACKWARD"
        assert (paths["age"].to_numpy() <= 0).all() == back
        assert paths["latitude"].to_numpy()[:, 0] == pytest.approx([s.latitude for s in said.starts])


@pytest.mark.shared
def test_a_web_result_names_its_grids(shared):
    file = shared / "data" / "trajectory" / "ready_web_tdump" / "tdump_seoul_2026021313.txt"
    said = parse_tdump(file.read_text("utf-8"), file.name)
    assert [(g.name, g.forecast) for g in said.grids] == [
        ("GFSQ", 0),
        ("GFSQ", 24),
        ("GFSQ", 48),
        ("GFSQ", 72),
    ]
    paths = paths_of(said)
    assert paths["age"].to_numpy()[-1] == -7
    assert paths.attrs["kind"] == "forecast"
    assert float(paths["air_pressure"][0, -1]) == pytest.approx(94_000)
