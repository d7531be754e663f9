"""The ``sameair`` command: every step of a cycle, and the people's part of a warning.

Exit codes: 0 done; 1 failed; 2 wrong use; 3 done but degraded; 4 not allowed; 5 a source failed;
6 storage failed; 130 stopped.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from cli.commands import (
    archive,
    audit,
    backup,
    bulletins,
    consult,
    cycle,
    deliveries,
    demo_two_nodes,
    dossiers,
    drill,
    dust,
    duty,
    exchange,
    exchange_bundle,
    exchange_month,
    exchange_node,
    exchange_recover,
    exchange_status,
    explain,
    gaps,
    hindcast,
    history,
    install,
    jobs,
    keys,
    ledger,
    links,
    models,
    monitor,
    origin,
    origins,
    outlook,
    pages,
    policy,
    publish,
    quality,
    quarantine,
    recipients,
    report,
    rules,
    school,
    season,
    sharing,
    sources,
    status,
    trajectory,
    upkeep,
    users,
    verify,
    warnings,
    worker,
)
from cli.output import plain

STOPPED = 130
"""Exit code after Ctrl-C, as shells have it."""

app = typer.Typer(
    name="sameair",
    help="Transboundary fine-dust early warning for Seoul and Beijing.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def begin(
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            help="Configuration file [env SAMEAIR_CONFIG; ./sameair.toml, /etc/sameair/sameair.toml].",
        ),
    ] = None,
) -> None:
    """Transboundary fine-dust early warning for Seoul and Beijing."""
    if config is not None:
        os.environ["SAMEAIR_CONFIG"] = str(config.absolute())


for group in (
    cycle,
    archive,
    backup,
    hindcast,
    verify,
    report,
    explain,
    dust,
    origin,
    origins,
    deliveries,
    demo_two_nodes,
    status,
    sources,
    bulletins,
    gaps,
    history,
    install,
    links,
    monitor,
    pages,
    publish,
    season,
    sharing,
    trajectory,
    worker,
):
    group.register(app)
app.add_typer(warnings.app, name="warnings")
app.add_typer(audit.app, name="audit")
app.add_typer(models.app, name="models")
app.add_typer(policy.app, name="policy")
exchange_node.register(exchange.app)
exchange_status.register(exchange.app)
exchange_bundle.register(exchange.app)
exchange_month.register(exchange.app)
exchange_recover.register(exchange.app)
app.add_typer(exchange.app, name="exchange")
app.add_typer(keys.app, name="keys")
app.add_typer(ledger.app, name="ledger")
app.add_typer(consult.app, name="consult")
app.add_typer(quality.app, name="quality")
app.add_typer(rules.app, name="rules")
app.add_typer(school.app, name="school")
app.add_typer(sharing.app, name="measures")
app.add_typer(recipients.app, name="recipients")
app.add_typer(users.app, name="users")
app.add_typer(dossiers.app, name="dossiers")
app.add_typer(outlook.app, name="outlook")
app.add_typer(duty.app, name="duty")
app.add_typer(drill.app, name="drill")
app.add_typer(jobs.app, name="jobs")
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(upkeep.store, name="store")
app.add_typer(upkeep.outbox, name="outbox")


def main() -> None:
    """Run the command line; an error is one line on standard error that says what to do."""
    try:
        code = app(standalone_mode=False, prog_name="sameair")
        if code == STOPPED:
            complain("stopped; the same command goes on where it was", STOPPED)
    except Exception as error:  # noqa: BLE001 - the last line of defence: whatever it is becomes one line
        code = complain(*explained(error))
    raise SystemExit(code or 0)


def explained(error: Exception) -> tuple[str, int]:
    """Return one line about an error and the exit code that goes with it.

    >>> explained(PermissionError(13, "Permission denied", "var/ledger.sqlite"))
    ('var/ledger.sqlite: Permission denied; check the data folder, its owner and the space left on it', 6)
    """
    from sqlalchemy.exc import DBAPIError

    from pipeline.errors import SameairError

    if isinstance(error, SameairError):
        return str(error), error.exit_code
    if isinstance(error, typer.TyperException):
        context = getattr(error, "ctx", None)
        command = context.command_path if context is not None else "sameair"
        return f"{error.format_message().rstrip('.')}; see `{command} --help`", error.exit_code
    remedy = "check the data folder, its owner and the space left on it"
    if isinstance(error, DBAPIError):
        return f"the ledger cannot be used ({error.orig}); {remedy}", 6
    if isinstance(error, OSError):
        return f"{error.filename or 'the system'}: {error.strerror or error}; {remedy}", 6
    if os.environ.get("SAMEAIR_TRACEBACK"):
        raise error
    what = f"{type(error).__name__}: {error}"
    return f"unexpected error, {what}; SAMEAIR_TRACEBACK=1 shows where, please report it", 1


def complain(text: str, code: int) -> int:
    """Write one line on standard error and return the exit code."""
    sys.stderr.write(f"sameair: {plain(' '.join(text.split()))}\n")
    return code
