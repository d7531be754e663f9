"""What takes part in every round of the exchange: who has something to say, who handles what comes.

Each part of the program adds its line here. A poster says what there is to say, as often as it is asked; the
same occasion is said once. A handler does, in one transaction, what an envelope asks for. A step does between
the two what needs more than the ledger (files, messages), and does it once however often it runs.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from flows.consult_words import CONSULT_HANDLERS, consult_poster
from flows.exchange_data import handle_observations, say_observations, store_observations
from flows.exchange_late import tell_of_lateness
from flows.exchange_statements import handle_bulletin, handle_document, handle_measures, say_statements
from flows.joint import JOINT_HANDLERS, agreement_poster, issue_agreed
from flows.key_words import key_words
from flows.node import Node
from flows.season_words import SEASON_HANDLERS, season_poster
from flows.workspace import Workspace
from pipeline.exchange.anchors import anchor_fault
from pipeline.exchange.arrivals import Handler
from pipeline.exchange.envelope import Envelope
from pipeline.exchange.key_notices import handle_key
from pipeline.exchange.post import Message
from pipeline.exchange.statements import spans

Poster = Callable[[Connection, Node, datetime], list[Message]]
"""Returns what there is to say at an instant."""

Step = Callable[[Workspace, Node, datetime], list[str]]
"""Does what handled envelopes ask for outside of the ledger; returns in lines what it did."""


def note_statement(conn: Connection, envelope: Envelope, _at: datetime) -> str:
    """Say what a receipt or heartbeat tells; what it tells is read from the envelope itself."""
    body = envelope.body
    told = [f"holds {body['handled']} of ours"]
    told += [f"misses {spans([(a, b) for a, b in body['missing']])}"] * bool(body["missing"])
    told += [f"could not take {len(body['refused'])}"] * bool(body["refused"])
    fault = anchor_fault(conn, envelope.sender, body)
    return ", ".join([*told, *([fault] if fault else [])])


POSTERS: Final[list[Poster]] = [key_words, agreement_poster, consult_poster, season_poster]

HANDLERS: Final[dict[str, Handler]] = {
    "receipt": note_statement,
    "heartbeat": note_statement,
    "key": handle_key,
    **JOINT_HANDLERS,
    **CONSULT_HANDLERS,
    **SEASON_HANDLERS,
    "observations": handle_observations,
    "correction": handle_observations,
    "bulletin": handle_bulletin,
    "measures": handle_measures,
    "model_card": handle_document,
    "verification": handle_document,
}

STEPS: Final[list[Step]] = [
    issue_agreed,
    store_observations,
    say_observations,
    say_statements,
    tell_of_lateness,
]
