"""Envelopes as files in two folders side by side: we fill ``<own>-<peer>``, the peer ``<peer>-<own>``.

A file appears under its name when it is whole. Its name tells sender, number and digest, so that the same
file written twice is one. Only the sender removes files, and only what the peer says it has handled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, Protocol

from pipeline.exchange.arrivals import Parcel
from pipeline.exchange.envelope import MAXIMUM_PACKED
from pipeline.exchange.heard import parse_name
from pipeline.exchange.transports.transport import Outgoing, Route, Wanted

MOST_FILES: Final = 1000
"""How many files are brought in one round; the rest at the next."""


class Files(Protocol):
    """An open place that holds folders of files."""

    def sizes(self, folder: str) -> dict[str, int]:
        """Return the plain files of a folder with their sizes [bytes]; none where there is no such folder."""

    def read(self, folder: str, name: str, most: int) -> bytes | None:
        """Return at most so many bytes of a file; None where it has gone."""

    def place(self, folder: str, name: str, content: bytes) -> None:
        """Write a file so that it appears whole, whatever was there before."""

    def remove(self, folder: str, name: str) -> None:
        """Remove a file, if it is there."""


@dataclass(frozen=True)
class FileTransport:
    """Carries envelopes as files of an opened place."""

    name: str
    route: Route
    opened: Callable[[], AbstractContextManager[Files]]

    def pull(self, wanted: Wanted) -> Iterator[Parcel]:
        """Bring the peer's envelopes that are wanted, by their numbers."""
        folder = f"{self.route.peer}-{self.route.own}"
        with self.opened() as files:
            names = [n for n in sorted(files.sizes(folder)) if self._is_wanted(n, wanted)]
            for name in names[:MOST_FILES]:
                packed = files.read(folder, name, MAXIMUM_PACKED + 1)
                if packed is not None:
                    yield Parcel(self.name, name, packed)

    def _is_wanted(self, name: str, wanted: Wanted) -> bool:
        found = parse_name(name, self.route.peer, self.route.own)
        return found is not None and found[0] > wanted.after and not wanted.holds(name)

    def own_chain(self, after: int) -> Iterator[Parcel]:
        """Bring back what we left for the peer after a number and nobody has removed yet."""
        folder = f"{self.route.own}-{self.route.peer}"
        with self.opened() as files:
            for name in sorted(files.sizes(folder)):
                found = parse_name(name, self.route.own, self.route.peer)
                packed = files.read(folder, name, MAXIMUM_PACKED + 1) if found and found[0] > after else None
                if packed is not None:
                    yield Parcel(self.name, name, packed)

    def push(self, outgoing: Sequence[Outgoing], again: Iterable[str]) -> int:
        """Write what is not there, is there in part, or is named as lost or damaged."""
        folder, repeated = f"{self.route.own}-{self.route.peer}", set(again)
        sent = 0
        with self.opened() as files:
            there = files.sizes(folder)
            for one in outgoing:
                if there.get(one.name) != one.size or one.name in repeated:
                    files.place(folder, one.name, one.load())
                    sent += 1
        return sent

    def tidy(self, handled: int) -> None:
        """Remove what we left for the peer and it has handled, up to a number."""
        folder = f"{self.route.own}-{self.route.peer}"
        with self.opened() as files:
            for name in files.sizes(folder):
                found = parse_name(name, self.route.own, self.route.peer)
                if found is not None and found[0] <= handled:
                    files.remove(folder, name)
