"""Sign-off: who may decide what, what silence means, and that no altered text or statement passes."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import text

from alerts.content import WarningContent
from alerts.examples import example_content
from alerts.fallback import replaced_messages, settle_overdue, taken_over
from alerts.identifiers import alert_identifier
from alerts.signoff import Signer, approve, object_, verify_signatures
from pipeline.errors import ReviewError
from pipeline.ledger.deliveries import read_outbox
from pipeline.ledger.warnings import insert_signature, read_signatures, read_version, read_versions
from pipeline.times import iso, parse_instant
from tests.alerts.conftest import START
from tests.ledger_files import drop_triggers

CONTENT = example_content()
ID = CONTENT.warning_id
SEOUL = f"{ID}-seoul"


def tamper(desk, table, change):
    """Change a decided row as somebody with the database file would."""
    with desk.write() as conn:
        drop_triggers(conn, table)
        conn.execute(text(f"UPDATE {table} SET {change}"))


def report(desk, warning_id=ID, version=1):
    with desk.ledger.read() as conn:
        return verify_signatures(conn, warning_id, version, desk.trusted)


def test_a_joint_warning_needs_both_parties(desk):
    desk.propose(CONTENT)
    desk.approve(ID, 1, "seoul")
    assert report(desk).missing == ("beijing",)
    with pytest.raises(ReviewError, match="approval of beijing is missing"):
        desk.issue(ID, 1)
    desk.approve(ID, 1, "beijing")
    assert report(desk).ok
    with desk.ledger.read() as conn:
        assert verify_signatures(conn, ID, 1, desk.trusted).ok
        assert settle_overdue(conn, desk.wait(hours=9)).ready == ((ID, 1),), "in time is in time"


def test_nothing_is_issued_without_approval(desk):
    desk.propose(CONTENT)
    with pytest.raises(ReviewError, match="beijing is missing; approval of seoul is missing"):
        desk.issue(ID, 1)
    with desk.ledger.read() as conn:
        assert read_outbox(conn) == []


def test_raising_the_level_needs_the_same_signatures(desk):
    desk.proposed_and_issued(CONTENT)
    raised = desk.propose(replace(CONTENT, level="J3"))
    desk.approve(ID, raised.version, "seoul")
    with pytest.raises(ReviewError, match="approval of beijing is missing"):
        desk.issue(ID, raised.version)


def test_only_the_owner_signs_for_a_single_city(desk):
    seoul = replace(
        CONTENT,
        product="single_city_warning",
        level="",
        parties=("seoul",),
        cities=CONTENT.cities[1:],
        origins=(),
    )
    desk.propose(seoul)
    with pytest.raises(ReviewError, match="not beijing's to decide, but seoul's"):
        desk.approve(ID, 1, "beijing")
    desk.approve(ID, 1, "seoul")
    issued = desk.issue(ID, 1)
    assert [i.rpartition(".")[2] for i in issued.outbox_ids] == [
        "seoul-air-policy",
        "seoul-health-environment",
        "seoul-disaster-safety",
    ]


def test_approving_twice_is_approving_once(desk):
    desk.propose(CONTENT)
    desk.approve(ID, 1, "seoul")
    desk.approve(ID, 1, "seoul")
    with desk.ledger.read() as conn:
        assert len(read_signatures(conn, ID, 1)) == 1


def test_a_party_decides_once(desk):
    desk.propose(CONTENT)
    desk.approve(ID, 1, "seoul")
    with desk.write() as conn, pytest.raises(ReviewError, match="already decided: approve by kim"):
        object_(conn, ID, 1, desk.signers["seoul"], "second thoughts", desk.now)


def test_what_was_shown_must_be_what_is_signed(desk):
    shown = desk.propose(CONTENT).digest
    desk.propose(replace(CONTENT, level="J3"))
    with desk.write() as conn, pytest.raises(ReviewError, match="changed since it was shown"):
        approve(conn, ID, 1, desk.signers["seoul"], desk.now, seen=shown)


def test_after_the_deadline_nobody_decides(desk):
    desk.propose(CONTENT)
    desk.wait(hours=3)
    with pytest.raises(ReviewError, match="was to be reviewed by 2026-01-14T10:00:00Z"):
        desk.approve(ID, 1, "seoul")


def test_a_drill_needs_a_content_that_is_one(desk):
    desk.propose(CONTENT)
    desk.approve(ID, 1, "seoul", "beijing", drill=True)
    with desk.ledger.read() as conn:
        assert {(s.person, s.drill) for s in read_signatures(conn, ID, 1)} == {("drill", True)}
    assert desk.issue(ID, 1).is_new
    real = replace(CONTENT, warning_id="REAL", world="measured", simulated=False, cap_status="Actual")
    desk.propose(real)
    with pytest.raises(ReviewError, match="a drill may approve only Exercise or Test"):
        desk.approve("REAL", 1, "seoul", drill=True)


def test_drill_and_person_do_not_mix(desk):
    desk.propose(CONTENT)
    key = desk.signers["seoul"].key
    for signer in (Signer("seoul", "drill", key), Signer("seoul", "kim", key, drill=True)):
        with desk.write() as conn, pytest.raises(ReviewError, match="a drill is signed by 'drill'"):
            approve(conn, ID, 1, signer, desk.now)


def test_a_smuggled_drill_approval_does_not_count(desk):
    real = replace(CONTENT, world="measured", simulated=False, cap_status="Actual")
    desk.propose(real)
    desk.approve(ID, 1, "seoul", "beijing")
    tamper(desk, "signatures", "drill = true")
    assert any("altered" in p for p in report(desk).problems)


def test_silence_makes_it_a_single_city_warning(desk):
    desk.propose(CONTENT)
    desk.approve(ID, 1, "seoul")
    with desk.write() as conn:
        early = settle_overdue(conn, desk.now)
        late = settle_overdue(conn, desk.wait(hours=2))
    assert early.ready == early.expired == ()
    assert late.ready == ((SEOUL, 1),)
    assert late.expired == ((ID, 1),)
    with desk.ledger.read() as conn:
        content = read_version(conn, SEOUL, 1).content
    assert (content["product"], content["level"]) == ("single_city_warning", "")
    assert [c["city"] for c in content["cities"]] == ["seoul"]
    assert CONTENT.origins
    assert "origins" not in content, "where the air comes from leaves with both signatures only"
    assert {r["city"] for r in content["rules"]} == {"seoul"}
    assert report(desk, SEOUL).ok, "the signature made at the approval covers exactly this text"
    issued = desk.issue(SEOUL, 1)
    assert all(".seoul-" in name for name in issued.outbox_ids)


def test_an_objection_does_not_silence_the_other_party(desk):
    desk.propose(CONTENT)
    desk.approve(ID, 1, "seoul")
    with desk.write() as conn:
        object_(conn, ID, 1, desk.signers["beijing"], "our forecast is lower", desk.now)
        settled = settle_overdue(conn, desk.now)
    assert settled.ready == ((SEOUL, 1),)
    assert settled.rejected == ((ID, 1),)


def test_an_objection_of_all_rejects_at_once(desk):
    desk.propose(CONTENT)
    for party in ("seoul", "beijing"):
        with desk.write() as conn:
            object_(conn, ID, 1, desk.signers[party], "instrument fault", desk.now)
    with desk.ledger.read() as conn:
        assert read_version(conn, ID, 1).state == "rejected"
    with desk.write() as conn:
        assert settle_overdue(conn, desk.wait(hours=9)).ready == ()


def test_an_objection_needs_a_reason(desk):
    desk.propose(CONTENT)
    with desk.write() as conn, pytest.raises(ReviewError, match="needs a reason"):
        object_(conn, ID, 1, desk.signers["seoul"], "  ", desk.now)


def test_silence_of_all_issues_nothing(desk):
    desk.propose(CONTENT)
    with desk.write() as conn:
        settled = settle_overdue(conn, desk.wait(hours=2))
    assert (settled.ready, settled.expired) == ((), ((ID, 1),))


def test_the_joint_warning_takes_over_from_its_stand_in(desk):
    desk.propose(CONTENT)
    desk.approve(ID, 1, "seoul")
    with desk.write() as conn:
        settle_overdue(conn, desk.wait(hours=2))
    desk.issue(SEOUL, 1)
    later = {
        "issue_time": "2026-01-14T14:00:00Z",
        "as_of": "2026-01-14T14:00:00Z",
        "review_deadline": "2026-01-14T16:00:00Z",
    }
    second = desk.propose(replace(CONTENT, **later))
    desk.approve(ID, second.version, "seoul", "beijing")
    desk.issue(ID, second.version)
    with desk.ledger.read() as conn:
        assert [row.state for row in read_versions(conn, SEOUL)] == ["ended"]
        assert read_version(conn, ID, 2).content["kind"] == "alert", "version 1 never left"


NEXT = {
    "issue_time": "2026-01-14T14:00:00Z",
    "as_of": "2026-01-14T14:00:00Z",
    "review_deadline": "2026-01-14T16:00:00Z",
}


def objected(desk, version):
    """Let Seoul approve a joint version and Beijing object; Seoul's own warning is issued."""
    desk.approve(ID, version, "seoul")
    with desk.write() as conn:
        object_(conn, ID, version, desk.signers["beijing"], "too early", desk.now)
        ready = settle_overdue(conn, desk.now).ready
    desk.issue(*ready[0])


def test_the_joint_message_names_the_messages_of_the_stand_ins_it_replaces(desk):
    desk.propose(CONTENT)
    objected(desk, 1)
    sent = desk.now
    desk.wait(hours=6)
    desk.propose(replace(CONTENT, **NEXT))
    with desk.ledger.read() as conn:
        joint = WarningContent.from_dict(read_version(conn, ID, 2).content)
        named = replaced_messages(conn, joint)
    assert [(r.identifier, r.sent) for r in named] == [(alert_identifier(SEOUL, 1), iso(sent))]
    desk.approve(ID, 2, "seoul", "beijing")
    desk.issue(ID, 2)
    with desk.ledger.read() as conn:
        assert replaced_messages(conn, joint) == (), "they have ended"


def test_a_stand_in_beside_an_older_joint_version_stays_until_the_next_one(desk):
    desk.proposed_and_issued(CONTENT)
    desk.wait(hours=6)
    desk.propose(replace(CONTENT, level="J3", **NEXT))
    objected(desk, 2)
    with desk.ledger.read() as conn:
        old = WarningContent.from_dict(read_version(conn, ID, 1).content)
        assert taken_over(conn, old) == [], "an earlier word does not end a later one"
        assert [r.state for r in read_versions(conn, SEOUL)] == ["issued"]


def test_an_all_clear_leaves_alone_what_is_being_continued(desk):
    desk.propose(CONTENT)
    objected(desk, 1)
    desk.wait(hours=6)
    single = fallback_of(desk)
    desk.propose(replace(single, kind="alert", level="", onset="2026-01-15T00:00:00Z", **NEXT))
    with desk.ledger.read() as conn:
        clear = replace(CONTENT, kind="all_clear", **NEXT)
        assert taken_over(conn, clear) == []
        assert [r.warning_id for r in taken_over(conn, replace(CONTENT, **NEXT))] == [SEOUL]


def fallback_of(desk):
    with desk.ledger.read() as conn:
        return WarningContent.from_dict(read_version(conn, SEOUL, 1).content)


def test_what_was_approved_but_is_no_longer_valid_expires_and_holds_up_nothing(desk):
    desk.propose(CONTENT)
    desk.approve(ID, 1, "seoul", "beijing")
    with desk.write() as conn:
        assert settle_overdue(conn, parse_instant(CONTENT.expires)).ready == ((ID, 1),)
        late = settle_overdue(conn, parse_instant(CONTENT.expires) + timedelta(seconds=1))
        assert (late.ready, late.expired) == ((), ((ID, 1),))


def test_a_second_stand_in_continues_the_first(desk):
    desk.propose(CONTENT)
    desk.approve(ID, 1, "seoul")
    with desk.write() as conn:
        settle_overdue(conn, desk.wait(hours=2))
    desk.issue(SEOUL, 1)
    later = {
        "issue_time": "2026-01-14T14:00:00Z",
        "as_of": "2026-01-14T14:00:00Z",
        "review_deadline": "2026-01-14T16:00:00Z",
    }
    desk.propose(replace(CONTENT, level="J3", **later))
    desk.approve(ID, 2, "seoul")
    with desk.write() as conn:
        assert settle_overdue(conn, desk.wait(hours=7)).ready == ((SEOUL, 2),)
    desk.issue(SEOUL, 2)
    with desk.ledger.read() as conn:
        assert [row.state for row in read_versions(conn, SEOUL)] == ["updated", "issued"]


@pytest.mark.parametrize(
    ("table", "change", "fault"),
    [
        (
            "warning_versions",
            "content = replace(content, '\"J2\"', '\"J3\"')",
            "content is not what its digest",
        ),
        ("warning_versions", "content_digest = '00'", "content is not what its digest"),
        ("signatures", "reason = 'other'", "does not fit the statement"),
        ("signatures", "person = 'lee'", "does not fit the statement"),
        ("signatures", "at = '2026-01-14 08:00:00.000000'", "does not fit the statement"),
        ("signatures", "decision = 'object'", "does not fit the statement"),
        ("signatures", "public_key = 'AAAA'", "not the party's"),
    ],
)
def test_an_altered_ledger_is_noticed(desk, table, change, fault):
    desk.propose(CONTENT)
    desk.approve(ID, 1, "seoul", "beijing")
    assert report(desk).ok
    tamper(desk, table, change)
    assert any(fault in p for p in report(desk).problems) or "content_digest" in change
    assert not report(desk).ok
    with pytest.raises(ReviewError, match="cannot be issued"):
        desk.issue(ID, 1)


def test_a_consistent_forgery_still_lacks_the_key(desk):
    """Content, digest and statement rewritten in step, signed with a key that nobody trusts."""
    desk.propose(CONTENT)
    desk.approve(ID, 1, "seoul")
    intruder = Signer("beijing", "wang", Ed25519PrivateKey.generate())
    with desk.write() as conn:
        approve(conn, ID, 1, intruder, desk.now)
    assert report(desk).problems == ("approve of beijing: signed with a key that is not the party's",)


def test_a_signature_cannot_be_moved_to_another_version(desk):
    desk.proposed_and_issued(CONTENT)
    desk.propose(replace(CONTENT, level="J3"))
    with desk.write() as conn:
        digest = read_version(conn, ID, 2).content_digest
        for row in read_signatures(conn, ID, 1):
            insert_signature(conn, replace(row, version=2, content_digest=digest))
    assert len(report(desk, version=2).problems) == 2


def test_the_stored_text_is_the_content(desk):
    desk.propose(CONTENT)
    with desk.ledger.read() as conn:
        row = read_version(conn, ID, 1)
    assert json.loads(row.content_text) == row.content == json.loads(json.dumps(CONTENT.to_dict()))


def test_the_present_of_a_replay_decides_nothing_that_was_written_later(desk):
    desk.propose(example_content())
    desk.approve(ID, 1, "seoul", "beijing")
    with desk.write() as conn:
        assert settle_overdue(conn, START - timedelta(days=2500)).ready == ()
        assert settle_overdue(conn, START).ready == ((ID, 1),)
