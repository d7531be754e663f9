"""Whether one city's exceedances follow another's beyond chance, where the paths of the air agree.

Chance keeps what is not transport: other years' upwind days at the same season, in their own order, so that
season and persistence stay. What remains may still be weather that both cities share; the reverse-lag
placebo, upwind days as long *after* the air arrived as it had passed *before*, holds that and no transport.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Order = Literal["before", "after"]
Confidence = Literal["none", "weak", "moderate", "strong"]

YEAR_DAYS: Final = 365.25
SHIFT_DAYS: Final = tuple(range(-21, 22, 3))
"""Besides whole years, other years' days are moved by so many days [d]."""

BLOCK_DAYS: Final = 14
"""Days that are drawn together by the bootstrap: longer than an episode [d]."""

RESAMPLES: Final = 1000
INTERVAL: Final = (0.05, 0.95)
FEWEST_DAYS: Final = 20
FEWEST_HITS: Final = 10
"""Below so many days on which upwind exceeded and paths agree, or so many of them on which downwind exceeded,
there is no confidence."""

SIGNIFICANT: Final = 0.1
MODERATE: Final = 0.10
STRONG: Final = 0.25
"""Excess over chance from which confidence is moderate, and strong [1]."""


@dataclass(frozen=True)
class Passings:
    """When the air of paths had passed the upwind city; one row a path that arrived.

    Parameters
    ----------
    arrived : local day of the downwind city on which it arrived, counted from the first day
    lag : hours between passing and arriving, NaN where it did not pass [h]
    before, after : local day of the upwind city that lag before the arrival, and that lag after it
    days : number of days of the record
    """

    arrived: Ints
    lag: Floats
    before: Ints
    after: Ints
    days: int

    def share(
        self, exceeded: Flags, order: Order = "before", lags: tuple[float, float] = (0, np.inf)
    ) -> Floats:
        """Return, per downwind day, the share of its paths that passed while upwind exceeded (day) [1].

        Parameters
        ----------
        exceeded : (day) of the upwind city
        lags : only passings with first < lag ≤ second count [h]
        """
        at = self.before if order == "before" else self.after
        inside = (at >= 0) & (at < self.days)
        counted = inside & (self.lag > lags[0]) & (self.lag <= lags[1])
        counted &= exceeded[np.clip(at, 0, self.days - 1)]
        paths = np.bincount(self.arrived, minlength=self.days)
        passed = np.bincount(self.arrived, weights=counted, minlength=self.days)
        share: Floats = passed / np.maximum(paths, 1)
        return share


@dataclass(frozen=True)
class Excess:
    """How much oftener downwind exceeded than by chance, on days on which the condition held.

    Parameters
    ----------
    days, hits : days of the condition, and those of them on which downwind exceeded
    rate, chance : hits a day; the same with other years' upwind days
    excess, low, high : rate less chance, and its 90 % interval from blocks of days
    p_value : share of the other years' records with at least the rate, of those with a day of the condition
    """

    label: str
    days: int
    hits: int
    rate: float | None
    chance: float | None
    excess: float | None
    low: float | None
    high: float | None
    p_value: float


@dataclass(frozen=True)
class LinkTest:
    """Upwind and downwind exceedances by day, with what is drawn at random.

    Parameters
    ----------
    upwind, downwind : (day) whether each city's day mean exceeded its threshold
    rng : draws the blocks of the bootstrap
    needed : share of a day's paths that must have passed while upwind exceeded [1]
    known : (day) whether downwind was measured; other days do not count, neither as hits nor as misses
    """

    upwind: Flags
    downwind: Flags
    passings: Passings
    rng: np.random.Generator = field(repr=False)
    needed: float = 0.25
    known: Flags | None = None

    def by_path(
        self,
        label: str,
        order: Order = "before",
        chosen: Flags | None = None,
        lags: tuple[float, float] = (0, np.inf),
    ) -> Excess:
        """Return the excess on days whose paths passed an exceeding upwind city.

        Parameters
        ----------
        order : ``after`` is the placebo
        chosen : (day) only these downwind days, such as those of a season
        """
        chosen = np.ones(len(self.upwind), bool) if chosen is None else chosen

        def holds(upwind: Flags) -> Flags:
            return (self.passings.share(upwind, order, lags) >= self.needed) & chosen & self._known()

        return self._excess(label, holds, self.downwind)

    def by_lag_alone(
        self, label: str, lag_days: int, order: Order = "before", shuffled: bool = False
    ) -> Excess:
        """Return the excess of downwind within days after upwind, whatever the paths; association alone.

        ``shuffled`` takes chance from upwind days in any order, which keeps neither season nor persistence.
        """
        sign = -1 if order == "before" else 1
        shifts = [sign * k for k in range(lag_days + 1)]
        within = np.any([np.roll(self.downwind, k) for k in shifts], axis=0)
        told = np.all([np.roll(self._known(), k) for k in shifts], axis=0)
        return self._excess(label, lambda upwind: upwind & told, within, shuffled)

    def _known(self) -> Flags:
        return np.ones(len(self.downwind), bool) if self.known is None else self.known

    def _excess(
        self, label: str, holds: Callable[[Flags], Flags], hit: Flags, shuffled: bool = False
    ) -> Excess:
        held = holds(self.upwind)
        others = [holds(u) for u in self._others(shuffled)]
        if not others or not held.any():
            return Excess(label, int(held.sum()), int((held & hit).sum()), None, None, None, None, None, 1.0)
        rate = float(hit[held].mean())
        rates = np.array([hit[o].mean() for o in others if o.any()])
        counts = np.stack(
            [held, held & hit, np.sum(others, axis=0), np.sum([o & hit for o in others], axis=0)]
        )
        chance = float(counts[3].sum() / max(counts[2].sum(), 1))
        low, high = self._interval(counts.astype(np.float64))
        p_value = (1 + int((rates >= rate).sum())) / (1 + len(rates))
        excess = rate - chance
        return Excess(
            label,
            int(held.sum()),
            int((held & hit).sum()),
            round(rate, 4),
            round(chance, 4),
            round(excess, 4),
            None if low is None else round(low, 4),
            None if high is None else round(high, 4),
            round(p_value, 4),
        )

    def _others(self, shuffled: bool) -> list[Flags]:
        """Return the upwind days of other years at the same season, or in any order."""
        days = len(self.upwind)
        years = round(days / YEAR_DAYS)
        shifts = [round(YEAR_DAYS * y) + s for y in range(1, years) for s in SHIFT_DAYS]
        if shuffled:
            return [self.rng.permutation(self.upwind) for _ in shifts]
        return [np.roll(self.upwind, shift) for shift in shifts]

    def _interval(self, counts: Floats) -> tuple[float | None, float | None]:
        """Return the interval of the excess from blocks of days drawn with replacement."""
        starts = np.arange(0, counts.shape[1], BLOCK_DAYS)
        blocks = np.add.reduceat(counts, starts, axis=1)
        drawn = self.rng.integers(0, len(starts), (RESAMPLES, len(starts)))
        held, hits, other, other_hits = blocks[:, drawn].sum(axis=2)
        usable = (held > 0) & (other > 0)
        if usable.sum() < RESAMPLES / 2:
            return None, None
        excess = hits[usable] / held[usable] - other_hits[usable] / other[usable]
        low, high = np.quantile(excess, INTERVAL)
        return float(low), float(high)


def confidence_of(found: Excess, placebo: Excess) -> Confidence:
    """Return the word for a link that the measured excess allows, and nothing else does.

    None where fewer than FEWEST_DAYS days or FEWEST_HITS hits speak, where the p-value exceeds SIGNIFICANT,
    or where the interval of the excess reaches 0 or the placebo's excess: weather that both cities share
    would explain it as well. Else weak, moderate from an excess of 0.10, strong from 0.25.

    >>> clear = Excess("path", 60, 30, 0.5, 0.3, 0.2, 0.1, 0.3, 0.01)
    >>> confidence_of(clear, Excess("placebo", 60, 20, 0.33, 0.3, 0.03, -0.1, 0.1, 0.4))
    'moderate'
    >>> confidence_of(clear, Excess("placebo", 60, 33, 0.45, 0.3, 0.15, 0.1, 0.4, 0.01))
    'none'
    """
    few = found.days < FEWEST_DAYS or found.hits < FEWEST_HITS
    if few or found.excess is None or found.low is None or found.p_value > SIGNIFICANT:
        return "none"
    if found.low <= max(0.0, placebo.excess or 0.0):
        return "none"
    return "strong" if found.excess >= STRONG else "moderate" if found.excess >= MODERATE else "weak"
