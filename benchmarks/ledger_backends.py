"""What a ledger in PostgreSQL costs beside one in SQLite: the same operations, by 1 and by 4 processes.

Both write durably (PostgreSQL with fsync and synchronous_commit, SQLite with synchronous=FULL) to the same
disk. A server of its own is started for it; ``python -m benchmarks.ledger_backends [--rounds 150]`` ends with
code 1 where PostgreSQL takes more than three times as long as SQLite for any of the operations: a transaction
is some seven exchanges between two processes, each of which waits its turn on a busy machine.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from alerts.examples import example_content
from alerts.warnings import propose_version
from pipeline.ledger import Ledger, open_ledger
from pipeline.ledger.audit import append_audit, newest_rows, verify_audit
from pipeline.ledger.deliveries import (
    OutboxRow,
    claim_message,
    due_messages,
    insert_outbox,
    move_message,
    read_message,
)
from pipeline.ledger.envelopes import SentRow, insert_sent, last_sent
from pipeline.ledger.runs import begin_run, finish_run, list_runs, make_current
from pipeline.times import parse_instant
from tests.on_postgres.server import Server

LIMIT = 3.0
PROCESSES = (1, 4)
NOW = parse_instant("2026-01-14T08:00Z")
WARNING = example_content().warning_id
INPUTS = {"batches": [f"{n:064x}" for n in range(200)]}


def append(ledger: Ledger, name: str, number: int) -> None:
    """Append one row to the audit trail."""
    with ledger.write() as conn:
        append_audit(conn, at=NOW, actor=name, action="x", subject=str(number), payload={"n": number})


def send(ledger: Ledger, name: str, number: int) -> None:
    """Claim a message, then mark it as sent: two transactions, the second with a row of the trail."""
    message = f"{name}-{number}"
    with ledger.write() as conn:
        claim_message(conn, message, name, NOW)
    with ledger.write() as conn:
        move_message(conn, read_message(conn, message), state="sent", sent_at=NOW)
        append_audit(conn, at=NOW, actor=name, action="delivery.sent", subject=message, payload={})


def run(ledger: Ledger, name: str, number: int) -> None:
    """Begin a run, finish it, make it current: three transactions."""
    cycle = NOW + timedelta(hours=number, microseconds=len(name))
    with ledger.write() as conn:
        held = begin_run(conn, world=name, cycle=cycle, as_of=cycle, code_version="1", at=cycle)
    with ledger.write() as conn:
        finish_run(conn, held, at=cycle, model_id="m", inputs=INPUTS, degraded="", products={})
    with ledger.write() as conn:
        make_current(conn, held, expected=None)


def envelope(ledger: Ledger, name: str, number: int) -> None:
    """Append an envelope of 20 kB to the one chain to a party."""
    with ledger.write() as conn:
        before = last_sent(conn, "beijing")
        sequence = before.sequence + 1 if before else 1
        occasion = f"{name}-{number}"
        insert_sent(
            conn, SentRow("beijing", sequence, f"{sequence:064}", "x", "w", occasion, NOW, b"x" * 20_000)
        )


def pages(ledger: Ledger, name: str, number: int) -> None:
    """Read what an overview page reads: runs, the end of the trail, what is due."""
    del number
    with ledger.read() as conn:
        list_runs(conn, name, limit=20)
        newest_rows(conn, 30)
        due_messages(conn, NOW, "email", limit=50)


OPERATIONS: dict[str, Callable[[Ledger, str, int], None]] = {
    "audit row": append,
    "message claimed and sent": send,
    "run begun, finished, current": run,
    "envelope": envelope,
    "list pages read": pages,
}


def prepare(url: str, rounds: int) -> None:
    """Enter the messages that will be sent."""
    ledger = open_ledger(url)
    names = [f"{count}{n}-{n}" for count in PROCESSES for n in range(count)]
    with ledger.write() as conn:
        propose_version(conn, example_content(), NOW)
        insert_outbox(conn, [message(f"p{name}", n, NOW) for name in names for n in range(rounds)])
    ledger.close()


def message(name: str, number: int, at: datetime) -> OutboxRow:
    """Return one message to be sent."""
    key = f"{name}-{number}"
    return OutboxRow(key, WARNING, 1, key, "a@b.example", f"<{key}>", "0" * 64, at, at, at)


def work(url: str, operation: str, name: str, rounds: int, start: float) -> float:
    """Do one operation over and over from an instant on; return the seconds that it took."""
    ledger = open_ledger(url)
    with ledger.read():
        pass
    time.sleep(max(0.0, start - time.time()))
    begun = time.perf_counter()
    for number in range(rounds):
        OPERATIONS[operation](ledger, name, number)
    took = time.perf_counter() - begun
    ledger.close()
    return took


def measure(url: str, operation: str, processes: int, rounds: int) -> float:
    """Return the time per operation of all processes together [ms]."""
    start = time.time() + 2.0
    jobs = [(url, operation, f"p{processes}{n}-{n}", rounds, start) for n in range(processes)]
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        took = pool.starmap(work, jobs)
    return max(took) / (rounds * processes) * 1000


@contextmanager
def backends(rounds: int) -> Iterator[dict[str, str]]:
    """Yield the URL of a filled ledger of either kind, on the same disk."""
    server = Server(fsync="on", synchronous_commit="on", full_page_writes="on", autovacuum="on")
    with tempfile.TemporaryDirectory() as folder:
        try:
            server.start().execute("CREATE DATABASE ledger")
            urls = {
                "SQLite": f"sqlite:///{Path(folder) / 'ledger.sqlite'}",
                "PostgreSQL": server.url("ledger"),
            }
            for url in urls.values():
                prepare(url, rounds)
            yield urls
            for url in urls.values():
                ledger = open_ledger(url)
                with ledger.read() as conn:
                    if not verify_audit(conn).ok:
                        raise SystemExit(f"the trail of {ledger.place} is broken")
                ledger.close()
        finally:
            server.remove()


def main() -> int:
    """Print time per operation and ratio; code 1 over the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=150)
    rounds, worst = parser.parse_args().rounds, 0.0
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {rounds} operations a process")
    print("| operation | processes | SQLite [ms] | PostgreSQL [ms] | ratio |\n|---|---|---|---|---|")
    with backends(rounds) as urls:
        for operation in OPERATIONS:
            for processes in PROCESSES:
                took = {kind: measure(url, operation, processes, rounds) for kind, url in urls.items()}
                light, heavy = took["SQLite"], took["PostgreSQL"]
                worst = max(worst, heavy / light)
                print(f"| {operation} | {processes} | {light:.2f} | {heavy:.2f} | {heavy / light:.2f} |")
    return int(worst > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
