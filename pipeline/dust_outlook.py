"""What is said of Asian dust in a city, day by day, and on what evidence: plain data for rules and pages.

Dust is a hazard of its own: it opens no episode of fine particles and sets no level of a warning.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

import xarray as xr

from pipeline.errors import ContractError

VERSION: Final = 1

Verdict = Literal["dust", "pm10_event", "fine", "none", "unknown"]

VERDICTS: Final[dict[Verdict, str]] = {
    "dust": "Asian dust",
    "pm10_event": "PM10 event, origin unknown",
    "fine": "fine particles, no dust",
    "none": "no dust",
    "unknown": "not assessable",
}
"""``dust``: coarse particles, and evidence that they come from where dust is raised; ``pm10_event``: coarse
particles without such evidence; ``fine``: PM10 as high, but most of it PM2.5; ``unknown``: too few values."""

DUST_CONTRACT: Final = {
    "pm10": "(realization, city, time) joint paths of PM10, as pipeline.schema.check_paths has them [ug m-3]",
    "is_observed": "(city, time) whether PM10 was measured",
    "coarse": "(city, time) probability that the particles of an interval are coarse [1]",
    "dusty": "(realization, city, day) 1 where a path has a day of coarse particles, else 0",
    "verdict": "(city, day) a key of VERDICTS; day is the local date",
    "attributes": "world",
}

EvidenceKind = Literal["upwind", "paths", "cams", "bulletin"]


@dataclass(frozen=True)
class DustEvidence:
    """One sign of where coarse particles come from; ``supports`` tells whether it speaks for dust.

    Parameters
    ----------
    kind : ``upwind``: coarse particles measured upwind before (value: PM10 [ug m-3]); ``paths``: share of
        paths that crossed ground where dust is raised [1]; ``cams``: dust of the CAMS forecast [ug m-3];
        ``bulletin``: a dust advisory of the weather service (value: the PM10 it names, or None)
    place, at : where and when [UTC, ISO]
    source : who says so, such as the name of the winds
    """

    kind: EvidenceKind
    supports: bool
    value: float | None
    place: str
    at: str
    source: str = ""


@dataclass(frozen=True)
class DustDay:
    """One city's local day.

    Parameters
    ----------
    lead_day : days after that of the issue; below 0 in the past
    verdict : a key of VERDICTS; of days ahead the likeliest, see ``probability``
    probability : that the day has coarse particles as an event needs them [1]; 0 or 1 where it was measured
    hours, known : hours of coarse particles (their median, ahead), and hours with both PM10 and PM2.5 [h]
    pm10_mean, pm10_max, ratio : day mean and highest interval of PM10 [ug m-3], PM2.5 over PM10 of the
        hours of coarse particles, else of the day [1]; None where unknown
    observed : whether all of it was measured
    """

    city: str
    day: str
    lead_day: int
    verdict: Verdict
    probability: float | None
    hours: float
    known: float
    pm10_mean: float | None
    pm10_max: float | None
    ratio: float | None
    observed: bool
    evidence: tuple[DustEvidence, ...] = ()


@dataclass(frozen=True)
class DustOutlook:
    """The dust of all cities of one run: the last days as measured, and the days ahead."""

    world: str
    issue_time: str
    as_of: str
    method: str
    days: tuple[DustDay, ...]
    version: int = VERSION

    def of(self, city: str) -> tuple[DustDay, ...]:
        """Return one city's days, oldest first."""
        return tuple(d for d in self.days if d.city == city)

    def day(self, city: str, day: str) -> DustDay | None:
        """Return one day of a city, or None."""
        return next((d for d in self.days if (d.city, d.day) == (city, day)), None)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-ready data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> DustOutlook:
        """Rebuild an outlook from :meth:`to_dict`, also after a trip through JSON.

        Raises
        ------
        ContractError
            it is of another version or damaged

        Examples
        --------
        >>> sign = DustEvidence("upwind", True, 996.0, "beijing", "2017-05-04T00:00:00Z")
        >>> day = DustDay("seoul", "2017-05-06", 0, "dust", 1.0, 21, 24, 219.3, 359.0, 0.09, True, (sign,))
        >>> outlook = DustOutlook("measured", "", "", "", (day,))
        >>> DustOutlook.from_dict(outlook.to_dict()) == outlook
        True
        """
        if data.get("version") != VERSION:
            raise ContractError(
                f"a dust outlook of version {data.get('version')}; this program reads {VERSION}"
            )
        try:
            return cls(**{**data, "days": tuple(_day(d) for d in data["days"])})
        except (KeyError, TypeError) as error:
            raise ContractError(f"a damaged dust outlook: {error}; run the cycle again") from error


def read_outlook(path: Path) -> DustOutlook | None:
    """Read a stored outlook back; None where there is none, or none that this program can read.

    >>> read_outlook(Path("nowhere/dust.json")) is None
    True
    """
    try:
        return DustOutlook.from_dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, AttributeError, ContractError):
        return None


_DIMS: Final = {
    "pm10": ("realization", "city", "time"),
    "is_observed": ("city", "time"),
    "coarse": ("city", "time"),
    "dusty": ("realization", "city", "day"),
    "verdict": ("city", "day"),
}


def check_dust_paths(dust: xr.Dataset) -> xr.Dataset:
    """Check the dust paths of a run against DUST_CONTRACT and return them.

    Raises
    ------
    ContractError
        a variable is missing or has other dimensions

    Examples
    --------
    >>> check_dust_paths(xr.Dataset(attrs={"world": "measured"}))
    Traceback (most recent call last):
    pipeline.errors.ContractError: dust paths need pm10(realization, city, time)
    """
    for name, dims in _DIMS.items():
        if name not in dust or dust[name].dims != dims:
            raise ContractError(f"dust paths need {name}({', '.join(dims)})")
    if "world" not in dust.attrs:
        raise ContractError("dust paths lack the attribute world")
    return dust


def _day(data: dict[str, Any]) -> DustDay:
    return DustDay(**{**data, "evidence": tuple(DustEvidence(**e) for e in data["evidence"])})
