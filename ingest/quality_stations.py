"""Verdicts on stations: whose clock or place is in doubt, since when, and when the doubt is over."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from ingest.quality_fingerprint import (
    LAG_GAIN,
    REFERENCE_HOURS,
    SWAP_GAIN,
    WINDOW_HOURS,
    lag_gains,
    late_clocks,
    swap_gains,
    swapped,
)
from ingest.quality_grid import as_matrix
from ingest.quality_hourly import in_range
from ingest.quality_network import Matrix, find_near
from pipeline.ledger.verdicts import CLEARED, SUSPECT, Verdict
from pipeline.names import QC_FAIL, QC_SUSPECT
from pipeline.times import to_ns

QUANTITY: Final = "pm2p5"
"""Clock and place of a station are judged by PM2.5, which most of them measure."""
CLOCK_REACH_KM: Final = 100.0
PLACE_REACH_KM: Final = 300.0
CLOCK: Final = "clock_shift"
PLACE: Final = "swapped"
WINDOW: Final = timedelta(hours=WINDOW_HOURS)
REFERENCE: Final = timedelta(hours=REFERENCE_HOURS)
SETTLED: Final = WINDOW + REFERENCE
"""So long after a verdict on its place, what came before is no reference for a station."""

Reader = Callable[[Sequence[str], datetime, datetime], pd.DataFrame]
"""Reads hourly PM2.5 (OBSERVATION_COLUMNS) of stations, start < time ≤ end."""


class _Case(NamedTuple):
    """What is known when verdicts are made: stations, hours, and the verdicts so far."""

    names: tuple[str, ...]
    now: Matrix
    before: Matrix
    end: datetime
    known: Mapping[tuple[str, str], Verdict]

    def verdict(self, station: int, kind: str, state: str, score: float, detail: str) -> Verdict:
        """Make a verdict on the hours of the window."""
        name, since = self.names[station], self.end - WINDOW
        old = self.known.get((name, kind))
        if state == CLEARED and old is not None:
            since = old.since
        return Verdict(name, QUANTITY, kind, state, since, self.end, score, detail)

    def is_open(self, station: int, kind: str) -> bool:
        """Tell whether the newest verdict of a kind is a doubt."""
        old = self.known.get((self.names[station], kind))
        return old is not None and old.state == SUSPECT


def judge_stations(
    read: Reader, stations: pd.DataFrame, known: Sequence[Verdict], *, now: datetime
) -> list[Verdict]:
    """Return the verdicts that are new: doubts that arose, and doubts that are over.

    Where a clock is in doubt the place cannot be judged.

    Parameters
    ----------
    read : gives the hours of stations; it is asked for 28 and 60 days up to ``now``
    stations : STATION_COLUMNS; those with intervals over an hour or without coordinates are not judged
    known : newest verdict of each station and kind
    now : the last full hour, UTC
    """
    usable = stations["latitude"].notna() & stations["longitude"].notna() & (stations["interval_hours"] <= 1)
    listed = stations[usable]
    rows = read(listed["station"].astype(str).tolist(), now - SETTLED, now)
    if not len(rows):
        return []
    names = tuple(sorted(str(name) for name in rows["station"].unique()))
    table = _matrix(rows, names, now, WINDOW_HOURS + REFERENCE_HOURS)
    newest = {(v.station, v.kind): v for v in known if v.quantity == QUANTITY}
    case = _Case(names, table[REFERENCE_HOURS:], table[:REFERENCE_HOURS], now, newest)
    clocks = _clocks(case, listed)
    late = {v.station for v in clocks if v.state == SUSPECT}
    late |= {name for i, name in enumerate(names) if case.is_open(i, CLOCK)}
    case.now[:, [name in late for name in names]] = np.nan
    return [*clocks, *_places(case, listed), *_places_again(case, listed, read)]


def _matrix(rows: pd.DataFrame, names: Sequence[str], end: datetime, hours: int) -> Matrix:
    """Return the believed values of stations up to an interval end."""
    good = rows[~rows["qc"].isin((QC_SUSPECT, QC_FAIL))]
    return in_range(QUANTITY, as_matrix(good, names, to_ns(end), hours))


def _clocks(case: _Case, stations: pd.DataFrame) -> list[Verdict]:
    near = find_near(stations, case.names, CLOCK_REACH_KM)
    found = [
        case.verdict(lag.station, CLOCK, SUSPECT, lag.gain, f"its hours fit {_late(lag.hours)}")
        for lag in late_clocks(case.now, near)
        if not case.is_open(lag.station, CLOCK)
    ]
    gains = lag_gains(case.now, near)[0]
    over = [i for i in range(len(case.names)) if case.is_open(i, CLOCK) and gains[i] < LAG_GAIN / 2]
    return found + [case.verdict(i, CLOCK, CLEARED, float(gains[i]), "its hours fit again") for i in over]


def _late(hours: int) -> str:
    """Say by how much a clock is off.

    >>> _late(3), _late(-9)
    ('if its stamps are 3 h late', 'if its stamps are 9 h early')
    """
    return f"if its stamps are {abs(hours)} h {'late' if hours > 0 else 'early'}"


def _places(case: _Case, stations: pd.DataFrame) -> list[Verdict]:
    """Raise doubts about places by the months before; not where those were in doubt themselves."""
    near = find_near(stations, case.names, PLACE_REACH_KM)
    found = []
    for pair in swapped(case.before, case.now, near):
        for one, other in ((pair.first, pair.second), (pair.second, pair.first)):
            old = case.known.get((case.names[one], PLACE))
            if old is None or (old.state == CLEARED and case.end - old.noticed_at > SETTLED):
                detail = f"its hours fit better at {case.names[other]}"
                found.append(case.verdict(one, PLACE, SUSPECT, pair.gain, detail))
    return list({v.station: v for v in found}.values())


def _places_again(case: _Case, stations: pd.DataFrame, read: Reader) -> list[Verdict]:
    """Look again at places in doubt, by the hours before the doubt arose."""
    places = {name: n for n, name in enumerate(case.names)}
    doubts = [v for v in case.known.values() if v.kind == PLACE and v.state == SUSPECT]
    doubts = [v for v in doubts if v.station in places]
    over = []
    for since in sorted({v.since for v in doubts}):
        here = [places[v.station] for v in doubts if v.since == since]
        gains = _frozen_gains(case, stations, read, since, here)
        settled = [i for i, gain in zip(here, gains, strict=True) if gain < SWAP_GAIN / 2]
        over += [case.verdict(i, PLACE, CLEARED, 0.0, "its hours fit its place again") for i in settled]
    return over


def _frozen_gains(
    case: _Case, stations: pd.DataFrame, read: Reader, since: datetime, here: Sequence[int]
) -> list[float]:
    """Return by how much each of some stations fits another place, given the 60 days before an instant."""
    near = find_near(stations, case.names, PLACE_REACH_KM)
    around = set(here) | {int(k) for i in here for k in near.index[i][near.there[i]]}
    chosen = sorted(around)
    names = [case.names[i] for i in chosen]
    rows = read(names, since - REFERENCE, since)
    if not len(rows):
        return [np.nan] * len(here)
    before = _matrix(rows, names, since, REFERENCE_HOURS)
    part = find_near(stations, names, PLACE_REACH_KM)
    gains = swap_gains(before, case.now[:, chosen], part)
    best = np.where(np.isfinite(gains), gains, -np.inf).max(axis=1)
    return [float(best[chosen.index(i)]) if np.isfinite(best[chosen.index(i)]) else np.nan for i in here]
