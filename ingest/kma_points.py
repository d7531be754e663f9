"""Where KMA's short-range forecast is asked for, and the cells of its 5-km grid."""

from __future__ import annotations

import math
from typing import Final

POINTS: Final = {
    "seoul": (37.5665, 126.9780),
    "incheon": (37.4563, 126.7052),
    "suwon": (37.2636, 127.0286),
    "chuncheon": (37.8813, 127.7300),
    "baengnyeong": (37.9660, 124.7120),
}
"""Where the forecast is asked for: Seoul, its surroundings, and the island upwind."""


def cell_of(latitude: float, longitude: float) -> tuple[int, int]:
    """Return the cell (nx, ny) of the 5-km grid, after KMA's published Lambert projection.

    >>> cell_of(37.5665, 126.9780), cell_of(37.1641, 128.9856)
    ((60, 127), (95, 119))
    """
    south, north, origin = math.radians(30.0), math.radians(60.0), math.radians(38.0)

    def stretch(angle: float) -> float:
        return math.tan(math.pi / 4 + angle / 2)

    cone = math.log(math.cos(south) / math.cos(north)) / math.log(stretch(north) / stretch(south))
    scale = 6371.00877 / 5.0 * stretch(south) ** cone * math.cos(south) / cone
    radius = scale / stretch(math.radians(latitude)) ** cone
    turn = math.radians(longitude - 126.0) * cone
    x = radius * math.sin(turn) + 43
    y = scale / stretch(origin) ** cone - radius * math.cos(turn) + 136
    return math.floor(x + 0.5), math.floor(y + 0.5)
