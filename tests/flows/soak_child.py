"""The process of the soak: hour after hour it asks all sources, in the time that its control tells.

``python -m tests.flows.soak_child FOLDER`` loads the program once; for each line on its input it forks a
process that works, prints its id, and, once it has ended or was killed, its exit status. A forked process
knows nothing of those before it but what lies in the folder.
"""

import json
import os
import random
import sys
import threading
from datetime import timedelta
from functools import partial
from http.client import HTTPConnection
from pathlib import Path

from sqlalchemy import event

import flows.ingest
from flows.upkeep import compact_store
from flows.workspace import open_workspace
from ingest import cnemc_city, ecmwf, kma_points
from ingest.collect import collect_all
from pipeline.http import Patience, PoliteHttp
from pipeline.http_session import new_session
from pipeline.settings import Settings
from pipeline.times import iso, parse_instant

PATIENCE = Patience(connect_s=30, read_s=10, total_s=40, tries=3)
BACKFILL = timedelta(hours=25)
CITIES = ("110000", "120000")
STEPS = (0,)


class Clock:
    """A clock that is set by the control and moved by sleeping."""

    def __init__(self):
        self.now, self._lock = None, threading.Lock()

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        with self._lock:
            self.now += timedelta(seconds=seconds)


def no_power_cut(ws):
    """Leave out waiting for the disk: a process that is killed loses nothing that was written."""
    os.fsync = lambda _: None
    if ws.ledger.engine.dialect.name != "sqlite":
        return

    @event.listens_for(ws.ledger.engine, "connect")
    def hurry(connection, _record):
        connection.execute("PRAGMA synchronous = OFF")

    ws.ledger.engine.dispose()


def fewer():
    """Ask fewer places of the sources that need a request for each."""
    ecmwf.STEPS = STEPS
    for place in list(kma_points.POINTS)[1:]:
        del kma_points.POINTS[place]
    for code in set(cnemc_city.CITIES) - set(CITIES):
        del cnemc_city.CITIES[code]


def work(folder, said):
    """Take in hour after hour until the control says that it is enough."""
    clock = Clock()
    control = HTTPConnection(said["control"])

    def tell(path):
        control.request("GET", path)
        return json.loads(control.getresponse().read())

    ws = open_workspace(Settings(data_dir=folder, live_sources=True, **said["settings"]), clock)
    no_power_cut(ws)
    session = new_session(None)
    session.trust_env = False
    rng = random.Random(os.getpid())
    flows.ingest.collect_all = partial(collect_all, backfill=BACKFILL)
    flows.ingest.http_of = lambda ws: PoliteHttp(
        session, ws.ledger, clock, clock.sleep, rng, patience=PATIENCE
    )
    while told := tell("/next"):
        clock.now = parse_instant(told["now"])
        for report in flows.ingest.ingest_live(ws, only=told["only"]):
            for error in report.errors:
                sys.stderr.write(f"{iso(clock())} {error}\n")
        if told["compact"]:
            compact_store(ws)
        tell(f"/done?slot={told['slot']}")


def main():
    """Fork a process for each line."""
    folder = Path(sys.argv[1])
    said = json.loads((folder / "soak.json").read_text())
    fewer()
    for _ in sys.stdin:
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                work(folder / "var", said)
                status = 0
            finally:
                sys.stderr.flush()
                os._exit(status)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
        sys.stdout.write(f"{os.waitpid(pid, 0)[1]}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
