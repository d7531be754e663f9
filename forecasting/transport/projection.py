"""Map projections of gridded winds on the sphere, named as in CF Appendix F, with their scale on the map.

Formulas after Snyder (1987), Map Projections: A Working Manual, USGS Professional Paper 1395.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ContractError

Floats = NDArray[np.float64]

EARTH_RADIUS: Final = 6_371_229.0
"""Radius of the sphere of most weather models [m] (WMO code table 3.2, value 6)."""


@dataclass(frozen=True)
class Cone:
    """Lambert's conformal cone; with ``n`` = 1 the polar stereographic plane.

    Parameters
    ----------
    n : sine of the standard parallel: how much of a circle the cone unrolls to [1]
    factor : scale constant, so that the map is true where it should be [m]
    south : 1, or -1 for a plane at the south pole
    """

    n: float
    factor: float
    central: float
    origin: float
    false: tuple[float, float]
    radius: float
    south: int = 1

    def to_map(self, latitude: Floats, longitude: Floats) -> tuple[Floats, Floats]:
        """Return x and y [m] of places [degree]."""
        rho = self._rho(self.south * latitude)
        theta = self.n * np.radians(_half_circle(longitude - self.central))
        x = rho * np.sin(theta) + self.false[0]
        y = self.south * (self.origin - rho * np.cos(theta)) + self.false[1]
        return x, y

    def to_sphere(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return latitude and longitude [degree] of map points [m]."""
        east, up = x - self.false[0], self.origin - self.south * (y - self.false[1])
        rho = np.hypot(east, up)
        latitude = 90.0 - 2.0 * np.degrees(np.arctan((rho / self.factor) ** (1.0 / self.n)))
        longitude = self.central + np.degrees(np.arctan2(east, up)) / self.n
        return self.south * latitude, _half_circle(longitude)

    def scale(self, latitude: Floats) -> Floats:
        """Return metres on the map per metre on the sphere at latitudes [degree]."""
        up = self.south * latitude
        if self.n == 1.0:  # rho over the distance to the axis, 0 / 0 at the pole
            return np.asarray(self.factor / self.radius / (1.0 + np.sin(np.radians(up))))
        return np.asarray(self.n * self._rho(up) / (self.radius * np.cos(np.radians(up))))

    def _rho(self, latitude: Floats) -> Floats:
        return np.asarray(self.factor * np.tan(np.radians(90.0 - latitude) / 2.0) ** self.n)


@dataclass(frozen=True)
class Mercator:
    """Mercator's cylinder, true at the latitudes where the scale ``true`` is the cosine of latitude."""

    true: float
    central: float
    false: tuple[float, float]
    radius: float

    def to_map(self, latitude: Floats, longitude: Floats) -> tuple[Floats, Floats]:
        """Return x and y [m] of places [degree]."""
        size = self.radius * self.true
        x = size * np.radians(_half_circle(longitude - self.central)) + self.false[0]
        return x, size * np.arctanh(np.sin(np.radians(latitude))) + self.false[1]

    def to_sphere(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return latitude and longitude [degree] of map points [m]."""
        size = self.radius * self.true
        latitude = np.degrees(np.arcsin(np.tanh((y - self.false[1]) / size)))
        return latitude, _half_circle(self.central + np.degrees((x - self.false[0]) / size))

    def scale(self, latitude: Floats) -> Floats:
        """Return metres on the map per metre on the sphere at latitudes [degree]."""
        return np.asarray(self.true / np.cos(np.radians(latitude)))


Projection = Cone | Mercator
"""A conformal map: one scale in all directions."""


def projection(attributes: Mapping[str, Any]) -> Projection:
    """Return the projection that the attributes of a CF grid mapping describe.

    Polar stereographic, Lambert conformal conic (one or two standard parallels) and Mercator, on a sphere.

    Raises
    ------
    ContractError
        another projection, an ellipsoid, or an attribute that is missing

    Examples
    --------
    >>> plane = projection({"grid_mapping_name": "polar_stereographic", "standard_parallel": 60.0,
    ...     "latitude_of_projection_origin": 90.0, "straight_vertical_longitude_from_pole": -105.0})
    >>> x, y = plane.to_map(np.array([90.0, 60.0]), np.array([0.0, -105.0]))
    >>> [round(float(v)) for v in (x[0], y[0], x[1])], round(float(plane.scale(np.array([60.0]))[0]), 9)
    ([0, 0, 0], 1.0)
    """
    name = attributes.get("grid_mapping_name")
    makers = {
        "polar_stereographic": _polar,
        "lambert_conformal_conic": _lambert,
        "mercator": _mercator,
    }
    if name not in makers:
        raise ContractError(f"crs of winds has the grid mapping {name!r}; known are {', '.join(makers)}")
    if float(attributes.get("inverse_flattening", 0.0)) != 0.0:
        raise ContractError("crs of winds is on an ellipsoid; give earth_radius of the model's sphere")
    return makers[str(name)](attributes)


def _polar(crs: Mapping[str, Any]) -> Projection:
    south = -1 if _number(crs, "latitude_of_projection_origin") < 0 else 1
    longitude = "straight_vertical_longitude_from_pole"
    central = _number(crs, longitude if longitude in crs else "longitude_of_projection_origin")
    if "standard_parallel" in crs:
        true = (1.0 + np.sin(np.radians(south * _number(crs, "standard_parallel")))) / 2.0
    else:
        true = _number(crs, "scale_factor_at_projection_origin")
    radius = _radius(crs)
    return Cone(1.0, float(2.0 * radius * true), central, 0.0, _false(crs), radius, south)


def _lambert(crs: Mapping[str, Any]) -> Projection:
    given = np.atleast_1d(np.asarray(crs.get("standard_parallel", np.nan), dtype=np.float64))
    low, high = np.radians(given[0]), np.radians(given[-1])
    if not np.isfinite(low + high) or low == 0:
        raise ContractError("crs of winds lacks the attribute standard_parallel")
    n = np.sin(low)
    if low != high:
        n = np.log(np.cos(low) / np.cos(high)) / np.log(_half(low) / _half(high))
    radius, south = _radius(crs), int(np.sign(n))
    factor = radius * np.cos(low) / (abs(n) * _half(south * low) ** abs(n))
    cone = Cone(abs(float(n)), float(factor), _number(crs, "longitude_of_central_meridian"), 0.0, (0.0, 0.0),
                radius, south)  # fmt: skip
    origin = np.asarray([_number(crs, "latitude_of_projection_origin")])
    lift = -cone.to_map(origin, np.asarray([cone.central]))[1][0] * south
    return Cone(cone.n, cone.factor, cone.central, float(lift), _false(crs), radius, south)


def _mercator(crs: Mapping[str, Any]) -> Projection:
    if "standard_parallel" in crs:
        true = float(np.cos(np.radians(_number(crs, "standard_parallel"))))
    else:
        true = float(crs.get("scale_factor_at_projection_origin", 1.0))
    return Mercator(true, _number(crs, "longitude_of_projection_origin"), _false(crs), _radius(crs))


def _half(latitude: Any) -> Any:
    return np.tan(np.pi / 4.0 - latitude / 2.0)


def _radius(crs: Mapping[str, Any]) -> float:
    return float(crs.get("earth_radius", crs.get("semi_major_axis", EARTH_RADIUS)))


def _false(crs: Mapping[str, Any]) -> tuple[float, float]:
    return float(crs.get("false_easting", 0.0)), float(crs.get("false_northing", 0.0))


def _number(crs: Mapping[str, Any], name: str) -> float:
    if name not in crs:
        raise ContractError(f"crs of winds lacks the attribute {name}")
    return float(np.atleast_1d(crs[name])[0])


def _half_circle(longitude: Floats) -> Floats:
    return np.asarray((longitude + 180.0) % 360.0 - 180.0)
