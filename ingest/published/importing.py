"""Import of files as their publishers wrote them: which there are, what format each has, what it holds.

Values count as received one hour after their interval end, as those of every archive. Values of stations that
no list has are held back: they stay in the file and come in when it is imported again after a list.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from ingest.archive_stations import Station
from ingest.archives import Progress
from ingest.published.formats import format_of
from ingest.published.importer import Importer, Store
from ingest.published.mapped import read_mapped
from ingest.published.mapping import Mapping
from ingest.published.report import FilesReport, ReadFile, Unread
from ingest.published.station_lists import read_list
from ingest.published.table import FileTable
from pipeline.errors import BadPayload, UsageError
from pipeline.names import MEASURED

READERS: Final = 2
"""Files that are read side by side; the store is written by the caller's thread alone."""

AHEAD: Final = 8
"""Files that may wait, read, to be stored."""


@dataclass(frozen=True)
class _Found:
    """A file to be imported; ``named`` tells whether the caller named it or only its folder."""

    path: Path
    named: bool


def import_files(
    paths: Sequence[Path],
    store: Store,
    *,
    now: datetime,
    mapping: Mapping | None = None,
    accept_unknown: bool = False,
    world: str = MEASURED,
    progress: Progress | None = None,
) -> FilesReport:
    """Load published files, or files that a mapping describes, into the store; a second import adds nothing.

    Parameters
    ----------
    paths : files, and folders whose files are taken at any depth; station lists among them are read first
    now : earlier values are looked at as they are known at this instant
    mapping : how to read the files; without it each must have one of the known formats
    accept_unknown : also store values of stations that no list has
    world : the world to which the values belong

    Raises
    ------
    UsageError
        a path does not exist, or no file is there
    """
    started = time.perf_counter()
    files = list(_files(paths, mapping))
    if not files:
        raise UsageError("no file is there; give files, or folders that hold some")
    importer = Importer(store, world, now, accept_unknown)
    unread: list[Unread] = []
    done: list[ReadFile] = []
    rest = files if mapping is not None else _take_lists(files, importer, unread)
    for at, (found, outcome) in enumerate(_outcomes(rest, mapping), 1):
        if isinstance(outcome, Unread):
            unread.append(outcome)
        else:
            name, table = outcome
            importer.add(table)
            done.append(_described(found.path, name, table))
        if progress is not None:
            progress("importing files", at, len(rest))
    importer.flush()
    seconds = time.perf_counter() - started
    return FilesReport(tuple(done), importer.totals, tuple(unread), importer.stations_written, seconds)


def _files(paths: Sequence[Path], mapping: Mapping | None) -> Iterator[_Found]:
    """Return every file once, sorted within a folder."""
    seen: set[Path] = set()
    for path in paths:
        if not path.exists():
            raise UsageError(f"{path} does not exist")
        pattern = mapping.files if mapping is not None else "*"
        inside = sorted(p for p in path.rglob(pattern) if p.is_file()) if path.is_dir() else [path]
        for file in inside:
            if file.resolve() not in seen:
                seen.add(file.resolve())
                yield _Found(file, not path.is_dir())


def _take_lists(files: Sequence[_Found], importer: Importer, unread: list[Unread]) -> list[_Found]:
    """Read the station lists among the files; return the others."""
    rest = []
    listed: list[Station] = []
    for found in files:
        try:
            stations = read_list(found.path)
        except BadPayload as error:
            unread.append(Unread(str(found.path), str(error), True))
            continue
        if stations is None:
            rest.append(found)
        else:
            listed += stations
    importer.add_lists(listed)
    return rest


def _outcomes(
    files: Sequence[_Found], mapping: Mapping | None
) -> Iterator[tuple[_Found, tuple[str, FileTable] | Unread]]:
    """Read files side by side, a few ahead of the caller, and yield them in order."""
    with ThreadPoolExecutor(READERS) as pool:
        for low in range(0, len(files), AHEAD):
            window = files[low : low + AHEAD]
            yield from zip(window, pool.map(lambda found: _outcome(found, mapping), window), strict=True)


def _outcome(found: _Found, mapping: Mapping | None) -> tuple[str, FileTable] | Unread:
    """Return the format and the values of a file, or why it was not read."""
    path = found.path
    try:
        payload = path.read_bytes()
        if mapping is not None:
            return "mapping", read_mapped(payload, path.name, mapping)
        known = format_of(path.name, payload)
        if known is not None:
            return known.name, known.read(payload, path.name)
    except (BadPayload, OSError) as error:
        return Unread(str(path), str(error), True)
    what = "has none of the known formats; describe it with a mapping file (docs/import-files.md)"
    return Unread(str(path), what, found.named)


def _described(path: Path, name: str, table: FileTable) -> ReadFile:
    notes = tuple(str(error) for error in table.left_out)
    return ReadFile(
        str(path),
        name,
        table.source,
        len(table),
        table.missing,
        table.not_kept,
        table.left_out_count,
        len(table.stations),
        notes,
    )
