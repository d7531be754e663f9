"""Acknowledging with an account: the same entry as by the link of a mail, and who made it."""

from __future__ import annotations

from typing import Final

from fastapi import HTTPException, Request

from alerts.acknowledge import Receipt, acknowledge
from pipeline.errors import ReviewError
from pipeline.ledger.acknowledgements import AcknowledgementRow
from pipeline.ledger.agency_links import recipient_of_account
from review.access import visitor

CONFLICT: Final = 409
NOT_LINKED: Final = "Your account speaks for no recipient yet; ask your party's operator."


def acknowledge_for_account(request: Request, warning_id: str, version: int) -> AcknowledgementRow:
    """Enter that a version has arrived at the recipient for whom the account speaks.

    Raises
    ------
    HTTPException
        409: it speaks for none, or the version was never to go to it
    """
    who, now = visitor(request), request.app.state.clock()
    try:
        with request.app.state.ledger.write() as conn:
            linked = recipient_of_account(conn, who.account.name)
            if linked is None or linked[0].party != who.party:
                raise HTTPException(CONFLICT, NOT_LINKED)
            receipt = Receipt(warning_id, version, linked[0].id, now)
            return acknowledge(conn, receipt, now, way="person", person=who.account.name)
    except ReviewError:
        raise HTTPException(CONFLICT, "This version did not go to your agency.") from None
