"""Write docs/envelope-vectors.json, an example of every kind of envelope, signed; run by `make docs`.

Keys, instants and bodies are fixed, so the same bytes come out each time: whoever writes a node of their own
holds theirs to them.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from alerts.examples import example_content
from alerts.joint import evidence_digest, rank_of, signature_body
from alerts.sealed import commitment, subject_of
from alerts.signoff import statement
from flows.said import signed_part
from flows.season_words import body_of as body_of_statement
from pipeline.exchange.bodies import body_schema, check_body
from pipeline.exchange.canonical import digest
from pipeline.exchange.envelope import FIRST_PREVIOUS, KINDS, SIGNED_PREFIX, Envelope, key_id
from pipeline.exchange.keys import public_key_text, sign
from pipeline.exchange.measurements import body_of
from pipeline.ledger.season import PartyStatement
from pipeline.ledger.warnings import SignatureRow
from pipeline.sharing import Mark

TARGET: Final = Path(__file__).with_name("envelope-vectors.json")
BEGIN: Final = datetime(2026, 1, 14, 8, 30, tzinfo=UTC)
SECRETS: Final = {"seoul": bytes(range(32)), "beijing": bytes(range(1, 33))}
KEYS: Final = {party: Ed25519PrivateKey.from_private_bytes(s) for party, s in SECRETS.items()}
PEER: Final = {"seoul": "beijing", "beijing": "seoul"}
CONTENT: Final = example_content()
WORLD: Final = CONTENT.world
CYCLE: Final = CONTENT.issue_time
AT: Final = "2026-01-14T08:40:00Z"
NONCE: Final = "5e" * 32
SUBJECT: Final = subject_of(WORLD, CYCLE, "seoul", "2026-01-15", 35)
QUESTION: Final = "seoul-01KEX000000000000000000Q01"
MODEL: Final = "kernel-pm2p5-20260101-000000000000"
Plain = dict[str, Any]


def vectors() -> Plain:
    """Return keys and two chains of envelopes that answer each other, every kind among them."""
    made: list[Envelope] = []
    for sender, kind, world, body in _said():
        said = body(made) if callable(body) else body
        check_body(kind, said)
        before = [e for e in made if e.sender == sender]
        made.append(
            Envelope(
                sender=sender,
                recipient=PEER[sender],
                sequence=len(before) + 1,
                previous=before[-1].digest if before else FIRST_PREVIOUS,
                kind=kind,
                world=world,
                created_at=(BEGIN + timedelta(minutes=len(made))).strftime("%Y-%m-%dT%H:%M:%SZ"),
                key=key_id(public_key_text(KEYS[sender])),
                body=said,
            )
        )
    assert {e.kind for e in made} == set(KINDS)  # noqa: S101
    return {
        "about": "Invented. text: canonical, without signature; digest: SHA-256 of it; signature: Ed25519 "
        "over prefix and text. Any gzip of the text with its signature is the file of that name.",
        "prefix": SIGNED_PREFIX.decode(),
        "keys": {
            party: {"secret": SECRETS[party].hex(), "public": public_key_text(key)}
            for party, key in KEYS.items()
        },
        "envelopes": [_vector(e) for e in made],
    }


def _vector(envelope: Envelope) -> Plain:
    return {
        "name": envelope.name,
        "kind": envelope.kind,
        "text": envelope.text.decode(),
        "digest": envelope.digest,
        "signature": sign(KEYS[envelope.sender], SIGNED_PREFIX + envelope.text),
    }


def _said() -> Iterator[tuple[str, str, str, Any]]:
    """Yield sender, kind, world and body, in the order of writing; a function takes what was written."""
    yield "seoul", "heartbeat", "node", _handled
    yield "beijing", "heartbeat", "node", _handled
    yield "seoul", "key", "node", _key()
    yield "seoul", "observations", WORLD, _values([41.0, 43.5, None][:2])
    yield "seoul", "correction", WORLD, _values([None]) | {"what": "observations", "reason": "withdrawn"}
    yield "seoul", "bulletin", WORLD, _bulletin()
    yield "seoul", "measures", WORLD, _measures()
    yield "seoul", "model_card", WORLD, _card()
    yield "seoul", "verification", WORLD, _scores()
    yield "seoul", "seal", WORLD, _seal()
    yield "seoul", "opening", WORLD, {"subject": SUBJECT, "probability": 0.7, "nonce": NONCE, "at": AT}
    yield "seoul", "question", WORLD, _question()
    yield "beijing", "answer", WORLD, {"question": QUESTION, "person": "王", "text": "北风。", "at": AT}
    yield "seoul", "season", WORLD, _finding()
    yield "seoul", "proposal", WORLD, _proposal()
    yield "beijing", "objection", WORLD, _vote("beijing", "object", "too early")
    yield "seoul", "approval", WORLD, _vote("seoul", "approve", "")
    for kind, stands in (
        ("issue", "alert"),
        ("update", "update"),
        ("end", "all_clear"),
        ("cancel", "cancel"),
    ):
        yield "seoul", kind, WORLD, _issued(kind, stands)
    yield "beijing", "receipt", "node", _handled
    yield "seoul", "receipt", "node", _handled


def _handled(made: list[Envelope]) -> Plain:
    """Say how far the other's chain was handled: all that was written, by whoever speaks next."""
    mine = "seoul" if not made or made[-1].sender == "beijing" else "beijing"
    theirs = [e for e in made if e.sender == PEER[mine]]
    told = {"handled": len(theirs), "handled_digest": theirs[-1].digest if theirs else FIRST_PREVIOUS}
    return {**told, "newest": len(theirs), "missing": [], "refused": []}


def _key() -> Plain:
    new = public_key_text(Ed25519PrivateKey.from_private_bytes(bytes(range(2, 34))))
    old = key_id(public_key_text(KEYS["seoul"]))
    days = {"valid_from": "2026-01-15T08:31:00Z", "replaced_until": "2026-01-22T08:31:00Z"}
    return {"action": "announce", "public": new, "replaces": old, **days}


def _values(values: list[float | None]) -> Plain:
    end = np.datetime64("2026-01-14T08", "ns") - np.arange(len(values))[::-1] * np.timedelta64(1, "h")
    numbers = np.array([math.nan if v is None else v for v in values])
    rows = pd.DataFrame(
        {"station": "airkorea:1", "quantity": "pm2p5", "time": end, "value": numbers, "qc": 0}
    )
    place = {"latitude": 37.56, "longitude": 126.97, "altitude": math.nan, "city": "seoul"}
    station = {"station": "airkorea:1", "name": "중구", **place, "interval_hours": 1, "note": ""}
    mark = Mark("exercise-air", "simulated; no licence is needed", "simulated world", "parties", 0)
    return body_of(rows, pd.DataFrame([station]), mark)


def _bulletin() -> Plain:
    content = {
        "sender": "seoul",
        "pollutant": "pm2p5",
        "unit": "ug m-3",
        "target_date": "2026-01-15",
        "regions": {"Seoul": {"city": "seoul", "low": 39.7, "value": 58.3, "high": 81.5}},
    }
    days = {"valid_from": "2026-01-14T15:00:00Z", "valid_until": "2026-01-15T15:00:00Z"}
    key = f"seoul pm2p5 2026-01-15 issued {CYCLE}"
    return {"bulletins": [{"key": key, "issued_at": CYCLE, **days, "content": content}]}


def _measures() -> Plain:
    named = {"id": "2026-03", "city": "seoul", "level": "stage 1", "area": "Seoul", "note": ""}
    span = {"start": "2026-01-14T21:00:00Z", "stop": "2026-01-15T12:00:00Z"}
    law = "Special Act on the Reduction and Management of Fine Dust, article 18"
    return {"measures": [{**named, **span, "legal_basis": law, "state": "in_force"}]}


def _card() -> Plain:
    facts = {"world": WORLD, "quantity": "pm2p5", "digest": "0" * 64, "data_until": "2026-01-01T00:00:00Z"}
    return {"model": MODEL, "card": f"# {MODEL}\n", "facts": facts | {"trained_at": "2026-01-01T00:05:00Z"}}


def _scores() -> Plain:
    of = {"city": "seoul", "quantity": "pm2p5", "lead_day": 1, "cases": 365}
    scores = [
        {**of, "name": "rmse", "value": 12.4, "reference": 15.1},
        {**of, "name": "skill_persistence", "value": 0.33, "reference": 0},
    ]
    span = {"from": "2025-01-01T00:00:00Z", "until": "2026-01-01T00:00:00Z"}
    return {**span, "model": MODEL, "scores": scores, "report": "Hindcast 2025-01-01 to 2025-12-31"}


def _seal() -> Plain:
    told = {"commitment": commitment(SUBJECT, "seoul", 0.7, NONCE), "opens": "2026-01-14T09:30:00Z"}
    return {"subject": SUBJECT, "person": "김", **told, "at": AT}


def _question() -> Plain:
    ring = {"role": "duty forecaster", "languages": ["ko", "en"], "telephone": "+82 2 000 0000"}
    said = {"subject": SUBJECT, "text": "What do you see that we do not?", "ring": ring}
    return {"id": QUESTION, "person": "김", **said, "at": AT, "due": "2026-01-14T09:40:00Z"}


def _finding() -> Plain:
    said = PartyStatement(
        id="",
        kind="finding",
        world=WORLD,
        subject="seoul-20260110",
        party="seoul",
        person="김",
        own=True,
        at=BEGIN,
        body={"text": "The onset came a day early."},
        public_key=public_key_text(KEYS["seoul"]),
        signature="",
    )
    text = signed_part(said)
    named = replace(said, id=hashlib.sha256(text).hexdigest(), signature=sign(KEYS["seoul"], text))
    return body_of_statement(named)


def _proposal() -> Plain:
    content = CONTENT.to_dict()
    named = {"digest": digest(content), "evidence": evidence_digest(content), "rank": list(rank_of(content))}
    return {"slot": _slot(), "round": 1, **named, "content": json.loads(json.dumps(content))}


def _slot() -> str:
    return f"{WORLD}|{'+'.join(sorted(c.city for c in CONTENT.cities))}|{CYCLE}|0"


def _vote(party: str, decision: str, reason: str) -> Plain:
    row = SignatureRow(
        warning_id=CONTENT.warning_id,
        version=CONTENT.version,
        party=party,
        person="김",
        content_digest=digest(CONTENT.to_dict()),
        decision=decision,
        reason=reason,
        drill=True,
        at=BEGIN,
        public_key=public_key_text(KEYS[party]),
        signature="",
    )
    signed = signature_body(row) | {"signature": sign(KEYS[party], statement(row))}
    text = row.content_digest if decision == "approve" else ""
    return {"slot": _slot(), "round": 1, "digest": text, "at": signed["at"], "signature": signed}


def _issued(kind: str, stands: str) -> Plain:
    told = {
        "warning_id": CONTENT.warning_id,
        "version": CONTENT.version,
        "product": CONTENT.product,
        "kind": stands,
        "level": CONTENT.level,
        "status": CONTENT.cap_status,
        "digest": digest(CONTENT.to_dict()),
        "cities": sorted(c.city for c in CONTENT.cities),
        "onset": CONTENT.onset,
        "expires": CONTENT.expires,
        "at": AT,
    }
    schema = body_schema(kind)
    return told | {n: _any(schema["properties"][n]) for n in schema["required"] if n not in told}


def _any(schema: Mapping[str, Any]) -> Any:
    """Return a short value that fits a plain schema."""
    return {"string": "…", "integer": 1, "number": 1, "boolean": False, "array": [], "object": {}}[
        schema["type"]
    ]


if __name__ == "__main__":
    TARGET.write_text(json.dumps(vectors(), ensure_ascii=False, indent=1) + "\n", "utf-8")
