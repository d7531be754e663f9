"""``sameair sources`` and ``sameair doctor``: how the sources are, and whether an installation is sound."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import AsJson, DataDir, World, make_settings
from cli.output import print_json, print_lines, print_table

if TYPE_CHECKING:
    from flows.doctor import Check
    from flows.workspace import Workspace

DEGRADED = 3

Metrics = Annotated[bool, typer.Option("--metrics", help="Print Prometheus text instead.")]
Live = Annotated[bool, typer.Option("--live", help="Also ask every source once; counts towards quotas.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("sources")(sources)
    app.command("doctor")(doctor)


def sources(
    data_dir: DataDir = None, world: World = None, metrics: Metrics = False, as_json: AsJson = False
) -> None:
    """Show of every feed the last success, its newest value, quota, quarantine, and what is gone for good.

    Exit code 3 says that a feed is late, stopped or down.
    """
    from flows.drift import models_now
    from flows.health import coverage_of, health_of, now_of, worst_first
    from flows.live import feeds_of
    from flows.metrics import metrics_text
    from flows.metrics_operations import Operations
    from flows.workspace import open_workspace
    from pipeline.names import MEASURED

    ws = open_workspace(make_settings(data_dir))
    name = world or MEASURED
    now = now_of(ws, name)
    health = worst_first(health_of(ws, feeds_of(ws, name), name, now))
    coverage = coverage_of(ws, name, now)
    if metrics:
        more = [Operations(ws, now)] if name == MEASURED else []
        typer.echo(metrics_text(health, coverage, now, models_now(ws, name, now), more), nl=False)
    elif as_json:
        print_json({"feeds": [h.row(now) for h in health], "coverage": [c.row() for c in coverage]})
    else:
        _show("feeds", [h.row(now) for h in health])
        _show("PM2.5 of the last 24 h", [c.row() for c in coverage])
    if any(h.severity > 1 for h in health):
        raise typer.Exit(DEGRADED)


def doctor(data_dir: DataDir = None, live: Live = False, as_json: AsJson = False) -> None:
    """Look the installation over; with --live ask every source once and explain what came.

    Exit code 3 says that something needs a person.
    """
    from flows.doctor import local_checks
    from flows.workspace import open_workspace

    ws = open_workspace(make_settings(data_dir))
    checks = []
    for check in chain(local_checks(ws), _tried(ws) if live else ()):
        checks.append(check)
        if not as_json:
            print_lines([_line(check)])
    if as_json:
        print_json({"checks": [vars(c) for c in checks]})
    if any(c.verdict == "trouble" for c in checks):
        raise typer.Exit(DEGRADED)


def _tried(ws: Workspace) -> Iterator[Check]:
    from dataclasses import replace

    from flows.doctor_live import PATIENCE, live_checks, mail_checks
    from flows.live import feeds_of, http_of
    from ingest.sources import abouts
    from pipeline.names import MEASURED

    http = replace(http_of(ws), patience=PATIENCE)
    return chain(mail_checks(ws), live_checks(ws, http, feeds_of(ws, MEASURED), abouts(), ws.clock()))


def _show(title: str, rows: Sequence[Mapping[str, object]]) -> None:
    print_table(title, list(rows[0]) if rows else [], [list(row.values()) for row in rows])


def _line(check: Check) -> str:
    remedy = f"; {check.remedy}" if check.remedy else ""
    return f"{check.verdict:8} {check.subject}: {check.found}{remedy}"
