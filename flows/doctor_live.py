"""Trying every source once for its newest instant: which work, which need a key, and what each adds."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from alerts.mailbox import open_mailbox
from alerts.smtp import SmtpChannel
from flows.delivering import mail_server_of
from flows.doctor import Check, Verdict
from flows.live import EXCHANGE
from flows.mailbox import place_of
from flows.workspace import Workspace
from ingest.due import grid
from ingest.feeds import About, Ask, Due, Feed, RawAnswer
from ingest.storing import Intake, read_answer, units_of
from ingest.wire import Parsed
from pipeline.errors import NotYetAvailable, SourceError, SourceUnavailable, StorageError, UsageError
from pipeline.http import Http, Patience
from pipeline.names import MEASURED

PATIENCE: Final = Patience(read_s=20, total_s=60, tries=2)
"""A person waits for the answers."""

MOST_ASKS: Final = 3
"""So many requests are made of a feed, at most, until one brings something: not every place has stations."""


def live_checks(
    ws: Workspace, http: Http, feeds: Sequence[Feed], abouts: Iterable[About], now: datetime
) -> Iterator[Check]:
    """Ask every feed once for its newest instant and say what came, feed by feed; nothing of it is stored.

    The requests count towards the quotas, and a source without its key is named with how to get one.
    """
    for about in abouts:
        own = [feed for feed in feeds if feed.source == about.source]
        if own:
            yield Check(about.source, "note", f"adds {about.adds}")
        else:
            yield _unasked(ws, about)
        for feed in own:
            yield _tried(ws, http, feed, now)


def mail_checks(ws: Workspace) -> Iterator[Check]:
    """Try the mail server without sending anything, and the mailbox without reading anything."""
    if ws.settings.channel == "smtp":
        trouble = SmtpChannel(mail_server_of(ws.settings)).try_out()
        verdict: Verdict = "trouble" if trouble else "ok"
        found = trouble or f"{ws.settings.smtp_host} lets us in"
        yield Check("mail server", verdict, found, "correct the SAMEAIR_SMTP_ settings" if trouble else "")
    if ws.settings.mailbox_url:
        try:
            with open_mailbox(place_of(ws)) as box:
                waiting = len(list(box.unseen()))
            yield Check("mailbox", "ok", f"can be read, {waiting} mails not seen yet")
        except (StorageError, UsageError) as error:
            yield Check("mailbox", "trouble", str(error), "correct the SAMEAIR_MAILBOX_ settings")


def _unasked(ws: Workspace, about: About) -> Check:
    """Say why a source has nothing to ask."""
    if about.source in ws.settings.sources_off:
        return Check(about.source, "note", "switched off by SAMEAIR_SOURCES_OFF; it would add " + about.adds)
    if about.key_setting:
        return Check(
            about.source,
            "note",
            f"no key; it would add {about.adds}",
            f"{about.how_to_get_key}; set {about.key_setting}",
        )
    return Check(about.source, "note", f"nothing to ask; it would add {about.adds}", "see docs/sources.md")


def _tried(ws: Workspace, http: Http, feed: Feed, now: datetime) -> Check:
    """Ask one feed for its newest instant."""
    instants = grid(feed.timing, now - feed.timing.delay - 2 * feed.timing.step, now - feed.timing.delay)
    try:
        units = units_of(Intake(ws.store, MEASURED, Path(os.devnull)), feed)
        if not units:
            return _idle(ws, feed)
        asks = feed.asks(Due(now, dict.fromkeys(sorted(units)[:MOST_ASKS], tuple(instants[-1:]))))
        if not asks:
            return Check(feed.name, "note", "nothing to ask for at present")
        return Check(feed.name, "ok", _contents(_first_full(http, feed, asks[:MOST_ASKS], now)))
    except NotYetAvailable as error:
        return Check(feed.name, "note", error.what, "it answers, and has nothing for now")
    except SourceUnavailable as error:
        return Check(feed.name, "trouble", error.what, error.remedy)
    except SourceError as error:
        return Check(feed.name, "trouble", str(error), "compare with docs/sources.md; it may have changed")


def _idle(ws: Workspace, feed: Feed) -> Check:
    """Say why a feed has nothing that could be asked for."""
    if feed.source == EXCHANGE:
        folder = ws.settings.inbox_dir
        return Check(feed.name, "note", f"no folder {folder}", "create it to switch the exchange on")
    return Check(
        feed.name, "note", "none of its stations is known yet", "the first `sameair ingest` lists them"
    )


def _first_full(http: Http, feed: Feed, asks: Sequence[Ask], now: datetime) -> Parsed:
    """Return the first answer that holds anything, else the last one."""
    for ask in asks:
        payload = feed.fetch(http, ask)
        asked = {**ask.parameters, "operation": ask.operation}
        parsed = read_answer(feed, RawAnswer(feed.source, payload, ask.description, now, asked, feed.name))
        if _counts(parsed):
            break
    return parsed


def _counts(parsed: Parsed) -> list[str]:
    """Count in words what an answer held."""
    found = {
        "value": len(parsed.observations),
        "station": len(parsed.stations),
        "bulletin": len(parsed.bulletins),
        "forecast": len(parsed.forecasts),
    }
    return [f"{n} {name}{'s' * (n != 1)}" for name, n in found.items() if n]


def _contents(parsed: Parsed) -> str:
    """Say in words what an answer held."""
    unread = len(parsed.left_out)
    parts = [*_counts(parsed), *[f"{unread} rows that do not read"] * bool(unread)]
    said = ", ".join(parts) or "an empty answer"
    if len(parsed.observations):
        newest = parsed.observations["time"].max().to_numpy().astype("M8[s]")
        said += f", newest {newest}Z"
    return said
