"""One node of the demonstration: a process that does what it is told, in the play's time.

A line of JSON on standard input is an order, one on standard output its answer. The clock stands where an
order put it.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from flows.assess import propose_warnings
from flows.bulletin import write_bulletin
from flows.delivering import deliver
from flows.demo_air import ALONE, fill, plans
from flows.demo_state import node_state
from flows.exchange import exchange_round
from flows.forecast import forecast_cycle
from flows.issue import issue_approved
from flows.node import node_of, own_key
from flows.plan import CyclePlan
from flows.workspace import Workspace, open_workspace
from pipeline.errors import SameairError, UsageError
from pipeline.exchange.keyring import fingerprint
from pipeline.exchange.keys import public_key_text
from pipeline.settings import Settings
from pipeline.times import parse_instant

Plain = dict[str, Any]
STARTED_WITHIN_S = 30


class PlayClock:
    """A clock that stands where it was put."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        """Return the time of the play."""
        return self.now


class DemoNode:
    """A party's node on its own data folder; settings come from the environment, as for any node."""

    def __init__(self, now: datetime) -> None:
        self.clock = PlayClock(now)
        self.ws: Workspace = open_workspace(Settings(), self.clock)
        self.orders: dict[str, Callable[[Plain], Plain]] = {
            "clock": lambda _: {},
            "keys": self._keys,
            "fill": self._fill,
            "serve": self._serve,
            "round": self._round,
            "cycle": self._cycle,
            "settle": self._settle,
            "state": lambda _: node_state(self.ws),
        }

    def do(self, order: Plain) -> Plain:
        """Carry out an order and return its answer."""
        if "at" in order:
            self.clock.now = parse_instant(order["at"])
        return self.orders[order["do"]](order)

    def _keys(self, _: Plain) -> Plain:
        public = public_key_text(own_key(self.ws, self.ws.settings.party))
        return {"public": public, "fingerprint": fingerprint(public)}

    def _fill(self, order: Plain) -> Plain:
        archive = Path(order["archive"]) if order["archive"] else None
        played = plans(order["seed"], order["cycles"])
        self.clock.now = played[0].cycle - ALONE
        fill(self.ws, self.ws.settings.party, played, archive)
        return {"plans": [plan.to_dict() for plan in played]}

    def _serve(self, order: Plain) -> Plain:
        """Serve the exchange by HTTPS, with the play's clock; returns the port."""
        import socket

        import uvicorn

        from review.app import create_public_app

        app = create_public_app(self.ws.settings, clock=self.clock, receiver_of=self._receiver())
        config = uvicorn.Config(
            app,
            log_level="error",
            lifespan="off",
            ssl_certfile=order["certificate"],
            ssl_keyfile=order["key"],
        )
        listener = socket.create_server((order.get("host", "127.0.0.1"), order.get("port", 0)))
        server = uvicorn.Server(config)
        threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True).start()
        until = time.monotonic() + STARTED_WITHIN_S
        while not server.started and time.monotonic() < until:
            time.sleep(0.02)
        return {"port": listener.getsockname()[1]}

    def _receiver(self) -> Any:
        """Return what tells who takes envelopes, in the play's time."""

        def now() -> Any:
            node = node_of(self.ws)
            if node is None:
                raise UsageError("SAMEAIR_PARTY names no party")
            return node.receiver

        return now

    def _round(self, _: Plain) -> Plain:
        return exchange_round(self.ws, self.clock).to_dict()

    def _cycle(self, order: Plain) -> Plain:
        """Run the steps of a cycle after each other, as the scheduled flow does between its exchanges."""
        plan = CyclePlan.from_dict(order["plan"])
        run_id = forecast_cycle(self.ws, plan)
        proposal, filed = propose_warnings(self.ws, run_id)
        issued = issue_approved(self.ws, plan.world, plan.as_of)
        page = write_bulletin(self.ws, run_id)
        sent = deliver(self.ws, plan.world, lambda: plan.as_of)
        return {
            "run": run_id,
            "notes": list(proposal.notes),
            "filed": [[one.warning_id, one.version, one.outcome] for one in filed],
            "issued": [[one.warning_id, one.version] for one in issued if one.is_new],
            "sent": len(sent.sent),
            "page": str(page),
        }

    def _settle(self, order: Plain) -> Plain:
        """Draw the consequences of deadlines and send what waits, as the post does every five minutes."""
        issued = issue_approved(self.ws, order["world"], self.clock())
        sent = deliver(self.ws, order["world"], self.clock)
        return {"issued": [[one.warning_id, one.version] for one in issued], "sent": len(sent.sent)}


def main(make: Callable[[datetime], DemoNode] = DemoNode) -> None:
    """Answer the orders on standard input; what else is printed goes to standard error."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    answer_all(sys.stdin, answers, make)


def answer_all(orders: TextIO, answers: TextIO, make: Callable[[datetime], DemoNode]) -> None:
    """Answer orders until there are no more; what fails is answered as a fault."""
    node = None
    for line in orders:
        order = json.loads(line)
        try:
            node = node or make(parse_instant(order["at"]))
            answer = node.do(order)
        except SameairError as error:
            answer = {"fault": str(error)}
        answers.write(json.dumps(answer, default=str) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
