"""A node signs for its party alone; keys are made, rotated, revoked and encrypted as the record says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from flows.anchoring import issue_head, node_key
from flows.doctor_exchange import exchange_checks
from flows.key_care import create_key, import_key, protect_keys, revoke_key, rotate_key
from flows.key_list import listed_keys
from flows.node import keyring_of, node_of, own_key
from flows.signed_models import check_signed, sign_model, signature_path
from flows.signing import signer
from flows.workspace import Workspace, open_workspace
from pipeline.errors import ReviewError, StorageError, UsageError
from pipeline.exchange.anchors import head_fault
from pipeline.exchange.arrivals import Parcel, handle_next, take
from pipeline.exchange.key_notices import handle_key
from pipeline.exchange.keys import load_or_create_key, public_key_text
from pipeline.exchange.post import Message, post
from pipeline.ledger.audit import append_audit
from pipeline.ledger.envelopes import read_refused, read_sent
from pipeline.settings import Settings

AT = datetime(2026, 1, 14, 2, tzinfo=UTC)
DAY = timedelta(days=1)


class Clock:
    """A clock that a test sets."""

    def __init__(self):
        self.now = AT

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def nodes(tmp_path, clock):
    """Both parties' nodes, each with the other's public key alone."""
    found = {}
    for party in ("seoul", "beijing"):
        given = Settings(data_dir=tmp_path / party, party=party, key_password=SecretStr("secret"))
        found[party] = open_workspace(given, clock)
        load_or_create_key(given.keys_dir, party, "secret")
    for own, other in (("seoul", "beijing"), ("beijing", "seoul")):
        public = (tmp_path / other / "keys" / f"{other}.pub").read_text()
        (tmp_path / own / "keys" / f"{other}.pub").write_text(public)
    yield found
    for ws in found.values():
        ws.ledger.close()


def carry(giver: Workspace, taker: Workspace) -> list[str]:
    """Bring everything that one node said to the other, and return what came of it."""
    came = []
    with giver.ledger.read() as conn:
        rows = read_sent(conn, taker.settings.party)
    for row in rows:
        node = node_of(taker)
        with taker.ledger.write() as conn:
            came.append(take(conn, node.receiver, Parcel("folder", "x", row.packed), taker.clock()))
            handle_next(conn, node.receiver, giver.settings.party, {"key": handle_key}, taker.clock())
    return came


def say(ws: Workspace, occasion: str) -> None:
    """Say something with the key that signs now."""
    node = node_of(ws)
    with ws.ledger.write() as conn:
        post(conn, node.sender, Message(node.peers[0], "issue", "live", occasion, {}), ws.clock())


@pytest.fixture(autouse=True)
def _any_body(monkeypatch):
    monkeypatch.setattr("pipeline.exchange.post.check_body", lambda kind, body: None)


def test_a_node_of_a_party_signs_and_delivers_for_it_alone(nodes):
    seoul = nodes["seoul"]
    assert node_of(seoul).peers == ("beijing",)
    with pytest.raises(ReviewError, match="signs for seoul alone"):
        signer(seoul, "beijing", "li")
    with pytest.raises(ReviewError, match="on its own node"):
        create_key(seoul, "beijing", "kim")
    assert seoul.settings.delivered_parties == ("seoul",)
    assert not (seoul.settings.keys_dir / "beijing.key").exists()


def test_without_the_others_key_a_node_says_what_to_do(tmp_path):
    ws = open_workspace(Settings(data_dir=tmp_path, party="seoul"))
    with pytest.raises(UsageError, match="`sameair keys import beijing`"):
        node_of(ws)
    ws.ledger.close()


def test_a_rotation_is_announced_under_the_old_key_and_both_count_meanwhile(nodes, clock):
    seoul, beijing = nodes["seoul"], nodes["beijing"]
    old = public_key_text(own_key(seoul, "seoul"))
    told = rotate_key(seoul, "seoul", "kim")
    assert public_key_text(own_key(seoul, "seoul")) == old
    assert carry(seoul, beijing) == ["taken"]
    clock.now = AT + 2 * DAY
    assert public_key_text(own_key(seoul, "seoul")) == told["public"]
    say(seoul, "under the new key")
    assert carry(seoul, beijing) == ["known", "taken"]
    ring = keyring_of(beijing)
    assert [ring.why_not("seoul", key, clock.now) for key in (old, told["public"])] == ["", ""]
    assert "was valid only to" in ring.why_not("seoul", old, AT + 9 * DAY)
    with pytest.raises(UsageError, match="past"):
        rotate_key(seoul, "seoul", "kim", AT)


def test_a_revoked_key_is_replaced_by_hand_only(nodes, clock):
    seoul, beijing = nodes["seoul"], nodes["beijing"]
    stolen = own_key(seoul, "seoul")
    say(seoul, "before")
    name = node_of(seoul).ring.of("seoul")[0].id
    told = revoke_key(seoul, "seoul", name, "kim", "laptop lost")
    clock.now += timedelta(hours=1)
    say(seoul, "after")
    assert carry(seoul, beijing) == ["taken", "taken", "refused"]
    fresh = public_key_text(own_key(seoul, "seoul"))
    with pytest.raises(UsageError, match="ask again"):
        import_key(beijing, "seoul", fresh, "0000 0000 0000 0000", "li")
    import_key(beijing, "seoul", fresh, told["new key"], "li")
    assert carry(seoul, beijing) == ["known", "known", "taken"]
    node, forged = node_of(seoul), node_of(beijing)
    thief = type(node.sender)("seoul", stolen)
    with seoul.ledger.write() as conn:
        row = post(conn, thief, Message("beijing", "issue", "live", "theft", {}), AT)
    with beijing.ledger.write() as conn:
        assert take(conn, forged.receiver, Parcel("folder", "x", row.packed), clock.now) == "refused"
        assert read_refused(conn)[0].reason == "revoked"


def test_private_keys_lie_encrypted_and_need_their_password(nodes, tmp_path):
    assert b"ENCRYPTED" in (nodes["seoul"].settings.keys_dir / "seoul.key").read_bytes()
    bare = open_workspace(Settings(data_dir=tmp_path / "seoul", party="seoul"))
    with pytest.raises(StorageError, match="SAMEAIR_KEY_PASSWORD"):
        own_key(bare, "seoul")
    wrong = open_workspace(Settings(data_dir=tmp_path / "seoul", party="seoul", key_password=SecretStr("no")))
    with pytest.raises(StorageError, match="cannot be opened with this password"):
        own_key(wrong, "seoul")
    for ws in (bare, wrong):
        ws.ledger.close()


def test_open_keys_are_told_of_and_encrypted_later(tmp_path):
    secret = tmp_path / "password"
    secret.write_text("later\n")
    ws = open_workspace(Settings(data_dir=tmp_path / "v", party="seoul"))
    create_key(ws, "seoul", "kim")
    before = own_key(ws, "seoul")
    assert "lie unencrypted" in next(c[2] for c in exchange_checks(ws) if c[0] == "encrypted")
    locked = open_workspace(Settings(data_dir=tmp_path / "v", party="seoul", key_password_file=secret))
    assert protect_keys(locked, "kim")["encrypted"]
    assert public_key_text(own_key(locked, "seoul")) == public_key_text(before)
    for each in (ws, locked):
        each.ledger.close()


def test_one_node_for_all_parties_goes_on_as_before(tmp_path):
    ws = open_workspace(Settings(data_dir=tmp_path))
    assert node_of(ws) is None
    assert [row["private"] for row in listed_keys(ws)] == ["held", "held"]
    assert exchange_checks(ws) == []
    ws.ledger.close()


def test_the_head_is_signed_once_per_issue_and_can_be_compared(nodes):
    seoul = nodes["seoul"]
    assert issue_head(seoul, "w1", 1, AT) == ""
    with seoul.ledger.write() as conn:
        append_audit(conn, at=AT, actor="kim", action="warning.approve", subject="w1", payload={})
    printed = issue_head(seoul, "w1", 1, AT)
    assert issue_head(seoul, "w1", 1, AT + DAY) == printed != issue_head(seoul, "w1", 2, AT)
    with seoul.ledger.read() as conn:
        assert head_fault(conn, printed) == ""


@pytest.mark.parametrize("harm", ["gone", "other digest", "other key", "altered", "nonsense"])
def test_a_model_file_that_this_node_did_not_sign_is_refused(nodes, harm):
    seoul, path = nodes["seoul"], nodes["seoul"].settings.models_dir / "measured" / "m1.model"
    digest = "ab" * 32
    sign_model(seoul, path, "m1", digest)
    check_signed(seoul, path, "m1", digest)
    signed = signature_path(path)
    if harm == "gone":
        signed.unlink()
    elif harm == "other digest":
        digest = "cd" * 32
    elif harm == "other key":
        sign_model(nodes["beijing"], signed.parent / "m2.model", "m1", digest)
        foreign = signature_path(signed.parent / "m2.model").read_text()
        signed.write_text(foreign.replace(public_key_text(node_key(nodes["beijing"])), "A" * 43 + "="))
    else:
        signed.write_text("[" if harm == "nonsense" else signed.read_text().replace("2026", "2025"))
    with pytest.raises(StorageError, match="not one that this node signed"):
        check_signed(seoul, path, "m1", digest)


def test_a_new_node_shows_its_own_key_before_it_knows_another(tmp_path, clock):
    ws = open_workspace(Settings(data_dir=tmp_path, party="seoul", key_password=SecretStr("secret")), clock)
    made = create_key(ws, "seoul", "kim")
    assert [(row["party"], row["key"], row["private"]) for row in listed_keys(ws)] == [
        ("seoul", made["key"], "held")
    ]
    with pytest.raises(UsageError, match="no public key of beijing"):
        keyring_of(ws)
    ws.ledger.close()


def test_doctor_names_what_other_accounts_may_read_or_change(tmp_path, clock):
    password = tmp_path / "etc" / "password"
    password.parent.mkdir(mode=0o755)
    password.write_text("secret")
    password.chmod(0o644)
    given = Settings(data_dir=tmp_path / "seoul", party="seoul", key_password_file=password)
    ws = open_workspace(given, clock)
    ws.settings.data_dir.chmod(0o755)
    create_key(ws, "seoul", "kim")

    def found():
        return next(row for row in exchange_checks(ws) if row[0] == "permissions")

    assert found()[1:3] == ("warning", f"others may read {password}")
    password.chmod(0o600)
    assert found()[1] == "ok"
    ring = given.keys_dir / "keyring.toml"
    ring.chmod(0o666)
    assert found()[2] == f"others may write {ring}"
    ring.chmod(0o600)
    given.keys_dir.chmod(0o755)
    assert found()[2] == f"others may read {given.keys_dir}"
    ws.ledger.close()
