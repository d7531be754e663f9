"""Rows of recipients: addresses leave messages before these are entered, and are found when they are sent."""

from datetime import datetime

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.ledger import open_ledger
from pipeline.ledger.deliveries import OutboxRow
from pipeline.ledger.recipients import (
    Contact,
    RecipientRow,
    address_of,
    are_kept,
    erase,
    known_as,
    name_shown,
    read_contact,
    read_recipients,
    stow_addresses,
    write_recipient,
)
from pipeline.redaction import without_addresses
from pipeline.times import parse_instant

NOW: datetime = parse_instant("2026-01-14T08:20Z")


@pytest.fixture
def ledger(tmp_path):
    opened = open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
    yield opened
    opened.close()


def message(recipient, address, channel="email"):
    return OutboxRow(
        f"w.v1.{recipient}", "w", 1, recipient, address, f"<{recipient}@x>", "0" * 64, NOW, NOW, NOW,
        channel=channel,
    )  # fmt: skip


def entered(name="r-1", **contact):
    row = RecipientRow(name, "seoul", ["ko"], ["seoul"], "J1", "email", NOW, verified_at=NOW)
    return row, Contact(name, f"{name}-desk", {"en": "x"}, **{"email": f"{name}@b.kr", **contact})


def test_messages_lose_their_addresses_and_still_find_them(ledger):
    rows = [message("a", "a@b.example"), message("b", "https://b.example/in", "webhook")]
    with ledger.write() as conn:
        bare = stow_addresses(conn, rows)
        assert [row.address for row in bare] == ["", ""]
        assert [address_of(conn, row) for row in bare] == ["a@b.example", "https://b.example/in"]
        stow_addresses(conn, [message("b", "b@b.example"), message("a", "new@b.example"), message("a", "")])
        assert read_contact(conn, "b") == Contact("b", "b", {}, "b@b.example", "https://b.example/in")
        assert address_of(conn, bare[0]) == "new@b.example"
        assert not are_kept(conn)


def test_who_was_entered_keeps_the_address_of_the_ledger(ledger):
    row, contact = entered()
    with ledger.write() as conn:
        write_recipient(conn, row, contact)
        (bare,) = stow_addresses(conn, [message("r-1", "stale@b.example")])
        assert address_of(conn, bare) == "r-1@b.kr"
        assert known_as(conn) == {"r-1": "r-1-desk"}
        write_recipient(conn, row, entered(email="corrected@b.kr")[1])
        assert address_of(conn, bare) == "corrected@b.kr"


def test_erasing_leaves_an_id_that_says_nothing(ledger):
    with ledger.write() as conn:
        for name in ("r-1", "r-2"):
            write_recipient(conn, *entered(name))
        row, contact = entered("r-3")
        write_recipient(conn, RecipientRow(**{**vars(row), "deputy": "r-1"}), contact)
        (bare,) = stow_addresses(conn, [message("r-1", "x@y.example")])
        erase(conn, "r-1", NOW)
        assert address_of(conn, bare) == ""
        assert name_shown(known_as(conn), bare) == "erased (r-1)"
        stow_addresses(conn, [message("r-1", "x@y.example")])
        assert read_contact(conn, "r-1") is None
        assert [(r.id, r.deputy) for r, _ in read_recipients(conn)] == [("r-2", None), ("r-3", None)]
        assert [r.id for r, _ in read_recipients(conn, "r-2")] == ["r-2"]
        erase(conn, "r-2", NOW)
        erase(conn, "r-3", NOW)
        assert are_kept(conn)


def test_messages_of_earlier_versions_keep_their_way(ledger):
    old = message("somebody", "old@b.example")
    with ledger.read() as conn:
        assert address_of(conn, old) == "old@b.example"
        assert name_shown({}, old) == "somebody"


def test_deleted_rows_are_gone_from_the_files(ledger, tmp_path):
    with ledger.write() as conn:
        for number in range(200):
            write_recipient(conn, *entered(f"r-{number}", email=f"secret.person{number}@b.kr"))
    with ledger.write() as conn:
        for number in range(200):
            erase(conn, f"r-{number}", NOW)
    assert ledger.forget_deleted()
    assert not any(b"secret.person" in path.read_bytes() for path in tmp_path.iterdir())


def test_a_reader_keeps_sqlites_log_from_being_emptied_and_that_is_said(tmp_path):
    ledger = open_ledger(f"sqlite+pysqlite:///{tmp_path}/ledger.sqlite")
    with ledger.write() as conn:
        write_recipient(conn, *entered())
    with ledger.read() as reading:
        reading.execute(sa.text("SELECT * FROM recipients")).all()
        with ledger.write() as conn:
            erase(conn, "r-1", NOW)
        other = ledger.engine.raw_connection()
        other.cursor().execute("PRAGMA busy_timeout = 50")
        other.close()
        assert not ledger.forget_deleted()
    assert ledger.forget_deleted()
    ledger.close()


LOCAL = st.from_regex(r"[a-z][a-z0-9._+-]{2,20}[a-z0-9]", fullmatch=True)
DOMAIN = st.from_regex(r"[a-z]{1,10}\.(kr|cn|com)", fullmatch=True)
TEXT = st.text(st.characters(blacklist_categories=("Cs",)), max_size=40)


@given(LOCAL, DOMAIN, TEXT, TEXT, st.sampled_from(["<{}>", "{}", "'{}'", "({})", "{}:", "RCPT TO:<{}>"]))
def test_what_a_server_says_holds_no_address_afterwards(local, domain, before, after, form):
    address = f"{local}@{domain}"
    said = f"{before} {form.format(address)} {after} {address.upper()} {local}"
    clean = without_addresses(said, address)
    assert address not in clean.lower()
    assert local not in clean.lower().replace("(address)", "").split()
    assert without_addresses("550 5.1.1 no such mailbox", address) == "550 5.1.1 no such mailbox"
