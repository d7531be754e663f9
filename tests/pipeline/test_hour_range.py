"""Interval ends over long ranges: none is lost to rounding."""

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.times import from_ns, hour_range


@pytest.mark.parametrize("days", [1, 90, 365, 366, 4000])
@pytest.mark.parametrize("step", [1, 3])
def test_a_range_ends_at_its_end(days, step):
    start = datetime(2018, 12, 31, 15, tzinfo=UTC)
    ends = hour_range(start, start + timedelta(days=days), step)
    assert len(ends) == days * 24 // step
    assert from_ns(ends[-1]) == start + timedelta(days=days)
    assert from_ns(ends[0]) == start + timedelta(hours=step)
