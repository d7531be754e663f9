"""Two parties' nodes on one machine, and questions for them to ask."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta

from flows import exchange_parts
from flows.exchange import exchange_round
from flows.node import own_key
from flows.workspace import open_workspace
from pipeline.exchange.bodies import check_body
from pipeline.exchange.post import Message
from pipeline.ledger.envelopes import last_handled, list_received, list_sent
from pipeline.settings import Settings

BEGIN = datetime(2026, 1, 14, 2, tzinfo=UTC)


class Clock:
    def __init__(self):
        self.now = BEGIN

    def __call__(self):
        return self.now


class Pair:
    """Two nodes with a folder between them."""

    def __init__(self, tmp_path, links=None):
        self.clock, self.root = Clock(), tmp_path
        self.mount = tmp_path / "mount"
        self.mount.mkdir()
        self.links = links or {"seoul": str(self.mount), "beijing": str(self.mount)}
        self.nodes = {}
        for party in ("seoul", "beijing"):
            self.open(party)
        for party, peer in (("seoul", "beijing"), ("beijing", "seoul")):
            own_key(self.nodes[party], party)
            there = self.nodes[peer].settings.keys_dir
            there.mkdir(parents=True, exist_ok=True)
            shutil.copy(self.nodes[party].settings.keys_dir / f"{party}.pub", there / f"{party}.pub")

    def open(self, party, **more):
        peer = {"seoul": "beijing", "beijing": "seoul"}[party]
        settings = Settings(
            data_dir=self.root / party, party=party, exchange_links={peer: self.links[peer]}, **more
        )
        self.nodes[party] = open_workspace(settings, self.clock)
        return self.nodes[party]

    def round(self, party):
        self.clock.now += timedelta(minutes=1)
        return exchange_round(self.nodes[party], self.clock)

    def rounds(self, number=2):
        return [self.round(party) for _ in range(number) for party in ("seoul", "beijing")]

    def chain(self, party, peer):
        with self.nodes[party].ledger.read() as conn:
            return [(number, digest) for number, digest, _ in list_sent(conn, peer)]

    def held(self, party, peer):
        with self.nodes[party].ledger.read() as conn:
            return list_received(conn, peer)

    def handled(self, party, peer):
        with self.nodes[party].ledger.read() as conn:
            row = last_handled(conn, peer)
        return row.sequence if row else 0

    def close(self):
        for ws in self.nodes.values():
            ws.ledger.close()

    def file(self, sender, number):
        (peer,) = {"seoul", "beijing"} - {sender}
        return next((self.mount / f"{sender}-{peer}").glob(f"*-{number:010d}-*.gz"))


def let_ask(monkeypatch):
    """Return what each party has to ask, numbers of questions, and what was handled as (sender, number)."""
    said, asked = {"seoul": [], "beijing": []}, []

    def poster(_conn, node, _at):
        return [Message(node.peers[0], "question", "live", f"q{n}", {"n": n}) for n in said[node.party]]

    def handler(_conn, envelope, _at):
        asked.append((envelope.sender, envelope.body["n"]))
        return "noted"

    monkeypatch.setattr(exchange_parts, "POSTERS", [poster])
    monkeypatch.setattr("flows.exchange.POSTERS", [poster])
    monkeypatch.setattr("flows.exchange.HANDLERS", {**exchange_parts.HANDLERS, "question": handler})
    monkeypatch.setattr("flows.exchange.STEPS", [])

    def checked(kind, body):
        if kind != "question":
            check_body(kind, body)

    for module in ("post", "arrivals"):
        monkeypatch.setattr(f"pipeline.exchange.{module}.check_body", checked)
    return said, asked
