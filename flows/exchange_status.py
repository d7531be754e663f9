"""How the exchange with the other parties' nodes stands, as one document; nothing is changed or sent."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection

from alerts.joint import slot_parties, state_of
from alerts.joint_texts import offered_text
from flows.consult import consultations
from flows.doctor_exchange import ENDS_SOON
from flows.exchange_freshness import Freshness, Issued, freshness_of, said_of, stands_for
from flows.exchange_late import late_conditions, peers_of
from flows.exchange_skill import paired_skill
from flows.node import keyring_of, parties
from flows.workspace import Workspace
from pipeline.errors import UsageError
from pipeline.exchange.standing import Standing, standing_of
from pipeline.ledger.agreement import recent_slots, statements_of
from pipeline.ledger.envelopes import read_refused
from pipeline.ledger.exchange_reads import Arrival
from pipeline.names import MEASURED
from pipeline.programme import Programme, programme_of
from pipeline.times import iso, parse_instant

Plain = dict[str, Any]
WEEK: Final = timedelta(days=7)
SKILL_DAYS: Final = 90
"""How far back forecasts are compared unless asked otherwise."""


def exchange_status(ws: Workspace, world: str = MEASURED, days: int = SKILL_DAYS) -> Plain:
    """Return how the exchange stands: peers, what waits for people, keys that end, forecasts side by side.

    Parameters
    ----------
    world : of which measurements, bulletins and forecasts are told; the rest concerns all
    days : how many days back forecasts are compared

    Raises
    ------
    UsageError
        one node serves all parties here
    """
    peers = peers_of(ws)
    if not peers:
        raise UsageError(
            "one node serves all parties here; name its own as SAMEAIR_PARTY to exchange envelopes"
        )
    at, programme = ws.clock(), programme_of(ws.settings.programme_file)
    return {
        "at": iso(at),
        "party": ws.settings.party,
        "world": world,
        "programme": programme.version,
        "peers": [_peer(ws, peer, world, at) for peer in peers],
        "waiting": [*_offers(ws, at), *_questions(ws)],
        "refused": _refused(ws, at),
        "keys": _keys(ws, at),
        "forecasts": paired_skill(ws, world, at - timedelta(days=days), at, at).to_dict(),
    }


def _peer(ws: Workspace, peer: str, world: str, at: datetime) -> Plain:
    programme = programme_of(ws.settings.programme_file)
    with ws.ledger.read() as conn:
        standing = standing_of(conn, peer, at)
        fresh = freshness_of(conn, ws.settings.party, peer, world, at)
    late = [c.text for c in late_conditions(ws, peer, at) if c.severity]
    return _way(standing, at) | _fresh(fresh, standing, programme, at) | {"late": late}


def _way(standing: Standing, at: datetime) -> Plain:
    """Return what came, how long it was under way, and how far the peer holds our chain."""
    count, since = standing.waiting
    lag = standing.lag
    return {
        "peer": standing.peer,
        "line": standing.line(at),
        "heard": _arrival(standing.heard) if standing.heard else None,
        "kinds": [_arrival(a) for a in standing.kinds],
        "under_way_s": {"envelopes": len(standing.lags), "median": lag[0], "longest": lag[1]}
        if lag
        else None,
        "clock_ahead_s": standing.lead.total_seconds(),
        "missing": [list(span) for span in standing.missing],
        "not_acted_upon": dict(standing.unfit),
        "confirmed": {
            "own": standing.own,
            "handled": standing.told.handled,
            "missing": [list(span) for span in standing.told.missing],
            "refused": list(standing.told.refused),
            "said_at": iso(standing.told.at) if standing.told.at else None,
        },
        "waits": {"envelopes": count, "since": iso(since) if since else None},
        "stopped": standing.fault,
    }


def _arrival(one: Arrival) -> Plain:
    created, received = iso(one.created_at), iso(one.received_at)
    head = {"kind": one.kind, "number": one.sequence, "world": one.world}
    return {
        **head,
        "written": created,
        "received": received,
        "outcome": one.outcome or "waits",
        "note": one.note,
    }


def _fresh(fresh: Freshness, standing: Standing, programme: Programme, at: datetime) -> Plain:
    """Return until when measurements go, and which bulletins stand for the hour at which they are due."""
    own = fresh.our_bulletin
    return {
        "measured_until": {
            "theirs": iso(fresh.theirs_until) if fresh.theirs_until else None,
            "ours": iso(fresh.ours_until) if fresh.ours_until else None,
        },
        "bulletins": {
            "hour": f"{programme.due:%H:%M} {programme.timezone}",
            "next_due": iso(programme.next_due(at)),
            "theirs": _bulletin(fresh.their_bulletin, programme, at),
            "ours": _bulletin(own, programme, at)
            | {"confirmed": own is not None and own.number <= standing.told.handled},
        },
    }


def _bulletin(bulletin: Issued | None, programme: Programme, at: datetime) -> Plain:
    due = stands_for(bulletin, programme, at)
    return {
        "for": iso(due),
        "issued": iso(bulletin.issued_at) if bulletin else None,
        "at": iso(bulletin.at) if bulletin else None,
        "said": said_of(bulletin, due, programme, at),
    }


def _offers(ws: Workspace, at: datetime) -> list[Plain]:
    """Return the joint texts that still wait for a vote, the nearest deadline first."""
    with ws.ledger.read() as conn:
        found = [row for slot in recent_slots(conn) for row in _offer(conn, slot, at)]
    return sorted(found, key=lambda row: str(row["until"]))


def _offer(conn: Connection, slot: str, at: datetime) -> list[Plain]:
    state, rows = state_of(conn, slot), statements_of(conn, slot)
    offers = [r for r in rows if r.kind == "offer"]
    if state.phase == "agreed" or not offers:
        return []
    text = offered_text(offers[-1])
    if parse_instant(text["review_deadline"]) <= at:
        return []
    lacking = [p for p in slot_parties(rows) if state.vote_of(p) is None]
    return [
        {
            "what": "joint text",
            "of": ", ".join(lacking),
            "until": text["review_deadline"],
            "about": f"{offers[-1].warning_id} v{offers[-1].version} of {text['world']}",
            "text": f"offered by {', '.join(dict.fromkeys(r.party for r in offers))}, round {state.round}",
        }
    ]


def _questions(ws: Workspace) -> list[Plain]:
    """Return the questions that nobody has answered; past its deadline one names whom to ring."""
    return [
        {
            "what": "question",
            "of": row["asked"].rpartition(" ")[2],
            "until": row["due"],
            "about": row["subject"],
            "text": row["text"] + (f" (overdue: ring {row['ring']})" if row["ring"] else ""),
        }
        for row in consultations(ws)["questions"]
        if not row["answer"]
    ]


def _refused(ws: Workspace, at: datetime) -> list[Plain]:
    """Return what was refused in the last seven days, newest first."""
    with ws.ledger.read() as conn:
        rows = [r for r in read_refused(conn) if r.at > at - WEEK]
    return [
        {"at": iso(r.at), "way": r.transport, "name": r.name, "reason": r.reason, "what": r.what}
        for r in rows
    ]


def _keys(ws: Workspace, at: datetime) -> list[Plain]:
    """Return the parties whose last key ends soon."""
    found = []
    ring = keyring_of(ws, whole=False)
    for party in parties():
        usable = [k for k in ring.of(party) if k.revoked_at is None]
        ends = [k.valid_to for k in usable if k.valid_to is not None]
        if usable and len(ends) == len(usable) and max(ends) <= at + ENDS_SOON:
            found.append({"party": party, "ends": iso(max(ends))})
    return found
