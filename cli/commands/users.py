"""``sameair users``: who may use the review pages, for which party and in which role."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import AsJson, DataDir, make_settings
from cli.output import print_json, print_lines, print_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from pipeline.settings import Settings

app = typer.Typer(help="Who may use the review pages: add, change, close.")

Name = Annotated[str, typer.Argument(help="Name with which the person signs in.")]
By = Annotated[str, typer.Option("--by", help="Your name; it stands in the audit trail.")]
OPERATOR = "operator"


@app.command("list")
def list_(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List accounts: who, for which party, in which role, with a second factor or not."""
    from pipeline.ledger.accounts import list_accounts

    rows = [
        {
            "name": r.name,
            "person": r.person,
            "party": r.party,
            "role": r.role,
            "state": r.state,
            "second factor": "yes" if r.totp else "no",
            "provider": r.oidc_subject or "",
            "language": r.language,
        }
        for r in _in_ledger(make_settings(data_dir), lambda conn, _: list_accounts(conn))
    ]
    if as_json:
        print_json({"accounts": rows})
    else:
        print_table("accounts", list(rows[0]) if rows else [], [list(r.values()) for r in rows])


@app.command()
def add(  # noqa: PLR0913 - one option each
    name: Name,
    person: Annotated[str, typer.Option("--person", help="Full name; it stands beside decisions.")],
    party: Annotated[str, typer.Option("--party", help="Party for which the person acts.")],
    role: Annotated[
        str, typer.Option("--role", help="forecaster, lead, operator, agency, reader, observer.")
    ],
    language: Annotated[str, typer.Option("--language", help="en, ko or zh.")] = "en",
    timezone: Annotated[str, typer.Option("--timezone", help="Zone in which times are shown.")] = "UTC",
    by: By = OPERATOR,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Add a person and print the link, good once and for three days, with which they set a password."""
    from review.accounts.book import Invitation, invite

    settings = make_settings(data_dir)
    who = Invitation(name, person, party, _role(role), language, timezone)
    token = _in_ledger(settings, lambda conn, at: invite(conn, who, by=by, at=at))
    _tell_link(settings, name, token, as_json=as_json)


@app.command()
def link(name: Name, by: By = OPERATOR, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Print a new link for somebody who has lost the password or the second factor."""
    from review.accounts.book import new_link

    settings = make_settings(data_dir)
    token = _in_ledger(settings, lambda conn, at: new_link(conn, name, by=by, at=at))
    _tell_link(settings, name, token, as_json=as_json)


@app.command()
def role(
    name: Name,
    role: Annotated[str, typer.Argument(help="forecaster, lead, operator, agency, reader, observer.")],
    by: By = OPERATOR,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Give a person another role."""
    from review.accounts.book import change_role

    _in_ledger(make_settings(data_dir), lambda conn, at: change_role(conn, name, _role(role), by=by, at=at))
    _tell({"name": name, "role": role}, as_json=as_json)


@app.command()
def provider(
    name: Name,
    subject: Annotated[
        str, typer.Option("--subject", help="What the identity provider calls the person; empty: none.")
    ] = "",
    by: By = OPERATOR,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Let a person sign in by the identity provider, or no longer."""
    from pipeline.errors import UsageError
    from review.accounts.book import bind_subject
    from review.accounts.provider import known_as

    settings = make_settings(data_dir)
    if subject and not settings.oidc_issuer:
        raise UsageError("name the identity provider as SAMEAIR_OIDC_ISSUER first")
    said = known_as(settings.oidc_issuer, subject) if subject else ""
    _in_ledger(settings, lambda conn, at: bind_subject(conn, name, said, by=by, at=at))
    _tell({"name": name, "provider": said or "none"}, as_json=as_json)


@app.command()
def close(name: Name, by: By = OPERATOR, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Close an account: nobody signs in with it, its sessions and tokens end; its decisions stay."""
    from review.accounts.book import close as close_account

    _in_ledger(make_settings(data_dir), lambda conn, at: close_account(conn, name, by=by, at=at))
    _tell({"name": name, "state": "closed"}, as_json=as_json)


@app.command()
def reopen(name: Name, by: By = OPERATOR, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Open a closed account again and print the link with which its password is set."""
    from review.accounts.book import reopen as reopen_account

    settings = make_settings(data_dir)
    token = _in_ledger(settings, lambda conn, at: reopen_account(conn, name, by=by, at=at))
    _tell_link(settings, name, token, as_json=as_json)


def _in_ledger(settings: Settings, do: Callable[[Connection, datetime], Any]) -> Any:
    """Do something in one transaction of the ledger, with the time."""
    from pipeline.ledger import open_ledger
    from pipeline.times import system_clock

    ledger = open_ledger(settings.ledger)
    try:
        with ledger.write() as conn:
            return do(conn, system_clock())
    finally:
        ledger.close()


def _role(name: str) -> Any:
    from pipeline.errors import UsageError
    from review.accounts.roles import Role

    try:
        return Role(name)
    except ValueError:
        raise UsageError(f"there is no role {name}; there are {', '.join(Role)}") from None


def _tell_link(settings: Settings, name: str, token: str, *, as_json: bool) -> None:
    from review.accounts.book import welcome_path

    base = settings.review_url or "http://127.0.0.1:8765"
    _tell({"name": name, "link": base + welcome_path(token)}, as_json=as_json)


def _tell(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
    else:
        print_lines([f"{name:<6} {value}" for name, value in found.items()])
