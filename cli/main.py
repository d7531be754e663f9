"""The ``sameair`` command: every step of a cycle, and the people's part of a warning.

Exit codes: 0 done; 1 failed; 2 wrong use; 3 done but degraded; 4 not allowed; 5 a source failed;
6 storage failed.
"""

from __future__ import annotations

import sys

import typer

from cli.commands import archive, audit, cycle, pages, status, warnings

app = typer.Typer(
    name="sameair",
    help="Transboundary fine-dust early warning for Seoul and Beijing.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for group in (cycle, archive, status, pages):
    group.register(app)
app.add_typer(warnings.app, name="warnings")
app.add_typer(audit.app, name="audit")


def main() -> None:
    """Run the command line; an error is one line on standard error that says what to do."""
    from pipeline.errors import SameairError

    try:
        app()
    except SameairError as error:
        sys.stderr.write(f"sameair: {error}\n")
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        sys.stderr.write("sameair: stopped; the same command goes on where it was\n")
        raise SystemExit(130) from None
