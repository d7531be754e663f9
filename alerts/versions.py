"""What a version must be: numbered, referenced, signed by the right parties, and free of contradictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from alerts.content import Reference, WarningContent
from alerts.identifiers import alert_identifier
from alerts.recipient_checks import LEVELS
from pipeline.errors import ReviewError
from pipeline.ledger.warnings import VersionRow
from pipeline.times import iso, parse_instant

IN_FORCE: Final = ("issued", "updated")
"""States of versions that recipients hold and that a new version must reference."""

OPEN: Final = ("draft", "in_review")
"""States of versions that still wait for a decision."""

CLOSED: Final = ("ended", "cancelled")
"""States of a version after which nothing more is said under the same warning."""

_NOT_SUBSTANCE = ("version", "references", "run_id", "kind")


def required_parties(content: WarningContent) -> tuple[str, ...]:
    """Return who must sign: the owners of all its cities (both of a joint warning, one of any other).

    >>> from alerts.examples import example_content
    >>> required_parties(example_content())
    ('beijing', 'seoul')
    """
    return tuple(sorted({city.party for city in content.cities}))


def number_version(
    content: WarningContent, versions: Sequence[VersionRow], issued_at: Mapping[int, datetime]
) -> WarningContent:
    """Return the content with the number and references that it must bear after these versions.

    >>> from alerts.examples import example_content
    >>> number_version(example_content(version=9, kind="update"), [], {}).kind
    'alert'
    """
    newest = versions[-1] if versions else None
    number = 1 if newest is None else newest.version + (newest.state not in OPEN)
    references = tuple(
        Reference(r.version, alert_identifier(r.warning_id, r.version), iso(issued_at[r.version]))
        for r in versions
        if r.state in IN_FORCE
    )
    kind = content.kind
    if kind in ("alert", "update"):
        kind = "update" if references else "alert"
    elif not references:
        raise ReviewError(f"an {kind} needs a version in force, and warning {content.warning_id} has none")
    return replace(content, version=number, references=references, kind=kind)


def check_content(content: WarningContent) -> None:
    """Refuse a content that contradicts itself; raises ReviewError naming the contradiction."""
    named = {c.city for c in content.cities}
    faults = {
        "onset is not before expires": parse_instant(content.onset) >= parse_instant(content.expires),
        "as_of is after review_deadline": parse_instant(content.as_of)
        > parse_instant(content.review_deadline),
        "issue_time is not before expires": parse_instant(content.issue_time)
        >= parse_instant(content.expires),
        "it expires before its review_deadline": parse_instant(content.expires)
        < parse_instant(content.review_deadline),
        "it names no city": not content.cities,
        "a city stands there twice": len(named) < len(content.cities),
        "its parties are not those of its cities": sorted(content.parties) != [*required_parties(content)],
        "an alert follows nothing": content.kind == "alert" and bool(content.references),
        "a city's onset is not before its end": any(
            parse_instant(c.onset) >= parse_instant(c.end) for c in content.cities
        ),
        "a joint warning needs cities of two parties": content.product == "joint_warning"
        and len({c.party for c in content.cities}) < 2,
        "only a joint warning has a joint level": content.product != "joint_warning" and bool(content.level),
        f"its level is none of {', '.join(LEVELS)}": content.level not in ("", *LEVELS),
        "only a joint warning says where air comes from": content.product != "joint_warning"
        and bool(content.origins),
        "it says where the air of another city comes from": not {o.city for o in content.origins} <= named,
        "a simulated world is never Actual": content.simulated and content.cap_status == "Actual",
    }
    found = [fault for fault, is_so in faults.items() if is_so]
    if found:
        raise ReviewError(f"warning {content.warning_id} contradicts itself: {'; '.join(found)}")


def is_closed(versions: Sequence[VersionRow]) -> bool:
    """Tell whether a warning has come to its end, after which nothing more is said under its id."""
    return any(row.state in CLOSED for row in versions)


def substance(content: WarningContent) -> tuple[object, ...]:
    """Return what a content states, apart from its numbering and the run's own id."""
    closing = content.kind if content.kind in ("all_clear", "cancel") else ""
    rest = {name: value for name, value in vars(content).items() if name not in _NOT_SUBSTANCE}
    return (closing, rest)
