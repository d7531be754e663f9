"""Names, units and CF attributes of every quantity, decided once.

Sources: CF Conventions 1.11 (§3.3 standard names, §3.5 flags, §5.7 and §9 coordinates) and the CF
standard-name table, version 80.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Quantity(NamedTuple):
    """One physical quantity: CF standard name, our unit, and the range a value must lie in."""

    standard_name: str
    unit: str
    lowest: float
    highest: float
    long_name: str


QUANTITIES: Final[dict[str, Quantity]] = {
    "pm2p5": Quantity(
        "mass_concentration_of_pm2p5_ambient_aerosol_particles_in_air", "ug m-3", 0, 1500, "PM2.5"
    ),
    "pm10": Quantity(
        "mass_concentration_of_pm10_ambient_aerosol_particles_in_air", "ug m-3", 0, 6000, "PM10"
    ),
    "air_temperature": Quantity("air_temperature", "K", 200, 330, "air temperature at 2 m"),
    "dew_point_temperature": Quantity("dew_point_temperature", "K", 180, 310, "dew point at 2 m"),
    "relative_humidity": Quantity("relative_humidity", "1", 0, 1.05, "relative humidity at 2 m"),
    "wind_speed": Quantity("wind_speed", "m s-1", 0, 90, "wind speed at 10 m"),
    "wind_from_direction": Quantity("wind_from_direction", "degree", 0, 360, "direction the wind comes from"),
    "eastward_wind": Quantity("eastward_wind", "m s-1", -90, 90, "eastward wind at 10 m"),
    "northward_wind": Quantity("northward_wind", "m s-1", -90, 90, "northward wind at 10 m"),
    "surface_air_pressure": Quantity(
        "surface_air_pressure", "Pa", 45_000, 109_000, "pressure at the station"
    ),
    "air_pressure_at_mean_sea_level": Quantity(
        "air_pressure_at_mean_sea_level", "Pa", 90_000, 110_000, "pressure reduced to sea level"
    ),
    "precipitation_amount": Quantity(
        "precipitation_amount", "kg m-2", 0, 500, "precipitation of the interval"
    ),
    "atmosphere_boundary_layer_thickness": Quantity(
        "atmosphere_boundary_layer_thickness", "m", 0, 8000, "height of the mixed layer"
    ),
    "cloud_area_fraction": Quantity("cloud_area_fraction", "1", 0, 1, "cloud cover"),
    "wind_speed_of_gust": Quantity("wind_speed_of_gust", "m s-1", 0, 120, "gust"),
    "visibility_in_air": Quantity("visibility_in_air", "m", 0, 100_000, "visibility"),
    "sea_surface_temperature": Quantity("sea_surface_temperature", "K", 265, 310, "sea surface temperature"),
    "surface_downwelling_shortwave_flux_in_air": Quantity(
        "surface_downwelling_shortwave_flux_in_air", "W m-2", 0, 1500, "solar radiation"
    ),
    "ozone": Quantity("mass_concentration_of_ozone_in_air", "ug m-3", 0, 1200, "O3"),
    "nitrogen_dioxide": Quantity("mass_concentration_of_nitrogen_dioxide_in_air", "ug m-3", 0, 3840, "NO2"),
    "sulfur_dioxide": Quantity("mass_concentration_of_sulfur_dioxide_in_air", "ug m-3", 0, 2620, "SO2"),
    "carbon_monoxide": Quantity("mass_concentration_of_carbon_monoxide_in_air", "ug m-3", 0, 150_000, "CO"),
    "ozone_fraction": Quantity("mole_fraction_of_ozone_in_air", "1e-9", 0, 600, "O3 (mole fraction)"),
    "nitrogen_dioxide_fraction": Quantity(
        "mole_fraction_of_nitrogen_dioxide_in_air", "1e-9", 0, 2000, "NO2 (mole fraction)"
    ),
    "sulfur_dioxide_fraction": Quantity(
        "mole_fraction_of_sulfur_dioxide_in_air", "1e-9", 0, 1000, "SO2 (mole fraction)"
    ),
    "carbon_monoxide_fraction": Quantity(
        "mole_fraction_of_carbon_monoxide_in_air", "1e-9", 0, 50_000, "CO (mole fraction)"
    ),
    "dust": Quantity(
        "mass_concentration_of_dust_dry_aerosol_particles_in_air", "ug m-3", 0, 20_000, "mineral dust"
    ),
    "sulfate": Quantity(
        "mass_concentration_of_sulfate_dry_aerosol_particles_in_air", "ug m-3", 0, 500, "sulfate"
    ),
    "nitrate": Quantity(
        "mass_concentration_of_nitrate_dry_aerosol_particles_in_air", "ug m-3", 0, 500, "nitrate"
    ),
    "ammonium": Quantity(
        "mass_concentration_of_ammonium_dry_aerosol_particles_in_air", "ug m-3", 0, 300, "ammonium"
    ),
    "elemental_carbon": Quantity(
        "mass_concentration_of_elemental_carbon_dry_aerosol_particles_in_air", "ug m-3", 0, 200, "EC"
    ),
    "organic_carbon": Quantity("", "ug m-3", 0, 500, "organic carbon (no CF name)"),
    "aerosol_optical_depth": Quantity(
        "atmosphere_optical_thickness_due_to_ambient_aerosol_particles", "1", 0, 10, "AOD"
    ),
    "attenuated_backscatter": Quantity(
        "volume_attenuated_backwards_scattering_function_in_air", "m-1 sr-1", -1e-3, 1, "lidar backscatter"
    ),
    "geopotential_height": Quantity("geopotential_height", "m", -1000, 40_000, "height of a level"),
    "lagrangian_tendency_of_air_pressure": Quantity(
        "lagrangian_tendency_of_air_pressure", "Pa s-1", -50, 50, "vertical motion"
    ),
}
"""Every quantity the store accepts; a value outside [lowest, highest] is flagged as failed, never dropped."""

QC_PASS, QC_SUSPECT, QC_FAIL, QC_NOT_EVALUATED = 0, 1, 2, 3
QC_FLAG_VALUES: Final = (0, 1, 2, 3)
QC_FLAG_MEANINGS: Final = "pass suspect fail not_evaluated"

MEASURED: Final = "measured"
"""The one world that is real; every other world name is simulated (see :func:`is_simulated`)."""

CONVENTIONS: Final = "CF-1.11"
TIME_ENCODING: Final[dict[str, object]] = {
    "units": "seconds since 1970-01-01",
    "calendar": "standard",
    "dtype": "int64",
}
LEAD_ENCODING: Final[dict[str, object]] = {"units": "hours", "dtype": "int32"}

PM_THRESHOLDS: Final = (15, 35, 50, 60, 75, 115, 150, 200, 250)
"""Concentrations [ug m-3] for which every forecast states a probability of exceedance (PM2.5 and PM10)."""

QUANTILE_LEVELS: Final = (0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95)


def is_simulated(world: str) -> bool:
    """Tell whether a world is a simulation; all but ``measured`` are.

    >>> is_simulated("measured"), is_simulated("simulated-7")
    (False, True)
    """
    return world != MEASURED
