"""The reasons to doubt a forecast, ranked, so that the desk can name the largest one and say why.

Every reason has a weight between 0 and 1: about how likely it is that acting on the forecast would be wrong
because of it. The scales are judgements, kept here in one table, and the same for every case; a reason below
``LEAST`` is not named.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

LEAST: Final = 0.1

NO_MODEL: Final = 0.9
SILENT_CITY: Final = 0.8
LIKE_NONE: Final = 0.7
DISAGREE: Final = 0.65
UNCALIBRATED: Final = 0.3
MOVED: Final = 1.2
"""A probability that moved by 0.5 over the last runs weighs 0.6."""
FLIP: Final = 0.15
FEW_CASES: Final = 20
FEW_WEIGHT: Final = 0.5
STALE_PER_CYCLE: Final = 0.25
COMBINED: Final = 1.5
DUST: Final = 0.4


@dataclass(frozen=True)
class Evidence:
    """What the doubts are drawn from, of one city, day and threshold.

    Parameters
    ----------
    city : of the ground that is doubted
    chance, opening : probability of the exceedance, and that from which the policy opens a level [1]
    low, median, high : central 80 % of the day mean [ug m-3]
    threshold : [ug m-3]
    has_model : whether the forecast comes from a model; else from persistence and climatology
    missing : inputs that were missing
    coverage : share of the city's last 24 h that was received [1], None where nothing is expected
    spread, flips : how far the probability moved over the last runs, how often it crossed the opening one
    like_none : whether the situation is like none that the model has seen
    alike : past cases that were like it, None where none were counted
    uncalibrated : on which data the levels were calibrated, if not on live ones
    against : sources that state the opposite
    combined : the chance with what is heard of others [1]
    cycles_behind : how many cycles older than the newest due one the forecast is
    dust : whether the day is rather one of dust than of fine particles
    """

    city: str
    chance: float
    opening: float
    threshold: float
    low: float | None = None
    median: float | None = None
    high: float | None = None
    has_model: bool = True
    missing: tuple[str, ...] = ()
    coverage: float | None = None
    spread: float = 0.0
    flips: int = 0
    like_none: bool = False
    alike: int | None = None
    uncalibrated: str = ""
    against: tuple[str, ...] = ()
    combined: float | None = None
    cycles_behind: int = 0
    dust: bool = False


@dataclass(frozen=True)
class Doubt:
    """One reason to doubt: its kind, its weight [1], and what its sentence names."""

    kind: str
    weight: float
    values: Mapping[str, Any] = field(default_factory=dict)


def doubts(evidence: Evidence) -> tuple[Doubt, ...]:
    """Return the reasons to doubt a forecast, the largest first; empty where none is worth naming.

    >>> sure = Evidence("seoul", chance=0.97, opening=0.4, threshold=75)
    >>> doubts(sure)
    ()
    >>> from dataclasses import replace
    >>> unsteady = replace(sure, chance=0.6, spread=0.5, flips=2, like_none=True)
    >>> [doubt.kind for doubt in doubts(unsteady)]
    ['unstable', 'like_none', 'close']
    """
    found = (*_inputs(evidence), *_model(evidence), *_others(evidence))
    named = [doubt for doubt in found if doubt.weight >= LEAST]
    return tuple(sorted(named, key=lambda doubt: -doubt.weight))


def _inputs(e: Evidence) -> Iterable[Doubt]:
    """Yield doubts from what the forecast was made of."""
    own = tuple(name for name in e.missing if name.startswith(f"{e.city}.pm2p5"))
    if own:
        yield Doubt("silent_city", SILENT_CITY, {"city": e.city})
    elif e.coverage is not None:
        yield Doubt("coverage", SILENT_CITY * (1 - min(e.coverage, 1.0)), {"share": e.coverage})
    others = tuple(name for name in e.missing if name not in own)
    if others:
        yield Doubt("missing", min(0.12 + 0.04 * len(others), 0.5), {"inputs": others})
    if e.cycles_behind:
        yield Doubt("stale", min(STALE_PER_CYCLE * e.cycles_behind, 1.0), {"cycles": e.cycles_behind})


def _model(e: Evidence) -> Iterable[Doubt]:
    """Yield doubts from the forecast itself."""
    if not e.has_model:
        yield Doubt("no_model", NO_MODEL)
    moved = min(MOVED * e.spread + FLIP * e.flips, 1.0)
    yield Doubt("unstable", moved, {"spread": e.spread, "flips": e.flips})
    if e.like_none:
        yield Doubt("like_none", LIKE_NONE)
    elif e.alike is not None and e.alike < FEW_CASES:
        yield Doubt("few_cases", FEW_WEIGHT * (1 - e.alike / FEW_CASES), {"cases": e.alike})
    if e.uncalibrated:
        yield Doubt("uncalibrated", UNCALIBRATED, {"on": e.uncalibrated})
    yield _close(e)
    if e.dust:
        yield Doubt("dust", DUST)


def _close(e: Evidence) -> Doubt:
    """Return the doubt that lies in the probability: how near to an even bet, within what range."""
    even = 4 * e.chance * (1 - e.chance)
    span = {"low": e.low, "high": e.high} if None not in (e.low, e.high) else {}
    return Doubt("wide" if span else "close", 0.5 * even, {"chance": e.chance, "opening": e.opening, **span})


def _others(e: Evidence) -> Iterable[Doubt]:
    """Yield doubts from what others say."""
    if e.against:
        yield Doubt("against", DISAGREE, {"sources": e.against})
    if e.combined is not None:
        moved = abs(e.combined - e.chance)
        crosses = (e.combined >= e.opening) != (e.chance >= e.opening)
        weight = min(COMBINED * moved + (0.2 if crosses else 0.0), 0.8)
        yield Doubt("combined", weight, {"chance": e.combined})
