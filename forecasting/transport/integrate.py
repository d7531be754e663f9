"""Steps of parcels along the wind: Petterssen's scheme, for all parcels at once.

A step takes the mean of the wind where it begins and where it ends; where it ends is found by trying
(Petterssen 1940, Weather Analysis and Forecasting; Stohl 1998, doi:10.1016/S1352-2310(97)00457-3).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from forecasting.transport.air import Air, Held, Profile, air
from forecasting.transport.winds_grid import Field

Floats = NDArray[np.float64]

CLOSE, MORE = 1.0, 6
"""A correction that moves a parcel by less [m] is the last; so many more at most than the scheme says."""


@dataclass(frozen=True)
class Parcels:
    """Parcels under way: which they are, instant [s], position and vertical place of each."""

    number: NDArray[np.intp]
    seconds: Floats
    position: Floats
    place: Floats

    def only(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> Parcels:
        """Return some of them."""
        return Parcels(self.number[which], self.seconds[which], self.position[which], self.place[which])


@dataclass(frozen=True)
class Scheme:
    """How parcels are moved: the field, the surface layer, what is held, how often an end is corrected."""

    field: Field
    profile: Profile
    held: Held
    passes: int

    def air(self, seconds: Floats, position: Floats, place: Floats) -> Air:
        """Return what the air does at parcels; see :func:`forecasting.transport.air.air`."""
        return air(self.field, self.profile, self.held, seconds, position, place)

    def at(self, seconds: Floats) -> Scheme:
        """Return the scheme of one instant where all parcels share it and are many: cheaper to read."""
        nodes = self.field.shape[1] * self.field.shape[2] * len(self.field.levels)
        if len(seconds) * 8 < nodes or seconds[0] != seconds[-1] or np.ptp(seconds) != 0:
            return self
        return replace(self, field=self.field.moment(float(seconds[0])))


def advance(
    parcels: Parcels, scheme: Scheme, start: Floats, stops: Floats
) -> Iterator[tuple[Parcels, Parcels]]:
    """Move parcels step by step; after each step yield those that go on, and where the others came to.

    Parameters
    ----------
    start : instant of each parcel of all at age 0 [s]
    stops : ages at the ends of the steps [s], negative back in time
    """
    here = scheme.at(parcels.seconds) if len(parcels.number) else scheme
    for age in stops:
        seconds = start[parcels.number] + age
        there = scheme.at(seconds) if len(seconds) else scheme
        moved = _step(parcels, here, there, seconds)
        gone = np.isnan(moved.position).any(axis=1) | np.isnan(moved.place)
        lost = (
            _last_known(parcels.only(gone), here, there, seconds[gone]) if gone.any() else parcels.only(gone)
        )
        parcels, here = (moved.only(~gone) if gone.any() else moved), there
        yield parcels, lost


def _step(parcels: Parcels, here: Scheme, there: Scheme, seconds: Floats) -> Parcels:
    *_, last = _tries(parcels, here, there, seconds)
    return last


def _tries(parcels: Parcels, here: Scheme, there: Scheme, seconds: Floats) -> Iterator[Parcels]:
    """Yield where a step ends: first along the wind at its beginning, then corrected again and again.

    Each parcel is corrected as often as the scheme says, then on until a correction moves it by less than
    CLOSE; a correction of one parcel knows nothing of the others.
    """
    tidy = here.field.frame.tidy
    span = (seconds - parcels.seconds)[:, None]
    first = here.air(parcels.seconds, parcels.position, parcels.place)
    end = tidy(parcels.position + span * first.motion)
    place = first.place + span[:, 0] * first.climb
    yield Parcels(parcels.number, seconds, end, place)
    some = np.arange(len(seconds))
    for n in range(here.passes + MORE):
        second = there.air(seconds[some], end[some], place[some])
        motion = (first.motion[some] + second.motion) / 2.0
        corrected = tidy(parcels.position[some] + span[some] * motion)
        moved = np.abs(corrected - end[some]).max(axis=1, initial=0.0) * here.field.frame.unit
        end, place = end.copy(), place.copy()
        end[some] = corrected
        place[some] = first.place[some] + span[some, 0] * (first.climb[some] + second.climb) / 2.0
        yield Parcels(parcels.number, seconds, end, place)
        if n + 1 >= here.passes:
            some = some[moved > CLOSE]
        if not len(some):
            return


def _last_known(parcels: Parcels, here: Scheme, there: Scheme, seconds: Floats) -> Parcels:
    """Return the last try that still was somewhere: there the wind was not known any more."""
    known = replace(parcels, seconds=seconds)
    for tried in _tries(parcels, here, there, seconds):
        some = np.isfinite(tried.position).all(axis=1) & np.isfinite(tried.place)
        position = np.where(some[:, None], tried.position, known.position)
        known = replace(known, position=position, place=np.where(some, tried.place, known.place))
    return known
