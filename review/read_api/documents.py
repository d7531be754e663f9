"""Documents of the API from rows of the ledger."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from alerts.content import WarningContent
from alerts.plain_text import one_line
from alerts.versions import required_parties
from pipeline.ledger.deliveries import OutboxRow
from pipeline.ledger.episodes import EpisodeRow
from pipeline.ledger.runs import RunRow
from pipeline.ledger.warnings import EventRow, SignatureRow, VersionRow, read_signatures
from pipeline.names import is_simulated
from pipeline.times import iso
from review.read_api.models import Delivery, Episode, Event, Run, Signature, Version, WholeVersion


def run_document(run: RunRow) -> Run:
    """Return a run."""
    return Run(
        id=run.id,
        world=run.world,
        simulated=is_simulated(run.world),
        cycle=iso(run.cycle),
        as_of=iso(run.as_of),
        status=run.status,
        is_current=run.is_current,
        model_id=run.model_id,
        degraded=one_line(run.degraded),
        error=one_line(run.error),
        code_version=run.code_version,
        begun_at=iso(run.begun_at),
        ended_at=iso(run.ended_at) if run.ended_at else None,
        products=sorted(run.products),
    )


def version_document(row: VersionRow) -> Version:
    """Return one version as it stands in a list."""
    return Version.model_validate(_facts(row))


def whole_version(
    conn: Connection,
    row: VersionRow,
    events: Sequence[EventRow],
    messages: Sequence[OutboxRow],
    *,
    persons: bool,
) -> WholeVersion:
    """Return one version with its life; addresses of recipients stay inside.

    Parameters
    ----------
    messages : as far as the one who asks may see deliveries
    persons : whether it says who decided, and why; else only which party
    """
    signatures = read_signatures(conn, row.warning_id, row.version)
    content = WarningContent.from_dict(row.content)
    decided = {s.party for s in signatures if s.content_digest == row.content_digest}
    return WholeVersion.model_validate(
        {
            **_facts(row),
            "content": row.content,
            "unsigned": [party for party in required_parties(content) if party not in decided],
            "events": [
                Event(state=e.state, actor=e.actor if persons else "", at=iso(e.at))
                for e in events
                if e.version == row.version
            ],
            "signatures": [_signature(s, persons=persons) for s in signatures],
            "deliveries": [_delivery(m) for m in messages if m.version == row.version],
        }
    )


def episode_document(row: EpisodeRow) -> Episode:
    """Return an episode as its newest revision has it."""
    return Episode(
        id=row.id,
        world=row.world,
        simulated=is_simulated(row.world),
        party=row.party,
        city=row.city,
        quantity=row.quantity,
        state=row.state,
        revision=row.revision,
        run_id=row.run_id,
        onset=iso(row.onset),
        until=iso(row.until),
        at=iso(row.at),
    )


def _facts(row: VersionRow) -> dict[str, object]:
    named = ("world", "simulated", "cap_status", "product", "kind", "level")
    return {
        "warning_id": row.warning_id,
        "version": row.version,
        "state": row.state,
        **{name: row.content[name] for name in named},
        "content_digest": row.content_digest,
        "review_deadline": iso(row.review_deadline),
        "expires": iso(row.expires),
    }


def _signature(row: SignatureRow, *, persons: bool) -> Signature:
    return Signature(
        party=row.party,
        person=row.person if persons else "",
        decision=row.decision,
        reason=row.reason if persons else "",
        drill=row.drill,
        content_digest=row.content_digest,
        at=iso(row.at),
    )


def _delivery(row: OutboxRow) -> Delivery:
    return Delivery(
        recipient=row.recipient,
        state=row.state,
        attempts=row.attempts,
        sent_at=iso(row.sent_at) if row.sent_at else None,
    )
