"""Two nodes in two folders, whose envelopes the test carries: all, some, twice or not at all."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import select

from alerts.content import WarningContent
from alerts.edits import edit_version
from alerts.examples import example_content
from alerts.joint import make_vote
from alerts.signoff import Signer, approve
from alerts.warnings import propose_version, write_draft
from flows.desk import Decision, approve_version, object_to_version
from flows.desk_views import shown
from flows.exchange_parts import HANDLERS
from flows.issue import issue_approved
from flows.joint import agreement_poster, issue_agreed
from flows.node import node_of
from flows.workspace import open_workspace
from pipeline.exchange.arrivals import Parcel, handle_next, take
from pipeline.exchange.keys import load_or_create_key
from pipeline.exchange.post import post
from pipeline.ledger.agreement import statements_of
from pipeline.ledger.deliveries import read_outbox
from pipeline.ledger.envelopes import read_sent
from pipeline.ledger.episodes import EpisodeRevision, open_episode, revise_episode
from pipeline.ledger.exchange_tables import envelopes_handled
from pipeline.ledger.tables import audit
from pipeline.ledger.warnings import list_versions, read_events, read_signatures, read_versions
from pipeline.settings import Settings
from pipeline.times import HOUR, iso, parse_instant

CONTENT = example_content()
ID = CONTENT.warning_id
AS_OF = parse_instant(CONTENT.as_of)
DEADLINE = parse_instant(CONTENT.review_deadline)
NOW = datetime(2026, 11, 2, 3, tzinfo=UTC)
PEER = {"seoul": "beijing", "beijing": "seoul"}
PERSON = {"seoul": "kim", "beijing": "wang"}


class TwoNodes:
    """Both nodes, and the way between them."""

    def __init__(self, folder):
        self.ws = {}
        for party in PEER:
            load_or_create_key(folder / party / "keys", party)
        for party, peer in PEER.items():
            shutil.copy(folder / peer / "keys" / f"{peer}.pub", folder / party / "keys" / f"{peer}.pub")
            settings = Settings(data_dir=folder / party, party=party)
            self.ws[party] = open_workspace(settings, lambda: NOW)

    def close(self):
        for ws in self.ws.values():
            ws.ledger.close()

    def propose(self, party, content=CONTENT):
        with self.ws[party].ledger.write() as conn:
            return propose_version(conn, content, AS_OF)

    def say(self, party):
        """Let a node write into its chain what there is to say."""
        ws = self.ws[party]
        node = node_of(ws)
        with ws.ledger.write() as conn:
            for message in agreement_poster(conn, node, NOW):
                post(conn, node.sender, message, NOW)

    def carry(self, to, at=NOW):
        """Bring everything that the other node has written, and handle it; returns the outcomes."""
        ws, peer = self.ws[to], PEER[to]
        with self.ws[peer].ledger.read() as conn:
            sent = read_sent(conn, to)
        receiver = node_of(ws).receiver
        with ws.ledger.write() as conn:
            for row in sent:
                take(conn, receiver, Parcel("test", str(row.sequence), row.packed), at)
            while handle_next(conn, receiver, peer, HANDLERS, at) is not None:
                pass

    def exchange(self, *, times=3, issue=True):
        """Let both nodes speak and hear until nothing is new, and issue what became joint."""
        for _ in range(times):
            for party in PEER:
                self.say(party)
            for party in PEER:
                self.carry(party)
            if issue:
                for ws in self.ws.values():
                    issue_agreed(ws, node_of(ws), NOW)

    def approve(self, party, at, text="", warning=ID):
        decision = Decision(party, PERSON[party], iso(at), deliver=False)
        return approve_version(self.ws[party], warning, None, decision, text)

    def draft(self, party, content):
        """Write a text as another node's run would have it."""
        with self.ws[party].ledger.write() as conn:
            known = read_versions(conn, content.warning_id)
            is_new = not any(v.version == content.version for v in known)
            return write_draft(conn, content, parse_instant(content.as_of), "run", is_new=is_new)

    def enter_episode(self, party, city):
        """Let a node's own run have opened an episode."""
        with self.ws[party].ledger.write() as conn:
            open_episode(
                conn, city.episode_id, world=CONTENT.world, city=city.city, quantity="pm2p5", at=AS_OF
            )
            times = (parse_instant(city.onset), parse_instant(city.end))
            revise_episode(conn, city.episode_id, EpisodeRevision("run", "open", *times, {}), AS_OF)

    def shown(self, party, warning):
        return shown(self.ws[party], warning, None, "en")

    def object(self, party, at, reason="too early", text=""):
        decision = Decision(party, PERSON[party], iso(at), deliver=False)
        return object_to_version(self.ws[party], ID, None, decision, reason, text)

    def approve_as(self, node, party, at):
        decision = Decision(party, PERSON[party], iso(at), deliver=False)
        return approve_version(self.ws[node], ID, None, decision)

    def edit(self, party, at, **changes):
        """Let a person write another text; returns its digest."""
        with self.ws[party].ledger.write() as conn:
            row = read_versions(conn, ID)[0]
            content = replace(WarningContent.from_dict(row.content), **changes)
            return edit_version(conn, content, PERSON[party], "counter-proposal", at)

    def settle(self, at):
        """Let the clock of the world pass, and issue what follows."""
        for party in self.ws:
            self.settle_one(party, at)

    def settle_one(self, party, at):
        """Let the clock of the world pass on one node; the other is down."""
        issue_approved(self.ws[party], CONTENT.world, at)

    def later_single(self, party):
        """Issue a warning of the party alone from the next cycle; returns its id."""
        content = replace(
            CONTENT,
            warning_id="01KEXAMP0E0000000000000002",
            product="single_city_warning",
            level="",
            parties=(party,),
            cities=tuple(c for c in CONTENT.cities if c.party == party),
            links=(),
            origins=(),
            rules=(),
            issue_time=iso(AS_OF + 6 * HOUR),
            as_of=iso(AS_OF + 6 * HOUR),
            review_deadline=iso(AS_OF + 8 * HOUR),
        )
        with self.ws[party].ledger.write() as conn:
            propose_version(conn, content, AS_OF + 6 * HOUR)
        self.approve(party, AS_OF + 7 * HOUR, warning=content.warning_id)
        return content.warning_id

    def outbox(self, party):
        with self.ws[party].ledger.read() as conn:
            return sorted(m.id for m in read_outbox(conn))

    def actions(self, party):
        with self.ws[party].ledger.read() as conn:
            return [r.action for r in conn.execute(select(audit.c.action))]

    def reopen(self, party):
        """Stop a node and start it again from what lies on its disk."""
        settings = self.ws[party].settings
        self.ws[party].ledger.close()
        self.ws[party] = open_workspace(settings, lambda: NOW)

    def say_changed(self, party, kind, change):
        """Sign and send other bodies of a kind than an honest node would."""
        ws = self.ws[party]
        node = node_of(ws)
        with ws.ledger.write() as conn:
            for message in agreement_poster(conn, node, NOW):
                if message.kind == kind:
                    message = replace(message, body=change(dict(message.body)))
                post(conn, node.sender, message, NOW)

    def vote_changed(self, party, at, change):
        """Vote, and send another decision than was signed."""
        ws = self.ws[party]
        node = node_of(ws)
        row = self.versions(party)[0]
        with ws.ledger.write() as conn:
            approve(conn, ID, 1, Signer(party, PERSON[party], node.sender.key), at)
            signed = read_signatures(conn, ID, 1)[0]
            make_vote(conn, row.content_digest, signed)
        self.say_changed(party, "approval", change)

    def versions(self, party, warning=ID):
        with self.ws[party].ledger.read() as conn:
            return read_versions(conn, warning)

    def states(self, party):
        with self.ws[party].ledger.read() as conn:
            rows = list_versions(conn)
            return {(r.warning_id, r.version): (r.state, r.content_digest) for r in rows}

    def issued_at(self, party, warning=ID):
        with self.ws[party].ledger.read() as conn:
            return [e.at for e in read_events(conn, warning) if e.state == "issued"]

    def signers(self, party, warning=ID, version=1):
        with self.ws[party].ledger.read() as conn:
            return {(s.party, s.decision, s.content_digest) for s in read_signatures(conn, warning, version)}

    def said(self, party, slot):
        with self.ws[party].ledger.read() as conn:
            rows = statements_of(conn, slot)
        return {(r.party, r.round, r.kind, r.digest, r.body) for r in rows}

    def outcomes(self, party):
        with self.ws[party].ledger.read() as conn:
            rows = conn.execute(select(envelopes_handled).order_by(envelopes_handled.c.sequence))
            return [(r.outcome, r.note) for r in rows]


def other_text(**changes):
    """Return another text about the same warning."""
    return replace(CONTENT, model_id="another-model", **changes)
