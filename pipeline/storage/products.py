"""Models and products of runs: written in the data folder, kept on object storage too, brought where needed.

The data folder is then a copy: what another machine made is fetched when it is first read, and what was kept
can be removed here. Without object storage nothing of this does anything.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path, PurePath
from typing import Final

from pipeline.files import write_atomic
from pipeline.settings import Settings
from pipeline.storage.bucket import Bucket, StorageUnavailable
from pipeline.storage.objects import ObjectFolder

KEPT: Final = ("runs", "models")
"""Folders of the data folder of which every machine needs every file."""


def keep_files(settings: Settings, paths: Iterable[Path]) -> None:
    """Put files of the data folder on object storage; before the ledger names them, so that others find them.

    Raises
    ------
    StorageError
        the server does not take one
    """
    if not settings.storage_url:
        return
    wanted = [(_place(settings, path), path) for path in paths]
    folders = {top: ObjectFolder(Bucket.of(settings), top) for (top, _), _ in wanted}

    def put(one: tuple[tuple[str, str], Path]) -> None:
        (top, key), path = one
        folders[top].put(key, path.read_bytes())

    for top in folders:
        list(folders[top].each(put, [one for one in wanted if one[0][0] == top]))


def brought(settings: Settings, path: Path | str, *, changes: bool = False) -> Path:
    """Return where a file of the data folder lies, fetched from object storage where it is not here.

    Parameters
    ----------
    path : in the data folder, or relative to it
    changes : it may have been replaced by another machine; ask whether it was

    Returns
    -------
    the path, also where there is no such file anywhere

    Raises
    ------
    StorageError
        the server does not answer, or the disk is full

    Examples
    --------
    >>> brought(Settings(data_dir=Path("var")), "runs/measured/forecast.nc").as_posix()
    'var/runs/measured/forecast.nc'
    """
    here = settings.data_dir / path
    if not settings.storage_url or (here.exists() and not changes):
        return here
    top, key = _place(settings, here)
    if top not in KEPT or not key:
        return here
    folder = ObjectFolder(Bucket.of(settings), top)
    try:
        _fetch(folder, key, here, changes=changes)
    except FileNotFoundError:
        return here
    except StorageUnavailable:
        if not here.exists():
            raise
    return here


def _fetch(folder: ObjectFolder, key: str, here: Path, *, changes: bool) -> None:
    """Write an object beside where it belongs and rename it, unless what is here is the same."""
    put_at = folder.put_at(key) if changes else None
    if put_at is not None and here.exists() and int(here.stat().st_mtime) == put_at:
        return
    write_atomic(here, folder.read(key))
    if put_at is not None:
        os.utime(here, (put_at, put_at))


def _place(settings: Settings, path: Path) -> tuple[str, str]:
    """Return the folder under which a file is kept, and its key there; empty where it lies elsewhere."""
    root = Path(os.path.normpath(settings.data_dir.absolute()))
    inner = Path(os.path.normpath(path.absolute()))
    if not inner.is_relative_to(root):
        return "", ""
    parts = PurePath(inner.relative_to(root)).parts
    return (parts[0], "/".join(parts[1:])) if len(parts) > 1 else ("", "")
