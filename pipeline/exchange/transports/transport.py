"""What every way of travelling does: bring what came, send what the peer lacks; twice is as once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from pipeline.exchange.arrivals import Parcel


@dataclass(frozen=True)
class Route:
    """From whom to whom envelopes go; the other way the peer's come."""

    own: str
    peer: str


@dataclass(frozen=True)
class Outgoing:
    """An envelope of our chain: its file name, packed size [bytes], and how to read it."""

    sequence: int
    name: str
    size: int
    load: Callable[[], bytes]


@dataclass(frozen=True)
class Wanted:
    """What of the peer's chain is not here yet: all after a number, but for what ``holds`` names."""

    after: int
    holds: Callable[[str], bool]


class Transport(Protocol):
    """Carries envelopes between two nodes.

    Every method may raise SourceUnavailable, or Refused where a person must put something right; what was
    carried by then stays carried.
    """

    @property
    def name(self) -> str:
        """Return what the ledger calls it."""

    def pull(self, wanted: Wanted) -> Iterator[Parcel]:
        """Bring the peer's envelopes that are wanted, by their numbers."""

    def push(self, outgoing: Sequence[Outgoing], again: Iterable[str]) -> int:
        """Send what the peer lacks, also what it names as lost or damaged; returns how many were sent."""

    def tidy(self, handled: int) -> None:
        """Remove what we left for the peer and it has handled, up to a number."""

    def own_chain(self, after: int) -> Iterator[Parcel]:
        """Bring back what we sent the peer after a number, as far as this way or the peer still holds it."""
