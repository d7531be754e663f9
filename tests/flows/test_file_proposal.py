"""Cycles entered in a real ledger: episodes that split and merge, and the warnings that follow them."""

from datetime import timedelta

import pytest

from alerts.warnings import advance, open_review
from flows.assess import file_proposal
from pipeline.ledger import open_ledger
from pipeline.ledger.audit import verify_audit
from pipeline.ledger.episodes import list_episodes
from pipeline.ledger.warnings import list_since, list_versions, read_versions
from tests.alerts.decision_cases import POLICY, both, facts

NONE, WHOLE, PARTED = (0.0,) * 4, (0.9,) * 4, (0.9, 0.0, 0.0, 0.9)


@pytest.fixture
def ledger(tmp_path):
    made = open_ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    yield made
    made.close()


def cycle(ledger, number, beijing, seoul, issue=True):
    """Enter a cycle; its drafts are issued by hand, which takes no signatures here."""
    run = facts(number)
    with ledger.write() as conn:
        found, filed = file_proposal(conn, both(run, beijing, seoul, links=()), POLICY, run)
        for one in filed if issue else ():
            row = next(v for v in read_versions(conn, one.warning_id) if v.version == one.version)
            if row.state == "draft":
                opened = open_review(conn, row.warning_id, row.version, "run", run.as_of)
                for before in (v for v in read_versions(conn, row.warning_id) if v.state == "issued"):
                    advance(conn, before, "updated", actor="run", reason="", at=run.as_of)
                advance(conn, opened, "issued", actor="run", reason="", at=run.as_of)
    return found


def states(ledger, warning_id):
    with ledger.read() as conn:
        return [v.state for v in read_versions(conn, warning_id)]


def test_a_warning_whose_episode_merged_ends_once_the_other_is_out(ledger):
    first = cycle(ledger, 0, NONE, PARTED)
    one, other = (w.warning_id for w in first.warnings)
    merged = cycle(ledger, 1, NONE, WHOLE)
    ((gone, stays),) = merged.continued
    assert {gone, stays} == {one, other}
    assert states(ledger, gone) == ["ended"]
    assert states(ledger, stays) == ["updated", "issued"]
    with ledger.read() as conn:
        kept = {e.id: e for e in list_episodes(conn, "simulated-7")}
        assert sorted(e.state for e in kept.values()) == ["ended", "open"]
        assert verify_audit(conn).ok
    assert cycle(ledger, 2, NONE, WHOLE).continued == ()


def test_a_joint_warning_goes_on_through_a_split_in_the_ledger(ledger):
    (joint,) = cycle(ledger, 0, WHOLE, WHOLE).warnings
    cycle(ledger, 1, WHOLE, PARTED)
    cycle(ledger, 5, (0.9, 0.9, 0.9, 0.0), (0.0, 0.0, 0.9, 0.0))
    cycle(ledger, 6, (0.9, 0.9, 0.9, 0.0), (0.0, 0.0, 0.9, 0.0))
    with ledger.read() as conn:
        versions = read_versions(conn, joint.warning_id)
        assert verify_audit(conn).ok
    assert [v.state for v in versions][-1] == "issued"
    assert {v.content["kind"] for v in versions} == {"alert", "update"}
    assert len({v.content["cities"][1]["episode_id"] for v in versions}) == 2


def test_a_repeat_of_a_cycle_enters_nothing_new(ledger):
    for number, seoul in enumerate((WHOLE, PARTED, WHOLE, NONE, NONE)):
        cycle(ledger, number, WHOLE, seoul)
        with ledger.read() as conn:
            before = [(v.warning_id, v.version, v.state) for v in list_versions(conn, "simulated-7")]
        cycle(ledger, number, WHOLE, seoul)
        with ledger.read() as conn:
            after = [(v.warning_id, v.version, v.state) for v in list_versions(conn, "simulated-7")]
        assert after == before


def test_what_is_long_over_is_not_read_again(ledger):
    cycle(ledger, 0, NONE, WHOLE, issue=False)
    for number in (1, 2, 3):
        cycle(ledger, number, NONE, NONE, issue=False)
    late = facts(40)
    with ledger.read() as conn:
        assert len(list_episodes(conn, "simulated-7")) == 1
        assert list_episodes(conn, "simulated-7", late.issue_time) == []
        assert list_since(conn, "simulated-7", ("draft", "issued"), late.issue_time) == []
        since = late.issue_time - timedelta(days=30)
        assert len(list_since(conn, "simulated-7", (), since)) == len(list_versions(conn, "simulated-7"))
