"""The agencies that receive warnings, read from a TOML list, and who of them receives which one."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final

from alerts.content import WarningContent
from alerts.versions import required_parties
from pipeline.cities import all_cities
from pipeline.errors import PolicyError

LANGUAGES: Final = ("ko", "zh", "en")
LEVELS: Final = ("J1", "J2", "J3")
CHANNELS: Final = ("email", "webhook")

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_WEBHOOK = re.compile(r"https://[A-Za-z0-9._:/~%-]{1,250}|http://(127\.0\.0\.1|localhost)(:\d+)?(/[\w./-]*)?")
_ADDRESS = re.compile(r"[A-Za-z0-9._+-]{1,64}@(?=.{1,255}$)[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")


@dataclass(frozen=True)
class Way:
    """A channel and the address on it."""

    channel: str
    address: str


@dataclass(frozen=True)
class Recipient:
    """One agency's desk: where it is reached, in which languages, for which cities and from which level.

    ``channel`` is the first to be used; one with both ``email`` and ``webhook`` has the other as its second.
    """

    id: str
    agency: dict[str, str]
    party: str
    email: str
    languages: tuple[str, ...]
    cities: tuple[str, ...]
    minimum_level: str
    channel: str = "email"
    webhook: str = ""

    @property
    def ways(self) -> tuple[Way, ...]:
        """Return the channels on which it is reached, the first to be used first."""
        known = [Way("email", self.email), *([Way("webhook", self.webhook)] if self.webhook else [])]
        return tuple(sorted(known, key=lambda way: way.channel != self.channel))


def load_recipients(path: Path | None = None) -> tuple[Recipient, ...]:
    """Read and check a list of recipients; the packaged drill list if no file is named.

    Raises PolicyError naming the recipient and what is wrong with it.

    >>> [r.id for r in load_recipients() if r.party == "seoul"]
    ['seoul-air-policy', 'seoul-health-environment', 'seoul-disaster-safety']
    """
    source = path if path is not None else resources.files("alerts") / "recipients.toml"
    try:
        table = tomllib.loads(source.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise PolicyError(f"list of recipients {source}: {error}") from error
    rows = table.get("recipient")
    if (
        not isinstance(rows, list)
        or not all(isinstance(r, dict) for r in rows)
        or list(table) != ["recipient"]
    ):
        raise PolicyError(f"list of recipients {source}: it holds [[recipient]] tables and nothing else")
    recipients = tuple(parse_recipient(row) for row in rows)
    for name in ("id", "email"):
        values = [getattr(r, name).lower() for r in recipients]
        twice = sorted({v for v in values if values.count(v) > 1})
        if twice:
            raise PolicyError(f"list of recipients {source}: {name} {twice[0]} stands there twice")
    return recipients


def parse_recipient(row: dict[str, Any]) -> Recipient:
    """Read one recipient; raises PolicyError."""
    name = f"recipient {row.get('id', '?')}"
    try:
        lists = {key: tuple(row[key]) for key in ("languages", "cities")}
        recipient = Recipient(**{**row, **lists})
    except (KeyError, TypeError) as error:
        raise PolicyError(f"{name}: {error}; compare it with alerts/recipients.toml") from error
    faults = _faults(recipient)
    if faults:
        raise PolicyError(f"{name}: {'; '.join(faults)}")
    return recipient


def select_recipients(
    content: WarningContent, recipients: Iterable[Recipient], reached: Collection[str] = ()
) -> tuple[Recipient, ...]:
    """Return who receives a version, in the order of the list.

    A joint or single-city warning goes to the signing parties' agencies that answer for one of its cities,
    from their minimum joint level on; a notice goes to the agencies of every other party. Whoever was
    ``reached`` by an earlier version (ids) hears of every later one, whatever its level.

    >>> from alerts.examples import example_content
    >>> chosen = select_recipients(example_content(level="J1"), load_recipients())
    >>> [r.id for r in chosen if r.party == "beijing"]
    ['beijing-ecology-environment', 'beijing-monitoring-centre']
    """
    return tuple(r for r in recipients if r.id in reached or _is_addressed(content, r))


def _is_addressed(content: WarningContent, recipient: Recipient) -> bool:
    """Tell whether a version concerns a recipient."""
    signing = required_parties(content)
    if content.product == "notice":
        return recipient.party not in signing
    if recipient.party not in signing or not {c.city for c in content.cities} & set(recipient.cities):
        return False
    if content.kind in ("all_clear", "cancel"):
        return False
    return not content.level or LEVELS.index(content.level) >= LEVELS.index(recipient.minimum_level)


def _faults(recipient: Recipient) -> list[str]:
    """Return what is wrong with a recipient."""
    cities = all_cities()
    parties = {city.party for city in cities.values()}
    checks = {
        "its id needs small letters, digits and -": not _is_text(recipient.id, _ID),
        f"party '{recipient.party}' owns no city": recipient.party not in parties,
        f"'{recipient.email}' is not a plain e-mail address": not _is_text(recipient.email, _ADDRESS),
        f"languages must be some of {', '.join(LANGUAGES)}": not _is_choice(recipient.languages, LANGUAGES),
        f"cities must be some of {', '.join(sorted(cities))}": not _is_choice(recipient.cities, cities),
        f"minimum_level must be one of {', '.join(LEVELS)}": recipient.minimum_level not in LEVELS,
        f"channel must be one of {', '.join(CHANNELS)}": recipient.channel not in CHANNELS,
        "webhook must be an https address": not _is_text(recipient.webhook or "https://none", _WEBHOOK),
        "its channel is webhook, but it has none": recipient.channel == "webhook" and not recipient.webhook,
        f"agency needs a name in {', '.join(LANGUAGES)}": not _is_named(recipient.agency),
    }
    return [fault for fault, is_so in checks.items() if is_so]


def _is_text(value: object, pattern: re.Pattern[str]) -> bool:
    """Tell whether a value is text of a form."""
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _is_choice(values: tuple[str, ...], allowed: Collection[str]) -> bool:
    """Tell whether values are some of the allowed ones, each once."""
    return bool(values) and all(v in allowed for v in values) and len(set(values)) == len(values)


def _is_named(agency: object) -> bool:
    """Tell whether an agency has a printable one-line name in every language."""
    if not isinstance(agency, dict) or set(agency) != set(LANGUAGES):
        return False
    return all(isinstance(n, str) and n.strip() and n.isprintable() for n in agency.values())
