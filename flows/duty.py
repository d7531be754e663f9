"""The duty rota: who is on duty at each party, shift by shift, as each party enters it for itself."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from flows.node import parties
from flows.said import Speaker, is_whole, say, words
from flows.workspace import Workspace
from pipeline.cities import all_cities
from pipeline.errors import UsageError
from pipeline.ledger.season import insert_telephone, read_party_statements, read_telephones
from pipeline.names import MEASURED
from pipeline.season import Calendar, calendar_of
from pipeline.times import iso, local_date, parse_instant, to_utc

Plain = dict[str, Any]

_TELEPHONE: Final = re.compile(r"\+?[0-9][0-9 ()/-]{3,38}")
LONGEST_NAME: Final = 120
NOTES: Final = timedelta(days=3)


@dataclass(frozen=True)
class Shift:
    """One shift of a party, [begins, ends) in UTC; ``local`` is how its party writes its beginning."""

    party: str
    begins: datetime
    ends: datetime
    local: str

    @property
    def subject(self) -> str:
        """Return the name under which the shift is entered."""
        return f"{self.party}|{iso(self.begins)}"


def zone_of(party: str) -> str:
    """Return the time zone of a party: that of its cities.

    >>> zone_of("seoul")
    'Asia/Seoul'
    """
    return next(c.timezone for c in all_cities().values() if c.party == party)


def shifts_between(calendar: Calendar, party: str, since: datetime, until: datetime) -> tuple[Shift, ...]:
    """Return the shifts of a party that touch [since, until), by the hours of its own clock.

    >>> first, last = parse_instant("2026-12-01"), parse_instant("2026-12-02")
    >>> [shift.local for shift in shifts_between(calendar_of(), "seoul", first, last)]
    ['2026-12-01 08:00', '2026-12-01 20:00', '2026-12-02 08:00']
    """
    zone = zone_of(party)
    day, last = local_date(since, zone) - timedelta(days=2), local_date(until, zone) + timedelta(days=2)
    begins: list[tuple[date, time]] = []
    while day <= last:
        begins += [(day, hour) for hour in calendar.rhythm.shifts]
        day += timedelta(days=1)
    instants = [to_utc(datetime.combine(d, hour, ZoneInfo(zone))) for d, hour in begins]
    found = [
        Shift(party, at, ends, f"{d.isoformat()} {hour:%H:%M}")
        for (d, hour), at, ends in zip(begins, instants, instants[1:], strict=False)
    ]
    return tuple(shift for shift in found if shift.begins < until and since < shift.ends)


def enter_shift(ws: Workspace, who: Speaker, begins: str, name: str, telephone: str = "") -> Plain:
    """Enter who has a shift; a later entry counts, the earlier one stays. An empty name leaves it open.

    Parameters
    ----------
    begins : local beginning of the shift, as ``2026-12-01 08:00``
    telephone : kept on this node alone; it is in no statement, envelope or log

    Raises
    ------
    UsageError
        no shift of the calendar begins then, or what is given is no telephone number
    """
    shift = _named(ws, who.party, begins)
    if telephone and not _TELEPHONE.fullmatch(telephone):
        raise UsageError("--telephone is no telephone number; write it like +82 2 1234 5678")
    on_duty = words("--on", name, LONGEST_NAME) if name else ""
    said = say(ws, "shift", (MEASURED, shift.subject), who, {"on_duty": on_duty})
    if telephone:
        with ws.ledger.write() as conn:
            if said.id not in read_telephones(conn):
                insert_telephone(conn, said.id, telephone)
    return {
        "party": shift.party,
        "shift": shift.local,
        "on duty": on_duty or "nobody",
        "entered": iso(said.at),
    }


def note_handover(ws: Workspace, who: Speaker, text: str) -> Plain:
    """Leave a note for the next shift of one's own party."""
    now = ws.clock()
    calendar = calendar_of(ws.settings.season_file)
    (shift, *_) = shifts_between(calendar, _known(who.party), now, now + timedelta(seconds=1))
    said = say(ws, "handover", (MEASURED, shift.subject), who, {"text": words("--text", text, 1000)})
    return {"party": said.party, "shift": shift.local, "noted": iso(said.at)}


def rota_of(ws: Workspace, since: datetime, until: datetime) -> list[Plain]:
    """Return the shifts of every party that touch a time, with who is on duty; empty: nobody entered.

    Telephone numbers are those entered on this node.
    """
    calendar = calendar_of(ws.settings.season_file)
    shifts = [shift for party in parties() for shift in shifts_between(calendar, party, since, until)]
    wanted = {shift.subject for shift in shifts}
    with ws.ledger.read() as conn:
        rows = read_party_statements(conn, "shift", world=MEASURED)
        said = {(s.party, s.subject): s for s in rows if s.subject in wanted and is_whole(s)}
        numbers = read_telephones(conn)
    found = []
    for shift in shifts:
        entry = said.get((shift.party, shift.subject))
        found.append(
            {
                "party": shift.party,
                "shift": shift.local,
                "begins": iso(shift.begins),
                "ends": iso(shift.ends),
                "on_duty": entry.body["on_duty"] if entry else "",
                "telephone": numbers.get(entry.id, "") if entry else "",
            }
        )
    return sorted(found, key=lambda row: (row["begins"], row["party"]))


def notes_of(ws: Workspace, since: datetime) -> list[Plain]:
    """Return the handover notes left since an instant, oldest first."""
    with ws.ledger.read() as conn:
        said = read_party_statements(conn, "handover", world=MEASURED)
    return [
        {"party": s.party, "person": s.person, "at": iso(s.at), "text": s.body["text"]}
        for s in said
        if s.at >= since
    ]


def gaps_of(ws: Workspace, now: datetime) -> list[Plain]:
    """Return the shifts without anybody that the rota should name by now; only days of the mode count.

    Of two nodes each looks for its own party's gaps.
    """
    calendar = calendar_of(ws.settings.season_file)
    mine: Sequence[str] = [ws.settings.party] if ws.settings.party else parties()
    rows = rota_of(ws, now, now + calendar.rhythm.rota)
    return [
        row
        for row in rows
        if row["party"] in mine and not row["on_duty"] and calendar.active_at(parse_instant(row["begins"]))
    ]


def _known(party: str) -> str:
    if party not in parties():
        raise UsageError(f"--party {party}: there are {', '.join(parties())}")
    return party


def _named(ws: Workspace, party: str, begins: str) -> Shift:
    """Return the shift that begins at a local time."""
    try:
        local = datetime.fromisoformat(begins.strip()).replace(tzinfo=ZoneInfo(zone_of(_known(party))))
    except ValueError:
        raise UsageError(f"--shift {begins} is no local time; write it like '2026-12-01 08:00'") from None
    calendar, at = calendar_of(ws.settings.season_file), to_utc(local)
    for shift in shifts_between(calendar, party, at, at + timedelta(seconds=1)):
        if shift.begins == at:
            return shift
    hours = ", ".join(f"{hour:%H:%M}" for hour in calendar.rhythm.shifts)
    raise UsageError(f"no shift of {party} begins at {begins}; shifts begin at {hours} of its clock")
