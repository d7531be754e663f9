"""A bounded copy on the disk of objects that never change; what it holds can be lost at any time."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from uuid import uuid4

RECENT_SECONDS: Final = 3600
"""A use within that time of the last one noted is not noted again."""
KEPT_SHARE: Final = 0.9
"""Of the limit, after the least recently used were removed."""


@dataclass
class Cache:
    """Objects by name, at most ``limit`` bytes in all; several processes may share the folder.

    >>> import tempfile
    >>> cache = Cache(Path(tempfile.mkdtemp()), limit=10)
    >>> cache.keep("ab12", b"hello").name, cache.path("ab12").read_bytes(), cache.path("cd34")
    ('ab12', b'hello', None)
    """

    folder: Path
    limit: int
    _grown: int = field(default=-1, repr=False)

    def path(self, name: str) -> Path | None:
        """Return where an object lies, None where it is not here."""
        place = self._place(name)
        try:
            used = place.stat().st_mtime
        except OSError:
            return None
        if time.time() - used > RECENT_SECONDS:
            with contextlib.suppress(OSError):
                os.utime(place)
        return place

    def keep(self, name: str, content: bytes) -> Path | None:
        """Keep an object and return where; None where it cannot be kept, which is harmless."""
        if len(content) > self.limit:
            return None
        place = self._place(name)
        beside = place.with_name(f".{uuid4().hex}.tmp")
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            try:
                beside.write_bytes(content)
                beside.replace(place)
            finally:
                beside.unlink(missing_ok=True)
            self._make_room(len(content))
        except OSError:
            return None
        return place if place.exists() else None

    def drop(self, name: str) -> None:
        """Forget an object, as one that turned out to be damaged."""
        with contextlib.suppress(OSError):
            self._place(name).unlink(missing_ok=True)

    def _place(self, name: str) -> Path:
        return self.folder / name[:2] / name

    def _make_room(self, added: int) -> None:
        """Remove what was used longest ago once the whole may be over the limit."""
        self._grown = -1 if self._grown < 0 else self._grown + added
        if 0 <= self._grown <= self.limit // 16:
            return
        held = sorted(_listed(self.folder))
        whole = sum(size for _, size, _ in held)
        self._grown = 0
        if whole <= self.limit - self.limit // 16:
            return
        for _, size, path in held:
            if whole <= self.limit * KEPT_SHARE:
                break
            with contextlib.suppress(OSError):
                Path(path).unlink()
            whole -= size


def _listed(folder: Path) -> list[tuple[float, int, str]]:
    """Return last use, size and path of every file kept."""
    found = []
    for inner in os.scandir(folder):
        if inner.is_dir(follow_symlinks=False):
            for entry in os.scandir(inner.path):
                with contextlib.suppress(OSError):
                    state = entry.stat(follow_symlinks=False)
                    found.append((state.st_mtime, state.st_size, entry.path))
    return found
