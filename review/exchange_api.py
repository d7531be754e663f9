"""What one node serves another: envelopes for it to fetch, a door for its own; each request is signed.

Envelopes are taken here and handled by the next round of the exchange. Who proves no party learns nothing.
"""

from __future__ import annotations

import asyncio
import time
from base64 import b64encode
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from fastapi import APIRouter, HTTPException, Query, Request
from starlette.concurrency import run_in_threadpool

from pipeline.errors import EnvelopeRefused
from pipeline.exchange.arrivals import Parcel, Receiver, gaps, take
from pipeline.exchange.envelope import MAXIMUM_PACKED
from pipeline.exchange.heard import parcel_name
from pipeline.exchange.requests import Asked, Nonces, check_request
from pipeline.ledger.envelopes import (
    ReceivedRow,
    SentRow,
    list_received,
    list_sent,
    newest_received,
    received_at,
    sent_at,
)

ReceiverOf = Callable[[], Receiver]
"""Returns who takes, with the keys that count now."""

PAGE_BYTES: Final = 8 * 2**20
"""Packed bytes from which on an answer leaves the rest to the next."""
PER_MINUTE: Final = 600
STRANGERS_PER_MINUTE: Final = 60
"""Requests that are looked at: of a party, and of an address that proves none."""
MOST_STRANGERS: Final = 1000
BODY_S: Final = 60.0
"""How long the body of a request may take [s]."""

TRANSPORT: Final = "https"


@dataclass
class Rate:
    """At most ``most`` a minute."""

    most: int
    seen: deque[float] = field(default_factory=deque)

    def has_room(self, now: float) -> bool:
        """Tell whether there is room for one more at a reading [s] of a clock.

        >>> rate = Rate(1)
        >>> rate.note(0.0), rate.has_room(30.0), rate.has_room(61.0)
        (None, False, True)
        """
        while self.seen and now - self.seen[0] >= 60.0:
            self.seen.popleft()
        return len(self.seen) < self.most

    def note(self, now: float) -> None:
        """Count one."""
        self.seen.append(now)


class Door:
    """Who may come in: parties that prove themselves, not too often."""

    def __init__(self, receiver_of: ReceiverOf, skew: timedelta) -> None:
        self.receiver_of, self.nonces = receiver_of, Nonces(skew)
        self.parties: dict[str, Rate] = {}
        self.strangers: dict[str, Rate] = {}

    def stranger(self, request: Request) -> Rate:
        """Return the rate of the address from which a request comes, as long as it proves no party."""
        if len(self.strangers) >= MOST_STRANGERS:
            self.strangers.clear()
        address = request.client.host if request.client else ""
        return self.strangers.setdefault(address, Rate(STRANGERS_PER_MINUTE))

    async def body_of(self, request: Request) -> bytes:
        """Return the body of a request, never more than an envelope may have."""
        if not self.stranger(request).has_room(time.monotonic()):
            raise HTTPException(429, "too many requests")
        try:
            async with asyncio.timeout(BODY_S):
                return await self._read(request)
        except TimeoutError:
            self.stranger(request).note(time.monotonic())
            raise HTTPException(408, "too slow") from None

    async def _read(self, request: Request) -> bytes:
        parts, size = [], 0
        async for part in request.stream():
            parts.append(part)
            size += len(part)
            if size > MAXIMUM_PACKED:
                self.stranger(request).note(time.monotonic())
                raise HTTPException(413, "too large")
        return b"".join(parts)

    def party(self, request: Request, receiver: Receiver, body: bytes) -> str:
        """Return the party that asks; HTTPException where it proves none, or asks too often."""
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        asked = Asked(receiver.party, request.method, path, body)
        now = time.monotonic()
        try:
            party = check_request(
                asked, request.headers, self.nonces, receiver.key_of, request.app.state.clock()
            )
            if party not in receiver.peers:
                raise EnvelopeRefused("stranger", "no party of the exchange")
        except EnvelopeRefused:
            self.stranger(request).note(now)
            raise HTTPException(401, "not accepted") from None
        rate = self.parties.setdefault(party, Rate(PER_MINUTE))
        if not rate.has_room(now):
            raise HTTPException(429, "too many requests")
        rate.note(now)
        return party


def exchange_routes(receiver_of: ReceiverOf, skew: timedelta) -> APIRouter:
    """Return the routes for the other nodes."""
    router, door = APIRouter(include_in_schema=False), Door(receiver_of, skew)

    @router.post("/exchange/v1/envelopes")
    async def post(request: Request) -> dict[str, str]:
        """Take one envelope."""
        body = await door.body_of(request)
        return await run_in_threadpool(_taken, door, request, body)

    @router.get("/exchange/v1/envelopes")
    def hand_out(request: Request, after: int = Query(0, ge=0, lt=10**10)) -> dict[str, Any]:
        """Hand out what is for the asking party after a number."""
        receiver = door.receiver_of()
        return _page(request, receiver.party, door.party(request, receiver, b""), after)

    @router.get("/exchange/v1/held")
    def hand_back(request: Request, after: int = Query(0, ge=0, lt=10**10)) -> dict[str, Any]:
        """Hand back what came from the asking party after a number, for when it has lost its own copy."""
        receiver = door.receiver_of()
        return _held(request, receiver.party, door.party(request, receiver, b""), after)

    @router.get("/exchange/v1/state")
    def state(request: Request) -> dict[str, Any]:
        """Tell the asking party what came from it."""
        party = door.party(request, door.receiver_of(), b"")
        with request.app.state.ledger.read() as conn:
            return {"newest": newest_received(conn, party), "missing": gaps(conn, party)}

    return router


def _taken(door: Door, request: Request, body: bytes) -> dict[str, str]:
    """Take an envelope of a party that proved itself."""
    receiver = door.receiver_of()
    party = door.party(request, receiver, body)
    state = request.app.state
    with state.ledger.write() as conn:
        outcome = take(conn, receiver, Parcel(TRANSPORT, f"posted by {party}", body), state.clock())
    return {"outcome": outcome}


def _page(request: Request, own: str, party: str, after: int) -> dict[str, Any]:
    """Return envelopes for a party after a number, at least one if there is any."""
    with request.app.state.ledger.read() as conn:
        rows = [(number, digest) for number, digest, _ in list_sent(conn, party, after)]
        return _written((own, party), rows, lambda number: sent_at(conn, party, number))


def _held(request: Request, own: str, party: str, after: int) -> dict[str, Any]:
    """Return envelopes of a party after a number, as they were received."""
    with request.app.state.ledger.read() as conn:
        rows = list_received(conn, party, after)
        return _written((party, own), rows, lambda number: received_at(conn, party, number))


def _written(
    chain: tuple[str, str], rows: list[tuple[int, str]], load: Callable[[int], SentRow | ReceivedRow | None]
) -> dict[str, Any]:
    """Return a page of a chain, and whether there is more."""
    found: list[dict[str, str]] = []
    size = 0
    for number, digest in rows:
        row = load(number)
        if row is None or size >= PAGE_BYTES:
            break
        size += len(row.packed)
        name = parcel_name(*chain, number, digest)
        found.append({"name": name, "packed": b64encode(row.packed).decode()})
    return {"envelopes": found, "more": len(found) < len(rows)}
