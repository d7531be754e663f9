"""What is due: nothing twice, nothing forgotten, whatever was answered when."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ingest.due import due_hours, grid, lost_hours
from ingest.feeds import Timing
from pipeline.times import HOUR

DAY = datetime(2025, 1, 10, tzinfo=UTC)
MINUTES = st.integers(0, 5 * 24 * 60).map(lambda m: DAY + timedelta(minutes=m))
STEPS = st.sampled_from([1, 3, 6, 12, 24])


@given(now=MINUTES, step=STEPS, offset=st.integers(0, 23), keeps=st.integers(1, 72), delay=st.integers(0, 90))
def test_a_grid_holds_every_instant_of_its_window_once(now, step, offset, keeps, delay):
    timing = Timing(
        timedelta(minutes=delay), timedelta(hours=keeps), timedelta(hours=step), timedelta(hours=offset)
    )
    found = grid(timing, now - timing.keeps, now - timing.delay)
    hours = [DAY - timedelta(days=10) + n * HOUR for n in range(20 * 24)]
    midnight = [h for h in hours if ((h - DAY) / HOUR - offset) % step == 0]
    assert found == [h for h in midnight if now - timing.keeps < h <= now - timing.delay]


@given(
    rounds=st.lists(st.integers(1, 30 * 60), min_size=1, max_size=12),
    answers=st.lists(st.booleans(), min_size=12, max_size=12),
)
def test_every_hour_is_answered_or_gone_and_never_both(rounds, answers):
    timing = Timing(timedelta(minutes=20), timedelta(hours=10))
    now, first, last, answered, gone = DAY, None, None, {}, []
    for minutes, works in zip(rounds, answers, strict=False):
        if last is not None:
            gone += [h for _, h in lost_hours(timing, {"": first}, answered, now, last)]
        due = due_hours(timing, [""], answered, now, first)
        if works:
            answered |= {("", h): now for h in due.get("", ())}
        first, last = first or now, now
        now += timedelta(minutes=minutes)
    kept = [h for _, h in answered]
    assert len(gone) == len(set(gone))
    assert not set(gone) & set(kept)
    expected = grid(timing, first, last - timing.keeps)
    assert set(expected) <= set(gone) | set(kept)
    assert not [h for h in gone if h <= first]


@given(ages=st.lists(st.integers(10, 20 * 60), min_size=1, max_size=20))
def test_an_hour_is_asked_once_for_every_age_at_which_it_is_to_be_seen(ages):
    timing = Timing(timedelta(0), timedelta(hours=24), revisit=(timedelta(hours=3), timedelta(hours=9)))
    answered, asked = {}, []
    for age in sorted(ages):
        now = DAY + timedelta(minutes=age)
        if DAY in due_hours(timing, [""], answered, now, DAY - 24 * HOUR).get("", ()):
            answered["", DAY] = now
            asked.append(age)
    bands = [0 if age < 180 else 1 if age < 540 else 2 for age in sorted(ages)]
    assert len(asked) == len(set(bands))


def test_the_first_round_asks_three_days_back_and_no_further():
    timing = Timing(timedelta(0), timedelta(days=92))
    assert len(due_hours(timing, [""], {}, DAY, None)[""]) == 72
    assert len(due_hours(timing, [""], {}, DAY + HOUR, DAY)[""]) == 73
