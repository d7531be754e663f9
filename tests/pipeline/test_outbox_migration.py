"""A ledger of an earlier version keeps its messages and attempts when the outbox gets more columns."""

from dataclasses import replace

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from alerts.examples import example_content
from alerts.warnings import propose_version
from pipeline.ledger import open_ledger
from pipeline.ledger.acknowledgements import AcknowledgementRow, insert_acknowledgement
from pipeline.ledger.deliveries import (
    AttemptRow,
    OutboxRow,
    insert_attempt,
    insert_outbox,
    read_attempts,
    read_outbox,
)
from pipeline.ledger.mailbox import BounceRow, insert_bounce, insert_mail
from pipeline.ledger.recipients import address_of, stow_addresses
from pipeline.ledger.warning_tables import acknowledgements, delivery_attempts
from pipeline.times import parse_instant

NOW = parse_instant("2026-01-14T08:20Z")
ID = example_content().warning_id


def move_to(ledger, revision):
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "pipeline:migrations")
    config.set_main_option("path_separator", "os")
    with ledger.write() as conn:
        config.attributes["connection"] = conn
        (command.upgrade if revision == "head" else command.downgrade)(config, revision)


def row(recipient, purpose="warning", number=0):
    name = f"{ID}.v1.{recipient}.{purpose}{number}"
    return OutboxRow(
        name, ID, 1, recipient, "a@b.example", f"<{name}>", "0" * 64, NOW, NOW, NOW, "sent", 1,
        sent_at=NOW, purpose=purpose, number=number,
    )  # fmt: skip


def test_messages_and_attempts_survive_the_way_down_and_up(tmp_path):
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
    old, new = [row("a"), row("b")], [row("a", "reminder", 1), row("a", "reminder", 2)]
    with ledger.write() as conn:
        propose_version(conn, example_content(), NOW)
        insert_outbox(conn, [*old, *new])
        for one in (*old, *new):
            insert_attempt(conn, AttemptRow(one.id, 1, NOW, "smtp", "sent", 250, "taken"))
    move_to(ledger, "0004")
    with ledger.read() as conn:
        names = {c["name"] for c in sa.inspect(conn).get_columns("outbox")}
        assert "purpose" not in names
        assert conn.execute(sa.text("SELECT count(*) FROM outbox")).scalar() == 2
    move_to(ledger, "head")
    with ledger.write() as conn:
        assert read_outbox(conn) == old
        assert [a.outcome for one in old for a in read_attempts(conn, one.id)] == ["sent", "sent"]
        insert_attempt(conn, AttemptRow(old[0].id, 2, NOW, "smtp", "sent", 250, "later"))
        assert [a.detail for a in read_attempts(conn, old[0].id)] == ["taken", "later"]
        if conn.dialect.name == "sqlite":
            assert conn.execute(sa.text("PRAGMA foreign_key_check")).all() == []
    ledger.close()


def test_messages_take_their_addresses_along_to_an_older_ledger(tmp_path):
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
    hook = replace(row("b"), channel="webhook", address="https://hook.example/in", state="pending")
    with ledger.write() as conn:
        propose_version(conn, example_content(), NOW)
        insert_outbox(conn, stow_addresses(conn, [row("a"), hook, row("c", "digest", 20260114)]))
        insert_outbox(conn, [replace(row("gone"), address="")])
        insert_acknowledgement(conn, AcknowledgementRow(ID, 1, "a", "reply", "", NOW))
        insert_bounce(conn, BounceRow(row("a").id, NOW, "soft", "4.4.7"))
        insert_mail(conn, "k", NOW, "soft", row("a").id)
    move_to(ledger, "0005")
    with ledger.read() as conn:
        found = dict(conn.execute(sa.text("SELECT recipient, address FROM outbox")).all())
        assert found == {"a": "a@b.example", "b": "https://hook.example/in", "gone": ""}
        said = conn.execute(sa.text("SELECT way, person FROM acknowledgements")).all()
        assert said == [("person", "reply")]
    move_to(ledger, "head")
    with ledger.read() as conn:
        assert {r.recipient: address_of(conn, r) for r in read_outbox(conn)} == found
    ledger.close()


@pytest.mark.parametrize("table", [delivery_attempts, acknowledgements], ids=str)
def test_what_was_written_stays(tmp_path, table):
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
    said = AcknowledgementRow(ID, 1, "a", "link", "", NOW)
    with ledger.write() as conn:
        propose_version(conn, example_content(), NOW)
        insert_outbox(conn, [row("a")])
        insert_attempt(conn, AttemptRow(row("a").id, 1, NOW, "smtp", "sent", 250, ""))
        insert_acknowledgement(conn, said)
    for change in (sa.delete(table), sa.update(table).values(at=NOW)):
        with pytest.raises(IntegrityError, match="never changed"), ledger.write() as conn:
            conn.execute(change)
    with pytest.raises(IntegrityError), ledger.write() as conn:
        insert_acknowledgement(conn, said)
    ledger.close()
