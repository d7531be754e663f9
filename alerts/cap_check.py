"""What a CAP 1.2 message must fulfil: the schema of OASIS, and the rules of the text that it leaves out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Final

from lxml import etree

from pipeline.errors import ContractError
from pipeline.times import parse_instant

CAP_NAMESPACE: Final = "urn:oasis:names:tc:emergency:cap:1.2"
SCHEMA_FILE = resources.files("alerts") / "schema" / "CAP-v1.2.xsd"
MAX_EVENT: Final = 35
"""Characters of ``event``; good practice of the WMO composer (PR 65)."""
MAX_VERTICES: Final = 100
"""Vertices of a polygon; same source."""
_NAMES: Final = {"c": CAP_NAMESPACE}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[-+]\d\d:\d\d")
_TOKEN = re.compile(r"[^\s,<&]+")


def check_cap(message: bytes) -> bytes:
    """Return the message if it is sound.

    Raises
    ------
    ContractError
        naming the first thing that is wrong

    Examples
    --------
    >>> check_cap(b"<alert/>")
    Traceback (most recent call last):
    pipeline.errors.ContractError: CAP message: Element 'alert': No matching global declaration available ...
    """
    problems = cap_problems(message)
    if problems:
        raise ContractError(f"CAP message: {problems[0]}")
    return message


def cap_problems(message: bytes) -> list[str]:
    """Return everything that is wrong with a message; empty if it is sound.

    Checked beyond the schema: times without comma in the zone sign, without ``Z`` or fraction; identifier,
    sender and references free of spaces and commas; references for Update and Cancel; restriction and
    addresses where the scope asks for them; one info per language with the same areas; ``event`` at most
    35 characters; polygons closed, (lat, lon), at most 100 vertices; sent ≤ effective < expires and onset <
    expires, alike in every info; references sent before; a last word without onset, with urgency Past; a note
    where a message is a cancellation or an exercise.
    """
    try:
        root = etree.fromstring(message, _parser())
    except etree.XMLSyntaxError as error:
        return [f"not well-formed XML ({error})"]
    information = root.getroottree().docinfo
    if getattr(information, "doctype", ""):
        return ["a document type declaration is not allowed"]
    try:
        _schema().assertValid(root)
    except etree.DocumentInvalid as error:
        return [str(error)]
    return [problem for check in _CHECKS for problem in check(root)]


def sender_of(message: bytes) -> str:
    """Return who sent a stored message; empty where it cannot be read.

    >>> sender_of(f'<alert xmlns="{CAP_NAMESPACE}"><sender>desk@a.example</sender></alert>'.encode())
    'desk@a.example'
    >>> sender_of(b"half")
    ''
    """
    try:
        return _text(etree.fromstring(message, _parser()), "sender")
    except etree.XMLSyntaxError:
        return ""


def _parser() -> etree.XMLParser:
    """Return a parser that resolves nothing and fetches nothing."""
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)


@cache
def _schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.fromstring(SCHEMA_FILE.read_bytes()))


def _text(node: etree._Element, name: str) -> str:
    return node.findtext(f"c:{name}", default="", namespaces=_NAMES) or ""


def _nodes(root: etree._Element, *names: str) -> Iterator[etree._Element]:
    for name in names:
        yield from root.iter(f"{{{CAP_NAMESPACE}}}{name}")


def _times(root: etree._Element) -> Iterator[str]:
    for node in _nodes(root, "sent", "effective", "onset", "expires"):
        if not _TIME.fullmatch(node.text or ""):
            yield f"time '{node.text}' is not YYYY-MM-DDThh:mm:ss±hh:mm"


def _order(root: etree._Element) -> Iterator[str]:
    """Find times of an info that contradict each other or the time of sending."""
    sent = _instant(_text(root, "sent"))
    spans = set()
    for info in _nodes(root, "info"):
        times = {name: _text(info, name) for name in ("effective", "onset", "expires")}
        spans.add(tuple(times.values()))
        known = {name: when for name, text in times.items() if (when := _instant(text)) is not None}
        for name in ("effective", "onset"):
            if name in known and "expires" in known and known[name] >= known["expires"]:
                yield f"{name} {times[name]} is not before expires {times['expires']}"
        if sent is None:
            continue
        if known.get("effective", sent) < sent:
            yield f"effective {times['effective']} is before sent {_text(root, 'sent')}"
        if "expires" in known and known["expires"] <= sent:
            yield f"expires {times['expires']} is not after sent {_text(root, 'sent')}"
    if len(spans) > 1:
        yield "the info blocks differ in their times"


def _instant(text: str) -> datetime | None:
    """Return a time of a message; None where it is not written as one."""
    return parse_instant(text) if _TIME.fullmatch(text) else None


def _last_words(root: etree._Element) -> Iterator[str]:
    """Find all-clears and cancellations that still announce something, and what lacks its note."""
    kind = _text(root, "msgType")
    for info in _nodes(root, "info"):
        clears = "AllClear" in [node.text for node in _nodes(info, "responseType")]
        if clears and kind != "Update":
            yield f"an all-clear has msgType {kind}, not Update"
        if (clears or kind == "Cancel") and _text(info, "onset"):
            yield "an all-clear or a cancellation has an onset"
        if (clears or kind == "Cancel") and _text(info, "urgency") != "Past":
            yield f"an all-clear or a cancellation has urgency {_text(info, 'urgency')}, not Past"
    if (kind == "Cancel" or _text(root, "status") == "Exercise") and not _text(root, "note").strip():
        yield f"{kind} of status {_text(root, 'status')} without note"


def _tokens(root: etree._Element) -> Iterator[str]:
    for name in ("identifier", "sender"):
        if not _TOKEN.fullmatch(_text(root, name)):
            yield f"{name} '{_text(root, name)}' is empty or holds spaces, commas, < or &"


def _references(root: etree._Element) -> Iterator[str]:
    triples = _text(root, "references").split()
    if _text(root, "msgType") in ("Update", "Cancel") and not triples:
        yield f"{_text(root, 'msgType')} without references"
    if len({triple.partition(",")[2].partition(",")[0] or triple for triple in triples}) < len(triples):
        yield "the references name a message twice"
    for triple in triples:
        yield from _reference_problems(root, triple)


def _reference_problems(root: etree._Element, triple: str) -> Iterator[str]:
    """Find what is wrong with one reference."""
    parts, sent = triple.split(","), _instant(_text(root, "sent"))
    earlier = _instant(parts[-1])
    if len(parts) != 3 or earlier is None:
        yield f"reference '{triple}' is not sender,identifier,sent"
    elif parts[1] == _text(root, "identifier"):
        yield "the message references itself"
    elif sent is not None and earlier > sent:
        yield f"reference '{triple}' was sent after {_text(root, 'sent')}"


def _scope(root: etree._Element) -> Iterator[str]:
    needed = {"Restricted": "restriction", "Private": "addresses"}.get(_text(root, "scope"))
    if needed and not _text(root, needed).strip():
        yield f"scope {_text(root, 'scope')} without {needed}"


def _infos(root: etree._Element) -> Iterator[str]:
    infos = list(_nodes(root, "info"))
    languages = [_text(info, "language") for info in infos]
    if len(set(languages)) < len(languages):
        yield "two info blocks of one language"
    shapes = {tuple(node.text for node in _nodes(info, "polygon", "circle")) for info in infos}
    if len(shapes) > 1:
        yield "the info blocks differ in their areas"
    for info in infos:
        if not 0 < len(_text(info, "event")) <= MAX_EVENT:
            yield f"event '{_text(info, 'event')}' is empty or longer than {MAX_EVENT} characters"


def _polygons(root: etree._Element) -> Iterator[str]:
    for node in _nodes(root, "polygon"):
        problem = _polygon_problem(node.text or "")
        if problem:
            yield problem


def _polygon_problem(text: str) -> str:
    """Return what is wrong with one polygon, or an empty string."""
    try:
        points = [tuple(map(float, pair.split(","))) for pair in text.split()]
    except ValueError:
        return "a polygon holds something that is no number"
    if any(len(p) != 2 or not (-90 <= p[0] <= 90 and -180 <= p[1] <= 180) for p in points):
        return "a polygon point is not lat,lon in degrees"
    if len(points) < 4 or points[0] != points[-1]:
        return "a polygon is not closed or has fewer than four points"
    return f"a polygon has more than {MAX_VERTICES} vertices" if len(points) > MAX_VERTICES else ""


_CHECKS: Final[tuple[Callable[[etree._Element], Iterator[str]], ...]] = (
    _times,
    _order,
    _last_words,
    _tokens,
    _references,
    _scope,
    _infos,
    _polygons,
)
