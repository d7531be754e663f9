"""What the pages say of the schedule is what the schedule is."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alerts.policy import load_policy
from alerts.timetable import decision_of
from flows.deployments import cycle_times
from flows.plan import plan_measured
from pipeline.times import latest_cycle

DOCS = Path(__file__).parents[2] / "docs"
KST = timedelta(hours=9)


def test_the_pages_name_the_times_of_the_schedule():
    *first, last = cycle_times()
    assert f"{', '.join(first)} and {last} KST" in (DOCS / "commands.md").read_text("utf-8")
    assert f"{', '.join(cycle_times())} KST" in (DOCS / "operations.md").read_text("utf-8")


def test_the_cron_of_the_page_runs_cycles_when_the_schedule_does():
    lines = re.findall(
        r"(?m)^(\d+) ([\d,]+) \* \* \* +sameair run ", (DOCS / "operations.md").read_text("utf-8")
    )
    utc = [datetime(2026, 1, 14, int(h), int(m), tzinfo=UTC) for m, hours in lines for h in hours.split(",")]
    assert sorted(f"{at + KST:%H:%M}" for at in utc) == list(cycle_times())


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
