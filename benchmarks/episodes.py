"""How long a cycle takes to judge a thousand open episodes and enter what follows, beside its limit of 10 s.

Invented cities, half of each party, all with an open episode that meets one of the other party, so that half
as many joint warnings wait; the ledger (SQLite, on disk) also holds as many episodes that are over. Each
cycle assesses the days of every city from 1,000 samples, follows episodes, pairs them, drafts what changed
and enters revisions and drafts by the very function of a run. ``python -m benchmarks.episodes [number ...]``
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import xarray as xr

from alerts.assessment import Assessment, CityAssessment, RunFacts, assess_city
from alerts.policy import Policy, load_policy
from flows.assess import file_proposal
from pipeline.cities import city
from pipeline.ledger import Ledger, open_ledger
from pipeline.times import hour_range, iso, local_date, local_day_bounds, parse_instant

LIMIT_SECONDS = 10.0
GROWTH = (125, 250, 500, 1000)
CYCLES = 3
MEMBERS = 1000
VARIANTS = 8
"""Different paths, which the cities share; making them is not measured."""
FIRST = parse_instant("2026-01-14T02:00Z")
WORLD = "simulated-7"


def policy_for(names: list[str]) -> Policy:
    """Return the packaged policy with thresholds for the invented cities."""
    policy = load_policy()
    levels = tuple(
        replace(x, threshold={**x.threshold, **dict.fromkeys(names, x.threshold["seoul"])})
        for x in policy.level
    )
    return replace(policy, level=levels)


def paths_at(issue: datetime, rng: np.random.Generator, *, over: bool) -> xr.Dataset:
    """Return the joint paths of a city: three measured days, then samples that are high, or clean if over."""
    zone = city("seoul").timezone
    today = local_date(issue, zone)
    start = local_day_bounds(today - timedelta(days=3), zone)[0]
    grid = hour_range(start, local_day_bounds(today + timedelta(days=3), zone)[1])
    level = 10.0 if over else 70.0
    values = level + rng.normal(0, 15, (MEMBERS, 1, len(grid))).cumsum(axis=2) / 12
    is_observed = grid <= np.datetime64(issue.replace(tzinfo=None))
    values[:, :, is_observed] = values[:1, :, is_observed]
    return xr.Dataset(
        {
            "pm2p5": (("realization", "city", "time"), values),
            "is_observed": (("city", "time"), is_observed[None]),
        },
        coords={"realization": np.arange(MEMBERS), "city": ["seoul"], "time": grid},
        attrs={"world": WORLD},
    )


def assessed(names: list[str], paths: list[xr.Dataset], issue: datetime, policy: Policy) -> Assessment:
    """Assess every city, each from one of the paths."""
    found: list[CityAssessment] = []
    for number, name in enumerate(names):
        one = assess_city(paths[number % len(paths)], city("seoul"), policy, issue)
        found.append(replace(one, city=name, party=("seoul", "beijing")[number % 2]))
    return Assessment(tuple(found))


def facts(cycle: int) -> RunFacts:
    """Return the facts of a cycle."""
    issue = FIRST + timedelta(hours=6 * cycle)
    return RunFacts(f"01KEXRUN{cycle:018d}", WORLD, "simulated", issue, issue + timedelta(minutes=30), "m")


def measure(number: int) -> tuple[float, float]:
    """Return the longest wall time and processor time of a cycle with this many open episodes [s]."""
    names = [f"city{n}" for n in range(number)]
    policy, rng = policy_for(names), np.random.default_rng(7)
    worst = (0.0, 0.0)
    with tempfile.TemporaryDirectory() as folder:
        ledger = open_ledger(f"sqlite:///{Path(folder) / 'ledger.sqlite'}")
        for cycle in range(-4, CYCLES):
            issue = facts(cycle).issue_time
            paths = [paths_at(issue, rng, over=-3 <= cycle < 0) for _ in range(VARIANTS)]
            begun, used = time.perf_counter(), time.process_time()
            entered(ledger, assessed(names, paths, issue, policy), policy, cycle)
            took = (time.perf_counter() - begun, time.process_time() - used)
            worst = max(worst, took) if cycle >= 0 else worst
        ledger.close()
    return worst


def entered(ledger: Ledger, known: Assessment, policy: Policy, cycle: int) -> None:
    """Decide and enter one cycle, and check that it held as many open episodes as are said."""
    with ledger.write() as conn:
        found, _ = file_proposal(conn, known, policy, facts(cycle))
    live = sum(e.ledger_state == "open" for e in found.episodes)
    if cycle >= 0 and live < len(known.cities):
        raise SystemExit(f"only {live} of {len(known.cities)} episodes are open at {iso(FIRST)}")


def main() -> int:
    """Print the figures by number of episodes and return 1 if the largest is over the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("number", nargs="*", type=int, default=list(GROWTH))
    total = 0.0
    for number in parser.parse_args().number:
        took = measure(number)
        total = took[1]
        print(
            f"{number:>6} open episodes: {took[1]:.2f} s on one processor, {took[0]:.2f} s of wall time; "
            f"limit {LIMIT_SECONDS:.0f} s",
            flush=True,
        )
    return int(total > LIMIT_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
