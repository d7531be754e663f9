"""Before a joint deadline the post hears the other node; nothing of that prevents what is said."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from datetime import timedelta

import pytest

from flows import hearing
from flows.exchange import exchange_round
from flows.hearing import AT_HAND, LOCK_S, hear_before_deadline
from flows.scheduled import scheduled_post
from tests.flows.two_nodes import AS_OF, CONTENT, DEADLINE, TwoNodes

MEASURED = replace(CONTENT, world="measured", simulated=False)
SECOND = timedelta(seconds=1)


@pytest.fixture
def nodes(tmp_path):
    found = TwoNodes(tmp_path)
    yield found
    found.close()


@pytest.fixture
def linked(nodes, tmp_path):
    """Two nodes with a folder between them, whose clocks tell the last minute before the deadline."""
    (tmp_path / "mount").mkdir()
    for party, peer in (("seoul", "beijing"), ("beijing", "seoul")):
        ws = nodes.ws[party]
        settings = ws.settings.model_copy(update={"exchange_links": {peer: str(tmp_path / "mount")}})
        nodes.ws[party] = replace(ws, settings=settings, clock=lambda: DEADLINE - 60 * SECOND)
        nodes.propose(party, MEASURED)
    return nodes


def at(nodes, when):
    return replace(nodes.ws["seoul"], clock=lambda: when)


def test_the_other_node_is_heard_where_a_deadline_is_at_hand_or_over(nodes, monkeypatch):
    heard = []
    monkeypatch.setattr(hearing, "exchange_round", lambda ws, clock, lock_s: heard.append(lock_s))
    assert not hear_before_deadline(at(nodes, DEADLINE)), "nothing waits"
    nodes.propose("seoul", MEASURED)
    assert not hear_before_deadline(at(nodes, DEADLINE - AT_HAND - SECOND))
    assert heard == []
    for when in (DEADLINE - AT_HAND, DEADLINE + timedelta(hours=1)):
        assert hear_before_deadline(at(nodes, when))
    assert heard == [LOCK_S, LOCK_S]


@pytest.mark.parametrize("error", [RuntimeError("unforeseen"), OSError("disk"), MemoryError()])
def test_a_round_that_fails_is_logged_and_what_is_due_at_the_deadline_follows(
    nodes, monkeypatch, caplog, error
):
    def fails(*_args, **_more):
        raise error

    monkeypatch.setattr(hearing, "exchange_round", fails)
    monkeypatch.setenv("SAMEAIR_PARTY", "seoul")
    nodes.propose("seoul", replace(MEASURED, cap_status="Actual"))
    scheduled_post.fn(str(nodes.ws["seoul"].settings.data_dir))
    assert "the round before the deadline failed" in caplog.text
    assert nodes.versions("seoul")[0].state == "expired"


def test_a_peer_that_drips_holds_the_post_up_for_so_long_and_no_longer(nodes, monkeypatch, caplog):
    release = threading.Event()
    monkeypatch.setattr(hearing, "exchange_round", lambda *_, **__: release.wait(20))
    nodes.propose("seoul", MEASURED)
    begun = time.monotonic()
    try:
        assert not hear_before_deadline(at(nodes, DEADLINE), longest_s=0.1)
        assert time.monotonic() - begun < 10
    finally:
        release.set()
    assert "the post goes on" in caplog.text


@pytest.mark.slow
def test_a_signature_under_way_is_heard_before_each_warns_alone(linked):
    for party in ("seoul", "beijing", "seoul"):
        exchange_round(linked.ws[party], linked.ws[party].clock)
    linked.approve("seoul", AS_OF)
    linked.approve("beijing", AS_OF)
    exchange_round(linked.ws["beijing"], linked.ws["beijing"].clock)
    assert linked.versions("seoul")[0].state == "in_review"
    assert hear_before_deadline(linked.ws["seoul"])
    assert linked.versions("seoul")[0].state == "issued"
