"""The replay school: sealed until the last answer, answered once, scored beside the model, nobody named."""

import json
import re
from contextlib import ExitStack
from datetime import timedelta

import httpx
import pytest

from forecasting.school.shelf import lessons_folder, write_lesson
from pipeline.ledger.school import answers_by
from pipeline.times import iso
from review.accounts.roles import Role
from review.app import create_app
from tests.forecasting.lesson_cases import DAY, OUTCOMES, REASON, lesson
from tests.review.running_app import RunningApp
from tests.review.signed_in import cookies, csrf_of, person

WHOLE = lesson()
PATH = f"/school/lessons/{WHOLE.id}"
STARTS = (1000, 3000, 7000)
"""First values of the series whose numbers tell their hour."""
HOURS = 152
"""So many hours the lesson has, fewer than a chart's scale goes on in one step."""


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    app = RunningApp(tmp_path_factory.mktemp("school"), create_app)
    for days in (0, 5, 10):
        write_lesson(lessons_folder(app.settings.data_dir), lesson(DAY + timedelta(days=days)))
    write_lesson(lessons_folder(app.settings.data_dir), lesson(world="simulated-5"))
    app.now = WHOLE.end + timedelta(days=30)
    yield app
    app.close()


class Trainee:
    """Somebody at the school, with a browser of their own."""

    def __init__(self, running, role=Role.forecaster, party="seoul", language="en"):
        self.running = running
        self.jar = cookies(running.ledger, running.now, role=role, party=party, language=language)
        self.csrf = csrf_of(running.ledger, running.now, self.jar)
        self.account = person(running.ledger, running.now, role=role, party=party, language=language).id
        self.client = httpx.Client(base_url=running.base, cookies=self.jar, follow_redirects=True)

    def get(self, path):
        return self.client.get(path)

    def begin(self, manner="alone", path=PATH):
        return self.client.post(f"{path}/begin", data={"csrf": self.csrf, "manner": manner})

    def answer(self, step, path=PATH, **given):
        shares = {f"p-{c}-{v}": "60" for c, v in ASKED} | {k.replace("_", "-"): v for k, v in given.items()}
        return self.client.post(f"{path}/answers", data={"csrf": self.csrf, "step": str(step), **shares})

    def answers(self):
        with self.running.ledger.read() as conn:
            return answers_by(conn, [self.account])


ASKED = [(t.city, v) for t in WHOLE.targets for v in t.thresholds]


@pytest.fixture
def trainee(running):
    """Whoever is asked for; each test asks for other people, whose lessons are their own."""
    with ExitStack() as opened:

        def made(app=running, **who):
            one = Trainee(app, **who)
            opened.enter_context(one.client)
            return one

        yield made


def leaks(page, at):
    """Return the numbers of a page that were not known at an hour."""
    first = WHOLE.asks[0] - timedelta(hours=72)
    known = int((at - first) / timedelta(hours=1)) - 2
    numbers = [int(n) for n in re.findall(r"(?<![\d.])(\d{4})(?:\.0)?(?![\d.-])", page)]
    return [n for n in numbers for start in STARTS if start + known < n < start + HOURS]


def test_nothing_of_the_outcome_is_on_a_page_before_the_last_answer(trainee):
    one = trainee(role=Role.lead)
    pages = [(one.get("/school").text, WHOLE.asks[0]), (one.get(PATH).text, WHOLE.asks[0])]
    pages.append((one.begin().text, WHOLE.asks[0]))
    for step, due in enumerate(WHOLE.asks):
        for hours in (-30, -1, 500):
            address = f"{PATH}?at={iso(due + timedelta(hours=hours))}"
            pages.append((one.get(address).text, min(due, due + timedelta(hours=hours))))
        assert 'name="p-seoul-35"' in one.get(f"{PATH}?at={iso(due)}").text
        last = one.answer(step).text
    for page, at in pages:
        limit = max(at, WHOLE.asks[0] - timedelta(hours=24))
        assert leaks(page, limit) == []
        for word in ("41.37", "163.91", REASON, "0.625", "62 %", "role-reviewed"):
            assert word not in page
    assert leaks(last, WHOLE.asks[-1]) != []
    assert REASON in last
    assert "role-reviewed" in last
    assert f"{OUTCOMES['beijing']:.0f}" in last


def test_data_of_the_charts_end_at_the_hour_shown(trainee):
    one = trainee(role=Role.reader)
    one.begin("beside")
    at = WHOLE.asks[0] - timedelta(hours=3)
    page = one.get(f"{PATH}?at={iso(at)}").text
    documents = [json.loads(d) for d in re.findall(r'class="document">(.*?)</script>', page, re.S)]
    assert len(documents) == 2
    for document in documents:
        figure = document["figure"]
        seen = dict(zip(figure["times"], figure["lines"][0]["values"], strict=True))
        assert max(t for t, v in seen.items() if v is not None) == (at - timedelta(hours=1)).timestamp()
        assert figure["now"] == at.timestamp()


def test_with_the_forecast_beside_both_speak_at_the_question_and_not_before(trainee):
    one = trainee(role=Role.operator)
    one.begin("beside")
    assert "62 %" not in one.get(PATH).text
    asked = one.get(f"{PATH}?at={iso(WHOLE.asks[0])}").text
    assert "62 %" in asked
    assert "38 %" in asked


def test_an_answer_is_taken_once_and_a_wrong_one_not_at_all(trainee):
    one = trainee(role=Role.forecaster, party="beijing")
    assert one.answer(0).url.path == PATH
    assert one.answers() == []
    one.begin()
    refused = one.answer(0, p_seoul_35="130")
    assert refused.status_code == 422
    assert 'value="130"' in refused.text
    assert one.answer(0, p_seoul_35="x").status_code == 422
    assert one.answer(0, p_seoul_35="nan").status_code == 422
    assert one.answers() == []
    assert one.answer(1).status_code == 200
    assert one.answers() == []
    one.answer(0, p_seoul_35="10")
    one.answer(0, p_seoul_35="90")
    assert {a.probability for a in one.answers() if (a.city, a.threshold) == ("seoul", 35)} == {0.1}
    assert len(one.answers()) == len(ASKED)
    one.begin("beside")
    assert "62 %" not in one.get(f"{PATH}?at={iso(WHOLE.asks[1])}").text


def test_scores_stand_beside_model_and_persistence_in_every_language(trainee):
    for language, words in (("en", "You"), ("ko", "브라이어"), ("zh", "布莱尔")):
        one = trainee(language=language)
        one.begin()
        for step in range(len(WHOLE.asks)):
            over = one.answer(step)
        happened = [WHOLE.target(c).happened(v) for c, v in ASKED]
        expected = [sum((p - h) ** 2 for h in happened) / len(happened) for p in (0.6, 0.625, 0.375)]
        assert words in over.text
        assert all(f"{value:.3f}" in over.text for value in expected)
        page = one.get("/school").text
        assert all(f"{value:.3f}" in page for value in expected)
        assert "{" not in re.sub(r"<script.*?</script>", "", page, flags=re.S)


def test_a_party_sees_its_answers_together_from_three_people_on(trainee):
    who = [
        trainee(role=role, party="beijing", language="ko")
        for role in (Role.lead, Role.reader, Role.forecaster)
    ]
    path = f"/school/lessons/{lesson(DAY + timedelta(days=5)).id}"
    for one in who:
        assert "세 명부터" in who[0].get("/school/party").text
        one.begin(path=path)
        for step in range(len(WHOLE.asks)):
            one.answer(step, path=path)
    page = who[0].get("/school/party").text
    assert "3명, 마친 과제 3개, 답 36개" in page
    assert "세 명부터" not in page
    assert not any(name in page for name in ("Reader.Beijing.Ko", "Forecaster.Beijing.Ko"))
    assert who[1].get("/school/party").status_code == 403


def test_who_may_not_train_or_waits_for_the_embargo_finds_nothing(running, trainee):
    assert trainee(role=Role.agency).get("/school").status_code == 403
    looker = trainee(role=Role.observer)
    assert WHOLE.id in looker.get("/school").text
    before, running.now = running.now, WHOLE.end + timedelta(hours=100)
    try:
        young = trainee(role=Role.observer, language="ko")
        assert WHOLE.id not in young.get("/school").text
        assert young.get(PATH).status_code == 404
        assert young.begin().status_code == 404
    finally:
        running.now = before
    for name in ("measured.2026-01-01", "..%2Fledger", "measured"):
        assert looker.get(f"/school/lessons/{name}").status_code == 404


def test_a_lesson_that_changed_since_it_was_begun_is_not_continued(running, trainee):
    path = f"/school/lessons/{lesson(DAY + timedelta(days=10)).id}"
    one = trainee(role=Role.reader, language="zh")
    one.begin(path=path)
    file = lessons_folder(running.settings.data_dir) / "measured" / f"{path.rpartition('/')[2]}.json"
    whole = file.read_bytes()
    file.write_bytes(whole + b"\n")
    try:
        assert one.get(path).status_code == 409
        assert one.answer(0, path=path).status_code in (200, 409)
        assert one.answers() == []
        assert one.get("/school").status_code == 200
    finally:
        file.write_bytes(whole)


def test_a_simulated_world_says_so_and_an_empty_school_says_what_to_do(trainee, tmp_path):
    one = trainee(role=Role.reader)
    assert "Simulated" in one.get("/school/lessons/simulated-5.2026-01-08").text
    empty = RunningApp(tmp_path, create_app)
    try:
        assert "sameair school build" in trainee(empty).get("/school").text
    finally:
        empty.close()
