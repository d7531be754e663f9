"""Make ``region.geojson`` from the pinned npm package world-atlas (Natural Earth 1:50m, public domain).

Run by ``make map``; needs npm. The layer read is land alone: the package's layers of countries are never
opened, so that no border can reach a map. Land is made valid and cut to the region before it is drawn: it
crosses the antimeridian and would otherwise be filled inside out.
"""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

from shapely import make_valid
from shapely.geometry import MultiPolygon, Polygon, box
from shapely.geometry.base import BaseGeometry
from shapely.ops import unary_union

from pipeline.errors import SourceError

HERE = Path(__file__).parent
PACKAGE, VERSION = "world-atlas", "2.0.2"
SHA512 = "IXfV0qwlKXpckz1FhwXVwKRjiIhOnWttOskm5CtxMsjgE/MXAYRHWJqgXOpM8IkcPBoXnyTU5lFHcYa5ChG0LQ=="
LAYER = "land-50m.json"
REGION = box(98, 20, 142, 52)
TOLERANCE = 0.02
LEAST_AREA = 0.005
"""Islets under this are left out [square degrees]."""
Arc = list[tuple[float, float]]


def fetch(folder: Path) -> dict[str, Any]:
    """Download the pinned package, check its digest and return its 1:50m topology of land."""
    command = ["npm", "pack", "--silent", f"{PACKAGE}@{VERSION}"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=600)  # noqa: S603
    archive = folder / f"{PACKAGE}-{VERSION}.tgz"
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode("ascii")
    if digest != SHA512:
        raise SourceError(PACKAGE, f"the package's digest is {digest}", remedy="check the pinned version")
    with tarfile.open(archive) as tar:
        member = tar.extractfile(f"package/{LAYER}")
        if member is None:
            raise SourceError(PACKAGE, f"{LAYER} is missing", remedy="check the pinned version")
        topology: dict[str, Any] = json.load(member)
        return topology


def decode_arcs(topology: dict[str, Any]) -> list[Arc]:
    """Turn the quantised, delta-coded arcs of a TopoJSON into longitudes and latitudes [degree].

    >>> decode_arcs({"transform": {"scale": [0.5, 0.5], "translate": [100, 20]}, "arcs": [[[2, 2], [2, 0]]]})
    [[(101.0, 21.0), (102.0, 21.0)]]
    """
    (sx, sy), (tx, ty) = topology["transform"]["scale"], topology["transform"]["translate"]
    arcs = []
    for arc in topology["arcs"]:
        x = y = 0
        points = []
        for dx, dy in arc:
            x, y = x + dx, y + dy
            points.append((x * sx + tx, y * sy + ty))
        arcs.append(points)
    return arcs


def land(topology: dict[str, Any]) -> BaseGeometry:
    """Return all land of the region as one valid shape."""
    arcs = decode_arcs(topology)
    shapes = []
    for held in topology["objects"]["land"]["geometries"]:
        for rings in held["arcs"] if held["type"] == "MultiPolygon" else [held["arcs"]]:
            coordinates = [_ring(arcs, ring) for ring in rings]
            shape = make_valid(Polygon(coordinates[0], coordinates[1:]))
            if shape.intersects(REGION):
                shapes.append(shape.intersection(REGION))
    return unary_union(shapes).simplify(TOLERANCE)


def _ring(arcs: list[Arc], indices: list[int]) -> Arc:
    points: Arc = []
    for index in indices:
        arc = arcs[index] if index >= 0 else arcs[~index][::-1]
        points += arc[1:] if points else arc
    return points


def _rounded(points: Any) -> list[list[float]]:
    exact = [[round(x, 2), round(y, 2)] for x, y in points]
    return [exact[0]] + [b for a, b in pairwise(exact) if a != b]


def feature(shape: BaseGeometry) -> dict[str, Any]:
    """Return land as a GeoJSON feature with two decimals, without islets."""
    polygons = shape.geoms if isinstance(shape, MultiPolygon) else [shape]
    rings = [
        [_rounded(p.exterior.coords), *(_rounded(i.coords) for i in p.interiors)]
        for p in polygons
        if isinstance(p, Polygon) and p.area > LEAST_AREA
    ]
    return {
        "type": "Feature",
        "properties": {"kind": "land"},
        "geometry": {"type": "MultiPolygon", "coordinates": rings},
    }


def main() -> int:
    """Write region.geojson beside this script."""
    with tempfile.TemporaryDirectory() as scratch:
        topology = fetch(Path(scratch))
    collection = {"type": "FeatureCollection", "features": [feature(land(topology))]}
    text = json.dumps(collection, separators=(",", ":"))
    (HERE / "region.geojson").write_text(text + "\n", "utf-8")
    sys.stdout.write(f"region.geojson: {len(text) / 1000:.0f} kB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
