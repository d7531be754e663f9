"""What a feed is: something that a source publishes on a grid of instants and that can be asked again.

Every source module is built alike: ``get_…`` asks (network), ``parse_…`` reads bytes, and ``feeds(config)``
names what it offers as :class:`Feed` rows. Nobody but ``ingest.collect`` asks a feed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import pandas as pd
from pydantic import SecretStr

from ingest.wire import Parsed
from pipeline.http import Http, Service

WHOLE: Final = ""
"""The unit of a feed that answers for all its stations at once."""

Unit = str
Hour = tuple[Unit, datetime]
"""One thing that can be lacking: a unit (station, or the whole feed) at one instant of the feed's grid."""


@dataclass(frozen=True)
class SourceConfig:
    """What an installation sets for one source; an empty address means the published one.

    ``folder`` is where files are dropped; ``key_file`` and ``known_hosts`` are for logins by SSH.
    """

    key: SecretStr = field(default_factory=lambda: SecretStr(""))
    base_url: str = ""
    folder: Path | None = None
    key_file: Path | None = None
    known_hosts: Path | None = None


@dataclass(frozen=True)
class Timing:
    """When a feed publishes, and how far back it can be asked.

    Parameters
    ----------
    step, offset : the grid of interval ends or issues: midnight UTC + offset + n · step
    delay : how long after an instant of the grid it is normally there
    keeps : how long it can still be had; after that it is gone for good
    revisit : ages at which an instant is asked again, for late stations and corrections
    """

    delay: timedelta
    keeps: timedelta
    step: timedelta = timedelta(hours=1)
    offset: timedelta = timedelta(0)
    revisit: tuple[timedelta, ...] = ()


@dataclass(frozen=True)
class Due:
    """What is lacking: by unit the instants to ask for, oldest first; ``now`` is when it is asked [UTC]."""

    now: datetime
    hours: Mapping[Unit, tuple[datetime, ...]]

    @property
    def instants(self) -> tuple[datetime, ...]:
        """Return every instant that is due for any unit, oldest first."""
        return tuple(sorted({hour for hours in self.hours.values() for hour in hours}))


@dataclass(frozen=True)
class Ask:
    """One request, in words and parameters but without key or address; ``fills`` is what it answers for."""

    operation: str
    description: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    fills: tuple[Hour, ...] = ()


@dataclass(frozen=True)
class RawAnswer:
    """One answer as it came, and what was asked (no address, no key).

    ``asked`` holds the parameters of the request, some of which the answer does not repeat, and the
    ``operation``; with the feed's name it is all that is needed to read the bytes again later.
    """

    source: str
    payload: bytes = field(repr=False)
    description: str
    fetched_at: datetime
    asked: Mapping[str, str] = field(default_factory=dict)
    feed: str = ""


@dataclass(frozen=True)
class Feed:
    """One thing that a source publishes.

    Parameters
    ----------
    name : ``source.what``, such as ``airkorea.hourly``
    source : whose quota, key and quarantine it shares
    asks : turns what is due into requests; it may ask for more than is due, never for less
    fetch : makes one request and returns the body; raises SourceError
    parse : reads one answer; raises SourceError
    networks : prefixes of the station ids that it delivers
    units : which units it has, given the known stations of its networks
    settle : called with each ask whose answer is safe, once it was stored (True) or, where it could not be
        read, put into quarantine (False); not called where the answer was NotYetAvailable or never came
    slow : an answer takes minutes, so a cycle does not wait for it and the hourly round asks it
    sporadic : what it publishes comes at no set times (advisories), so that old news is no sign of trouble
    """

    name: str
    source: str
    timing: Timing
    service: Service
    asks: Callable[[Due], list[Ask]] = field(repr=False)
    fetch: Callable[[Http, Ask], bytes] = field(repr=False)
    parse: Callable[[RawAnswer], Parsed] = field(repr=False)
    networks: tuple[str, ...] = ()
    units: Callable[[pd.DataFrame], tuple[Unit, ...]] = field(default=lambda _: (WHOLE,), repr=False)
    settle: Callable[[Ask, bool], None] = field(default=lambda _ask, _stored: None, repr=False)
    sporadic: bool = False
    slow: bool = False


@dataclass(frozen=True)
class About:
    """What a person must know of a source: shown by `sameair doctor` and in docs/sources.md.

    ``key_setting`` is the setting that holds its key, empty where none is needed.
    """

    source: str
    title: str
    adds: str
    key_setting: str = ""
    how_to_get_key: str = ""
    licence: str = ""
