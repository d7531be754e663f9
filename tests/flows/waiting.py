"""Waiting for what the timetable asks for, in tests that run by the machine's clock."""

import time
from datetime import timedelta

from flows.timetable import due, entries_of
from pipeline.ledger.jobs import jobs_between


def jobs_of(ws, flow):
    """Return a flow's jobs of the last two days and of the next."""
    now = ws.clock()
    with ws.ledger.read() as conn:
        return jobs_between(conn, now - timedelta(days=2), now + timedelta(days=1), flow=flow)


def wait_until_due(ws, flow, ahead=timedelta(minutes=8)):
    """Wait until a flow is due that nothing has begun, and stays so for a while.

    For twenty minutes after some hours no cycle is: the one before is stale, the next waits for its data.
    """
    while True:
        entries, now = entries_of(flow), ws.clock()
        decided = [{(d.nominal, d.action) for d in due(entries, [], at)} for at in (now, now + ahead)]
        if decided[0] == decided[1] and {action for _, action in decided[0]} == {"run"}:
            return
        time.sleep(5)
