"""What people do in an accelerated year: they sign, acknowledge, and decide about mail of unknown fate."""

import zlib

from sqlalchemy import select

from alerts.delivery import put_back, resolve_unknown
from flows.deliveries import acknowledge_for
from flows.desk import Decision, approve_version
from pipeline.ledger.acknowledgements import read_acknowledgements
from pipeline.ledger.deliveries import read_outbox
from pipeline.ledger.warning_tables import outbox
from pipeline.ledger.warnings import read_in_state, read_signatures
from pipeline.names import MEASURED
from tests.flows.year_cycle import episode_of

FORGETFUL = 7
"""One recipient in so many does not acknowledge a version, and is reminded."""


def sign(process):
    """Sign for the parties whose people are there, as long as the deadline is ahead."""
    ws = process.ws
    with ws.ledger.read() as conn:
        waiting = read_in_state(conn, ("draft", "in_review"), MEASURED)
        signed = {
            (row.warning_id, s.party)
            for row in waiting
            for s in read_signatures(conn, row.warning_id, row.version)
        }
    for row in waiting:
        episode = episode_of(row.warning_id)
        for party in episode.signers if episode is not None else ():
            if (row.warning_id, party) not in signed and ws.clock() < row.review_deadline:
                said = approve_version(ws, row.warning_id, row.version, Decision(party, f"{party}.kim"))
                process.say("signed", warning=row.warning_id, version=row.version, party=party)
                del said


def acknowledge(process):
    """Let recipients say by telephone that a version has arrived; a few never do."""
    ws, column = process.ws, outbox.c
    query = select(column.warning_id, column.version, column.recipient).where(
        column.state == "sent", column.purpose == "warning", column.expires > ws.clock()
    )
    with ws.ledger.read() as conn:
        rows = list(conn.execute(query))
        known = {
            (a.warning_id, a.version, a.recipient)
            for name in {row.warning_id for row in rows}
            for a in read_acknowledgements(conn, name)
        }
    for row in rows:
        if tuple(row) not in known and zlib.crc32(repr(tuple(row)).encode()) % FORGETFUL:
            acknowledge_for(ws, *row, "seoul.lee")


def settle(process):
    """Ask recipients whether mail of unknown fate arrived; send again what was refused by mistake."""
    ws, now = process.ws, process.ws.clock()
    with ws.ledger.read() as conn:
        unknown = read_outbox(conn, state="unknown")
        refused = [m for m in read_outbox(conn, state="failed") if m.last_error.startswith("5")]
    arrived = process.ask(mails=[m.message_id for m in unknown]) if unknown else []
    with ws.ledger.write() as conn:
        for mail in unknown:
            has = mail.message_id in arrived
            resolve_unknown(conn, mail.id, resend=not has, person="seoul.lee", reason="telephoned", at=now)
        for mail in refused:
            if mail.expires > now:
                put_back(conn, mail.id, person="seoul.lee", party="seoul", reason="mended", at=now)
