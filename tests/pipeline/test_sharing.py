"""The rules of sharing refuse by default, whatever the store holds."""

from __future__ import annotations

from fnmatch import fnmatchcase

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import PolicyError
from pipeline.sharing import parse_sharing, sharing_of

ROW = {
    "name": "air",
    "world": "measured",
    "stations": ["cnemc:1*"],
    "quantities": ["pm2p5"],
    "delay_hours": 2,
    "embargo_hours": 0,
    "look_back_hours": 48,
    "licence": "as agreed",
    "attribution": "",
    "redistribution": "parties",
}
START = np.datetime64("2026-01-14T00", "ns")
HOUR = np.timedelta64(1, "h")

station = st.sampled_from(["cnemc:101", "cnemc:201", "airkorea:101", "cnemc", "xcnemc:101", "party.x:1"])
pattern = st.sampled_from(["cnemc:1*", "*", "airkorea:*", "cnemc:201", "*101"])
source = st.sampled_from(["cnemc", "archive", "party.seoul.air.0123abcd"])
quantity = st.sampled_from(["pm2p5", "pm10", "ozone"])
version = st.tuples(station, quantity, st.integers(0, 20), st.integers(-2, 30), source)


@given(
    st.lists(version, max_size=20),
    st.lists(pattern, max_size=2),
    st.lists(quantity, max_size=2),
    st.integers(0, 9),
)
def test_nothing_passes_but_what_a_rule_names(rows, patterns, quantities, delay):
    row = {**ROW, "stations": patterns, "quantities": quantities, "delay_hours": delay}
    sharing = parse_sharing("beijing", {"networks": ["cnemc"], "rule": [row]})
    table = pd.DataFrame(rows, columns=["station", "quantity", "time", "received_at", "source"])
    table["received_at"] = START + (table["time"] + table["received_at"]).to_numpy(int) * HOUR
    table["time"] = START + table["time"].to_numpy(int) * HOUR
    let_out = sharing.may_leave(sharing.rules[0], table.assign(value=1.0))
    for r in let_out.itertuples():
        assert r.station.startswith("cnemc:")
        assert any(fnmatchcase(r.station, p) for p in patterns)
        assert r.quantity in quantities
        assert not r.source.startswith("party.")
        assert r.leaves_at >= r.time + pd.Timedelta(hours=delay)
        assert r.leaves_at >= r.received_at
    held_back = len(table) - len(let_out)
    refused = [
        r
        for r in table.itertuples()
        if not r.station.startswith("cnemc:")
        or not any(fnmatchcase(r.station, p) for p in patterns)
        or r.quantity not in quantities
        or r.source.startswith("party.")
    ]
    assert held_back == len(refused)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"quantities": ["pm3"]}, "unknown quantities pm3"),
        ({"world": "any"}, "world is one of"),
        ({"redistribution": "perhaps"}, "redistribution is unknown"),
        ({"licence": ""}, "names no licence"),
        ({"delay_hours": -1}, "hours are numbers"),
        ({"embargo": 5}, "unknown embargo"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_named(change, said):
    with pytest.raises(PolicyError, match=said):
        parse_sharing("beijing", {"networks": ["cnemc"], "rule": [{**ROW, **change}]})


def test_tables_that_cannot_be_meant_are_named():
    for table, said in (
        ({"rule": [ROW, ROW]}, "two rules of one name"),
        ({"statements": {"diary": ["measured"]}}, "diary"),
        ({"statements": {"bulletin": ["drill"]}}, "bulletin in drill"),
        ({"share": "all"}, "unknown tables"),
    ):
        with pytest.raises(PolicyError, match=said):
            parse_sharing("beijing", table)


def test_a_party_without_a_table_shares_nothing(tmp_path):
    assert sharing_of("shanghai").rules == sharing_of("shanghai").networks == ()
    broken = tmp_path / "sharing.toml"
    broken.write_text("[seoul", "utf-8")
    for path in (broken, tmp_path / "none.toml"):
        with pytest.raises(PolicyError, match="cannot be read"):
            sharing_of("seoul", path)


@pytest.mark.parametrize("party", ["seoul", "beijing"])
def test_the_packaged_rules_let_no_measurement_leave(party):
    assert {rule.world for rule in sharing_of(party).rules} == {"simulated"}
