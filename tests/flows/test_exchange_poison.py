"""Well signed envelopes with extreme bodies: whatever a peer writes, a node takes its next word."""

from __future__ import annotations

import copy

import pytest

import pipeline.exchange.post
from flows.exchange_parts import HANDLERS
from flows.node import node_of
from pipeline.exchange.bodies import body_schema
from pipeline.exchange.envelope import KINDS
from pipeline.exchange.post import Message, post
from tests.flows.exchange_pair import Pair

TEXTS = (
    "",
    "x" * 50_000,
    "../../etc/passwd",
    "\u202e\ufeff",
    "=cmd|' /C calc'!A0",
    "'; DROP TABLE audit; --",
)
NUMBERS = (0, -1, 2**53 - 1, -(2**53) + 1, 1e308, -1e308, 5e-324)
INSTANTS = ("1970-01-01T00:00:00Z", "2199-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "2026-02-30T00:00:00Z")
MORE = (None, True, [], {}, [[]], {"": {}}, *TEXTS, *NUMBERS, *INSTANTS)


def smallest(schema, root=None):
    """Return a small body that a schema describes, as far as types, constants and enumerations tell."""
    root = root or schema
    if "$ref" in schema:
        target = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        return smallest(target, root)
    for word in ("oneOf", "anyOf", "allOf"):
        if word in schema and "type" not in schema:
            return smallest(schema[word][0], root)
    if "oneOf" in schema and schema.get("type") == "object" and "properties" not in schema:
        return smallest(schema["oneOf"][0], root)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type", "object")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        wanted = schema.get("required", [])
        known = schema.get("properties", {})
        return {name: smallest(known.get(name, {"type": "string"}), root) for name in wanted}
    if kind == "array":
        return [smallest(schema.get("items", {}), root)] * max(1, schema.get("minItems", 0))
    return {"string": text_of(schema), "integer": 1, "number": 1.5, "boolean": True, "null": None}[kind]


def text_of(schema):
    pattern = schema.get("pattern", "")
    if "T[0-9]" in pattern or ("T" in pattern and "Z" in pattern):
        return "2026-01-14T02:00:00Z"
    if "{64}" in pattern:
        return "ab" * 32
    return "ab" * 8 if "{16}" in pattern else "network:1" if ":" in pattern else "text"


def places(value, path=()):
    """Yield the path of every value in a body."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        yield from places(item, (*path, name))


def changed(body, path, new):
    if not path:
        return new if isinstance(new, dict) else {"": new}
    found = copy.deepcopy(body)
    inner = found
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = new
    return found


def bodies(kind):
    """Return a body of a kind with every value changed to each extreme in turn, some 120 of them."""
    good = smallest(body_schema(kind))
    found = [changed(good, path, new) for path in places(good) for new in MORE]
    return [good, *found[:: max(1, len(found) // 120)]]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_no_body_stops_what_follows(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(pipeline.exchange.post, "check_body", lambda *_: None)
    monkeypatch.setattr("flows.exchange.POSTERS", [])
    pair = Pair(tmp_path)
    seoul = pair.nodes["seoul"]
    sender = node_of(seoul).sender
    tried = bodies(kind)
    with seoul.ledger.write() as conn:
        for number, body in enumerate(tried):
            post(conn, sender, Message("beijing", kind, "measured", f"{number}", body), pair.clock())
        last = Message("beijing", "question", "x", "last", {"n": 1})
        end = post(conn, sender, last, pair.clock()).sequence
    pair.rounds(1)
    report = pair.round("beijing")
    assert pair.handled("beijing", "seoul") >= end
    assert not [t for p in report.peers for t in p.trouble if "step failed" in t]
    with pair.nodes["beijing"].ledger.read() as conn:
        rows = conn.exec_driver_sql("SELECT outcome, note FROM envelopes_handled").all()
    assert not [note for _, note in rows if "cannot be handled" in note]
    assert kind in HANDLERS
    pair.close()
