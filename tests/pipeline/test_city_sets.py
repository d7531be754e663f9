"""Sets of cities: what each row must hold, how an installation chooses, and what is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pipeline.cities import City, all_cities, cities_of
from pipeline.cities.checks import EAST, NORTH, SOUTH, WEST
from pipeline.cities.chosen import chosen_sets
from pipeline.cities.sets import set_names
from pipeline.errors import PolicyError, UsageError

EVERYTHING = tuple(set_names())


@pytest.mark.parametrize("name", EVERYTHING)
def test_every_row_of_a_set_is_whole(name: str) -> None:
    for one in cities_of([name]).values():
        assert set(one.name) == {"ko", "zh", "en"}
        assert all(one.name.values())
        assert SOUTH < one.latitude < NORTH
        assert WEST < one.longitude < EAST
        assert one.rule_set in ("kr", "cn")
        assert ZoneInfo(one.timezone)
        for world in ("measured", "simulated"):
            assert one.spec("pm2p5", "reference", world) is not None, one.id
            assert one.spec("air_temperature", "weather", world) is not None, one.id


def test_the_sets_are_those_of_the_programmes() -> None:
    areas = cities_of(["areas-2019"]).values()
    assert sum(c.country == "KR" for c in areas) == 17
    assert sum(c.country == "CN" for c in areas) == 21
    provinces = [c for c in areas if c.country == "CN" and len(c.areas) > 1]
    assert len(provinces) == 10, "10 provinces and municipalities beside 11 cities"
    assert all(c.mark.startswith("unverified") for c in provinces), "which ones they are was not found"
    nine = cities_of(["east-asian-clean-air-cities"])
    assert sorted(nine) == sorted(
        ["beijing", "guiyang", "shenzhen", "jinan", "sichuan", "kitakyushu", "tokyo", "seoul", "ulaanbaatar"]
    )
    assert {c.id for c in nine.values() if not c.party} == {"kitakyushu", "tokyo", "ulaanbaatar"}


def test_cities_of_several_sets_come_once_and_keep_the_two_as_they_are() -> None:
    every = cities_of(EVERYTHING)
    assert len(every) == 38 + 9 - 2, "Seoul and Beijing are in both"
    assert {name: every[name] for name in ("seoul", "beijing")} == all_cities()
    assert list(every) == sorted(every)


def own_city(folder: Path, **changes: Any) -> Path:
    row = {
        "id": "dangjin",
        "party": "seoul",
        "country": "KR",
        "timezone": "Asia/Seoul",
        "rule_set": "kr",
        "latitude": 36.89,
        "longitude": 126.63,
        "name": {"ko": "당진", "zh": "唐津", "en": "Dangjin"},
        "geocode": {"name": "code", "value": "4427000000", "evidence": "unverified"},
        **changes,
    }
    tables = {key: row.pop(key) for key in ("name", "geocode") if key in row}
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in row.items()]
    for table, values in tables.items():
        lines += [f"[{table}]", *(f"{k} = {json.dumps(v, ensure_ascii=False)}" for k, v in values.items())]
    series = {"world": "measured", "quantity": "pm2p5", "role": "reference", "interval_hours": 1}
    lines += ["[[series]]", *(f"{k} = {json.dumps(v)}" for k, v in series.items()), 'network = "airkorea"']
    (folder / "own.toml").write_text("\n".join(lines), "utf-8")
    return folder


def test_an_own_folder_adds_a_city(tmp_path: Path) -> None:
    found = cities_of(["seoul-beijing", str(own_city(tmp_path))])
    assert sorted(found) == ["beijing", "dangjin", "seoul"]
    assert found["dangjin"].name["zh"] == "唐津"


def test_an_own_file_replaces_a_packaged_city(tmp_path: Path) -> None:
    found: City = cities_of(["seoul-beijing", str(own_city(tmp_path, id="seoul"))])["seoul"]
    assert found.latitude == 36.89


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"latitude": 60.0}, "on the map"),
        ({"timezone": "Asia/Nowhere"}, "no time zone"),
        ({"rule_set": "jp"}, "rule_set must be one of kr, cn"),
        ({"name": {"ko": "당진", "en": "Dangjin"}}, "name needs ko, zh, en"),
        ({"id": "Dangjin!"}, "id must be"),
        ({"upwind": ["dangjin"]}, "upwind must name other cities"),
        ({"geocode": {"name": "c", "value": "1100000000", "evidence": ""}}, "claimed by 2 cities"),
        ({"country": "Korea"}, "two capitals"),
        ({"planet": "Mars"}, "unexpected keyword"),
    ],
)
def test_what_is_wrong_with_a_table_is_named(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(PolicyError, match=said):
        cities_of(["seoul-beijing", str(own_city(tmp_path, **changes))])


def test_unknown_sets_and_empty_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no set 'mars'; there are areas-2019"):
        cities_of(["mars"])
    with pytest.raises(UsageError, match="holds no city file"):
        cities_of([str(tmp_path) + "/"])


def test_the_choice_is_read_from_variable_then_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "sameair.toml"
    file.write_text('cities = ["areas-2019"]\n', "utf-8")
    monkeypatch.setenv("SAMEAIR_CONFIG", str(file))
    monkeypatch.delenv("SAMEAIR_CITIES", raising=False)
    assert chosen_sets() == ("areas-2019",)
    monkeypatch.setenv("SAMEAIR_CITIES", '["east-asian-clean-air-cities"]')
    assert chosen_sets() == ("east-asian-clean-air-cities",)
    monkeypatch.setenv("SAMEAIR_CONFIG", "")
    monkeypatch.delenv("SAMEAIR_CITIES")
    assert chosen_sets() == ("seoul-beijing",)


@pytest.mark.parametrize("text", ["areas-2019", "[]", '"areas-2019"', "[1]", '[""]'])
def test_what_is_no_list_of_names_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMEAIR_CITIES", text)
    with pytest.raises(UsageError, match="SAMEAIR_CITIES"):
        chosen_sets()


ROOMS = """
from ingest import cnemc, airkorea_rows
from ingest.open_meteo_points import FORECAST_POINTS, POINTS, USUAL_POINTS
from ingest.simulated.network import station_table
from flows.links import UPWIND
from alerts.pairs import are_partners
from alerts.policy import load_policy
from pipeline.cities import all_cities, all_parties, home_of, linked_cities, partner_of
from pipeline.place_names import name_of

assert len(all_cities()) == 45 and all_parties() == ["beijing", "seoul"]
assert UPWIND == (("beijing", "seoul"),) and linked_cities() == ["beijing", "seoul"]
assert home_of("seoul") == "seoul" and partner_of("busan") == ""
assert not are_partners("busan", "tianjin") and not are_partners("tokyo", "beijing")
assert cnemc.CITY_OF_AREA["石家庄市"] == "hebei"
assert cnemc.CITY_OF_AREA["济南市"] == "jinan", "a row of its own comes before its province"
assert airkorea_rows.CITY_OF_PROVINCE["부산광역시"] == "busan"
for points in (POINTS, FORECAST_POINTS):
    assert len({p.id for p in points}) == len(points)
assert {p.city for p in POINTS} >= set(all_cities())
assert POINTS[:2] == USUAL_POINTS[:2]
table = station_table()
assert table["station"].is_unique and set(table["city"]) >= set(all_cities())
policy = load_policy()
assert policy.thresholds("busan") == policy.thresholds("seoul")
assert policy.thresholds("hebei") == policy.thresholds("beijing")
assert policy.thresholds("tokyo") == policy.thresholds("seoul"), "like it by its rule set"
assert policy.opening("busan", 1, 1) == policy.probability.open
assert name_of("tokyo", "ko") == "도쿄"
"""


@pytest.mark.slow
def test_every_room_takes_the_cities_of_all_sets() -> None:
    """A process chooses once, so this runs in one of its own."""
    chosen = {"SAMEAIR_CITIES": json.dumps([s for s in EVERYTHING if s != "seoul-beijing"])}
    subprocess.run([sys.executable, "-c", ROOMS], check=True, env={**os.environ, **chosen})
