"""What people say of a season on one node stands on the other: findings, answers, sign-offs, shifts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from flows.dossier import status_of
from flows.duty import enter_shift, note_handover, notes_of, rota_of
from flows.exchange_recover import hand_back, recover_chain
from flows.findings import answer_finding, close_dossier, findings_of, propose_finding
from flows.node import node_of
from flows.said import Speaker, say
from flows.season_words import body_of
from pipeline.exchange.post import Message, post
from pipeline.ledger.season import DocumentRow, keep_document, read_party_statements
from tests.flows.exchange_pair import Pair
from tests.ledger_files import keep_ledger, put_back_ledger

KIM, WANG = Speaker("seoul", "kim"), Speaker("beijing", "wang")
WORLD, EPISODE = "measured", "seoul-20260110"
WAYS = (("seoul", "beijing"), ("beijing", "seoul"))
DUE = datetime(2026, 1, 20, tzinfo=UTC)


@pytest.fixture
def pair(tmp_path):
    made = Pair(tmp_path)
    yield made
    made.close()


def said(pair, kind):
    """Return what each node holds of a kind: party, person and whether it was said there."""
    found = {}
    for party, ws in pair.nodes.items():
        with ws.ledger.read() as conn:
            rows = read_party_statements(conn, kind)
        found[party] = [(row.party, row.person, row.own) for row in rows]
    return found


def documents(pair):
    """Keep a dossier on each node, whose texts differ, and return the two rows."""
    rows = {}
    for party, ws in pair.nodes.items():
        content = {"due": "2026-01-20T00:00:00Z", "built by": party}
        row = DocumentRow("dossier", EPISODE, 0, WORLD, ws.clock(), "", content, ws.clock())
        with ws.ledger.write() as conn:
            rows[party] = keep_document(conn, row)
    return rows


def standing(pair, rows):
    found = {party: status_of(ws, rows[party], DUE) for party, ws in pair.nodes.items()}
    return {party: (one["status"], one["signed_off"], one["waits_for"]) for party, one in found.items()}


def test_a_finding_and_its_answers_stand_alike_on_both_nodes(pair):
    seoul, beijing = pair.nodes["seoul"], pair.nodes["beijing"]
    propose_finding(seoul, WORLD, EPISODE, KIM, "The onset came a day early.")
    pair.rounds(2)
    (found,) = findings_of(beijing, WORLD, EPISODE)
    assert (found["stands"], found["waits_for"], found["whole"]) == ("open", ["beijing"], True)
    answer_finding(beijing, WORLD, found["id"], WANG, "dissent", "By our stations it did not.")
    pair.clock.now += timedelta(minutes=5)
    answer_finding(beijing, WORLD, found["id"], WANG, "agree")
    pair.rounds(2)
    assert findings_of(seoul, WORLD, EPISODE) == findings_of(beijing, WORLD, EPISODE)
    (found,) = findings_of(seoul, WORLD, EPISODE)
    assert [(a["answer"], a["whole"]) for a in found["answers"]] == [("dissent", True), ("agree", True)]
    assert found["stands"] == "agreed"
    assert said(pair, "finding") == {"seoul": [("seoul", "kim", True)], "beijing": [("seoul", "kim", False)]}
    before = {
        party: len(pair.chain(party, peer)) for party, peer in (("seoul", "beijing"), ("beijing", "seoul"))
    }
    pair.rounds(3)
    assert {p: len(pair.chain(p, q)) for p, q in (("seoul", "beijing"), ("beijing", "seoul"))} == before


def test_a_dossier_is_closed_once_each_signed_the_text_of_its_node_and_opens_with_the_next_word(pair):
    rows = documents(pair)
    close_dossier(pair.nodes["seoul"], WORLD, EPISODE, KIM, rows["seoul"].digest)
    pair.rounds(2)
    assert standing(pair, rows) == dict.fromkeys(rows, ("in review", ["seoul"], []))
    close_dossier(pair.nodes["beijing"], WORLD, EPISODE, WANG, rows["beijing"].digest)
    pair.rounds(2)
    assert standing(pair, rows) == dict.fromkeys(rows, ("closed", ["beijing", "seoul"], []))
    propose_finding(pair.nodes["beijing"], WORLD, EPISODE, WANG, "There was more to say.")
    pair.rounds(2)
    assert standing(pair, rows)["seoul"] == ("in review", ["seoul"], ["seoul"])
    assert standing(pair, rows)["beijing"] == ("in review", ["beijing"], ["seoul"])


def test_the_rota_shows_the_others_shifts_without_numbers_and_notes_stay_at_home(pair):
    seoul, beijing = pair.nodes["seoul"], pair.nodes["beijing"]
    enter_shift(seoul, KIM, "2026-01-14 20:00", "Kim", "+82 2 1234 5678")
    note_handover(seoul, KIM, "Watch the inversion.")
    enter_shift(beijing, WANG, "2026-01-14 20:00", "Wang", "+86 10 1234 5678")
    say(beijing, "shift", (WORLD, subject_of(seoul)), WANG, {"on_duty": "Nobody of theirs"})
    pair.rounds(2)
    since = datetime(2026, 1, 14, 13, tzinfo=UTC)
    for party, ws in pair.nodes.items():
        rota = {row["party"]: row for row in rota_of(ws, since, since + timedelta(minutes=1))}
        assert {one: row["on_duty"] for one, row in rota.items()} == {"seoul": "Kim", "beijing": "Wang"}
        assert [one for one, row in rota.items() if row["telephone"]] == [party]
    assert notes_of(beijing, since - timedelta(days=1)) == []


def subject_of(ws):
    with ws.ledger.read() as conn:
        return read_party_statements(conn, "shift")[0].subject


def said_falsely(pair):
    """Yield what Seoul's node could write that no person of it said, each with why it is refused."""
    ws = pair.nodes["seoul"]
    with ws.ledger.read() as conn:
        (true,) = read_party_statements(conn, "finding")
    yield body_of(true) | {"said": {"text": "Something else."}}, "not what seoul signed"
    yield body_of(true) | {"person": "lee"}, "not what seoul signed"
    yield body_of(replace(true, world="simulated-1")) | {"subject": "x"}, "not what seoul signed"
    to_itself = {"finding": true.id, "answer": "agree", "text": ""}
    yield body_of(say(ws, "answer", (WORLD, EPISODE), KIM, to_itself)), "no finding of another party"
    yield body_of(say(ws, "close", (WORLD, EPISODE), KIM, {"text": "all is well"})), "no close holds text"
    pair.clock.now += timedelta(hours=1)
    later = body_of(say(ws, "finding", (WORLD, EPISODE), KIM, {"text": "from tomorrow"}))
    pair.clock.now -= timedelta(hours=1)
    yield later, "dated after the envelope"


def test_what_does_not_hold_together_is_refused_by_name_and_holds_up_nothing(pair, monkeypatch):
    seoul = pair.nodes["seoul"]
    propose_finding(seoul, WORLD, EPISODE, KIM, "The onset came a day early.")
    monkeypatch.setattr("flows.exchange.POSTERS", [])
    false = list(said_falsely(pair))
    sender = node_of(seoul).sender
    with seoul.ledger.write() as conn:
        (true, *_) = read_party_statements(conn, "finding")
        for number, body in enumerate([body_of(true), *(body for body, _ in false), body_of(true)]):
            post(conn, sender, Message("beijing", "season", WORLD, f"said {number}", body), pair.clock())
    pair.rounds(2)
    with pair.nodes["beijing"].ledger.read() as conn:
        notes = [n for (n,) in conn.exec_driver_sql("SELECT note FROM envelopes_handled ORDER BY sequence")]
    assert "finding of kim" in notes[0]
    assert [why for (_, why), note in zip(false, notes[1:], strict=False) if why not in note] == []
    assert notes[len(false) + 1] == "finding said before"
    assert [row[0] for row in said(pair, "finding")["beijing"]] == ["seoul"]
    assert said(pair, "answer")["beijing"] == said(pair, "close")["beijing"] == []


def test_a_ledger_from_an_old_backup_gets_the_own_words_back_and_says_none_twice(pair, tmp_path):
    pair.rounds(1)
    file = pair.nodes["seoul"].settings.data_dir / "ledger.sqlite"
    backup = keep_ledger(file, tmp_path / "backup.sqlite")
    propose_finding(pair.nodes["seoul"], WORLD, EPISODE, KIM, "The onset came a day early.")
    pair.rounds(2)
    before = said(pair, "finding")
    pair.nodes["seoul"].ledger.close()
    put_back_ledger(file, backup)
    pair.open("seoul")
    assert said(pair, "finding")["seoul"] == []
    assert pair.round("seoul").peers[0].stopped
    hand_back(pair.nodes["beijing"], "seoul", tmp_path / "back")
    assert recover_chain(pair.nodes["seoul"], "beijing", "kim", tmp_path / "back")["goes on"]
    assert said(pair, "finding") == before
    pair.rounds(2)
    with pair.nodes["beijing"].ledger.read() as conn:
        kinds = [row.kind for row in list_of(conn)]
    assert kinds.count("season") == 1


def list_of(conn):
    return conn.exec_driver_sql("SELECT kind FROM envelopes_received WHERE sender = 'seoul'").all()
