"""Reviewed warnings beside the model on the same rows, and the scores that are kept for the page."""

import json
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from forecasting.verification.calibration_tables import calibration_rows
from forecasting.verification.kept import COLUMNS, facts_of, keep, kept_verifications, table_of
from forecasting.verification.losses import event_losses
from forecasting.verification.pairs import groups
from forecasting.verification.reviewed import REVIEWED, reviewed_rows
from forecasting.verification.score_tables import Collected, Options, score_group
from forecasting.verification.slices import day_sums, parts
from tests.forecasting.verification_cases import row_of, rows_of, truth_of

FEW = Options(draws=20)
OBSERVED = np.array([60.0, 20.0, 60.0, 20.0, 60.0, 20.0, 60.0, 20.0, 60.0, 20.0, 60.0, 20.0])


@pytest.fixture(scope="module")
def found():
    chance = np.where(OBSERVED > 50, 0.6, 0.2)
    model = rows_of("sameair", chance, OBSERVED)
    same = rows_of("persistence", np.roll(chance, 1), np.roll(OBSERVED, 1))
    return list(groups(pd.concat([model, same]), truth_of(OBSERVED)))


def test_a_warning_is_a_yes_or_no_on_the_same_rows_as_the_model(found):
    days = np.sort(found[0].day)
    warned = days[[0, 2, 4, 1]]  # three hits, one in vain, three missed of six days above
    rows = pd.DataFrame(
        reviewed_rows(found, {"Actual": lambda city, issue, day: np.isin(day, warned)}, {"seoul": 50}, FEW)
    )
    assert set(rows["model"]) == {"sameair", "persistence", REVIEWED}
    assert set(rows["threshold"]) == {50}
    mine = row_of(rows, model=REVIEWED, part="all")
    assert (mine["n"], mine["events"], mine["said"], mine["hits"]) == (12, 6, 4, 3)
    assert (mine["pod"], mine["far"], mine["csi"]) == (3 / 6, 1 / 4, 3 / 7)
    assert mine["brier_score"] == pytest.approx((1 + 3) / 12)
    # persistence says yes at 0.6 on the six quiet days and 0.2 on the six others
    reference = (6 * 0.6**2 + 6 * 0.8**2) / 12
    assert mine["bss_persistence"] == pytest.approx(1 - (4 / 12) / reference)
    model = row_of(rows, model="sameair", part="all")
    assert (model["pod"], model["far"]) == (1, 0)


def test_seasons_have_reliability_and_roc_of_their_own(found):
    _, bins, value = calibration_rows(found[0], FEW)
    assert {(row["part"], row["of"]) for row in bins} == {("all", ""), ("season", "MAM")}
    assert {(row["part"], row["of"]) for row in value} == {("all", ""), ("season", "MAM")}


def tables_of(pod):
    row = {name: 0.0 for name in COLUMNS["exceedance"]} | {"city": "seoul", "part": "all", "pod": pod}
    hours = row | {"target": "hourly"}
    return {"pm2p5": {"exceedance": pd.DataFrame([row | {"target": "daily"}, hours])}}


def kept(folder, last, pod=0.5):
    return keep(folder, "runs", tables_of(pod), {"last_issue": f"{last}T08:00:00Z", "pod": pod})


def test_what_is_kept_is_of_days_and_reads_back_as_it_was(tmp_path):
    made = kept(tmp_path, date(2026, 1, 5))
    table = table_of(made.folder, "pm2p5", "exceedance")
    assert list(table.columns) == list(COLUMNS["exceedance"])
    assert table["pod"].tolist() == [0.5]
    assert len(table_of(made.folder, "pm2p5", "reviewed")) == 0
    assert facts_of(made.folder) == json.loads((made.folder / "facts.json").read_text("utf-8"))
    assert kept_verifications(tmp_path, "runs") == [made]
    assert kept_verifications(tmp_path, "hindcast") == []


def test_the_newest_stay_and_the_last_of_every_month_before(tmp_path):
    first = date(2025, 11, 20)
    for number in range(60):
        kept(tmp_path, first + timedelta(days=number))
    days = [one.last_issue for one in kept_verifications(tmp_path, "runs")]
    last = first + timedelta(days=59)
    assert days[:14] == [last - timedelta(days=i) for i in range(14)]
    assert days[14:] == [date(2025, 12, 31), date(2025, 11, 30)]


def test_of_two_of_the_same_last_day_the_later_stays(tmp_path):
    kept(tmp_path, date(2026, 1, 5), 0.1)
    later = kept(tmp_path, date(2026, 1, 5), 0.9)
    assert kept_verifications(tmp_path, "runs") == [later]


def test_a_roc_area_has_the_interval_of_its_resamples(found):
    rows = Collected()
    score_group(found[0], Options(draws=50), rows)
    table = pd.DataFrame(rows.exceedance)
    whole = row_of(table, model="persistence", part="all", threshold=50)
    assert whole["roc_area"] == 0.0  # it says the opposite of what comes
    assert whole["roc_area_low"] == whole["roc_area_high"] == 0.0
    sums = day_sums(found[0], {}, event_losses(found[0]))
    part = parts(found[0])[0]
    counts = sums.row_counts(part.rows, np.random.default_rng(5), 3)
    _, drawn = sums.resampled(part.rows, np.random.default_rng(5), 50)
    assert counts.shape == (3, 12)
    assert (counts @ found[0].event).tolist() == drawn["events"][1:4, 0].tolist()
