"""Plays an accelerated year: tells processes the time, breaks what the plan breaks, and remembers it all."""

import contextlib
import json
import os
import random
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

from pipeline.times import iso
from tests.flows.year_mail import OPERATOR, Post, kill_all
from tests.flows.year_plan import DISK, MAIL, MINUTE, START, drawn

ROOT = Path(__file__).parents[2]
OFTEN = ("cycle", "ingest", "exchange", "post")
SELDOM = {2: ("outlook", "retraining", "links"), 14: ("upkeep", "backup", "verification")}
"""After which cycle's last look [UTC] the others are woken, as by their own times."""
AGAIN = (2 * MINUTE, 8 * MINUTE, 24 * MINUTE)
"""When somebody looks again after a look in which something failed."""


class Pipe:
    """A process that obeys, and what it says."""

    def __init__(self, year, pid, line):
        self.year, self.pid, self.line = year, pid, line
        self.way = line.makefile("rw")

    def tell(self, order):
        """Give an order; one that cannot take it any more is dead."""
        try:
            self.way.write(json.dumps(order) + "\n")
            self.way.flush()
        except OSError:
            return

    def hear(self):
        """Return what it says until it is ready, and whether it lives."""
        said = []
        try:
            for text in self.way:
                found = json.loads(text)
                if found["what"] == "ready":
                    return said, True
                if found["what"] == "asks":
                    arrived = {t.message_id for t in self.year.post.taken}
                    self.tell([name for name in found["mails"] if name in arrived])
                else:
                    said.append(found)
        except OSError:
            pass
        return said, False

    def end(self):
        """Kill it and wait until it is gone."""
        self.year.seconds += _seconds(self.pid)
        with contextlib.suppress(ProcessLookupError):
            kill_all([self.pid])
        while Path(f"/proc/{self.pid}").exists():
            time.sleep(0.001)
        for end in (self.way, self.line):
            with contextlib.suppress(OSError):
                end.close()


def _seconds(pid):
    """Return what a process has computed so far [s]."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Year:
    """A node that works through a plan."""

    def __init__(self, folder, seed, days, gaps=(20, 150)):
        self.folder, self.plan = folder, drawn(seed, days, gaps)
        self.rng, self.post = random.Random(seed + 1), Post(seed + 2)
        self.said, self.kills, self.looks = [], [], []
        self.workers, self.watcher, self.held, self.away = [], None, None, False
        self.seconds = 0.0
        self.post.kill = lambda: kill_all(p.pid for p in self._all())
        self.door = socket.create_server(("127.0.0.1", 0))
        mail = {"channel": "smtp", "smtp_port": self.post.port, "smtp_starttls": False, "smtp_timeout": 5.0}
        said = {"settings": {**mail, "operator_address": OPERATOR}, "plan": [seed, days, list(gaps)]}
        port = str(self.door.getsockname()[1])
        self.nursery = subprocess.Popen(
            [sys.executable, "-m", "tests.flows.year_child", str(folder), port, json.dumps(said)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.log = threading.Thread(target=self._keep_log, daemon=True)
        self.log.start()
        assert self.nursery.stdout.readline() == "warm\n", "see children.log beside the node's folder"

    def _keep_log(self):
        with (self.folder.parent / "children.log").open("w") as log:
            for line in self.nursery.stderr:
                log.write(line)

    def _all(self):
        return [p for p in (*self.workers, self.watcher) if p is not None]

    def _born(self):
        self.nursery.stdin.write("\n")
        self.nursery.stdin.flush()
        pid = int(self.nursery.stdout.readline())
        line, _ = self.door.accept()
        line.settimeout(300)
        return Pipe(self, pid, line)

    def play(self):
        """Look at every instant of the plan, and again soon where something failed."""
        try:
            for cycle, number, at in self.plan.looks():
                seldom = SELDOM.get(cycle.hour, ()) if number == 2 else ()
                wake = ("cycle", "post") if number == 1 else (*OFTEN, *seldom)
                if self.look(at, wake, late=number == 0, people=number > 0, watched=number != 1):
                    for pause in AGAIN:
                        self.look(at + pause, OFTEN, late=False, people=False, watched=True)
        finally:
            self.end()

    def look(self, at, wake, *, late, people, watched):
        """Let the processes do what is due at an instant of true time; tell whether something failed."""
        again = not late and not people
        wrong = {w.kind for w in self.plan.at(at)}
        now = at + sum((w.step for w in self.plan.at(at)), timedelta())
        self.looks.append((at, now, frozenset(wrong)))
        self.post.set(next((kind for kind in MAIL if kind in wrong), ""), at)
        self._ledger(wrong)
        self._staff(0 if "off" in wrong else 1 + ("two at once" in wrong))
        faults = sorted(wrong & {*DISK, "locked", "read-only"})
        order = {"now": iso(now), "faults": faults, "wake": wake, "late": late, "people": people}
        failed = self._order(self.workers, order, at, "killed" in wrong and not again)
        if not watched:
            return failed
        # A file of the watchdog that is there can be written over on a full disk.
        faults = ["no room" if kind == "disk full" else kind for kind in faults]
        watch = {"now": iso(now + MINUTE), "faults": faults, "watch": True}
        watch["seconds"] = (at - START) / timedelta(seconds=1)
        self.watcher = self.watcher or self._born()
        died = self._order([self.watcher], watch, at, "killed" in wrong and self.rng.random() < 0.2)
        return failed or died

    def _order(self, pipes, order, at, deadly):
        """Give an order to processes, of which one may be killed at it, and hear them all."""
        if deadly and pipes and self.rng.random() < 0.5:
            if self.rng.random() < 0.3:
                self.post.deadly = self.rng.randrange(3)
            else:
                order = {**order, "lives": self.rng.randrange(1, 300)}
        for pipe in pipes:
            pipe.tell(order)
        failed = False
        for pipe in list(pipes):
            said, lives = pipe.hear()
            self.said += [(at, one) for one in said]
            failed = failed or not lives or any(one["what"] == "trouble" for one in said)
            if not lives:
                self.kills.append(at)
                self._buried(pipe)
        self.post.deadly = None
        return failed

    def _buried(self, pipe):
        pipe.end()
        self.workers = [p for p in self.workers if p is not pipe]
        self.watcher = None if self.watcher is pipe else self.watcher

    def _staff(self, number):
        """Let so many processes follow the timetable."""
        for pipe in self.workers[number:]:
            self._buried(pipe)
        while len(self.workers) < number:
            self.workers.append(self._born())

    def _ledger(self, wrong):
        """Let another hold the ledger, or take it away as a disk that is not mounted."""
        path = self.folder / "ledger.sqlite"
        if "locked" in wrong and self.held is None and path.is_file():
            self.held = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self.held.execute("BEGIN IMMEDIATE")
        if "locked" not in wrong and self.held is not None:
            self.held.close()
            self.held = None
        if ("gone" in wrong) != self.away:
            self._staff(0)
            self._move_ledger(path)

    def _move_ledger(self, path):
        self.away = not self.away
        if not self.away:
            path.rmdir()
        for end in ("", "-wal", "-shm"):
            here, there = Path(f"{path}{end}"), Path(f"{path}{end}.away")
            old, new = (here, there) if self.away else (there, here)
            if old.exists():
                old.rename(new)
        if self.away:
            path.mkdir()

    def end(self):
        """End all processes and the mail server."""
        for pipe in self._all():
            pipe.end()
        if self.held is not None:
            self.held.close()
        self.nursery.kill()
        self.nursery.wait()
        self.log.join(10)
        for end in (self.nursery.stdin, self.nursery.stdout, self.nursery.stderr, self.door):
            end.close()
        self.post.stop()
