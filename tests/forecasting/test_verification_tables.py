"""Tables of a verification: the same rows for all, by hand, and nothing from after the issue."""

import numpy as np
import pandas as pd
import pytest

from forecasting.verification.ceiling import two_truths
from forecasting.verification.joint import joint_rows
from forecasting.verification.nier import Grades
from forecasting.verification.pairs import groups
from forecasting.verification.references import climatologies
from forecasting.verification.score_tables import Options
from forecasting.verification.slices import parts
from forecasting.verification.stated import Statement
from forecasting.verification.tables import verify
from pipeline.names import PM_THRESHOLDS
from tests.forecasting.verification_cases import FIRST, row_of, rows_of, truth_of

KOREA = {"seoul": Grades((15, 35, 75), source="kr")}
FEW = Options(draws=200)
OBSERVED = [20.0, 40.0, 60.0, 30.0]


def at(threshold):
    return PM_THRESHOLDS.index(threshold)


def group_of(rows, truth):
    (found,) = groups(rows, truth)
    return found


@pytest.fixture
def four():
    ours = rows_of("sameair", [0.1, 0.8, 0.9, 0.6], [25.0, 40.0, 50.0, 36.0])
    climate = rows_of("climatology", [0.5] * 4, [37.5] * 4)
    persist = rows_of("persistence", [0.0, 0.0, 1.0, 1.0], [20.0, 20.0, 40.0, 60.0])
    return pd.concat([ours, climate, persist])


def test_scores_of_four_days_by_hand(four):
    tables = verify(four, truth_of(OBSERVED), "pm2p5", grades=KOREA, options=FEW)
    ours = row_of(tables["exceedance"], model="sameair", threshold=35, part="all")
    brier = (0.1**2 + 0.2**2 + 0.1**2 + 0.6**2) / 4
    assert (ours["n"], ours["events"], ours["lead"], ours["quantity"]) == (4, 2, "D+1", "pm2p5")
    assert ours["brier_score"] == pytest.approx(brier)
    assert ours["bss_climatology"] == pytest.approx(1 - brier / 0.25)
    assert ours["bss_persistence"] == pytest.approx(1 - brier / ((1 + 1) / 4))
    assert (ours["roc_area"], ours["pod"], ours["csi"]) == (1.0, 2 / 2, 2 / 3)
    assert ours["far"] == pytest.approx(1 / 3)
    assert np.isnan(ours["pod_low"])
    assert ours["undefined"] == "too few days or defined resamples for an interval"
    more = row_of(tables["continuous"], model="sameair", part="all")
    assert more["rmse"] == pytest.approx(np.sqrt((5**2 + 0 + 10**2 + 6**2) / 4))
    assert (more["bias"], more["mae"]) == (pytest.approx(1 / 4), pytest.approx(21 / 4))
    # q05 … q95 reach 10 to both sides, q10 … q90 two thirds of it, q25 … q75 one third: errors 5, 0, 10, 6
    assert (more["coverage_90"], more["coverage_80"], more["coverage_50"]) == (1.0, 0.75, 0.25)
    gap = row_of(tables["difference"], other="persistence", measure="brier_score", threshold=35, part="all")
    assert gap["difference"] == pytest.approx(brier - 0.5)


def test_onset_days_alone_by_hand(four):
    tables = verify(four, truth_of(OBSERVED), "pm2p5", grades=KOREA, options=FEW)
    # above 35: no, yes, yes, no; the day before is known from the second on, and low before it only
    ours = row_of(tables["onset"], model="sameair", threshold=35, part="all")
    assert (ours["n"], ours["events"], ours["said"]) == (1, 1, 1)
    assert ours["brier_score"] == pytest.approx(0.2**2)
    theirs = row_of(tables["onset"], model="persistence", threshold=35, part="all")
    assert (theirs["pod"], theirs["events"]) == (0.0, 1)


def test_grades_by_hand(four):
    tables = verify(four, truth_of(OBSERVED), "pm2p5", grades=KOREA, options=FEW)
    # observed 1 2 2 1, forecast means 25 40 50 36 are 1 2 2 2
    ours = row_of(tables["grades"], model="sameair", by="mean", part="all")
    assert (ours["accuracy"], ours["high_accuracy"], ours["high_pod"], ours["over"]) == (0.75, 1.0, 1.0, 0.25)
    assert ours["high_far"] == pytest.approx(1 / 3)


def test_grades_round_as_their_country_does():
    china = Grades((35, 75, 115, 150, 250), half_even=True)
    assert china.of(np.array([35.5, 36.5, 34.5, 250.4])).tolist() == [1, 1, 0, 4]
    assert Grades((15, 35, 75)).of(np.array([35.5, 35.4999999999])).tolist() == [2, 2]


def test_fairmode_by_hand():
    # issued on day i, forecast of day i+1: persisted is day i−1 of the truth, two days before
    observed = [10.0, 20.0, 40.0, 30.0]
    tables = verify(
        rows_of("sameair", [0.5] * 4, [12.0, 22.0, 35.0, 33.0]),
        truth_of(observed),
        "pm2p5",
        grades={},
        options=FEW,
    )
    found = row_of(tables["fairmode"], part="all")
    assert found["n"] == 2
    model, persisted = np.sqrt((5**2 + 3**2) / 2), np.sqrt((30**2 + 10**2) / 2)
    assert found["mqi_f"] == pytest.approx(model / persisted)
    assert bool(found["fulfilled"])

    def uncertainty(o):
        return 0.36 * np.sqrt(0.75 * o**2 + 0.25 * 25**2)

    lenient = np.sqrt(((30 + uncertainty(10)) ** 2 + (10 + uncertainty(20)) ** 2) / 2)
    assert found["mqi_f_with_uncertainty"] == pytest.approx(model / lenient)
    assert found["mqi"] == pytest.approx(
        model / (2 * np.sqrt((uncertainty(40) ** 2 + uncertainty(30) ** 2) / 2))
    )


def test_episodes_by_hand():
    observed = [20.0, 40.0, 50.0, 20.0, 45.0, 20.0, 20.0]
    chance = [0.1, 0.6, 0.9, 0.1, 0.4, 0.7, 0.1]
    near = rows_of("sameair", chance, observed)
    far = rows_of("sameair", [0.1, 0.8, 0.1, 0.1, 0.1, 0.1, 0.1], observed, lead=2)
    today = rows_of("sameair", [0.1, 0.9, 0.9, 0.1, 0.9, 0.7, 0.1], observed, lead=0)
    tables = verify(pd.concat([near, far, today]), truth_of(observed), "pm2p5", grades={}, options=FEW)
    found = row_of(tables["episodes"], threshold=35, period="all")
    assert (found["episodes"], found["hit"], found["late"], found["missed"]) == (2, 1, 1, 0)
    assert found["false_alarms"] == 1
    first = row_of(tables["episode_list"], threshold=35, first_day="2019-03-02")
    # 2 March begins on 1 March 15 UTC; the forecast two days ahead was issued on 28 February 08 UTC
    assert (first["outcome"], first["lead_hours"], first["days"], first["peak"]) == ("hit", 31.0, 2, 50.0)
    assert first["first_cycle"] == "2019-02-28T08:00Z"


def test_every_model_is_scored_on_the_rows_that_all_have(four):
    lacking = four[~((four["model"] == "persistence") & (four["mean"] == 60.0))].copy()
    lacking.loc[(lacking["model"] == "sameair") & (lacking["mean"] == 25.0), "p_gt_35"] = np.nan
    tables = verify(lacking, truth_of(OBSERVED), "pm2p5", grades={}, options=FEW)
    assert set(tables["continuous"]["n"]) == {2.0}


def test_a_row_given_twice_counts_as_given_last(four):
    again = four[four["model"] == "sameair"].assign(mean=100.0)
    tables = verify(pd.concat([four, again]), truth_of(OBSERVED), "pm2p5", grades={}, options=FEW)
    assert row_of(tables["continuous"], model="sameair", part="all")["bias"] == pytest.approx(100 - 37.5)


def test_the_order_of_rows_and_what_else_is_scored_change_nothing():
    rng = np.random.default_rng(3)
    chance, observed = rng.random(60), rng.gamma(4, 10, 60)
    seoul = pd.concat(
        [rows_of("sameair", chance, observed + 3), rows_of("climatology", [0.4] * 60, [40.0] * 60)]
    )
    truth = truth_of(observed)
    one = verify(seoul, truth, "pm2p5", grades=KOREA, options=FEW)
    both = pd.concat(
        [seoul.sample(frac=1, random_state=1), rows_of("sameair", chance, observed, city="beijing")]
    )
    more = pd.concat([both, rows_of("climatology", chance, observed, city="beijing")])
    other = verify(
        more, pd.concat([truth, truth_of(observed, "beijing")]), "pm2p5", grades=KOREA, options=FEW
    )
    for name in ("exceedance", "continuous", "grades", "fairmode", "calibration", "episodes"):
        mine = other[name][other[name]["city"] == "seoul"].reset_index(drop=True)
        pd.testing.assert_frame_equal(mine, one[name], check_dtype=False)


def test_intervals_hold_their_value_and_skill_of_a_copy_is_zero():
    rng = np.random.default_rng(4)
    chance = rng.random(80)
    observed = np.where(rng.random(80) < chance, 50.0, 20.0)
    rows = pd.concat([rows_of("sameair", chance, observed), rows_of("climatology", chance, observed)])
    found = row_of(
        verify(rows, truth_of(observed), "pm2p5", grades={}, options=FEW)["exceedance"],
        model="sameair", threshold=35, part="all",
    )  # fmt: skip
    for name in ("brier_score", "pod", "far", "csi", "hss", "pss"):
        assert found[f"{name}_low"] <= found[name] <= found[f"{name}_high"]
    assert (found["bss_climatology"], found["bss_climatology_low"], found["bss_climatology_high"]) == (
        0,
        0,
        0,
    )


def test_outlook_days_are_scored_as_day_means(four):
    later = rows_of("sameair", [0.5] * 4, [30.0] * 4, lead=4, target="outlook")
    tables = verify(pd.concat([four, later]), truth_of(OBSERVED), "pm2p5", grades={}, options=FEW)
    found = row_of(tables["continuous"], target="outlook", part="all")
    assert (found["lead"], found["n"]) == ("D+4", 4)


def test_hours_are_scored_in_bands_of_lead():
    rows = rows_of("sameair", [0.5] * 4, [30.0] * 4).assign(target="hourly", lead_hours=30)
    rows["lead_day"] = pd.array([pd.NA] * 4, "Int64")
    truth = truth_of(OBSERVED).assign(target="hourly")
    tables = verify(rows, truth, "pm2p5", grades=KOREA, options=FEW)
    assert row_of(tables["continuous"], part="all")["lead"] == "25-48 h"
    assert "grades" not in tables
    assert "fairmode" not in tables


def test_2020_is_always_apart_and_seasons_are_those_of_the_local_day():
    first = pd.Timestamp("2019-11-30T15Z")
    observed = np.full(60, 30.0)
    group = group_of(rows_of("sameair", [0.2] * 60, observed, first=first), truth_of(observed, first=first))
    sizes = {(p.kind, p.value): int(p.rows.sum()) for p in parts(group)}
    assert sizes[("period", "without 2020")] == 1 + 31
    assert sizes[("period", "2020")] == sizes[("year", "2020")] == 28
    assert sizes[("season", "SON")] == 1
    # 30 November lies before the mode and its winter, whose days run from 1 December on
    assert (sizes[("mode", "managed")], sizes[("mode", "not managed")]) == (59, 1)
    assert sizes[("winter", "2019-20")] == 59
    assert sizes[("cycle", "08 UTC")] == 60


def test_one_year_alone_has_no_periods():
    group = group_of(rows_of("sameair", [0.2] * 4, OBSERVED), truth_of(OBSERVED))
    assert {p.kind for p in parts(group)} == {"all", "year", "season", "winter", "cycle"}


def test_the_climatology_that_follows_the_trend_knows_nothing_from_the_day_of_issue_on():
    rng = np.random.default_rng(0)
    days = np.arange(15000, 18300)
    past = pd.Series(rng.gamma(3, 15, len(days)), days)
    day, issued = np.array([18000]), np.array([17998])
    known = climatologies(past, day, issued)
    changed = past.copy()
    changed[changed.index >= 17998] = 999.0
    assert climatologies(changed, day, issued)["trend"].tolist() == known["trend"].tolist()
    inside = [d for d in days if d < 17998 for y in (1, 2, 3) if abs(18000 - d - y * 365.2425) <= 15.5]
    assert known["trend"][0, at(35)] == pytest.approx((past[inside] > 35).mean())
    own = changed.copy()
    own[17900:18100] = 0.0
    without = climatologies(past.where((past.index < 17900) | (past.index > 18100)), day, issued)
    assert without["season"].tolist() == known["season"].tolist()


def test_a_climatology_without_a_past_is_undefined_and_not_scored(four):
    found = row_of(
        verify(four, truth_of(OBSERVED), "pm2p5", grades={}, options=FEW)["exceedance"],
        model="sameair", threshold=35, part="all",
    )  # fmt: skip
    assert np.isnan(found["bss_trend"])
    assert np.isnan(found["bss_season"])


def test_what_never_happened_is_said():
    tables = verify(
        rows_of("sameair", [0.0] * 20, [10.0] * 20), truth_of([10.0] * 20), "pm2p5", grades=KOREA, options=FEW
    )
    found = row_of(tables["exceedance"], threshold=150, part="all")
    assert np.isnan(found["pod"])
    assert found["undefined"] == "no event occurred; the forecast never said yes"
    assert "calibration" not in tables
    assert np.isnan(row_of(tables["grades"], by="mean", part="all")["high_pod"])


def test_joint_columns_beside_independent_days():
    observed = [20.0, 40.0, 50.0, 20.0] * 6
    first = rows_of("sameair", [0.5] * 24, observed)
    second = rows_of("sameair", [0.5] * 24, observed, lead=2)
    rows = pd.concat([first, second.assign(p_2_days_gt_35=0.4, variogram_1_day=3.0)])
    found = pd.DataFrame(joint_rows(rows, truth_of(observed), FEW))
    run = row_of(found, event="p_2_days_gt_35")
    # the days 2 to 24 have a day before of the same issue; pairs above 35: 40, 50 of every four days
    assert (run["n"], run["events"]) == (23, 6)
    assert run["score"] == pytest.approx((6 * 0.6**2 + 17 * 0.4**2) / 23)
    assert run["score_independent"] == pytest.approx((6 * 0.75**2 + 17 * 0.25**2) / 23)
    assert run["difference"] == pytest.approx(run["score"] - run["score_independent"])
    step = row_of(found, event="variogram_1_day")
    gaps = np.sqrt(np.abs(np.diff(observed)))
    assert step["score"] == pytest.approx(((gaps - 3.0) ** 2).mean())
    assert joint_rows(first, truth_of(observed), FEW) == []


def test_statements_are_judged_on_the_same_days_as_ours(four):
    day = int(np.datetime64("2019-03-02").astype(int))
    when = (FIRST - pd.Timedelta(hours=4)).to_pydatetime()  # 1 March, 20 KST
    said = [
        Statement("airkorea", "seoul", day, when, grade="나쁨"),
        Statement("airkorea", "seoul", day + 1, when, value=20.0),
        Statement("airkorea", "seoul", day + 40, when, grade="나쁨"),
        Statement("airkorea", "seoul", day, when - pd.Timedelta(days=9), grade="좋음"),
    ]
    tables = verify(four, truth_of(OBSERVED), "pm2p5", grades=KOREA, statements=said, options=FEW)
    found = tables["statements"]
    # of 3 March no forecast of ours was issued by then, and nine days before there was none of any day
    one = row_of(found, lead="D+1")
    assert (one["n"], one["accuracy_theirs"], one["accuracy_ours"], one["high_pod_theirs"]) == (
        1,
        1.0,
        1.0,
        1.0,
    )
    assert len(found) == 1


def test_two_truths_that_are_one_are_perfect_and_two_without_common_days_are_nothing():
    truth = pd.Series([20.0, 40.0, 60.0])
    assert {row["csi"] for row in two_truths(truth, truth)} == {1.0}
    assert two_truths(truth, pd.Series([1.0], [99])) == []


def test_nothing_measured_gives_no_tables(four):
    assert verify(four, truth_of([]), "pm2p5", grades=KOREA, options=FEW) == {}
