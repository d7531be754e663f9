"""Land of the region for maps, from Natural Earth; ``build_map.py`` makes the file. It holds no border."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

FOLDER = resources.files("alerts") / "map"


@cache
def region_features() -> tuple[dict[str, Any], ...]:
    """Return the GeoJSON features of land between 98–142° E and 20–52° N.

    >>> sorted({f["properties"]["kind"] for f in region_features()})
    ['land']
    """
    return tuple(json.loads((FOLDER / "region.geojson").read_text("utf-8"))["features"])
