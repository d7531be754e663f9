"""What a recipient is, and what is wrong with one: named by field, never by what stands in it.

Addresses and names are personal data; a fault is printed and logged, so it tells where to look and no more.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, Final

from pipeline.cities import all_cities, all_parties

LANGUAGES: Final = ("ko", "zh", "en")
LEVELS: Final = ("J1", "J2", "J3")
CHANNELS: Final = ("email", "webhook")

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_WEBHOOK = re.compile(r"https://[A-Za-z0-9._:/~%-]{1,250}|http://(127\.0\.0\.1|localhost)(:\d+)?(/[\w./-]*)?")
_ADDRESS = re.compile(
    r"(?=.{1,64}@)[A-Za-z0-9_+-]+(\.[A-Za-z0-9_+-]+)*"
    r"@(?=.{1,255}$)[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*"
)
_RESERVED = re.compile(r"(.+\.)?(example(\.com|\.net|\.org)?|invalid|test|localhost)", re.IGNORECASE)


@dataclass(frozen=True)
class Way:
    """A channel and the address on it."""

    channel: str
    address: str


@dataclass(frozen=True)
class Recipient:
    """One agency's desk: where it is reached, in which languages, for which cities and from which level.

    ``channel`` is the first to be used; one with both ``email`` and ``webhook`` has the other as its second.
    ``verified`` says that its addresses were confirmed; ``stands_for`` names those on leave whose place it
    takes (ids).
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
    verified: bool = False
    stands_for: tuple[str, ...] = ()

    @property
    def ways(self) -> tuple[Way, ...]:
        """Return the channels on which it is reached, the first to be used first."""
        known = [Way("email", self.email), *([Way("webhook", self.webhook)] if self.webhook else [])]
        return tuple(sorted(known, key=lambda way: way.channel != self.channel))

    @property
    def reaches_nobody(self) -> bool:
        """Tell whether its mail goes to a domain that is reserved for examples (RFC 2606, RFC 6761)."""
        return not self.webhook and is_reserved(self.email)


def is_reserved(email: str) -> bool:
    """Tell whether an address is in a domain that is reserved for examples (RFC 2606, RFC 6761).

    >>> is_reserved("duty@seoul.example"), is_reserved("duty@seoul.kr")
    (True, False)
    """
    return _RESERVED.fullmatch(email.rpartition("@")[2]) is not None


GIVEN: Final = {f.name: f.default is MISSING for f in fields(Recipient)[:-2]}
"""The fields that a list gives, and whether each must."""


def faults_of(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what is wrong with one row of a list: (field, complaint); nothing if it is in order.

    >>> faults_of({"id": "Kim"})[:2]
    [('agency', 'is missing'), ('party', 'is missing')]
    """
    unknown = [(name, "is not known; remove it or correct its name") for name in values if name not in GIVEN]
    missing = [(name, "is missing") for name, is_needed in GIVEN.items() if is_needed and name not in values]
    if unknown or missing:
        return [*unknown, *missing]
    kinds = {
        name: dict if name == "agency" else list if name in ("languages", "cities") else str
        for name in values
    }
    strange = [
        (name, f"must be {_SPOKEN[kind]}") for name, kind in kinds.items() if not _is(values[name], kind)
    ]
    return strange or _wrong(recipient_from(values))


def recipient_from(values: Mapping[str, Any]) -> Recipient:
    """Return a recipient of the values of a list that has no fault."""
    lists = {name: tuple(values[name]) for name in ("languages", "cities")}
    return Recipient(**{**values, **lists})


_SPOKEN: Final[dict[type, str]] = {dict: "a table of names by language", list: "a list", str: "text"}


def _is(value: object, kind: type) -> bool:
    """Tell whether a value is of a kind; a list may come as a tuple."""
    return isinstance(value, (list, tuple) if kind is list else kind)


def _wrong(recipient: Recipient) -> list[tuple[str, str]]:
    """Return the faults of a recipient whose fields are all there."""
    cities = all_cities()
    parties = set(all_parties())
    checks = {
        "id": (_ID.fullmatch(recipient.id), "needs small letters, digits and -"),
        "party": (recipient.party in parties, f"owns no city; must be one of {', '.join(sorted(parties))}"),
        "email": (_ADDRESS.fullmatch(recipient.email), "is not a plain e-mail address"),
        "languages": (_is_choice(recipient.languages, LANGUAGES), f"must be some of {', '.join(LANGUAGES)}"),
        "cities": (_is_choice(recipient.cities, cities), f"must be some of {', '.join(sorted(cities))}"),
        "minimum_level": (recipient.minimum_level in LEVELS, f"must be one of {', '.join(LEVELS)}"),
        "channel": (recipient.channel in CHANNELS, f"must be one of {', '.join(CHANNELS)}"),
        "webhook": (
            _WEBHOOK.fullmatch(recipient.webhook or "https://none")
            and (recipient.webhook or recipient.channel != "webhook"),
            "must be an https address; needed where channel is webhook",
        ),
        "agency": (_is_named(recipient.agency), f"needs a name in {', '.join(LANGUAGES)}"),
    }
    return [(field, complaint) for field, (is_good, complaint) in checks.items() if not is_good]


def _is_choice(values: tuple[str, ...], allowed: Collection[str]) -> bool:
    """Tell whether values are some of the allowed ones, each once."""
    is_text = all(isinstance(v, str) for v in values)
    return bool(values) and is_text and all(v in allowed for v in values) and len(set(values)) == len(values)


def _is_named(agency: dict[str, str]) -> bool:
    """Tell whether an agency has a printable one-line name in every language."""
    names = list(agency.values())
    return set(agency) == set(LANGUAGES) and all(
        isinstance(n, str) and n.strip() and n.isprintable() and len(n) <= LONGEST_NAME for n in names
    )


LONGEST_NAME: Final = 200
