"""Named regions of East Asia, land and sea: coarse rings over which hours of paths are counted.

The rings follow coasts and provinces to some tens of km. They are no borders: they say over which part of
the region air passed, and nothing about states.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import shapely

from pipeline.errors import PolicyError

ELSEWHERE: Final = "elsewhere"
"""Stands where a place lies in no region."""

Floats = npt.NDArray[np.float64]
Ring = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Region:
    """A part of the region with names by language.

    Parameters
    ----------
    kind : land, or sea (with its islands)
    ring : corners of one polygon, (longitude, latitude) [degree], not closed
    names : by language; ``party_names`` holds, by party and language, what a party's recipients read instead
    """

    id: str
    kind: Literal["land", "sea"]
    ring: Ring = field(repr=False)
    names: Mapping[str, str]
    party_names: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)

    def name(self, language: str, party: str | None = None) -> str:
        """Return what the region is called in a language, as a party's own table has it.

        >>> all_regions()["yellow_sea"].name("ko"), all_regions()["yellow_sea"].name("ko", "seoul")
        ('황해', '서해')
        """
        return self.party_names.get(party or "", {}).get(language) or self.names[language]


def parse_regions(table: Mapping[str, Any]) -> dict[str, Region]:
    """Read the table of corners and regions.

    Raises
    ------
    PolicyError
        a region lacks something, or names a corner that there is not

    Examples
    --------
    >>> parse_regions({"corners": {}, "region": [{"id": "x", "kind": "land", "ring": ["a"], "name": {}}]})
    Traceback (most recent call last):
    pipeline.errors.PolicyError: regions: x lacks or misnames 'a'; compare it with its neighbours
    """
    found = {}
    for row in table["region"]:
        try:
            ring = tuple(_corner(table["corners"][name]) for name in row["ring"])
            found[row["id"]] = Region(row["id"], row["kind"], ring, row["name"], row.get("party", {}))
        except (KeyError, TypeError, ValueError) as error:
            raise PolicyError(
                f"regions: {row.get('id', 'one')} lacks or misnames {error}; compare it with its neighbours"
            ) from error
    return found


def _corner(pair: list[float]) -> tuple[float, float]:
    longitude, latitude = pair
    return float(longitude), float(latitude)


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads((resources.files("pipeline") / "regions.toml").read_text("utf-8"))


@cache
def all_regions() -> dict[str, Region]:
    """Return every region by id.

    >>> sorted({region.kind for region in all_regions().values()})
    ['land', 'sea']
    """
    return parse_regions(_table())


def region_index(latitude: npt.ArrayLike, longitude: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Return for each place the position of its region in ``tuple(all_regions())``; -1 elsewhere and for NaN.

    A place on an edge belongs to the first of the regions that meet there.

    Parameters
    ----------
    latitude, longitude : of one shape [degree]; longitudes of either circle, 0 … 360 or -180 … 180

    Examples
    --------
    >>> [tuple(all_regions())[i] for i in region_index([37.57, 39.9, 36.5], [126.98, 116.41, 123.5])]
    ['seoul_area', 'beijing_tianjin', 'yellow_sea']
    >>> region_index([0.0, np.nan], [0.0, 120.0])
    array([-1, -1])
    """
    north = np.asarray(latitude, dtype=np.float64)
    east = (np.asarray(longitude, dtype=np.float64) + 180.0) % 360.0 - 180.0
    out = np.full(north.shape, -1, dtype=np.int64)
    flat, there = out.reshape(-1), np.flatnonzero(np.isfinite(north) & np.isfinite(east))
    x, y = east.reshape(-1)[there], north.reshape(-1)[there]
    for i, polygon in enumerate(_polygons()):
        inside = shapely.intersects_xy(polygon, x, y)
        flat[there[inside]] = i
        there, x, y = there[~inside], x[~inside], y[~inside]
    return out


@cache
def _polygons() -> tuple[shapely.Polygon, ...]:
    polygons = tuple(shapely.Polygon(region.ring) for region in all_regions().values())
    shapely.prepare(polygons)
    return polygons


def region_of(latitude: float, longitude: float) -> str:
    """Return the id of the region of one place, ``elsewhere`` where there is none.

    >>> region_of(38.7, 119.8), region_of(51.5, 0.0)
    ('bohai', 'elsewhere')
    """
    index = int(region_index(latitude, longitude))
    return ELSEWHERE if index < 0 else tuple(all_regions())[index]


def region_name(region_id: str, language: str, party: str | None = None) -> str:
    """Return what a region, or ``elsewhere``, is called in a language, as a party's own table has it.

    Raises
    ------
    PolicyError
        there is no such region

    Examples
    --------
    >>> region_name("elsewhere", "en"), region_name("sea_east_of_peninsula", "en")
    ('further away', 'sea east of the Korean Peninsula')
    """
    if region_id == ELSEWHERE:
        return str(_table()[ELSEWHERE]["name"][language])
    try:
        return all_regions()[region_id].name(language, party)
    except KeyError as error:
        raise PolicyError(f"no region or language {error}; regions.toml names them") from error
