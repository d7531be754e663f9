"""The air on its way is made once per issue, of what that issue knew, and kept as received at it."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from flows.arriving import keep_arriving
from flows.live import forecasts_of
from flows.workspace import open_workspace
from forecasting.situation.recipe import ARRIVING_AIR, recipe_of
from forecasting.situation.rows import situations
from pipeline.cities import all_cities
from pipeline.series import load_panel
from pipeline.settings import Settings
from pipeline.surroundings import all_places
from pipeline.times import HOUR, parse_instant, to_ns
from tests.flows.test_winds_for import at_points, previous

WORLD = "simulated-1"
NOW = parse_instant("2025-01-10T08:00Z")
AIR = [p for p in all_places().values() if p.group == "air" and p.quantities("simulated")]
STATIONS = {p.id: s.stations[0] for p in AIR for s in p.series if s.world == "simulated"}


class Node:
    """A data folder of a simulated world whose clock can be set."""

    def __init__(self, folder):
        self.now = NOW
        self.ws = open_workspace(Settings(data_dir=folder), lambda: self.now)

    def read(self, until, hours, level=40.0, at=None):
        """Let every place upwind have measured a level for some hours."""
        times = to_ns(until) - np.arange(hours) * np.timedelta64(1, "h").astype("m8[ns]")
        table = pd.DataFrame(
            [(s, "pm2p5", t, level, 0) for s in STATIONS.values() for t in times],
            columns=["station", "quantity", "time", "value", "qc"],
        ).astype({"qc": "int8", "time": "datetime64[ns]"})
        self.now = at or until
        delay = None if at else timedelta(0)
        self.ws.store.append(table, source="s", world=WORLD, assumed_delay=delay)

    def forecast(self, reference, east, at=None):
        self.now = at or reference
        assert forecasts_of(self.ws).put(
            at_points(reference, east), source="open_meteo.forecast", world=WORLD
        )

    def kept(self, as_of=None):
        names = [f"arriving:{p.id}" for p in all_places().values() if p.group == "arriving"]
        return self.ws.store.versions(world=WORLD, stations=names, quantities=["pm2p5"], as_of=as_of)


@pytest.fixture
def node(tmp_path):
    return Node(tmp_path)


def test_nothing_is_made_without_forecast_winds(node):
    node.read(NOW, 12)
    assert keep_arriving(node.ws, WORLD, NOW) == 0


def test_what_is_made_was_received_at_its_issue_and_is_made_once(node):
    node.read(NOW, 12)
    node.forecast(NOW - HOUR, 0.0)
    stored = keep_arriving(node.ws, WORLD, NOW)
    kept = node.kept()
    # in still air the parcels stand over the cities; Baengnyeong and Shijiazhuang lie 210 and 270 km away
    assert stored == len(kept) > 0
    assert set(kept["received_at"]) == {pd.Timestamp("2025-01-10T08:00")}
    assert set(kept["time"]) == {pd.Timestamp("2025-01-10T07:00")}
    assert kept["value"].to_numpy() == pytest.approx(40.0)
    assert keep_arriving(node.ws, WORLD, NOW) == 0


def test_later_winds_and_readings_do_not_count(node):
    node.read(NOW, 12)
    node.forecast(NOW - HOUR, 0.0)
    node.read(NOW, 12, level=400.0, at=NOW + HOUR)
    node.forecast(NOW + HOUR, 30.0)
    keep_arriving(node.ws, WORLD, NOW)
    assert node.kept()["value"].to_numpy() == pytest.approx(40.0)


@pytest.mark.slow
def test_issues_that_were_missed_are_made_up_for_from_previous_runs(node):
    first = parse_instant("2025-01-04T00:00Z")
    runs = previous(first, 9, 0.0)
    forecasts_of(node.ws).put(
        runs, source="open_meteo.previous_runs", world=WORLD, assumed_receipt=first - 64 * HOUR
    )
    node.read(NOW, 24 * 5)
    keep_arriving(node.ws, WORLD, NOW)
    issues = sorted(set(node.kept()["received_at"]))
    assert len(issues) > 16
    assert issues[-1] == pd.Timestamp("2025-01-10T08:00")
    assert set(np.diff(issues).astype("m8[h]").astype(int)) == {6}


def test_a_situation_holds_the_air_on_its_way_of_its_own_issue(node):
    node.read(NOW, 24)
    node.forecast(NOW - 7 * HOUR, 0.0)
    for issue in (NOW - 6 * HOUR, NOW):
        keep_arriving(node.ws, WORLD, issue)
    cities = list(all_cities().values())
    panel = load_panel(node.ws.store, cities, WORLD, as_of=NOW)
    recipe = recipe_of(panel, cities, NOW)
    mine = [i for i, c in enumerate(recipe.columns) if c.group == f"seoul{ARRIVING_AIR}"]
    row = situations(panel, recipe, np.array([to_ns(NOW)]))[0]
    assert mine
    assert row[mine] == pytest.approx(np.log(40.0 + 5.0))
    earlier = situations(panel, recipe, np.array([to_ns(NOW - 3 * HOUR)]))[0]
    assert np.isnan(earlier[mine]).all()


def test_a_running_cycle_uses_the_forecast_that_came_by_its_snapshot(node):
    node.read(NOW, 12)
    snapshot = NOW + HOUR / 3
    node.forecast(NOW, 0.0, at=NOW + HOUR / 4)
    assert keep_arriving(node.ws, WORLD, NOW) == 0
    assert keep_arriving(node.ws, WORLD, NOW, snapshot) > 0
    assert node.kept(as_of=NOW).empty
    assert node.kept(as_of=snapshot)["value"].to_numpy() == pytest.approx(40.0)
    assert keep_arriving(node.ws, WORLD, NOW, snapshot) == 0
