"""``sameair keys``: the parties' signing keys: list, create, rotate, revoke, import, encrypt."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import AsJson, DataDir, instant_of, make_settings
from cli.output import print_json, print_lines, print_table

if TYPE_CHECKING:
    from flows.workspace import Workspace

app = typer.Typer(help="Signing keys of the parties: list, create, rotate, revoke, import, encrypt.")

Party = Annotated[str, typer.Argument(help="Party: seoul or beijing.")]
Person = Annotated[str, typer.Option("--person", help="Your name; it stands in the record.")]
Begins = Annotated[
    str | None, typer.Option("--from", help="From when on the key is valid, ISO 8601.", show_default=False)
]
OPERATOR = "operator"


def opened(data_dir: Path | None) -> Workspace:
    """Open the workspace of the options."""
    from flows.workspace import open_workspace

    return open_workspace(make_settings(data_dir))


def tell(found: Mapping[str, Any], *, as_json: bool) -> None:
    """Print what was done."""
    if as_json:
        print_json(dict(found))
        return
    shown = {name: ", ".join(v) or "none" if isinstance(v, list) else v for name, v in found.items()}
    print_lines([f"{name:<12} {value}" for name, value in shown.items()])


@app.command("list")
def list_(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the public keys of all parties, from when to when they count, and which are held here."""
    from flows.key_list import listed_keys

    rows = listed_keys(opened(data_dir))
    if as_json:
        print_json(rows)
        return
    names = ("party", "key", "from", "to", "state", "private")
    print_table("keys", names, [[row[n] for n in names] for row in rows])


@app.command()
def create(
    party: Party,
    begins: Begins = None,
    person: Person = OPERATOR,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make a party's first key, or one in the place of keys that are no longer valid."""
    from flows.key_care import create_key

    at = instant_of(begins) if begins else None
    tell(create_key(opened(data_dir), party, person, at), as_json=as_json)


@app.command()
def rotate(
    party: Party,
    begins: Begins = None,
    overlap_days: Annotated[
        float,
        typer.Option("--overlap-days", min=0, help="How long the key before it stays valid after that."),
    ] = 7.0,
    person: Person = OPERATOR,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make a party's next key and announce it to the other node; it signs from a day later."""
    from datetime import timedelta

    from flows.key_care import rotate_key

    at = instant_of(begins) if begins else None
    ws = opened(data_dir)
    tell(rotate_key(ws, party, person, at, timedelta(days=overlap_days)), as_json=as_json)


@app.command()
def revoke(  # noqa: PLR0913 - one argument per option
    party: Party,
    key: Annotated[str, typer.Argument(help="Fingerprint of the key, as `keys list` shows it.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; it stands in the record.")],
    since: Annotated[
        str | None,
        typer.Option("--since", help="From when on it does not count, ISO 8601; now.", show_default=False),
    ] = None,
    after: Annotated[
        int | None,
        typer.Option("--after", min=0, help="Number of the last trusted envelope.", show_default=False),
    ] = None,
    person: Person = OPERATOR,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Revoke a key; one of ours is replaced at once, and the other node told."""
    from flows.key_care import revoke_key

    at = instant_of(since) if since else None
    tell(revoke_key(opened(data_dir), party, key, person, reason, at, after), as_json=as_json)


@app.command("import")
def import_(
    party: Party,
    public: Annotated[str, typer.Argument(help="Public key in base64, or a file that holds it.")],
    said: Annotated[str, typer.Option("--fingerprint", help="As a person of that party read it out.")],
    begins: Begins = None,
    person: Person = OPERATOR,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Enter another party's public key after its fingerprint was compared by telephone."""
    from flows.key_care import import_key

    text = Path(public).read_text("ascii") if Path(public).is_file() else public
    at = instant_of(begins) if begins else None
    tell(import_key(opened(data_dir), party, text, said, person, at), as_json=as_json)


@app.command("fingerprint")
def fingerprint(party: Party, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Print a party's valid public keys, and their fingerprints to be read out over the telephone."""
    from flows.key_list import listed_keys
    from pipeline.errors import UsageError

    rows = [r for r in listed_keys(opened(data_dir)) if r["party"] == party and r["state"] == "valid"]
    if not rows:
        raise UsageError(f"no valid key of {party}; see `sameair keys list`")
    if as_json:
        print_json([{"key": row["key"], "public": row["public"]} for row in rows])
    else:
        print_lines([f"{row['key']}  {row['public']}" for row in rows])


@app.command()
def protect(person: Person = OPERATOR, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Encrypt the private keys that lie open, under SAMEAIR_KEY_PASSWORD."""
    from flows.key_care import protect_keys

    tell(protect_keys(opened(data_dir), person), as_json=as_json)
