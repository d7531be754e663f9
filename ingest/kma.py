"""The KMA API hub (기상청 API허브): PM10 with the islands upwind, weather, dust warnings, forecasts."""

from __future__ import annotations

from typing import Final

from ingest import kma_asos, kma_dust, kma_village, kma_warnings
from ingest.feeds import About, Feed, SourceConfig
from ingest.kma_wire import BASE_URL, SOURCE, service

__all__ = ["ABOUT", "BASE_URL", "SOURCE", "feeds", "service"]

ABOUT: Final = About(
    SOURCE,
    "KMA API hub (기상청 API허브)",
    "PM10 of 27 stations with the islands upwind of Seoul, surface weather of 96 stations, dust warnings, "
    "short-range forecast at points; each operation needs its own application (활용신청)",
    "SAMEAIR_KMA_KEY",
    "register at https://apihub.kma.go.kr, then apply for: 황사관측(PM10), 종관기상관측(ASOS), "
    "지상관측 지점정보, 기상특보 (특보자료, 특보구역), 단기예보",
    "KOGL type 1 (attribution), as the hub marks each operation: unverified",
)


def feeds(config: SourceConfig) -> list[Feed]:
    """Return the feeds; none without a key.

    >>> feeds(SourceConfig())
    []
    """
    if not config.key.get_secret_value():
        return []
    return [feed for part in (kma_dust, kma_asos, kma_warnings, kma_village) for feed in part.feeds(config)]
