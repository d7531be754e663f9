"""Episodes that two nodes name unlike: one joint warning all the same, through an update and an all-clear."""

from datetime import timedelta

import pytest

from alerts.content import WarningContent
from flows.assess import file_proposal
from pipeline.ledger.agreement import read_aliases
from pipeline.ledger.warnings import list_versions
from tests.alerts.decision_cases import POLICY, both, facts
from tests.flows.two_nodes import TwoNodes

pytestmark = pytest.mark.slow
PARTIES = ("seoul", "beijing")
NONE = (0.0,) * 4
HIGH = (0.1, 0.9, 0.9, 0.1)
EARLIER = (0.9, 0.9, 0.9, 0.1)
WORSE = (0.1, 0.9, 0.9, 0.9)


class Cycles:
    """Both nodes judge cycle by cycle, each from its own run."""

    def __init__(self, nodes):
        self.nodes, self.cycle = nodes, 0

    def run(self, seoul, beijing):
        """Judge a cycle: what Seoul's run sees of (beijing, seoul), and what Beijing's does."""
        self.facts = facts(self.cycle)
        for party, seen in (("seoul", seoul), ("beijing", beijing)):
            with self.nodes.ws[party].ledger.write() as conn:
                file_proposal(conn, both(self.facts, *seen), POLICY, self.facts, party)
        self.cycle += 1
        self.nodes.exchange()

    def agree(self, warning, text=""):
        at = self.facts.issue_time + timedelta(hours=1)
        for party in PARTIES:
            self.nodes.approve(party, at, warning=warning, text=text)
        self.nodes.exchange()

    def open_(self, party):
        with self.nodes.ws[party].ledger.read() as conn:
            rows = list_versions(conn)
        return {
            (r.warning_id, r.version, r.content["kind"], r.content["product"])
            for r in rows
            if r.state in ("draft", "in_review")
        }

    def states(self, warning):
        return [[v.state for v in self.nodes.versions(p, warning)] for p in PARTIES]


@pytest.fixture
def cycles(tmp_path):
    nodes = TwoNodes(tmp_path)
    yield Cycles(nodes)
    nodes.close()


@pytest.mark.parametrize(
    "beijing_sees", [(EARLIER, HIGH), (HIGH, NONE)], ids=["other names", "one city only"]
)
def test_update_and_end_follow_one_warning_on_both_nodes(cycles, beijing_sees):
    cycles.run(seoul=(HIGH, HIGH), beijing=beijing_sees)
    with cycles.nodes.ws["seoul"].ledger.read() as conn:
        rows = [r for r in list_versions(conn) if r.content["product"] == "joint_warning"]
    warning = next(r.warning_id for r in rows if r.written_by == "run")
    text = next(r.content_digest for r in rows if r.warning_id == warning)
    cycles.agree(warning, text[:16] if len(rows) == 1 else "")
    assert cycles.states(warning) == [["issued"], ["issued"]]
    cycles.run(seoul=(WORSE, WORSE), beijing=(WORSE, WORSE))
    for party in PARTIES:
        joint = {w for w in cycles.open_(party) if w[3] == "joint_warning"}
        assert joint == {(warning, 2, "update", "joint_warning")}, party
    texts = [cycles.nodes.versions(p, warning)[-1].content_digest for p in PARTIES]
    cycles.agree(warning, max(texts)[:16])
    assert cycles.states(warning) == [["updated", "issued"]] * 2
    for _ in range(POLICY.persistence.cycles_to_end):
        cycles.run(seoul=(NONE, NONE), beijing=(NONE, NONE))
    last = [cycles.open_(p) for p in PARTIES]
    assert last[0] == last[1]
    assert {(w[0], w[2]) for w in last[0]} == {(warning, "all_clear")}
    texts = [cycles.nodes.versions(p, warning)[-1].content_digest for p in PARTIES]
    cycles.agree(warning, max(texts)[:16])
    for states in cycles.states(warning):
        assert set(states) <= {"ended", "expired"}, "an update that nobody signed expired in between"
        assert states[-1] == states[0] == "ended"


def test_the_table_names_what_is_whose(cycles):
    cycles.run(seoul=(HIGH, HIGH), beijing=(EARLIER, HIGH))
    with cycles.nodes.ws["seoul"].ledger.read() as conn:
        warning = next(r.warning_id for r in list_versions(conn) if r.written_by == "run")
    cycles.agree(warning)
    named = WarningContent.from_dict(cycles.nodes.versions("seoul", warning)[0].content).cities
    aliases = {}
    for party in PARTIES:
        with cycles.nodes.ws[party].ledger.read() as conn:
            aliases |= read_aliases(conn)
    assert set(aliases) == {named[0].episode_id}
