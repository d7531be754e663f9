"""Regions: rings that partition what they cover, and names for every language and party."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from pipeline.cities import all_cities
from pipeline.errors import PolicyError
from pipeline.regions import ELSEWHERE, all_regions, parse_regions, region_index, region_name, region_of
from pipeline.surroundings import all_places

POLYGONS = {region.id: shapely.Polygon(region.ring) for region in all_regions().values()}


def test_rings_are_simple():
    for name, polygon in POLYGONS.items():
        assert polygon.is_valid, f"{name}: {shapely.is_valid_reason(polygon)}"
        assert polygon.area > 0.5, name


def test_rings_do_not_overlap_and_leave_no_gap_between_them():
    for one, other in combinations(POLYGONS.values(), 2):
        assert one.intersection(other).area < 1e-9
    whole = shapely.union_all(list(POLYGONS.values()))
    assert whole.geom_type == "Polygon"
    assert not list(whole.interiors)


@pytest.mark.parametrize(
    ("place", "region"),
    [
        ("seoul", "seoul_area"),
        ("beijing", "beijing_tianjin"),
        ("tianjin_air", "beijing_tianjin"),
        ("tangshan_air", "hebei"),
        ("shijiazhuang_air", "hebei"),
        ("jinan_air", "shandong"),
        ("qingdao_air", "shandong"),
        ("weihai_air", "shandong"),
        ("lianyungang_air", "lower_yangtze"),
        ("shanghai_air", "lower_yangtze"),
        ("dandong_air", "liaoning"),
        ("dalian_air", "liaoning"),
        ("shenyang_air", "liaoning"),
        ("changchun_air", "jilin_heilongjiang"),
        ("taiyuan_air", "shanxi"),
        ("hohhot_air", "inner_mongolia"),
        ("ulaanbaatar_embassy", "mongolian_plateau"),
        ("busan_air", "southern_peninsula"),
        ("gangneung_air", "southern_peninsula"),
        ("baengnyeong_air", "yellow_sea"),
        ("bohai", "bohai"),
    ],
)
def test_known_places_lie_in_their_regions(place, region):
    at = all_cities().get(place) or all_places()[place]
    assert region_of(at.latitude, at.longitude) == region


@given(st.floats(15, 60), st.floats(70, 150))
def test_a_point_is_in_the_one_region_whose_ring_holds_it(latitude, longitude):
    index = int(region_index([latitude], [longitude])[0])
    point = shapely.Point(longitude, latitude)
    inside = [i for i, polygon in enumerate(POLYGONS.values()) if polygon.contains(point)]
    touched = [i for i, polygon in enumerate(POLYGONS.values()) if polygon.intersects(point)]
    assert inside in ([], [index])
    assert index == (touched[0] if touched else -1)


def test_shape_is_kept_and_a_longitude_may_run_to_360():
    latitude = np.array([[37.57, 39.9], [np.nan, 0.0]])
    longitude = np.array([[126.98 + 360, 116.41 - 360], [120.0, 120.0]])
    names = [*all_regions(), ELSEWHERE]
    found = [[names[i] for i in row] for row in region_index(latitude, longitude)]
    assert found == [["seoul_area", "beijing_tianjin"], [ELSEWHERE, ELSEWHERE]]


def test_every_region_has_a_name_of_its_own_in_every_language_for_every_party():
    parties = {None, *(c.party for c in all_cities().values())}
    for language in ("en", "ko", "zh"):
        for party in parties:
            names = [region_name(r, language, party) for r in [*all_regions(), ELSEWHERE]]
            assert len(set(names)) == len(names)
            assert all(names)
    for region in all_regions().values():
        assert set(region.party_names) <= parties


def test_parties_name_a_sea_by_their_own_table_and_nobody_else_does():
    sea = all_regions()["sea_east_of_peninsula"]
    assert (sea.name("ko", "seoul"), sea.name("zh", "beijing")) == ("동해", "日本海")
    assert sea.name("en") == sea.name("en", "nobody") == "sea east of the Korean Peninsula"


def test_no_region_is_called_like_a_city_or_a_place():
    assert not set(all_regions()) & (set(all_cities()) | {"elsewhere"})


def test_what_is_not_there_is_named():
    with pytest.raises(PolicyError, match="atlantis"):
        region_name("atlantis", "en")
    row = {"id": "x", "kind": "land", "ring": ["nowhere"], "name": {}}
    with pytest.raises(PolicyError, match="nowhere"):
        parse_regions({"corners": {}, "region": [row]})
