"""How a warning stands, in one digest: a decision about it as it was shown holds only while that lasts."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from pipeline.errors import Changed
from pipeline.exchange.canonical import digest
from pipeline.ledger.agreement import statements_about
from pipeline.ledger.warnings import read_signatures, read_versions
from pipeline.times import iso

Plain = dict[str, Any]


def standing(conn: Connection, warning_id: str) -> Plain:
    """Return what decides about a warning: its texts with their states, who decided how, who offered what.

    ``versions`` has one row a version, ``decisions`` one a signature, ``statements`` one a word of two nodes.

    >>> import tempfile
    >>> from alerts.examples import example_content
    >>> from alerts.warnings import propose_version
    >>> from pipeline.ledger import open_ledger
    >>> from pipeline.times import parse_instant
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ledger = open_ledger(f"sqlite:///{folder}/ledger.sqlite")
    ...     with ledger.write() as conn:
    ...         filed = propose_version(conn, example_content(), parse_instant("2026-01-14T08:10Z"))
    ...         found = standing(conn, filed.warning_id)
    ...     ledger.close()
    >>> [row["state"] for row in found["versions"]], found["decisions"]
    (['draft'], [])
    """
    versions = read_versions(conn, warning_id)
    return {
        "versions": [
            {"version": v.version, "revision": v.revision, "digest": v.content_digest, "state": v.state}
            for v in versions
        ],
        "decisions": [
            {
                "version": v.version,
                "party": s.party,
                "person": s.person,
                "decision": s.decision,
                "reason": s.reason,
                "digest": s.content_digest,
                "at": iso(s.at),
            }
            for v in versions
            for s in read_signatures(conn, warning_id, v.version)
        ],
        "statements": [
            {"version": v.version, "kind": r.kind, "party": r.party, "round": r.round, "digest": r.digest}
            for v in versions
            for r in statements_about(conn, warning_id, v.version)
        ],
    }


def standing_digest(conn: Connection, warning_id: str) -> str:
    """Return the digest of :func:`standing`."""
    return digest(standing(conn, warning_id))


def check_standing(conn: Connection, warning_id: str, shown: str) -> None:
    """Refuse to go on where a warning does not stand as it was shown; an empty digest asks for nothing.

    Raises
    ------
    Changed
        somebody decided, wrote or issued something since
    """
    if shown and shown != standing_digest(conn, warning_id):
        raise Changed(f"warning {warning_id} has changed since it was shown; look again")
