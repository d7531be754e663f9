"""A process of an accelerated year: for each order it is told, it does what is due at that instant.

``python -m tests.flows.year_child FOLDER PORT SETTINGS`` loads the program once; for each line on its input
it forks a process that takes orders from a port of this machine and is killed there with SIGKILL. What is
real in it and what is stood in for is said in ``docs/scheduling.md``.
"""

import gc
import json
import os
import resource
import signal
import socket
import sys
import tempfile
from pathlib import Path

from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.pool import Pool

from flows.duties import DUTIES
from flows.jobs import late_flows, work_on
from flows.watch import watch
from flows.workspace import open_workspace
from pipeline.errors import SameairError
from pipeline.settings import Settings
from pipeline.times import iso, parse_instant
from tests.flows import year_cycle, year_faults
from tests.flows.year_people import acknowledge, settle, sign

HEAVY = ("verification", "outlook", "retraining", "links")


class Process:
    """One process: its clock, its way to the driver, and how many statements it lives."""

    def __init__(self, settings, way=None):
        self.settings, self.way, self.ws = settings, way, None
        self.now, self.left = parse_instant("2026-01-13T20:21:00Z"), None

    def clock(self):
        """Return what the clock of the machine shows."""
        return self.now

    def say(self, what, **said):
        """Tell the driver, at once: what was said before a kill was said."""
        if self.way is not None:
            self.way.write(json.dumps({"what": what, **said}) + "\n")
            self.way.flush()

    def ask(self, **said):
        """Ask the driver something and return its answer."""
        self.say("asks", **said)
        return json.loads(self.way.readline()) if self.way is not None else []

    def lives(self, *_):
        """Count a statement of the database; at the last one the process is killed, as by `kill -9`."""
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def stands_in(self, flow):
        """Return what is done instead of heavy work."""
        return lambda _ws, _entry, nominal: self.say("did", flow=flow, nominal=iso(nominal)) or {}

    def obey(self, order):
        """Do what an order says; what fails is told and does not keep the rest from its turn."""
        self.now, self.left = parse_instant(order["now"]), order.get("lives")
        year_faults.begin(order["faults"])
        steps = [lambda: self.opened()]
        if order.get("watch"):
            steps = [lambda: self.watched(order["seconds"])]
        steps += [lambda name=name: self.work(name) for name in order.get("wake", ())]
        if order.get("late"):
            steps.append(self.late)
        if order.get("people"):
            steps += [lambda step=step: step(self) for step in (sign, acknowledge, settle)]
        for step in steps:
            try:
                step()
            except (SameairError, OSError) as error:
                self.say("trouble", text=f"{type(error).__name__}: {error}")
                if self.ws is None and not order.get("watch"):
                    break
        self.left = None

    def opened(self):
        """Open the workspace, if it is not open."""
        self.ws = self.ws or open_workspace(self.settings, self.clock)
        year_cycle.HERE = self

    def watched(self, seconds):
        """Let the watchdog look."""
        look = watch(self.settings, self.now, counted=lambda: seconds)
        self.say("watched", ill=[c.subject for c in look.ill], untold=look.untold)

    def work(self, flow):
        """Do what is due of a flow."""
        do = self.stands_in(flow) if flow in HEAVY else DUTIES[flow]
        for job in work_on(self.ws, flow, do):
            self.say("job", flow=flow, nominal=iso(job.nominal), result=job.result)

    def late(self):
        """Start what nothing began."""
        for flow in late_flows(self.ws):
            self.work(flow)


def live(settings, way):
    """Obey orders until the way ends."""
    process = Process(settings, way)
    event.listen(Engine, "before_cursor_execute", process.lives)
    event.listen(Engine, "commit", process.lives)
    for line in way:
        process.obey(json.loads(line))
        process.say("ready")


def begin(settings, port):
    """Become a process of its own that takes its orders from a port of this machine."""
    with socket.create_connection(("127.0.0.1", port)) as line, line.makefile("rw") as way:
        live(settings, way)


def ledger_in(folder):
    """Return the address of a folder's SQLite ledger: a year locks its file and takes it away."""
    return f"sqlite+pysqlite:///{folder}/ledger.sqlite"


def warm_up(settings):
    """Do everything once elsewhere, so that processes that fork from this one begin at once."""
    with tempfile.TemporaryDirectory() as folder:
        elsewhere = {"data_dir": Path(folder), "ledger_url": ledger_in(folder)}
        plain = settings.model_copy(update={**elsewhere, "channel": "folder"})
        process = Process(plain)
        told = {"faults": [], "wake": list(DUTIES), "late": True, "people": True}
        for now in ("2026-01-13T20:21:00Z", "2026-01-13T21:33:00Z"):
            process.obey({"now": now, **told})
        process.obey({"now": "2026-01-13T21:35:00Z", "faults": [], "watch": True, "seconds": 1.0})
        process.ws.ledger.close()


def main():
    """Fork a process for each line; all of them know the year's episodes from the settings' file."""
    folder, port, said = Path(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3])
    settings = Settings(data_dir=folder, ledger_url=ledger_in(folder), **said["settings"])
    year_cycle.stand_in(*said["plan"])
    year_faults.prepare(Pool)
    warm_up(settings)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.collect()
    gc.freeze()
    sys.stdout.write("warm\n")
    sys.stdout.flush()
    for _ in sys.stdin:
        pid = os.fork()
        if pid == 0:
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            try:
                begin(settings, port)
            except OSError:
                os._exit(1)
            finally:
                sys.stderr.flush()
            os._exit(0)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
