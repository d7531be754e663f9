"""Winds from CF datasets as various centres write them, and files of several formats joined."""

import numpy as np
import pytest
import xarray as xr

from ingest.cf_winds import read_cf_winds, winds_of
from ingest.met_files import read_met
from ingest.met_times import NoneAsked
from pipeline.errors import BadPayload, UsageError
from tests.ingest.arl_case import FIELDS, GRID, TIMES, arl

LEVELS = np.array([1000.0, 850.0, 500.0])
SOUTH, EAST = np.arange(30.0, 45.0, 5.0), np.arange(100.0, 140.0, 10.0)
FIRST, LAST = TIMES[0], TIMES[-1]


def plain(**changed):
    """A dataset in the plainest form; arguments replace variables."""
    shape = (len(TIMES), len(LEVELS), len(SOUTH), len(EAST))
    values = np.arange(np.prod(shape), dtype=np.float64).reshape(shape) / 10.0
    dims = ("time", "level", "lat", "lon")
    ds = xr.Dataset(
        {
            "ua": (dims, values, {"standard_name": "eastward_wind", "units": "m s-1"}),
            "va": (dims, -values, {"standard_name": "northward_wind", "units": "m s-1"}),
        },
        {
            "time": TIMES,
            "level": ("level", LEVELS, {"units": "hPa", "standard_name": "air_pressure"}),
            "lat": ("lat", SOUTH, {"units": "degrees_north"}),
            "lon": ("lon", EAST, {"units": "degrees_east"}),
        },
        {"source": "model X"},
    )
    return ds.assign(changed)


def same(winds):
    """Check that winds are those of the plainest form."""
    known = winds_of(plain(), "x.nc")
    for name in ("eastward_wind", "northward_wind"):
        np.testing.assert_allclose(winds.sortby("level")[name], known.sortby("level")[name])
    np.testing.assert_allclose(winds["latitude"], SOUTH)
    np.testing.assert_allclose(winds["longitude"], EAST)
    np.testing.assert_allclose(winds.sortby("level")["level"], LEVELS[::-1])


def in_pascals(ds):
    return ds.assign_coords(level=("level", 100 * LEVELS, {"units": "Pa"}))


def in_ecmwf_names(ds):
    ds = ds.rename(ua="u", va="v", lat="latitude", lon="longitude", level="isobaricInhPa")
    return ds.assign_coords(isobaricInhPa=("isobaricInhPa", LEVELS, {"units": "hPa", "axis": "Z"}))


def bare(ds):
    """Only names and units, as many NetCDF 3 files have them."""
    for name in ("ua", "va"):
        ds[name].attrs = {"units": "m/s"}
    ds = ds.rename(ua="uwnd", va="vwnd")
    return ds.assign_coords(level=("level", LEVELS, {"units": "millibar"}))


def in_knots(ds):
    for name in ("ua", "va"):
        ds[name] = (ds[name] / 0.514444).assign_attrs(ds[name].attrs | {"units": "knots"})
    return ds


def with_members(ds):
    return ds.expand_dims(realization=[0])


def with_steps(ds):
    """As cfgrib opens a forecast: step as dimension, time the run, valid_time beside."""
    ds = ds.drop_vars("time").rename_dims(time="step")
    run = ((), TIMES[0], {"standard_name": "forecast_reference_time"})
    return ds.assign_coords(step=[0.0, 6.0, 12.0], time=run, valid_time=("step", TIMES))


@pytest.mark.parametrize(
    "change",
    [
        lambda ds: ds,
        lambda ds: ds.isel(lat=slice(None, None, -1)),
        lambda ds: ds.isel(level=slice(None, None, -1)),
        lambda ds: ds.isel(time=slice(None, None, -1)),
        lambda ds: ds.transpose("lon", "lat", "level", "time"),
        in_pascals,
        in_ecmwf_names,
        bare,
        in_knots,
        with_members,
        with_steps,
    ],
)
def test_all_spellings_of_the_same_winds_are_the_same(change):
    same(winds_of(change(plain()), "x.nc"))


def test_a_file_is_read_with_packing_fill_values_and_its_calendar(tmp_path):
    ds = plain()
    ds["ua"][0, 0, 0, 0] = np.nan
    packing = {"dtype": "int16", "scale_factor": 0.1, "_FillValue": -32768}
    ds.to_netcdf(
        tmp_path / "x.nc",
        engine="h5netcdf",
        encoding={"ua": packing, "time": {"units": "minutes since 1990-01-01", "calendar": "standard"}},
    )
    winds = read_cf_winds(tmp_path / "x.nc")
    assert winds["eastward_wind"].isnull().sum() == 1
    np.testing.assert_allclose(winds["eastward_wind"][1:], plain()["ua"][1:], atol=0.051)
    assert winds["time"].to_numpy().tolist() == TIMES.tolist()


def test_longitudes_go_on_across_the_date_line_and_no_meridian_counts_twice():
    east = np.array([160.0, 170.0, 180.0, -170.0])
    winds = winds_of(plain().assign_coords(lon=("lon", east, {"units": "degrees_east"})), "x.nc")
    assert winds["longitude"].to_numpy().tolist() == [160.0, 170.0, 180.0, 190.0]
    closed = np.array([0.0, 120.0, 240.0, 360.0])
    winds = winds_of(plain().assign_coords(lon=("lon", closed, {"units": "degrees_east"})), "x.nc")
    assert winds["longitude"].to_numpy().tolist() == [0.0, 120.0, 240.0]


def test_further_fields_are_taken_in_our_units():
    up = plain()["ua"].drop_attrs(deep=False)
    flat = up[:, 0].drop_vars("level")
    winds = winds_of(
        plain(
            omega=up.assign_attrs(standard_name="lagrangian_tendency_of_air_pressure", units="hPa/s"),
            t=(up * 0 + 10.0).assign_attrs(standard_name="air_temperature", units="degC"),
            z=(up * 0 + 9806.65).assign_attrs(standard_name="geopotential", units="m**2 s**-2"),
            ps=(flat * 0 + 1000.0).assign_attrs(standard_name="surface_air_pressure", units="hPa"),
            blh=(flat * 0 + 1.5).assign_attrs(units="km"),
            u10=(flat * 0).assign_attrs(standard_name="eastward_wind", units="m s-1"),
        ),
        "x.nc",
    )
    np.testing.assert_allclose(winds["lagrangian_tendency_of_air_pressure"], 100.0 * up)
    assert float(winds["air_temperature"][0, 0, 0, 0]) == pytest.approx(283.15)
    assert float(winds["geopotential_height"][0, 0, 0, 0]) == pytest.approx(1000.0)
    assert float(winds["surface_air_pressure"][0, 0, 0]) == pytest.approx(100_000.0)
    assert float(winds["atmosphere_boundary_layer_thickness"][0, 0, 0]) == pytest.approx(1500.0)
    np.testing.assert_allclose(winds["eastward_wind"], up)


def test_sigma_and_heights_are_levels_too():
    sigma = plain().assign_coords(
        level=("level", LEVELS / 1000, {"standard_name": "atmosphere_sigma_coordinate", "units": "1"})
    )
    assert winds_of(sigma, "x.nc")["level"].attrs == {"vertical": "sigma", "units": "1"}
    height = plain().assign_coords(
        level=("level", [10.0, 100.0, 500.0], {"standard_name": "height", "units": "m"})
    )
    assert winds_of(height, "x.nc")["level"].attrs == {"vertical": "height", "units": "m"}


def test_one_level_may_stand_beside_the_winds():
    lone = (
        plain()
        .isel(level=0, drop=True)
        .assign_coords(height=((), 10.0, {"standard_name": "height", "units": "m"}))
    )
    winds = winds_of(lone, "x.nc")
    assert winds["level"].to_numpy().tolist() == [10.0]


def test_winds_along_a_map_keep_it():
    ds = plain().rename(ua="x_wind", va="y_wind", lat="y", lon="x")
    for name in ("x_wind", "y_wind"):
        ds[name].attrs = {"standard_name": name, "units": "m s-1", "grid_mapping": "lambert"}
    for dim, values in (("y", SOUTH), ("x", EAST)):
        said = {"standard_name": f"projection_{dim}_coordinate", "units": "km"}
        ds = ds.assign_coords({dim: (dim, values, said)})
    ds["lambert"] = ((), 0, {"grid_mapping_name": "lambert_conformal_conic", "standard_parallel": 30.0})
    winds = winds_of(ds, "x.nc")
    assert winds["x"].to_numpy().tolist() == (EAST * 1000).tolist()
    assert winds["crs"].attrs["grid_mapping_name"] == "lambert_conformal_conic"
    with pytest.raises(BadPayload, match="map is not described"):
        winds_of(ds.drop_vars("lambert"), "x.nc")
    east = ds.rename(x_wind="ua", y_wind="va")
    east["ua"].attrs["standard_name"], east["va"].attrs["standard_name"] = "eastward_wind", "northward_wind"
    with pytest.raises(BadPayload, match="points east or north on a projected grid"):
        winds_of(east, "x.nc")


def on_a_turned_pole(ds, standard):
    """As regional climate models write it; told by the coordinate or by the map."""
    ds["lat"].attrs = {"standard_name": standard, "units": "degrees", "axis": "Y"}
    ds["lon"].attrs = {"units": "degrees", "axis": "X"}
    if standard == "latitude":
        ds["pole"] = ((), 0, {"grid_mapping_name": "rotated_latitude_longitude"})
        ds["ua"].attrs["grid_mapping"] = "pole"
    return ds


def sigma_from_a_top(ds, top):
    terms = {"formula_terms": "sigma: level ps: ps ptop: ptop", "units": "1"}
    said = terms | {"standard_name": "atmosphere_sigma_coordinate"}
    return ds.assign_coords(level=("level", LEVELS / 1000, said)).assign(ptop=((), top, {"units": "Pa"}))


def changed_unit(ds, name, unit):
    ds[name].attrs["units"] = unit
    return ds


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        (lambda ds: ds.drop_vars("va"), "northward_wind", "holds no northward_wind"),
        (lambda ds: changed_unit(ds, "ua", "furlong"), "ua", "units are 'furlong'"),
        (lambda ds: changed_unit(ds, "level", "1"), "level", "levels are air_pressure"),
        (
            lambda ds: ds.assign_coords(
                level=("level", LEVELS, {"standard_name": "atmosphere_hybrid_sigma_pressure_coordinate"})
            ),
            "level",
            "hybrid",
        ),
        (
            lambda ds: ds.assign_coords(level=("level", LEVELS, {"standard_name": "altitude", "units": "m"})),
            "level",
            "altitude",
        ),
        (
            lambda ds: ds.assign_coords(lat=("lat", [30.0, 35.0, 41.0], {"units": "degrees_north"})),
            "latitude",
            "not even",
        ),
        (lambda ds: ds.isel(lon=[0]), "longitude", "one value only"),
        (lambda ds: ds.isel(time=[0, 0, 1]), "time", "not in order"),
        (lambda ds: ds.drop_vars("time"), "time", "instants cannot be read"),
        (lambda ds: ds.expand_dims(realization=[0, 1]), "eastward_wind", "realization as well"),
        (lambda ds: ds.isel(level=0, drop=True), "ua", "no vertical coordinate"),
        (lambda ds: ds.isel(time=[]), "time", "holds no time"),
        (lambda ds: changed_unit(ds.rename(level="altitude"), "altitude", "m"), "altitude", "levels are"),
        (lambda ds: on_a_turned_pole(ds, "grid_latitude"), "lat", "turned or projected map"),
        (lambda ds: on_a_turned_pole(ds, "latitude"), "lat", "turned or projected map"),
        (lambda ds: sigma_from_a_top(ds, 5000.0), "level", "pressure ptop at the model's top"),
    ],
)
def test_what_cannot_be_used_is_refused_by_variable(change, field, words):
    with pytest.raises(BadPayload, match=words) as caught:
        winds_of(change(plain()), "x.nc")
    assert caught.value.field == field


def test_instants_of_another_calendar_are_refused_by_variable(tmp_path):
    ds = plain().assign_coords(time=("time", [0.0, 6.0, 12.0], {"units": "fortnights", "axis": "T"}))
    with pytest.raises(BadPayload, match=r"instants cannot be read.*\(field time\)"):
        winds_of(ds, "x.nc")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda ds: ds.assign_coords(level=("level", [-1000.0, 850.0, 500.0], ds["level"].attrs)), "above 0"),
        (lambda ds: ds.assign_coords(level=("level", [np.nan, 850.0, 500.0], ds["level"].attrs)), "above 0"),
        (lambda ds: ds.assign(ua=ds["ua"].where(ds["lat"] > 30, 1e20)), "_FillValue"),
        (lambda ds: ds.assign_coords(lat=("lat", [85.0, 90.0, 95.0], ds["lat"].attrs)), "beyond a pole"),
    ],
)
def test_levels_latitudes_and_winds_that_cannot_be_are_refused(change, words):
    with pytest.raises(BadPayload, match=words):
        winds_of(change(plain()), "x.nc")


def test_sigma_down_to_no_pressure_is_read():
    assert winds_of(sigma_from_a_top(plain(), 0.0), "x.nc")["level"].attrs["vertical"] == "sigma"


def test_an_analysis_of_lead_0_is_no_forecast():
    run = {"forecast_reference_time": FIRST, "step": 0.0}
    assert winds_of(plain().assign_coords(run), "x.nc").attrs["kind"] == "analysis"
    assert winds_of(plain().assign_coords(run | {"step": 6.0}), "x.nc").attrs["kind"] == "forecast"


def test_forecasts_say_that_they_are():
    ds = plain().assign_coords(forecast_reference_time=FIRST)
    assert winds_of(ds, "x.nc").attrs["kind"] == "forecast"
    assert winds_of(plain(), "x.nc").attrs == {"source": "model X", "kind": "analysis", "world": "measured"}


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"CDF\x01" + bytes(60), b"\x89HDF\r\n\x1a\n" + bytes(200)]
)
def test_files_that_are_no_datasets_are_refused_in_one_line(tmp_path, content):
    (tmp_path / "x.nc").write_bytes(content)
    with pytest.raises((BadPayload, UsageError), match=r"x\.nc"):
        read_cf_winds(tmp_path / "x.nc")


def test_files_of_one_grid_are_joined_in_time_and_the_first_counts(tmp_path):
    plain().isel(time=[0, 1]).to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    later = plain().isel(time=[1, 2])
    later["ua"].values += 100.0
    later.to_netcdf(tmp_path / "b.nc", engine="h5netcdf")
    winds = read_met([tmp_path / "a.nc", tmp_path / "b.nc"], start=FIRST, end=LAST)
    assert winds["time"].to_numpy().tolist() == TIMES.tolist()
    np.testing.assert_allclose(winds["eastward_wind"][1], plain()["ua"][1])
    np.testing.assert_allclose(winds["eastward_wind"][2], plain()["ua"][2] + 100.0)


def test_a_file_without_the_times_is_left_out_unless_all_are(tmp_path):
    plain().to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    early = plain().assign_coords(time=TIMES - np.timedelta64(30, "D"))
    early.to_netcdf(tmp_path / "b.nc", engine="h5netcdf")
    both = [tmp_path / "b.nc", tmp_path / "a.nc"]
    assert read_met(both, start=FIRST, end=LAST).sizes["time"] == 3
    with pytest.raises(NoneAsked, match=r"b\.nc holds winds of 2019-02-01"):
        read_met(both[:1], start=FIRST, end=LAST)


def test_a_stretch_may_begin_or_end_between_two_files(tmp_path):
    plain().isel(time=[0]).to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    plain().isel(time=[1, 2]).to_netcdf(tmp_path / "b.nc", engine="h5netcdf")
    both, hour = [tmp_path / "a.nc", tmp_path / "b.nc"], np.timedelta64(1, "h")
    within = read_met(both, start=FIRST + hour, end=FIRST + 2 * hour)
    assert within["time"].to_numpy().tolist() == TIMES[:2].tolist()
    over = read_met(both, start=FIRST + hour, end=TIMES[1] + hour)
    assert over["time"].to_numpy().tolist() == TIMES.tolist()
    with pytest.raises(NoneAsked, match="none of the times asked for"):
        read_met(both, start=LAST + hour, end=LAST + 2 * hour)


def test_files_of_different_grids_are_refused(tmp_path):
    plain().to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    (tmp_path / "b.bin").write_bytes(arl(TIMES, FIELDS, GRID))
    with pytest.raises(UsageError, match="different grids or levels"):
        read_met([tmp_path / "a.nc", tmp_path / "b.bin"], start=FIRST, end=LAST)


def test_arl_files_are_told_by_their_first_bytes(tmp_path):
    (tmp_path / "b.nc").write_bytes(arl(TIMES, FIELDS, GRID))
    assert read_met([tmp_path / "b.nc"], start=FIRST, end=LAST).attrs["source"] == "TEST (ARL-packed, b.nc)"
