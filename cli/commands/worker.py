"""``sameair worker``: processes that do heavy work for a Dask scheduler."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from cli.options import DataDir, make_settings


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command("worker")(worker)


def worker(
    scheduler: Annotated[
        str,
        typer.Option(
            "--scheduler",
            metavar="URL",
            help="Scheduler to work for [SAMEAIR_HEAVY_WORK].",
            show_default=False,
        ),
    ] = "",
    processes: Annotated[int, typer.Option("--processes", min=1, help="Processes of one thread each.")] = 1,
    data_dir: DataDir = None,
) -> None:
    """Work for a Dask scheduler until ended: one thread a process, restarted when they die.

    The process becomes `dask worker`; SIGTERM ends it after it has handed back what it held.
    """
    from pipeline.errors import UsageError
    from pipeline.heavy_processes import ONE_THREAD

    settings = make_settings(data_dir)
    address = scheduler or settings.heavy_work
    if "://" not in address:
        raise UsageError("name the scheduler: --scheduler tcp://host:port, or SAMEAIR_HEAVY_WORK")
    folder = settings.data_dir.resolve()
    scratch = folder / "heavy" / "workers"
    scratch.mkdir(parents=True, exist_ok=True)
    words = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1"]
    words += ["--nworkers", str(processes), "--no-dashboard", "--memory-limit", "0"]
    words += ["--death-timeout", "60", "--local-directory", str(scratch)]
    sys.stdout.flush()
    env = {**os.environ, **ONE_THREAD, "SAMEAIR_DATA_DIR": str(folder)}
    os.execve(sys.executable, words, env)  # noqa: S606 - our own interpreter and arguments
