"""An outlook on two nodes: its text travels with the sign-off, and what is false of it is refused."""

from dataclasses import replace
from datetime import timedelta

import pytest

from flows.exchange_recover import hand_back, recover_chain
from flows.node import node_of
from flows.outlook import approve_outlook, current_outlook, lacking
from flows.outlook_offered import offered_by
from flows.outlook_send import send_outlook
from flows.said import Speaker, say
from flows.season_words import body_of
from pipeline.errors import ContractError, ReviewError
from pipeline.exchange.bodies import check_body
from pipeline.exchange.post import Message, post
from pipeline.ledger.season import (
    DocumentRow,
    content_digest,
    keep_document,
    read_documents,
    read_party_statements,
)
from pipeline.times import iso, parse_instant
from tests.flows.exchange_pair import Pair
from tests.ledger_files import keep_ledger, put_back_ledger

WHO = {"seoul": Speaker("seoul", "kim"), "beijing": Speaker("beijing", "wang")}
WORLD, WEEK = "measured", "week-20260115"
PLAN = {"en": "Plan", "ko": "계획", "zh": "计划"}
CHANCES = [
    {"threshold": 35, "probability": 0.4, "like": 12, "came": 5},
    {"threshold": 75, "probability": 0.1},
]
AHEAD = {"day": "2026-01-15", "lead_day": 1, "mean": 41.0, "q10": 20.5, "q90": 70.0, "chances": CHANCES}
LATER = {"day": "2026-01-18", "lead_day": 4, "threshold": 35, "days": 90, "share": 0.3, "median": 28.4}
STATED = {
    "source": "airkorea",
    "day": "2026-01-15",
    "low": 36.0,
    "high": None,
    "received": "2026-01-14T02:00:00Z",
}
BEFORE = {
    "day": "2026-01-13",
    "mean": None,
    "above": None,
    "threshold": 35,
    "probability": 0.5,
    "warned": False,
}


@pytest.fixture
def pair(tmp_path):
    made = Pair(tmp_path)
    yield made
    made.close()


def text_of(party, **changed):
    """Return an outlook as a party's node would draft it; the parties' runs differ."""
    cities = [
        {"city": city, "ahead": [AHEAD], "later": [LATER], "stated": [STATED], "last_week": [BEFORE]}
        for city in ("seoul", "beijing")
    ]
    return {
        "schema": 1,
        "outlook": WEEK,
        "world": WORLD,
        "simulated": False,
        "as_of": "2026-01-14T02:00:00Z",
        "due": "2026-01-15T07:00:00Z",
        "season_active": True,
        "winter": "2025-26",
        "calendar": [{"party": "seoul", "names": PLAN, "to": "2026-03-31", "mark": ""}],
        "run": f"01K{party}",
        "cycle": "2026-01-14T02:00:00Z",
        "degraded": "",
        "cities": cities,
    } | changed


def draft(pair, party, **changed):
    ws = pair.nodes[party]
    text = text_of(party, **changed)
    row = DocumentRow("outlook", WEEK, 0, WORLD, parse_instant(text["as_of"]), "", text, ws.clock())
    with ws.ledger.write() as conn:
        return keep_document(conn, row)


def sign(pair, party):
    """Sign off what counts at a party's node and let the other hear of it."""
    approve_outlook(pair.nodes[party], current_outlook(pair.nodes[party], WORLD, WEEK), WHO[party])


def counting(pair):
    """Return for each node the run of the text that counts and who has not signed it."""
    rows = {party: current_outlook(ws, WORLD, WEEK) for party, ws in pair.nodes.items()}
    return {party: (row.content["run"], lacking(pair.nodes[party], row)) for party, row in rows.items()}


def test_one_text_is_signed_by_both_and_can_leave_from_either_node(pair):
    draft(pair, "seoul")
    sign(pair, "seoul")
    pair.rounds(2)
    assert counting(pair) == dict.fromkeys(pair.nodes, ("01Kseoul", ["beijing"]))
    rows = {party: current_outlook(ws, WORLD, WEEK) for party, ws in pair.nodes.items()}
    assert rows["beijing"].content == rows["seoul"].content
    assert {p: offered_by(pair.nodes[p], row) for p, row in rows.items()} == {"seoul": "", "beijing": "seoul"}
    for ws in pair.nodes.values():
        with pytest.raises(ReviewError, match="lacks the sign-off of beijing"):
            send_outlook(ws, WORLD, WEEK, ["committee@example.org"])
    sign(pair, "beijing")
    pair.rounds(2)
    assert counting(pair) == dict.fromkeys(pair.nodes, ("01Kseoul", []))
    for ws in pair.nodes.values():
        (sent,) = send_outlook(ws, WORLD, WEEK, ["committee@example.org"])
        assert sent["outcome"] == "sent"
    before = len(pair.chain("seoul", "beijing"))
    pair.rounds(3)
    assert len(pair.chain("seoul", "beijing")) == before
    with pair.nodes["seoul"].ledger.read() as conn:
        assert len(read_documents(conn, "outlook", WORLD, WEEK)) == 1


def test_texts_that_crossed_end_as_one(pair):
    for party in pair.nodes:
        draft(pair, party)
        sign(pair, party)
    pair.rounds(2)
    assert counting(pair) == {"seoul": ("01Kbeijing", ["seoul"]), "beijing": ("01Kseoul", ["beijing"])}
    sign(pair, "seoul")
    pair.rounds(2)
    assert counting(pair) == dict.fromkeys(pair.nodes, ("01Kbeijing", []))


def test_both_signing_the_others_text_at_once_hold_the_same_to_count(pair):
    for party in pair.nodes:
        draft(pair, party)
        sign(pair, party)
    pair.rounds(2)
    sign(pair, "seoul")
    pair.clock.now += timedelta(seconds=7)
    sign(pair, "beijing")
    pair.rounds(2)
    assert counting(pair) == dict.fromkeys(pair.nodes, ("01Kseoul", []))


def test_a_text_drafted_after_the_signing_counts_and_needs_new_sign_offs(pair):
    draft(pair, "seoul")
    sign(pair, "seoul")
    pair.rounds(2)
    sign(pair, "beijing")
    pair.rounds(2)
    draft(pair, "beijing", degraded="no winds")
    assert counting(pair) == {"seoul": ("01Kseoul", []), "beijing": ("01Kbeijing", ["beijing", "seoul"])}


def falsely(pair):
    """Yield bodies that Seoul's node could send, each with why it is refused."""
    ws = pair.nodes["seoul"]

    def signed(text, digest=""):
        said = say(ws, "outlook", (WORLD, WEEK), WHO["seoul"], {"digest": digest or content_digest(text)})
        pair.clock.now += timedelta(seconds=1)
        return body_of(said) | {"document": text}

    true = text_of("seoul")
    yield signed(true | {"degraded": "no winds"}, content_digest(true)), "not what was signed"
    yield {k: v for k, v in signed(true).items() if k != "document"}, "not what was signed"
    yield signed(true | {"outlook": "week-20260122"}), "is of week-20260122 in measured"
    yield signed(true | {"simulated": True}), "is of week-20260115 in measured"
    yield signed(true | {"as_of": "2027-01-01T00:00:00Z"}), "looked past the envelope"
    elsewhere = [city | {"city": "atlantis"} for city in true["cities"]]
    yield signed(true | {"cities": elsewhere}), "speaks of atlantis"
    unwritable = [city | {"ahead": [AHEAD | {"day": "2026-13-99"}]} for city in true["cities"]]
    yield signed(true | {"cities": unwritable}), "cannot be shown"
    finding = body_of(say(ws, "finding", (WORLD, WEEK), WHO["seoul"], {"text": "It came early."}))
    yield finding | {"document": true}, "a finding carries no document"


def test_what_does_not_fit_is_refused_by_name_and_keeps_nothing(pair, monkeypatch):
    monkeypatch.setattr("flows.exchange.POSTERS", [])
    false = list(falsely(pair))
    with pair.nodes["seoul"].ledger.write() as conn:
        for number, (body, _) in enumerate(false):
            sender = node_of(pair.nodes["seoul"]).sender
            post(conn, sender, Message("beijing", "season", WORLD, f"said {number}", body), pair.clock())
    pair.rounds(2)
    with pair.nodes["beijing"].ledger.read() as conn:
        notes = [n for (n,) in conn.exec_driver_sql("SELECT note FROM envelopes_handled ORDER BY sequence")]
        assert read_documents(conn, "outlook", WORLD, WEEK) == []
        assert read_party_statements(conn, "outlook") == []
    assert [(why, note) for (_, why), note in zip(false, notes, strict=False) if why not in note] == []
    assert len(notes) > len(false)


MISSHAPEN = {
    "run": 7,
    "cities": [{"city": "seoul"}],
    "calendar": ["plan"],
    "cycle": "yesterday",
    "more": "x",
}


def test_a_text_of_another_shape_is_no_body(pair):
    row = draft(pair, "seoul")
    approve_outlook(pair.nodes["seoul"], row, WHO["seoul"])
    with pair.nodes["seoul"].ledger.read() as conn:
        (statement,) = read_party_statements(conn, "outlook")
    check_body("season", body_of(statement) | {"document": row.content})
    for place, value in MISSHAPEN.items():
        with pytest.raises(ContractError):
            check_body("season", body_of(statement) | {"document": row.content | {place: value}})


def test_an_old_backup_gets_text_and_sign_off_back(pair, tmp_path):
    pair.rounds(1)
    file = pair.nodes["seoul"].settings.data_dir / "ledger.sqlite"
    backup = keep_ledger(file, tmp_path / "backup.sqlite")
    draft(pair, "seoul")
    sign(pair, "seoul")
    pair.rounds(2)
    before = current_outlook(pair.nodes["seoul"], WORLD, WEEK)
    pair.nodes["seoul"].ledger.close()
    put_back_ledger(file, backup)
    pair.open("seoul")
    assert pair.round("seoul").peers[0].stopped
    hand_back(pair.nodes["beijing"], "seoul", tmp_path / "back")
    assert recover_chain(pair.nodes["seoul"], "beijing", "kim", tmp_path / "back")["goes on"]
    after = current_outlook(pair.nodes["seoul"], WORLD, WEEK)
    assert replace(after, at=before.at) == before
    assert iso(after.at) >= iso(before.at)
    assert lacking(pair.nodes["seoul"], after) == ["beijing"]
    assert offered_by(pair.nodes["seoul"], after) == ""
