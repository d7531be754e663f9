"""How heavy work grows: seconds on the processor by issues, columns, outputs and parcels, with exponents.

Each piece is timed on its own at several sizes, on one thread; the exponents are those of a straight line
through the logarithms. From the largest size follow coefficients, from these the table for 10, 100 and 1,000
cities of docs/heavy-work.md. Ends with code 1 if the fit of a city grows faster than the rows to the third
power. ``python -m benchmarks.heavy_costs``
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.heavy_scene import block_of_paths
from benchmarks.trajectory_scene import scene
from forecasting.calibration.adaptive import Past
from forecasting.calibration.calibrator import fit_calibration
from forecasting.calibration.groups import groups_of
from forecasting.kernel.gram import gram_of
from forecasting.kernel.solve import coefficients, held_out_errors, inverse, year_blocks
from pipeline.asof import AsOfSeries
from pipeline.asof_blocks import window_known
from pipeline.threads import single_threaded

STEEPEST = 3.3
YEARS, ROWS, COLUMNS, OUTPUTS, SERIES = 5, 1794, 2731, 131, 469
"""Of the models of both cities: years, past issues at one hour, columns, outputs of a city, series."""

VARIANTS, HOURS, PENALTIES = 5, 4, 5
PATHS_A_YEAR = 1460 * 2
"""Two heights for each arrival, six-hourly."""


def main() -> int:
    """Time every piece, and print what follows."""
    print(f"load of the machine {os.getloadavg()[0]:.1f}; seconds on the processor, one thread")
    kernel = grown("kernel, by rows", gram_seconds, (400, 800, 1600))
    wide = grown("kernel, by columns", lambda p: gram_seconds(800, p), (700, 1400, 2800))
    solved = grown("solving one penalty, by rows", solve_seconds, (400, 800, 1600))
    many = grown("solving, by outputs", lambda m: solve_seconds(800, m), (65, 130, 260))
    read = grown("situations of a series, by issues", situation_seconds, (500, 1000, 2000))
    marked = grown("calibration, by outputs", calibration_seconds, (65, 130, 260))
    moved = grown("paths of 48 h, by parcels", paths_seconds, (250, 500, 1000))
    one = city_seconds(kernel, wide, solved, marked)
    reading = read.at(ROWS) * HOURS
    print(
        f"\none city, one quantity: {one:.0f} s; one series: {reading:.2f} s; a path of 72 h: "
        f"{moved.at(1000) / 1000 * 1.5 * 1e3:.1f} ms"
    )
    print("cities  series  columns  train s  matrices s  model MB  paths of a year s")
    for cities, pooled in ((2, SERIES), (10, SERIES), (10, 1000), (100, SERIES), (100, 4000), (1000, SERIES)):
        columns = COLUMNS * pooled / SERIES
        train = 2 * cities * city_seconds(kernel, wide, solved, marked, columns)
        paths = cities * PATHS_A_YEAR * moved.at(1000) / 1000 * 1.5
        size = 2 * HOURS * ROWS * (columns * 2 + cities * OUTPUTS * 4 * (VARIANTS + 4)) / 1e6
        numbers = (cities, pooled, columns, train, pooled * reading, size, paths)
        print("{:6d} {:7d} {:8.0f} {:8.0f} {:11.0f} {:9.0f} {:18.0f}".format(*numbers))
    steep = max(kernel.exponent, solved.exponent)
    return int(steep > STEEPEST or many.exponent > 1.5)


class Growth:
    """Seconds at several sizes, and the exponent by which they grow."""

    def __init__(self, sizes: Sequence[int], seconds: Sequence[float]) -> None:
        self.sizes, self.seconds = sizes, seconds
        self.exponent = float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])

    def at(self, size: float) -> float:
        """Return the seconds of a size, from the largest measured one and the exponent."""
        return self.seconds[-1] * float(size / self.sizes[-1]) ** self.exponent


def grown(what: str, cost: Callable[[int], float], sizes: Sequence[int]) -> Growth:
    """Time a piece at several sizes, the better of two, and print it."""
    found = Growth(sizes, [min(single_threaded(cost, n), single_threaded(cost, n)) for n in sizes])
    shown = ", ".join(f"{n}: {s:.3f}" for n, s in zip(sizes, found.seconds, strict=True))
    print(f"{what:36s} {shown:44s} exponent {found.exponent:.2f}", flush=True)
    return found


def city_seconds(
    kernel: Growth, wide: Growth, solved: Growth, marked: Growth, columns: float = COLUMNS
) -> float:
    """Return what one city costs for one quantity: all hours, variants and penalties."""
    gram = kernel.at(ROWS) * wide.at(columns) / wide.at(1400)
    fits = VARIANTS * (gram + PENALTIES * solved.at(ROWS) + marked.at(OUTPUTS))
    return HOURS * fits


def gram_seconds(rows: int, columns: int = 1400) -> float:
    """Return what a kernel of standardised situations costs."""
    rng = np.random.default_rng(0)
    z = rng.standard_normal((rows, columns)).astype(np.float32)
    begun = time.process_time()
    gram = gram_of(z, np.ones(columns, np.float32), 0)
    gram.between(z, z)
    return time.process_time() - begun


def solve_seconds(rows: int, outputs: int = OUTPUTS // PENALTIES) -> float:
    """Return what one penalty's outputs cost, a twentieth of the truths unknown, with held-out years."""
    rng = np.random.default_rng(0)
    a = rng.standard_normal((rows, rows + 100))
    kernel, truth = a @ a.T / rows, rng.standard_normal((rows, outputs))
    truth[rng.random(rows) < 0.05] = np.nan
    issues = np.datetime64("2015-01-01", "ns") + np.arange(rows) * np.timedelta64(24 * 1826 // rows, "h")
    begun = time.process_time()
    inverted = inverse(kernel, 1.0)
    held_out_errors(inverted, coefficients(inverted, truth), year_blocks(issues.astype("M8[ns]")))
    return time.process_time() - begun


def calibration_seconds(outputs: int) -> float:
    """Return what calibrating so many outputs costs."""
    rng = np.random.default_rng(0)
    issues = np.datetime64("2015-01-01", "ns") + np.arange(ROWS) * np.timedelta64(24, "h")
    past = Past(
        issues.astype("M8[ns]"), rng.standard_normal((ROWS, outputs)), np.tile(issues[:, None], outputs)
    )
    lead = np.arange(outputs) % 16
    groups = groups_of([f"{n // 65}" for n in range(outputs)], np.full(outputs, "interval"), lead)
    begun = time.process_time()
    fit_calibration(past, rng.standard_normal((ROWS, outputs)), rng.standard_normal((ROWS, 4)), groups)
    return time.process_time() - begun


def situation_seconds(issues: int) -> float:
    """Return what the six windows of one hourly series of five years cost."""
    times = np.datetime64("2015-01-01", "ns") + np.arange(1, 8766 * YEARS) * np.timedelta64(3_600_000_000_000)
    series = AsOfSeries(times, times, np.random.default_rng(0).standard_normal(len(times)))
    asked = times[1000 :: max(1, (len(times) - 1000) // issues)][:issues]
    begun = time.process_time()
    for _ in range(5):
        window_known(series, asked, [(0, 3), (0, 6), (0, 24), (24, 48), (-1, 5), (5, 11)])
    return (time.process_time() - begun) / 5


def paths_seconds(parcels: int) -> float:
    """Return what paths of 48 hours cost."""
    wind = scene(parcels, 48)
    begun = time.process_time()
    block_of_paths(wind, 0)
    return time.process_time() - begun


if __name__ == "__main__":
    sys.exit(main())
