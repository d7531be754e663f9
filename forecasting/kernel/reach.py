"""Which cities' columns a city's kernel reads: all of a few, a bounded choice of many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from forecasting.situation.columns import Column

WHOLE: Final = 9
"""Up to so many cities every city reads the columns of all."""

NEAR, NEAR_KM = 8, 1200.0
"""Of more cities one reads whole at most so many, within what air goes in two days at 7 m s-1 [km]."""

FAR: Final = 4
"""So many of the other cities tell their air alone, and so what comes from beyond."""

EARTH_KM: Final = 6371.0


class Placed(Protocol):
    """What is needed of a city."""

    @property
    def id(self) -> str:
        """Return its id."""

    @property
    def latitude(self) -> float:
        """Return where it lies [degree north]."""

    @property
    def longitude(self) -> float:
        """Return where it lies [degree east]."""

    @property
    def upwind(self) -> tuple[str, ...]:
        """Return the cities from which its air comes."""


@dataclass(frozen=True)
class Reach:
    """The cities that one city's kernel reads.

    Parameters
    ----------
    whole : cities of which it reads every column, itself first
    air : cities of which it reads the mean air, of their reference series, alone
    """

    whole: tuple[str, ...]
    air: tuple[str, ...] = ()


def reaches(cities: Sequence[Placed]) -> dict[str, Reach]:
    """Return what each city reads; the same whatever order the cities are given in.

    Up to WHOLE cities each reads all. Of more, a city reads whole itself, the cities of its table's
    ``upwind`` that are there, and the nearest within NEAR_KM until there are NEAR beside itself. Of the rest
    it reads the air of FAR that lie apart: each the one farthest from all that are read already. Ties go by
    id.

    Examples
    --------
    >>> from pipeline.cities import cities_of
    >>> few, many = (list(cities_of([name]).values()) for name in ("seoul-beijing", "areas-2019"))
    >>> reaches(few)["seoul"].whole
    ('seoul', 'beijing')
    >>> found = reaches(many)["seoul"]
    >>> len(many), len(found.whole), len(found.air), "beijing" in found.whole, "incheon" in found.whole
    (38, 9, 4, True, True)
    """
    ordered = sorted(cities, key=lambda city: city.id)
    ids = [city.id for city in ordered]
    if len(ids) <= WHOLE:
        return {one: Reach((one, *(other for other in ids if other != one))) for one in ids}
    apart = _distances(ordered)
    return {city.id: _reach(city, ids, apart) for city in ordered}


def _reach(city: Placed, ids: Sequence[str], apart: npt.NDArray[np.float64]) -> Reach:
    at = {one: number for number, one in enumerate(ids)}
    own = at[city.id]
    whole = [own, *(at[one] for one in city.upwind if one in at and one != city.id)]
    for number in np.argsort(apart[own], kind="stable"):
        if len(whole) > NEAR or apart[own, number] > NEAR_KM:
            break
        if number not in whole:
            whole.append(int(number))
    far: list[int] = []
    for _ in range(min(FAR, len(ids) - len(whole))):
        gap = apart[:, whole + far].min(axis=1)
        gap[whole + far] = -1.0
        far.append(int(gap.argmax()))
    return Reach(tuple(ids[n] for n in whole), tuple(ids[n] for n in far))


def _distances(cities: Sequence[Placed]) -> npt.NDArray[np.float64]:
    """Return how far the cities lie apart along the sphere, (city, city) [km]."""
    latitude, longitude = np.deg2rad([[c.latitude, c.longitude] for c in cities]).T
    inner = np.multiply.outer(np.sin(latitude), np.sin(latitude))
    across = np.cos(np.subtract.outer(longitude, longitude))
    inner += np.multiply.outer(np.cos(latitude), np.cos(latitude)) * across
    return np.asarray(EARTH_KM * np.arccos(np.clip(inner, -1.0, 1.0)).round(9))


class Positions:
    """Where the columns of each city stand, so that a kernel's columns are found without looking at all."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._of: dict[str | None, list[int]] = {}
        self._air: dict[str | None, list[int]] = {}
        for number, column in enumerate(columns):
            self._of.setdefault(column.city, []).append(number)
            if column.key.endswith(".reference"):
                self._air.setdefault(column.city, []).append(number)

    def own(self, city: str) -> list[int]:
        """Return the positions of the columns of one city."""
        return self._of.get(city, [])

    def read(self, reach: Reach) -> npt.NDArray[np.int64]:
        """Return what a kernel reads, ascending: columns of no city, of cities whole, of others' air."""
        found = list(self._of.get(None, []))
        for city in reach.whole:
            found += self._of.get(city, [])
        for city in reach.air:
            found += self._air.get(city, [])
        return np.array(sorted(found), np.int64)
