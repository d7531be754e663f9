"""The status board: every field says in words how it is, in three languages, and the worst of them counts."""

from datetime import timedelta

import pytest
from lxml import html

from flows.reviewing import Reviewing
from flows.workspace import open_workspace
from pipeline.ledger.deliveries import OutboxRow, insert_outbox
from pipeline.ledger.jobs import claim, fail_job, skip_job
from review.accounts.roles import Role
from tests.review.read_world import CYCLE, ReadWorld
from tests.review.running_app import NOW

WARNING = "01KISSVED00000000000000001"


@pytest.fixture
def room(tmp_path):
    running = ReadWorld(tmp_path)
    live = running.settings.model_copy(update={"live_sources": True, "party": "seoul"})
    running.app.state.settings = live
    running.app.state.doing = Reviewing(open_workspace(live, lambda: running.now))
    run_id = running.run()
    folder = running.app.state.doing.ws.run_folder("measured", "2026-01-14T08:00:00Z", run_id)
    folder.mkdir(parents=True)
    (folder / "cost.json").write_text('{"cpu_seconds": 12.5}')
    running.run_id = run_id
    yield running
    running.app.state.doing.ws.ledger.close()
    running.close()


def board(room, **who):
    jar = room.jar(Role.operator, **who)
    answer = room.get("/operations/wall", Role.operator, jar=jar)
    assert answer.status_code == 200, answer.text
    page = html.fromstring(answer.text)
    (wall,) = page.find_class("wall")
    said = {
        li.find("h2").text_content(): (li.get("class"), li.find_class("word")[0].text_content())
        for li in wall
    }
    return page, said


def word_over(page):
    (word,) = page.find_class("wall-word")
    return word.get("class").split()[1], word.text_content()


def test_a_service_that_is_well_says_so_in_every_field(room):
    page, tiles = board(room)
    assert tiles.pop("Beijing") == ("look", "nothing yet")
    assert {colour for colour, _ in tiles.values()} == {"good"}
    assert word_over(page) == ("look", "Running; look at what is marked.")
    assert tiles["Newest run"] == ("good", "in order")
    assert "2026-01-14 14:00 UTC" in tiles["Next cycle"][1]
    (renewed,) = page.xpath("//*[@data-refresh]")
    assert renewed.get("data-refresh") == "60"
    assert "do not answer" in renewed.get("data-lost")


def test_the_worst_field_is_the_word_over_the_board(room):
    room.warn(WARNING)
    row = OutboxRow("m", WARNING, 1, "b", "b@x.example", "<2@x>", "d", NOW, NOW, NOW)
    with room.ledger.write() as conn:
        insert_outbox(conn, [row])
    page, tiles = board(room)
    assert tiles["Messages that have not left"] == ("look", "1 have not left")
    assert word_over(page)[0] == "look"
    room.now = NOW + timedelta(days=1)
    room.__dict__.pop("jars")
    page, tiles = board(room)
    assert tiles["Newest run"] == ("bad", "4 cycles behind")
    assert tiles["Schedule"] == ("bad", "not in order")
    assert word_over(page)[0] == "bad"
    assert "sameair serve" in page.text_content()


def test_a_node_shows_how_the_other_stands(room):
    assert "Beijing" in board(room)[1]


@pytest.mark.parametrize("language", ["ko", "zh"])
def test_every_language_has_as_many_fields(room, language):
    assert len(board(room, language=language)[1]) == len(board(room)[1]) > 6


def test_the_page_of_a_run_says_what_it_cost(room):
    assert CYCLE <= NOW
    said = room.get(f"/operations/runs/{room.run_id}", Role.operator).text
    assert "Processor time of the forecast" in said
    assert "12.5 s" in said


def test_every_flow_shows_what_became_of_its_newest_nominal_time(room):
    given = {"worker": "a:1", "at": NOW - timedelta(minutes=40), "silent_after": timedelta(hours=1)}
    with room.ledger.write() as conn:
        job = claim(conn, "ingest", NOW - timedelta(hours=1), **given)
        fail_job(conn, job.id, NOW, "<b>no answer</b>")
        claim(conn, "cycle", CYCLE, **given)
        skip_job(conn, "exchange", NOW, worker="a:1", at=NOW, why="too old", part="beijing")
    page, _ = board(room)
    rows = [[cell.text_content() for cell in row] for row in page.xpath("//tbody/tr")]
    assert [(row[0], row[2], row[3]) for row in rows] == [
        ("cycle", "gives no sign of life", "–"),
        ("exchange · beijing", "skipped", "too old"),
        ("ingest", "failed", "<b>no answer</b>"),
    ]
    assert word_over(page)[0] == "bad"
