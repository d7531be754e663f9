"""A desk with a ledger, both parties' keys and a plain renderer, for tests of the life of a warning."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

import pytest

from alerts.channels import FolderChannel
from alerts.content import WarningContent
from alerts.delivery import DeliveryPolicy, Sender, deliver_pending
from alerts.outbox import Dispatch, Letter, issue
from alerts.recipients import load_recipients
from alerts.signoff import Signer, approve
from alerts.warnings import propose_version
from pipeline.exchange.keyring import read_keyring
from pipeline.exchange.keys import load_or_create_key
from pipeline.ledger import Ledger, open_ledger

START = datetime(2026, 1, 14, 8, 20, tzinfo=UTC)
"""Twenty minutes after the example's cycle, well before its review deadline."""

PARTIES = ("beijing", "seoul")


def plain_render(letter: Letter) -> EmailMessage:
    """Write the least that is a message; with CRLF, dots and three scripts, which must survive the way."""
    message = EmailMessage()
    message["Message-ID"] = letter.message_id
    message["To"] = letter.recipient.email
    message["Date"] = format_datetime(letter.sent_at)
    message["Subject"] = f"[EXERCISE] {letter.content.level} 초미세먼지 细颗粒物"
    if letter.earlier:
        message["In-Reply-To"] = letter.earlier[-1]
        message["References"] = " ".join(letter.earlier)
    message.set_content(f"version {letter.content.version}\n.서울 北京\n" + "x" * 1200 + "\n")
    return message


@dataclass
class Desk:
    """Everything a test needs, and the time, which it moves."""

    folder: Path
    ledger: Ledger
    now: datetime = START
    signers: dict[str, Signer] = field(default_factory=dict)

    def __post_init__(self):
        for party, person in zip(PARTIES, ("wang", "kim"), strict=True):
            self.signers[party] = Signer(party, person, load_or_create_key(self.folder / "keys", party))
        self.trusted = read_keyring(self.folder / "keys", PARTIES)
        self.dispatch = Dispatch(load_recipients(), plain_render, self.folder / "payloads", self.trusted)
        self.channel = FolderChannel(self.folder / "outbox")

    @contextmanager
    def write(self):
        with self.ledger.write() as conn:
            yield conn

    def wait(self, **delay):
        self.now += timedelta(**delay)
        return self.now

    def propose(self, content: WarningContent):
        with self.write() as conn:
            return propose_version(conn, content, self.now)

    def approve(self, warning_id, version, *parties, drill=False):
        with self.write() as conn:
            for party in parties:
                signer = self.signers[party]
                if drill:
                    signer = Signer(party, "drill", signer.key, drill=True)
                approve(conn, warning_id, version, signer, self.now)

    def issue(self, warning_id, version):
        return issue(self.ledger, warning_id, version, self.dispatch, self.now)

    def proposed_and_issued(self, content: WarningContent):
        proposed = self.propose(content)
        self.approve(proposed.warning_id, proposed.version, *{c.party for c in content.cities})
        return self.issue(proposed.warning_id, proposed.version)

    def sender(self, channel=None, policy=None):
        return Sender(
            self.ledger,
            channel or self.channel,
            self.dispatch.payloads,
            lambda: self.now,
            policy or DeliveryPolicy(),
        )

    def deliver(self, channel=None, policy=None):
        return deliver_pending(self.sender(channel, policy))

    def mails(self):
        return sorted(p.name for p in (self.folder / "outbox").glob("*.eml"))


@pytest.fixture
def desk(tmp_path):
    ledger = open_ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    yield Desk(tmp_path, ledger)
    ledger.close()


@pytest.fixture
def sqlite_desk(tmp_path):
    """A desk whose ledger is SQLite, whatever the others are in."""
    ledger = open_ledger(f"sqlite+pysqlite:///{tmp_path / 'ledger.sqlite'}")
    yield Desk(tmp_path, ledger)
    ledger.close()


@pytest.fixture
def make_desk(tmp_path_factory):
    """Make as many desks as a property test needs; they start from one migrated ledger."""
    template = tmp_path_factory.mktemp("template") / "ledger.sqlite"
    first = open_ledger(f"sqlite:///{template}")
    assert first.forget_deleted()
    first.close()
    data = template.read_bytes()
    opened = []

    def make() -> Desk:
        folder = tmp_path_factory.mktemp("desk")
        (folder / "ledger.sqlite").write_bytes(data)
        ledger = open_ledger(f"sqlite:///{folder / 'ledger.sqlite'}")
        opened.append(ledger)
        return Desk(folder, ledger)

    yield make
    for ledger in opened:
        ledger.close()
