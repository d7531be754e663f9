"""Looking after a workspace: edits of drafts, messages of unknown fate, repair and compaction by command."""

import json
from datetime import timedelta

import pytest

from alerts.examples import example_content
from alerts.warnings import propose_version
from flows.delivering import messages_dir
from flows.desk import Decision, approve_version
from flows.desk_views import shown
from flows.edits import edit_draft
from flows.upkeep import compact_store, listed_messages, repair_store, resolve_message
from flows.workspace import open_workspace
from pipeline.errors import ReviewError, UsageError
from pipeline.ledger.deliveries import move_message, read_outbox
from pipeline.settings import Settings
from pipeline.times import parse_instant


@pytest.fixture
def ws(tmp_path):
    return open_workspace(Settings(data_dir=tmp_path))


@pytest.fixture
def draft(ws):
    content = example_content()
    with ws.ledger.write() as conn:
        propose_version(conn, content, parse_instant(content.as_of))
    return content


def approve_both(ws, content):
    for party in ("seoul", "beijing"):
        approve_version(ws, content.warning_id, None, Decision(party, "Kim", deliver=False))


def test_an_edit_changes_the_text_and_makes_earlier_approvals_void(ws, draft, tmp_path):
    approve_version(ws, draft.warning_id, None, Decision("seoul", "Kim"))
    document = shown(ws, draft.warning_id, None, "en")
    document["content"]["level"] = "J1"
    file = tmp_path / "edited.json"
    file.write_text(json.dumps(document), "utf-8")
    edit_draft(ws, draft.warning_id, None, Decision("beijing", "Li"), "the front is slower", file)
    after = shown(ws, draft.warning_id, None, "en")
    assert after["content"]["level"] == "J1"
    assert after["content"]["reason"] == "the front is slower"
    assert after["signatures"][0].endswith("(of an earlier text)")


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", pytest.param("[" * 100_000, id="deep"), '{"content": {"level": "J1"}}']
)
def test_a_file_that_is_no_content_is_refused_in_one_line(ws, draft, tmp_path, text):
    file = tmp_path / "edited.json"
    file.write_text(text, "utf-8")
    with pytest.raises(UsageError, match=r"edited\.json is not the content of a warning"):
        edit_draft(ws, draft.warning_id, None, Decision("seoul", "Kim"), "why", file)


def test_what_is_issued_cannot_be_edited(ws, draft, tmp_path):
    approve_both(ws, draft)
    file = tmp_path / "same.json"
    file.write_text(json.dumps(shown(ws, draft.warning_id, None, "en")), "utf-8")
    with pytest.raises(ReviewError, match="is issued and cannot be edited"):
        edit_draft(ws, draft.warning_id, None, Decision("seoul", "Kim"), "too late", file)


@pytest.mark.parametrize(("resend", "state"), [(True, "pending"), (False, "sent")])
def test_a_person_decides_about_a_message_of_unknown_fate(ws, draft, resend, state):
    approve_both(ws, draft)
    with ws.ledger.write() as conn:
        message = read_outbox(conn)[0]
        move_message(conn, message, state="unknown")
    resolve_message(ws, message.id, resend=resend, person="Kim", reason="asked the agency")
    assert {m["message"]: m["state"] for m in listed_messages(ws)}[message.id] == state


def test_the_list_of_messages_names_recipients_and_refuses_a_state_that_is_none(ws, draft):
    approve_both(ws, draft)
    told = listed_messages(ws, "pending")
    assert told
    assert all(m["to"] and f".{m['to']}" in m["message"] and "@" not in m["to"] for m in told)
    with pytest.raises(UsageError, match="--state lost: choose one of pending"):
        listed_messages(ws, "lost")


@pytest.mark.parametrize("warning", ["", "nothing"])
def test_no_id_is_no_warning(ws, draft, warning):
    with pytest.raises(UsageError, match="is unknown; see"):
        shown(ws, warning, None, "en")


def test_a_known_fate_is_not_decided_again_and_a_decision_needs_a_name(ws, draft):
    approve_both(ws, draft)
    message = listed_messages(ws)[0]["message"]
    with pytest.raises(ReviewError, match="is pending, not unknown"):
        resolve_message(ws, message, resend=True, person="Kim", reason="why not")
    with pytest.raises(UsageError, match="say who decides"):
        resolve_message(ws, message, resend=True, person=" ", reason="")
    with pytest.raises(UsageError, match="no message nowhere"):
        resolve_message(ws, "nowhere", resend=True, person="Kim", reason="x")
    assert messages_dir(ws).is_dir()


def test_repair_and_compaction_answer_for_every_world(ws):
    assert repair_store(ws) == []
    assert repair_store(ws, "measured") == [{"world": "measured", "removed": 0, "missing": []}]
    found = compact_store(ws, "measured", timedelta(0))
    assert found == [{"world": "measured", "merged": 0, "into": 0, "deleted": 0}]
