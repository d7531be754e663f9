"""The episode page: what it says of a run's evidence, when it says nothing, and what was not known then."""

import json
from datetime import timedelta
from functools import cache

import pytest
import requests
from lxml import html

from pipeline.cities import Cities
from pipeline.ledger.runs import list_runs
from review.accounts.roles import Role
from tests.review.desk_world import CYCLE
from tests.review.episode_world import (
    DAY,
    EPISODE,
    EVIL,
    EpisodeWorld,
    combined,
    everything,
    evidence,
    reasons,
)
from tests.review.signed_in import cookies

PAGE = f"/episodes/{EPISODE}"
ASKED = f"{PAGE}?day={DAY}&threshold=50"


def get(world, path, **who):
    return requests.get(world.base + path, timeout=120, cookies=cookies(world.ledger, world.now, **who))


@cache
def page_of(world, path, language="en"):
    """The source of a page; none of them changes while it is looked at."""
    answer = get(world, path, language=language)
    assert answer.status_code == 200, answer.text
    return answer.text


def text_of(world, path, language="en"):
    page = html.fromstring(page_of(world, path, language))
    for block in page.xpath("//script"):
        block.drop_tree()
    return " ".join(" ".join(page.itertext()).split())


def figures(world, path):
    blocks = html.fromstring(page_of(world, path)).xpath("//figure")
    return {one.get("id"): json.loads(one.xpath(".//script")[0].text)["figure"] for one in blocks}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Five runs whose probability rises through what opens the level; the last stores everything."""
    running = EpisodeWorld(tmp_path_factory.mktemp("episode"))
    running.place("seoul")
    running.air("seoul", value=48.0)
    for back, chance in ((4, 0.1), (3, 0.2), (2, 0.5), (1, 0.3)):
        running.run(cycle=CYCLE - timedelta(hours=6 * back), chance=chance)
    running.episode(running.run(chance=0.55, products=everything()))
    yield running
    running.close()


def other(world, number, *, chance=0.55, level=0, **told):
    """The page of an episode of a world of its own, with one run."""
    name, episode = f"simulated-{number}", f"seoul-{number}"
    run = world.run(world=name, chance=chance, **told)
    world.episode(run, world=name, episode=episode, level=level)
    return f"/episodes/{episode}?day={DAY}&threshold=50"


def test_the_page_begins_with_what_is_to_be_decided(world):
    said = text_of(world, ASKED)
    assert "This run gives 55 % that the mean of 2026-01-15 (D+1) in the city exceeds 50 µg/m³." in said
    assert "Level J1 opens from 35 % on: it opens." in said
    assert "48 µg/m³" in said
    # of D+2 needs 40 %
    assert "from 40 % on" in text_of(world, f"{PAGE}?day=2026-01-16&threshold=50")


def test_it_says_whether_the_forecast_was_stable(world):
    said = text_of(world, ASKED)
    # the last four runs: 20, 50, 30, 55 % against 35 %: over, under, over
    assert "between 20 and 55 % and passed the 35 % that opens the level 3 times" in said
    assert figures(world, ASKED)["stability-chance"]["lines"][0]["values"] == [10, 20, 50, 30, 55]


def test_it_counts_how_often_such_a_forecast_came_true(world):
    said = text_of(world, ASKED)
    assert "12 of the last 30 such forecasts came true. This one says 55 %." in said
    # Wilson: (0.4 + 1.6449² / 60 ± …) of 12 in 30
    assert "between 27 and 55 % (90 % interval)" in said
    assert "10 were issued by runs; 20 are told by the model" in said


def test_it_says_which_reading_would_tip_it_and_what_the_partner_did(world):
    said = text_of(world, ASKED)
    assert "It would not be reached if one of these had read otherwise" in said
    assert "118 ≤ 61 1.3 standard deviations" in said
    assert "47 → 60" in said
    assert "41 → 55 %" in said
    assert "of the side of Beijing (42 series)" in said


def test_the_steps_from_the_usual_add_up_to_the_median(world):
    page = html.fromstring(page_of(world, ASKED))
    cells = page.xpath("//table[@class='why']/tbody/tr/td[@class='number']/text()")
    # 40 + 20 + (2 - 3) + 1 = 60
    assert [int(cell) for cell in cells] == [40, 20, -1, 1, 60]


def test_it_shows_what_others_stated_on_the_same_chart(world):
    course = figures(world, ASKED)["course"]
    labels = [line["label"] for line in course["lines"]]
    assert {"measured by the run", "this run", "AirKorea", "without the partner's air"} <= set(labels)
    assert sum(label.startswith("run of ") for label in labels) == 3
    band = next(band for band in course["bands"] if band["label"] == "AirKorea")
    drawn = [v for v in band["lower"] if v is not None]
    # each hour of one local day
    assert drawn == [35.5] * 24
    assert {limit["value"] for limit in course["limits"]} == {50.0, 15.0, 35.0, 75.0}


def test_it_shows_similar_situations_and_where_the_air_comes_from(world):
    said = text_of(world, ASKED)
    assert "13 of the 20 most similar situations were followed by more than 50 µg/m³ on D+1" in said
    assert "Nothing in the past resembles this situation" in said
    assert said.count("71 ▲") == 3
    region = figures(world, ASKED)["region"]
    assert any(point["value"] == 48.0 for point in region["points"])
    assert region["paths"]


@pytest.mark.parametrize(
    ("language", "heading"), [("ko", "예측이 안정적이었습니까?"), ("zh", "预报是否稳定？")]
)
def test_the_page_speaks_the_language_of_the_account(world, language, heading):
    said = text_of(world, ASKED, language=language)
    assert heading in said
    assert "such forecasts" not in said


def test_an_earlier_instant_shows_what_was_known_and_decides_nothing(world):
    early = CYCLE - timedelta(hours=12)
    path = f"{ASKED}&as_of={early:%Y-%m-%dT%H:%M:%SZ}"
    said = text_of(world, path)
    assert "You look at an earlier run" in said
    assert "This run gives 50 %" in said
    assert "between 10 and 50 %" in said
    course = figures(world, path)["course"]
    measured = next(line for line in course["lines"] if line["label"] == "measured by the run")
    known = [at for at, v in zip(course["times"], measured["values"], strict=True) if v is not None]
    assert max(known) <= early.timestamp()


def test_what_arrived_since_an_earlier_run_is_told_apart(world):
    with world.ledger.read() as conn:
        first = list_runs(conn, "measured", 9)[-1]
    course = figures(world, f"{ASKED}&run={first.id}")["course"]
    drawn = {line["label"]: sum(v is not None for v in line["values"]) for line in course["lines"]}
    # air is stored for 48 h up to the last run; the first ran 24 h before it
    assert drawn["measured by the run"] == 24
    assert drawn["arrived since"] == 24


def test_what_is_not_there_is_said_and_what_to_do(world):
    said = text_of(world, other(world, 1))
    for part in (
        "Only one run has spoken of this day so far",
        "This run stored no record of such forecasts",
        "No reasons are stored of this day",
        "Nobody else had stated anything about these days",
        "This run stored nothing of it",
        "No station within reach has reported",
        "nothing received in the hours shown",
    ):
        assert part in said


def test_too_few_cases_are_counted_as_few_and_no_reading_may_tip_it(world):
    given = {"evidence": evidence(came=0, n=0, flips=False)}
    said = text_of(world, other(world, 2, products=given))
    assert "No forecast with about 55 % has been verified yet" in said
    assert "No single one of 11 series tips it" in said


def test_foreign_text_stays_text(world):
    given = {"reasons": reasons(f"Jinan {EVIL}"), "combined": combined(source=EVIL)}
    answer = get(world, other(world, 3, products=given, degraded=EVIL)).text
    assert "alert(1)" in answer
    assert EVIL not in answer


def test_what_the_run_did_without_is_said_in_the_reader_s_language(world):
    page = other(world, 12, degraded="beijing.pm10.reference: nothing received of the last 24 h")
    assert "베이징 PM10(기준): 최근 24시간 자료 없음" in text_of(world, page, "ko")


def test_a_level_that_is_open_is_kept_from_a_lower_probability_on(world):
    # J1 of Seoul on D+1 opens from 35 and is kept from 24 %
    page = other(world, 4, chance=0.3, level=1)
    assert "Level J1 is open and is kept from 24 % on: it stays open." in text_of(world, page)
    assert "Level J2 opens from 35 % on: it does not open." in text_of(world, page.replace("=50", "=75"))


def test_unknown_episodes_runs_and_days_are_refused(world):
    assert get(world, "/episodes/seoul-NONE").status_code == 404
    assert get(world, f"{PAGE}?run=NONE").status_code == 404
    assert get(world, f"{PAGE}?day=yesterday").status_code == 422
    assert get(world, f"{PAGE}?as_of=yesterday").status_code == 422
    assert get(world, PAGE, role=Role.agency).status_code == 403


def test_the_list_leads_to_each_episode(world):
    page = get(world, "/episodes")
    assert f'href="/episodes/{EPISODE}"' in page.text
    assert "Seoul" in page.text


def test_the_list_is_paged_and_shows_each_episode_once(world, monkeypatch):
    monkeypatch.setattr("review.episode.pages.ROWS", 2)
    names = [f"seoul-8{n}" for n in range(5)]
    run = world.run(world="simulated-8")
    for name in names:
        world.episode(run, world="simulated-8", episode=name)
    path, pages = "/episodes?world=simulated-8", []
    while path:
        page = html.fromstring(get(world, path).text)
        pages.append([h.rpartition("/")[2] for h in page.xpath("//tbody//th/a/@href")])
        path = next(iter(page.xpath("//a[@rel='next']/@href")), "")
    assert [len(page) for page in pages] == [2, 2, 1]
    assert sorted(name for page in pages for name in page) == names


def test_an_episode_of_a_city_that_is_no_longer_chosen_is_listed_and_its_page_says_why(world, monkeypatch):
    for place in ("pages", "subject"):
        monkeypatch.setattr(f"review.episode.{place}.all_cities", Cities)
    assert f'<a href="/episodes/{EPISODE}">seoul</a>' in get(world, "/episodes").text
    answer = get(world, PAGE)
    assert answer.status_code == 503
    assert "no city 'seoul'; there are none" in html.fromstring(answer.text).text_content()


def test_a_world_without_episodes_says_so(world):
    world.run(world="simulated-9")
    assert "No episode has been predicted in this world yet" in text_of(world, "/episodes?world=simulated-9")


def test_each_text_about_an_episode_is_decided_where_its_link_leads(world):
    page = other(world, 61).split("?")[0]
    with world.ledger.read() as conn:
        run = list_runs(conn, "simulated-61", 9)[0].id
    earlier = world.run(world="simulated-61", cycle=CYCLE - timedelta(hours=6), chance=0.2)
    names = ("01KEXAMP0E0000000000000061", "01KEXAMP0E0000000000000062")
    first, second = (world.propose_about("simulated-61", "seoul-61", name) for name in names)
    for name in (first, second):
        assert f"/warnings/{name}/standing" in get(world, f"{page}?warning={name}").text
    assert get(world, f"{page}?warning=none").status_code == 404
    desk = html.fromstring(get(world, "/?world=simulated-61").text)
    links = desk.xpath("//section[@data-part='decision']//a[contains(@href, '/episodes/')]/@href")
    assert sorted(link.split("warning=")[1] for link in links) == sorted([first, second])
    # another day of the newest run is no earlier run
    assert "/standing" in get(world, f"{page}?day=2026-01-16&threshold=50&run={run}").text
    assert "/standing" not in get(world, f"{page}?run={earlier}").text
    shown = html.fromstring(get(world, f"{page}?warning={first}").text)
    followed = shown.xpath("//nav[@class='choices']//a/@href")
    assert followed
    assert all(f"warning={first}" in link and "run=" not in link for link in followed)
