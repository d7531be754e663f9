"""From the units that tables are written in to those of the store; only linear conversions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pipeline.errors import UsageError
from pipeline.names import QUANTITIES

_MASS: Final = {"ug m-3": 1.0, "ug/m3": 1.0, "µg/m³": 1.0, "mg m-3": 1e3, "mg/m3": 1e3, "ng m-3": 1e-3}
_SPEED: Final = {"m s-1": 1.0, "m/s": 1.0, "km h-1": 1 / 3.6, "km/h": 1 / 3.6, "knot": 1852 / 3600}
_LENGTH: Final = {"m": 1.0, "km": 1e3, "10 m": 10.0}

FACTORS: Final[Mapping[str, Mapping[str, float]]] = {
    "ug m-3": _MASS,
    "1e-9": {"1e-9": 1.0, "ppb": 1.0, "ppm": 1e3, "ppt": 1e-3, "mol mol-1": 1e9},
    "K": {"K": 1.0},
    "1": {"1": 1.0, "%": 0.01, "percent": 0.01, "tenths": 0.1, "okta": 0.125},
    "m s-1": _SPEED,
    "degree": {"degree": 1.0, "degrees": 1.0},
    "Pa": {"Pa": 1.0, "hPa": 100.0, "mbar": 100.0, "kPa": 1e3},
    "kg m-2": {"kg m-2": 1.0, "mm": 1.0, "cm": 10.0},
    "m": _LENGTH,
    "W m-2": {"W m-2": 1.0, "W/m2": 1.0, "MJ m-2 h-1": 1e6 / 3600},
    "m-1 sr-1": {"m-1 sr-1": 1.0, "km-1 sr-1": 1e-3, "Mm-1 sr-1": 1e-6},
    "Pa s-1": {"Pa s-1": 1.0, "hPa s-1": 100.0, "hPa h-1": 100 / 3600},
}
"""Unit of the store: units that can be read as it, each with its factor."""

OFFSETS: Final = {("degC", "K"): 273.15, ("Celsius", "K"): 273.15}
"""Units whose zero is another one."""


def conversion(quantity: str, unit: str) -> tuple[float, float]:
    """Return factor and offset from a unit to that of the quantity in the store.

    Raises
    ------
    UsageError
        the quantity is not known, or is not measured in that unit; names those that can be read

    Examples
    --------
    >>> conversion("carbon_monoxide", "mg m-3"), conversion("air_temperature", "degC")
    ((1000.0, 0.0), (1.0, 273.15))
    """
    if quantity not in QUANTITIES:
        raise UsageError(f"the quantity {quantity!r} is unknown; known are {', '.join(sorted(QUANTITIES))}")
    target = QUANTITIES[quantity].unit
    if (unit, target) in OFFSETS:
        return 1.0, OFFSETS[unit, target]
    known = FACTORS.get(target, {target: 1.0})
    if unit not in known:
        also = [name for name, to in OFFSETS if to == target]
        names = ", ".join([*known, *also])
        raise UsageError(f"{quantity} is not read in {unit!r}; write one of {names}, or another quantity")
    return known[unit], 0.0
