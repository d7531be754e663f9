"""Import of files as their publishers wrote them, or as a mapping file describes them, into a data folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from flows.workspace import Workspace, reporter
from ingest.backdating import ArchiveStore
from ingest.published.importing import import_files
from ingest.published.mapping import read_mapping
from ingest.published.report import FilesReport
from pipeline.ledger.attempts import first_answer
from pipeline.names import MEASURED


def archives_of(ws: Workspace) -> ArchiveStore:
    """Return the store as archives of measurements are taken into it."""
    with ws.ledger.read() as conn:
        return ArchiveStore(ws.store, first_answer(conn, MEASURED))


def import_published(
    ws: Workspace, paths: Sequence[Path], mapping: Path | None = None, *, accept_unknown: bool = False
) -> FilesReport:
    """Import files and the files of folders; a second import adds nothing.

    Raises
    ------
    UsageError
        a path does not exist, or the mapping file is wrong; nothing was stored
    """
    known = read_mapping(mapping) if mapping is not None else None
    return import_files(
        paths,
        archives_of(ws),
        now=ws.clock(),
        mapping=known,
        accept_unknown=accept_unknown,
        progress=reporter.get(),
    )
