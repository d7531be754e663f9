"""A bundle is what its party signed, holds text alone, and no file of any kind makes reading it dangerous."""

from __future__ import annotations

import hashlib
import io
import json
import stat
import zipfile

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import BundleRefused, ContractError, EnvelopeRefused
from pipeline.exchange import bundle as module
from pipeline.exchange.bundle import MANIFEST, SIGNED_PREFIX, Bundle, open_bundle, pack_bundle
from pipeline.exchange.canonical import canonical_json
from pipeline.exchange.envelope import key_id
from pipeline.exchange.keys import public_key_text, sign

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))
MADE = Bundle(
    "seoul", "2026-01-14T02:00:00Z", "measured", "m1", {"readme.txt": b"hello", "data.csv": b"a,b\n"}
)


def key_of(party, key, at):
    if party != "seoul":
        raise EnvelopeRefused("stranger", f"no key of {party} is known")
    if key != key_id(public_key_text(KEY)):
        raise EnvelopeRefused("unknown key", "no such key")
    return public_key_text(KEY)


def opened(tmp_path, packed):
    path = tmp_path / "b.zip"
    path.write_bytes(packed)
    return open_bundle(path, key_of)


def refused(tmp_path, packed):
    with pytest.raises(BundleRefused) as caught:
        opened(tmp_path, packed)
    return caught.value.reason


def contents(packed=None):
    with zipfile.ZipFile(io.BytesIO(packed or pack_bundle(MADE, KEY))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(files, compression=zipfile.ZIP_DEFLATED, mode=stat.S_IFREG | 0o644):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, content in files:
            entry = zipfile.ZipInfo(name)
            entry.external_attr, entry.compress_type = mode << 16, compression
            archive.writestr(entry, content)
    return out.getvalue()


def signed(members, key=KEY):
    text = {k: v for k, v in members.items() if k != "signature"}
    return canonical_json({**text, "signature": sign(key, SIGNED_PREFIX + canonical_json(text))})


def test_what_was_packed_is_what_is_read_and_always_the_same_bytes(tmp_path):
    packed = pack_bundle(MADE, KEY)
    found = opened(tmp_path, packed)
    assert dict(found.files) == dict(MADE.files)
    assert (found.party, found.model, found.key) == ("seoul", "m1", key_id(public_key_text(KEY)))
    assert packed == pack_bundle(MADE, KEY)


@pytest.mark.parametrize("name", ["readme.txt", "data.csv"])
def test_an_altered_missing_or_added_file_is_refused(tmp_path, name):
    files = contents()
    assert refused(tmp_path, zipped({**files, name: b"other"}.items())) == "altered"
    assert refused(tmp_path, zipped((n, c) for n, c in files.items() if n != name)) == "altered"
    assert refused(tmp_path, zipped({**files, "more.txt": b""}.items())) == "altered"


@pytest.mark.parametrize(
    "name",
    [
        *("../evil.txt", "/etc/evil.txt", "a/b.txt", "a\\b.txt", "model.pkl", "run.py", "x.txt.exe", ".txt"),
        *("folder/", "A.txt", "ä.txt", "a.txt\n", "manifest"),
    ],
)
def test_only_plain_names_of_text_files_are_taken(tmp_path, name):
    assert refused(tmp_path, zipped([*contents().items(), (name, b"x")])) == "unsafe"


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFDIR, stat.S_IFIFO, stat.S_IFCHR])
def test_links_folders_and_devices_are_refused(tmp_path, kind):
    assert refused(tmp_path, zipped(contents().items(), mode=kind | 0o777)) == "unsafe"


def test_other_ways_of_packing_twice_the_same_name_and_bytes_that_are_no_text_are_refused(tmp_path):
    files = list(contents().items())
    assert refused(tmp_path, zipped(files, zipfile.ZIP_BZIP2)) == "unsafe"
    with pytest.warns(UserWarning, match="Duplicate"):
        twice = zipped([*files, files[-1]])
    assert refused(tmp_path, twice) == "unsafe"
    assert refused(tmp_path, zipped([*files, ("x.txt", b"\x80\x04\x95pickle")])) == "unsafe"
    assert refused(tmp_path, zipped([*files, ("x.txt", b"a\0b")])) == "unsafe"


def test_bombs_are_refused_before_they_are_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MAXIMUM_CONTENT", 100_000)
    bomb = zipped([("x.txt", bytes(1_000_000).replace(b"\0", b" "))])
    assert len(bomb) < 2000
    assert refused(tmp_path, bomb) == "huge"
    lying = bytearray(bomb)
    at = lying.rindex(b"PK\x01\x02") + 24
    lying[at : at + 4] = (10).to_bytes(4, "little")
    assert refused(tmp_path, bytes(lying)) in ("damaged", "huge")
    assert refused(tmp_path, zipped((f"f{n}.txt", b"") for n in range(40))) == "huge"
    monkeypatch.setattr(module, "MAXIMUM_FILE", 100)
    assert refused(tmp_path, pack_bundle_of_any_size(monkeypatch)) == "huge"


def pack_bundle_of_any_size(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(module, "MAXIMUM_FILE", 10_000)
        return pack_bundle(MADE, KEY)


def test_forged_manifests_are_refused(tmp_path):
    files = contents()
    members = json.loads(files[MANIFEST])
    cases = {
        "forged": {**files, MANIFEST: signed(members, OTHER)},
        "stranger": {**files, MANIFEST: signed({**members, "party": "beijing"})},
        "unknown key": {**files, MANIFEST: signed({**members, "key": "0" * 16}, OTHER)},
        "unknown": {**files, MANIFEST: signed({**members, "schema": "sameair-bundle/9"})},
    }
    found = {reason: refused(tmp_path, zipped(some.items())) for reason, some in cases.items()}
    assert found == {reason: reason for reason in cases}


@pytest.mark.parametrize(
    "change",
    [
        lambda m: json.dumps(m).encode(),
        lambda m: b"[" * 100_000,
        lambda m: b"",
        lambda m: canonical_json({**m, "more": 1}),
        lambda m: canonical_json({**m, "files": [1]}),
        lambda m: canonical_json({**m, "files": "all"}),
        lambda m: canonical_json({**m, "party": "../seoul"}),
        lambda m: signed({**m, "created_at": "yesterday"}),
    ],
)
def test_manifests_of_another_form_are_refused(tmp_path, change):
    files = contents()
    assert (
        refused(tmp_path, zipped({**files, MANIFEST: change(json.loads(files[MANIFEST]))}.items()))
        == "damaged"
    )


def test_a_name_that_the_manifest_lists_twice_is_refused(tmp_path):
    files = contents()
    members = json.loads(files[MANIFEST])
    evil = b"other"
    listed = {"name": "readme.txt", "sha256": hashlib.sha256(evil).hexdigest(), "size": len(evil)}
    both = signed({**members, "files": [listed, *members["files"]]})
    assert refused(tmp_path, zipped({**files, MANIFEST: both}.items())) == "altered"


@given(st.data())
def test_no_flipped_or_cut_byte_does_more_than_refuse(tmp_path_factory, data):
    packed = pack_bundle(MADE, KEY)
    folder = tmp_path_factory.mktemp("b")
    at = data.draw(st.integers(0, len(packed) - 1))
    cut = data.draw(st.booleans())
    broken = (
        packed[:at]
        if cut
        else packed[:at] + bytes([packed[at] ^ data.draw(st.integers(1, 255))]) + packed[at + 1 :]
    )
    try:
        found = opened(folder, broken)
    except BundleRefused:
        return
    assert dict(found.files) == dict(MADE.files)


def test_what_may_not_stand_in_a_bundle_is_not_packed():
    for files in ({"m.pkl": b""}, {"a.txt": b"\xff"}, {MANIFEST: b"{}"}):
        with pytest.raises(ContractError):
            pack_bundle(Bundle("seoul", MADE.created_at, "measured", "m1", files), KEY)


def test_a_list_of_a_million_files_is_refused_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(module.zipfile, "ZipFile", None)
    packed = b"PK\x03\x04" + b"PK\x01\x02" * 100_000
    assert refused(tmp_path, packed) == "huge"
