"""Winds of a stretch of time: shortest lead, nothing of the future, gaps, broken files, grid first."""

import logging

import numpy as np
import pytest
import xarray as xr

from flows.live import forecasts_of
from flows.winds import winds_for
from flows.workspace import open_workspace
from pipeline.settings import Settings
from pipeline.times import HOUR, iso, parse_instant, to_ns

NOW = parse_instant("2025-01-10T08:00Z")
START, END = NOW - 24 * HOUR, NOW + 48 * HOUR
PLACES = {
    "station": [f"open_meteo:{n}" for n in range(7)],
    "latitude": ("station", [30.0, 30, 44, 44, 37, 40, 34]),
    "longitude": ("station", [110.0, 130, 110, 130, 120, 114, 127]),
}
LEVELS = [925.0, 850.0, 700.0, 500.0]


def at_points(reference, east, hours=145):
    """Forecast at seven points, hourly: the same east wind at every level and hour."""
    aloft = np.full((hours, len(LEVELS), 7), float(east))
    near = np.full((hours, 7), 0.5 * east)
    return xr.Dataset(
        {
            "eastward_wind_aloft": (("forecast_period", "level", "station"), aloft),
            "northward_wind_aloft": (("forecast_period", "level", "station"), 0 * aloft),
            "eastward_wind": (("forecast_period", "station"), near),
            "northward_wind": (("forecast_period", "station"), 0 * near),
            "atmosphere_boundary_layer_thickness": (("forecast_period", "station"), near + 600),
        },
        {
            "forecast_reference_time": to_ns(reference),
            "forecast_period": np.arange(hours),
            "level": LEVELS,
            **PLACES,
        },
        {"source": "points", "reference": "request", "licence": ""},
    )


def on_grid(reference, east):
    axes = {"latitude": np.arange(46.0, 27.9, -2), "longitude": np.arange(108.0, 132.1, 2)}
    periods = np.arange(0, 103, 6)
    shape = (len(periods), len(LEVELS), len(axes["latitude"]), len(axes["longitude"]))
    dims = ("forecast_period", "level", "latitude", "longitude")
    return xr.Dataset(
        {
            "eastward_wind_aloft": (dims, np.full(shape, float(east))),
            "northward_wind_aloft": (dims, np.zeros(shape)),
            "lagrangian_tendency_of_air_pressure_aloft": (dims, np.full(shape, 0.1)),
        },
        {"forecast_reference_time": to_ns(reference), "forecast_period": periods, "level": LEVELS, **axes},
        {"source": "grid", "reference": "run", "licence": ""},
    )


def previous(first, days, east):
    """Previous runs, 6-hourly, whose wind says of which lead day it is: east · lead day."""
    times = np.arange(to_ns(first), to_ns(first + days * 24 * HOUR), np.timedelta64(6, "h")).astype("M8[ns]")
    leads = np.array([1, 2, 3])
    wind = np.broadcast_to(east * leads[:, None, None, None], (3, len(LEVELS), len(times), 7)).astype(float)
    dims = ("lead_day", "level", "time", "station")
    return xr.Dataset(
        {"eastward_wind_aloft": (dims, wind), "northward_wind_aloft": (dims, 0 * wind)},
        {"lead_day": leads, "level": LEVELS, "time": times, **PLACES},
        {"source": "previous", "licence": ""},
    )


class Desk:
    """A data folder whose clock can be set; what is put is received then."""

    def __init__(self, folder):
        self.now = NOW
        self.ws = open_workspace(Settings(data_dir=folder), lambda: self.now)

    def put(self, dataset, source="open_meteo.forecast", at=None, assumed=None):
        self.now = at or NOW
        assert forecasts_of(self.ws).put(dataset, source=source, world="w", assumed_receipt=assumed)

    def winds(self, start=START, end=END, as_of=NOW):
        return winds_for(self.ws, "w", start=start, end=end, as_of=as_of)

    def east(self, **asked):
        """Return the east wind in the middle at 1500 m, by hours after NOW."""
        found = self.winds(**asked)
        values = found["eastward_wind"].sel(latitude=37, longitude=120)[:, 6].to_numpy()
        hours = (found["time"].to_numpy() - to_ns(NOW)) / np.timedelta64(1, "h")
        return dict(zip(hours.tolist(), values.round(4).tolist(), strict=True))


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


def run(hours):
    return NOW + hours * HOUR


def test_nothing_stored_gives_nothing(desk):
    assert desk.winds() is None


def test_past_hours_come_from_the_shortest_lead_and_coming_ones_from_the_newest(desk):
    for hours, east in ((-31, 1), (-25, 2), (-13, 3), (-1, 4)):
        desk.put(at_points(run(hours), east), at=run(hours))
    east = desk.east()
    assert [east[h] for h in (-23.0, -14.0, -11.0, -2.0, 1.0, 46.0)] == [2, 2, 3, 3, 4, 4]
    assert min(east) == -26
    assert max(east) == 49
    found = desk.winds()
    assert found["level"].attrs["vertical"] == "height"
    near_ground = found["eastward_wind"].sel(latitude=37, longitude=120, level=10)
    assert near_ground[-1] == pytest.approx(2)  # the 10-m wind of the newest
    mixing = found["atmosphere_boundary_layer_thickness"].sel(latitude=37, longitude=120)
    assert mixing[-1] == pytest.approx(602)
    assert found.attrs["greatest_lead"] == 49 + 1


def test_a_forecast_received_later_changes_nothing(desk):
    desk.put(at_points(run(-25), 2), at=run(-25))
    before = desk.winds()
    desk.put(at_points(run(-1), 9), at=run(1))
    xr.testing.assert_identical(desk.winds(), before)
    assert desk.east(as_of=run(1))[1.0] == 9


def test_previous_runs_tell_the_least_lead_that_was_known(desk):
    first = parse_instant("2025-01-05T00:00Z")
    desk.put(previous(first, 9, 1.0), "open_meteo.previous_runs", assumed=first - 64 * HOUR)
    east = desk.east(end=NOW + 64 * HOUR)
    # known at NOW: runs that began by NOW - 8 h; D days before NOW + h for D >= (h + 8) / 24
    assert {h: east[h] for h in (-26.0, -2.0, 16.0, 22.0, 40.0, 46.0, 64.0)} == {
        -26.0: 1, -2.0: 1, 16.0: 1, 22.0: 2, 40.0: 2, 46.0: 3, 64.0: 3
    }  # fmt: skip
    desk.put(at_points(run(-1), 7), at=run(-1))
    east = desk.east(end=NOW + 64 * HOUR)
    assert (east[-2.0], east[1.0], east[16.0], east[28.0]) == (1, 7, 7, 7)  # shorter lead than a day's


def test_a_gap_of_days_is_no_wind_and_a_short_one_is_left_to_interpolation(desk):
    desk.put(at_points(run(-80), 1, hours=20), at=run(-80))
    desk.put(at_points(run(-53), 2, hours=18), at=run(-53))
    desk.put(at_points(run(-1), 3), at=run(-1))
    east = desk.east(start=NOW - 80 * HOUR)
    known = [h for h, value in east.items() if np.isfinite(value)]
    assert {-62.0, -53.0, -38.0, 1.0} <= set(known)
    assert not any(-38 < h < 1 for h in known)
    assert np.isnan(east[-35.0])
    assert np.isnan(east[-2.0])
    assert np.isnan(east[-59.0])
    assert np.isnan(east[-56.0])


def test_a_broken_file_is_left_out_and_named(desk, caplog):
    desk.put(at_points(run(-25), 2), at=run(-25))
    desk.put(at_points(run(-1), 4), at=run(-1))
    newest = forecasts_of(desk.ws).listed("w")[-1]
    (desk.ws.settings.forecast_fields_dir / newest.path).write_bytes(b"broken")
    with caplog.at_level(logging.WARNING):
        east = desk.east()
    assert east[40.0] == 2
    assert newest.path in caplog.text
    assert desk.winds().attrs["skipped"] == newest.path


def test_a_file_without_winds_aloft_is_no_use(desk):
    bare = at_points(run(-1), 4).drop_dims("level")
    desk.put(bare, at=run(-1))
    assert desk.winds() is None
    desk.put(at_points(run(-7), 2), at=run(-7))
    assert desk.east()[10.0] == 2


def test_an_instant_that_is_mostly_missing_is_left_to_an_older_run(desk):
    torn = at_points(run(-1), 4)
    torn["eastward_wind_aloft"][10:] = np.nan
    desk.put(at_points(run(-7), 2), at=run(-7))
    desk.put(torn, at=run(-1))
    east = desk.east()
    assert (east[4.0], east[22.0]) == (4, 2)


def test_gridded_winds_come_before_points_and_take_the_mixing_height_from_them(desk):
    desk.put(at_points(run(-25), 2), at=run(-25))
    desk.put(on_grid(run(-32), 5), "ecmwf.winds", at=run(-20))
    found = desk.winds()
    assert found["level"].attrs["vertical"] == "pressure"
    assert found["eastward_wind"].sel(latitude=36, longitude=120, level=850)[3] == 5
    assert "lagrangian_tendency_of_air_pressure" in found
    assert (np.diff(found["latitude"]) > 0).all()
    mixing = found["atmosphere_boundary_layer_thickness"].sel(latitude=36, longitude=120)
    assert mixing[4] == pytest.approx(601)
    assert found.attrs["feeds"] == "ecmwf.winds"
    assert found.attrs["as_of"] == iso(NOW)


def test_points_are_taken_where_the_grid_covers_too_little(desk):
    desk.put(on_grid(run(-116), 5), "ecmwf.winds", at=run(-104))  # ends 14 h before NOW
    desk.put(at_points(run(-25), 2), at=run(-25))
    assert desk.winds().attrs["feeds"] == "open_meteo.forecast"


def test_air_outside_the_points_has_no_wind(desk):
    desk.put(at_points(run(-25), 2), at=run(-25))
    slanted = desk.winds().isel(time=0, level=3)["eastward_wind"]
    assert np.isfinite(slanted.sel(latitude=37, longitude=115))
    assert slanted.sizes == {"latitude": 17, "longitude": 23}  # a degree more than the points span
