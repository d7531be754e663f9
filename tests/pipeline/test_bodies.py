"""Every body is held against the published schema of its kind, on sending and again on arrival."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jsonschema import Draft202012Validator

from pipeline.errors import ContractError
from pipeline.exchange.arrivals import Parcel, Receiver, handle_next, take
from pipeline.exchange.bodies import body_schema, check_body
from pipeline.exchange.envelope import FIRST_PREVIOUS, KINDS, Envelope, key_id, seal
from pipeline.exchange.keys import public_key_text
from pipeline.exchange.post import Message, Sender, post
from pipeline.ledger import open_ledger
from pipeline.ledger.envelopes import read_sent

AT = datetime(2026, 1, 14, 2, tzinfo=UTC)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = public_key_text(KEY)
MEASURES = {
    "measures": [
        {
            "id": "2026-1",
            "city": "beijing",
            "level": "orange",
            "area": "whole city",
            "start": "2026-01-14T16:00:00Z",
            "stop": None,
            "legal_basis": "emergency plan of the city",
            "state": "in_force",
            "note": "",
        }
    ]
}


@pytest.fixture
def ledger(tmp_path):
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
    yield ledger
    ledger.close()


@pytest.mark.parametrize("kind", KINDS)
def test_each_schema_is_one_and_refers_to_nothing_outside(kind):
    schema = body_schema(kind)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema.get("type") == "object" or "oneOf" in schema
    assert '"$ref": "http' not in str(schema).replace("'", '"')


def test_a_body_is_refused_with_its_place():
    check_body("measures", MEASURES)
    wrong = {"measures": [{**MEASURES["measures"][0], "start": "tomorrow"}]}
    with pytest.raises(ContractError, match=r"measures: \$\.measures\[0\]\.start: breaks pattern") as told:
        check_body("measures", wrong)
    assert "tomorrow" not in str(told.value)
    with pytest.raises(ContractError, match="no schema"):
        check_body("diary", {})
    with pytest.raises(ContractError, match="additionalProperties"):
        check_body("measures", {**MEASURES, "besides": 1})


def test_nothing_of_another_form_is_ever_sent(ledger):
    with pytest.raises(ContractError, match="measures"), ledger.write() as conn:
        post(conn, Sender("seoul", KEY), Message("beijing", "measures", "live", "m", {"measures": []}), AT)
    with ledger.read() as conn:
        assert read_sent(conn, "beijing") == []


def test_what_comes_in_another_form_reaches_no_handler_and_holds_nothing_up(ledger):
    heard = []
    receiver = Receiver("beijing", ("seoul",), lambda party, key, at: PUBLIC)
    handlers = {"measures": lambda conn, envelope, at: heard.append(envelope.sequence) or "heard"}
    before = FIRST_PREVIOUS
    with ledger.write() as conn:
        for number, body in ((1, {"measures": [{"level": 3}]}), (2, MEASURES)):
            at = "2026-01-14T02:00:00Z"
            envelope = Envelope(
                "seoul", "beijing", number, before, "measures", "live", at, key_id(PUBLIC), body
            )
            before = envelope.digest
            assert take(conn, receiver, Parcel("folder", "x", seal(envelope, KEY)), AT) == "taken"
        while handle_next(conn, receiver, "seoul", handlers, AT):
            pass
    assert heard == [2]
