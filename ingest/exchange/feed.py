"""The exchange as feeds: first what lies on the other side's server, then what lies in the inbox."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Final

import pandas as pd

from ingest.exchange.inbox import Inbox
from ingest.exchange.parse import BULLETIN_AT, parse_exchange
from ingest.exchange.sftp import Mailbox
from ingest.exchange.text import SOURCE
from ingest.feeds import WHOLE, About, Ask, Due, Feed, RawAnswer, SourceConfig, Timing, Unit
from ingest.wire import Parsed, nothing
from pipeline.http import Http, Service

ABOUT: Final = About(
    source=SOURCE,
    title="Files of the exchange (folder or SFTP)",
    adds="the Chinese forecast of 11 cities for three days, once a day at 18:00 Beijing time",
    how_to_get_key="needs an agreement with the other side, no key; see docs/exchange-files.md",
    licence="as agreed with the sender",
)
EVERY: Final = tuple(timedelta(minutes=10 * n) for n in range(1, 151))
"""The inbox is looked at whenever ten minutes have passed, also after the day's bulletin has come."""
TIMING: Final = Timing(
    delay=timedelta(minutes=30),
    keeps=timedelta(days=3),
    step=timedelta(days=1),
    offset=BULLETIN_AT,
    revisit=EVERY,
)
"""One bulletin a day; one that is not there after three days counts as gone, but is taken if it comes."""
MIRROR_TIMING: Final = Timing(
    delay=timedelta(0),
    keeps=timedelta(days=365),
    step=timedelta(days=1),
    offset=BULLETIN_AT,
    revisit=EVERY,
)
MIRROR: Final = "mirror"
NOWHERE: Final = Path("no inbox is set")


def feeds(config: SourceConfig) -> list[Feed]:
    """Return the inbox, idle until its folder exists, and before it SFTP where an address is set.

    >>> [feed.name for feed in feeds(SourceConfig(base_url="sftp://sameair@exchange.example/out"))]
    ['exchange.sftp', 'exchange.inbox']
    """
    inbox = Inbox(config.folder or NOWHERE)
    found = [_inbox_feed(inbox)]
    if config.base_url:
        found.insert(0, _mirror_feed(Mailbox(config.base_url, inbox, config.key_file, config.known_hosts)))
    return found


def _inbox_feed(inbox: Inbox) -> Feed:
    def fetch(_http: Http, ask: Ask) -> bytes:
        return inbox.fetch(ask)

    def parse(answer: RawAnswer) -> Parsed:
        return parse_exchange(answer.payload, answer.fetched_at)

    def units(_stations: pd.DataFrame) -> tuple[Unit, ...]:
        return (WHOLE,) if inbox.folder.is_dir() else ()

    return Feed(
        "exchange.inbox",
        SOURCE,
        TIMING,
        Service(SOURCE),
        inbox.asks,
        fetch,
        parse,
        networks=(SOURCE,),
        units=units,
        settle=inbox.settle,
    )


def _mirror_feed(mailbox: Mailbox) -> Feed:
    def asks(due: Due) -> list[Ask]:
        fills = tuple((WHOLE, instant) for instant in due.instants)
        return [Ask(MIRROR, "new files on the other side's server", fills=fills)]

    def fetch(_http: Http, _ask: Ask) -> bytes:
        return json.dumps(mailbox.mirror()).encode()

    def parse(_answer: RawAnswer) -> Parsed:
        return nothing()

    return Feed("exchange.sftp", SOURCE, MIRROR_TIMING, Service(SOURCE), asks, fetch, parse)
