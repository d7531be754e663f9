"""Which variable of a CF dataset holds which field of the winds, and in which unit.

A variable is known by its standard_name; where it has none, by a name that many centres use.
Source: CF standard-name table, version 80.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import xarray as xr

from pipeline.errors import BadPayload

GRAVITY: Final = 9.80665


class Sought(NamedTuple):
    """A field: standard names it may have, plain names (lower case), and factor and offset by unit."""

    standard: tuple[str, ...]
    plain: tuple[str, ...]
    units: dict[str, tuple[float, float]]


_SPEED: Final = {"m s-1": (1.0, 0.0), "knot": (0.514444, 0.0), "km h-1": (1 / 3.6, 0.0)}
_PRESSURE: Final = {"Pa": (1.0, 0.0), "hPa": (100.0, 0.0), "kPa": (1000.0, 0.0)}
_LENGTH: Final = {"m": (1.0, 0.0), "km": (1000.0, 0.0)}

WINDS: Final = {
    "eastward_wind": Sought(("eastward_wind",), ("u", "ua", "uwnd", "ugrd", "u_wind", "u_component"), _SPEED),
    "northward_wind": Sought(
        ("northward_wind",), ("v", "va", "vwnd", "vgrd", "v_wind", "v_component"), _SPEED
    ),
    "x_wind": Sought(("x_wind", "grid_eastward_wind"), ("u", "uwnd", "ugrd"), _SPEED),
    "y_wind": Sought(("y_wind", "grid_northward_wind"), ("v", "vwnd", "vgrd"), _SPEED),
}
ALOFT: Final = {
    "lagrangian_tendency_of_air_pressure": Sought(
        ("lagrangian_tendency_of_air_pressure",),
        ("w", "wap", "omega", "vvel"),
        {"Pa s-1": (1.0, 0.0), "hPa s-1": (100.0, 0.0)},
    ),
    "upward_air_velocity": Sought(("upward_air_velocity",), ("wa", "dzdt"), _SPEED),
    "air_temperature": Sought(
        ("air_temperature",), ("t", "ta", "temp", "air"), {"K": (1.0, 0.0), "degC": (1.0, 273.15)}
    ),
    "geopotential_height": Sought(
        ("geopotential_height", "geopotential"),
        ("z", "zg", "gh", "hgt"),
        {**_LENGTH, "m2 s-2": (1 / GRAVITY, 0.0)},
    ),
}
AT_GROUND: Final = {
    "surface_air_pressure": Sought(("surface_air_pressure",), ("sp", "ps", "pres_sfc"), _PRESSURE),
    "surface_altitude": Sought(
        ("surface_altitude", "surface_geopotential"),
        ("orog", "hgt_sfc"),
        {**_LENGTH, "m2 s-2": (1 / GRAVITY, 0.0)},
    ),
    "atmosphere_boundary_layer_thickness": Sought(
        ("atmosphere_boundary_layer_thickness",), ("blh", "hpbl", "pblh"), _LENGTH
    ),
}

_SPELLINGS: Final = {
    "m/s": "m s-1",
    "m s**-1": "m s-1",
    "m.s-1": "m s-1",
    "meter second-1": "m s-1",
    "knots": "knot",
    "kt": "knot",
    "km/h": "km h-1",
    "pascal": "Pa",
    "pascals": "Pa",
    "mb": "hPa",
    "mbar": "hPa",
    "millibar": "hPa",
    "millibars": "hPa",
    "hpa": "hPa",
    "pa": "Pa",
    "pa/s": "Pa s-1",
    "pa s**-1": "Pa s-1",
    "pascal/s": "Pa s-1",
    "hpa/s": "hPa s-1",
    "mb/s": "hPa s-1",
    "k": "K",
    "kelvin": "K",
    "celsius": "degC",
    "degree_celsius": "degC",
    "c": "degC",
    "meter": "m",
    "meters": "m",
    "metre": "m",
    "metres": "m",
    "gpm": "m",
    "geopotential meter": "m",
    "m**2 s**-2": "m2 s-2",
    "m2/s2": "m2 s-2",
    "m^2/s^2": "m2 s-2",
    "j kg-1": "m2 s-2",
}


def plain_unit(unit: object) -> str:
    """Return a unit in one spelling.

    >>> plain_unit("millibar"), plain_unit("m s**-1"), plain_unit(" Pa ")
    ('hPa', 'm s-1', 'Pa')
    """
    text = " ".join(str(unit).split())
    return _SPELLINGS.get(text.lower(), text)


def find(ds: xr.Dataset, sought: Sought, along: Sequence[str]) -> str | None:
    """Return the variable that is sought and varies along all of the given dims, None where there is none.

    >>> ds = xr.Dataset({"ua": ("x", [1.0], {"standard_name": "eastward_wind"}), "u": ("y", [1.0])})
    >>> find(ds, WINDS["eastward_wind"], ("x",)), find(ds, WINDS["eastward_wind"], ("z",))
    ('ua', None)
    """
    there = [str(n) for n, v in ds.data_vars.items() if set(along) <= set(v.dims)]
    named = [n for n in there if ds[n].attrs.get("standard_name") in sought.standard]
    plain = [n for n in there if "standard_name" not in ds[n].attrs and n.lower() in sought.plain]
    return next(iter(named + plain), None)


def in_our_unit(field: xr.DataArray, sought: Sought, source: str) -> xr.DataArray:
    """Return a field in the contract's unit.

    Raises
    ------
    BadPayload
        it has no unit, or one that is not known for it; names the variable
    """
    unit = plain_unit(field.attrs.get("units", ""))
    if unit not in sought.units:
        what = f"units are {field.attrs.get('units')!r}, known are {', '.join(sought.units)}"
        raise BadPayload(source, what, field=str(field.name), remedy="set its attribute units")
    factor, offset = sought.units[unit]
    return field if (factor, offset) == (1.0, 0.0) else field * factor + offset
