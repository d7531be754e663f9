"""The life of a warning: the table of steps, proposals of repeated runs, and what the ledger refuses."""

from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from alerts.content import Reference
from alerts.edits import edit_version
from alerts.examples import example_content
from alerts.fallback import settle_overdue
from alerts.warnings import (
    TRANSITIONS,
    advance,
    close,
    current_state,
    expire_overdue,
    open_review,
    propose_version,
)
from pipeline.errors import ReviewError
from pipeline.ledger.audit import verify_audit
from pipeline.ledger.warnings import read_events, read_version, read_versions

ID = example_content().warning_id
LATER = {
    "issue_time": "2026-01-14T14:00:00Z",
    "as_of": "2026-01-14T14:00:00Z",
    "review_deadline": "2026-01-14T16:00:00Z",
}


def test_the_table_is_the_life_of_the_design():
    assert set(TRANSITIONS["draft"]) == {"in_review", "rejected", "expired"}
    assert TRANSITIONS["in_review"] == ("issued", "rejected", "expired")
    assert TRANSITIONS["issued"] == ("updated", "ended", "cancelled")
    for final in ("ended", "rejected", "expired", "cancelled"):
        assert TRANSITIONS[final] == ()
    reachable = {"draft"} | {to for steps in TRANSITIONS.values() for to in steps}
    assert reachable == set(TRANSITIONS)


def test_an_illegal_step_names_the_state_and_the_allowed_steps(desk):
    desk.propose(example_content())
    with desk.write() as conn:
        row = read_version(conn, ID, 1)
        with pytest.raises(
            ReviewError, match="is draft and cannot become issued; allowed steps: in_review, rej"
        ):
            advance(conn, row, "issued", actor="x", reason="", at=desk.now)


def test_a_repeated_run_changes_nothing(desk):
    first = desk.propose(example_content())
    again = desk.propose(example_content(run_id="01KEXRVN000000000000000009"))
    assert (first.outcome, again.outcome) == ("drafted", "unchanged")
    assert again.digest == first.digest


def test_a_repeated_run_rewrites_an_untouched_draft(desk):
    first = desk.propose(example_content())
    again = desk.propose(example_content(level="J3"))
    assert (again.version, again.outcome) == (1, "redrafted")
    assert again.digest != first.digest
    with desk.ledger.read() as conn:
        assert read_version(conn, ID, 1).content["level"] == "J3"


def test_a_run_never_touches_a_version_under_review(desk):
    first = desk.propose(example_content())
    with desk.write() as conn:
        open_review(conn, ID, 1, "kim", desk.now)
    again = desk.propose(example_content(level="J3"))
    assert (again.outcome, again.digest) == ("under_review", first.digest)


def test_the_next_statement_references_everything_in_force(desk):
    desk.proposed_and_issued(example_content())
    desk.wait(hours=6)
    second = desk.propose(example_content(level="J3", **LATER))
    with desk.ledger.read() as conn:
        content = read_version(conn, ID, 2).content
    assert (second.version, content["kind"]) == (2, "update")
    assert [r["version"] for r in content["references"]] == [1]
    assert content["references"][0]["sent"] == "2026-01-14T08:20:00Z"
    desk.approve(ID, 2, "seoul", "beijing")
    desk.issue(ID, 2)
    with desk.ledger.read() as conn:
        assert [row.state for row in read_versions(conn, ID)] == ["updated", "issued"]
        assert current_state(conn, ID) == "issued"


def test_the_same_statement_after_issue_makes_no_version(desk):
    desk.proposed_and_issued(example_content())
    assert desk.propose(example_content(run_id="01KEXRVN000000000000000009")).outcome == "unchanged"


def cancelled_by_kim(desk):
    with desk.write() as conn:
        return propose_version(conn, example_content(kind="cancel", reason="in error"), desk.now, actor="kim")


def test_a_person_can_cancel_what_is_in_force_after_a_later_cycle_spoke(desk):
    desk.proposed_and_issued(example_content())
    assert desk.propose(example_content(level="J3", **LATER)).version == 2
    assert cancelled_by_kim(desk).outcome == "redrafted"
    with desk.write() as conn:
        expire_overdue(conn, desk.wait(hours=9))
    again = cancelled_by_kim(desk)
    assert (again.version, again.outcome) == (3, "drafted")
    with desk.ledger.read() as conn:
        content = read_version(conn, ID, 3).content
    assert (content["kind"], [r["version"] for r in content["references"]]) == ("cancel", [1])


def test_a_run_never_rewrites_what_a_person_drafted(desk):
    desk.proposed_and_issued(example_content())
    cancelled_by_kim(desk)
    assert desk.propose(example_content(level="J3", **LATER)).outcome == "under_review"
    with desk.ledger.read() as conn:
        assert read_version(conn, ID, 2).content["kind"] == "cancel"


def test_a_person_cannot_end_a_warning_behind_the_back_of_a_review(desk):
    desk.proposed_and_issued(example_content())
    desk.propose(example_content(level="J3", **LATER))
    desk.approve(ID, 2, "seoul")
    with pytest.raises(ReviewError, match="is under review; object to it"):
        cancelled_by_kim(desk)


def test_an_older_cycle_does_not_follow_a_newer_one(desk):
    desk.propose(example_content(**LATER))
    assert desk.propose(example_content()).outcome == "older"


def test_a_repeated_run_does_not_revive_what_was_refused(desk):
    desk.propose(example_content())
    with desk.write() as conn:
        expire_overdue(conn, desk.wait(hours=3))
    assert desk.propose(example_content(level="J3")).outcome == "unchanged"
    assert desk.propose(example_content(**LATER)).version == 2


def test_an_all_clear_ends_and_a_cancellation_cancels(desk):
    for kind, state in (("all_clear", "ended"), ("cancel", "cancelled")):
        warning_id = f"{ID[:-1]}{state[0].upper()}"
        desk.proposed_and_issued(example_content(warning_id=warning_id))
        desk.proposed_and_issued(example_content(warning_id=warning_id, kind=kind))
        with desk.ledger.read() as conn:
            assert [row.state for row in read_versions(conn, warning_id)] == [state, state]
            assert current_state(conn, warning_id) == state
        with pytest.raises(ReviewError, match="come to its end"):
            desk.propose(example_content(warning_id=warning_id, level="J3"))


def test_an_all_clear_needs_something_in_force(desk):
    with pytest.raises(ReviewError, match="needs a version in force"):
        desk.propose(example_content(kind="all_clear"))


def test_validity_ends_by_itself(desk):
    desk.proposed_and_issued(example_content())
    with desk.write() as conn:
        assert settle_overdue(conn, desk.wait(days=5)).ended == ((ID, 1),)
        assert current_state(conn, ID) == "ended"
        assert close(conn, ID, "ended", actor="x", reason="", at=desk.now) == 0


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"onset": "2026-01-17T15:00:00Z"}, "onset is not before expires"),
        ({"review_deadline": "2026-01-14T07:00:00Z"}, "as_of is after"),
        ({"issue_time": "2026-01-17T15:00:00Z"}, "issue_time is not before expires"),
        ({"review_deadline": "2026-01-17T15:00:01Z"}, "expires before its review_deadline"),
        ({"cities": 2 * example_content().cities[:1]}, "a city stands there twice"),
        ({"parties": ("seoul",)}, "parties are not those of its cities"),
        ({"references": (Reference(1, "urn:x", "2026-01-14T08:00:00Z"),)}, "an alert follows nothing"),
        ({"cities": ()}, "names no city"),
        ({"cities": example_content().cities[:1]}, "two parties"),
        ({"product": "single_city_warning"}, "only a joint warning"),
        ({"cap_status": "Actual"}, "never Actual"),
    ],
)
def test_a_content_that_contradicts_itself_is_refused(desk, changes, fault):
    with pytest.raises(ReviewError, match=fault):
        desk.propose(example_content(**changes))


def test_an_edit_voids_the_decisions_before_it(desk):
    desk.propose(example_content())
    desk.approve(ID, 1, "seoul")
    with desk.write() as conn:
        content = replace(example_content(), level="J1")
        edit_version(conn, content, "kim", "local knowledge", desk.now)
    desk.approve(ID, 1, "beijing")
    with pytest.raises(ReviewError, match="approval of seoul is missing"):
        desk.issue(ID, 1)
    desk.approve(ID, 1, "seoul")
    assert desk.issue(ID, 1).is_new
    with desk.ledger.read() as conn:
        assert read_version(conn, ID, 1).content["reason"] == "local knowledge"


def test_an_edit_needs_a_reason_and_keeps_who_and_when(desk):
    desk.propose(example_content())
    with desk.write() as conn:
        with pytest.raises(ReviewError, match="needs a reason"):
            edit_version(conn, example_content(level="J1"), "kim", " ", desk.now)
        with pytest.raises(ReviewError, match="may not change review_deadline"):
            edit_version(conn, example_content(review_deadline="2026-01-15T10:00:00Z"), "kim", "x", desk.now)


def test_an_edit_speaks_of_the_same_cities_and_episodes(desk):
    """By another episode it would end other warnings, or join what the runs never joined."""
    content = example_content()
    desk.propose(content)
    other = tuple(replace(c, episode_id=f"{c.episode_id}-other") for c in content.cities)
    for cities in (other, content.cities[::-1]):
        edited = replace(content, cities=cities)
        with desk.write() as conn, pytest.raises(ReviewError, match="which cities and episodes"):
            edit_version(conn, edited, "kim", "another one", desk.now)
    shorter = tuple(replace(c, peak_mean=c.peak_mean - 1) for c in content.cities)
    with desk.write() as conn:
        edit_version(conn, replace(content, cities=shorter), "kim", "local knowledge", desk.now)


def test_an_edit_to_a_level_that_nobody_knows_is_refused(desk):
    """Recipients ask from which level on: one that stands in no list would stop every message."""
    desk.propose(example_content())
    with desk.write() as conn, pytest.raises(ReviewError, match="its level is none of J1, J2, J3"):
        edit_version(conn, example_content(level="J9"), "kim", "worse", desk.now)


def test_what_was_decided_cannot_be_rewritten_in_the_database(desk):
    desk.proposed_and_issued(example_content())
    for statement in (
        "UPDATE warning_versions SET content = '{}'",
        "DELETE FROM signatures",
        "UPDATE warning_events SET state = 'draft'",
        "DELETE FROM warnings",
    ):
        with pytest.raises(IntegrityError, match="never changed or removed"), desk.write() as conn:
            conn.execute(text(statement))


def test_every_step_is_in_the_audit_trail(desk):
    desk.proposed_and_issued(example_content())
    with desk.ledger.read() as conn:
        assert verify_audit(conn).ok
        actions = [row.action for row in conn.execute(text("SELECT action FROM audit ORDER BY seq"))]
        states = [event.state for event in read_events(conn, ID)]
    assert states == ["draft", "in_review", "issued"]
    assert actions[:2] == ["warning.draft", "warning.in_review"]
    assert actions.count("warning.approve") == 4, "both parties signed the joint text and their stand-in"
    assert actions[-2:] == ["warning.issued", "outbox.fill"]
