"""The health of sources and the mail to the operator, from what the ledger has seen."""

import socket
import threading
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy

import numpy as np
import pandas as pd
import pytest
from aiosmtpd.controller import Controller
from sqlalchemy import event

from alerts.smtp import SmtpChannel, SmtpServer
from flows.health import coverage_of, health_of
from flows.metrics import metrics_text
from flows.operator import MOST_TRIES, conditions_of, doubts_of, report_text, tell_operator
from flows.workspace import open_workspace
from ingest.feeds import Feed, Timing
from pipeline.errors import StorageError
from pipeline.http import Limits, Service
from pipeline.ledger.attempts import Attempt, record_attempt
from pipeline.ledger.calls import Stop, count_call, record_stop
from pipeline.ledger.verdicts import Verdict
from pipeline.settings import Settings
from pipeline.times import parse_instant

NOW = parse_instant("2025-03-01T12:30Z")
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def feed(name, **timing):
    source = name.split(".")[0]
    when = Timing(**{"delay": timedelta(minutes=25), "keeps": timedelta(days=1), **timing})
    service = Service(source, Limits(per_day=500, zone="Asia/Seoul"))
    return Feed(name, source, when, service, asks=list, fetch=lambda *_: b"", parse=lambda _: None)


CNEMC, KOREA = feed("cnemc.hourly"), feed("airkorea.hourly")


@pytest.fixture
def ws(tmp_path):
    settings = Settings(data_dir=tmp_path, operator_address="operator@example.invalid")
    found = open_workspace(settings, clock=lambda: NOW - timedelta(minutes=1))
    yield found
    found.ledger.close()


def attempt(ws, at, outcome="ok", newest=None, name="cnemc.hourly", errors=()):
    source = name.split(".")[0]
    with ws.ledger.write() as conn:
        made = Attempt(name, source, at, 1.5, outcome, 1, 10, newest, tuple(errors))
        record_attempt(conn, "measured", made)


def health(ws, now=NOW):
    return {h.feed: h for h in health_of(ws, [CNEMC, KOREA], "measured", now)}


def test_a_feed_that_was_never_asked_is_said_to_be_so(ws):
    assert {h.state for h in health(ws).values()} == {"never"}


def test_a_feed_is_late_once_its_newest_value_is_older_than_step_delay_and_grace(ws):
    attempt(ws, NOW, newest=NOW - timedelta(minutes=30))
    allowed = HOUR + timedelta(minutes=25) + timedelta(minutes=45)
    newest = NOW - timedelta(minutes=30)
    assert health(ws, newest + allowed)["cnemc.hourly"].state == "ok"
    assert health(ws, newest + allowed + timedelta(seconds=1))["cnemc.hourly"].state == "late"


def test_a_register_of_advisories_is_not_late_because_there_were_none(ws):
    quiet = replace(CNEMC, sporadic=True)
    attempt(ws, NOW, newest=NOW - timedelta(days=60))
    assert health_of(ws, [quiet], "measured", NOW)[0].state == "ok"
    assert health_of(ws, [CNEMC], "measured", NOW)[0].state == "late"
    assert health_of(ws, [quiet], "measured", NOW + 4 * HOUR)[0].state == "late", "it was not even asked"


def test_a_feed_that_fails_waits_first_and_is_down_after_three_hours(ws):
    attempt(ws, NOW, newest=NOW - timedelta(minutes=30))
    attempt(ws, NOW + HOUR, "failed", errors=["cnemc: HTTP 503"])
    found = health(ws, NOW + HOUR)["cnemc.hourly"]
    assert (found.state, found.trouble) == ("waiting", "cnemc: HTTP 503")
    for n in (2, 3, 4):
        attempt(ws, NOW + n * HOUR, "failed", errors=["cnemc: HTTP 503"])
    found = health(ws, NOW + 4 * HOUR)["cnemc.hourly"]
    assert (found.state, found.severity, found.last_success) == ("down", 3, NOW)
    assert health(ws, NOW + 4 * HOUR)["airkorea.hourly"].state == "never"


def test_a_stop_and_the_requests_left_are_shown(ws):
    with ws.ledger.write() as conn:
        count_call(conn, "cnemc", CNEMC.service.limits, NOW)
        record_stop(conn, "airkorea", Stop(parse_instant("2025-03-01T15:00Z"), "code 22"))
    found = health(ws)
    assert found["cnemc.hourly"].quota_left == {"day": 499}
    assert found["airkorea.hourly"].state == "stopped"
    assert found["airkorea.hourly"].quota_left == {"day": 0}
    assert "2025-03-01T15:00:00Z" in found["airkorea.hourly"].trouble


def store_day(ws, hours):
    """Two national stations of Beijing; the first reports all 24 hours, the second some."""
    columns = {"latitude": 40.0, "longitude": 116.0, "altitude": np.nan, "interval_hours": 1, "note": ""}
    stations = pd.DataFrame(
        [{"station": f"cnemc:{n}", "name": n, "city": "beijing", **columns} for n in ("1001A", "1003A")]
    )
    ws.store.append_stations(stations, source="cnemc", world="measured")
    end = np.datetime64("2025-03-01T12", "ns")
    for station, n in (("cnemc:1001A", 24), ("cnemc:1003A", hours)):
        times = end - np.arange(n) * np.timedelta64(1, "h")
        rows = {"station": station, "quantity": "pm2p5", "time": times, "value": 40.0}
        ws.store.append(pd.DataFrame({**rows, "qc": np.zeros(n, "int8")}), source="cnemc", world="measured")


def test_coverage_counts_the_values_of_the_last_day_by_city_and_network(ws):
    store_day(ws, 6)
    beijing = next(c for c in coverage_of(ws, "measured", NOW) if c.city == "beijing")
    assert (beijing.stations, beijing.held, beijing.share) == (2, 24 + 6, 30 / 48)
    text = metrics_text([], [beijing], NOW).decode()
    assert 'sameair_city_coverage_ratio{city="beijing",network="cnemc"} 0.625' in text


class Mailbox:
    def __init__(self):
        self.mails, self.answer, self.hung_up = [], "250 taken", 0

    async def handle_DATA(self, server, session, envelope):
        if self.answer == "":
            self.hung_up += 1
            server.transport.abort()
        if self.answer.startswith("250"):
            self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return self.answer


@pytest.fixture
def mailbox():
    box = Mailbox()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        box.port = probe.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=box.port)
    controller.start()
    yield box
    controller.stop()


def tell(ws, mailbox, now):
    found = health_of(ws, [CNEMC, KOREA], "measured", now)
    coverage = coverage_of(ws, "measured", now)
    channel = SmtpChannel(SmtpServer("127.0.0.1", mailbox.port, "sameair@localhost", starttls=False))
    try:
        conditions = conditions_of(found, coverage)
        return tell_operator(ws, "measured", conditions, channel, report_text(found, coverage, now), now)
    finally:
        channel.close()


def test_the_operator_is_told_once_again_when_worse_and_when_it_is_over(ws, mailbox):
    attempt(ws, NOW, newest=NOW - timedelta(minutes=30))
    assert tell(ws, mailbox, NOW) == 0
    for n in range(1, 7):
        attempt(ws, NOW + n * HOUR, "failed", errors=["cnemc: HTTP 503"])
        tell(ws, mailbox, NOW + n * HOUR)
    late, down = mailbox.mails
    assert late["Subject"] == down["Subject"] == "[sameair sources] 1 in trouble"
    assert "cnemc.hourly late" in late.get_content()
    assert "cnemc.hourly down" in down.get_content()
    assert "cnemc: HTTP 503" in down.get_content()
    back = NOW + 7 * HOUR
    attempt(ws, back, newest=back - timedelta(minutes=30))
    assert tell(ws, mailbox, back) == 1
    assert mailbox.mails[-1]["Subject"] == "[sameair sources] 1 well again"
    assert tell(ws, mailbox, back) == 0
    assert len(mailbox.mails) == 3


def test_news_that_the_mail_server_refuses_is_told_later(ws, mailbox):
    attempt(ws, NOW, newest=NOW - 5 * HOUR)
    mailbox.answer = "451 try later"
    assert tell(ws, mailbox, NOW) == 0
    mailbox.answer = "250 taken"
    assert tell(ws, mailbox, NOW + HOUR) == 1
    assert len(mailbox.mails) == 1


def test_a_mail_of_which_nobody_knows_whether_it_arrived_leaves_again_a_few_times(ws, mailbox):
    attempt(ws, NOW, newest=NOW - 5 * HOUR)
    mailbox.answer = ""
    assert [tell(ws, mailbox, NOW + n * MINUTE) for n in range(2)] == [0, 0]
    mailbox.answer = "250 taken"
    assert [tell(ws, mailbox, NOW + n * MINUTE) for n in (2, 3)] == [1, 0]
    assert len(mailbox.mails) == 1
    attempt(ws, NOW + HOUR, newest=NOW + HOUR - timedelta(minutes=30))
    mailbox.answer = ""
    told = [tell(ws, mailbox, NOW + HOUR + n * MINUTE) for n in range(6)]
    assert told == [0] * (MOST_TRIES - 1) + [1, 0, 0], "in the end it is taken for arrived"
    assert mailbox.hung_up == 2 + MOST_TRIES


def let_nothing_be_written(connection, *_):
    if hasattr(connection, "read_only"):
        connection.read_only = True
    else:
        connection.execute("PRAGMA query_only = 1")


def test_news_does_not_leave_at_every_look_while_the_ledger_cannot_be_written(ws, mailbox):
    attempt(ws, NOW, newest=NOW - 5 * HOUR)
    mailbox.answer = "451 try later"
    assert tell(ws, mailbox, NOW) == 0
    mailbox.answer = "250 taken"
    held = open_workspace(ws.settings, ws.clock)
    event.listen(held.ledger.engine, "checkout", let_nothing_be_written)
    with pytest.raises(StorageError, match=r"read-?only"):
        tell(held, mailbox, NOW)
    held.ledger.close()
    assert mailbox.mails == []
    assert tell(ws, mailbox, NOW) == 1


def test_two_processes_that_tell_at_once_tell_once(ws, mailbox):
    attempt(ws, NOW, newest=NOW - 5 * HOUR)
    together, told = threading.Barrier(4), []

    def say():
        own = open_workspace(ws.settings, ws.clock)
        together.wait()
        told.append(tell(own, mailbox, NOW))
        own.ledger.close()

    threads = [threading.Thread(target=say) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == [0, 0, 0, 1]
    assert len(mailbox.mails) == 1


def test_thin_coverage_of_a_city_is_told_in_figures(ws, mailbox):
    store_day(ws, 0)
    with ws.ledger.write() as conn:
        conn.exec_driver_sql("DELETE FROM feed_attempts")
    assert tell(ws, mailbox, NOW) == 0
    later = NOW + 3 * HOUR
    assert tell(ws, mailbox, later) == 1
    assert "beijing: 21 of 48 PM2.5 values of cnemc in 24 h" in mailbox.mails[0].get_content()


def test_the_operator_hears_of_a_doubted_station_and_when_the_doubt_is_over(ws, mailbox):
    def say(state, at):
        verdict = Verdict("cnemc:1001A", "pm2p5", "clock_shift", state, NOW, at, 0.4, "3 h late")
        channel = SmtpChannel(SmtpServer("127.0.0.1", mailbox.port, "sameair@localhost", starttls=False))
        try:
            return tell_operator(ws, "measured", doubts_of([verdict]), channel, "", at)
        finally:
            channel.close()

    assert [say("suspect", NOW), say("suspect", NOW + HOUR), say("cleared", NOW + 2 * HOUR)] == [1, 0, 1]
    assert "cnemc:1001A: clock shift suspect; 3 h late" in mailbox.mails[0].get_content()
    assert "over: cnemc:1001A: clock shift cleared" in mailbox.mails[1].get_content()
