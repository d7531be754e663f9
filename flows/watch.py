"""The watchdog: run by a timer of its own, it notices what did not happen, and tells without the ledger.

What was told is kept in a small file, so that it works while ledger, schedule or mail server do not.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import requests
from sqlalchemy.exc import SQLAlchemyError

from alerts.channels import Channel, Envelope
from flows.delivering import channel_of
from flows.operator import operator_mail
from flows.watch_looks import (
    TOLD,
    WORST,
    ledger_there,
    look_at_backup,
    look_at_disk,
    look_at_drafts,
    look_at_jobs,
)
from pipeline.errors import SameairError, StorageError
from pipeline.files import write_atomic
from pipeline.ledger.notices import Condition, Notice
from pipeline.names import MEASURED
from pipeline.redaction import without_addresses
from pipeline.settings import Settings
from pipeline.times import iso, parse_instant

log = logging.getLogger(__name__)

ADVICE: Final = "`sameair watch` looks again, `sameair jobs list` shows the timetable."
LEDGER: Final = "watch ledger"
CLOCK: Final = "watch clock"
_WELL: Final = Condition("watch", "ok", 0, "")
JUMP: Final = timedelta(minutes=2)
ROOM: Final = 16 * 1024
"""The file is padded to this size, so that it can be overwritten in place on a full disk [bytes]."""


@dataclass
class Memory:
    """What was told: severity by subject, notices that did not leave yet, and when the last look was.

    ``seconds`` is what the machine's own clock showed then, which nobody sets; ``boot`` is which start of it.
    """

    told: dict[str, int] = field(default_factory=dict)
    waiting: list[dict[str, Any]] = field(default_factory=list)
    sequence: int = 0
    at: str = ""
    seconds: float = 0.0
    boot: str = ""


@dataclass(frozen=True)
class Look:
    """What one look found: how everything stands, what of it is news, and what could not be told."""

    conditions: tuple[Condition, ...]
    news: int
    untold: int

    @property
    def ill(self) -> list[Condition]:
        """Return what is in trouble, the worst first."""
        return sorted((c for c in self.conditions if c.severity), key=lambda c: -c.severity)


def machine_seconds() -> float:
    """Return what the machine itself counts since it started, which nobody sets [s]."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def watch(
    settings: Settings,
    now: datetime,
    channel: Channel | None = None,
    counted: Callable[[], float] = machine_seconds,
) -> Look:
    """Look at everything once, tell the operator what is news, and give a sign outwards if all is well.

    Nothing here raises for what is watched: what cannot be looked at is in trouble.

    Parameters
    ----------
    counted : seconds that passed whatever the clock says, to see that it was set
    """
    path = settings.data_dir / "watch.json"
    memory, seconds = recalled(path), counted()
    found = [*_looked(settings, now), clock_condition(memory, now, seconds)]
    news = note_news(memory, found, now)
    memory.at, memory.seconds, memory.boot = iso(now), seconds, _boot()
    remember(path, memory)
    _tell(settings, memory, channel)
    remember(path, memory)
    look = Look(tuple(found), news, len(memory.waiting))
    if not look.ill and not look.untold:
        _call(settings.heartbeat_url.get_secret_value(), None, settings.smtp_timeout)
    return look


def _looked(settings: Settings, now: datetime) -> list[Condition]:
    """Look at the machine, and at the ledger where it answers; what it cannot say stays as it was told."""
    found = [look_at_disk(settings.data_dir), look_at_backup(settings, now)]
    try:
        ledger = ledger_there(settings)
        try:
            with ledger.write() as conn:
                found += [*look_at_jobs(conn, now), look_at_drafts(conn, now)]
        finally:
            ledger.close()
    except (SameairError, SQLAlchemyError, OSError) as error:
        said = " ".join(without_addresses(str(error)).split())[:300]
        return [*found, Condition(LEDGER, "gone", WORST, f"the ledger does not answer: {said}")]
    return [*found, Condition(LEDGER, "ok", 0, "the ledger answers and can be written")]


def clock_condition(memory: Memory, now: datetime, seconds: float) -> Condition:
    """Return whether the clock has been set since the last look, by the machine's own count of seconds."""
    if not memory.at or memory.boot != _boot():
        return Condition(CLOCK, "ok", 0, "the clock runs evenly")
    passed = timedelta(seconds=seconds - memory.seconds)
    jump = now - parse_instant(memory.at) - passed
    if abs(jump) <= JUMP:
        return Condition(CLOCK, "ok", 0, "the clock runs evenly")
    text = f"the clock was set by {jump.total_seconds():+.0f} s since {memory.at}; look at the time service"
    return Condition(CLOCK, "jumped", TOLD, text)


def note_news(memory: Memory, conditions: Sequence[Condition], now: datetime) -> int:
    """Remember what is to be told: what fell ill, got worse, or is well again; returns how many are news.

    >>> memory, now = Memory(), parse_instant("2026-01-01")
    >>> [note_news(memory, [Condition("watch disk", "full", s, "x")], now) for s in (0, 2, 2, 3, 2, 0, 0)]
    [0, 1, 0, 1, 0, 1, 0]
    """
    before = memory.sequence
    for found in conditions:
        told = memory.told.get(found.subject, 0)
        if found.severity > told or (found.severity == 0 and told > 0):
            memory.sequence += 1
            memory.told[found.subject] = found.severity
            memory.waiting.append({"seq": memory.sequence, "at": iso(now), **vars(found)})
    return memory.sequence - before


def recalled(path: Path) -> Memory:
    """Return what was told before; a file that is gone or damaged is as if nothing had been told."""
    try:
        return Memory(**json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        return Memory()
    except (OSError, ValueError, TypeError) as error:
        log.error("what was told before cannot be read, and may be told again: %s", error)
        return Memory()


def remember(path: Path, memory: Memory) -> None:
    """Write down what was told, whole or not at all; on a full disk over the old file, whose room it has."""
    content = json.dumps(vars(memory), ensure_ascii=False).encode().ljust(ROOM)
    try:
        write_atomic(path, content)
    except StorageError as error:
        log.error("the watchdog's file: %s", error)
        try:
            with path.open("r+b") as kept:
                kept.write(content)
                kept.flush()
                os.fsync(kept.fileno())
        except OSError as worse:
            log.error("what was told cannot be kept, and will be told again: %s", worse)


def _tell(settings: Settings, memory: Memory, channel: Channel | None) -> None:
    """Tell everything that waits by mail, and if that does not leave, by the webhook; else it waits on."""
    if not memory.waiting:
        return
    for line in memory.waiting:
        log.log(logging.ERROR if line["severity"] else logging.WARNING, "%s", line["text"])
    if _mailed(settings, memory.waiting, channel) or _hooked(settings, memory.waiting):
        memory.waiting = []


def _mailed(settings: Settings, waiting: Sequence[dict[str, Any]], channel: Channel | None) -> bool:
    """Send one mail over a connection of its own; False if it did not leave, or nobody is to have it."""
    to = settings.operator_address
    if not to:
        return False
    notices = [
        Notice(
            w["seq"], replace(_WELL, **{k: w[k] for k in Condition.__annotations__}), parse_instant(w["at"])
        )
        for w in waiting
    ]
    message = operator_mail(settings.mail_from, to, MEASURED, notices, ADVICE)
    name = f"watch.{notices[-1].seq}"
    del message["Message-ID"]
    message["Message-ID"] = f"<{name}.{notices[-1].at:%Y%m%dT%H%M}@{settings.mail_from.rpartition('@')[2]}>"
    try:
        way = channel or channel_of(settings)
        sent = way.send(Envelope(name, to, message["Message-ID"], bytes(message)))
        way.close()
    except (SameairError, OSError) as error:
        log.error("the operator's mail did not leave: %s", error)
        return False
    return sent.kind in ("sent", "unknown")


def _hooked(settings: Settings, waiting: Sequence[dict[str, Any]]) -> bool:
    """Post what waits to the operator's webhook; False if there is none or it did not take it."""
    said = "\n".join(f"{'' if w['severity'] else 'over: '}{w['text']}" for w in waiting)
    return _call(settings.operator_webhook.get_secret_value(), {"text": said}, settings.smtp_timeout)


def _call(url: str, said: dict[str, str] | None, timeout: float) -> bool:
    """Ask or post to an address, whose text may be secret and is not logged; True if it took it."""
    if not url:
        return False
    try:
        method = "GET" if said is None else "POST"
        answer = requests.request(method, url, json=said, timeout=timeout, allow_redirects=False)
    except (requests.RequestException, OSError) as error:
        log.error("an address of the watchdog does not answer: %s", type(error).__name__)
        return False
    if not answer.ok:
        log.error("an address of the watchdog answers %s", answer.status_code)
    return answer.ok


def _boot() -> str:
    """Return which start of the machine this is; empty where that cannot be told."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("utf-8").strip()
    except OSError:
        return ""
