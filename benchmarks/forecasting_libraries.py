"""Our kernel regression against mlforecast and skforecast with LightGBM: time, latency and accuracy.

Hourly stations of one city, three years to learn from, 90 days of daily issues at 08 UTC afterwards, 72
leads, the quantiles of our forecasts. All learn ln(c + 5) from the same past values, means and calendar, on
one thread. Time counts from raw series to the ability to state all quantiles: ours takes its errors from
held-out years in closed form, theirs from windows that are trained and forecast apart. Stations are measured
ones if SAMEAIR_DATA_DIR names a folder with imported archives, else invented ones.

``python -m benchmarks.forecasting_libraries`` where ``benchmarks/requirements.lock`` is installed too
"""

from __future__ import annotations

import os

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")

import argparse
import sys
from dataclasses import replace

import numpy as np

from benchmarks.library_ours import ours
from benchmarks.library_peers import direct, recursive, skforecast
from benchmarks.library_scene import Outcome, Stations, scores, stations_of
from forecasting.targets import to_level, to_log

LEVELS = ("recursive-level", "skforecast-level", "daily-level")
"""The same who learn concentrations as they are: intervals are symmetric on the scale that is learned."""

CONTESTANTS = ("ours", "recursive", "skforecast", "daily", *LEVELS, "direct")


def run(stations: Stations, chosen: list[str], every: int) -> list[Outcome]:
    """Let the chosen contestants learn and forecast, ours first; each is printed as it is done."""
    levels = replace(stations, logs=to_level(stations.logs))
    leads = np.arange(every, stations.leads + 1, every)
    jobs = {
        "ours": lambda: ours(stations),
        "recursive": lambda: [recursive(stations)],
        "skforecast": lambda: [skforecast(stations)],
        "daily": lambda: [direct(stations, leads, daily=True)],
        "direct": lambda: [direct(stations, leads, daily=False)],
    }
    jobs |= {
        "recursive-level": lambda: [recursive(levels)],
        "skforecast-level": lambda: [skforecast(levels)],
        "daily-level": lambda: [direct(levels, leads, daily=True)],
    }
    found: list[Outcome] = []
    for name in chosen:
        for outcome in jobs[name]():
            if name.endswith("-level"):
                said = to_log(outcome.quantiles)
                outcome = replace(outcome, name=f"{outcome.name}, ug m-3", quantiles=said)
            found.append(outcome)
            report(outcome, found[0], stations, leads)
    return found


def report(one: Outcome, first: Outcome, stations: Stations, leads: np.ndarray) -> None:
    """Print times of one contestant, how many times the first's they are, and its scores."""
    truth = stations.truth(stations.issues(test=True))
    some = truth[:, leads - 1]
    whole = one.quantiles.shape[1] == stations.leads
    rmse, pinball, inside = scores(one.quantiles, truth) if whole else (np.nan,) * 3
    rmse_some, pinball_some, _ = scores(one.quantiles[:, leads - 1] if whole else one.quantiles, some)
    print(
        f"{one.name:44s} {one.wall:8.1f} {one.cpu:8.1f} {one.cpu / first.cpu:6.1f} {one.latency * 1e3:9.0f} "
        f"{one.latency / first.latency:7.1f} {rmse:7.2f} {pinball:7.3f} {inside:6.2f} "
        f"{rmse_some:7.2f} {pinball_some:7.3f}  {one.note}",
        flush=True,
    )


def main() -> int:
    """Print a table; return 1 if another learned in less time on the processor."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stations", type=int, default=25)
    parser.add_argument("--days", type=int, default=1095)
    parser.add_argument("--leads", type=int, default=72)
    parser.add_argument("--every", type=int, default=12, help="direct models are trained for every such lead")
    parser.add_argument("--only", choices=CONTESTANTS, nargs="+", default=list(CONTESTANTS))
    asked = parser.parse_args()
    stations = stations_of(asked.stations, asked.days, asked.leads)
    print(
        f"{len(stations.names)} stations {stations.what}, {asked.days} days, {asked.leads} leads, "
        f"{len(stations.issues(test=True))} issues of the test; * on every {asked.every}th lead alone"
    )
    print(
        f"{'':44s} {'wall s':>8s} {'CPU s':>8s} {'ratio':>6s} {'issue ms':>9s} {'ratio':>7s} "
        f"{'RMSE':>7s} {'pinball':>7s} {'in 80%':>6s} {'RMSE*':>7s} {'pinb.*':>7s}"
    )
    found = run(stations, [name for name in CONTESTANTS if name in asked.only], asked.every)
    mine = next((o for o in found if o.name.startswith("sameair")), None)
    return int(mine is not None and any(o.cpu < mine.cpu for o in found))


if __name__ == "__main__":
    sys.exit(main())
