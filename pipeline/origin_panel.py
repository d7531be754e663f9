"""What is said of the origin of a city's air: paths, hours over regions, local air, upwind readings.

Plain data between the forecast that makes it and the products that show it. It holds no share of any
country, and none may be derived from it: hours of paths over a region are no amounts of dust.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path as FilePath
from typing import Any, Final, Literal

from pipeline.errors import ContractError

VERSION: Final = 1

Local = Literal["stagnant", "moderate", "ventilated", "unknown"]


@dataclass(frozen=True)
class RegionHours:
    """Hours that paths spent over a region before arrival: mean of the members and their 10-90 % [h]."""

    region: str
    hours: float
    low: float
    high: float
    share_of_paths: float


@dataclass(frozen=True)
class LocalAir:
    """How long the air stayed near the city in the last 24 h before arrival [h], and what that is called.

    ``within_km`` is how near counts; ``word`` is unknown where there are no paths.
    """

    hours: float
    low: float
    high: float
    within_km: float
    word: Local


@dataclass(frozen=True)
class Window:
    """When air that had passed a region or a city arrives: first and last instant [UTC, ISO], lag [h].

    ``share`` is the largest share of paths that had passed it, over the arrival times of the window [1].
    """

    place: str
    first: str
    last: str
    lag_hours: float
    share: float


@dataclass(frozen=True)
class UpwindReading:
    """What was measured where the paths passed, as known at the snapshot.

    ``value`` is the concentration at the hour of passing [ug m-3], None where that hour lies ahead;
    ``latest`` is the newest reading there, of the hour that ended at ``latest_at``.
    """

    place: str
    latitude: float
    longitude: float
    quantity: str
    hours_before: float
    passed_at: str
    value: float | None
    latest: float | None
    latest_at: str


@dataclass(frozen=True)
class Path:
    """A member's path back from the city: points of hours before arrival, latitude, longitude, height [m]."""

    member: int
    height_m: float
    points: tuple[tuple[float, float, float, float | None], ...]


@dataclass(frozen=True)
class CityOrigin:
    """Where the air of one city comes from at its expected peak; ``missing`` says why nothing is known.

    Parameters
    ----------
    arrival : instant at which the drawn paths arrive [UTC, ISO]
    arrivals : first and last arrival time that hours and windows rest on
    members : paths, over heights, times and offsets; ``lost`` of them ended before they were long enough
    """

    city: str
    arrival: str
    arrivals: tuple[str, str]
    hours: float
    members: int
    lost: int
    regions: tuple[RegionHours, ...]
    local: LocalAir
    windows: tuple[Window, ...]
    upwind: tuple[UpwindReading, ...]
    paths: tuple[Path, ...]
    missing: str = ""


@dataclass(frozen=True)
class OriginPanel:
    """The origins of all cities of one run, with the winds and the method that they rest on.

    ``winds`` names them; ``kind`` is forecast, surrogate or none; ``spread`` says what the members differ in.
    """

    world: str
    issue_time: str
    as_of: str
    winds: str
    kind: Literal["forecast", "surrogate", "none"]
    method: str
    spread: str
    cities: tuple[CityOrigin, ...]
    missing: str = ""
    version: int = VERSION

    def city(self, city_id: str) -> CityOrigin | None:
        """Return one city's part, or None."""
        return next((c for c in self.cities if c.city == city_id), None)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-ready data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> OriginPanel:
        """Rebuild a panel from :meth:`to_dict`, also after a trip through JSON.

        Raises
        ------
        ContractError
            it is of another version or lacks a field

        Examples
        --------
        >>> bare = OriginPanel("measured", "", "", "none", "none", "", "", (), "no winds are stored")
        >>> OriginPanel.from_dict(bare.to_dict()) == bare
        True
        """
        if data.get("version") != VERSION:
            raise ContractError(
                f"an origin panel of version {data.get('version')}; this program reads {VERSION}"
            )
        try:
            return cls(**{**data, "cities": tuple(_city(c) for c in data["cities"])})
        except (KeyError, TypeError, ValueError) as error:
            raise ContractError(f"a damaged origin panel: {error}; run the cycle again") from error


def read_panel(path: FilePath) -> OriginPanel | None:
    """Read a stored panel back; None where there is none, or none that this program can read.

    >>> read_panel(FilePath("nowhere/origins.json")) is None
    True
    """
    try:
        return OriginPanel.from_dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, AttributeError, ContractError):
        return None


def _city(data: dict[str, Any]) -> CityOrigin:
    nested = {
        "arrivals": tuple(data["arrivals"]),
        "regions": tuple(RegionHours(**r) for r in data["regions"]),
        "local": LocalAir(**data["local"]),
        "windows": tuple(Window(**w) for w in data["windows"]),
        "upwind": tuple(UpwindReading(**u) for u in data["upwind"]),
        "paths": tuple(
            Path(p["member"], p["height_m"], tuple(tuple(point) for point in p["points"]))
            for p in data["paths"]
        ),
    }
    return CityOrigin(**{**data, **nested})
