"""A process that writes to a shared ledger as fast as it can; started by ``test_postgres_writers``."""

import sys
from datetime import timedelta

from pipeline.ledger import open_ledger
from pipeline.ledger.audit import append_audit
from pipeline.ledger.batches import next_receipt
from pipeline.ledger.deliveries import claim_message
from pipeline.ledger.envelopes import SentRow, insert_sent, last_sent
from pipeline.ledger.notices import Condition, note_changes
from pipeline.ledger.runs import begin_run, current_run, finish_run, make_current
from pipeline.times import parse_instant

NOW = parse_instant("2026-01-14T08:00Z")


def say(word):
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def main(url, name, rounds):
    ledger = open_ledger(url)
    for number in range(rounds):
        at = NOW + timedelta(hours=number)
        with ledger.write() as conn:
            receipt = next_receipt(conn, "measured", NOW - timedelta(days=number))
            append_audit(conn, at=at, actor=name, action="x", subject=str(receipt), payload={"n": number})
        with ledger.write() as conn:
            before = last_sent(conn, "beijing")
            sequence = before.sequence + 1 if before else 1
            digest = f"{before.digest if before else ''}|{name}{number}"[-64:]
            insert_sent(conn, SentRow("beijing", sequence, digest, "x", "w", f"{name}{number}", at, b""))
        with ledger.write() as conn:
            told = note_changes(conn, "measured", [Condition(f"s{number}", "ill", 1, name)], at=at)
            taken = claim_message(conn, f"m{number}", name, at)
        say("told" if told else "")
        say("claimed" if taken else "")
        with ledger.read() as conn:
            held = current_run(conn, "measured", at)
        with ledger.write() as conn:
            run = begin_run(conn, world="measured", cycle=at, as_of=at, code_version="1", at=at)
            finish_run(conn, run, at=at, model_id=None, inputs={}, degraded="", products={})
        with ledger.write() as conn:
            if make_current(conn, run, expected=held.id if held else None):
                say("current")
    ledger.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
