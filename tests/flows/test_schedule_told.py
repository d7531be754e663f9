"""What the pages say of the schedule is what the schedule is."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alerts.policy import load_policy
from alerts.timetable import decision_of
from flows.plan import plan_measured
from flows.starts import cycle_times
from flows.timetable import CONFIRM, TIMETABLE
from pipeline.times import latest_cycle

DOCS = Path(__file__).parents[2] / "docs"
KST = timedelta(hours=9)


def test_the_pages_name_the_times_of_the_schedule():
    *first, last = cycle_times()
    assert f"{', '.join(first)} and {last} KST" in (DOCS / "commands.md").read_text("utf-8")
    assert f"{', '.join(cycle_times())} KST" in (DOCS / "operations.md").read_text("utf-8")


def test_the_cron_of_the_page_looks_often_enough_for_every_flow():
    page = (DOCS / "operations.md").read_text("utf-8")
    first, step = map(int, re.search(r"(?m)^(\d+)-56/(\d+) \* \* \* \* +sameair jobs run ", page).groups())
    looks = [timedelta(minutes=m) for m in range(first, 60, step)]
    for entry in TIMETABLE:
        start = datetime(2026, 1, 14, tzinfo=UTC)
        for nominal in entry.rhythm.times(start, start + timedelta(days=8)):
            begins = nominal + entry.begins
            waited = min(
                look for look in [*looks, timedelta(hours=1) + looks[0]] if look >= minutes_of(begins)
            )
            assert waited - minutes_of(begins) < timedelta(minutes=step)
            assert begins + waited - minutes_of(begins) <= nominal + (entry.waits or entry.matters)


def minutes_of(when):
    return timedelta(minutes=when.minute)


def test_the_page_of_the_timetable_says_what_the_timetable_says():
    page = (DOCS / "scheduling.md").read_text("utf-8")
    for entry in TIMETABLE:
        row = next(
            line for line in page.splitlines() if line.startswith(f"| {entry.flow}") and told(entry, line)
        )
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert cells[3] == span(entry.matters)
        assert cells[4] == span(entry.longest)
        pauses = ", ".join(f"{pause.total_seconds() / 60:.0f}" for pause in entry.retries)
        assert cells[5] == (f"{pauses} min" if pauses else "the next one")


def told(entry, line):
    return (entry is CONFIRM) == ("confirming" in line)


def span(length):
    days, hours = length / timedelta(days=1), length / timedelta(hours=1)
    if days > 1:
        return f"{days:.0f} days"
    return f"{hours:.0f} h" if hours >= 1 else f"{hours * 60:.0f} min"


@pytest.mark.parametrize("told", cycle_times())
def test_each_run_takes_the_cycle_of_its_hour_before_the_decision_that_it_serves(told):
    """One minute after 17 KST is 08:01 UTC: the cycle of 08 UTC, nine minutes before 17:10 KST."""
    hour, minute = map(int, told.split(":"))
    now = datetime(2026, 1, 14, hour, minute, tzinfo=UTC) - KST
    plan = plan_measured(None, now, drill=False)
    assert plan.cycle == latest_cycle(now) == now.replace(minute=0)
    assert plan.as_of == now
    policy = load_policy()
    decision = decision_of(policy.task(plan.cycle), plan.cycle, policy.review.timezone)
    assert decision is None or now < decision
