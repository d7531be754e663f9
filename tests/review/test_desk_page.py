"""The desk on a real server: what is to be decided, on what grounds, and what changes it."""

import re
from datetime import timedelta

import pytest
import requests
from lxml import html

from alerts.examples import example_content
from alerts.signoff import Signer, approve
from pipeline.exchange.keys import load_or_create_key
from review.accounts.roles import Role
from tests.review.desk_world import CYCLE, DeskWorld
from tests.review.running_app import NOW
from tests.review.signed_in import cookies

CITIES = ("seoul", "beijing")
EVIL = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    running = DeskWorld(tmp_path_factory.mktemp("desk"))
    yield running
    running.close()


@pytest.fixture
def desk(served):
    served.clear()
    return served


def get(desk, path="/", **who):
    jar = cookies(desk.ledger, desk.now, **who)
    return requests.get(desk.base + path, timeout=120, allow_redirects=False, cookies=jar)


def text(desk, path="/", **who):
    answer = get(desk, path, **who)
    assert answer.status_code == 200, answer.text
    return words(html.fromstring(answer.text))


def words(tree):
    parts = tree.xpath(".//text()[not(ancestor::script)]")
    return re.sub(r" ([.,:?!])", r"\1", " ".join(" ".join(parts).split()))


def test_an_empty_installation_says_what_to_do(desk):
    said = text(desk)
    assert "No run yet" in said
    assert "sameair run" in said
    assert get(desk, "/?world=nowhere").status_code == 404


def test_the_question_its_deadline_and_what_silence_means(desk):
    desk.run(chance=0.8)
    desk.propose()
    said = text(desk)
    assert "Send the joint early warning (J2) for Beijing and Seoul?" in said
    # deadline 10:00, now 08:20
    assert f"{100 // 60} h {100 % 60} min left" in said
    assert "the draft expires and nothing is sent" in said
    assert "Still to sign Beijing and Seoul" in said
    assert "Look at the evidence and decide" in said
    assert "evidence and decide" not in text(desk, role=Role.reader)
    with desk.ledger.write() as conn:
        signer = Signer("seoul", "kim", load_or_create_key(desk.settings.keys_dir, "seoul"))
        approve(conn, example_content().warning_id, 1, signer, NOW)
    said = text(desk)
    assert "what Seoul approved goes out as its own single-city warning" in said
    assert "Still to sign Beijing" in said
    desk.now = NOW + timedelta(hours=3)
    assert "over since 1 h 20 min" in text(desk)


def test_an_exercise_is_never_overdue(desk):
    desk.run(world="simulated-7")
    desk.propose(world="simulated-7", simulated=True, cap_status="Exercise")
    desk.now = NOW + timedelta(days=900)
    said = text(desk)
    assert "decided in its own time" in said
    assert "Simulated" in said
    assert "over since" not in said


def test_the_probability_of_the_last_four_runs_and_the_largest_doubt(desk):
    for back, chance in ((4, 0.9), (3, 0.2), (2, 0.3), (1, 0.5), (0, 0.8)):
        desk.run(cycle=CYCLE - timedelta(hours=6 * back), chance=chance)
    desk.air("seoul")
    desk.air("beijing")
    said = text(desk)
    shown = re.search(r"Probability over the last four runs(.*?)Official forecasts", said)[1]
    assert re.findall(r"(\d+) %", shown.partition(" level from ")[2])[1:] == ["20", "30", "50", "80"]
    # 0.8 - 0.2, and once over the opening probability of 0.35 to 0.45
    assert "moved by 60 points over the last runs; crossings of the opening one: 1" in said
    assert "Nothing waits for a decision." in said
    assert "Strongest signal:" in said


def test_a_run_without_a_model_says_so_as_the_largest_doubt(desk):
    desk.run(chance=0.1, model_id=None, degraded="no usable model")
    desk.air("seoul")
    desk.air("beijing")
    said = text(desk)
    assert "No model could be used: this is persistence and climatology." in said
    assert "baseline only" in said
    assert said.count("no usable model") == 1


def test_official_forecasts_agree_or_not(desk):
    member = {"source": "airkorea", "low": 0.0, "high": 35.5}
    day = {"city": "seoul", "day": "2026-01-16", "members": [member], "alone": None, "combined": None}
    document = {"version": 1, "mode": "beside", "days": [day], "left_out": []}
    desk.run(chance=0.9, products={"combined": document})
    desk.propose()
    said = text(desk)
    assert "They do not agree: AirKorea up to 35 µg/m³." in said
    assert "AirKorea say the opposite." in said


def test_air_coverage_both_scales_and_a_city_without_any(desk):
    desk.run(chance=0.1)
    desk.air("seoul", 76.0)
    desk.air("beijing", 20.0, hours=9)
    tree = html.fromstring(get(desk).content)
    seoul, beijing = (words(tree.xpath(f"//section[@data-part='city-{at}']")[0]) for at in CITIES)
    for part in (
        "76 µg/m³",
        "Korean grade: very bad",
        "Chinese grade: light",
        "Received of the last 24 h >99 %",
    ):
        assert part in seoul
    # 9 of 24 hours, and the policy asks for half
    assert "Received of the last 24 h 38 %" in beijing
    assert "Beijing is not assessable: only 38 %" in words(tree)


def test_what_is_missing_stands_on_top_and_foreign_text_stays_text(desk):
    desk.run(chance=0.5, cycle=CYCLE - timedelta(hours=6))
    desk.run(error=EVIL)
    desk.now = NOW + timedelta(hours=13)
    page = get(desk)
    assert "<script>alert" not in page.text
    said = text(desk)
    assert "What is missing" in said
    assert "The last cycle failed: <script>alert(1)</script>" in said
    assert "3 cycles are overdue" in said


def test_a_browser_is_told_that_nothing_changed(desk):
    desk.run(chance=0.5)
    jar = cookies(desk.ledger, desk.now)

    def ask(tag=""):
        held = {"If-None-Match": tag}
        return requests.get(desk.base + "/desk/now", timeout=120, cookies=jar, headers=held)

    first = ask()
    assert "<html" not in first.text
    tag = first.headers["ETag"]
    again = ask(tag)
    assert (again.status_code, again.text) == (304, "")
    desk.air("seoul", 99.0)
    changed = ask(tag)
    assert changed.status_code == 200
    assert "99" in changed.text
    other = get(desk, "/desk/now", party="beijing").headers["ETag"]
    assert other != changed.headers["ETag"]


def test_the_desk_of_an_instant_knows_nothing_later(desk):
    reader = desk.app.state
    desk.run(chance=0.2, cycle=CYCLE - timedelta(hours=6))
    desk.air("seoul", 10.0, until=CYCLE - timedelta(hours=6), delay=1)
    get(desk)
    at = CYCLE - timedelta(hours=5)
    before = reader.desk_reader.desk("measured", at)
    desk.run(chance=0.9)
    desk.air("seoul", 200.0, hours=3, delay=1)
    desk.propose()
    after = reader.desk_reader.desk("measured", at)
    assert after.run == before.run
    assert (after.pending, after.cities[1].air) == ((), before.cities[1].air)
    assert after.cities[1].air.latest == 10.0
    now = reader.desk_reader.desk("measured")
    assert now.cities[1].air.latest == 200.0
    assert len(now.pending) == 1


@pytest.mark.parametrize(("language", "word"), [("ko", "아무도 조치하지 않으면"), ("zh", "若无人处理")])
def test_the_desk_speaks_the_language_of_who_looks(desk, language, word):
    desk.run(chance=0.8)
    desk.propose()
    said = text(desk, language=language)
    assert word in said
    assert "If nobody acts" not in said
