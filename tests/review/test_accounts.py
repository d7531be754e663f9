"""Accounts: invited by link, one party for ever, slowed down when tried, ended when closed."""

from datetime import timedelta

import pyotp
import pytest

from pipeline.errors import UsageError
from pipeline.ledger import open_ledger
from pipeline.ledger.accounts import change_account, find_account
from pipeline.ledger.audit import newest_rows, verify_audit
from pipeline.times import parse_instant
from review.accounts.book import (
    LINK_LIFE,
    Invitation,
    accept,
    change_role,
    close,
    first_links,
    invite,
    new_link,
    reopen,
)
from review.accounts.roles import Role
from review.accounts.sessions import (
    IDLE,
    LONGEST,
    Attempt,
    sign_in,
    sign_out,
    visitor_of,
)
from review.accounts.totp import SecretBox, new_secret
from review.accounts.trying import TRIES_OF_NAME, TRIES_OF_PAIR, TRIES_OF_PLACE, WINDOW, SignInRefused

NOW = parse_instant("2026-01-14T08:00Z")
KIM = Invitation("kim", "Kim Minji", "seoul", Role.lead, "ko", "Asia/Seoul")
PHRASE = "blue river seven lamps"


@pytest.fixture
def ledger(tmp_path):
    opened = open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def box(tmp_path):
    return SecretBox(tmp_path / "keys" / "second-factor.key")


def made(ledger, who=KIM, at=NOW):
    with ledger.write() as conn:
        accept(conn, invite(conn, who, by="test", at=at), PHRASE, at)


def entered(ledger, box, at=NOW, code="", password=PHRASE, name="kim", address="127.0.0.1", device=""):
    return sign_in(ledger, box, Attempt(name, password, code, address, device), at).token


def test_a_link_sets_a_password_once_and_not_after_three_days(ledger):
    with ledger.write() as conn:
        token = invite(conn, KIM, by="test", at=NOW)
        with pytest.raises(UsageError, match="too old"):
            accept(conn, token, PHRASE, NOW + LINK_LIFE)
        accept(conn, token, PHRASE, NOW + LINK_LIFE - timedelta(seconds=1))
        with pytest.raises(UsageError, match="used before"):
            accept(conn, token, PHRASE, NOW)


def test_a_newer_link_takes_the_place_of_the_one_before(ledger):
    with ledger.write() as conn:
        first = invite(conn, KIM, by="test", at=NOW)
        second = new_link(conn, "kim", by="test", at=NOW)
        with pytest.raises(UsageError):
            accept(conn, first, PHRASE, NOW)
        accept(conn, second, PHRASE, NOW)


@pytest.mark.parametrize("password", ["short", "kim" * 8, "aaaaaaaaaaaaaaaaaaaa", "x" * 201])
def test_a_weak_password_is_refused_and_the_link_still_works(ledger, password):
    with ledger.write() as conn:
        token = invite(conn, KIM, by="test", at=NOW)
        with pytest.raises(UsageError, match="password"):
            accept(conn, token, password, NOW)
        assert accept(conn, token, PHRASE, NOW).state == "active"


def test_a_session_ends_when_idle_and_in_any_case(ledger, box):
    made(ledger)
    token = entered(ledger, box)
    assert visitor_of(ledger, token, NOW + IDLE - timedelta(seconds=1)).party == "seoul"
    assert visitor_of(ledger, token, NOW + 2 * IDLE) is None
    token, at = entered(ledger, box), NOW
    while at - NOW < LONGEST:
        assert visitor_of(ledger, token, at) is not None
        at += timedelta(hours=1)
    assert visitor_of(ledger, token, at) is None


def test_signing_out_closing_and_a_new_password_end_sessions(ledger, box):
    made(ledger)
    token = entered(ledger, box)
    sign_out(ledger, visitor_of(ledger, token, NOW), NOW)
    assert visitor_of(ledger, token, NOW) is None
    token = entered(ledger, box)
    with ledger.write() as conn:
        accept(conn, new_link(conn, "kim", by="test", at=NOW), PHRASE, NOW)
    assert visitor_of(ledger, token, NOW) is None
    token = entered(ledger, box)
    with ledger.write() as conn:
        close(conn, "kim", by="test", at=NOW)
    assert visitor_of(ledger, token, NOW) is None
    with pytest.raises(SignInRefused):
        entered(ledger, box)
    with ledger.write() as conn:
        accept(conn, reopen(conn, "kim", by="test", at=NOW), PHRASE, NOW)
    assert entered(ledger, box)


def failed(ledger, box, times, **more):
    for _ in range(times):
        with pytest.raises(SignInRefused, match="wrong"):
            entered(ledger, box, password="not the right words", **more)


def test_trying_is_slowed_down_and_the_right_password_does_not_help_then(ledger, box):
    made(ledger)
    failed(ledger, box, TRIES_OF_PAIR)
    with pytest.raises(SignInRefused, match="slowed"):
        entered(ledger, box)
    assert entered(ledger, box, at=NOW + WINDOW + timedelta(seconds=1))


def test_a_stranger_cannot_shut_out_whose_browser_is_known(ledger, box, monkeypatch):
    monkeypatch.setattr("review.accounts.sessions.is_password", lambda _stored, given: given == PHRASE)
    made(ledger)
    known = sign_in(ledger, box, Attempt("kim", PHRASE, "", "192.0.2.1"), NOW).device
    for n in range(TRIES_OF_NAME):
        failed(ledger, box, 1, address=f"198.51.100.{n}")
    with pytest.raises(SignInRefused, match="slowed"):
        entered(ledger, box, address="203.0.113.9")
    assert entered(ledger, box, address="203.0.113.9", device=known)
    for forged in (known[:-1] + "x", "x." + "0" * 64, known.replace(".", ".é"), "." * 9):
        with pytest.raises(SignInRefused, match="slowed"):
            entered(ledger, box, address="203.0.113.9", device=forged)
    failed(ledger, box, TRIES_OF_PAIR, address="203.0.113.9", device=known)
    with pytest.raises(SignInRefused, match="slowed"):
        entered(ledger, box, address="203.0.113.9", device=known)


def test_one_place_cannot_go_through_many_names(ledger, box, monkeypatch):
    monkeypatch.setattr("review.accounts.sessions.is_password", lambda _stored, given: given == PHRASE)
    made(ledger)
    for n in range(TRIES_OF_PLACE):
        failed(ledger, box, 1, name=f"name{n}", address=f"2001:db8:1:2::{n}")
    with pytest.raises(SignInRefused, match="slowed"):
        entered(ledger, box, address="2001:db8:1:2:ffff::1")
    assert entered(ledger, box, address="2001:db8:1:3::1")


def test_an_unknown_name_is_refused_in_the_same_words(ledger, box):
    made(ledger)
    said = set()
    for name, password in (("kim", "not the right words"), ("nobody", PHRASE)):
        with pytest.raises(SignInRefused) as refusal:
            entered(ledger, box, name=name, password=password)
        said.add(str(refusal.value))
    assert len(said) == 1


def test_a_password_that_is_changed_while_it_is_checked_opens_nothing(ledger, box, monkeypatch):
    made(ledger)

    def changed_meanwhile(_stored, _given):
        with ledger.write() as conn:
            change_account(conn, find_account(conn, "kim").id, password="another hash")
        return True

    monkeypatch.setattr("review.accounts.sessions.is_password", changed_meanwhile)
    with pytest.raises(SignInRefused):
        entered(ledger, box)


def test_a_code_counts_once(ledger, box):
    made(ledger)
    secret = new_secret()
    with ledger.write() as conn:
        row = find_account(conn, "kim")
        change_account(conn, row.id, totp=box.seal(secret, "kim"))
    code = pyotp.TOTP(secret).at(NOW)
    for wrong in ("", "000000" if code != "000000" else "111111"):
        with pytest.raises(SignInRefused):
            entered(ledger, box, code=wrong)
    assert entered(ledger, box, code=code)
    with pytest.raises(SignInRefused):
        entered(ledger, box, code=code)
    later = NOW + timedelta(seconds=30)
    assert entered(ledger, box, code=pyotp.TOTP(secret).at(later), at=later)


def test_the_last_operator_of_a_party_stays(ledger):
    made(ledger, Invitation("op", "Operator", "seoul", Role.operator))
    made(ledger, Invitation("theirs", "Operator", "beijing", Role.operator))
    with ledger.write() as conn:
        with pytest.raises(UsageError, match="only operator"):
            close(conn, "op", by="test", at=NOW)
        with pytest.raises(UsageError, match="only operator"):
            change_role(conn, "op", Role.reader, by="test", at=NOW)
    made(ledger, Invitation("op2", "Operator", "seoul", Role.operator))
    with ledger.write() as conn:
        close(conn, "op", by="test", at=NOW)


def test_the_first_start_makes_a_link_for_each_party_until_it_has_an_operator(ledger):
    with ledger.write() as conn:
        assert set(first_links(conn, "seoul", NOW)) == {"seoul"}
        older, links = first_links(conn, "", NOW), first_links(conn, "", NOW)
        assert set(links) == {"beijing", "seoul"}
        with pytest.raises(UsageError):
            accept(conn, older["seoul"], PHRASE, NOW)
        assert accept(conn, links["seoul"], PHRASE, NOW).party == "seoul"
        assert set(first_links(conn, "", NOW)) == {"beijing"}


def test_a_first_operator_who_was_closed_keeps_no_start_from_making_another(ledger):
    with ledger.write() as conn:
        first_links(conn, "seoul", NOW)
        close(conn, "operator.seoul", by="test", at=NOW)
        link = first_links(conn, "seoul", NOW)["seoul"]
        assert accept(conn, link, PHRASE, NOW).name == "operator.seoul-2"
        assert first_links(conn, "seoul", NOW) == {}


def test_the_trail_says_who_changed_what_and_no_secret(ledger, box):
    made(ledger)
    token = entered(ledger, box)
    with ledger.write() as conn:
        change_role(conn, "kim", Role.reader, by="op", at=NOW)
        rows = newest_rows(conn)
        assert verify_audit(conn).ok
    said = str(rows)
    assert {"account.invite", "account.password", "account.sign_in", "account.role"} <= {
        r["action"] for r in rows
    }
    assert token not in said
    assert PHRASE not in said
    assert "argon2" not in said
