"""The places around the cities: a table that holds together, and their series in the panel."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from pipeline.cities import all_cities
from pipeline.errors import PolicyError
from pipeline.ledger import open_ledger
from pipeline.names import QUANTITIES
from pipeline.observations import ObservationStore
from pipeline.series import load_panel
from pipeline.surroundings import GROUPS, all_places, parse_places
from pipeline.times import parse_instant

NOW = parse_instant("2020-03-01T00:00Z")
KIND = {
    "group": "sea",
    "world": "measured",
    "quantities": ["wind_speed"],
    "stations": ["kma_buoy:{number}"],
    "interval_hours": 1,
    "note": "",
    "places": [{"id": "b", "number": "7", "name": "B", "latitude": 35.0, "longitude": 125.0}],
}


@pytest.fixture
def store(tmp_path):
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
    yield ObservationStore(tmp_path / "observations", ledger, lambda: NOW)
    ledger.close()


def rows(station, quantity, values, first="2020-02-01T00", step_hours=1):
    times = np.datetime64(first, "ns") + np.arange(len(values)) * np.timedelta64(step_hours, "h")
    return pd.DataFrame(
        {
            "station": station,
            "quantity": quantity,
            "time": times,
            "value": np.array(values, float),
            "qc": np.zeros(len(values), "int8"),
        }
    )


def put(store, table, world="measured"):
    source = str(table["station"].iloc[0]).partition(":")[0]
    store.append(table, source=source, world=world, assumed_delay=timedelta(minutes=45))


def test_every_place_lies_in_east_asia_and_measures_known_quantities_at_stations_of_its_own():
    seen = set()
    for place in all_places().values():
        assert 27 <= place.latitude <= 51
        assert 75 <= place.longitude <= 132
        assert place.group in GROUPS
        assert place.name
        keys = [(s.world, s.quantity) for s in place.series]
        assert len(set(keys)) == len(keys) > 0
        for spec in place.series:
            assert spec.quantity in QUANTITIES
            mine = {(spec.world, spec.quantity, station) for station in spec.stations}
            if spec.quantity != "pm10":  # the island's PM10 comes from two services
                assert not mine & seen
            seen |= mine


def test_places_of_weather_stations_are_those_of_the_station_list(shared):
    listed = pd.read_csv(shared / "data/stations/synop_stations.csv", dtype={"stn": str}).set_index("stn")
    found = 0
    for place in all_places().values():
        numbers = {s.split(":")[1] for spec in place.series for s in spec.stations if s.startswith("synop:")}
        for number in numbers:
            row = listed.loc[number]
            assert (place.latitude, place.longitude, place.altitude) == pytest.approx(
                (row["lat"], row["lon"], row["elev_m"])
            )
            found += 1
    assert found == 65


def test_every_synop_station_of_the_region_with_values_is_a_place(shared):
    table = pq.read_table(shared / "data/met/synop_80_stations_3h.parquet", columns=["stn"]).to_pandas()
    listed = pd.read_csv(shared / "data/stations/synop_stations.csv", dtype={"stn": str})
    near = listed[listed["lat"].between(27, 51) & listed["lon"].between(97, 132)]["stn"]
    wanted = set(near) & set(table["stn"].astype(str).unique())
    named = {s for p in all_places().values() for spec in p.series for s in spec.stations}
    assert {f"synop:{number}" for number in wanted} <= named


def test_a_place_of_several_kinds_comes_together():
    more = {**KIND, "quantities": ["pm2p5"], "world": "simulated"}
    (place,) = parse_places({"kind": [KIND, more]}).values()
    assert place.quantities("measured") == ("wind_speed",)
    assert place.quantities("simulated") == ("pm2p5",)


@pytest.mark.parametrize(
    ("kinds", "said"),
    [
        ([{**KIND, "stations": ["x:{missing}"]}], "missing"),
        ([{name: value for name, value in KIND.items() if name != "note"}], "note"),
        ([KIND, {**KIND, "group": "air"}], "two groups"),
        ([{**KIND, "group": "moon"}], "moon"),
    ],
)
def test_a_table_that_does_not_hold_together_is_refused(kinds, said):
    with pytest.raises(PolicyError, match=said):
        parse_places({"kind": kinds})


def test_a_stations_report_comes_before_what_stands_in_for_it(store):
    put(store, rows("synop:53068", "air_temperature", [270.0], "2020-02-01T00"))
    stand_in = rows("open_meteo:at_synop_53068", "air_temperature", [271.0] * 7, "2020-02-01T00")
    put(store, stand_in)
    panel = load_panel(store, all_cities().values(), "measured")
    assert list(panel) == ["around.air_temperature.erenhot"]
    series = panel["around.air_temperature.erenhot"]
    assert series.interval_hours == 3
    grid = np.datetime64("2020-02-01T00", "ns") + np.arange(3) * np.timedelta64(3, "h")
    assert series.on_grid(grid, grid[-1] + np.timedelta64(1, "D")).tolist() == [270.0, 271.0, 271.0]


def test_a_place_reads_worlds_of_its_kind_only(store):
    for world in ("measured", "simulated-1"):
        put(store, rows("cnemc:9102A", "pm2p5", [50.0]), world)
        put(store, rows("archive:china_city_jinan", "pm2p5", [60.0]), world)
    for world, value in (("measured", 60.0), ("simulated-1", 50.0)):
        panel = load_panel(store, all_cities().values(), world)
        assert panel["around.pm2p5.jinan_air"].values.tolist() == [value]
