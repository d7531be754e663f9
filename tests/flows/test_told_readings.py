"""A joint text repeats only readings that may leave this node by then; what is shown here is whole."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from alerts.origin_example import example_panel
from flows.told_readings import told_to_others
from flows.workspace import open_workspace
from pipeline.names import MEASURED
from pipeline.origin_panel import UpwindReading
from pipeline.settings import Settings
from pipeline.times import HOUR

AS_OF = datetime(2026, 1, 14, 8, 20, tzinfo=UTC)
END = AS_OF.replace(minute=0) - HOUR
RULE = """
[beijing]
networks = ["cnemc"]
{quotes}
[[beijing.rule]]
name = "air"
world = "measured"
stations = ["cnemc:city_370100"]
quantities = ["{quantity}"]
delay_hours = {delay}
embargo_hours = {embargo}
look_back_hours = 48
licence = "as agreed"
attribution = "Beijing"
redistribution = "{redistribution}"
"""


def reading(place):
    return UpwindReading(place, 36.65, 117.0, "pm2p5", 9.0, "2026-01-14T06:30:00Z", 151.0, 148.5, end_text())


def end_text():
    return END.strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture
def told(tmp_path):
    """Return which places are told by given rules, of a store with one value of one station."""
    opened = []

    def ask(station, *, source="cnemc", party="beijing", place="jinan_air", quotes="", **rule):
        rule = {"quantity": "pm2p5", "delay": 0, "embargo": 0, "redistribution": "parties", **rule}
        rules = tmp_path / "sharing.toml"
        rules.write_text(RULE.format(quotes=quotes, **rule), "utf-8")
        folder = tmp_path / f"data{len(opened)}"
        ws = open_workspace(Settings(data_dir=folder, party=party, sharing_file=rules), lambda: AS_OF)
        opened.append(ws)
        row = {"station": station, "quantity": "pm2p5", "time": END.replace(tzinfo=None), "value": 148.5}
        rows = pd.DataFrame([row | {"qc": 0}]).astype({"qc": np.int8, "time": "M8[ns]"})
        store = replace(ws.store, clock=lambda: AS_OF - HOUR / 2)
        store.append(rows, source=source, world=MEASURED)
        panel = example_panel()
        cities = [replace(c, upwind=(reading(place),)) for c in panel.cities]
        panel = replace(panel, world=MEASURED, as_of=AS_OF.isoformat(), cities=tuple(cities))
        found = told_to_others(ws, panel)
        assert [replace(c, upwind=()) for c in found.cities] == [replace(c, upwind=()) for c in cities]
        return [u.value for u in found.cities[0].upwind]

    yield ask
    for ws in opened:
        ws.ledger.close()


def test_a_reading_that_a_rule_lets_out_is_told(told):
    assert told("cnemc:city_370100") == [151.0]


@pytest.mark.parametrize(
    "kept",
    [
        {"quantity": "pm10"},
        {"delay": 2},
        {"embargo": 2},
        {"redistribution": "none"},
    ],
)
def test_a_reading_that_a_rule_keeps_back_is_not_told(told, kept):
    assert told("cnemc:city_370100", **kept) == []


def test_what_no_rule_names_is_not_told(told):
    assert told("cnemc:city_210200", place="dalian_air") == []
    assert told("archive:china_city_jinan", source="archive") == []
    quotes = '[beijing.quotes]\nmeasured = ["archive:*"]\n'
    assert told("archive:china_city_jinan", source="archive", quotes=quotes) == [151.0]


def test_no_quote_overrides_the_rules_of_an_own_station(told):
    quotes = '[beijing.quotes]\nmeasured = ["*"]\n'
    assert told("cnemc:city_370100", quotes=quotes, redistribution="none") == []


def test_what_another_party_sent_is_told_back_and_what_a_service_says_of_it_is_not(told):
    assert told("cnemc:city_370100", source="party.beijing.air.00000000", party="seoul") == [151.0]
    assert told("cnemc:city_370100", source="cnemc", party="seoul") == []


def test_two_parties_may_speak_for_stations_of_one_network(told):
    shared = '[seoul]\nnetworks = ["cnemc"]\n'
    asked = {"source": "party.beijing.air.00000000", "party": "seoul", "quotes": shared}
    assert told("cnemc:city_370100", **asked) == [151.0]
    assert told("cnemc:city_370100", **asked | {"source": "cnemc"}) == []


def test_one_node_for_all_parties_tells_all(told):
    assert told("cnemc:city_210200", place="dalian_air", party="") == [151.0]
