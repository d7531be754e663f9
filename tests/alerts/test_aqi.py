"""Indices of both countries against hand-computed and published values."""

import json
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.aqi import aqi, cai_subindex, iaqi, level_number, round_half_even, round_half_up
from alerts.rules import rule

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
        assert cai_subindex(float(concentration), quantity) == pytest.approx(expected, abs=0.005)


@pytest.mark.parametrize("row", GOLDEN["kr_published"], ids=lambda r: str(r["o3"]))
def test_published_korean_totals_within_one(row):
    assert abs(cai_subindex(row["o3"], "o3") - row["index"]) <= 1


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
    assert cai_subindex(low, "pm2p5") <= cai_subindex(high, "pm2p5") <= 500
