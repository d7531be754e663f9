"""People who are signed in, for tests of pages behind the sign-in."""

from pipeline.ledger.accounts import change_account, find_account
from review.access import COOKIE
from review.accounts.book import Invitation, invite
from review.accounts.roles import Role
from review.accounts.sessions import start_session, visitor_of


def person(ledger, at, *, role=Role.lead, party="seoul", language="en"):
    """Return the account of a person of a role and party, made if there is none."""
    name = f"{role}.{party}.{language}"
    with ledger.write() as conn:
        if find_account(conn, name) is None:
            invite(conn, Invitation(name, name.title(), party, role, language), by="test", at=at)
            change_account(conn, find_account(conn, name).id, state="active")
        return find_account(conn, name)


def cookies(ledger, at, **who):
    """Return the cookies of a new session."""
    row = person(ledger, at, **who)
    with ledger.write() as conn:
        return {COOKIE: start_session(conn, row, at)}


def csrf_of(ledger, at, jar):
    """Return the token that the forms of a session hold."""
    return visitor_of(ledger, jar[COOKIE], at).csrf
