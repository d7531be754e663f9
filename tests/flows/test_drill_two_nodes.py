"""A drill on two nodes that wrote different texts: each follows the other's approval, draft by draft."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from flows.signing import approve_drill, drafts_of_drill
from pipeline.times import HOUR, parse_instant
from tests.flows.two_nodes import AS_OF, CONTENT, ID, TwoNodes, other_text

CYCLE = parse_instant(CONTENT.issue_time)
LATER_ID = "01KEXAMP0E0000000000000009"
PARTIES = ("seoul", "beijing")


@pytest.fixture
def nodes(tmp_path):
    found = TwoNodes(tmp_path)
    yield found
    found.close()


def drill(nodes, party, at, *, last=None):
    drafts = drafts_of_drill(nodes.ws[party], CONTENT.world, CYCLE)
    approve_drill(nodes.ws[party], sorted(drafts, key=lambda row: row.warning_id == last), at)


def joint_texts(nodes):
    """Return the texts that both parties signed, as each node holds it."""
    signed = [nodes.signers(p) for p in PARTIES]
    return [
        {d for _, _, d in rows if {(party, "approve", d) for party in PARTIES} <= rows} for rows in signed
    ]


def test_the_second_drill_follows_the_text_that_is_left(nodes):
    nodes.propose("seoul")
    nodes.propose("beijing", other_text())
    nodes.exchange(issue=False)
    for minutes, party in enumerate(PARTIES):
        drill(nodes, party, AS_OF + timedelta(minutes=minutes))
    nodes.exchange(issue=False)
    texts = {nodes.versions(p)[0].content_digest for p in PARTIES}
    assert len(texts) == 2
    assert joint_texts(nodes) == [set(), set()], "each has signed its own text"
    for party in PARTIES:
        drill(nodes, party, AS_OF + HOUR)
    nodes.exchange(issue=False)
    assert joint_texts(nodes) == [{max(texts)}, {max(texts)}]


def test_a_drill_that_hears_first_signs_the_text_that_the_other_approved(nodes):
    nodes.propose("seoul")
    nodes.propose("beijing", other_text())
    nodes.exchange(issue=False)
    ours = nodes.versions("seoul")[0].content_digest
    drill(nodes, "seoul", AS_OF)
    nodes.exchange(issue=False)
    drill(nodes, "beijing", AS_OF + HOUR)
    nodes.exchange(issue=False)
    assert joint_texts(nodes) == [{ours}, {ours}]
    assert nodes.versions("beijing")[0].content_digest == ours


def test_a_draft_that_may_not_be_decided_holds_up_neither_the_others_nor_the_cycle(nodes, caplog):
    days = {"onset": "2026-01-20T16:00:00Z", "end": "2026-01-21T15:59:59Z"}
    for party in PARTIES:
        nodes.propose(party)
    nodes.exchange(issue=False)
    nodes.object("seoul", AS_OF)
    other = replace(
        CONTENT,
        warning_id=LATER_ID,
        cities=tuple(replace(c, **days, episode_id=f"later-{c.city}") for c in CONTENT.cities),
    )
    nodes.propose("seoul", other)
    drill(nodes, "seoul", AS_OF + HOUR, last=LATER_ID)
    assert f"warning {ID} is not approved in the drill" in caplog.text
    assert ("seoul", "approve") in {s[:2] for s in nodes.signers("seoul", LATER_ID)}
