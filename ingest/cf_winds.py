"""Winds from any CF dataset: NetCDF, Zarr or GRIB, by whatever engines are installed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr

from ingest.cf_axes import CONVERT, axis_of, levels_of, regular, rising, unwrapped
from ingest.cf_quantities import ALOFT, AT_GROUND, WINDS, Sought, find, in_our_unit
from ingest.met_times import enclosing
from pipeline.errors import BadPayload, ContractError, UsageError
from pipeline.wind_fields import check_speeds, check_winds

REMEDY: Final = "give a CF dataset with winds on levels (docs/trajectories.md)"
ZARR: Final = (".zgroup", ".zmetadata", "zarr.json")
"""A folder with one of them is a Zarr store."""
KINDS: Final = ("analysis", "forecast", "surrogate")


def read_cf_winds(
    path: Path, *, start: np.datetime64 | None = None, end: np.datetime64 | None = None
) -> xr.Dataset:
    """Return the winds of a CF dataset over the times that enclose [start, end] (None: all).

    Variables are known by their standard_name, coordinates by axis, standard_name or units; pressure in Pa
    or hPa, latitudes either way, longitudes from -180 or from 0.

    Returns
    -------
    xr.Dataset
        as WIND_CONTRACT

    Raises
    ------
    BadPayload
        the file cannot be read, or holds no winds that can be used; names the variable
    UsageError
        no engine for the format is installed; NoneAsked: the file has no times around the stretch
    """
    with _opened(path) as ds:
        return winds_of(ds, path.name, start=start, end=end)


def _opened(path: Path) -> xr.Dataset:
    if path.is_dir() and not any((path / name).exists() for name in ZARR):
        raise UsageError(f"{path} is a folder, and no Zarr store; name the file itself")
    engine = "zarr" if path.is_dir() else None
    try:
        return xr.open_dataset(path, engine=engine, decode_timedelta=False)
    except FileNotFoundError:
        raise
    except (ImportError, ModuleNotFoundError) as error:
        what = f"{path.name} cannot be read without a package that is not installed"
        raise UsageError(f"{what} ({error.name or error}); install it, or give NetCDF") from None
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, OverflowError) as error:
        if path.is_dir() or "did not find a match" in str(error) or "unrecognized engine" in str(error):
            what = f"{path.name}: no installed engine of xarray reads it"
            raise UsageError(
                f"{what}; give NetCDF, ARL-packed or GRIB 2, or install zarr or cfgrib"
            ) from None
        raise BadPayload(path.name, f"cannot be opened ({type(error).__name__})", remedy=REMEDY) from None


def winds_of(
    ds: xr.Dataset, source: str, *, start: np.datetime64 | None = None, end: np.datetime64 | None = None
) -> xr.Dataset:
    """Return the winds of a CF dataset; see :func:`read_cf_winds`.

    Examples
    --------
    >>> u = (("time", "plev", "lat", "lon"), np.ones((1, 1, 2, 2)), {"units": "m s-1"})
    >>> ds = xr.Dataset({"ua": u, "va": u}, {"time": np.array(["2025-01-01"], "M8[ns]"),
    ...     "plev": ("plev", [85000.0], {"units": "Pa"}), "lat": [31.0, 30.0], "lon": [110.0, 111.0]})
    >>> winds = winds_of(ds, "x.nc")
    >>> winds["level"].values.tolist(), winds["latitude"].values.tolist()
    ([850.0], [30.0, 31.0])
    """
    projected, pair = _winds(ds, source)
    dims = _dims(ds, pair[0], source)
    _check_place(ds, dims, pair[0], projected, source)
    for name in pair[1:]:
        if set(ds[name].dims) != set(ds[pair[0]].dims):
            raise BadPayload(source, "is not on the grid of its partner", field=name, remedy=REMEDY)
    ds = _cut(_squeezed(ds, dims, source), dims["T"], source, start, end)
    levels = levels_of(ds[dims["Z"]], source)
    targets = ("y", "x") if projected else ("latitude", "longitude")
    rename = dict(zip((dims["T"], dims["Z"], dims["Y"], dims["X"]), ("time", "level", *targets), strict=True))
    out = _fields(ds, dims, projected, pair, source)
    out = out.rename({old: new for old, new in rename.items() if old != new})
    out = out.drop_vars([c for c in out.coords if c not in ("time", "level", *targets)])
    said = {"vertical": levels.vertical, "units": levels.unit}
    out = out.assign_coords(level=("level", levels.values, said), time=out["time"].astype("M8[ns]"))
    out = _placed(ds, out, pair[0], targets, source)
    out.attrs = _attributes(ds, source)
    out = out.transpose("time", "level", *targets, missing_dims="ignore")
    try:
        return check_speeds(check_winds(out.load()))
    except ContractError as error:
        raise BadPayload(source, str(error), remedy=REMEDY) from None


def _winds(ds: xr.Dataset, source: str) -> tuple[bool, tuple[str, str]]:
    """Return whether winds run along the axes of a map, and their two variables; those on levels first."""
    for dims in (3, 2):
        for projected, names in ((False, ("eastward_wind", "northward_wind")), (True, ("x_wind", "y_wind"))):
            found = [_richest(ds, WINDS[n], dims) for n in names]
            if found[0] and found[1] and _is_projected(ds, found[0]) == projected:
                return projected, (found[0], found[1])
    for name in ("eastward_wind", "northward_wind"):
        lone = _richest(ds, WINDS[name], 2)
        if lone and _is_projected(ds, lone):
            what = "points east or north on a projected grid; x_wind and y_wind along its axes are needed"
            raise BadPayload(source, what, field=lone, remedy=CONVERT)
        if not lone:
            raise BadPayload(source, f"holds no {name}", field=name, remedy=REMEDY)
    raise BadPayload(source, "holds no pair of winds", field="eastward_wind", remedy=REMEDY)


def _richest(ds: xr.Dataset, sought: Sought, at_least: int) -> str | None:
    """Return the variable sought that has the most dims, None below ``at_least``."""
    names = [n for n in ds.data_vars if len(ds[n].dims) >= at_least]
    names.sort(key=lambda n: -len([d for d in ds[n].dims if ds.sizes[d] > 1]))
    return find(ds[names], sought, ())


def _is_projected(ds: xr.Dataset, name: str) -> bool:
    for dim in ds[name].dims:
        if dim in ds.coords and "projection" in str(ds[dim].attrs.get("standard_name", "")):
            return True
    return False


def _dims(ds: xr.Dataset, name: str, source: str) -> dict[str, str]:
    """Return the coordinate of each axis of a wind: dimensions first, then single values beside."""
    found: dict[str, str] = {}
    for dim in ds[name].dims:
        axis = axis_of(ds[dim])
        if axis and axis not in found:
            found[axis] = str(dim)
    for coordinate in sorted(ds[name].coords, key=lambda c: -len(ds[c].dims)):
        axis = axis_of(ds[coordinate])
        inner = ds[coordinate].dims
        if axis and axis not in found and (not inner or (axis == "T" and len(inner) == 1)):
            found[axis] = str(coordinate)
    words = {"T": "time", "Z": "vertical coordinate", "Y": "latitude", "X": "longitude"}
    for letter, word in words.items():
        if letter not in found:
            what = f"its winds have no {word} of one dimension"
            raise BadPayload(source, what, field=name, remedy="set axis or units of the coordinate")
    return found


def _check_place(ds: xr.Dataset, dims: dict[str, str], wind: str, projected: bool, source: str) -> None:
    """Refuse latitudes and longitudes of a turned pole, and sigma that counts from a pressure at the top."""
    turned = str(ds[dims["Y"]].attrs.get("standard_name", "")).startswith("grid_")
    mapping = _mapping_of(ds, wind)
    if mapping in ds.variables:
        said = ds[mapping].attrs.get("grid_mapping_name", "latitude_longitude")
        turned |= not projected and said != "latitude_longitude"
    if turned:
        what = f"{dims['Y']} and {dims['X']} are not latitude and longitude but of a turned or projected map"
        raise BadPayload(source, what, field=dims["Y"], remedy=CONVERT)
    top = re.search(r"ptop:\s*(\S+)", str(ds[dims["Z"]].attrs.get("formula_terms", "")))
    if top and (top[1] not in ds.variables or np.any(ds[top[1]].to_numpy() != 0)):
        what = f"sigma counts from the pressure {top[1]} at the model's top, which is not supported"
        raise BadPayload(source, what, field=dims["Z"], remedy=CONVERT)


def _mapping_of(ds: xr.Dataset, wind: str) -> str:
    """Return the name of the grid mapping of a wind."""
    return str(ds[wind].attrs.get("grid_mapping", ds[wind].encoding.get("grid_mapping", "crs")))


def _squeezed(ds: xr.Dataset, dims: dict[str, str], source: str) -> xr.Dataset:
    """Return a dataset with time and level as dimensions, and no other of more than one value."""
    ds = ds.reset_coords([c for c in ds.coords if c not in ds.dims and c not in dims.values()], drop=False)
    for axis in ("T", "Z"):
        coordinate = ds[dims[axis]]
        if not coordinate.dims:
            ds = ds.expand_dims(dims[axis])
        elif coordinate.dims != (dims[axis],):
            ds = ds.swap_dims({coordinate.dims[0]: dims[axis]})
    if ds[dims["T"]].dtype.kind != "M":
        what = "instants cannot be read: units `hours since ...` and a standard calendar are needed"
        raise BadPayload(source, what, field=dims["T"], remedy="set units and calendar of the time")
    return ds


def _cut(
    ds: xr.Dataset, time: str, source: str, start: np.datetime64 | None, end: np.datetime64 | None
) -> xr.Dataset:
    """Return the times that enclose a stretch."""
    ds = rising(ds, time)
    times = ds[time].to_numpy().astype("M8[ns]")
    if not len(times):
        raise BadPayload(source, "holds no time", field=time, remedy=REMEDY)
    if np.isnat(times).any() or (np.diff(times) <= np.timedelta64(0, "ns")).any():
        raise BadPayload(source, "instants are missing, or not in order", field=time, remedy=REMEDY)
    return ds.isel({time: enclosing(times, start, end, source)})


def _fields(
    ds: xr.Dataset, dims: dict[str, str], projected: bool, pair: tuple[str, str], source: str
) -> xr.Dataset:
    """Return the fields of the winds in our units, under our names."""
    names = ("x_wind", "y_wind") if projected else ("eastward_wind", "northward_wind")
    out = {n: in_our_unit(ds[v], WINDS[n], source) for n, v in zip(names, pair, strict=True)}
    places = (dims["Y"], dims["X"])
    for name, sought in ALOFT.items():
        found = find(ds, sought, (dims["Z"], *places))
        if found:
            out[name] = in_our_unit(ds[found], sought, source)
    for name, sought in AT_GROUND.items():
        found = find(ds, sought, places)
        if found:
            field = in_our_unit(ds[found], sought, source)
            out[name] = field.isel({dims["Z"]: 0}, drop=True) if dims["Z"] in field.dims else field
    kept = {n: v.squeeze([d for d in v.dims if d not in dims.values() and v.sizes[d] == 1], drop=True)
            for n, v in out.items()}  # fmt: skip
    for name, field in kept.items():
        more = sorted(str(d) for d in field.dims if d not in dims.values())
        if more:
            what = f"varies along {', '.join(more)} as well; choose one value of it"
            raise BadPayload(source, what, field=name, remedy=REMEDY)
    return xr.Dataset({n: v.drop_attrs(deep=False) for n, v in kept.items()})


def _placed(ds: xr.Dataset, out: xr.Dataset, wind: str, targets: tuple[str, str], source: str) -> xr.Dataset:
    """Return winds whose horizontal axes ascend evenly, with the map they are on."""
    for dim in targets:
        if dim in ("x", "y") and str(out[dim].attrs.get("units", "m")) == "km":
            out = out.assign_coords({dim: out[dim] * 1000.0})
        out = unwrapped(out, dim) if dim == "longitude" else rising(out, dim)
        regular(out, dim, source)
        out = out.assign_coords({dim: out[dim].astype(np.float64)})
    if targets == ("y", "x"):
        name = _mapping_of(ds, wind)
        if name not in ds.variables:
            raise BadPayload(source, "its map is not described", field=name, remedy="add its grid_mapping")
        out["crs"] = ((), 0, dict(ds[name].attrs))
    return out


def _attributes(ds: xr.Dataset, source: str) -> dict[str, Any]:
    """Return who made the winds, of which kind and world they are."""
    maker = next((str(ds.attrs[k]) for k in ("source", "institution", "title") if ds.attrs.get(k)), source)
    kind = ds.attrs.get("kind")
    return {
        "source": maker,
        "kind": kind if kind in KINDS else ("forecast" if _has_lead(ds) else "analysis"),
        "world": str(ds.attrs.get("world", "measured")),
    }


def _has_lead(ds: xr.Dataset) -> bool:
    """Tell whether any instant lies after the run that made it; analyses have leads of 0."""
    leads = [ds[n].to_numpy() for n in ("forecast_period", "step") if n in ds.variables]
    if leads:
        return any(bool((values != np.zeros(1, values.dtype)).any()) for values in leads)
    return "forecast_reference_time" in ds.variables
