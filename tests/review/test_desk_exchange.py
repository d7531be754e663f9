"""The desk of a party's node says how the other parties' nodes stand, and that one is silent."""

from datetime import timedelta

import pytest
import requests

from review.app import create_app
from tests.flows.exchange_pair import Pair
from tests.review.running_app import RunningApp
from tests.review.signed_in import cookies


def shown(settings, at):
    running = RunningApp(settings.data_dir, lambda _, clock: create_app(settings, clock=clock))
    running.now = at
    try:
        jar = cookies(running.ledger, at, party=settings.party or "seoul")
        return requests.get(running.base, timeout=120, cookies=jar).text
    finally:
        running.close()


@pytest.mark.slow
def test_the_desk_says_how_the_other_node_stands(tmp_path):
    pair = Pair(tmp_path)
    pair.rounds(2)
    settings, now = pair.nodes["seoul"].settings, pair.clock.now
    soon = shown(settings, now + timedelta(minutes=20))
    assert "beijing: last heard 21 min ago; nothing of ours waits" in soon
    assert "health-late" not in soon
    assert "health-late" in shown(settings, now + timedelta(hours=2))
    assert "last heard" not in shown(settings.model_copy(update={"party": ""}), now)
    pair.close()
