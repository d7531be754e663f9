"""The polite session against a real server that goes wrong: patience, limits, refusals, and no key shown."""

import gzip
import json
import logging
import random
import socket
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from pipeline.errors import (
    BadPayload,
    NotYetAvailable,
    QuotaSpent,
    Refused,
    SourceError,
    SourceUnavailable,
    UsageError,
)
from pipeline.http import Limits, Patience, PoliteHttp, Request, Service
from pipeline.http_session import new_session
from pipeline.ledger import open_ledger
from pipeline.ledger.calls import quota_left
from pipeline.redaction import Redactor
from tests.fakes.certificates import LOOPBACK, OTHER_HOST, Authority
from tests.fakes.server import FakeAnswer, serving_fake

NOW = datetime(2025, 3, 1, 14, 59, 30, tzinfo=UTC)
KEY = "aB3+/dEf0123456789=="
JSON = ("application/json",)
QUICK = Patience(connect_s=2, read_s=0.3, total_s=1.5, tries=3)


class Echo:
    """Answers what it is told, by default a good answer."""

    source = "echo"

    def __init__(self, answer=None):
        self.given = answer or FakeAnswer(body=b'{"ok": true}')

    def answer(self, method, path, query, form, headers):
        return self.given(path, query) if callable(self.given) else self.given


class Time:
    """A clock that only sleeping moves."""

    def __init__(self, now=NOW):
        self.now, self.slept = now, []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)


def polite(ledger, clock, patience=QUICK, ca_file=None):
    session = new_session(ca_file)
    session.trust_env = False
    return PoliteHttp(session, ledger, clock, clock.sleep, random.Random(1), patience=patience)


@pytest.fixture
def clock():
    return Time()


@pytest.fixture
def http(ledger, clock):
    return polite(ledger, clock)


SERVICE = Service("echo", secrets=(SecretStr(KEY),))


def get(served, path="/x", **more):
    return Request("GET", served.url + path, expect=JSON, **more)


def test_a_good_answer_comes_with_one_request(http):
    with serving_fake(Echo()) as served:
        assert http.ask(SERVICE, get(served, params={"serviceKey": KEY})) == b'{"ok": true}'
    (asked,) = served.asked
    assert asked.query == {"serviceKey": KEY}
    assert asked.headers["user-agent"].startswith("sameair/")
    assert "cookie" not in asked.headers


def test_an_empty_form_is_sent_as_such(http):
    with serving_fake(Echo()) as served:
        http.ask(SERVICE, Request("POST", served.url, data=b""))
        http.ask(SERVICE, Request("POST", served.url, data={"date": "2026-10-09 18:00:00"}))
    assert served.asked[0].headers["content-length"] == "0"
    assert served.asked[1].form == {"date": "2026-10-09 18:00:00"}


PASSING = ["error 500", "error 503", "cut short", "reset", "empty body", "HTML with 200", "silent"]


@pytest.mark.parametrize("fault", PASSING)
def test_what_can_pass_is_tried_again(http, clock, fault):
    with serving_fake(Echo()) as served:
        served.faults.tell(fault, times=1)
        assert http.ask(SERVICE, get(served)) == b'{"ok": true}'
    assert len(served.asked) == 2
    assert len(clock.slept) == 1


@pytest.mark.parametrize("fault", [f for f in PASSING if f != "silent"])
def test_what_does_not_pass_is_given_up_after_some_tries_with_longer_pauses(http, clock, fault):
    with serving_fake(Echo()) as served:
        served.faults.tell(fault)
        with pytest.raises(SourceUnavailable) as told:
            http.ask(SERVICE, get(served))
    assert type(told.value) is SourceUnavailable
    assert len(served.asked) == QUICK.tries
    assert [0 <= s <= most for s, most in zip(clock.slept, (1, 2), strict=True)] == [True, True]


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["silent", "slow"])
def test_neither_silence_nor_a_drip_lasts_longer_than_the_whole_time(ledger, clock, fault):
    long = FakeAnswer(body=b"[" + b"1," * 500 + b"1]")
    with serving_fake(Echo(long)) as served:
        served.faults.tell(fault)
        began = time.monotonic()
        with pytest.raises(SourceUnavailable):
            polite(ledger, clock).ask(SERVICE, get(served))
        assert time.monotonic() - began < QUICK.total_s + 1


def test_a_short_rate_limit_is_waited_for(http, clock):
    with serving_fake(Echo()) as served:
        served.faults.tell("rate limited", times=1)
        assert http.ask(SERVICE, get(served)) == b'{"ok": true}'
    assert 2 <= clock.slept[0] <= 3


def test_a_long_rate_limit_stops_the_service_until_then_also_after_a_restart(ledger, clock):
    until = NOW + timedelta(hours=2)
    with serving_fake(Echo()) as served:
        served.faults.tell("rate limited for hours")
        with pytest.raises(QuotaSpent) as told:
            polite(ledger, clock).ask(SERVICE, get(served))
        assert told.value.until == until
        served.faults.stop()
        again = open_ledger(str(ledger.engine.url))
        with pytest.raises(QuotaSpent) as told:
            polite(again, clock).ask(SERVICE, get(served))
        assert told.value.until == until
        assert len(served.asked) == 1
        clock.now = until
        assert polite(again, clock).ask(SERVICE, get(served))
        again.close()


@pytest.mark.parametrize("said", ["soon", "nan", "-5", "Wed, 99 Foo 2025 00:00:00 GMT", "1e300"])
def test_no_retry_after_whatever_breaks_the_patience(http, said):
    with serving_fake(Echo(FakeAnswer(429, body=b"{}", headers={"Retry-After": said}))) as served:
        with pytest.raises(QuotaSpent) as told:
            http.ask(SERVICE, get(served))
        assert told.value.until is not None
        assert told.value.until <= NOW + timedelta(days=1, minutes=1)


def test_a_503_that_asks_for_hours_gets_them(http, clock):
    answer = FakeAnswer(503, body=b"", headers={"Retry-After": "3600"})
    with serving_fake(Echo(answer)) as served:
        with pytest.raises(SourceUnavailable):
            http.ask(SERVICE, get(served))
        with pytest.raises(QuotaSpent):
            http.ask(SERVICE, get(served))
    assert len(served.asked) == 1


def code_22(body):
    if b"22" in body:
        raise QuotaSpent("echo", "the day's quota is spent")


def test_a_quota_told_in_the_body_stops_until_the_services_midnight(http, clock):
    service = replace(SERVICE, limits=Limits(zone="Asia/Seoul"))
    with serving_fake(Echo(FakeAnswer(200, "text/xml", b"<code>22</code>"))) as served:
        for _ in range(2):
            with pytest.raises(QuotaSpent) as told:
                http.ask(service, get(served, check=code_22))
            assert told.value.until == datetime(2025, 3, 1, 15, tzinfo=UTC)
        assert len(served.asked) == 1
        other = replace(service, source="other")
        with pytest.raises(QuotaSpent):
            http.ask(other, get(served, check=code_22))
        assert len(served.asked) == 2


def test_a_full_minute_is_waited_for_and_a_full_day_is_not(http, clock):
    service = replace(SERVICE, limits=Limits(per_minute=2, per_day=5, zone="Asia/Seoul"))
    clock.now = NOW - timedelta(hours=1)
    with serving_fake(Echo()) as served:
        for _ in range(5):
            http.ask(service, get(served))
        assert clock.slept == [30, 60]
        with pytest.raises(QuotaSpent) as told:
            http.ask(service, get(served))
        assert told.value.until == datetime(2025, 3, 1, 15, tzinfo=UTC)
        assert len(served.asked) == 5
        clock.now = told.value.until
        http.ask(service, get(served))


def test_a_service_that_gave_nothing_is_tried_once_a_request_until_it_answers(http):
    with serving_fake(Echo()) as served:
        served.faults.tell("error 503")
        for tried in (QUICK.tries, QUICK.tries + 1, QUICK.tries + 2):
            with pytest.raises(SourceUnavailable):
                http.ask(SERVICE, get(served))
            assert len(served.asked) == tried
        served.faults.stop()
        http.ask(SERVICE, get(served))
        served.asked.clear()
        served.faults.tell("error 503", 1)
        http.ask(SERVICE, get(served))
    assert len(served.asked) == 2


def test_failed_tries_count_too(http, ledger):
    limits = Limits(per_hour=100, per_day=1000)
    with serving_fake(Echo()) as served:
        served.faults.tell("error 500")
        with pytest.raises(SourceUnavailable):
            http.ask(replace(SERVICE, limits=limits), get(served))
    with ledger.read() as conn:
        assert quota_left(conn, "echo", limits, NOW) == {"hour": 97, "day": 997}
        assert quota_left(conn, "echo", limits, NOW + timedelta(hours=1)) == {"hour": 100, "day": 997}
        assert quota_left(conn, "other", limits, NOW) == {"hour": 100, "day": 1000}
    http.stop(replace(SERVICE, limits=limits), datetime(2025, 3, 2, tzinfo=UTC), "told so")
    with ledger.read() as conn:
        assert quota_left(conn, "echo", limits, NOW) == {"hour": 0, "day": 0}


def test_a_request_that_found_no_connection_is_not_counted(http, ledger):
    limits = Limits(per_hour=100, per_day=1000)
    with socket.create_server(("127.0.0.1", 0)) as free:
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}/"
    with pytest.raises(SourceUnavailable):
        http.ask(replace(SERVICE, limits=limits), Request("GET", nobody))
    with ledger.read() as conn:
        assert quota_left(conn, "echo", limits, NOW) == {"hour": 100, "day": 1000}


def test_nothing_goes_on_after_the_end_of_the_round(ledger, clock):
    calm = Patience(connect_s=5, read_s=20, total_s=60)
    service = replace(SERVICE, limits=Limits(per_minute=1))
    with serving_fake(Echo()) as served:
        over = replace(polite(ledger, clock, calm), until=time.monotonic() + 1)
        over.ask(service, get(served))
        began = time.monotonic()
        with pytest.raises(SourceUnavailable, match="no time left") as told:
            over.ask(service, get(served))
        assert not isinstance(told.value, QuotaSpent), "the minute is full, but nothing is spent"
        served.faults.tell("silent")
        with pytest.raises(SourceUnavailable):
            over.ask(replace(SERVICE, source="other"), get(served))
        assert time.monotonic() - began < 3
    assert clock.slept == []


def test_the_last_request_is_never_shared(ledger, clock):
    service = replace(SERVICE, limits=Limits(per_day=20, zone="UTC"))
    calm = Patience(connect_s=5, read_s=20, total_s=60)

    def ask(_):
        own = open_ledger(str(ledger.engine.url))
        try:
            return polite(own, clock, calm).ask(service, get(served))
        except QuotaSpent:
            return None
        finally:
            own.close()

    with serving_fake(Echo()) as served, ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ask, range(32)))
    assert sum(body is not None for body in found) == 20 == len(served.asked)


@pytest.mark.parametrize("status", [401, 403, 400, 404, 410])
def test_a_refusal_is_not_repeated(http, status):
    with serving_fake(Echo(FakeAnswer(status, body=b"{}"))) as served, pytest.raises(Refused):
        http.ask(SERVICE, get(served))
    assert len(served.asked) == 1


def test_a_status_can_mean_not_yet(http):
    with serving_fake(Echo(FakeAnswer(404))) as served, pytest.raises(NotYetAvailable):
        http.ask(SERVICE, get(served, absent=(404,)))


def test_the_body_counts_more_than_the_status(http):
    def check(body):
        if b"key" in body:
            raise Refused("echo", "key not registered")

    with serving_fake(Echo(FakeAnswer(500, body=b"no such key"))) as served, pytest.raises(Refused):
        http.ask(SERVICE, get(served, check=check))
    assert len(served.asked) == 1


def test_a_body_that_no_parser_shall_see_comes_with_the_error(http):
    with serving_fake(Echo(FakeAnswer(content_type="image/png", body=b"\x89PNG"))) as served:
        with pytest.raises(BadPayload, match="image/png") as told:
            http.ask(SERVICE, get(served))
        assert told.value.payload == b"\x89PNG"
        with pytest.raises(BadPayload, match="shape") as told:
            http.ask(SERVICE, Request("GET", served.url, check=json.loads))
        assert told.value.payload == b"\x89PNG"


def test_a_flood_is_cut_off(http):
    service = replace(SERVICE, largest_bytes=10_000)
    bomb = FakeAnswer(body=gzip.compress(bytes(10**7), mtime=0), headers={"Content-Encoding": "gzip"})
    for answer in (FakeAnswer(body=b"1" * 10_001), bomb):
        with serving_fake(Echo(answer)) as served, pytest.raises(BadPayload, match="larger"):
            http.ask(service, get(served))
    with serving_fake(Echo(FakeAnswer(body=b"1" * 10_000))) as served:
        assert len(http.ask(service, get(served))) == 10_000


def test_a_damaged_encoding_is_tried_again(http):
    answer = FakeAnswer(body=b"no gzip at all", headers={"Content-Encoding": "gzip"})
    with serving_fake(Echo(answer)) as served, pytest.raises(SourceUnavailable):
        http.ask(SERVICE, get(served))
    assert len(served.asked) == QUICK.tries


def redirect(target, status=302):
    def answer(path, _):
        there = FakeAnswer(status, "text/html", b"", {"Location": target})
        return FakeAnswer(body=b'{"there": 1}') if path == "/there" else there

    return Echo(answer)


def test_a_redirect_within_the_host_is_followed(http):
    with serving_fake(redirect("/there?b=2")) as served:
        assert http.ask(SERVICE, get(served, params={"a": "1"})) == b'{"there": 1}'
    assert [a.query for a in served.asked] == [{"a": "1"}, {"b": "2"}]
    with serving_fake(redirect("/there", 307)) as served:
        http.ask(SERVICE, Request("POST", served.url, data={"a": "1"}))
    assert [(a.method, a.form) for a in served.asked] == [("POST", {"a": "1"})] * 2


def test_a_redirect_elsewhere_is_refused_and_nothing_is_sent_there(http):
    with serving_fake(Echo()) as elsewhere:
        port = elsewhere.url.rsplit(":", 1)[1]
        targets = [
            elsewhere.url,
            f"http://localhost:{port}/",
            "https://127.0.0.1/",
            "ftp://127.0.0.1/",
            "//example.org/x",
        ]
        for target in targets[:2] + targets[3:]:
            with serving_fake(redirect(target)) as served, pytest.raises(Refused):
                http.ask(SERVICE, get(served, params={"serviceKey": KEY}))
        with serving_fake(redirect("/there")) as served, pytest.raises(Refused):
            http.ask(SERVICE, Request("POST", served.url, data={"a": "1"}))
        with serving_fake(redirect("/again")) as served, pytest.raises(Refused, match="without end"):
            http.ask(SERVICE, get(served))
    assert not elsewhere.asked


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.mark.parametrize(
    ("name", "place", "days"),
    [("good", LOOPBACK, (-1, 1)), ("wrong-host", OTHER_HOST, (-1, 1)), ("expired", LOOPBACK, (-2, -1))],
)
def test_tls_is_always_verified(ledger, clock, authority, name, place, days):
    with serving_fake(Echo(), authority.sign(name, place, days)) as served:
        with pytest.raises(Refused, match="certificate"):
            polite(ledger, clock).ask(SERVICE, get(served))
        trusting = polite(ledger, clock, ca_file=authority.file)
        if name == "good":
            assert trusting.ask(SERVICE, get(served))
        else:
            with pytest.raises(Refused, match="certificate"):
                trusting.ask(SERVICE, get(served))
    assert len(served.asked) == (name == "good")


def test_a_redirect_from_https_to_http_is_refused(ledger, clock, authority):
    trusting = polite(ledger, clock, ca_file=authority.file)
    down = redirect("http://127.0.0.1/there")
    with (
        serving_fake(down, authority.sign("down", LOOPBACK)) as served,
        pytest.raises(Refused, match="where"),
    ):
        trusting.ask(SERVICE, get(served))


def test_an_authority_that_is_none_is_a_usage_error(tmp_path):
    (tmp_path / "ca.pem").write_text("no certificate")
    for file in (tmp_path / "ca.pem", tmp_path / "absent.pem"):
        with pytest.raises(UsageError, match="the authority"):
            new_session(file)


@pytest.mark.parametrize("url", ["http://", "nonsense", "http://127.0.0.1:99999/", "http://[::1"])
def test_an_address_that_cannot_be_used_is_a_typed_error(http, url):
    with pytest.raises(SourceError):
        http.ask(SERVICE, Request("GET", url, params={"serviceKey": KEY}))


def test_a_key_that_no_header_can_hold_is_refused(http):
    with serving_fake(Echo()) as served, pytest.raises(Refused) as told:
        http.ask(SERVICE, Request("GET", served.url, headers={"X-API-Key": "열쇠\n"}))
    assert "열쇠" not in str(told.value)


def shown(key):
    return {key, quote(key), quote(key, safe=""), quote_plus(key), quote(quote(key, safe=""), safe="")}


FAULTS = [*PASSING, "forbidden", "redirect elsewhere", "wrong content type", "rate limited for hours", "echo"]
"""Whatever ends in an error."""


@pytest.mark.parametrize("fault", FAULTS)
def test_no_key_shows_in_errors_chains_or_logs(http, caplog, fault):
    def answer(path, query):
        return FakeAnswer(403, body=f"Invalid key {query['serviceKey']}".encode())

    def check(body):
        try:
            raise ValueError(body.decode())
        except ValueError as error:
            if b"key" in body:
                raise Refused("echo", f"it says {body.decode()}") from error

    caplog.set_level(logging.DEBUG)
    with serving_fake(Echo(answer if fault == "echo" else None)) as served:
        if fault != "echo":
            served.faults.tell(fault)
        request = get(
            served,
            f"/{quote(KEY, safe='')}/json",
            params={"serviceKey": KEY},
            headers={"X-API-Key": KEY},
            check=check,
        )
        with pytest.raises(SourceError) as told:
            http.ask(SERVICE, request)
    error = told.value
    assert error.__cause__ is None
    assert error.__context__ is None
    text = "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))
    text += caplog.text + repr(request) + repr(SERVICE)
    assert "connectionpool" in caplog.text
    assert not [form for form in shown(KEY) if form in text]


@given(st.text(min_size=4, max_size=30).filter(lambda s: s.strip() == s), st.text(), st.text())
def test_the_redactor_leaves_no_form_of_a_secret(secret, before, after):
    redactor = Redactor()
    redactor.learn([SecretStr(secret)])
    for form in shown(secret):
        # What stands around may complete the secret again only from stars, so those are left out.
        text = before.replace("*", "") + form + after.replace("*", "")
        assert secret not in redactor.clean(text) or "*" in secret


def test_a_body_that_echoes_the_key_loses_it(http):
    with serving_fake(Echo(lambda path, query: FakeAnswer(body=json.dumps(query).encode()))) as served:
        assert json.loads(http.ask(SERVICE, get(served, params={"k": KEY}))) == {"k": "***"}
