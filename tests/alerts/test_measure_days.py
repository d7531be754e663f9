"""The table of days with measures: sourced, marked, and refused when it contradicts itself."""

from datetime import date

import pytest

from alerts.measure_days import measure_days, measure_runs, parse_runs
from pipeline.errors import PolicyError

ROW = {
    "city": "seoul", "first": date(2019, 3, 1), "last": date(2019, 3, 7),
    "measure": "emergency", "mark": "found", "source": "s",
}  # fmt: skip


def test_every_row_has_a_source_and_the_named_cases_are_there():
    assert all(run.source for run in measure_runs())
    assert {date(2019, 3, day) for day in range(1, 8)} <= measure_days("seoul")
    assert {date(2019, 3, day) for day in range(2, 5)} <= measure_days("beijing")
    assert date(2019, 10, 21) in measure_days("seoul")
    assert {date(2015, 11, 29), date(2015, 12, 1)} <= measure_days("beijing")
    assert measure_days("atlantis") == frozenset()


@pytest.mark.parametrize(
    "change",
    [
        {"city": "atlantis"},
        {"mark": "guessed"},
        {"last": date(2019, 2, 1)},
        {"source": ""},
    ],
)
def test_a_row_that_says_nothing_is_refused(change):
    with pytest.raises(PolicyError, match="row 1"):
        parse_runs({"run": [ROW | change]})


def test_a_day_stands_in_one_row_only():
    with pytest.raises(PolicyError, match="row 2"):
        parse_runs({"run": [ROW, ROW | {"first": date(2019, 3, 7), "last": date(2019, 3, 8)}]})
