"""What is due follows from timetable, ledger and clock: each nominal time once, missed ones accounted for."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.timetable import (
    CONFIRM,
    CYCLE,
    INGEST,
    POST,
    RETRAINING,
    SILENT_AFTER,
    TIMETABLE,
    account,
    due,
    entries_of,
    flows,
)
from pipeline.ledger.jobs import JobRow
from pipeline.times import CYCLE_HOURS_UTC, cycles_between, iso

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
CYCLES = (CYCLE, CONFIRM)


def job(nominal, state="done", at=None, attempt=1, flow="cycle", **more):
    at = at or nominal + 25 * MINUTE
    row = JobRow("id", flow, "", nominal, attempt, state, at, at, at, "here:1:1", "", {})
    return replace(row, **({"ended_at": None} if state == "running" else {}), **more)


def said(found):
    return [(d.action, iso(d.nominal)[5:16]) for d in found]


def test_the_nominal_times_of_cycles_are_those_of_the_programme():
    times = sorted(t for e in CYCLES for t in e.rhythm.times(START - MINUTE, START + 3 * DAY - MINUTE))
    assert times == cycles_between(START, START + 3 * DAY)
    assert {t.hour for t in times} == set(CYCLE_HOURS_UTC)


@pytest.mark.parametrize(
    ("clock", "expected"),
    [
        ("02:00", "20:00"),
        ("02:19", "20:00"),
        ("02:20", "02:00"),
        ("08:00", "02:00"),
        ("08:01", "08:00"),
        ("14:19", "08:00"),
        ("14:20", "14:00"),
    ],
)
def test_a_cycle_begins_twenty_minutes_after_its_time_and_that_of_17_kst_after_one(clock, expected):
    now = datetime.fromisoformat(f"2026-01-02T{clock}+00:00")
    (found,) = due(CYCLES, [], now)
    late = found.action == "skip"
    assert iso(found.nominal)[11:16] == expected
    assert late == (now - found.nominal > 6 * HOUR)


def test_missed_cycles_are_written_down_each_and_only_the_newest_is_run():
    now = START + DAY + timedelta(hours=15)
    found = due(CYCLES, [job(START + 2 * HOUR)], now)
    assert said(found) == [
        ("skip", "01-01T08:00"),
        ("skip", "01-01T14:00"),
        ("skip", "01-01T20:00"),
        ("skip", "01-02T02:00"),
        ("skip", "01-02T08:00"),
        ("run", "01-02T14:00"),
    ]


def test_a_week_without_the_post_is_one_line():
    now = START + 7 * DAY
    left, newest = due([POST], [job(START, flow="post")], now)
    assert (left.action, left.nominal, left.through, left.times) == (
        "skip",
        START + 5 * MINUTE,
        now - 5 * MINUTE,
        7 * 288 - 1,
    )
    assert (newest.action, newest.nominal) == ("run", now)


def test_a_cycle_is_not_begun_again_while_it_runs_or_once_it_is_done_or_left_out():
    now = START + 2 * HOUR + 30 * MINUTE
    nominal = START + 2 * HOUR
    for state in ("done", "skipped"):
        assert due(CYCLES, [job(nominal, state)], now) == []
    assert due(CYCLES, [job(nominal, "running", beat_at=now - SILENT_AFTER)], now) == []


def test_one_that_fell_silent_is_taken_over():
    now = START + 2 * HOUR + 30 * MINUTE
    silent = job(START + 2 * HOUR, "running", beat_at=now - SILENT_AFTER - MINUTE)
    (found,) = due(CYCLES, [silent], now)
    assert (found.action, found.why) == ("run", "here:1:1 fell silent")


def test_the_next_cycle_waits_for_one_that_still_runs():
    now = START + 8 * HOUR + 5 * MINUTE
    (found,) = due(CYCLES, [job(START - 4 * HOUR), job(START + 2 * HOUR, "running", beat_at=now)], now)
    assert (found.action, found.why) == ("wait", "the one before still runs")


def test_a_failed_attempt_is_repeated_after_its_pause_as_often_as_the_timetable_says():
    nominal, ended = START + 2 * HOUR, START + 2 * HOUR + 25 * MINUTE
    failed = []
    for attempt, pause in enumerate(CYCLE.retries, 1):
        failed.append(job(nominal, "failed", ended, attempt))
        assert said(due(CYCLES, failed, ended + pause - MINUTE / 2)) == [("wait", "01-01T02:00")]
        assert said(due(CYCLES, failed, ended + pause)) == [("run", "01-01T02:00")]
    failed.append(job(nominal, "failed", ended, len(failed) + 1))
    assert due(CYCLES, failed, ended + HOUR) == []


def test_an_attempt_that_was_stopped_with_its_worker_counts_for_nothing():
    nominal, ended = START + 2 * HOUR, START + 2 * HOUR + 25 * MINUTE
    stopped = [job(nominal, "failed", ended, n, result={"stopped": True}) for n in range(1, 9)]
    assert said(due(CYCLES, stopped, ended)) == [("run", "01-01T02:00")]
    failed = [*stopped, job(nominal, "failed", ended, 9)]
    assert said(due(CYCLES, failed, ended)) == [("wait", "01-01T02:00")]
    assert said(due(CYCLES, failed, ended + CYCLE.retries[0])) == [("run", "01-01T02:00")]


def test_a_cycle_of_which_an_attempt_failed_that_nobody_repeated_is_left_out_with_the_reason():
    nominal = START + 2 * HOUR
    first = job(nominal, "failed", attempt=1, why="the disk is full")
    left, newest = due(CYCLES, [first], nominal + 6 * HOUR + MINUTE)
    assert (left.action, left.nominal, newest.action) == ("skip", nominal, "run")
    assert left.why == "attempt 1 failed (the disk is full); a later one does its work"
    every = [job(nominal, "failed", attempt=n) for n in range(1, 5)]
    assert said(due(CYCLES, every, nominal + 6 * HOUR + MINUTE)) == [("run", "01-01T08:00")]


def test_what_a_clock_that_ran_ahead_left_out_is_done_all_the_same():
    ahead = START + 400 * DAY
    wrong = job(START + HOUR + 27 * MINUTE, "skipped", ahead, flow="ingest", result={"through": iso(ahead)})
    before = job(START + 27 * MINUTE, flow="ingest")
    now = START + 2 * HOUR + 28 * MINUTE
    assert said(due([INGEST], [before, wrong], now)) == [("skip", "01-01T01:27"), ("run", "01-01T02:27")]


def test_a_clock_that_goes_back_repeats_nothing():
    done = [job(START + hour * HOUR, flow="ingest") for hour in (0.45, 1.45, 2.45)]
    for back in range(150):
        assert due([INGEST], done, START + 3 * HOUR - back * MINUTE) == []


def test_training_missed_on_monday_is_done_later_in_the_week_and_not_the_week_after():
    monday = datetime(2026, 1, 5, 4, tzinfo=UTC)
    last = job(monday - 7 * DAY, flow="retraining")
    assert said(due([RETRAINING], [last], monday + 3 * DAY)) == [("run", "01-05T04:00")]
    assert said(due([RETRAINING], [last], monday + 6.5 * DAY)) == [("skip", "01-05T04:00")]


@settings(max_examples=60)
@given(
    flow=st.sampled_from(flows()),
    looks=st.lists(
        st.tuples(st.integers(-180, 3000), st.sampled_from(["done", "failed", "killed"])), max_size=25
    ),
)
def test_whenever_one_looks_every_time_is_accounted_for_and_none_done_twice(flow, looks):
    entries, now, rows = entries_of(flow), START, []
    for minutes, outcome in looks:
        now += minutes * MINUTE
        for found in due(entries, rows, now):
            assert found.nominal + found.entry.begins <= now
            ahead = {"through": iso(found.through)} if found.times > 1 else {}
            attempt = 1 + sum(r.nominal == found.nominal for r in rows)
            if found.action == "skip":
                rows.append(job(found.nominal, "skipped", now, attempt, flow, result=ahead))
            elif found.action == "run":
                assert not any(r.state == "done" and r.nominal == found.nominal for r in rows)
                rows = [replace(r, state="failed", ended_at=now) if r.state == "running" else r for r in rows]
                state = "running" if outcome == "killed" else outcome
                rows.append(job(found.nominal, state, now, attempt, flow))
    done = [r.nominal for r in rows if r.state == "done"]
    assert len(done) == len(set(done))
    if rows:
        # a clock set back to before the first job ever shows times that nobody asked for
        states = account(entries, rows, rows[0].nominal, max(r.nominal for r in rows))
        assert "nothing" not in states.values()


def test_the_cron_lines_say_the_same_times_as_the_rhythm():
    for entry in TIMETABLE:
        minute, hour, day, month, weekday = entry.rhythm.cron(entry.begins).split()
        listed = {
            (int(h), int(m))
            for h in (range(24) if hour == "*" else hour.split(","))
            for m in minute.split(",")
        }
        week = entry.rhythm.times(START, START + 60 * DAY)
        told = {((t + 9 * HOUR + entry.begins).hour, (t + 9 * HOUR + entry.begins).minute) for t in week}
        assert (listed, day, month) == (told, "*", "*")
        days = {(t + 9 * HOUR).isoweekday() % 7 for t in entry.rhythm.times(START, START + 60 * DAY)}
        assert days == (set(range(7)) if weekday == "*" else {int(weekday)})


@pytest.mark.parametrize("entry", [entry for entry in TIMETABLE if not entry.at_once], ids=lambda e: e.flow)
def test_in_a_fresh_ledger_nightly_and_weekly_work_waits_for_its_next_time(entry):
    start = datetime(2026, 1, 14, tzinfo=UTC)
    [nominal, *_] = entry.rhythm.times(start, start + timedelta(days=8))
    assert due([entry], [], nominal + timedelta(hours=1, seconds=1)) == []
    [decided] = due([entry], [], nominal + timedelta(minutes=5))
    assert (decided.action, decided.nominal) == ("run", nominal)


@pytest.mark.parametrize("entry", [entry for entry in TIMETABLE if not entry.at_once], ids=lambda e: e.flow)
def test_what_never_ran_begins_however_late_one_looks_after_its_first_time(entry):
    """A node that is switched on by day only does its nightly work all the same."""
    start = datetime(2026, 1, 14, tzinfo=UTC)
    [nominal, *_] = entry.rhythm.times(start, start + timedelta(days=8))
    assert said(due([entry], [], nominal + 5 * HOUR, start)) == [("run", iso(nominal)[5:16])]
    assert due([entry], [], nominal + 5 * HOUR, nominal + MINUTE) == []
