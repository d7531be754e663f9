"""Origins of a cycle: from stored winds alone, as they were known, and said where there are none."""

import json
from datetime import timedelta

import numpy as np
import pytest
import xarray as xr

from flows import origins
from flows.origins import asked_origins, origins_of, origins_of_run, write_origins
from flows.plan import CyclePlan
from pipeline.asof import AsOfPanel
from pipeline.cities import all_cities
from pipeline.errors import UsageError
from pipeline.ledger.runs import begin_run, finish_run, make_current
from pipeline.times import hour_range, to_ns
from pipeline.trajectory_files import read_trajectories
from tests.flows.test_winds_for import NOW, Desk, at_points

PLAN = CyclePlan("w", NOW, NOW, "replay", drill=True)
PANEL = AsOfPanel({}, "w")


@pytest.fixture
def desk(tmp_path):
    made = Desk(tmp_path)
    yield made
    made.ws.ledger.close()


def futures(peak_day=1):
    """Joint paths of both cities that are highest some days after the day of issue."""
    grid = hour_range(NOW - timedelta(hours=65), NOW + timedelta(hours=96))
    ids = list(all_cities())
    local = (np.asarray(grid) - to_ns(NOW)) / np.timedelta64(1, "h") + 17
    level = np.where((local > 24 * peak_day) & (local <= 24 * (peak_day + 1)), 90.0, 30.0)
    values = np.broadcast_to(level, (2, len(ids), len(grid))).copy()
    found = xr.Dataset(
        {
            "pm2p5": (("realization", "city", "time"), values),
            "is_observed": (("city", "time"), np.zeros(values.shape[1:], bool)),
        },
        {"realization": [0, 1], "city": ids, "time": grid},
        {"world": "simulated-1"},
    )
    return found.assign_coords(issue_time=to_ns(NOW), as_of=to_ns(NOW))


def east_wind(desk, speed, reference=NOW - timedelta(hours=96), **more):
    desk.put(at_points(reference, speed, hours=220), at=reference, **more)


def test_air_comes_from_where_the_stored_winds_blow_from(desk):
    east_wind(desk, 6.0)
    panel, paths = origins_of(desk.ws, PLAN, PANEL, futures())
    assert (panel.kind, panel.missing, panel.winds) == ("forecast", "", "points")
    for city in all_cities().values():
        told = panel.city(city.id)
        assert not told.missing
        assert all(longitude < city.longitude + 0.5 for p in told.paths for _, _, longitude, _ in p.points)
    assert panel.city("seoul").regions[0].region in ("yellow_sea", "shandong")
    purposes, counts = np.unique(paths["purpose"].to_numpy(), return_counts=True)
    assert dict(zip(purposes.tolist(), counts.tolist(), strict=True)) == {
        "expected": 2 * 8 * 4 * 9,
        "past": 2 * 4 * 4,
    }


def test_the_expected_day_is_that_of_the_forecast(desk):
    east_wind(desk, 6.0)
    for day in (0, 2):
        panel, _ = origins_of(desk.ws, PLAN, PANEL, futures(day))
        first, last = panel.city("seoul").arrivals
        assert (first, last) == (f"2025-01-{9 + day:02}T18:00:00Z", f"2025-01-{10 + day}T15:00:00Z")


def test_winds_received_later_change_nothing(desk):
    east_wind(desk, 6.0)
    before, _ = origins_of(desk.ws, PLAN, PANEL, futures())
    desk.put(at_points(NOW - timedelta(hours=1), -20.0), at=NOW + timedelta(minutes=1))
    after, _ = origins_of(desk.ws, PLAN, PANEL, futures())
    assert after == before
    later = CyclePlan("w", NOW, NOW + timedelta(minutes=2), "replay", drill=True)
    assert origins_of(desk.ws, later, PANEL, futures())[0].cities != before.cities


def test_without_winds_the_panel_says_so_and_is_written(desk, tmp_path):
    panel, paths = origins_of(desk.ws, PLAN, PANEL, futures())
    assert (panel.kind, panel.missing, paths) == ("none", origins.NO_WINDS, None)
    assert set(write_origins(panel, paths, tmp_path / "run")) == {"origins"}


def test_winds_that_end_too_soon_are_said(desk):
    desk.put(at_points(NOW - timedelta(hours=96), 6.0, hours=110), at=NOW - timedelta(hours=96))
    panel, _ = origins_of(desk.ws, PLAN, PANEL, futures(3))
    assert {city.missing.split(" at ")[0] for city in panel.cities} == {"the stored winds end"}


def stored_run(desk, folder, paths=True):
    east_wind(desk, 6.0)
    panel, found = origins_of(desk.ws, PLAN, PANEL, futures())
    products = write_origins(panel, found, folder) if paths else {}
    base = desk.ws.settings.data_dir
    with desk.ws.ledger.write() as conn:
        run = begin_run(conn, world="w", cycle=NOW, as_of=NOW, code_version="0", at=NOW)
        named = {name: str(path.relative_to(base)) for name, path in products.items()}
        finish_run(conn, run, at=NOW, model_id="m", inputs={}, degraded="", products=named)
        make_current(conn, run, expected=None)
    return panel, found


def test_what_is_written_is_read_back(desk, tmp_path):
    panel, found = stored_run(desk, tmp_path / "run")
    run, read = asked_origins(desk.ws, "w", None)
    assert read == panel
    paths = read_trajectories(tmp_path / run.products["trajectories"])
    np.testing.assert_allclose(paths["latitude"], found["latitude"], atol=1e-4)
    assert paths["city"].to_numpy().astype(str).tolist() == found["city"].to_numpy().tolist()


def test_a_damaged_or_older_panel_is_none_and_the_command_says_what_helps(desk, tmp_path, caplog):
    stored_run(desk, tmp_path / "run")
    file = tmp_path / "run" / "origins.json"
    run, _ = asked_origins(desk.ws, "w", NOW)
    for content in ("{", json.dumps({"version": 0}), json.dumps({"version": 1}), "[]"):
        file.write_text(content)
        assert origins_of_run(desk.ws, run) is None
    assert caplog.text.count("cannot be read") == 4
    with pytest.raises(UsageError, match="sameair run --world w --again"):
        asked_origins(desk.ws, "w", None)


def test_a_run_of_before_has_no_origins(desk, tmp_path):
    stored_run(desk, tmp_path / "run", paths=False)
    with pytest.raises(UsageError, match="stored no origins"):
        asked_origins(desk.ws, "w", None)
