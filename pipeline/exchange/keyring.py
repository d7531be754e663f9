"""Whose keys count, from when to when: the public keys of the parties, with their revocations.

Beside ``keyring.toml``, written by ``sameair keys``, a file ``<party>.pub`` counts as that party's key
without limits, as long as the file names no key of the party.
"""

from __future__ import annotations

import tomllib
from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from pipeline.errors import EnvelopeRefused, StorageError, UsageError
from pipeline.exchange.envelope import Envelope, key_id
from pipeline.files import write_atomic
from pipeline.times import iso, parse_instant

FILE: Final = "keyring.toml"

SKEW: Final = timedelta(minutes=5)
"""How far the clocks of two nodes may differ."""

FIELD: Final = 2**255 - 19
EIGHTH: Final = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
"""The field of Ed25519, and the height of a point of order eight on its curve."""

_INSTANTS: Final = ("valid_from", "valid_to", "revoked_at", "announced_at")


@dataclass(frozen=True)
class PartyKey:
    """A public key [base64] of a party; no instant: no limit.

    What was signed up to ``revoked_at`` stays valid. Envelopes that arrive only after it are taken up to
    number ``last_sequence``, as whoever stole a key can also write an earlier date.
    """

    party: str
    public: str
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    revoked_at: datetime | None = None
    last_sequence: int = 0
    reason: str = ""
    announced_by: str = ""
    announced_at: datetime | None = None

    @property
    def id(self) -> str:
        """Return the short name under which envelopes speak of the key."""
        return key_id(self.public)

    def fault(self, at: datetime, skew: timedelta = timedelta()) -> str:
        """Return why a signature of an instant is not valid under this key, or nothing.

        >>> at = parse_instant("2026-01-14T02:00Z")
        >>> PartyKey("seoul", "AA==", valid_from=at).fault(parse_instant("2026-01-14T01:59Z"), SKEW)
        ''
        >>> PartyKey("seoul", "AA==", revoked_at=at, reason="lost").fault(parse_instant("2026-01-14T02:01Z"))
        'was revoked at 2026-01-14T02:00:00Z: lost'
        """
        if self.revoked_at is not None and at > self.revoked_at:
            return f"was revoked at {iso(self.revoked_at)}: {self.reason}"
        if self.valid_from is not None and at < self.valid_from - skew:
            return f"is valid only from {iso(self.valid_from)}"
        if self.valid_to is not None and at > self.valid_to + skew:
            return f"was valid only to {iso(self.valid_to)}"
        return ""


@dataclass(frozen=True)
class Keyring:
    """The public keys of all parties that a node knows."""

    keys: tuple[PartyKey, ...]
    skew: timedelta = field(default=SKEW)

    def of(self, party: str) -> tuple[PartyKey, ...]:
        """Return the keys of a party, the one that is valid from the latest instant first."""
        own = [k for k in self.keys if k.party == party]
        return tuple(sorted(own, key=lambda k: iso(k.valid_from) if k.valid_from else "", reverse=True))

    def valid(self, party: str, at: datetime) -> tuple[PartyKey, ...]:
        """Return the keys with which a party may sign at an instant, the newest first."""
        return tuple(k for k in self.of(party) if not self.fault(k, at, timedelta()))

    def fault(self, key: PartyKey, at: datetime, skew: timedelta | None = None) -> str:
        """Return why a signature of an instant is not valid under a key, or nothing.

        A key that another one announced after that was revoked is the thief's, and so are its successors.
        """
        found = key.fault(at, self.skew if skew is None else skew)
        if found:
            return found
        before = next((k for k in self.of(key.party) if k.id == key.announced_by), None)
        while before is not None:
            if before.revoked_at and key.announced_at and key.announced_at > before.revoked_at:
                return f"was revoked with the key {before.id}, which announced it: {before.reason}"
            key = before
            before = next((k for k in self.of(key.party) if k.id == key.announced_by), None)
        return ""

    def why_not(self, party: str, public: str, at: datetime | None) -> str:
        """Return why a public key [base64] does not stand for a party at an instant, or nothing.

        Without an instant only whose key it is counts: exercises are signed in a time of their own.

        >>> ring = Keyring((PartyKey("seoul", "AA=="),))
        >>> at = parse_instant("2026-01-14T02:00Z")
        >>> ring.why_not("seoul", "AA==", at), ring.why_not("seoul", "BB==", at)
        ('', "signed with a key that is not the party's")
        >>> ring.why_not("beijing", "AA==", at)
        'no trusted key of this party'
        """
        own = self.of(party)
        if not own:
            return "no trusted key of this party"
        found = next((k for k in own if k.public == public), None)
        if found is None:
            return "signed with a key that is not the party's"
        fault = self.fault(found, at) if at is not None else ""
        return f"the key {found.id} {fault}" if fault else ""

    def key_of(self, party: str, key: str, at: datetime) -> str:
        """Return the public key [base64] of (party, key id, instant of signing).

        Raises
        ------
        EnvelopeRefused
            no such key is known, or it is not valid at that instant
        """
        own = self.of(party)
        if not own:
            raise EnvelopeRefused("stranger", f"no key of {party} is known")
        found = next((k for k in own if k.id == key), None)
        if found is None:
            raise EnvelopeRefused("unknown key", f"no key {key} of {party} is known")
        fault = self.fault(found, at)
        if fault:
            raise EnvelopeRefused("revoked" if "revoked" in fault else "expired", f"key {key} {fault}")
        return found.public

    def arrival_key_of(self, party: str, key: str, at: datetime) -> str:
        """Return the public key as ``key_of`` does, a revoked one too: ``check_arrival`` bounds its numbers.

        What a party signed between the instant from which its key does not count and the revocation stays a
        part of its chain; without it nothing after it could be handled.
        """
        found = next((k for k in self.of(party) if k.id == key and k.revoked_at is not None), None)
        if found is None or self.fault(replace(found, revoked_at=None), at):
            return self.key_of(party, key, at)
        return found.public

    def with_key(self, key: PartyKey) -> Keyring:
        """Return the ring with a key in it, in the place of the same one."""
        rest = tuple(k for k in self.keys if (k.party, k.public) != (key.party, key.public))
        return replace(self, keys=(*rest, key))

    def revoked(self, party: str, key: str, at: datetime, reason: str, last_sequence: int = 0) -> Keyring:
        """Return the ring with a key of a party revoked; of two revocations the earlier one counts.

        Raises UsageError where the party has no such key.
        """
        found = next((k for k in self.of(party) if k.id == key), None)
        if found is None:
            raise UsageError(f"{party} has no key {key}; see `sameair keys list`")
        if found.revoked_at is not None and found.revoked_at <= at:
            return self
        return self.with_key(replace(found, revoked_at=at, reason=reason, last_sequence=last_sequence))

    def check_arrival(self, envelope: Envelope, at: datetime) -> None:
        """Refuse what arrives at an instant of our clock and could not: too early, or from a stolen key.

        Raises
        ------
        EnvelopeRefused
            it is dated later than the clocks may differ, or its key was revoked and it is not among those
            that the party sent before
        """
        created = parse_instant(envelope.created_at)
        if created > at + self.skew:
            ahead = round((created - at).total_seconds())
            raise EnvelopeRefused("future", f"{envelope.name} is dated {ahead} s ahead of our clock")
        key = next((k for k in self.of(envelope.sender) if k.id == envelope.key), None)
        if key is None or key.revoked_at is None or at < key.revoked_at:
            return
        if envelope.sequence > key.last_sequence:
            raise EnvelopeRefused(
                "revoked", f"{envelope.name}: key {key.id} {key.fault(at) or 'was revoked'}"
            )


def read_keyring(folder: Path, parties: Iterable[str], skew: timedelta = SKEW) -> Keyring:
    """Return the keys that a folder holds of parties; UsageError where one has none.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     read_keyring(Path(folder), ["seoul"])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    pipeline.errors.UsageError: no public key of seoul; take it with `sameair keys import seoul`
    """
    written = read_file(folder / FILE)
    found = list(written)
    for party in parties:
        if any(k.party == party for k in written):
            continue
        path = folder / f"{party}.pub"
        if not path.is_file():
            raise UsageError(f"no public key of {party}; take it with `sameair keys import {party}`")
        found.append(PartyKey(party, path.read_text("ascii").strip()))
    return Keyring(tuple(found), skew)


def read_file(path: Path) -> tuple[PartyKey, ...]:
    """Return the keys of a keyring file, none where there is no such file; StorageError names what is odd."""
    if not path.exists():
        return ()
    try:
        tables = tomllib.loads(path.read_text("utf-8"))["key"]
        return tuple(_key(table) for table in tables)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StorageError(
            f"the keyring {path} cannot be read: {error}; restore it from its backup"
        ) from error


def write_file(path: Path, keys: Sequence[PartyKey]) -> None:
    """Write a keyring file, whole or not at all."""
    ordered = sorted(keys, key=lambda k: (k.party, iso(k.valid_from) if k.valid_from else "", k.public))
    head = "# Public keys of the parties; written by `sameair keys`.\n"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_atomic(path, (head + "".join(_table(key) for key in ordered)).encode())


def check_public(text: str) -> str:
    r"""Return a public key [base64] as it is written everywhere; UsageError where it is none.

    >>> check_public(" 11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n")
    '11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo='
    """
    try:
        raw = b64decode(text.strip(), validate=True)
        is_key = len(raw) == 32 and b64encode(raw).decode() == text.strip() and not _is_weak(raw)
    except ValueError:
        is_key = False
    if not is_key:
        raise UsageError(f"{text.strip()[:60]!r} is no Ed25519 public key in base64")
    return text.strip()


def _is_weak(raw: bytes) -> bool:
    """Tell whether a point is one of the eight of small order, under which anybody can sign anything."""
    height = (int.from_bytes(raw, "little") & (2**255 - 1)) % FIELD
    return height in (0, 1, FIELD - 1, EIGHTH, FIELD - EIGHTH)


def fingerprint(public: str) -> str:
    """Return the key's short name in groups of four, to be read out over the telephone.

    >>> fingerprint("11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
    'c9fc 2f15 f224 0165'
    """
    name = key_id(public)
    return " ".join(name[n : n + 4] for n in range(0, len(name), 4))


def _key(table: dict[str, Any]) -> PartyKey:
    """Return a key as a table of the file describes it."""
    given = dict(table)
    for name in _INSTANTS:
        if name in given:
            given[name] = parse_instant(str(given[name]))
    key = PartyKey(**given)
    check_public(key.public)
    return key


def _table(key: PartyKey) -> str:
    """Return a key as a table of the file."""
    lines = ["", "[[key]]"]
    for name, value in asdict(key).items():
        if not value:
            continue
        if isinstance(value, datetime):
            lines.append(f"{name} = {iso(value)}")
        else:
            lines.append(f"{name} = {value}" if isinstance(value, int) else f"{name} = {_quoted(value)}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """Return text as TOML writes it."""
    signs = {'"': '\\"', "\\": "\\\\"}
    return '"' + "".join(signs.get(c, c if c.isprintable() else " ") for c in text) + '"'
