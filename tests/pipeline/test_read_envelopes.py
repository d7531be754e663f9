"""A reader that shares no code with the program reads what the program writes, and sees every fault."""

from __future__ import annotations

import ast
import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pipeline.exchange.bodies import check_body
from pipeline.exchange.canonical import canonical_json
from pipeline.exchange.envelope import FIRST_PREVIOUS, KINDS, SIGNED_PREFIX, Envelope, key_id, seal
from pipeline.exchange.keys import public_key_text, sign

READER = Path(__file__).parents[2] / "docs" / "read_envelopes.py"
KEYS = {
    party: Ed25519PrivateKey.from_private_bytes(bytes(range(n, n + 32)))
    for n, party in enumerate(("seoul", "beijing"))
}
NUMBERS = [0.0, -0.0, 1.0, 0.1, 1e-7, 1.5e-6, 123456789012345680000.0, 1e21, -2.5, 5e-324, 2**53 - 1, 987.625]


def chain(sender, recipient, count=3):
    """Return names and bytes of a chain."""
    key, found, previous = KEYS[sender], [], FIRST_PREVIOUS
    for n in range(1, count + 1):
        body = {
            "n": n,
            "서울": "北京 \u2028 \U0001f32b",
            "x": NUMBERS,
            "\ufb33": None,
            "\U0001f600": [True, ""],
        }
        public = key_id(public_key_text(key))
        at = f"2026-01-14T02:00:0{n}Z"
        envelope = Envelope(sender, recipient, n, previous, "heartbeat", "measured", at, public, body)
        previous = envelope.digest
        found.append((envelope.name, seal(envelope, key)))
    return found


def read(folder, *, keys=KEYS):
    """Run the reader where none of our packages can be found."""
    given = [f"{party}={public_key_text(key)}" for party, key in keys.items()]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-P", READER, folder, *given],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert not done.stderr
    return done.returncode, done.stdout.splitlines()


@pytest.fixture
def folder(tmp_path):
    for name, packed in chain("seoul", "beijing") + chain("beijing", "seoul"):
        (tmp_path / name).write_bytes(packed)
    return tmp_path


def test_the_reader_is_short_and_needs_one_package():
    text = READER.read_text("utf-8")
    assert len(text.splitlines()) <= 100
    nodes = list(ast.walk(ast.parse(text)))
    names = {a.name for n in nodes if isinstance(n, ast.Import) for a in n.names}
    names |= {n.module for n in nodes if isinstance(n, ast.ImportFrom)}
    outside = {n for n in names if n.partition(".")[0] not in sys.stdlib_module_names}
    assert {n.partition(".")[0] for n in outside} == {"cryptography"}


def test_it_reads_what_we_write(folder):
    code, lines = read(folder)
    assert (code, len(lines), lines[-1]) == (0, 9, "0 faults")
    assert {"seoul to beijing: 1 to 3", "beijing to seoul: 1 to 3"} <= set(lines)


def test_it_sees_every_fault(folder):
    files = sorted(folder.glob("seoul-*"))
    forged = json.loads(gzip.decompress(files[1].read_bytes()))
    forged["body"]["n"] = 9
    files[1].write_bytes(gzip.compress(canonical_json(forged), mtime=0))
    files[2].write_bytes(files[2].read_bytes()[:-9])
    sorted(folder.glob("beijing-*"))[1].unlink()
    code, lines = read(folder)
    assert code == 1
    assert lines[-1] == "3 faults"
    assert f"{files[1].name}: refused: the signature does not fit" in lines
    assert any("cut off" in line for line in lines)
    assert "beijing to seoul: 2 is missing" in lines


def test_a_key_that_was_not_given_is_not_trusted(folder):
    code, lines = read(folder, keys={"seoul": KEYS["seoul"]})
    assert code == 1
    assert sum("not given" in line for line in lines) == 3


def test_two_signed_for_one_number_are_seen(folder):
    key = KEYS["seoul"]
    public = key_id(public_key_text(key))
    other = Envelope(
        "seoul", "beijing", 1, FIRST_PREVIOUS, "heartbeat", "measured", "2026-01-14T03:00:00Z", public, {}
    )
    (folder / other.name).write_bytes(seal(other, key))
    code, lines = read(folder)
    assert code == 1
    assert any("another 1 is signed, too" in line for line in lines)


def test_the_page_holds_a_true_example():
    page = (READER.parent / "envelopes.md").read_text("utf-8")
    text = "".join(page.split("```")[1].split("\n")).encode()
    members = json.loads(text)
    envelope = Envelope(**members)
    key = KEYS["seoul"]
    assert envelope.text == text
    assert f"`{envelope.digest}`" in page
    assert f"`{sign(key, SIGNED_PREFIX + text)}`" in page
    assert f"`{public_key_text(key)}`" in page
    check_body(envelope.kind, envelope.body)


def test_the_page_names_every_kind():
    page = (READER.parent / "envelopes.md").read_text("utf-8")
    assert [kind for kind in KINDS if f"[`{kind}`](../pipeline/exchange/bodies/{kind}-1" not in page] == []
