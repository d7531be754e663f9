"""The list of warnings: one row a warning, with what can be filtered and how far it was acknowledged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final, Literal

from sqlalchemy import Connection

from alerts.content import WarningContent
from alerts.versions import CLOSED, IN_FORCE, OPEN
from pipeline.ledger.acknowledgements import read_acknowledgements
from pipeline.ledger.deliveries import CARRIERS, read_outbox
from pipeline.ledger.warnings import VersionRow, read_versions
from pipeline.ledger.warnings_newest import newest_versions, places_in_state
from pipeline.times import parse_instant
from review.embargo import is_told

Which = Literal["all", "open", "force", "over"]
STATES: Final[Mapping[Which, tuple[str, ...]]] = {
    "all": (),
    "open": OPEN,
    "force": IN_FORCE,
    "over": (*CLOSED, "expired", "rejected"),
}
ROWS: Final = 50


@dataclass(frozen=True)
class Filters:
    """What is asked for: a world or all, a group of states, a product, a city, and how many rows to skip."""

    world: str = ""
    which: Which = "all"
    product: str = ""
    city: str = ""
    skip: int = 0


@dataclass(frozen=True)
class ListedWarning:
    """One warning as its newest version has it; ``sent`` and ``acknowledged`` count recipients."""

    row: VersionRow
    content: WarningContent
    versions: int
    sent: int
    acknowledged: int

    @property
    def onset(self) -> datetime:
        """Return from when on it warns."""
        return parse_instant(self.content.onset)


def listed(
    conn: Connection, filters: Filters, *, issued_only: bool, until: datetime | None
) -> tuple[list[ListedWarning], bool]:
    """Return the warnings that fit, newest first, and whether there are more.

    Parameters
    ----------
    issued_only : leave out what was never sent
    until : the newest cycle that is shown, None for no limit
    """
    fitting = _fitting(conn, filters, issued_only, until)
    chosen = list(islice(fitting, filters.skip, filters.skip + ROWS + 1))
    return [_listed(conn, rows) for rows in chosen[:ROWS]], len(chosen) > ROWS


def _fitting(
    conn: Connection, filters: Filters, issued_only: bool, until: datetime | None
) -> Iterator[list[VersionRow]]:
    """Yield the visible versions of each warning that fits, newest first, read as far as it is asked."""
    seen = set[str]()
    among = places_in_state(conn, (*IN_FORCE, *CLOSED)) if issued_only else None
    for row in newest_versions(conn, filters.world or None, among=among):
        if row.warning_id in seen or not visible(row, issued_only=issued_only, until=until):
            continue
        seen.add(row.warning_id)
        every = sorted(read_versions(conn, row.warning_id), key=lambda r: (r.at, r.version), reverse=True)
        rows = [one for one in every if visible(one, issued_only=issued_only, until=until)]
        if _fits(rows, filters):
            yield rows


def visible(row: VersionRow, *, issued_only: bool, until: datetime | None) -> bool:
    """Tell whether a version is shown to somebody who sees what was issued only, or old cycles only."""
    if issued_only and row.state not in (*IN_FORCE, *CLOSED):
        return False
    return is_told(row, until)


def _fits(rows: Sequence[VersionRow], filters: Filters) -> bool:
    wanted = STATES[filters.which]
    cities = {str(city["city"]) for row in rows for city in row.content["cities"]}
    return (
        (not wanted or any(row.state in wanted for row in rows))
        and filters.product in ("", rows[0].content["product"])
        and (not filters.city or filters.city in cities)
    )


def _listed(conn: Connection, rows: Sequence[VersionRow]) -> ListedWarning:
    """Return a warning by its versions, newest first; recipients are those of the newest that was sent."""
    said = next((r for r in rows if r.state in (*IN_FORCE, *CLOSED)), rows[0])
    sent = read_outbox(conn, said.warning_id, said.version)
    reached = {m.recipient for m in sent if m.purpose in CARRIERS and m.state == "sent"}
    known = {a.recipient for a in read_acknowledgements(conn, said.warning_id, said.version)}
    content = WarningContent.from_dict(rows[0].content)
    return ListedWarning(rows[0], content, len(rows), len(reached), len(known & reached))
