"""Collecting: each hour once, corrections as revisions, losses told, faults kept apart, kills harmless."""

import threading
from datetime import timedelta

import numpy as np
import pytest
from sqlalchemy import func, select

from ingest.asking import PATIENCE
from ingest.collect import collect_all, collect_feed
from ingest.storing import store_content
from pipeline.errors import (
    BadPayload,
    NotYetAvailable,
    QuotaSpent,
    Refused,
    SourceUnavailable,
    StorageError,
)
from pipeline.ledger.asked import list_gaps
from pipeline.ledger.attempts import first_and_last
from pipeline.ledger.quarantined import list_quarantined
from pipeline.ledger.source_tables import asked_hours, feed_attempts
from pipeline.times import HOUR, iso, parse_instant
from tests.ingest.toy_source import KEEPS, START, Clock, NoHttp, Toy, open_intake, stored

MINUTE = timedelta(minutes=1)
RUN_AT = 27 * MINUTE


@pytest.fixture
def clock():
    return Clock(START + RUN_AT)


@pytest.fixture
def intake(tmp_path, clock):
    made = open_intake(tmp_path, clock)
    yield made
    made.ledger.close()


def run(intake, *toys, http=None):
    return collect_all(intake, http or NoHttp(), [t.feed() for t in toys], intake.clock())


def hours_asked(toy):
    asked = [parse_instant(text) for text in toy.asked]
    toy.asked.clear()
    return asked


def test_the_first_round_takes_what_is_kept_and_calls_nothing_lost(intake, clock):
    toy = Toy(clock)
    (report,) = run(intake, toy)
    assert hours_asked(toy) == [START - n * HOUR for n in range(11, -1, -1)]
    assert (report.outcome, report.answers, report.rows, report.lost) == ("ok", 12, 24, ())
    assert report.newest == START
    assert stored(intake, clock()) == toy.truth(START - 12 * HOUR, START)


def test_a_round_with_nothing_due_asks_nothing(intake, clock):
    toy = Toy(clock)
    run(intake, toy)
    toy.asked.clear()
    clock.now += 10 * MINUTE
    (report,) = run(intake, toy)
    assert report.outcome == "idle"
    assert toy.asked == []


def test_after_an_outage_just_the_lacking_hours_are_asked(intake, clock):
    toy = Toy(clock)
    run(intake, toy)
    toy.error = SourceUnavailable("toy", "HTTP 503")
    for _ in range(5):
        clock.now += HOUR
        (report,) = run(intake, toy)
        assert report.outcome == "failed"
    toy.error = None
    toy.asked.clear()
    clock.now += HOUR
    (report,) = run(intake, toy)
    revisited = [START - 2 * HOUR, START - HOUR, START]
    assert hours_asked(toy) == [*revisited, *(START + n * HOUR for n in range(1, 7))]
    assert report.rows == 2 * 6
    assert stored(intake, clock()) == toy.truth(START - 12 * HOUR, START + 6 * HOUR)


def test_a_long_outage_leaves_gaps_that_are_told_once(intake, clock):
    toy = Toy(clock)
    run(intake, toy)
    clock.now += 30 * HOUR
    (report,) = run(intake, toy)
    gone = [START + n * HOUR for n in range(1, 30 - 12 + 1)]
    assert [hour for _, hour in report.lost] == gone
    clock.now += HOUR
    assert run(intake, toy)[0].lost == ()
    with intake.ledger.read() as conn:
        assert [gap.hour for gap in list_gaps(conn, "measured", START)] == gone
    known = stored(intake, clock())
    assert known == {
        k: v for k, v in toy.truth(START - 12 * HOUR, START + 31 * HOUR).items() if k[1] not in gone
    }


def test_late_stations_and_corrections_come_with_the_revisit_as_revisions(intake, clock):
    toy = Toy(clock)
    toy.late["b", START] = 2 * HOUR
    run(intake, toy)
    before = clock()
    assert ("toy:b", START) not in stored(intake, before)
    toy.corrected["a", START] = 999.0
    for _ in range(3):
        clock.now += HOUR
        run(intake, toy)
    known = stored(intake, clock())
    assert known["toy:a", START] == 999.0
    assert known["toy:b", START] == toy.value("b", START)
    assert stored(intake, before)["toy:a", START] == 20.0
    versions = intake.store.versions(world="measured", stations=["toy:a"], start=START - HOUR, end=START)
    assert versions["value"].tolist() == [20.0, 999.0]


def test_a_flag_given_since_stays_when_the_same_value_comes_again(intake, clock):
    toy = Toy(clock)
    run(intake, toy)
    rows = intake.store.read(world="measured", as_of=clock() + MINUTE, stations=["toy:a"], start=START - HOUR)
    intake.store.append(rows.assign(qc=rows["qc"] + 1), source="toy", world="measured")
    clock.now += 3 * HOUR
    (report,) = run(intake, toy)
    assert START in hours_asked(toy)
    assert report.rows == 2 * 3
    versions = intake.store.versions(world="measured", stations=["toy:a"], start=START - HOUR, end=START)
    assert versions["qc"].tolist() == [0, 1]


def test_a_doubt_that_the_source_itself_has_later_becomes_a_revision(intake, clock):
    toy = Toy(clock)
    run(intake, toy)

    def doubting(answer):
        parsed = toy.parse(answer)
        return parsed._replace(observations=parsed.observations.assign(qc=np.int8(1)))

    before = clock() + MINUTE
    for _ in range(4):
        clock.now += HOUR
        collect_all(intake, NoHttp(), [toy.feed(parse=doubting)], clock())
    versions = intake.store.versions(world="measured", stations=["toy:a"], start=START - HOUR, end=START)
    assert (versions["value"].tolist(), versions["qc"].tolist()) == ([20.0, 20.0], [0, 1])
    known = intake.store.read(world="measured", as_of=before, stations=["toy:a"], start=START - HOUR)
    assert known["qc"].tolist() == [0]


def test_values_are_judged_by_what_was_stored_before(intake, clock):
    toy = Toy(clock)
    run(intake, toy)
    toy.corrected["a", START + HOUR] = 900.0
    clock.now += HOUR
    run(intake, toy)
    rows = intake.store.read(world="measured", as_of=clock() + MINUTE, stations=["toy:a"], start=START)
    assert rows["qc"].tolist() == [1]


def test_an_answer_that_cannot_be_read_is_kept_and_asked_again(intake, clock):
    toy = Toy(clock)
    honest, toy.answer = toy.answer, lambda hour: b"<html>" if hour == START else honest(hour)
    (report,) = run(intake, toy)
    assert (report.outcome, report.answers) == ("partial", 11)
    with intake.ledger.read() as conn:
        (entry,) = list_quarantined(conn)
    assert (entry.reason, entry.feed, entry.seen) == ("BadPayload", "toy.hour", 1)
    assert (intake.quarantine_dir / f"{entry.id}.raw").read_bytes() == b"<html>"
    toy.answer = honest
    toy.asked.clear()
    clock.now += MINUTE
    run(intake, toy)
    assert hours_asked(toy) == [START]
    with intake.ledger.read() as conn:
        assert list_quarantined(conn) == []
        assert [e.id for e in list_quarantined(conn, resolved=True)] == [entry.id]
    assert (intake.quarantine_dir / f"{entry.id}.raw").exists()


def test_the_same_bad_answer_is_kept_once_and_counted(intake, clock):
    toy = Toy(clock)
    toy.answer = lambda hour: b"<html>"
    run(intake, toy)
    clock.now += MINUTE
    run(intake, toy)
    with intake.ledger.read() as conn:
        assert {entry.seen for entry in list_quarantined(conn)} == {2}


def test_rows_that_cannot_be_read_cost_only_themselves(intake, clock):
    toy = Toy(clock)
    toy.corrected["b", START] = "?"
    (report,) = run(intake, toy)
    assert (report.outcome, report.rows, report.errors) == ("ok", 23, ())
    assert "no number" in str(report.notes[0])
    with intake.ledger.read() as conn:
        assert [entry.field for entry in list_quarantined(conn)] == ["value"]


def test_a_body_refused_before_it_was_read_is_kept_as_well(intake, clock):
    toy = Toy(clock)
    toy.error = BadPayload("toy", "text/html where JSON was asked")
    toy.error.payload = b"<p>maintenance</p>"
    run(intake, toy)
    kept = {path.read_bytes() for path in intake.quarantine_dir.glob("*.raw")}
    assert kept == {b"<p>maintenance</p>"}


@pytest.mark.parametrize(
    ("error", "asked", "outcome"),
    [
        (SourceUnavailable("toy", "HTTP 503"), PATIENCE, "failed"),
        (Refused("toy", "the key is not registered"), 1, "failed"),
        (QuotaSpent("toy", "code 22"), 1, "stopped"),
        (NotYetAvailable("toy", "no data"), 12, "nothing"),
        (ZeroDivisionError("division by zero"), PATIENCE, "failed"),
    ],
)
def test_how_often_a_feed_is_asked_that_refuses(intake, clock, error, asked, outcome):
    toy = Toy(clock)
    toy.error = error
    (report,) = run(intake, toy)
    assert (len(toy.asked), report.outcome) == (asked, outcome)
    with intake.ledger.read() as conn:
        row = conn.execute(feed_attempts.select()).one()
    assert row.outcome == outcome
    assert all(line.startswith("toy: ") for line in row.errors)


def test_a_spent_quota_stops_the_service_until_its_own_midnight(intake, clock):
    toy, http = Toy(clock), NoHttp()
    toy.error = QuotaSpent("toy", "code 22")
    run(intake, toy, http=http)
    assert http.stops == [("toy", START + 15 * HOUR, "code 22")], "midnight in Seoul is 15 UTC"


def test_a_feed_that_is_broken_stops_no_other(intake, clock):
    good, bad = Toy(clock), Toy(clock, "bad")
    feeds = [
        bad.feed(asks=lambda due: 1 / 0),
        bad.feed(name="bad.units", units=lambda stations: 1 / 0),
        bad.feed(name="bad.parse", parse=lambda answer: 1 / 0),
        bad.feed(name="bad.rows", parse=lambda answer: good.parse(answer)._replace(observations=[])),
        good.feed(),
    ]
    found = collect_all(intake, NoHttp(), feeds, clock())
    assert [report.feed for report in found] == [feed.name for feed in feeds]
    assert [report.outcome for report in found] == ["failed"] * 4 + ["ok"]
    assert found[-1].rows == 24


def test_sources_are_asked_side_by_side(intake, clock):
    meet = threading.Barrier(2, timeout=20)
    toys = [Toy(clock, name) for name in ("one", "two")]

    def together(toy):
        def fetch(http, ask):
            if len(toy.asked) == 0:
                meet.wait()
            return toy.fetch(http, ask)

        return toy.feed(fetch=fetch)

    found = collect_all(intake, NoHttp(), [together(t) for t in toys], clock())
    assert [report.outcome for report in found] == ["ok", "ok"]


def test_a_full_disk_stops_with_its_cause_and_leaves_the_others_work(intake, clock, monkeypatch):
    toys = [Toy(clock, name) for name in ("one", "two")]

    def full(where, feed, reads, known):
        if feed.source == "two":
            raise StorageError("the disk is full")
        return store_content(where, feed, reads, known)

    monkeypatch.setattr("ingest.asking.store_content", full)
    with pytest.raises(StorageError, match="full"):
        run(intake, *toys)
    assert {station for station, _ in stored(intake, clock())} == {"one:a", "one:b"}
    monkeypatch.undo()
    run(intake, *toys)
    assert len(stored(intake, clock())) == 2 * 24


def test_an_answer_that_cannot_be_stored_costs_only_itself(intake, clock, monkeypatch):
    toy, other = Toy(clock), Toy(clock, "other")

    def fragile(where, feed, reads, known):
        if feed.source == "toy" and any(read.ask.parameters["hour"] == iso(START) for read in reads):
            raise ZeroDivisionError("a fault in quality control")
        return store_content(where, feed, reads, known)

    monkeypatch.setattr("ingest.asking.store_content", fragile)
    first, second = run(intake, toy, other)
    assert (first.outcome, second.outcome) == ("partial", "ok")
    assert (first.rows, second.rows) == (2 * 11, 2 * 12)
    with intake.ledger.read() as conn:
        (entry,) = list_quarantined(conn)
    assert "could not be stored (ZeroDivisionError)" in entry.what
    monkeypatch.undo()
    toy.asked.clear()
    clock.now += MINUTE
    run(intake, toy)
    assert hours_asked(toy) == [START]
    assert stored(intake, clock()) == toy.truth(START - 12 * HOUR, START) | other.truth(
        START - 12 * HOUR, START
    )


def test_a_station_moves_but_is_not_lost_from_the_map(intake, clock):
    toy = Toy(clock)
    run(intake, toy)
    places = {"a": (np.nan, np.nan), "b": (38.0, 128.0)}

    def parse(answer):
        parsed = toy.parse(answer)
        table = parsed.stations.assign(
            latitude=[places[s[-1]][0] for s in parsed.stations["station"]],
            longitude=[places[s[-1]][1] for s in parsed.stations["station"]],
            city=["" if s[-1] == "a" else "seoul" for s in parsed.stations["station"]],
        )
        return parsed._replace(stations=table)

    clock.now += HOUR
    collect_all(intake, NoHttp(), [toy.feed(parse=parse)], clock())
    table = intake.store.stations("measured").set_index("station")
    assert table.loc["toy:a", ["latitude", "longitude", "city"]].tolist() == [37.5, 127.0, "seoul"]
    assert table.loc["toy:b", ["latitude", "longitude"]].tolist() == [38.0, 128.0]
    before = intake.store.stations("measured", START + RUN_AT + MINUTE).set_index("station")
    assert before.loc["toy:b", "latitude"] == 37.5, "stations are versioned"


def test_a_clock_that_ran_ahead_at_the_first_round_does_not_stop_the_next(intake, clock):
    toy = Toy(clock)
    clock.now += 400 * 24 * HOUR
    toy.error = SourceUnavailable("toy", "no answer")
    run(intake, toy)
    clock.now = START + RUN_AT
    toy.error = None
    (report,) = run(intake, toy)
    assert (report.outcome, report.rows, report.lost) == ("ok", 2 * 12, ())


@pytest.mark.parametrize("place", ["mark_answered", "store_content", "store_stations", "read_answer"])
def test_a_kill_between_any_two_steps_loses_and_doubles_nothing(intake, clock, monkeypatch, place):
    class Killed(BaseException):
        pass

    def die(*args, **kwargs):
        raise Killed

    toy = Toy(clock)
    with monkeypatch.context() as patch:
        patch.setattr(f"ingest.asking.{place}", die)
        with pytest.raises(Killed):
            collect_feed(intake, NoHttp(), toy.feed(), clock())
    clock.now += MINUTE
    run(intake, toy)
    assert stored(intake, clock()) == toy.truth(START - 12 * HOUR, START)
    versions = intake.store.versions(world="measured")
    assert not versions.duplicated(["station", "quantity", "time"]).any()


def test_a_feed_is_told_of_each_answer_once_it_is_safe(intake, clock):
    toy, told = Toy(clock), []
    toy.answer = lambda hour, honest=toy.answer: b"?" if hour == START else honest(hour)
    feed = toy.feed(settle=lambda ask, stored: told.append((ask.parameters["hour"], stored)))
    collect_all(intake, NoHttp(), [feed], clock())
    assert sum(stored for _, stored in told) == 11
    assert [hour for hour, stored in told if not stored] == ["2025-01-10T00:00:00Z"]


def test_the_record_of_answers_does_not_grow_for_ever(intake, clock):
    toy = Toy(clock)
    for _ in range(12):
        run(intake, toy)
        clock.now += 24 * HOUR
    with intake.ledger.read() as conn:
        rows = conn.execute(select(func.count(), func.min(asked_hours.c.hour))).one()
        first, last = first_and_last(conn, "measured", "toy.hour")
    assert last - first == 11 * 24 * HOUR
    assert rows[0] <= (7 + 1 + 1) * 12
    assert rows[1] > last - 24 * HOUR - KEEPS - timedelta(days=7)


@pytest.mark.slow
def test_a_round_whose_time_is_over_says_so_and_the_next_asks_for_the_rest(intake, clock):
    slow, quick = Toy(clock, "slow"), Toy(clock, "quick")
    feeds = [slow.feed(fetch=lambda http, ask: (pause.wait(0.4), slow.fetch(http, ask))[1]), quick.feed()]
    pause = threading.Event()
    first, other = collect_all(intake, NoHttp(), feeds, clock(), within_s=3)
    assert first.outcome == "partial"
    assert "time of this round" in str(first.errors[0])
    assert 0 < len(slow.asked) < 12
    assert other.outcome == "ok"
    asked = set(slow.asked)
    slow.asked.clear()
    (second,) = collect_all(intake, NoHttp(), feeds[:1], clock())
    assert second.outcome == "ok"
    assert not asked & set(slow.asked)
    assert len(asked | set(slow.asked)) == 12
