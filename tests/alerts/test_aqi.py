"""Indices of both countries against hand-computed and published values."""

import csv
import json
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.aqi import aqi, iaqi, level_number, round_half_even, round_half_up
from alerts.cai import cai, subindex
from alerts.rules import rule
from pipeline.errors import UsageError

CAI = rule("kr.cai", date(2025, 2, 4))
GOLDEN = json.loads((Path(__file__).parent / "golden_vectors.json").read_text("utf-8"))
DAY_OF = {"HJ 633-2012": date(2026, 2, 28), "HJ 633-2026": date(2026, 3, 1)}
CASES = [(v, q) for v, tables in GOLDEN["cn_iaqi"].items() for q in tables]


@pytest.mark.parametrize(("version", "quantity"), CASES)
def test_every_chinese_golden_index_is_reproduced_exactly(version, quantity):
    table = rule("cn.aqi", DAY_OF[version])
    assert table.version == version
    expected = GOLDEN["cn_iaqi"][version][quantity]
    assert {c: int(iaqi(float(c), quantity, table)) for c in expected} == expected


@pytest.mark.parametrize("row", GOLDEN["cn_published"], ids=lambda r: r["station"])
def test_published_station_indices_are_reproduced_exactly(row):
    found = aqi({"pm2p5": row["pm2p5"], "pm10": row["pm10"]}, date(2022, 1, 4))
    assert (found.value, found.primary) == (row["aqi"], (row["primary"],) if row["primary"] else ())


@pytest.mark.parametrize("quantity", ["pm2p5", "pm10", "o3"])
def test_korean_subindices_within_rounding_of_the_golden_values(quantity):
    for concentration, expected in GOLDEN["kr_cai_subindex"][quantity].items():
        assert float(subindex(float(concentration), quantity, CAI)) == pytest.approx(expected, abs=0.005)


@pytest.mark.parametrize("row", GOLDEN["kr_published"], ids=lambda r: str(r["o3"]))
def test_published_korean_totals_within_one(row):
    assert abs(cai({"o3": row["o3"]}, date(2025, 2, 4)) - row["index"]) <= 1


@pytest.mark.parametrize(
    ("concentration", "index"),
    [
        (75.4, 100),  # rounds to 75, the edge
        (75.5, 102),  # half to even: 76 -> 100 + 50 * 1 / 40 = 101.25, up
        (74.5, 99),  # half to even: 74 -> 50 + 50 * 39 / 40 = 98.75, up
        (500.4, 500),
        (9999.0, 500),
        (0.0, 0),
        (0.4, 0),
    ],
)
def test_concentration_is_rounded_half_even_before_the_index_is_rounded_up(concentration, index):
    assert int(iaqi(concentration, "pm2p5", rule("cn.aqi", date(2020, 1, 1)))) == index


def test_missing_concentration_has_no_index():
    assert np.isnan(iaqi([np.nan, 35.0], "pm2p5", rule("cn.aqi", date(2020, 1, 1)))).tolist() == [True, False]


def test_day_of_switch_moves_75_from_good_to_light():
    before, after = (aqi({"pm2p5": 75}, d) for d in (date(2026, 2, 28), date(2026, 3, 1)))
    assert (before.value, before.level, before.version) == (100, "cn.aqi.good", "HJ 633-2012")
    assert (after.value, after.level, after.version) == (50 + 50 + 14, "cn.aqi.light", "HJ 633-2026")


def test_level_edges_belong_to_the_lower_level():
    edges = [50, 51, 100, 101, 150, 151, 200, 201, 300, 301, 500]
    assert level_number(edges, rule("cn.aqi", date(2020, 1, 1))).tolist() == [0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]


def test_rounding_modes_differ_only_at_halves():
    assert round_half_up([0.5, 1.5, 2.5]).tolist() == [1, 2, 3]
    assert round_half_even([0.5, 1.5, 2.5]).tolist() == [0, 2, 2]


def test_binary_noise_of_a_mean_does_not_move_a_half():
    noisy = sum([35.4, 35.6] * 12) / 24 - 1e-12
    assert noisy < 35.5
    assert float(round_half_up(noisy)) == 36


@given(st.floats(0, 1200), st.floats(0, 1200), st.sampled_from(list(DAY_OF.values())))
def test_index_never_falls_when_the_concentration_rises(one, other, day):
    table = rule("cn.aqi", day)
    low, high = sorted((one, other))
    for quantity in ("pm2p5", "pm10"):
        assert iaqi(low, quantity, table) <= iaqi(high, quantity, table)


@given(st.floats(0, 800), st.floats(0, 800))
def test_korean_subindex_never_falls_when_the_concentration_rises(one, other):
    low, high = sorted((one, other))
    assert subindex(low, "pm2p5", CAI) <= subindex(high, "pm2p5", CAI) <= 500


GASES = {"so2": "so2_1h", "no2": "no2_1h", "co": "co_1h", "o3": "o3_1h"}


def published(row, names):
    """Concentrations of a row under our names, without the marks of missing values."""
    found = {}
    for ours, theirs in names.items():
        try:
            found[ours] = float(row[theirs])
        except ValueError:
            continue
    return found


@pytest.mark.shared
def test_published_indices_of_1475_stations_are_reproduced_exactly(shared):
    """The 1-h ozone of this file of 2018 is under ``o3_24h``: no other column gives what was published."""
    name = "GetAQIDataPublishLive_nationwide_20180220T07.json"
    rows = json.loads((shared / "samples" / "cnemc" / name).read_text("utf-8"))["features"]
    rows = [r["properties"] for r in rows if r["properties"]["aqi"].isdigit()]
    names = {"pm2p5": "pm2_5", "pm10": "pm10"} | {ours: name for name, ours in GASES.items()}
    names["o3_1h"] = "o3_24h"
    wrong = [
        r["stationcode"] for r in rows if aqi(published(r, names), date(2018, 2, 20)).value != int(r["aqi"])
    ]
    assert (len(rows), wrong) == (1475, [])


@pytest.mark.shared
def test_published_indices_of_the_archive_are_reproduced_exactly_with_all_six_pollutants(shared):
    with (shared / "samples" / "cnemc" / "archive_2022-01-04T16_head.csv").open(encoding="utf-8-sig") as file:
        rows = [r for r in csv.DictReader(file) if r["aqi"]]
    names = {"pm2p5": "pm2_5", "pm10": "pm10"} | {ours: name for name, ours in GASES.items()}
    found = [aqi(published(r, names), date(2022, 1, 4)) for r in rows]
    assert [f.value for f in found] == [int(float(r["aqi"])) for r in rows]
    marks = {"pm2p5": "(PM2.5)", "pm10": "颗粒物(PM10)"}
    assert all(
        any(marks[q] in r["primarypollutant"] for q in f.primary)
        for f, r in zip(found, rows, strict=True)
        if f.value > 50
    )
    assert len(rows) >= 12


@pytest.mark.shared
@pytest.mark.parametrize("file", ["RealtimeCityAir_2rows.json", "RealtimeCityAir_20250204_excerpt.json"])
def test_published_korean_indices_of_seoul_are_within_one(shared, file):
    rows = json.loads((shared / "samples" / "seoul" / file).read_text("utf-8"))["RealtimeCityAir"]["row"]
    names = {"pm2p5": "PM25", "pm10": "PM10", "o3": "O3", "no2": "NO2", "co": "CO", "so2": "SO2"}
    for row in rows:
        found = cai({ours: float(row[theirs]) for ours, theirs in names.items()}, date(2025, 2, 4))
        assert abs(found - row["IDEX_MVL"]) <= 1


@pytest.mark.parametrize("version", ["HJ 633-2012", "HJ 633-2026"])
def test_every_break_point_of_every_pollutant_has_its_index_and_the_next_step_has_more(version):
    table = rule("cn.aqi", DAY_OF[version])
    for name, points in (table.parameters["breakpoints"] | table.parameters["gases"]).items():
        step = 0.1 if name.startswith("co") else 1
        for index, point in zip(table.parameters["iaqi"], points, strict=False):
            assert int(iaqi(point, name, table)) == index, (name, point)
            assert int(iaqi(max(0, point - step), name, table)) <= index
        for index, point in list(zip(table.parameters["iaqi"], points, strict=False))[:-1]:
            assert int(iaqi(point + step, name, table)) > index, (name, point)


def test_above_800_the_ozone_of_eight_hours_has_no_index_before_2026_and_300_since():
    assert np.isnan(iaqi(801, "o3_8h", rule("cn.aqi", date(2026, 2, 28))))
    assert int(iaqi(801, "o3_8h", rule("cn.aqi", date(2026, 3, 1)))) == 300
    assert int(iaqi(801, "so2_1h", rule("cn.aqi", date(2026, 3, 1)))) == 200
    with pytest.raises(UsageError, match="no index of so2_1h"):
        aqi({"so2_1h": 900}, date(2020, 1, 1))


@pytest.mark.parametrize(("bad", "surcharge"), [(0, 0), (1, 0), (2, 50), (3, 75), (4, 75)])
def test_korean_total_is_raised_where_several_pollutants_are_bad(bad, surcharge):
    edges = {"pm2p5": (35, 36), "pm10": (80, 81), "o3": (0.090, 0.091), "no2": (0.060, 0.061)}
    values = {q: pair[int(n < bad)] for n, (q, pair) in enumerate(edges.items())}
    assert cai(values, date(2025, 2, 4)) == (101 if bad else 100) + surcharge


@pytest.mark.shared
def test_the_vectors_of_the_reference_itself_are_reproduced(shared):
    golden = json.loads((shared / "reference" / "golden_vectors.json").read_text("utf-8"))
    names = {"pm25": "pm2p5", "pm10": "pm10"}
    for key, version in (("cn_iaqi_2012", "HJ 633-2012"), ("cn_iaqi_2026", "HJ 633-2026")):
        table = rule("cn.aqi", DAY_OF[version])
        for name, expected in golden[key].items():
            assert {c: int(iaqi(float(c), names[name], table)) for c in expected} == expected
    for row in golden["cn_published_2022_01_04T16"]:
        assert aqi({"pm2p5": row["pm25"], "pm10": row["pm10"]}, date(2022, 1, 4)).value == row["aqi"]
    for name, expected in golden["kr_cai_subindex_unrounded"].items():
        found = {c: float(subindex(float(c), {**names, "o3_ppm": "o3"}[name], CAI)) for c in expected}
        assert found == pytest.approx(expected, abs=0.005)
    for row in golden["kr_published_khai"]:
        assert abs(cai({"o3": row["o3"]}, date(2025, 2, 4)) - row["khai"]) <= 1
