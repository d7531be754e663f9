"""An invented origin panel to go with ``alerts.examples``: for previews and tests."""

from __future__ import annotations

import math
from typing import Any, Final

from pipeline.origin_panel import (
    CityOrigin,
    LocalAir,
    OriginPanel,
    Path,
    RegionHours,
    UpwindReading,
    Window,
)

HEIGHTS: Final = (100.0, 250.0, 500.0, 750.0)
"""Start heights of the invented paths above ground [m]."""
_BACK: Final = {"beijing": (39.90, 116.40, -0.020, -0.035), "seoul": (37.57, 126.98, 0.025, -0.155)}
"""Where paths arrive, and how far they lie apart from there one hour before [degree, degree h-1]."""


def example_panel(**changes: Any) -> OriginPanel:
    """Return an invented panel of both cities; keyword arguments replace fields.

    >>> [len(city.paths) for city in example_panel().cities]
    [12, 12]
    """
    given: dict[str, Any] = {
        "world": "simulated-7",
        "issue_time": "2026-01-14T08:00:00Z",
        "as_of": "2026-01-14T08:00:00Z",
        "winds": "Open-Meteo, seamless forecast",
        "kind": "forecast",
        "method": "Petterssen, 2 corrections; vertical: constant height",
        "spread": "start height, arrival time, start position",
        "cities": (_beijing(), _seoul()),
    }
    return OriginPanel(**{**given, **changes})


def _beijing() -> CityOrigin:
    return CityOrigin(
        city="beijing",
        arrival="2026-01-15T06:00:00Z",
        arrivals=("2026-01-14T16:00:00Z", "2026-01-15T16:00:00Z"),
        hours=72.0,
        members=180,
        lost=0,
        regions=(
            RegionHours("hebei", 21.44, 12.0, 33.0, 0.98),
            RegionHours("beijing_tianjin", 18.9, 9.0, 30.0, 1.0),
            RegionHours("shanxi", 9.6, 0.0, 22.0, 0.61),
            RegionHours("inner_mongolia", 7.3, 0.0, 18.0, 0.42),
            RegionHours("shandong", 0.4, 0.0, 2.0, 0.08),
        ),
        local=LocalAir(17.2, 11.0, 23.0, 75.0, "stagnant"),
        windows=(),
        upwind=(
            UpwindReading(
                "shijiazhuang_air", 38.04, 114.51, "pm2p5", 13.0, "2026-01-14T17:00:00Z", None, 148.0,
                "2026-01-14T07:00:00Z",
            ),
        ),
        paths=_paths("beijing"),
    )  # fmt: skip


def _seoul() -> CityOrigin:
    return CityOrigin(
        city="seoul",
        arrival="2026-01-16T06:00:00Z",
        arrivals=("2026-01-15T15:00:00Z", "2026-01-16T15:00:00Z"),
        hours=72.0,
        members=180,
        lost=12,
        regions=(
            RegionHours("yellow_sea", 16.23, 8.0, 26.0, 0.94),
            RegionHours("shandong", 12.1, 0.0, 24.0, 0.66),
            RegionHours("hebei", 9.8, 0.0, 19.0, 0.58),
            RegionHours("seoul_area", 9.1, 4.0, 15.0, 1.0),
            RegionHours("bohai", 5.2, 0.0, 11.0, 0.51),
            RegionHours("liaoning", 3.9, 0.0, 12.0, 0.27),
        ),
        local=LocalAir(9.4, 4.0, 15.0, 75.0, "moderate"),
        windows=(Window("beijing", "2026-01-15T18:00:00Z", "2026-01-16T12:00:00Z", 27.0, 0.64),),
        upwind=(
            UpwindReading(
                "baengnyeong_air", 37.97, 124.63, "pm2p5", 9.0, "2026-01-15T21:00:00Z", None, 41.0,
                "2026-01-14T07:00:00Z",
            ),
            UpwindReading(
                "beijing", 39.90, 116.40, "pm2p5", 48.0, "2026-01-14T06:00:00Z", 121.0, 126.0,
                "2026-01-14T07:00:00Z",
            ),
        ),
        paths=_paths("seoul"),
    )  # fmt: skip


def _paths(city: str) -> tuple[Path, ...]:
    """Return twelve curved paths back over 72 h that fan out."""
    latitude, longitude, north, east = _BACK[city]
    return tuple(
        Path(
            member,
            HEIGHTS[member % len(HEIGHTS)],
            tuple(
                (
                    float(hour),
                    round(latitude + hour * north + (member - 5.5) * 0.0011 * hour * hour / 4, 3),
                    round(longitude + hour * east + 1.5 * math.sin(hour / 20) * (1 + member / 12), 3),
                    round(HEIGHTS[member % len(HEIGHTS)] + 12.0 * hour, 0),
                )
                for hour in range(73)
            ),
        )
        for member in range(12)
    )
