"""What the stores need of the place where their files lie, whatever it is."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol, TypeVar

import pyarrow as pa

from pipeline.ledger.connect import Ledger

Item = TypeVar("Item")
Result = TypeVar("Result")

StillHeld = Callable[[], None]
"""Raises StorageError where the lock was lost meanwhile; called before results count."""


class Folder(Protocol):
    """Files by key, such as ``measured/airkorea/2026-02/<id>.parquet``; each appears whole or not at all."""

    @property
    def lists_under_lock(self) -> bool:
        """Tell whether a lock can be lost while its holder lives, as that of another machine can."""

    def put(self, key: str, content: bytes) -> None:
        """Store a file whole; the same content again is harmless. Raises StorageError."""

    def secure(self, keys: Collection[str]) -> None:
        """Make files that were put outlast a power cut. Raises StorageError."""

    def read(self, key: str) -> bytes:
        """Return a file. Raises FileNotFoundError where there is none, else StorageError."""

    def opened(self, key: str, size: int) -> pa.NativeFile:
        """Open a file of a known size [bytes] for reading parts of it; raises as :meth:`read`."""

    def keys(self, prefix: str) -> Iterator[str]:
        """Return the keys that begin with the folders of ``prefix``, sorted. Raises StorageError."""

    def has(self, key: str) -> bool:
        """Tell whether there is a file. Raises StorageError."""

    def delete(self, keys: Collection[str]) -> None:
        """Remove files; one that is gone already is harmless. Raises StorageError."""

    def shown(self, key: str) -> Path | str:
        """Return what a person would call a file: its path, or its address without what is secret."""

    def turn(self, ledger: Ledger, name: str) -> AbstractContextManager[StillHeld]:
        """Let the writers of a world take turns. Raises StorageError after five minutes."""

    def each(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Do something that reads files for every item, in order; side by side where that is quicker."""
