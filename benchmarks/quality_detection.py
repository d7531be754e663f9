"""How many injected faults quality control finds, and how many good hours it flags, on real series of 2019.

Takes the hourly PM2.5 of 864 Chinese stations (china_864_sites_2019 of ../shared/data, or the folder given),
writes faults into copies of it and asks the very functions that judge live data. Faults that the real series
hold count against us, as good hours that were flagged. Prints the tables of docs/quality.md.
``python -m benchmarks.quality_detection [folder]``
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from ingest import quality_fingerprint as prints
from ingest.quality_hourly import arrival_flags, in_range, review_flags
from ingest.quality_network import EARTH_KM, Near, around, closeness, find_near
from ingest.quality_stations import CLOCK_REACH_KM, PLACE_REACH_KM

Matrix = npt.NDArray[np.float64]
DATA = Path(__file__).parents[2] / "shared" / "data"
DAY = 24
QUANTITY = "pm2p5"
SEASONS = {"winter": 0, "spring": 100, "summer": 190, "autumn": 300}
"""First day of 45 days of each season."""
SEASON_DAYS = 45
MONTHS = (60, 120, 180, 240, 300)
"""First day of the 28 days in which clocks and places are judged."""
SHIFTS = (1, 2, 3, -3, 6, 8, 9, 12, 24)
DISTANCES = (0, 10, 20, 50, 100, 300, 3000)
LAG_GAINS = (0.05, 0.08, 0.1, 0.15, 0.2, 0.3)
SWAP_GAINS = (0.02, 0.03, 0.05, 0.07, 0.1, 0.15)


class Network(NamedTuple):
    """Hourly values (hours, stations), and where the stations are."""

    values: Matrix
    stations: pd.DataFrame
    names: list[str]


@dataclass(frozen=True)
class Fault:
    """A kind of fault: how long it lasts, and what it makes of the true values and the one before them."""

    name: str
    shortest: int
    longest: int
    change: Callable[[Matrix, float], Matrix]


def stuck(true: Matrix, before: float) -> Matrix:
    return np.where(np.isfinite(true), before, np.nan)


def add(much: float) -> Callable[[Matrix, float], Matrix]:
    return lambda true, _: true + much


def times(factor: float) -> Callable[[Matrix, float], Matrix]:
    return lambda true, _: true * factor


FAULTS = (
    Fault("stuck, 1 to 3 days", 24, 72, stuck),
    Fault("stuck, 12 to 23 h", 12, 23, stuck),
    Fault("spike +50", 1, 3, add(50)),
    Fault("spike +100", 1, 3, add(100)),
    Fault("spike +150", 1, 3, add(150)),
    Fault("spike +200", 1, 3, add(200)),
    Fault("spike +300", 1, 3, add(300)),
    Fault("spike +500", 1, 3, add(500)),
    Fault("spike +900", 1, 3, add(900)),
    Fault("unit, x 1000", 1, 24, times(1000)),
    Fault("unit, x 0.001", 1, 24, times(0.001)),
)


class Event(NamedTuple):
    """One injected fault."""

    fault: int
    station: int
    first: int
    hours: int


def network(folder: Path) -> Network:
    """Read the stations and their year."""
    table = pd.read_parquet(folder / "pm25" / "china_864_sites_2019.parquet")
    listed = pd.read_csv(folder / "stations" / "china_sites_ne_2019_stations.csv").set_index("code")
    listed = listed.loc[table.columns]
    names = [f"cnemc:{code}" for code in table.columns]
    place = {"station": names, "latitude": listed["lat"].to_numpy(), "longitude": listed["lon"].to_numpy()}
    return Network(table.to_numpy("float64"), pd.DataFrame(place), names)


def inject(
    values: Matrix, faults: Sequence[Fault], rng: np.random.Generator, days_between: float = 12
) -> tuple[Matrix, list[Event]]:
    """Write faults into a copy, about one per station in so many days, none within two days of another.

    A fault needs a value before it, and values in at least half of its (first 24) hours.
    """
    hours, stations = values.shape
    out, events = values.copy(), []
    for station in range(stations):
        hour = int(rng.integers(30, 60))
        while hour < hours - 24:
            number = int(rng.integers(len(faults)))
            fault = faults[number]
            length = int(rng.integers(fault.shortest, fault.longest + 1))
            true, before = values[hour : hour + length, station], values[hour - 1, station]
            first = true[:DAY]
            if np.isfinite(before) and np.isfinite(true[0]) and np.isfinite(first).mean() >= 0.5:
                out[hour : hour + length, station] = fault.change(true, float(before))
                events.append(Event(number, station, hour, len(true)))
            hour += length + int(rng.integers(48, max(49, int(2 * DAY * days_between))))
    return out, events


def found_within_a_day(arrival: npt.NDArray[np.bool_], review: npt.NDArray[np.bool_], event: Event) -> bool:
    """Tell whether an hour of the fault was flagged by 24 h after its first.

    Reviews come every six hours and need up to six later hours: of what is older than 12 h they have spoken.
    """
    end = event.first + event.hours
    return bool(
        arrival[event.first : min(end, event.first + DAY + 1), event.station].any()
        or review[event.first : min(end, event.first + DAY // 2 + 1), event.station].any()
    )


class Detection(NamedTuple):
    """Events and those found by fault; hours not touched, and those flagged on arrival and in the end."""

    events: npt.NDArray[np.int64]
    found: npt.NDArray[np.int64]
    good: int
    flagged: int
    left: int


def detection(values: Matrix, near: Near, faults: Sequence[Fault], rng: np.random.Generator) -> Detection:
    """Inject faults and count what the flags of arrival and of the review find."""
    faulty, events = inject(values, faults, rng)
    failed = np.isfinite(faulty) & ~np.isfinite(in_range(QUANTITY, faulty))
    arrival = (arrival_flags(QUANTITY, faulty, near) == 1) | failed
    second = review_flags(QUANTITY, faulty, near)
    review = (second == 1) | failed
    final = np.where(second == 3, arrival, review)
    touched = np.zeros(values.shape, np.bool_)
    count, found = np.zeros((2, len(faults)), np.int64)
    for event in events:
        touched[event.first : event.first + event.hours, event.station] = True
        count[event.fault] += 1
        found[event.fault] += found_within_a_day(arrival, review, event)
    good = np.isfinite(values) & ~touched
    return Detection(count, found, int(good.sum()), int((arrival & good).sum()), int((final & good).sum()))


def hourly_tables(net: Network) -> None:
    """Print what is found within a day and what is flagged wrongly, by season."""
    near = find_near(net.stations, net.names)
    results = {}
    for season, day in SEASONS.items():
        part = net.values[day * DAY : (day + SEASON_DAYS) * DAY]
        results[season] = detection(part, near, FAULTS, np.random.default_rng(day))
    print("\nfound within 24 h [%]   " + "".join(f"{s:>9}" for s in results) + "      all   events")
    for n, fault in enumerate(FAULTS):
        events, found = (sum(r[k][n] for r in results.values()) for k in (0, 1))
        cells = "".join(f"{100 * r.found[n] / r.events[n]:9.1f}" for r in results.values())
        print(f"{fault.name:24}{cells}{100 * found / events:9.1f}{events:9d}")
    good = sum(r.good for r in results.values())
    for label, key in (("flagged on arrival", "flagged"), ("flagged after review", "left")):
        cells = "".join(f"{100 * getattr(r, key) / r.good:9.3f}" for r in results.values())
        total = sum(getattr(r, key) for r in results.values())
        print(f"{label:24}{cells}{100 * total / good:9.3f}{good:9d} good hours")


def shifted(values: Matrix, hours: int) -> Matrix:
    """Return series whose stamps are late by so many hours (negative: early)."""
    out = np.full(values.shape, np.nan)
    if hours > 0:
        out[hours:] = values[:-hours]
    else:
        out[:hours] = values[-hours:]
    return out


def clock_shares(net: Network, day: int, shift: int, gains: Sequence[float]) -> tuple[int, list[float]]:
    """Return how many stations can be judged, and the share whose clock is in doubt at each threshold.

    Each station is shifted by itself, against neighbours that are right.
    """
    near = find_near(net.stations, net.names, CLOCK_REACH_KM)
    true = net.values[day * DAY : day * DAY + prints.WINDOW_HOURS]
    late = shifted(true, shift) if shift else true
    others = around(true, near).median
    gain, _, best = prints.lag_gains(late, near, others)
    known = np.isfinite(gain)
    shares = [float(((gain > g) & (best >= prints.LAG_LEAST))[known].mean()) for g in gains]
    return int(known.sum()), shares


def clock_table(net: Network) -> None:
    """Print the share of stations whose clock is in doubt by threshold: shifted ones, and unharmed ones."""
    print("\nclock in doubt after 28 days [%], by gain   " + "".join(f"{g:8.2f}" for g in LAG_GAINS))
    for shift in (0, *SHIFTS):
        shares = np.mean([clock_shares(net, day, shift, LAG_GAINS)[1] for day in MONTHS], axis=0)
        label = f"shifted by {shift:+d} h" if shift else "not shifted (false)"
        print(f"{label:44}" + "".join(f"{100 * s:8.1f}" for s in shares))


def place_table(net: Network) -> None:
    """Print the share of exchanged pairs found by distance and threshold, and of unharmed stations."""
    place = net.stations[["latitude", "longitude"]].to_numpy()
    far = EARTH_KM * np.arccos(np.clip(closeness(place[:, 0], place[:, 1]), -1, 1))
    near = find_near(net.stations, net.names, PLACE_REACH_KM)
    false, found = [], []
    for day in MONTHS:
        now = net.values[day * DAY : day * DAY + prints.WINDOW_HOURS]
        before = net.values[day * DAY - prints.REFERENCE_HOURS : day * DAY]
        gains = prints.swap_gains(before, now, near)
        best = np.where(np.isfinite(gains), gains, -np.inf).max(axis=1)
        false.append([(best > g).mean() for g in SWAP_GAINS])
        bands = pairwise(DISTANCES)
        pairs = [np.triu((far >= low) & (far < high) & np.isfinite(gains), 1) for low, high in bands]
        found.append([[(-gains[p] > g).mean() for g in SWAP_GAINS] for p in pairs])
    print("\nplace in doubt after 28 days [%], by gain   " + "".join(f"{g:8.2f}" for g in SWAP_GAINS))
    print(f"{'not exchanged (false)':44}" + "".join(f"{100 * s:8.1f}" for s in np.mean(false, axis=0)))
    for n, shares in enumerate(np.mean(found, axis=0)):
        label = f"exchanged over {DISTANCES[n]} to {DISTANCES[n + 1]} km"
        print(f"{label:44}" + "".join(f"{100 * s:8.1f}" for s in shares))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=DATA)
    net = network(parser.parse_args().folder)
    began = time.perf_counter()
    hourly_tables(net)
    clock_table(net)
    place_table(net)
    print(f"\n{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
