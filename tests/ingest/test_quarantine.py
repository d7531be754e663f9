"""Quarantine: stations that no list has are held and freed, and old answers never revise newer ones."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from ingest.collect import collect_all
from ingest.quarantine import raw_path
from ingest.retry import retry
from ingest.storing import read_answer
from pipeline.bulletins import Bulletin, read_bulletins
from pipeline.errors import BadPayload, StorageError
from pipeline.ledger.asked import read_answered
from pipeline.ledger.quarantined import find_quarantined, list_quarantined
from pipeline.times import HOUR
from tests.ingest.toy_source import START, Clock, NoHttp, Toy, open_intake, stored

MINUTE = timedelta(minutes=1)


@pytest.fixture
def clock():
    return Clock(START + 27 * MINUTE)


@pytest.fixture
def intake(tmp_path, clock):
    made = open_intake(tmp_path, clock)
    yield made
    made.ledger.close()


def run(intake, *feeds):
    return collect_all(intake, NoHttp(), feeds, intake.clock())


def entries(intake, **wanted):
    with intake.ledger.read() as conn:
        return list_quarantined(conn, **wanted)


@pytest.mark.ledger
@pytest.mark.slow
def test_a_station_that_no_list_has_is_held_and_freed_once_a_list_has_it(intake, clock):
    toy = Toy(clock, stations=("a", "b"), listed=("a",))
    (report,) = run(intake, toy.feed())
    assert (report.outcome, report.rows) == ("ok", 12)
    assert "toy:b" in str(report.notes[0])
    assert {station for station, _ in stored(intake, clock())} == {"toy:a"}
    assert {entry.reason for entry in entries(intake)} == {"UnknownStation"}
    clock.now += HOUR
    run(intake, toy.feed())
    assert {station for station, _ in stored(intake, clock())} == {"toy:a"}
    clock.now += HOUR
    toy.listed = ("a", "b")
    (report,) = run(intake, toy.feed())
    assert stored(intake, clock()) == toy.truth(START - 12 * HOUR, START + 2 * HOUR)
    assert entries(intake) == []
    versions = intake.store.versions(world="measured")
    assert not versions.duplicated(["station", "quantity", "time"]).any()
    assert report.rows == 2 * 14 - 13


def test_a_list_that_comes_from_another_feed_frees_as_well(intake, clock):
    toy = Toy(clock, stations=("a", "b"), listed=("a",))
    run(intake, toy.feed())
    other = Toy(clock, stations=("a", "b"))
    other.answer = lambda hour: json.dumps({"rows": [], "listed": ["b"]}).encode()
    stations = other.feed(name="toy.stations")
    clock.now += MINUTE
    run(intake, toy.feed(), stations)
    assert stored(intake, clock()) == toy.truth(START - 12 * HOUR, START)


def test_a_kill_between_the_list_and_the_held_values_is_made_good(intake, clock, monkeypatch):
    toy = Toy(clock, stations=("a", "b"), listed=("a",))
    run(intake, toy.feed())
    toy.listed = ("a", "b")
    clock.now += HOUR
    with monkeypatch.context() as patch:
        patch.setattr("ingest.collect.retry_held", lambda *_: {})
        run(intake, toy.feed())
    clock.now += MINUTE
    (report,) = run(intake, toy.feed())
    assert (report.outcome, report.rows) == ("idle", 12 - 1), "one hour was revisited meanwhile"
    assert stored(intake, clock()) == toy.truth(START - 12 * HOUR, START + HOUR)


def test_what_a_better_parser_reads_is_stored_and_the_entry_closed(intake, clock):
    toy = Toy(clock)
    honest = toy.parse

    def narrow(answer):
        if b"2025-01-10T00" in answer.payload:
            raise BadPayload("toy", "a new field", field="listed")
        return honest(answer)

    toy.parse = narrow
    run(intake, toy.feed())
    (entry,) = entries(intake)
    tried = retry(intake, toy.feed(), entry)
    assert (tried.rows, tried.trouble) == (0, "toy: a new field (field listed)")
    toy.parse = honest
    clock.now += MINUTE
    done = retry(intake, toy.feed(), entry)
    assert (done.rows, done.trouble) == (2, "")
    assert stored(intake, clock()) == toy.truth(START - 12 * HOUR, START)
    assert entries(intake) == []
    (closed,) = entries(intake, resolved=True)
    assert closed.resolved_at == clock()
    with intake.ledger.read() as conn:
        answered = read_answered(conn, "measured", "toy.hour", START - HOUR)
    assert answered == {("", START): entry.fetched_at}
    toy.asked.clear()
    run(intake, toy.feed())
    assert toy.asked == []


def test_an_old_answer_revises_nothing_that_was_received_after_it(intake, clock):
    toy = Toy(clock)
    toy.corrected["b", START] = "?"
    run(intake, toy.feed())
    (entry,) = entries(intake)
    toy.corrected = {("a", START): 50.0, ("b", START): 60.0}
    clock.now += 3 * HOUR
    run(intake, toy.feed())
    before = stored(intake, clock())
    assert before["toy:a", START] == 50.0
    readable = raw_path(intake.quarantine_dir, entry.id)
    readable.write_bytes(readable.read_bytes().replace(b'"?"', b"99.0"))
    clock.now += MINUTE
    assert retry(intake, toy.feed(), entry).rows == 0
    assert stored(intake, clock()) == before


def test_an_old_answer_leaves_newer_words_of_an_agency_alone(intake, clock):
    toy, text = Toy(clock), ["first"]

    def parse(answer):
        said = Bulletin("toy", "forecast", "day", START, START, START + 24 * HOUR, {"overall": text[0]})
        other = replace(said, key="other", content={"overall": "only here"})
        parsed = Toy.parse(toy, answer)
        return parsed._replace(bulletins=(said, other) if text[0] == "old" else (said,))

    toy.corrected["b", START] = "?"
    run(intake, toy.feed(parse=parse))
    (entry,) = entries(intake)
    clock.now += HOUR
    text[0] = "second"
    run(intake, toy.feed(parse=parse))
    text[0] = "old"
    clock.now += HOUR
    retry(intake, toy.feed(parse=parse), entry)
    with intake.ledger.read() as conn:
        known = read_bulletins(conn, "measured", as_of=clock() + HOUR)
    said = {b.bulletin.key: b.bulletin.content["overall"] for b in known}
    assert said == {"day": "second", "other": "only here"}


def test_a_bulletin_that_breaks_its_contract_is_a_bad_answer(intake, clock):
    toy = Toy(clock)
    wrong = Bulletin("toy", "rumour", "day", START, START, None, {})

    def parse(answer):
        return Toy.parse(toy, answer)._replace(bulletins=(wrong,))

    (report,) = run(intake, toy.feed(parse=parse))
    assert (report.outcome, report.rows) == ("failed", 0)
    with pytest.raises(BadPayload, match="documented shape"):
        read_answer(toy.feed(parse=parse), next(_answers(toy, clock)))


def _answers(toy, clock):
    from ingest.feeds import RawAnswer

    yield RawAnswer("toy", toy.answer(START), "an hour", clock(), {"hour": "x"}, "toy.hour")


def test_entries_are_found_by_the_end_of_their_id(intake, clock):
    toy = Toy(clock)
    toy.answer = lambda hour: b"<html>"
    run(intake, toy.feed())
    names = [entry.id for entry in entries(intake)]
    with intake.ledger.read() as conn:
        assert [entry.id for entry in find_quarantined(conn, names[0][-12:])] == names[:1]
        assert find_quarantined(conn, "%") == []


def test_an_entry_whose_bytes_are_gone_says_so(intake, clock):
    toy = Toy(clock)
    toy.answer = lambda hour: b"<html>"
    run(intake, toy.feed())
    entry = entries(intake)[0]
    raw_path(intake.quarantine_dir, entry.id).unlink()
    with pytest.raises(StorageError, match="are gone"):
        retry(intake, toy.feed(), entry)


def test_bytes_that_somebody_removed_stop_no_round(intake, clock):
    toy = Toy(clock, stations=("a", "b"), listed=("a",))
    run(intake, toy.feed())
    for entry in entries(intake):
        raw_path(intake.quarantine_dir, entry.id).unlink()
    clock.now += HOUR
    toy.listed = ("a", "b")
    (report,) = run(intake, toy.feed())
    assert (report.outcome, report.errors) == ("ok", ())
