"""First signals: the cycle that first warned, its lead, and what became of it."""

import pandas as pd
import pytest

from forecasting.signals import verdicts

DAY_START = pd.Timestamp("2019-03-04T15Z")
DAY = {"city": "seoul", "target": "daily", "valid_start": DAY_START}
CYCLES = [("2019-03-02T20Z", 2), ("2019-03-03T20Z", 1), ("2019-03-04T14Z", 1), ("2019-03-04T20Z", 0)]


def rows_of(model, *chances):
    rows = [
        {**DAY, "model": model, "issue_time": pd.Timestamp(issue), "lead_day": lead, "p_gt_75": chance}
        for (issue, lead), chance in zip(CYCLES, chances, strict=True)
    ]
    return pd.DataFrame(rows).assign(valid_end=DAY_START + pd.Timedelta(days=1))


def judge(ours, theirs, observed):
    rows = pd.concat([rows_of("sameair", *ours), rows_of("persistence", *theirs)])
    truth = pd.DataFrame({**DAY, "valid_end": rows["valid_end"].iloc[:1], "observed": [observed]})
    return verdicts(rows, truth.drop(columns="valid_start").dropna(), {"seoul": [75]}, 0.5)


NEVER = (0.1, 0.1, 0.1, 0.1)


def test_the_first_cycle_its_lead_and_how_long_it_held():
    (verdict,) = judge((0.2, 0.6, 0.4, 0.9), (0.5, 0.5, 0.5, 0.5), 135.1)
    ours = verdict.sameair
    assert (verdict.day, verdict.observed, verdict.outcome) == ("2019-03-05", 135.1, "hit")
    assert (ours.first_cycle, ours.lead_day, ours.probability) == ("2019-03-03T20:00:00Z", 1, 0.6)
    assert ours.hours_before == 4 + 15  # from 3 March 20 UTC to 4 March 15 UTC
    assert (ours.held, ours.cycles_after, ours.cycles, ours.highest) == (1, 2, 4, 0.9)
    assert verdict.persistence.hours_before == 24 + 19


@pytest.mark.parametrize(
    ("ours", "theirs", "observed", "outcome"),
    [
        ((0.1, 0.1, 0.5, 0.9), NEVER, 76.0, "hit"),
        ((0.1, 0.1, 0.1, 0.9), NEVER, 76.0, "late"),
        (NEVER, (0.9, 0.9, 0.9, 0.9), 76.0, "missed"),
        ((0.1, 0.6, 0.1, 0.1), NEVER, 75.0, "false alarm"),
        (NEVER, (0.9, 0.1, 0.1, 0.1), 20.0, "false alarm of persistence"),
        ((0.9, 0.1, 0.1, 0.1), NEVER, float("nan"), "not measured"),
    ],
)
def test_outcomes(ours, theirs, observed, outcome):
    (verdict,) = judge(ours, theirs, observed)
    assert verdict.outcome == outcome


def test_quiet_days_and_days_not_yet_begun_are_left_out():
    assert judge(NEVER, NEVER, 20.0) == []
    rows = pd.concat([rows_of(m, 0.9, 0.9, 0.9, 0.9) for m in ("sameair", "persistence")])
    early = rows[rows["lead_day"] > 0]
    truth = pd.DataFrame(columns=["city", "target", "valid_end", "observed"])
    assert verdicts(early, truth.astype({"valid_end": rows["valid_end"].dtype}), {"seoul": [75]}, 0.5) == []
