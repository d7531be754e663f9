"""What a round of the exchange did, and telling the operator where a person must act."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final

from flows.delivering import channel_of
from flows.exchange_watch import watched
from flows.operator import TELL_FROM, tell_operator
from flows.workspace import Workspace
from pipeline.errors import EnvelopeRefused, Refused, SameairError, UsageError
from pipeline.exchange.statements import spans
from pipeline.ledger.notices import Condition
from pipeline.names import MEASURED
from pipeline.times import iso

KIND: Final = "exchange "
"""How the subjects of its conditions begin."""


@dataclass
class PeerReport:
    """What one round did with one peer; ``stopped`` says why nothing may be said to it any more.

    ``urgent`` are those troubles that will not pass by themselves.
    """

    peer: str
    taken: int = 0
    known: int = 0
    refused: int = 0
    handled: int = 0
    said: int = 0
    sent: int = 0
    missing: tuple[tuple[int, int], ...] = ()
    stopped: str = ""
    trouble: list[str] = field(default_factory=list)
    urgent: list[str] = field(default_factory=list)

    def note(self, error: SameairError) -> None:
        """Write down what failed, once."""
        if str(error) not in self.trouble:
            self.trouble.append(str(error))
            if isinstance(error, Refused | UsageError | EnvelopeRefused):
                self.urgent.append(str(error))

    @property
    def line(self) -> str:
        """Return it in one line.

        >>> PeerReport("beijing", taken=2, handled=1, missing=((4, 4),)).line
        'beijing: took 2, handled 1, said 0, sent 0; 4 missing'
        """
        told = f"{self.peer}: took {self.taken}, handled {self.handled}, said {self.said}, sent {self.sent}"
        told += f"; refused {self.refused}" * bool(self.refused)
        told += f"; {spans(self.missing)} missing" * bool(self.missing)
        return told + f"; stopped: {self.stopped}" * bool(self.stopped)


@dataclass(frozen=True)
class RoundReport:
    """What one round did; ``notes`` are those of the steps."""

    at: datetime
    party: str
    peers: tuple[PeerReport, ...]
    notes: tuple[str, ...]

    @property
    def is_well(self) -> bool:
        """Tell whether nothing failed."""
        return not any(peer.trouble or peer.stopped for peer in self.peers)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        peers = [asdict(peer) for peer in self.peers]
        return {"at": iso(self.at), "party": self.party, "peers": peers, "notes": list(self.notes)}


def tell_of_round(ws: Workspace, report: RoundReport) -> int:
    """Tell the operator, once each, where the exchange waits for a person, and when that is over."""
    conditions = [condition for peer in report.peers for condition in _conditions(peer)]
    with ws.ledger.read() as conn:
        conditions += watched(conn, [peer.peer for peer in report.peers], report.at)
    channel = channel_of(ws.settings)
    try:
        return tell_operator(ws, MEASURED, conditions, channel, "", report.at)
    finally:
        channel.close()


def _conditions(peer: PeerReport) -> list[Condition]:
    """Return how the chain to a peer and the ways to it stand."""
    chain = f"{KIND}{peer.peer} chain"
    text = f"{chain}: {peer.stopped}; nothing more is said; run `sameair exchange recover {peer.peer}`"
    found = [
        Condition(chain, "stopped", TELL_FROM + 1, text)
        if peer.stopped
        else Condition(chain, "whole", 0, f"{chain} is whole")
    ]
    ways = f"{KIND}{peer.peer} ways"
    if peer.urgent:
        found.append(Condition(ways, "refused", TELL_FROM, f"{ways}: {'; '.join(peer.urgent)}"))
    else:
        found.append(Condition(ways, "ok", 0, f"{ways}: nothing that a person must put right"))
    return found
