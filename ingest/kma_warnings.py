"""Asian-dust advisories and warnings of KMA (황사 특보): issued, changed and lifted, by warning zone.

``wrn_met_data.php?wrn=Y`` lists commands, ``TM_FC, TM_EF, TM_IN, STN, REG_ID, WRN, LVL, CMD, GRD, CNT, RPT,
=`` apart by commas, times in KST. ``LVL`` 1 preliminary, 2 advisory (주의보), 3 warning (경보); ``CMD`` 1
issued, 2 replaced, 3 lifted, 4 lifted by replacement, 5 extended, 6 changed, 7 lifted by change. A change of
level comes as a replacement or change with the new level and ends the old one. Names of zones are in
``wrn_reg.php``, apart by blanks and with the time for which they hold (zones were redrawn in May 2026); both
tables are fetched together, and a key that was not granted the second gets zones without names. Since 2017
only the warning is issued: hourly PM10 of 800 ug m-3 for two hours. Formats as recorded in public programs:
unverified by us.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from ingest.feeds import Ask, Due, Feed, RawAnswer, SourceConfig, Timing
from ingest.kma_wire import END, SOURCE, get_answer, label, parse_label, read_table, service, whole
from ingest.wire import REMEDY, Parsed, nothing
from pipeline.bulletins import Bulletin
from pipeline.errors import BadPayload, Refused
from pipeline.http import Http
from pipeline.times import iso

COMMANDS: Final = "typ01/url/wrn_met_data.php"
ZONES: Final = "typ01/url/wrn_reg.php"
DUST: Final = "Y"
LEVELS: Final = {"1": "preliminary", "2": "advisory", "3": "warning"}
OPENING: Final = frozenset("1256")
CLOSING: Final = frozenset("347")
PRELIMINARY: Final = "1"
LIFTED: Final = "3"
"""Ends whatever is in force, even where it names another level; 4 and 7 end the level they name."""
LAST_COLUMN: Final = "RPT"
LOOK_BACK: Final = timedelta(days=10)
"""A dust warning lasts a few days; one that began before the first command we see cannot be told."""
HOURLY: Final = Timing(delay=timedelta(0), keeps=timedelta(days=60))

_COMMAND = re.compile(r"\d{12}\s*,", re.ASCII)


class Zone(NamedTuple):
    """One name of a warning zone, and when it holds [UTC]."""

    code: str
    since: datetime
    until: datetime
    upper: str
    name: str


class Command(NamedTuple):
    """One line: when it was issued and takes effect [UTC], where, and what it says."""

    issued_at: datetime
    effective_at: datetime
    zone: str
    level: str
    command: str


def get_commands(http: Http, config: SourceConfig, parameters: Mapping[str, str]) -> bytes:
    """Ask for the commands issued from ``tmfc1`` to ``tmfc2`` (KST) and for the zones; return both tables."""
    query = {"reg": "0", "wrn": DUST, "disp": "0", "help": "0", **parameters}
    commands = get_answer(http, config, COMMANDS, query)
    if END.encode() not in commands:
        return commands
    try:
        zones = get_answer(http, config, ZONES, {"help": "0"})
    except Refused:
        return commands
    return commands.rstrip() + b"\n" + zones


def parse_commands(payload: bytes) -> Parsed:
    r"""Read the commands, and the zones that may follow them, as bulletins of kind ``dust``.

    A bulletin is one level in one zone from its issue to its end; ``valid_until`` is None while in force.
    Its content: ``district`` and ``area`` (names, or the zone's code), ``level``, ``value`` (None: KMA gives
    none), ``lifted_at`` and ``zone``.

    Raises
    ------
    SourceError
        refusals, or nothing that reads

    Examples
    --------
    >>> text = ("#START7777\n"
    ...     "202603220900, 202603221000, 202603220855, 109, L1010100, Y, 3, 1, 00, 4, 101, =\n"
    ...     "202603221500, 202603221600, 202603221455, 109, L1010100, Y, 3, 3, 00, 4, 101, =\n#7777END\n")
    >>> bulletin = parse_commands(text.encode()).bulletins[0]
    >>> bulletin.content["level"], bulletin.valid_until.isoformat()
    ('warning', '2026-03-22T07:00:00+00:00')
    """
    table = read_table(payload, _line, LAST_COLUMN)
    if not table.whole:
        # What stood behind the cut may have lifted what stands before it, or named it.
        raise table.left_out[0]
    zones = [row for row in table.rows if isinstance(row, Zone)]
    by_zone: dict[str, list[Command]] = {}
    for row in sorted({row for row in table.rows if isinstance(row, Command)}, key=_order):
        by_zone.setdefault(row.zone, []).append(row)
    bulletins = [b for rows in by_zone.values() for b in (*_in_force(rows, zones), *_announced(rows, zones))]
    empty = nothing()
    return Parsed(empty.observations, empty.stations, tuple(bulletins), left_out=table.left_out)


def _line(line: str) -> Zone | Command | None:
    """Read one line of either table; None for a command about other weather."""
    if not _COMMAND.match(line):
        return _zone(line)
    parts = [part.strip() for part in line.split(",")]
    if len(parts) < 8 or not re.fullmatch(r"[A-Z]\w{1,15}", parts[4], re.ASCII):
        raise BadPayload(SOURCE, f"{line[:60]!r} is no command", field="REG_ID", remedy=REMEDY)
    if parts[5] != DUST:
        return None
    if parts[6] not in LEVELS or parts[7] not in OPENING | CLOSING:
        raise BadPayload(SOURCE, f"level {parts[6][:9]!r} by {parts[7][:9]!r}", field="CMD", remedy=REMEDY)
    return Command(
        parse_label(parts[0], "TM_FC"), parse_label(parts[1], "TM_EF"), parts[4], parts[6], parts[7]
    )


def _zone(line: str) -> Zone:
    parts = line.split()
    if len(parts) < 6 or not re.fullmatch(r"[A-Z]\w{1,15}", parts[0], re.ASCII):
        raise BadPayload(SOURCE, f"{line[:60]!r} is no warning zone", field="REG_ID", remedy=REMEDY)
    since, until = parse_label(parts[1], "TM_ST"), parse_label(parts[2], "TM_ED")
    return Zone(parts[0], since, until, parts[4], " ".join(parts[6:]) or parts[5])


def _order(row: Command) -> tuple[datetime, bool, datetime, str]:
    """Return what puts commands in order; of one instant, an end comes before a beginning."""
    return row.issued_at, row.command in OPENING, row.effective_at, row.level


def _in_force(commands: Iterable[Command], zones: list[Zone]) -> list[Bulletin]:
    """Return the advisories and warnings of a zone, one after the other, from its commands in order."""
    out: list[Bulletin] = []
    began: Command | None = None
    for row in commands:
        if row.level == PRELIMINARY:
            continue
        if began is not None and _ends(row, began):
            out.append(_bulletin(began, row, zones))
            began = None
        if row.command in OPENING:
            began = began or row
    if began is not None:
        out.append(_bulletin(began, None, zones))
    return out


def _announced(commands: Iterable[Command], zones: list[Zone]) -> list[Bulletin]:
    """Return the preliminary notices of a zone; one ends when it is lifted or when it comes true."""
    out: list[Bulletin] = []
    began: Command | None = None
    for row in commands:
        true_now = row.level != PRELIMINARY and row.command in OPENING
        if began is not None and (true_now or (row.level == PRELIMINARY and row.command in CLOSING)):
            out.append(_bulletin(began, row, zones))
            began = None
        if row.level == PRELIMINARY and row.command in OPENING:
            began = began or row
    if began is not None:
        out.append(_bulletin(began, None, zones))
    return out


def _ends(row: Command, began: Command) -> bool:
    """Tell whether a command ends what another began."""
    if row.command in OPENING:
        return row.level != began.level
    return row.command == LIFTED or row.level == began.level


def _bulletin(began: Command, end: Command | None, zones: list[Zone]) -> Bulletin:
    ended_at = None if end is None else end.effective_at
    area, upper = _named(began.zone, began.issued_at, zones)
    content = {
        "district": _named(upper, began.issued_at, zones)[0],
        "area": area,
        "level": LEVELS[began.level],
        "value": None,
        "lifted_at": None if ended_at is None else iso(ended_at),
        "zone": began.zone,
    }
    key = f"{began.zone}/{iso(began.issued_at)}/{began.level}"
    return Bulletin(SOURCE, "dust", key, began.issued_at, began.effective_at, ended_at, content)


def _named(code: str, when: datetime, zones: list[Zone]) -> tuple[str, str]:
    """Return the name of a zone at an instant and the zone above it; its code where no name is known."""
    names = [zone for zone in zones if zone.code == code]
    held = [zone for zone in names if zone.since <= when <= zone.until] or names
    return (held[-1].name, held[-1].upper) if held else (code, "")


def feeds(config: SourceConfig) -> list[Feed]:
    """Return the dust advisories and warnings, hourly."""

    def asks(due: Due) -> list[Ask]:
        first = min(due.instants) - LOOK_BACK
        period = {"tmfc1": label(first), "tmfc2": label(due.now)}
        return [Ask(COMMANDS, f"dust advisories since {label(first)} KST", period, whole(due))]

    def read(answer: RawAnswer) -> Parsed:
        return parse_commands(answer.payload)

    return [
        Feed(
            "kma.dust_advisories",
            SOURCE,
            HOURLY,
            service(config),
            asks,
            lambda http, ask: get_commands(http, config, ask.parameters),
            read,
            sporadic=True,
        )
    ]
