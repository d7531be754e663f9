"""Make ``region.geojson`` from the pinned npm package world-atlas (Natural Earth 1:50m, public domain).

Run by ``make map``; needs npm. Land is one feature of polygons, borders one of lines that
two countries share.
Shapes are made valid and cut to the region before anything draws them: Russia crosses the antimeridian and
would otherwise be filled inside out.
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
from shapely.geometry import LineString, MultiLineString, MultiPolygon, Polygon, box
from shapely.geometry.base import BaseGeometry
from shapely.ops import linemerge, unary_union

from pipeline.errors import SourceError

HERE = Path(__file__).parent
PACKAGE, VERSION = "world-atlas", "2.0.2"
SHA512 = "IXfV0qwlKXpckz1FhwXVwKRjiIhOnWttOskm5CtxMsjgE/MXAYRHWJqgXOpM8IkcPBoXnyTU5lFHcYa5ChG0LQ=="
REGION = box(98, 20, 142, 52)
TOLERANCE = 0.02
Arc = list[tuple[float, float]]


def fetch(folder: Path) -> dict[str, Any]:
    """Download the pinned package, check its digest and return its 1:50m topology."""
    command = ["npm", "pack", "--silent", f"{PACKAGE}@{VERSION}"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=600)  # noqa: S603
    archive = folder / f"{PACKAGE}-{VERSION}.tgz"
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode("ascii")
    if digest != SHA512:
        raise SourceError(PACKAGE, f"the package's digest is {digest}", remedy="check the pinned version")
    with tarfile.open(archive) as tar:
        member = tar.extractfile("package/countries-50m.json")
        if member is None:
            raise SourceError(PACKAGE, "countries-50m.json is missing", remedy="check the pinned version")
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


def country_rings(topology: dict[str, Any]) -> list[list[list[list[int]]]]:
    """Return, for each country, its polygons as rings of arc indices."""
    shapes = topology["objects"]["countries"]["geometries"]
    return [s["arcs"] if s["type"] == "MultiPolygon" else [s["arcs"]] for s in shapes if s.get("arcs")]


def land(arcs: list[Arc], countries: list[list[list[list[int]]]]) -> BaseGeometry:
    """Return all land of the region as one valid shape."""
    shapes = []
    for polygons in countries:
        for rings in polygons:
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


def borders(arcs: list[Arc], countries: list[list[list[list[int]]]]) -> BaseGeometry:
    """Return the lines that two countries share."""
    owners: dict[int, set[int]] = {}
    for number, polygons in enumerate(countries):
        for ring in (r for rings in polygons for r in rings):
            for index in ring:
                owners.setdefault(max(index, ~index), set()).add(number)
    shared = [LineString(arcs[i]) for i, who in owners.items() if len(who) > 1 and len(arcs[i]) > 1]
    inside = unary_union([line.intersection(REGION) for line in shared if line.intersects(REGION)])
    merged = linemerge(inside) if isinstance(inside, MultiLineString) else inside
    return merged.simplify(TOLERANCE)


def _rounded(points: Any) -> list[list[float]]:
    exact = [[round(x, 2), round(y, 2)] for x, y in points]
    return [exact[0]] + [b for a, b in pairwise(exact) if a != b]


def features(shape: BaseGeometry, lines: BaseGeometry) -> list[dict[str, Any]]:
    """Return both shapes as GeoJSON features with two decimals, without islets under 0.005 square degrees."""
    polygons = shape.geoms if isinstance(shape, MultiPolygon) else [shape]
    rings = [
        [_rounded(p.exterior.coords), *(_rounded(i.coords) for i in p.interiors)]
        for p in polygons
        if isinstance(p, Polygon) and p.area > 0.005
    ]
    parts = lines.geoms if isinstance(lines, MultiLineString) else [lines]
    coordinates = [_rounded(line.coords) for line in parts]
    return [
        _feature("land", "MultiPolygon", rings),
        _feature("border", "MultiLineString", coordinates),
    ]


def _feature(kind: str, geometry: str, coordinates: list[Any]) -> dict[str, Any]:
    return {
        "type": "Feature",
        "properties": {"kind": kind},
        "geometry": {"type": geometry, "coordinates": coordinates},
    }


def main() -> int:
    """Write region.geojson beside this script."""
    with tempfile.TemporaryDirectory() as scratch:
        topology = fetch(Path(scratch))
    arcs, countries = decode_arcs(topology), country_rings(topology)
    collection = {
        "type": "FeatureCollection",
        "features": features(land(arcs, countries), borders(arcs, countries)),
    }
    text = json.dumps(collection, separators=(",", ":"))
    (HERE / "region.geojson").write_text(text + "\n", "utf-8")
    sys.stdout.write(f"region.geojson: {len(text) / 1000:.0f} kB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
