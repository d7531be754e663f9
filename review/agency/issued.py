"""What was issued, as one party's agencies see it: warnings that concern it, and the bulletins for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from alerts.content import WarningContent
from alerts.feed import cap_name
from alerts.versions import IN_FORCE, required_parties
from alerts.vocabulary import Language
from alerts.wording import Text, wording
from pipeline.cities import all_cities
from pipeline.ledger.acknowledgements import AcknowledgementRow, read_acknowledgements
from pipeline.ledger.mailbox import message_to
from pipeline.ledger.runs import RunRow, get_run, newest_current_run
from pipeline.ledger.warnings import VersionRow, issued_versions, read_events, read_in_state
from pipeline.ledger.warnings_newest import newest_versions, versions_saying
from pipeline.settings import Settings
from review.embargo import is_told
from review.security import bulletin_file

SHOWN = 12
"""How many warnings are shown that are no longer in force."""


@dataclass(frozen=True)
class Notice:
    """A version that was issued, in the reader's language.

    ``to_us`` tells whether it went to the reader's recipient, ``said`` when and by whom it was acknowledged.
    """

    row: VersionRow
    content: WarningContent
    text: Text
    issued_at: datetime
    in_force: bool
    to_us: bool
    said: AcknowledgementRow | None

    @property
    def cap(self) -> str:
        """Return where the CAP message lies."""
        return f"/feeds/{cap_name(self.row.warning_id, self.row.version)}"


@dataclass(frozen=True)
class Paper:
    """A bulletin: of a city, or with an empty one of both."""

    run: RunRow
    city: str


def notices(
    conn: Connection,
    world: str,
    party: str | None,
    language: Language,
    recipient: str,
    until: datetime | None = None,
) -> list[Notice]:
    """Return the newest issued version of each warning, those in force first.

    Parameters
    ----------
    party : only warnings of this party; None: of all
    recipient : id of the reader's recipient, empty if there is none
    until : the newest cycle that the reader sees, None for no limit
    """
    issued = set(issued_versions(conn, world)) if world else set()
    newest: dict[str, VersionRow] = {}
    for row in _recent(conn, world) if issued else ():
        concerned = (party is None or party in row.content["parties"]) and is_told(row, until)
        if (row.warning_id, row.version) in issued and concerned:
            kept = newest.get(row.warning_id)
            newest[row.warning_id] = row if kept is None or row.version > kept.version else kept
        if sum(one.state not in IN_FORCE for one in newest.values()) > SHOWN:
            break
    rows = sorted(newest.values(), key=lambda r: (r.state in IN_FORCE, r.at), reverse=True)
    in_force = sum(row.state in IN_FORCE for row in rows)
    return [_notice(conn, row, language, recipient) for row in rows[: in_force + SHOWN]]


def _recent(conn: Connection, world: str) -> Iterator[VersionRow]:
    """Yield the versions in force, then all, newest first: who has enough reads no further."""
    yield from read_in_state(conn, IN_FORCE, world)
    yield from newest_versions(conn, world)


def papers(conn: Connection, world: str, party: str, settings: Settings) -> list[Paper]:
    """Return the bulletins for a party's agencies: its cities' own, and a joint one that both signed."""
    run = newest_current_run(conn, world) if world else None
    cities = [c.id for c in all_cities().values() if c.party == party]
    found = [Paper(run, city) for city in cities if run and bulletin_file(run, settings, city)]
    for row in reversed(read_in_state(conn, IN_FORCE, world)) if world else []:
        behind = get_run(conn, str(row.content["run_id"]))
        if behind and is_joint(row, party) and bulletin_file(behind, settings):
            found.append(Paper(behind, ""))
            break
    return found


def is_for(conn: Connection, run: RunRow, city: str, party: str) -> bool:
    """Tell whether a bulletin of a run is for the agencies of a party.

    A city's own is for those of its party; the joint one once both parties have signed the warning in it.
    """
    if city:
        known = all_cities().get(city)
        return known is not None and known.party == party
    issued = set(issued_versions(conn, run.world))
    rows = versions_saying(conn, run.world, "run_id", run.id)
    return any((r.warning_id, r.version) in issued and is_joint(r, party) for r in rows)


def is_joint(row: VersionRow, party: str) -> bool:
    """Tell whether a version needed the signatures of a party and of another."""
    parties = required_parties(WarningContent.from_dict(row.content))
    return len(parties) > 1 and party in parties


def _notice(conn: Connection, row: VersionRow, language: Language, recipient: str) -> Notice:
    content = WarningContent.from_dict(row.content)
    at = [e.at for e in read_events(conn, row.warning_id) if (e.version, e.state) == (row.version, "issued")]
    sent = message_to(conn, row.warning_id, row.version, recipient) if recipient else None
    said = read_acknowledgements(conn, row.warning_id, row.version, recipient) if recipient else []
    return Notice(
        row=row,
        content=content,
        text=wording(content, language),
        issued_at=at[0],
        in_force=row.state in IN_FORCE,
        to_us=sent is not None,
        said=said[0] if said else None,
    )
