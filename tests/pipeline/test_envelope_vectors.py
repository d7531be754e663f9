"""The signed examples beside envelopes.md: current, true, of every kind, and read by another reader."""

from __future__ import annotations

import gzip
import importlib.util
import json
from pathlib import Path

import pytest

from flows.exchange_parts import HANDLERS
from pipeline.exchange.bodies import body_schema, check_body
from pipeline.exchange.canonical import canonical_json
from pipeline.exchange.envelope import KINDS, Envelope, key_id, seal, unseal
from tests.pipeline.test_read_envelopes import KEYS, READER, read

FILE = READER.with_name("envelope-vectors.json")
VECTORS = json.loads(FILE.read_text("utf-8"))


def pack(vector, **changes):
    return gzip.compress(
        canonical_json(json.loads(vector["text"]) | {"signature": vector["signature"], **changes}), mtime=0
    )


def test_the_file_is_what_the_program_writes_now():
    spec = importlib.util.spec_from_file_location("make_envelopes", READER.with_name("make_envelopes.py"))
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    assert maker.vectors() == VECTORS, "run `make docs`"


def test_every_kind_has_a_schema_an_example_and_someone_who_handles_it():
    assert {v["kind"] for v in VECTORS["envelopes"]} == set(KINDS) == set(HANDLERS)
    assert all(body_schema(kind)["additionalProperties"] is False for kind in KINDS if kind != "key")


@pytest.mark.parametrize("vector", VECTORS["envelopes"], ids=lambda v: v["name"][:24])
def test_an_example_is_as_it_says(vector):
    public = {key_id(k["public"]): k["public"] for k in VECTORS["keys"].values()}
    envelope = unseal(pack(vector), lambda _party, name, _at: public[name])
    assert (envelope.text.decode(), envelope.digest) == (vector["text"], vector["digest"])
    assert envelope.name == vector["name"]
    check_body(envelope.kind, envelope.body)


def test_the_independent_reader_finds_no_fault_in_them(tmp_path):
    for vector in VECTORS["envelopes"]:
        (tmp_path / vector["name"]).write_bytes(pack(vector))
    code, lines = read(tmp_path)
    assert (code, lines[-1]) == (0, "0 faults")
    assert "seoul to beijing: 1 to 19" in lines


def test_the_reader_sees_a_receipt_of_another_chain(tmp_path):
    texts = [json.loads(v["text"]) for v in VECTORS["envelopes"]]
    last = next(t for t in reversed(texts) if t["sender"] == "beijing")
    false = Envelope(**{**last, "body": last["body"] | {"handled": 3}})
    for vector in VECTORS["envelopes"]:
        (tmp_path / vector["name"]).write_bytes(pack(vector))
    next(tmp_path.glob(f"beijing-*-{false.sequence:010d}-*")).unlink()
    (tmp_path / false.name).write_bytes(seal(false, KEYS["beijing"]))
    code, lines = read(tmp_path)
    assert "beijing to seoul: 4 confirms another 3 than that here" in lines
    assert (code, lines[-1]) == (1, "2 faults")  # and Seoul's receipt confirms another 4


def test_a_folder_may_begin_later_and_says_where(tmp_path):
    mine = [v for v in VECTORS["envelopes"] if v["name"].startswith("seoul")][5:]
    for vector in mine:
        (tmp_path / vector["name"]).write_bytes(pack(vector))
    code, lines = read(tmp_path)
    assert (code, lines[-2:]) == (0, ["seoul to beijing: 6 to 19", "0 faults"])


def test_numbers_that_no_double_carries_are_refused_by_the_reader(tmp_path):
    vector = VECTORS["envelopes"][0]
    for name, number in (("a", "9007199254740993"), ("b", "1" + "0" * 400), ("c", "NaN"), ("d", "1.0")):
        text = canonical_json(json.loads(vector["text"]) | {"signature": vector["signature"]}).decode()
        bad = text.replace('"newest":0', f'"newest":{number}')
        assert bad != text
        Path(tmp_path / f"{name}.json.gz").write_bytes(gzip.compress(bad.encode(), mtime=0))
    code, lines = read(tmp_path)
    assert (code, lines[-1]) == (1, "4 faults")
