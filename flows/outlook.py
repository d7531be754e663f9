"""The weekly joint outlook: both sides' forecasts of the coming days, and what came of the last week.

It is drafted by the system and signed off by people of every party before it leaves. It is no warning and
starts none: its numbers are those of the run that it names.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from flows.assess import policy_of
from flows.node import parties
from flows.outlook_days import ahead_of, last_week_of, later_of, past_of, stated_of
from flows.runview import find_run
from flows.said import Speaker, is_whole, say
from flows.workspace import Workspace
from pipeline.cities import all_cities
from pipeline.errors import ReviewError, UsageError
from pipeline.ledger.audit import append_audit
from pipeline.ledger.runs import RunRow, list_runs
from pipeline.ledger.season import DocumentRow, keep_document, read_documents, read_party_statements
from pipeline.names import is_simulated
from pipeline.season import calendar_of
from pipeline.times import iso

Plain = dict[str, Any]

SCHEMA: Final = 1
PROGRAM: Final = "outlook"
"""Who drafts outlooks in the trail where nobody asked for it."""

MANY: Final = 1_000_000
FRESH: Final = timedelta(hours=36)
"""An outlook rests on a cycle that is no older than this; else it is refused."""


def outlook_of(ws: Workspace, run: RunRow, due: datetime, as_of: datetime) -> Plain:
    """Return an outlook as plain data; the same ledger, store and instant give the same."""
    calendar = calendar_of(ws.settings.season_file)
    day, policy, past = calendar.day_of(due), policy_of(ws), past_of(ws, run, as_of)
    return {
        "schema": SCHEMA,
        "outlook": outlook_name(due, calendar.rhythm.outlook_timezone),
        "world": run.world,
        "simulated": is_simulated(run.world),
        "as_of": iso(as_of),
        "due": iso(due),
        "season_active": calendar.active(day),
        "winter": calendar.winter_of(day),
        "calendar": [
            {"party": row.party, "names": row.names, "to": last.isoformat(), "mark": row.mark}
            for row, _, last in calendar.in_force(day)
        ],
        "run": run.id,
        "cycle": iso(run.cycle),
        "degraded": run.degraded,
        "cities": [
            {
                "city": city.id,
                "ahead": ahead_of(ws, run, city),
                "later": later_of(run.cycle, city, policy.thresholds(city.id)[0], past),
                "stated": stated_of(ws, run, city, as_of),
                "last_week": last_week_of(ws, run, city, as_of, past),
            }
            for city in all_cities().values()
        ],
    }


def outlook_name(due: datetime, timezone: str) -> str:
    """Return the name of the outlook that is due at an instant.

    >>> from pipeline.times import parse_instant
    >>> outlook_name(parse_instant("2020-01-09T07:00Z"), "Asia/Seoul")
    'week-20200109'
    """
    return f"week-{due.astimezone(ZoneInfo(timezone)):%Y%m%d}"


def build_outlook(
    ws: Workspace, world: str, at: datetime | None = None, *, actor: str = PROGRAM
) -> DocumentRow:
    """Draft the outlook that is due nearest to an instant, from the newest cycle by then, and keep it.

    In a simulated world, which stands still, the present is that of its newest run.

    Parameters
    ----------
    actor : who asked for it, for the trail

    Raises
    ------
    UsageError
        no cycle ran in the last 36 hours
    """
    run = _run_of(ws, world, at)
    when = max(run.as_of, at) if at is not None else run.as_of if is_simulated(world) else ws.clock()
    when = when.replace(microsecond=0)
    if when - run.cycle > FRESH:
        raise UsageError(
            f"the newest cycle of {world} is {iso(run.cycle)}, too old for an outlook at {iso(when)}; "
            "run a newer one, or name an instant with --at"
        )
    due = calendar_of(ws.settings.season_file).rhythm.outlook_nearest(when)
    content = outlook_of(ws, run, due, when)
    name = str(content["outlook"])
    with ws.ledger.write() as conn:
        before = len(read_documents(conn, "outlook", world, name))
        kept = keep_document(conn, DocumentRow("outlook", name, 0, world, when, "", content, ws.clock()))
        if kept.version > before:
            payload = {"world": world, "version": kept.version, "digest": kept.digest}
            append_audit(
                conn,
                at=kept.at,
                actor=actor,
                action="season.outlook_drafted",
                subject=name,
                payload=payload,
            )
    return kept


def _run_of(ws: Workspace, world: str, at: datetime | None) -> RunRow:
    if at is None:
        return find_run(ws, world, None)
    with ws.ledger.read() as conn:
        known = [r for r in list_runs(conn, world, limit=MANY) if r.is_current and r.status == "finished"]
    before = [r for r in known if r.cycle <= at]
    if not before:
        raise UsageError(f"no cycle of {world} at or before {iso(at)} has run; see `sameair status`")
    return max(before, key=lambda r: r.cycle)


def current_outlook(ws: Workspace, world: str, name: str) -> DocumentRow:
    """Return the version of an outlook that counts; UsageError where none was drafted.

    That is the newest, unless every party signed another after it was drafted: where two nodes offered each
    other a text at once, both hold the same to be the one that was signed last.
    """
    with ws.ledger.read() as conn:
        versions = read_documents(conn, "outlook", world, name)
    if not versions:
        raise UsageError(f"no outlook {name} of {world} was drafted; `sameair outlook draft` drafts one")
    newest = versions[-1]
    signed = [(_signed_at(ws, row), row.version) for row in versions if not lacking(ws, row)]
    if not signed:
        return newest
    last, number = max(signed)
    return versions[number - 1] if iso(newest.at) <= last else newest


def _signed_at(ws: Workspace, row: DocumentRow) -> str:
    """Return when a version got the first sign-off of the party that signed it last."""
    first: dict[str, str] = {}
    for one in approvals_of(ws, row):
        first.setdefault(one["party"], one["at"])
    return max(first.values())


def approve_outlook(ws: Workspace, row: DocumentRow, who: Speaker) -> Plain:
    """Sign off the newest version of an outlook for one party."""
    said = say(ws, "outlook", (row.world, row.subject), who, {"digest": row.digest})
    return {"outlook": row.subject, "version": row.version, "approved": said.party, "at": iso(said.at)}


def approvals_of(ws: Workspace, row: DocumentRow) -> list[Plain]:
    """Return who signed off this version, in whose name; one whose signature does not hold is left out."""
    with ws.ledger.read() as conn:
        said = read_party_statements(conn, "outlook", world=row.world, subject=row.subject)
    return [
        {"party": s.party, "person": s.person, "at": iso(s.at)}
        for s in said
        if s.body["digest"] == row.digest and is_whole(s)
    ]


def lacking(ws: Workspace, row: DocumentRow) -> list[str]:
    """Return the parties whose sign-off a version lacks."""
    signed = {one["party"] for one in approvals_of(ws, row)}
    return [party for party in parties() if party not in signed]


def check_signed(ws: Workspace, row: DocumentRow) -> None:
    """Refuse to let leave what a party has not signed off; raises ReviewError naming it."""
    missing = lacking(ws, row)
    if missing:
        raise ReviewError(
            f"outlook {row.subject} v{row.version} lacks the sign-off of {', '.join(missing)}; "
            "`sameair outlook approve` gives it"
        )
