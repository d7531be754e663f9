"""Bundles of the technology exchange: a ZIP file of text and data, and a manifest that its party signed.

The manifest is JSON in canonical form. It names SHA-256 and size of every file, and its signature is Ed25519
over ``SIGNED_PREFIX`` and its canonical text without ``signature``. Nothing in a bundle is ever run,
unpickled or written to disk: files are read in memory, within limits that hold before anything is unpacked.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pipeline.errors import BundleRefused, ContractError, EnvelopeRefused
from pipeline.exchange.canonical import canonical_json
from pipeline.exchange.envelope import KeyOf, key_id
from pipeline.exchange.keys import public_key_text, sign, verify
from pipeline.times import parse_instant

SCHEMA: Final = "sameair-bundle/1"
SIGNED_PREFIX: Final = b"sameair-bundle/1\n"
MANIFEST: Final = "manifest.json"
MAXIMUM_FILE: Final = 64 * 2**20
MAXIMUM_CONTENT: Final = 128 * 2**20
"""Largest bundle, and largest sum of what is in it [bytes]."""
MOST_FILES: Final = 32

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,40}\.(?:csv|json|md|txt)")
_PARTY = re.compile(r"[a-z][a-z0-9-]{0,31}")
_ZIP_HEAD: Final = b"PK\x03\x04"
_ZIP_ENTRY: Final = b"PK\x01\x02"
"""How an entry of the list of files begins; it is counted before anything reads the list."""
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_MEMBERS: Final = {
    "schema": str,
    "party": str,
    "key": str,
    "created_at": str,
    "world": str,
    "model": str,
    "redistribution": str,
    "files": list,
    "signature": str,
}


@dataclass(frozen=True)
class Bundle:
    """What a party gives out about one model: text files by name; ``created_at`` is ISO in UTC."""

    party: str
    created_at: str
    world: str
    model: str
    files: Mapping[str, bytes] = field(repr=False)
    redistribution: str = "parties"
    key: str = ""


def pack_bundle(bundle: Bundle, key: Ed25519PrivateKey) -> bytes:
    """Return a bundle signed and packed; the same arguments give the same bytes.

    Raises ContractError where a file has no name that a bundle may hold, is no text, or all is too large.

    >>> from tempfile import TemporaryDirectory
    >>> key = Ed25519PrivateKey.generate()
    >>> made = Bundle("seoul", "2026-01-14T02:00:00Z", "measured", "m1", {"model_card.md": b"# m1"})
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "m1.zip"
    ...     _ = path.write_bytes(pack_bundle(made, key))
    ...     found = open_bundle(path, lambda party, name, at: public_key_text(key))
    >>> dict(found.files), found.model
    ({'model_card.md': b'# m1'}, 'm1')
    """
    for name, content in bundle.files.items():
        if not _NAME.fullmatch(name) or name == MANIFEST or not _is_text(content):
            raise ContractError(f"{name}: a bundle holds text files alone, named like model_card.md")
    if sum(map(len, bundle.files.values())) > MAXIMUM_CONTENT or len(bundle.files) >= MOST_FILES:
        raise ContractError("the bundle is too large; choose a shorter period")
    manifest = _manifest(bundle, key_id(public_key_text(key)))
    manifest["signature"] = sign(key, SIGNED_PREFIX + canonical_json(manifest))
    files = {MANIFEST: canonical_json(manifest), **dict(sorted(bundle.files.items()))}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type, entry.create_system = zipfile.ZIP_DEFLATED, 3
            entry.external_attr = (stat.S_IFREG | 0o644) << 16
            archive.writestr(entry, content)
    if packed.tell() > MAXIMUM_FILE:
        raise ContractError("the bundle is too large; choose a shorter period")
    return packed.getvalue()


def open_bundle(path: Path, key_of: KeyOf) -> Bundle:
    """Return the bundle of a file after every check that needs nothing but its party's key.

    Raises
    ------
    BundleRefused
        with the reason: ``huge``, ``damaged``, ``unsafe`` (names, links), ``altered`` (digests), ``unknown``
        (schema, key), ``revoked``, ``expired`` or ``forged``
    """
    files = _unpacked(_bytes_of(path))
    manifest = _parsed(files.pop(MANIFEST, b""))
    _check_signature(manifest, key_of)
    _check_digests(manifest["files"], files)
    return Bundle(
        party=manifest["party"],
        created_at=manifest["created_at"],
        world=manifest["world"],
        model=manifest["model"],
        files=files,
        redistribution=manifest["redistribution"],
        key=manifest["key"],
    )


def _manifest(bundle: Bundle, key: str) -> dict[str, Any]:
    """Return what is signed of a bundle."""
    listed = [
        {"name": name, "sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
        for name, content in sorted(bundle.files.items())
    ]
    return {
        "schema": SCHEMA,
        "party": bundle.party,
        "key": key,
        "created_at": bundle.created_at,
        "world": bundle.world,
        "model": bundle.model,
        "redistribution": bundle.redistribution,
        "files": listed,
    }


def _bytes_of(path: Path) -> bytes:
    """Return the bytes of a file, never more than the limit."""
    if not path.is_file():
        raise BundleRefused("damaged", f"there is no file {path}")
    with path.open("rb") as file:
        packed = file.read(MAXIMUM_FILE + 1)
    if len(packed) > MAXIMUM_FILE:
        raise BundleRefused("huge", f"larger than {MAXIMUM_FILE} bytes")
    if not packed.startswith(_ZIP_HEAD):
        raise BundleRefused("damaged", "not a ZIP file")
    if packed.count(_ZIP_ENTRY) > 2 * MOST_FILES:
        raise BundleRefused("huge", f"a list of more than {MOST_FILES} files")
    return packed


def _unpacked(packed: bytes) -> dict[str, bytes]:
    """Return the files of a ZIP by name; what they claim to be is checked before any is unpacked."""
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            entries = archive.infolist()
            _check_entries(entries)
            return {entry.filename: _content(archive, entry) for entry in entries}
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError) as error:
        raise BundleRefused("damaged", f"the ZIP file cannot be read: {error}") from None
    except (NotImplementedError, RuntimeError, ValueError, UnicodeError) as error:
        raise BundleRefused("damaged", f"the ZIP file is of another kind: {error}") from None


def _check_entries(entries: list[zipfile.ZipInfo]) -> None:
    """Refuse what is no plain file of a plain name, or more than the limits."""
    if len(entries) > MOST_FILES:
        raise BundleRefused("huge", f"{len(entries)} files; at most {MOST_FILES} are taken")
    if len({e.filename for e in entries}) < len(entries):
        raise BundleRefused("unsafe", "a name stands twice")
    for entry in entries:
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if not _NAME.fullmatch(entry.orig_filename) or entry.filename != entry.orig_filename:
            raise BundleRefused("unsafe", f"{entry.orig_filename!r:.80} is no name of a text file")
        if kind not in (0, stat.S_IFREG) or entry.flag_bits & 0x1:
            raise BundleRefused("unsafe", f"{entry.filename} is a link, a folder, a device or encrypted")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise BundleRefused("unsafe", f"{entry.filename} is packed in another way than ZIP's own")
    if sum(e.file_size for e in entries) > MAXIMUM_CONTENT:
        raise BundleRefused("huge", f"more than {MAXIMUM_CONTENT} bytes unpacked")


def _content(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """Return one file, never more than it said it would be."""
    with archive.open(entry) as file:
        content = file.read(entry.file_size + 1)
    if len(content) != entry.file_size:
        raise BundleRefused("damaged", f"{entry.filename} is not as long as it says")
    if not _is_text(content):
        raise BundleRefused("unsafe", f"{entry.filename} is no text")
    return content


def _is_text(content: bytes) -> bool:
    try:
        return b"\0" not in content and content.decode() is not None
    except UnicodeDecodeError:
        return False


def _parsed(text: bytes) -> dict[str, Any]:
    """Return the members of a manifest that is canonical and of the known form."""
    try:
        members: dict[str, Any] = json.loads(text)
        is_canonical = isinstance(members, dict) and canonical_json(members) == text
    except (ValueError, ContractError, RecursionError) as error:
        raise BundleRefused("damaged", f"{MANIFEST} is no JSON in canonical form: {error}") from None
    if not is_canonical:
        raise BundleRefused("damaged", f"{MANIFEST} is not in canonical form")
    if members.get("schema") != SCHEMA:
        raise BundleRefused("unknown", f"schema {members.get('schema')!r:.60}; this node reads {SCHEMA}")
    forms = {name: type(value) for name, value in members.items()}
    if forms != _MEMBERS or not all(map(_is_listed, members["files"])):
        raise BundleRefused("damaged", f"{MANIFEST}: members missing, too many or of another form")
    if not _PARTY.fullmatch(members["party"]) or not 0 < len(members["world"]) <= 64:
        raise BundleRefused("damaged", f"{MANIFEST}: party or world is none")
    return members


def _is_listed(entry: object) -> bool:
    forms = {"name": str, "sha256": str, "size": int}
    return isinstance(entry, dict) and {k: type(v) for k, v in entry.items()} == forms


def _check_signature(manifest: Mapping[str, Any], key_of: KeyOf) -> None:
    text = canonical_json({k: v for k, v in manifest.items() if k != "signature"})
    try:
        at = parse_instant(manifest["created_at"])
        public = key_of(manifest["party"], manifest["key"], at)
    except ValueError:
        raise BundleRefused("damaged", f"{MANIFEST}: created_at is no instant") from None
    except EnvelopeRefused as error:
        raise BundleRefused(error.reason, error.what) from None
    if not verify(public, SIGNED_PREFIX + text, manifest["signature"]):
        raise BundleRefused("forged", f"the signature is not that of {manifest['party']}")


def _check_digests(listed: list[dict[str, Any]], files: Mapping[str, bytes]) -> None:
    """Refuse files that are not just those of the manifest."""
    told = {entry["name"]: (entry["sha256"], entry["size"]) for entry in listed}
    there = {name: (hashlib.sha256(content).hexdigest(), len(content)) for name, content in files.items()}
    if len(told) < len(listed) or told != there:
        odd = sorted(name for name in told.keys() | there.keys() if told.get(name) != there.get(name))
        raise BundleRefused("altered", f"not as the manifest says: {', '.join(odd)[:200]}")
