"""Two real ledgers driven at random: cycles, people, a lossy way, crashes at commits, restored backups."""

from __future__ import annotations

import random
import shutil
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import select

from alerts.content import WarningContent
from alerts.edits import edit_version
from alerts.outbox import MAIL_POLICY
from flows.assess import file_proposal
from flows.desk import Decision, approve_version, draft_ending, object_to_version
from flows.exchange import exchange_round
from flows.exchange_recover import hand_back, recover_chain
from flows.issue import issue_approved
from flows.joint import issue_agreed
from flows.workspace import open_workspace
from flows.worlds import issue_everywhere
from pipeline.errors import SameairError
from pipeline.exchange.keys import load_or_create_key
from pipeline.ledger import Ledger
from pipeline.ledger.agreement_tables import agreement_statements
from pipeline.ledger.warnings import list_versions
from pipeline.settings import Settings
from pipeline.times import iso
from tests.alerts.decision_cases import FIRST, POLICY, both, facts
from tests.ledger_files import keep_ledger, put_back_ledger

PEER = {"seoul": "beijing", "beijing": "seoul"}
PARTIES = tuple(sorted(PEER))
PERSON = {"seoul": "kim", "beijing": "wang"}
NONE, HIGH, LATE = (0.0,) * 4, (0.1, 0.9, 0.9, 0.1), (0.1, 0.1, 0.1, 0.9)
EARLIER, WORSE = (0.9, 0.9, 0.9, 0.1), (0.1, 0.9, 0.9, 0.9)


class Crash(BaseException):
    """The machine stops; no code of the program may catch it."""


class Crasher:
    """Stops the machine just before or after the n-th commit from now: ``left``, none where 0."""

    def __init__(self):
        self.left, self.after = 0, False

    def pass_by(self, *, after):
        if self.left and after == self.after:
            self.left -= 1
            if not self.left:
                raise Crash


def prepare(monkeypatch):
    """Let commits crash where asked, and leave out what is slow and says nothing to the other node."""
    from email.message import EmailMessage

    crasher, write = Crasher(), Ledger.write

    @contextmanager
    def crashing(ledger):
        with write(ledger) as conn:
            yield conn
            crasher.pass_by(after=False)
        crasher.pass_by(after=True)

    def letters(*_args, **_more):
        def written(letter):
            mail = EmailMessage(policy=MAIL_POLICY)
            mail["Message-ID"], mail["Date"] = letter.message_id, letter.sent_at
            mail["To"] = letter.recipient.ways[0].address
            mail.set_content("x", cte="base64")
            return mail

        return written

    monkeypatch.setattr(Ledger, "write", crashing)
    monkeypatch.setattr("flows.exchange.STEPS", [issue_agreed])
    monkeypatch.setattr("flows.issue.letter_writer", letters)
    monkeypatch.setattr("flows.issue.build_cap", lambda *_: b"<cap/>")
    monkeypatch.setattr("flows.issue.sender_of", lambda _: "x")
    for name in ("issue.refresh_feed", "issue.background_of", "worlds.rewrite_bulletins"):
        monkeypatch.setattr(f"flows.{name}", lambda *_: None)
    monkeypatch.setattr("flows.desk.rewrite_bulletins", lambda *_: None)
    monkeypatch.setattr("flows.desk._deliver", lambda *_: "")
    return crasher


class RandomNodes:
    """Both nodes, their skewed clocks, and the way between them; ``log`` tells what happened."""

    def __init__(self, folder, seed, crasher, *, restore):
        self.folder, self.random, self.crasher, self.restores = folder, random.Random(seed), crasher, restore
        self.now, self.log, self.ws = FIRST + timedelta(minutes=1), [], {}
        self.skew = {p: timedelta(seconds=self.random.uniform(-120, 120)) for p in PARTIES}
        self.cycle, self.seen, self.backups, self.restored = dict.fromkeys(PARTIES, -1), {}, {}, set()
        self.is_cut, self.crashes = False, True
        for party in PARTIES:
            load_or_create_key(folder / party / "keys", party)
            (folder / f"mount-{party}").mkdir()
        for party, peer in PEER.items():
            shutil.copy(folder / peer / "keys" / f"{peer}.pub", folder / party / "keys" / f"{peer}.pub")
            self.open(party)

    def open(self, party):
        if party in self.ws:
            self.ws[party].ledger.close()
        links = {PEER[party]: str(self.folder / f"mount-{party}")}
        settings = Settings(data_dir=self.folder / party, party=party, exchange_links=links)
        self.ws[party] = open_workspace(settings, lambda: self.clock(party))

    def clock(self, party):
        return self.now + self.skew[party]

    def second(self, party):
        return self.clock(party).replace(microsecond=0)

    def close(self):
        for ws in self.ws.values():
            ws.ledger.close()

    def tell(self, *what):
        self.log.append((iso(self.now.replace(microsecond=0)), *what))

    def do(self, name, party, act):
        """Let a node do something, which may be refused, or in which the machine may stop."""
        if self.crashes and self.random.random() < 0.15:
            self.crasher.left, self.crasher.after = self.random.randint(1, 6), self.random.random() < 0.5
        try:
            self.tell(name, party, act())
        except Crash:
            self.tell(name, party, "CRASH")
            self.open(party)
        except SameairError as error:
            self.tell(name, party, f"refused: {error}")
        finally:
            self.crasher.left = 0

    # ---- the way

    def carry(self, *, whole=False):
        """Carry files of both: in any order, some not now, some cut; all of them where ``whole``."""
        for party, peer in () if self.is_cut and not whole else PEER.items():
            source = self.folder / f"mount-{party}" / f"{party}-{peer}"
            there = self.folder / f"mount-{peer}" / source.name
            files = sorted(source.glob("*.gz")) if source.is_dir() else []
            self.random.shuffle(files)
            for file in files:
                data, luck = file.read_bytes(), 1.0 if whole else self.random.random()
                if luck >= 0.3:
                    there.mkdir(exist_ok=True)
                    (there / file.name).write_bytes(data if luck >= 0.34 else data[: len(data) // 2])

    def round(self, party):
        ws = self.ws[party]
        self.do("round", party, lambda: [p.line for p in exchange_round(ws, ws.clock).peers])

    # ---- what nodes and people do

    def weather(self, number, party):
        """Return what a node's run of a cycle expects in both cities; the other's may differ."""
        draw = self.random.choice
        base = self.seen.setdefault(
            number, (draw([NONE, HIGH, HIGH, EARLIER, WORSE]), draw([NONE, HIGH, HIGH, WORSE, LATE]))
        )
        own = tuple(x if self.random.random() < 0.8 else draw([NONE, HIGH, EARLIER, WORSE]) for x in base)
        return self.seen.setdefault((number, party), own)

    def run(self, party):
        """Run the cycle that is due, with a round before and after it."""
        number = int((self.now - FIRST) / timedelta(hours=6))
        if number <= self.cycle[party]:
            return
        self.round(party)
        model = self.random.choice(["m", f"m-{party}"])
        fact = facts(number, world="measured", mode="live", model_id=model)
        fact = replace(fact, as_of=max(self.second(party), fact.issue_time))
        expected = both(fact, *self.weather(number, party))

        def cycle():
            with self.ws[party].ledger.write() as conn:
                file_proposal(conn, expected, POLICY, fact, party)
            return [one.is_new for one in issue_approved(self.ws[party], fact.world, fact.as_of)]

        self.do(f"cycle {number}", party, cycle)
        self.cycle[party] = number
        self.round(party)

    def drawn(self, party, *states):
        """Return any version of a party in one of some states."""
        with self.ws[party].ledger.read() as conn:
            rows = [v for v in list_versions(conn) if v.state in states and party in v.content["parties"]]
        return self.random.choice(rows) if rows else None

    def decide(self, party):
        """Let a person approve a text, the own or the other's, object to it, or edit it."""
        row = self.drawn(party, "draft", "in_review")
        if row is None:
            return
        offers = agreement_statements.c
        query = select(offers.digest).where(offers.kind == "offer", offers.warning_id == row.warning_id)
        with self.ws[party].ledger.read() as conn:
            texts = sorted(set(conn.execute(query.where(offers.version == row.version)).scalars()))
        text = self.random.choice(["", *texts, *texts[-1:] * 3])
        ws, key, who = self.ws[party], (row.warning_id, row.version), Decision(party, PERSON[party])
        name, luck = f"{row.warning_id[-8:]} v{row.version} {text[:8]}", self.random.random()
        if luck < 0.7:
            self.do(f"approve {name}", party, lambda: approve_version(ws, *key, who, text[:16]))
        elif luck < 0.84:
            self.do(f"object {name}", party, lambda: object_to_version(ws, *key, who, "no"))
        else:
            self.do(f"edit {name}", party, lambda: self.edit(party, row))

    def edit(self, party, row):
        content, more = WarningContent.from_dict(row.content), self.random.randint(1, 9)
        cities = tuple(replace(c, peak_mean=round(c.peak_mean + more, 1)) for c in content.cities)
        with self.ws[party].ledger.write() as conn:
            edited = replace(content, cities=cities)
            return edit_version(conn, edited, PERSON[party], "edit", self.second(party))[:8]

    def end(self, party):
        row, kind = self.drawn(party, "issued"), self.random.choice(["all_clear", "cancel"])
        if row is not None:
            who = Decision(party, PERSON[party])
            self.do(kind, party, lambda: draft_ending(self.ws[party], row.warning_id, kind, who, "over"))

    # ---- backups

    def keep(self, party):
        self.backups[party] = self.folder / f"backup-{party}.sqlite"
        keep_ledger(self.folder / party / "ledger.sqlite", self.backups[party])
        self.tell("backup", party)

    def put_back(self, party):
        """Restore a backup and recover as the manual says; once for each node.

        What is then still missing was written and not sent: it lies nowhere, as the operator can see.
        """
        if party not in self.backups or party in self.restored:
            return
        self.restored.add(party)
        self.ws[party].ledger.close()
        put_back_ledger(self.folder / party / "ledger.sqlite", self.backups[party])
        self.open(party)
        self.tell("RESTORED", party)
        crashes, self.crashes, peer = self.crashes, False, PEER[party]
        for one in (peer, party):
            self.carry(whole=True)
            self.round(one)
        back, ws = self.folder / f"back-{party}", self.ws[party]
        self.do("hand back", peer, lambda: hand_back(self.ws[peer], party, back))
        told = recover_chain(ws, peer, "op", back, nothing_under_way=False)
        if not told["goes on"]:
            told = recover_chain(ws, peer, "op", back, nothing_under_way=True)
        self.tell("recover", party, told)
        self.round(party)
        self.carry(whole=True)
        self.crashes = crashes

    def step(self):
        """Let one thing happen."""
        party, luck = self.random.choice(PARTIES), self.random.random()
        if luck < 0.22:
            self.now += timedelta(minutes=self.random.choice([1, 3, 10, 20, 45]))
        elif luck < 0.25:
            self.now += timedelta(hours=self.random.choice([1, 3, 6]))
        elif luck < 0.45:
            self.carry()
            self.round(party)
        elif luck < 0.55:
            ws = self.ws[party]
            self.do("post", party, lambda: [one.warning_id for one in issue_everywhere(ws) if one.is_new])
        elif luck < 0.86:
            (self.decide if luck < 0.84 else self.end)(party)
        elif luck < 0.88:
            self.is_cut = not self.is_cut
            self.tell("cut", self.is_cut)
        elif luck < 0.91 and self.restores:
            (self.keep if luck < 0.9 else self.put_back)(party)
        if self.random.random() < 0.5:
            self.run(self.random.choice(PARTIES))

    def settle(self):
        """Let the way be whole until both have heard everything."""
        self.is_cut = self.crashes = False
        for _ in range(6):
            self.now += timedelta(minutes=1)
            for party in PARTIES:
                self.round(party)
                self.carry(whole=True)
