"""Both sides on the same days: counted where both can be scored, left out and counted where not."""

import numpy as np
import pandas as pd
import pytest

from forecasting.verification.two_sides import two_sided_rows

NAN, INF = float("nan"), float("inf")


def pairs(rows):
    """Make pairs of (observed, persistence, their low, high, value, our low, value, high)."""
    names = ("observed", "persistence", "theirs_low", "theirs_high", "theirs_value")
    names = (*names, "ours_low", "ours_value", "ours_high")
    table = pd.DataFrame(rows, columns=names, dtype=float)
    return table.assign(city="beijing", lead=1, day=range(len(table)), threshold=75)


def test_counts_and_errors_are_of_days_that_all_can_be_scored_on():
    (row,) = two_sided_rows(
        pairs(
            [
                (80, 60, 75.5, 115.5, NAN, 60, 90, 120),  # both yes, above
                (70, 80, 75.5, 115.5, NAN, 50, 60, 69),  # they cry wolf, so does persistence
                (90, 60, 35.5, 75.5, NAN, 50, 60, 95),  # all miss
                (90, 60, 0, 115.5, NAN, 50, 80, 95),  # leaves it open
                (90, NAN, 75.5, INF, NAN, 50, 80, 95),  # no persistence
            ]
        )
    )
    assert (row["city"], row["lead"], row["days"]) == ("beijing", "D+1", 5)
    assert (row["decided"], row["left_open"], row["above"]) == (3, 1, 2)
    assert row["theirs"] == {"hits": 1, "misses": 1, "false_alarms": 1}
    assert row["ours"] == {"hits": 1, "misses": 1, "false_alarms": 0}
    assert row["persistence"] == {"hits": 0, "misses": 2, "false_alarms": 1}
    # Middles of the ranges 95.5, 95.5 and 55.5; the fourth is 115.5 wide, the fifth open.
    assert row["numbers"] == 3
    assert row["mae_theirs"] == pytest.approx((15.5 + 25.5 + 34.5) / 3, abs=0.05)
    assert row["mae_ours"] == pytest.approx((10 + 10 + 30) / 3, abs=0.05)
    assert row["mae_persistence"] == pytest.approx((20 + 10 + 30) / 3, abs=0.05)
    assert row["skill_ours"]["value"] == pytest.approx(1 - 50 / 60, abs=0.005)
    assert row["skill_theirs"] == {
        "value": pytest.approx(1 - 75.5 / 60, abs=0.005),
        "low": None,
        "high": None,
    }
    assert (row["inside_theirs"], row["inside_ours"]) == (3, 4)
    assert (row["width_theirs"], row["width_ours"]) == (None, pytest.approx((60 + 19 + 3 * 45) / 5, abs=0.05))


def test_equal_sides_have_equal_skill_and_twenty_days_an_interval():
    rng = np.random.default_rng(4)
    seen = rng.uniform(20, 140, 20)
    said = seen + rng.normal(0, 10, 20)
    rows = [
        (s, p, f - 20, f + 20, f, f - 20, f, f + 20) for s, f, p in zip(seen, said, seen[::-1], strict=True)
    ]
    (row,) = two_sided_rows(pairs(rows))
    assert row["skill_theirs"] == row["skill_ours"]
    assert row["skill_ours"]["low"] < row["skill_ours"]["value"] < row["skill_ours"]["high"] <= 1
    assert row["theirs"] == row["ours"]


def test_a_perfect_persistence_leaves_the_skill_undefined():
    (row,) = two_sided_rows(pairs([(80, 80, 60, 100, 80, 60, 80, 100)]))
    assert row["skill_ours"]["value"] is None
