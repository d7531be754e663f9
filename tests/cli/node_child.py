"""A node of the demonstration in a process of its own that can also be given an invented draft to decide."""

import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from alerts.examples import example_content
from alerts.warnings import propose_version
from cli.demo.node import DemoNode, main
from flows.desk import Decision, approve_version
from pipeline.times import iso


class DecidingNode(DemoNode):
    """Proposes the example's warning and approves it; no air, no model."""

    def __init__(self, now):
        super().__init__(now)
        self.orders |= {"propose": self.propose, "approve": self.approve}

    def propose(self, order):
        content = replace(example_content(), model_id=order["model"])
        with self.ws.ledger.write() as conn:
            filed = propose_version(conn, content, self.clock())
        return {"warning": filed.warning_id}

    def approve(self, order):
        party = self.ws.settings.party
        decision = Decision(party, "kim" if party == "seoul" else "wang", iso(self.clock()))
        found = approve_version(self.ws, example_content().warning_id, None, decision, order["text"])
        return {"missing": found["missing"]}


if __name__ == "__main__":
    main(DecidingNode)
