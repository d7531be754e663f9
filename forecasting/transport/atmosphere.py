"""Height and pressure: the ICAO standard atmosphere, and hypsometry where temperature is known."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

GRAVITY: Final = 9.80665
"""Standard acceleration of free fall [m s-2]."""

GAS: Final = 287.05287
"""Gas constant of dry air [J kg-1 K-1] (ICAO Doc 7488)."""

SEA_LEVEL_PRESSURE: Final = 101_325.0
"""Pressure of the standard atmosphere at sea level [Pa]."""

_T0, _LAPSE, _TROPOPAUSE = 288.15, 0.0065, 11_000.0
_POWER: Final = GAS * _LAPSE / GRAVITY
_TOP_T: Final = _T0 - _LAPSE * _TROPOPAUSE
_TOP_P: Final = SEA_LEVEL_PRESSURE * (_TOP_T / _T0) ** (1.0 / _POWER)


def standard_height(pressure: NDArray[np.floating]) -> Floats:
    """Return the height [m] of pressures [Pa] in the standard atmosphere up to 20 km (ICAO Doc 7488).

    >>> standard_height(np.array([101325.0, 85000.0, 50000.0])).round().tolist()
    [0.0, 1457.0, 5574.0]
    """
    p = np.asarray(pressure, dtype=np.float64)
    low = _T0 / _LAPSE * (1.0 - (p / SEA_LEVEL_PRESSURE) ** _POWER)
    high = _TROPOPAUSE - GAS * _TOP_T / GRAVITY * np.log(p / _TOP_P)
    return np.where(p > _TOP_P, low, high)


def standard_pressure(height: NDArray[np.floating]) -> Floats:
    """Return the pressure [Pa] at heights [m] in the standard atmosphere up to 20 km (ICAO Doc 7488).

    >>> standard_pressure(np.array([0.0, 11000.0])).round().tolist()
    [101325.0, 22632.0]
    """
    z = np.asarray(height, dtype=np.float64)
    low = SEA_LEVEL_PRESSURE * (1.0 - _LAPSE * np.minimum(z, _TROPOPAUSE) / _T0) ** (1.0 / _POWER)
    high = _TOP_P * np.exp(-GRAVITY * (z - _TROPOPAUSE) / (GAS * _TOP_T))
    return np.where(z < _TROPOPAUSE, low, high)


def standard_temperature(pressure: NDArray[np.floating]) -> Floats:
    """Return the temperature [K] at pressures [Pa] in the standard atmosphere up to 20 km.

    >>> standard_temperature(np.array([101325.0])).tolist()
    [288.15]
    """
    p = np.asarray(pressure, dtype=np.float64)
    return np.maximum(_T0 * (p / SEA_LEVEL_PRESSURE) ** _POWER, _TOP_T)


def thickness(upper: Floats, lower: Floats, temperature: Floats) -> Floats:
    """Return how thick [m] the air between two pressures [Pa] is at its mean temperature [K].

    >>> round(float(thickness(np.array(50000.0), np.array(100000.0), np.array(260.0))), 1)
    5275.2
    """
    return np.asarray(GAS * temperature / GRAVITY * np.log(lower / upper))
