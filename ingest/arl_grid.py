"""Grids of ARL-packed meteorology as coordinates and CF grid mappings.

Latitude-longitude grids have no grid size; all others are conformal maps of a sphere of 6371.2 km, told
apart by the latitude where their cone touches it. Source: HYSPLIT user's guide, section S141.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from ingest.arl_records import Index
from pipeline.errors import BadPayload

RADIUS: Final = 6_371_200.0
"""Earth's radius of HYSPLIT's maps [m]."""
SUPPORTED: Final = "convert the file to NetCDF (CF) on latitudes and longitudes and give that"

Floats = npt.NDArray[np.float64]


class Grid(NamedTuple):
    """Dimensions, their coordinates, and the attributes of the grid mapping (None: degrees)."""

    dims: tuple[str, str]
    north: Floats
    east: Floats
    mapping: dict[str, float | str] | None


def grid_of(index: Index, source: str) -> Grid:
    """Return the grid of an index, rows from the south, columns from the west.

    Raises
    ------
    BadPayload
        a map that is turned, or axes that do not rise

    Examples
    --------
    >>> said = dict(pole_lat=90, pole_lon=0, ref_lat=1, ref_lon=1, size_km=0, orientation=0,
    ...             tangent_lat=0, sync_x=1, sync_y=1, sync_lat=-90, sync_lon=0)
    >>> index = Index(np.datetime64("2020-01-01"), "GDAS", 0, said, 360, 181, 2, (), ())
    >>> grid = grid_of(index, "gdas1")
    >>> grid.dims, grid.north[[0, -1]].tolist(), grid.east[[0, -1]].tolist()
    (('latitude', 'longitude'), [-90.0, 90.0], [0.0, 359.0])
    """
    said = index.grid
    if said["size_km"] == 0:
        return _degrees(index, source)
    if said["orientation"]:
        what = f"a map turned by {said['orientation']:g} degrees is not supported"
        raise BadPayload(source, what, field="orientation", remedy=SUPPORTED)
    mapping, spacing = _mapping(said)
    east, north = _project(said, mapping)
    x = east + (np.arange(1, index.nx + 1) - said["sync_x"]) * spacing
    y = north + (np.arange(1, index.ny + 1) - said["sync_y"]) * spacing
    return Grid(("y", "x"), y.astype(np.float64), x.astype(np.float64), mapping)


def _degrees(index: Index, source: str) -> Grid:
    said = index.grid
    north, east = said["ref_lat"], said["ref_lon"]
    if not (0 < north < 90 and 0 < east < 180):
        what = f"latitudes by {north:g} and longitudes by {east:g} degrees"
        raise BadPayload(source, what, field="ref_lat", remedy=SUPPORTED)
    latitude = said["sync_lat"] + (np.arange(1, index.ny + 1) - said["sync_y"]) * north
    longitude = said["sync_lon"] + (np.arange(1, index.nx + 1) - said["sync_x"]) * east
    if np.abs(latitude).max() > 90 + 1e-6:
        raise BadPayload(source, "latitudes beyond a pole", field="sync_lat", remedy=SUPPORTED)
    return Grid(("latitude", "longitude"), latitude.astype(np.float64), longitude.astype(np.float64), None)


def _mapping(said: dict[str, float]) -> tuple[dict[str, float | str], float]:
    """Return the CF attributes of a map, and the grid's spacing in its plane [m]."""
    tangent, spacing = said["tangent_lat"], said["size_km"] * 1000.0
    common: dict[str, float | str] = {
        "earth_radius": RADIUS,
        "false_easting": 0.0,
        "false_northing": 0.0,
    }
    if abs(tangent) == 90.0:
        return {
            "grid_mapping_name": "polar_stereographic",
            "latitude_of_projection_origin": tangent,
            "straight_vertical_longitude_from_pole": said["ref_lon"],
            "standard_parallel": said["ref_lat"],
            **common,
        }, spacing
    if tangent == 0.0:
        return {
            "grid_mapping_name": "mercator",
            "longitude_of_projection_origin": said["ref_lon"],
            "standard_parallel": said["ref_lat"],
            **common,
        }, spacing
    mapping: dict[str, float | str] = {
        "grid_mapping_name": "lambert_conformal_conic",
        "standard_parallel": tangent,
        "latitude_of_projection_origin": tangent,
        "longitude_of_central_meridian": said["ref_lon"],
        **common,
    }
    scale = _radius_on_cone(said["ref_lat"], tangent) * np.sin(np.radians(tangent))
    return mapping, spacing * abs(float(scale / (RADIUS * np.cos(np.radians(said["ref_lat"])))))


def _half_angle(latitude: float) -> float:
    return float(np.tan(np.pi / 4 + np.radians(latitude) / 2))


def _radius_on_cone(latitude: float, tangent: float) -> float:
    """Return the distance of a parallel from a Lambert cone's tip [m], signed as the tangent latitude."""
    cone = np.sin(np.radians(tangent))
    scale = RADIUS * np.cos(np.radians(tangent)) / cone
    return float(scale * (_half_angle(tangent) / _half_angle(latitude)) ** cone)


def _project(said: dict[str, float], mapping: dict[str, float | str]) -> tuple[float, float]:
    """Return where the grid's known point lies in the plane of its map [m] (Snyder 1987, spherical forms)."""
    latitude, tangent = said["sync_lat"], said["tangent_lat"]
    turn = np.radians((said["sync_lon"] - said["ref_lon"] + 180.0) % 360.0 - 180.0)
    if mapping["grid_mapping_name"] == "mercator":
        true = RADIUS * np.cos(np.radians(said["ref_lat"]))
        return float(true * turn), float(true * np.log(_half_angle(latitude)))
    if mapping["grid_mapping_name"] == "polar_stereographic":
        side = np.sign(tangent)
        true = RADIUS * (1 + np.sin(np.radians(side * said["ref_lat"])))
        radius = true * np.tan(np.pi / 4 - np.radians(side * latitude) / 2)
        return float(radius * np.sin(turn)), float(-side * radius * np.cos(turn))
    cone = np.sin(np.radians(tangent))
    radius, origin = _radius_on_cone(latitude, tangent), _radius_on_cone(tangent, tangent)
    return float(radius * np.sin(cone * turn)), float(origin - radius * np.cos(cone * turn))
