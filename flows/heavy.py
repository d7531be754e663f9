"""Where an installation does its heavy work: one setting, or what a command was told instead."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flows.workspace import Workspace
from pipeline.heavy import Heavy, heavy_work


@contextmanager
def heavy_of(ws: Workspace, workers: int = 0) -> Iterator[Heavy]:
    """Open the place for heavy work; shared inputs lie in the data folder while they are needed.

    Parameters
    ----------
    workers : processes of this machine; 0: as the setting says

    Raises
    ------
    UsageError
        the setting names no place
    """
    where = str(workers) if workers else ws.settings.heavy_work
    with heavy_work(where, ws.settings.data_dir.resolve() / "heavy") as heavy:
        yield heavy
