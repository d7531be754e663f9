"""How long the desk takes against its limits: the first page under 1 s, 50 forecasters with p95 under 0.5 s.

Builds a year of an installation (``benchmarks.review_world``) in a folder that is deleted at the end, and
serves it in a process of its own on loopback, as ``sameair review`` does. First the desk cold: the first
request that the new process answers. Then 50 people with sessions of their own ask for the changed part of
the desk every 10 s, as the page's script does, while an hour of 100 stations comes in every 10 s; and at
last all 50 load the whole page at the same moment. ``python -m benchmarks.review_load``
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import numpy as np

from benchmarks.review_world import append_hour, build_ledger, build_store, sessions
from pipeline.ledger import open_ledger
from pipeline.observations import ObservationStore
from pipeline.settings import Settings
from pipeline.times import system_clock
from review.access import COOKIE

FIRST_LIMIT = 1.0
P95_LIMIT = 0.5
PEOPLE = 50
EVERY = 10.0
SERVE = """
import sys, uvicorn
from pathlib import Path
from pipeline.settings import Settings
from review.app import create_app
app = create_app(Settings(data_dir=Path(sys.argv[1])))
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="warning", limit_concurrency=200)
"""


@dataclass
class Person:
    """Somebody at the desk: a session, the tag of what they have, and how long each answer took [s]."""

    port: int
    token: str
    tag: str = ""
    took: list[float] = field(default_factory=list)
    answers: dict[int, int] = field(default_factory=dict)

    def ask(self, path: str) -> None:
        """Ask for a page and note how long it took."""
        begun = time.perf_counter()
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        line.request("GET", path, headers={"Cookie": f"{COOKIE}={self.token}", "If-None-Match": self.tag})
        answer = line.getresponse()
        answer.read()
        self.took.append(time.perf_counter() - begun)
        self.answers[answer.status] = self.answers.get(answer.status, 0) + 1
        self.tag = answer.getheader("ETag") or self.tag
        line.close()

    def refresh(self, phase: float, until: float) -> None:
        """Ask every ten seconds until an instant of the monotonic clock."""
        time.sleep(phase)
        while time.monotonic() < until:
            begun = time.monotonic()
            self.ask("/desk/now")
            time.sleep(max(0.0, EVERY - (time.monotonic() - begun)))


def main() -> int:
    """Print the figures and return 1 if one is over its limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long people refresh [s]")
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as folder:
        store, tokens = _build(Path(folder))
        port = _free_port()
        server = subprocess.Popen([sys.executable, "-c", SERVE, folder, str(port)])
        try:
            _wait(port)
            return _measure(store, [Person(port, token) for token in tokens], seconds, server.pid)
        finally:
            server.terminate()
            server.wait(20)
            store.ledger.close()


def _build(folder: Path) -> tuple[ObservationStore, list[str]]:
    begun, now = time.perf_counter(), system_clock()
    settings = Settings(data_dir=folder)
    ledger, clock = open_ledger(settings.ledger), [now]
    store = ObservationStore(settings.observations_dir, ledger, lambda: clock[0])
    rows = build_store(store, clock, now.replace(minute=0, second=0, microsecond=0))
    with ledger.write() as conn:
        build_ledger(conn, settings, now)
    tokens = sessions(ledger, PEOPLE, system_clock())
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    built = f"{rows:,} rows, 1,460 runs, {size / 1e6:.0f} MB"
    print(f"built in {time.perf_counter() - begun:.0f} s: {built}")
    return ObservationStore(settings.observations_dir, ledger, system_clock), tokens


def _measure(store: ObservationStore, people: list[Person], seconds: float, server: int) -> int:
    first, before = people[0], _cpu(server)
    first.ask("/")
    cold = first.took.pop()
    first.answers.clear()
    used = _cpu(server) - before
    print(f"first page, cold           {cold:.3f} s, limit {FIRST_LIMIT} s; on the processor {used:.2f} s")
    before = _cpu(server)
    threads = _at_once(people, seconds)
    hour = system_clock().replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    for seed in range(int(seconds / EVERY)):
        time.sleep(EVERY)
        append_hour(store, hour, seed)
    for thread in threads:
        thread.join()
    late = _report("refreshing every 10 s", people)
    print(f"  processor of the server  {100 * (_cpu(server) - before) / seconds:.0f} % of one core")
    together = [threading.Thread(target=person.ask, args=("/",)) for person in people]
    for thread in together:
        thread.start()
    for thread in together:
        thread.join()
    _report("all load the page at once", people)
    return int(cold > FIRST_LIMIT or late > P95_LIMIT)


def _at_once(people: list[Person], seconds: float) -> list[threading.Thread]:
    rng, until = np.random.default_rng(1), time.monotonic() + seconds
    threads = [
        threading.Thread(target=person.refresh, args=(float(rng.uniform(0, EVERY)), until))
        for person in people
    ]
    for thread in threads:
        thread.start()
    return threads


def _report(what: str, people: list[Person]) -> float:
    """Print how long the answers took, forget them, and return the 95th percentile [s]."""
    took = np.concatenate([person.took for person in people])
    answers: dict[int, int] = {}
    for person in people:
        for status, count in person.answers.items():
            answers[status] = answers.get(status, 0) + count
        person.took.clear()
        person.answers.clear()
    middle, late, most = (float(q) for q in np.quantile(took, (0.5, 0.95, 1.0)))
    named = json.dumps(answers)
    print(f"{what:26} median {middle:.3f} s, p95 {late:.3f} s, longest {most:.3f} s, answers {named}")
    return late


def _cpu(process: int) -> float:
    """Return the processor time that a process has used [s]."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def _wait(port: int) -> None:
    """Wait until the server listens."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with socket.socket() as line:
            if line.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit("the server did not start")


if __name__ == "__main__":
    sys.exit(main())
