"""The Atom feed of CAP messages (RFC 4287), newest first, with archives of the older ones (RFC 5005).

Everything in it is read from the CAP messages as they were sent, so the feed never says more than they do.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import uuid5

from lxml import etree

from alerts.cap_check import CAP_NAMESPACE
from alerts.identifiers import NAMESPACE
from pipeline.errors import ContractError
from pipeline.times import iso, parse_instant

ATOM: Final = "http://www.w3.org/2005/Atom"
HISTORY: Final = "http://purl.org/syndication/history/1.0"
CAP_TYPE: Final = "application/cap+xml"
ATOM_TYPE: Final = "application/atom+xml"
PAGE: Final = 50
"""Entries of one document; what is older stands in archives of the same length."""

_SCHEME: Final = "tag:sameair.invalid,2026:"
_EMPTY_SINCE: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NAMES: Final = {"c": CAP_NAMESPACE}
_PARAMETERS: Final = {"sameair:product": "product", "sameair:jointLevel": "level", "sameair:cities": "city"}


@dataclass(frozen=True)
class FeedEntry:
    """One message: the name of its file, what it calls itself, and under which (scheme, term) it is found."""

    file: str
    identifier: str
    sent: datetime
    title: str
    summary: str
    categories: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class FeedHead:
    """Which document this is: ``archive`` is its number, 0 for the current one; ``previous`` that before."""

    world: str
    author: str
    archive: int = 0
    previous: int = 0


def feed_name(world: str, archive: int = 0) -> str:
    """Return the file name of a world's feed, or of one of its archives.

    >>> feed_name("measured"), feed_name("measured", 2)
    ('feed-measured.atom', 'feed-measured.2.atom')
    """
    return f"feed-{world}.{archive}.atom" if archive else f"feed-{world}.atom"


def cap_name(warning_id: str, version: int) -> str:
    """Return the file name of the CAP message of a version.

    >>> cap_name("01KEXAMP0E0000000000000001", 2)
    '01KEXAMP0E0000000000000001-v2.cap.xml'
    """
    return f"{warning_id}-v{version}.cap.xml"


def version_of(name: str) -> tuple[str, int] | None:
    """Return warning and version of the file name of a CAP message; None for any other name.

    >>> version_of("01KEXAMP0E0000000000000001-v2.cap.xml"), version_of("../x-v1.cap.xml")
    (('01KEXAMP0E0000000000000001', 2), None)
    """
    found = re.fullmatch(r"([A-Za-z0-9-]{1,120})-v([1-9]\d{0,5})\.cap\.xml", name)
    return (found[1], int(found[2])) if found else None


def feed_identifier(world: str) -> str:
    """Return the id of a world's feed, which never changes.

    >>> feed_identifier("measured")
    'urn:uuid:...'
    """
    return f"urn:uuid:{uuid5(NAMESPACE, f'feed/{world}')}"


def feed_entry(message: bytes, file: str) -> FeedEntry:
    """Return the entry of a CAP message; anything but ``Actual`` is marked in its title.

    Raises
    ------
    ContractError
        it is no CAP message
    """
    try:
        root = etree.fromstring(message, etree.XMLParser(resolve_entities=False, no_network=True))
        infos = root.findall("c:info", _NAMES)
        headlines = [_text(info, "headline") for info in infos]
        status, sent = _text(root, "status"), parse_instant(_text(root, "sent"))
        english = next(h for i, h in zip(infos, headlines, strict=True) if _text(i, "language")[:2] == "en")
    except (etree.XMLSyntaxError, ValueError, StopIteration) as error:
        raise ContractError(f"{file} is no CAP message that a feed can name ({error})") from None
    terms = [("status", status), ("type", _text(root, "msgType"))]
    for parameter in infos[0].findall("c:parameter", _NAMES):
        scheme = _PARAMETERS.get(_text(parameter, "valueName"))
        terms += [(scheme, term) for term in _text(parameter, "value").split(",") if scheme]
    return FeedEntry(
        file=file,
        identifier=_text(root, "identifier"),
        sent=sent,
        title=english if status == "Actual" else f"[{status.upper()}] {english}",
        summary="\n".join([*headlines, *([_text(root, "note")] if status != "Actual" else [])]),
        categories=tuple(terms),
    )


def build_feed(entries: Sequence[FeedEntry], head: FeedHead) -> bytes:
    """Return one Atom document; the same entries give the same bytes.

    Parameters
    ----------
    entries : newest first
    head : which document it is; links to others are file names in the same folder

    Examples
    --------
    >>> feed = build_feed([], FeedHead("measured", "desk@seoul.example"))
    >>> etree.fromstring(feed).findtext("{*}title")
    'sameair: CAP messages of the world measured'
    """
    feed = etree.Element(_atom("feed"), nsmap={None: ATOM, "fh": HISTORY})  # type: ignore[dict-item]
    feed.set("{http://www.w3.org/XML/1998/namespace}lang", "en")
    _add(feed, "id", feed_identifier(head.world))
    _add(feed, "title", f"sameair: CAP messages of the world {head.world}")
    _add(feed, "updated", iso(max((e.sent for e in entries), default=_EMPTY_SINCE)))
    _add(etree.SubElement(feed, _atom("author")), "name", head.author)
    _link(feed, "self", feed_name(head.world, head.archive), ATOM_TYPE)
    if head.archive:
        etree.SubElement(feed, f"{{{HISTORY}}}archive")
        _link(feed, "current", feed_name(head.world), ATOM_TYPE)
    if head.previous:
        _link(feed, "prev-archive", feed_name(head.world, head.previous), ATOM_TYPE)
    for entry in entries:
        _add_entry(feed, entry)
    etree.indent(feed)
    return bytes(etree.tostring(feed, xml_declaration=True, encoding="UTF-8"))


def newest_identifier(feed: bytes) -> str:
    """Return the identifier of the newest message of a feed; empty where it has none or is no feed."""
    try:
        root = etree.fromstring(feed, etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError:
        return ""
    return root.findtext(f"{_atom('entry')}/{_atom('id')}", default="")


def _add_entry(feed: etree._Element, entry: FeedEntry) -> None:
    held = etree.SubElement(feed, _atom("entry"))
    _add(held, "id", entry.identifier)
    _add(held, "title", entry.title)
    _add(held, "published", iso(entry.sent))
    _add(held, "updated", iso(entry.sent))
    _add(held, "summary", entry.summary)
    _link(held, "alternate", entry.file, CAP_TYPE)
    for scheme, term in entry.categories:
        etree.SubElement(held, _atom("category"), scheme=_SCHEME + scheme, term=term)


def _link(parent: etree._Element, relation: str, name: str, media_type: str) -> None:
    etree.SubElement(parent, _atom("link"), rel=relation, type=media_type, href=name)


def _add(parent: etree._Element, name: str, text: str) -> None:
    etree.SubElement(parent, _atom(name)).text = text


def _atom(name: str) -> str:
    return f"{{{ATOM}}}{name}"


def _text(node: etree._Element, name: str) -> str:
    return node.findtext(f"c:{name}", default="", namespaces=_NAMES) or ""
