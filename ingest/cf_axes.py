"""The axes of a CF dataset: which dimension is which, and their values as WIND_CONTRACT wants them.

A coordinate is known by axis, standard_name or units (CF Conventions 1.11 §4), last by its name.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr

from ingest.cf_quantities import plain_unit
from pipeline.errors import BadPayload

Axis = Literal["T", "Z", "Y", "X"]

_STANDARD: Final[dict[str, Axis]] = {
    "time": "T",
    "latitude": "Y",
    "grid_latitude": "Y",
    "projection_y_coordinate": "Y",
    "longitude": "X",
    "grid_longitude": "X",
    "projection_x_coordinate": "X",
    "air_pressure": "Z",
    "height": "Z",
    "altitude": "Z",
    "model_level_number": "Z",
    "atmosphere_sigma_coordinate": "Z",
    "atmosphere_hybrid_sigma_pressure_coordinate": "Z",
    "atmosphere_hybrid_height_coordinate": "Z",
}
_PLAIN: Final[dict[str, Axis]] = {
    "time": "T",
    "valid_time": "T",
    "lat": "Y",
    "latitude": "Y",
    "y": "Y",
    "lon": "X",
    "longitude": "X",
    "x": "X",
    "lev": "Z",
    "level": "Z",
    "plev": "Z",
    "pressure": "Z",
    "pressure_level": "Z",
    "isobaricinhpa": "Z",
    "sigma": "Z",
    "height": "Z",
}
_NORTH: Final = ("degrees_north", "degree_north", "degrees_n", "degree_n", "degreesn")
_EAST: Final = ("degrees_east", "degree_east", "degrees_e", "degree_e", "degreese")
CONVERT: Final = "convert it to pressure levels on a regular grid, for instance with CDO, and give that"


class Levels(NamedTuple):
    """Kind of levels, unit and values, as WIND_CONTRACT."""

    vertical: str
    unit: str
    values: npt.NDArray[np.float64]


def axis_of(coordinate: xr.DataArray) -> Axis | None:
    """Return which axis a coordinate is, None for another (such as a member of an ensemble).

    >>> axis_of(xr.DataArray([850.0], dims="q", name="q", attrs={"units": "hPa"}))
    'Z'
    """
    attrs, name = coordinate.attrs, str(coordinate.name).lower()
    if "forecast_reference_time" in (name, attrs.get("standard_name")):
        return None
    if coordinate.dtype.kind == "M":
        return "T"
    said = str(attrs.get("axis", "")).upper()
    if said in ("T", "Z", "Y", "X"):
        return said  # type: ignore[return-value]
    if attrs.get("standard_name") in _STANDARD:
        return _STANDARD[attrs["standard_name"]]
    unit = str(attrs.get("units", "")).lower()
    if unit in _NORTH:
        return "Y"
    if unit in _EAST:
        return "X"
    if plain_unit(unit) in ("Pa", "hPa", "kPa") or unit in ("sigma_level", "layer"):
        return "Z"
    return _PLAIN.get(name)


def levels_of(coordinate: xr.DataArray, source: str) -> Levels:
    """Return the levels of a vertical coordinate: pressure, sigma, or height above ground.

    Raises
    ------
    BadPayload
        levels of another kind, such as hybrid ones or heights above the sea

    Examples
    --------
    >>> levels_of(xr.DataArray([85000.0], dims="plev", name="plev", attrs={"units": "Pa"}), "x.nc")
    Levels(vertical='pressure', unit='hPa', values=array([850.]))
    """
    values = np.atleast_1d(coordinate.to_numpy()).astype(np.float64)
    standard, unit = coordinate.attrs.get("standard_name", ""), plain_unit(coordinate.attrs.get("units", ""))
    to_hectopascals = {"Pa": 0.01, "hPa": 1.0, "kPa": 10.0}
    name = str(coordinate.name)
    if unit in to_hectopascals:
        return Levels("pressure", "hPa", np.round(values * to_hectopascals[unit], 6))
    if standard == "atmosphere_sigma_coordinate" or "sigma" in unit or name.lower() == "sigma":
        if ((values <= 0) | (values > 1)).any():
            raise BadPayload(source, "sigma is not between 0 and 1", field=name, remedy=CONVERT)
        return Levels("sigma", "1", values)
    if unit in ("m", "km") and standard in ("", "height") and not name.lower().startswith("alt"):
        return Levels("height", "m", values * (1000.0 if unit == "km" else 1.0))
    if name.lower() == "isobaricinhpa":
        return Levels("pressure", "hPa", values)
    what = f"levels are {standard or 'of an unknown kind'} [{unit or 'no units'}]"
    raise BadPayload(source, f"{what}; pressure, sigma or height is needed", field=name, remedy=CONVERT)


def rising(ds: xr.Dataset, dim: str) -> xr.Dataset:
    """Return a dataset whose coordinate ``dim`` ascends.

    >>> rising(xr.Dataset(coords={"y": [2.0, 1.0]}), "y")["y"].values.tolist()
    [1.0, 2.0]
    """
    values = ds[dim].to_numpy()
    return ds.isel({dim: slice(None, None, -1)}) if len(values) > 1 and values[0] > values[-1] else ds


def unwrapped(ds: xr.Dataset, dim: str) -> xr.Dataset:
    """Return a dataset whose longitudes ascend across the date line, no meridian twice.

    >>> unwrapped(xr.Dataset(coords={"x": [170.0, 180.0, -170.0]}), "x")["x"].values.tolist()
    [170.0, 180.0, 190.0]
    >>> unwrapped(xr.Dataset(coords={"x": [0.0, 120.0, 240.0, 360.0]}), "x")["x"].values.tolist()
    [0.0, 120.0, 240.0]
    """
    east = ds[dim].to_numpy().astype(np.float64)
    if len(east) > 1 and (np.diff(east) <= 0).any():
        east = np.where(east < east[0], east + 360.0, east)
    keep = int((east < east[0] + 360.0 - 1e-6).sum())
    return ds.assign_coords({dim: (dim, east, ds[dim].attrs)}).isel({dim: slice(keep)})


def regular(ds: xr.Dataset, dim: str, source: str) -> None:
    """Check that a coordinate has even steps.

    Raises
    ------
    BadPayload
        it has not, or has one value only; names the variable
    """
    steps = np.diff(ds[dim].to_numpy().astype(np.float64))
    if not len(steps) or (steps <= 0).any() or not np.allclose(steps, steps[0], rtol=1e-3):
        what = f"steps of {dim} are not even" if len(steps) else f"{dim} has one value only"
        raise BadPayload(source, what, field=dim, remedy="interpolate it to a regular grid and give that")
