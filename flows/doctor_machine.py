"""Looking the machine over: disk, clock, time zones, the ledger's schema, units of systemd, packages."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flows.backup.note import newest_note
from flows.doctor_exchange import Found
from flows.workspace import Workspace
from pipeline.errors import SameairError
from pipeline.ledger.audit import newest_rows
from pipeline.ledger.migrate import current_revision, head_revision

FREE_FILES: Final = 20_000
"""Fewer free inodes are a warning: a year of runs and batches writes about that many files."""
FILE_CLOCK: Final = timedelta(seconds=2)
"""More than that between our clock and that of the file system is worth a look."""
SYSTEM_UNITS: Final = Path("/etc/systemd/system")
BACKUP_HOURS: Final = 36.0
"""An older backup is a warning: one night was missed [h]."""
UNIT: Final = "sameair-serve.service"
DISTRIBUTION: Final = "sameair"
_NEED: Final = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?(?:==([^,\s]+)|.*)")


def machine_checks(ws: Workspace, units: Path = SYSTEM_UNITS) -> list[Found]:
    """Return subject, verdict, finding and remedy of what the machine gives; an empty file comes and goes."""
    checks: list[Callable[[Workspace], Found]] = [
        _inodes,
        _folders,
        _file_clock,
        _clock,
        _zones,
        _schema,
        _backup,
    ]
    found = [_guarded(check, ws) for check in checks]
    return [*found, _units(units), _pins(requires_of())]


def _guarded(check: Callable[[Workspace], Found], ws: Workspace) -> Found:
    """Turn an error of a check into what it found."""
    try:
        return check(ws)
    except (SameairError, OSError) as error:
        return (check.__name__.strip("_"), "trouble", str(error), "see docs/operations.md")


def _inodes(ws: Workspace) -> Found:
    held = os.statvfs(ws.settings.data_dir)
    if held.f_files == 0:
        return ("inodes", "ok", "this file system sets no limit to the number of files", "")
    verdict: Found = ("inodes", "ok", f"{held.f_favail} files can still be made", "")
    return verdict if held.f_favail >= FREE_FILES else ("inodes", "warning", verdict[2], "remove small files")


def _folders(ws: Workspace) -> Found:
    """Look whether this account may write in every folder: another account may have made one."""
    folders = [p for p in (ws.settings.data_dir, *ws.settings.data_dir.iterdir()) if p.is_dir()]
    closed = sorted(p.name for p in folders if not os.access(p, os.R_OK | os.W_OK | os.X_OK))
    if closed:
        remedy = f"give them to the account of the service: chown -R … {ws.settings.data_dir}"
        return ("folders", "trouble", f"this account may not write in {', '.join(closed)}", remedy)
    return ("folders", "ok", f"{len(folders)} folders can be written", "")


def _file_clock(ws: Workspace) -> Found:
    """Compare our clock with that of the file system, which may be another machine's."""
    probe = ws.settings.data_dir / f".clock-{os.getpid()}"
    before = time.time()
    probe.touch()
    stamped = probe.stat().st_mtime
    probe.unlink()
    apart = max(before - stamped, stamped - time.time(), 0.0)
    if apart > FILE_CLOCK.total_seconds():
        found = f"the file system's clock is {apart:.0f} s apart from ours"
        return ("file clock", "warning", found, "set the time service (NTP) on both machines")
    return ("file clock", "ok", "the file system's clock is ours", "")


def _clock(ws: Workspace) -> Found:
    """Look whether something was recorded later than now: the clock was set back, or is wrong."""
    with ws.ledger.read() as conn:
        rows = newest_rows(conn, 1)
    now = ws.clock()
    newest = rows[0]["at"] if rows else None
    if isinstance(newest, datetime) and newest > now + timedelta(seconds=1):
        found = (
            f"the newest act on record is of {newest:%Y-%m-%d %H:%M} UTC, our clock says {now:%Y-%m-%d %H:%M}"
        )
        return ("clock", "trouble", found, "set the clock by a time service (NTP) before anything is decided")
    return ("clock", "ok", f"{now.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC; nothing on record is later", "")


def _zones(ws: Workspace) -> Found:
    try:
        for name in ("Asia/Seoul", "Asia/Shanghai"):
            ZoneInfo(name)
    except ZoneInfoNotFoundError as error:
        return ("time zones", "trouble", f"the machine knows no zone {error.args[0]}", "install tzdata")
    return (
        "time zones",
        "ok",
        f"known; the machine itself keeps {time.tzname[0]}, as do lines of cron",
        "",
    )


def _schema(ws: Workspace) -> Found:
    """Look whether the ledger is at the newest migration and, in SQLite, its pages are whole."""
    with ws.ledger.read() as conn:
        present = current_revision(conn)
    if present != head_revision():
        found = f"the ledger stands at {present}, this program at {head_revision()}"
        return ("schema", "trouble", found, "install the newer sameair; do not edit the ledger")
    engine = ws.ledger.engine
    if engine.dialect.name == "sqlite" and engine.url.database:
        with closing(sqlite3.connect(f"file:{engine.url.database}?mode=ro", uri=True)) as pages:
            (said,) = pages.execute("PRAGMA quick_check(1)").fetchone()
        if said != "ok":
            return (
                "schema",
                "trouble",
                f"the ledger is damaged: {said}",
                "restore it from a backup",
            )
    return ("schema", "ok", f"migration {present}, whole", "")


def _backup(ws: Workspace) -> Found:
    """Look whether everything is backed up nightly, and when it last was."""
    note = newest_note(ws.settings.data_dir)
    if note is None:
        where = ws.settings.backup_to
        remedy = "run `sameair backup`" if where else "name a place in SAMEAIR_BACKUP_TO"
        return ("backup", "warning", "no backup was ever made of this folder", remedy)
    hours = (ws.clock() - note[0]).total_seconds() / 3600
    found = f"the newest is {hours:.0f} h old, in {note[1]}"
    if hours > BACKUP_HOURS:
        return ("backup", "warning", found, "run `sameair backup`; see `sameair jobs list` why it did not")
    return ("backup", "ok", found, "")


def _units(folder: Path) -> Found:
    """Look whether the service manager starts us after a reboot."""
    if not folder.is_dir() or shutil.which("systemctl") is None:
        return ("units", "note", "no systemd here", "keep `sameair serve` alive by other means")
    if not (folder / UNIT).is_file():
        remedy = "run `sameair install-service --to DIR` and follow what it says"
        return ("units", "warning", f"{UNIT} is not in {folder}: nothing starts after a reboot", remedy)
    wanted = folder / "multi-user.target.wants" / UNIT
    if not wanted.exists():
        return ("units", "warning", f"{UNIT} is not enabled", f"systemctl enable --now {UNIT}")
    return ("units", "ok", f"{UNIT} is installed and enabled", "")


def requires_of() -> Sequence[str]:
    """Return what the installed program asks for, nothing where it was not installed as a package."""
    try:
        return requires(DISTRIBUTION) or ()
    except PackageNotFoundError:
        return ()


def _pins(wanted: Sequence[str]) -> Found:
    """Look whether every package is there, and in the very version where one is asked for, as of Prefect."""
    plain = [text for text in wanted if "extra ==" not in text]
    wrong = []
    for text in plain:
        name, exact = _NEED.fullmatch(text.partition(";")[0].strip()).groups()  # type: ignore[union-attr]
        try:
            held = version(name)
        except PackageNotFoundError:
            held = "none"
        if held == "none" or (exact and held != exact):
            wrong.append(f"{text} (here: {held})")
    if wrong:
        return ("packages", "trouble", f"not as pinned: {', '.join(wrong)}", "install from requirements.lock")
    if not plain:
        return ("packages", "note", "sameair is not installed as a package; pins were not compared", "")
    return ("packages", "ok", f"{len(plain)} packages as asked for, prefect {version('prefect')}", "")
