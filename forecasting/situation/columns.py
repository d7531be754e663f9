"""What a column of a situation is: whose series, which summary of it, over which hours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

CALENDAR: Final = "calendar"
"""Group of the columns that are known for ever; also the first part of their keys."""

MEAN, HIGHEST, LOWEST, RISE, SPEED = "mean", "highest", "lowest", "rise", "speed"
"""Summaries; ``rise`` is the mean of 0-6 h less that of 24-30 h, ``speed`` a mean of the wind's speed."""


@dataclass(frozen=True)
class Column:
    """One number of a situation.

    Parameters
    ----------
    group : columns that come and go together, such as ``seoul air, latest``
    key : panel key ``city.quantity.role`` or ``around.quantity.place``; winds as components
    what : ``mean``, ``highest``, ``lowest``, ``rise``, ``speed`` or ``calendar``
    start, end : ages of the values in hours before the full hour of the issue, start < age ≤ end [h]
    day : for weather ahead: local day after that of the issue, over which the mean is; else None
    latitude, longitude : of the place [degree]; those of the calendar lie in the middle of the cities
    city : whose own air or weather it is, or whose local day; None for what lies around

    Examples
    --------
    >>> Column("seoul air, latest", "seoul.pm2p5.reference", "mean", 0, 3, None, 37.6, 127.0, "seoul").name
    'seoul air, latest | seoul.pm2p5.reference | mean 0-3 h'
    """

    group: str
    key: str
    what: str
    start: int
    end: int
    day: int | None
    latitude: float
    longitude: float
    city: str | None = None

    @property
    def quantity(self) -> str:
        """Return the quantity, the middle of the key."""
        return self.key.split(".")[1]

    @property
    def name(self) -> str:
        """Return what a reader should see: group, series and summary; no two columns have the same."""
        if self.day is not None:
            hours = f"mean of the day, {self.city}"
        elif self.group == CALENDAR:
            hours = "at the issue"
        else:
            hours = f"{self.what} {self.start}-{self.end} h"
        return f"{self.group} | {self.key} | {hours}"


@dataclass(frozen=True)
class Recipe:
    """Which columns a situation has, in order; part of a model."""

    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the columns."""
        return tuple(c.name for c in self.columns)

    @property
    def groups(self) -> tuple[str, ...]:
        """Return the groups in the order of their first columns."""
        return tuple(dict.fromkeys(c.group for c in self.columns))

    def members(self, group: str) -> tuple[int, ...]:
        """Return the positions of the columns of a group."""
        return tuple(i for i, c in enumerate(self.columns) if c.group == group)
