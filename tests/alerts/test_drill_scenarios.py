"""Scenarios are data: the packaged ones are sound, and a fault is named."""

from copy import deepcopy

import pytest

from alerts.drill_scenarios import all_scenarios, parse_scenario
from pipeline.errors import PolicyError

SOUND = {
    "id": "x",
    "title": "t",
    "trains": "w",
    "before": {"beijing": 40, "seoul": 25},
    "step": [
        {"hours": 0, "do": "cycle", "beijing": [80, 90, 90, 40], "seoul": [40, 60, 70, 30]},
        {"hours": 0.5, "do": "sign", "parties": ["seoul"]},
    ],
}


def test_every_packaged_scenario_says_what_it_trains():
    for name, scenario in all_scenarios().items():
        assert scenario.id == name
        assert scenario.title
        assert scenario.trains
        assert scenario.hours == scenario.steps[-1].hours > 0


def test_a_sound_table_is_read():
    scenario = parse_scenario(deepcopy(SOUND), "x.toml")
    assert scenario.steps[0].means["seoul"] == (40.0, 60.0, 70.0, 30.0)
    assert scenario.steps[1].parties == ("seoul",)


@pytest.mark.parametrize(
    ("step", "change", "fault"),
    [
        (0, {"hours": 1}, "begin with a cycle at hour 0"),
        (0, {"seoul": [40, 60]}, "foretells 4 day means"),
        (0, {"beijing": [80, 90, 90, 0]}, "between 0 and 500"),
        (0, {"spread": 0.0}, "hour 0: spread"),
        (0, {"do": "dance"}, "do is none of"),
        (0, {"mail": "gone"}, "mail is up or down"),
        (1, {"hours": -1}, "order of time"),
        (1, {"do": "cycle"}, "hour 0.5: a cycle stands at a multiple of six hours"),
        (1, {"parties": []}, "sign needs parties"),
        (1, {"parties": ["tokyo"]}, "unknown party tokyo"),
        (1, {"do": "cancel", "party": "seoul", "reason": " "}, "cancel needs party and reason"),
        (1, {"do": "cancel", "party": "seoul", "because": "rain"}, "because is none of wrong_measurements"),
        (1, {"colour": "red"}, "colour"),
    ],
)
def test_a_fault_is_named(step, change, fault):
    table = deepcopy(SOUND)
    table["step"][step].update(change)
    with pytest.raises(PolicyError, match=r"scenario x\.toml: .*" + fault):
        parse_scenario(table, "x.toml")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"step": []}, "no step"),
        ({"before": {"seoul": 1}}, "every city"),
        ({"step": None}, "compare it with"),
    ],
)
def test_a_fault_of_the_whole_is_named(change, fault):
    with pytest.raises(PolicyError, match=fault):
        parse_scenario({**deepcopy(SOUND), **change}, "x.toml")
