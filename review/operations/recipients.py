"""Recipients of a party, and which accounts of agencies speak for them."""

from __future__ import annotations

from typing import Annotated

from fastapi import Form, HTTPException, Request
from fastapi.responses import RedirectResponse, Response

from pipeline.ledger.accounts import find_account, list_accounts
from pipeline.ledger.agency_links import link_account, recipient_of_account
from pipeline.ledger.recipients import read_recipients
from review.access import visitor
from review.accounts.roles import Role
from review.operations.page import show

SEE_OTHER = 303


def recipients(request: Request) -> Response:
    """Show the recipients of the operator's own party without their addresses, and its agencies' accounts."""
    party = visitor(request).party
    with request.app.state.ledger.read() as conn:
        rows = [(row, contact) for row, contact in read_recipients(conn) if row.party == party]
        desks = [a for a in list_accounts(conn) if (a.party, a.role) == (party, Role.agency.value)]
        spoken = {a.name: recipient_of_account(conn, a.name) for a in desks if a.state != "closed"}
    return show(
        request,
        "operations/recipients.html.j2",
        "recipients",
        rows=rows,
        desks=[(a, spoken[a.name]) for a in desks if a.name in spoken],
        party=party,
    )


def link(
    request: Request,
    account: Annotated[str, Form(max_length=64)],
    recipient: Annotated[str, Form(max_length=64)] = "",
) -> Response:
    """Let an account of the own party's agencies speak for a recipient of the own party, or for none."""
    who = visitor(request)
    with request.app.state.ledger.write() as conn:
        row = find_account(conn, account)
        known = {r.id for r, _ in read_recipients(conn) if r.party == who.party} | {""}
        if row is None or (row.party, row.role) != (who.party, Role.agency.value) or recipient not in known:
            raise HTTPException(404, "Your party has no such account of an agency, or no such recipient.")
        link_account(conn, row.name, recipient, by=who.account.name, at=request.app.state.clock())
    return RedirectResponse("/operations/recipients", SEE_OTHER)
