"""A ledger in memory for decision tests: what earlier cycles said is what the next one meets."""

from dataclasses import replace

from alerts.assessment import Assessment
from alerts.decide import propose
from alerts.draft import check_times
from alerts.open_warnings import OpenWarning
from alerts.warnings import check_content
from tests.alerts.decision_cases import LINK, POLICY, assessed, facts


class Desk:
    """A ledger in memory: proposals of each cycle are filed, and issued unless told otherwise."""

    def __init__(self, policy=POLICY):
        self.policy = policy
        self.cycle, self.episodes, self.warnings = 0, (), {}
        self.origins = ()

    def run(self, beijing, seoul, links=(LINK,), state="issued", blind=()):
        run = facts(self.cycle, origins=self.origins)
        cities = (assessed("beijing", run, beijing), assessed("seoul", run, seoul))
        cities = tuple(replace(c, not_assessable="no data" if c.city in blind else "") for c in cities)
        proposal = propose(Assessment(cities, links), self.episodes, self.held(), self.policy, run=run)
        again = propose(Assessment(cities, links), proposal.episodes, self.held(), self.policy, run=run)
        assert again == proposal
        self.episodes = tuple(e for e in proposal.episodes if e.ledger_state == "open")
        for content in proposal.warnings:
            check_content(content)
            check_times(content)
            filed = "ended" if content.kind == "all_clear" and state == "issued" else state
            self.warnings.setdefault(content.warning_id, []).append((filed, content))
        for warning_id, _ in proposal.continued:
            self.warnings[warning_id] = [("ended", content) for _, content in self.warnings[warning_id]]
        self.cycle += 1
        return proposal

    def held(self):
        return [OpenWarning(i, tuple(versions)) for i, versions in self.warnings.items()]


def said(proposal):
    return [(w.product, w.kind, w.level) for w in proposal.warnings]
