"""A soak as it runs: fakes of all services, a control that tells the time, and a process that is killed."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from ingest.simulated.write_airkorea import list_items
from pipeline.times import HOUR, iso
from tests.fakes.airkorea import KEY as AIRKOREA_KEY
from tests.fakes.airkorea import AirKoreaFake
from tests.fakes.cnemc import CnemcFake
from tests.fakes.ecmwf import EcmwfFake
from tests.fakes.kma import KmaFake
from tests.fakes.open_meteo import OpenMeteoFake
from tests.fakes.openaq import KEY as OPENAQ_KEY
from tests.fakes.openaq import OpenAqFake
from tests.fakes.seoul import KEY as SEOUL_KEY
from tests.fakes.seoul import SeoulFake
from tests.fakes.server import FakeAnswer, serving_fake
from tests.flows.soak_schedule import MINUTE, START
from tests.flows.soak_truth import NEW, exchange_files

ROOT = Path(__file__).parents[2]
AGAIN = timedelta(minutes=2)
"""How long after a kill the process is there again."""
COMPACT_EVERY = 24
KMA_KEY = "k" * 22


class LateList(AirKoreaFake):
    """AirKorea, whose list has a new station only some time after its first values."""

    listed_from = None

    def _stations(self, query):
        items = list_items(self.published, query)
        if self.clock() >= self.listed_from:
            return items
        return [item for item in items if item["stationName"] != NEW.split(":")[1]]


@dataclass
class Soak:
    """What is planned, and what has happened so far.

    ``done`` is by hour: when its round began that was completed. ``begun`` holds every hour that was begun.
    """

    folder: Path
    truth: object
    schedule: object
    files: list
    now: object = START
    hour: int = 0
    later: timedelta = timedelta(0)
    done: dict = field(default_factory=dict)
    begun: set = field(default_factory=set)
    kills: int = 0
    source: str = "control"
    served: dict = field(default_factory=dict)
    pid: int = 0
    killing: dict = field(default_factory=dict)
    dropped: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    timers: list = field(default_factory=list)

    def clock(self):
        return self.now

    def answer(self, method, path, query, form, headers):
        """Tell the process what hour it is, or note that it is done with one."""
        del method, form, headers
        with self.lock:
            said = self._next() if path == "/next" else self._done(int(query["slot"]))
        return FakeAnswer(body=json.dumps(said).encode())

    def _next(self):
        if self.hour >= self.schedule.hours:
            return {}
        self.now = START + self.hour * HOUR + MINUTE + self.later
        self.begun.add(self.hour)
        self._drop()
        for source, served in self.served.items():
            kind, times = self.schedule.fault(source, self.hour)
            if kind:
                served.faults.tell(kind, times)
            else:
                served.faults.stop()
        wait = self.killing.pop(self.hour, None)
        if wait is not None:
            timer = threading.Timer(wait, self._kill, (self.pid,))
            timer.start()
            self.timers.append(timer)
        compact = self.hour % COMPACT_EVERY == COMPACT_EVERY - 1
        only = ["exchange", *self.schedule.asked(self.hour)]
        return {"now": iso(self.now), "slot": self.hour, "only": only, "compact": compact}

    def _done(self, hour):
        if hour == self.hour:
            self.done[hour] = self.now
            self.hour, self.later = hour + 1, timedelta(0)
        return {}

    def _kill(self, pid):
        with self.lock:
            if pid == self.pid:
                os.kill(pid, signal.SIGKILL)

    def restarted(self):
        """Go on where the process stood when it was killed, or some hours later."""
        self.kills += 1
        off = self.schedule.kills.get(self.hour, 0)
        if off and self.hour + off < self.schedule.hours - self.schedule.calm:
            self.hour, self.later = self.hour + off, timedelta(0)
        else:
            self.later += AGAIN

    def _drop(self):
        """Write what the other side has written by now: files are begun, later completed."""
        inbox = self.folder / "var" / "inbox"
        inbox.mkdir(parents=True, exist_ok=True)
        for number, (begun, done, name, content, *_) in enumerate(self.files):
            written = self.folder / f"{number}.written"
            if begun > self.now or (written.exists() and written.read_text() == "whole"):
                continue
            whole = done is not None and done <= self.now
            part = content if whole else content[: len(content) * 2 // 3]
            if whole or not written.exists():
                (inbox / name).write_bytes(part)
                when = (done if whole else begun).timestamp()
                os.utime(inbox / name, (when, when))
                written.write_text("whole" if whole else "part")


@contextmanager
def running(folder, truth, schedule):
    """Serve all fakes and the control; gives the soak."""
    rng = random.Random(schedule.seed)
    soak = Soak(folder, truth, schedule, exchange_files(schedule.hours, rng))
    soak.killing = {hour: rng.uniform(0, 0.6) for hour in schedule.kills}
    published = truth.published
    korea = LateList(published["airkorea"], soak.clock, truth.bulletins)
    korea.listed_from = truth.new_listed
    fakes = [
        korea,
        SeoulFake(published["seoul"], soak.clock),
        CnemcFake(published["cnemc"], soak.clock),
        OpenAqFake(published["openaq"], soak.clock),
        OpenMeteoFake(published["open_meteo"], soak.clock),
        KmaFake(published["kma"], soak.clock, truth.commands, KMA_KEY),
        EcmwfFake(soak.clock),
    ]
    with ExitStack() as stack:
        soak.served = {fake.source: stack.enter_context(serving_fake(fake)) for fake in fakes}
        control = stack.enter_context(serving_fake(soak))
        keys = {
            "airkorea_key": AIRKOREA_KEY,
            "seoul_key": SEOUL_KEY,
            "openaq_key": OPENAQ_KEY,
            "kma_key": KMA_KEY,
        }
        urls = {name: served.url for name, served in soak.served.items()}
        said = {"control": control.url.removeprefix("http://"), "settings": keys | {"source_urls": urls}}
        (folder / "soak.json").write_text(json.dumps(said))
        yield soak
        for timer in soak.timers:
            timer.cancel()


def run_to_the_end(soak):
    """Start the process, and again whenever it was killed, until it has done the last hour."""
    log = soak.folder / "errors.txt"
    command = [sys.executable, "-m", "tests.flows.soak_child", str(soak.folder)]
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
        ) as parent,
    ):
        while True:
            parent.stdin.write("go\n")
            parent.stdin.flush()
            with soak.lock:
                soak.pid = int(parent.stdout.readline())
            status = int(parent.stdout.readline())
            with soak.lock:
                soak.pid = 0
                if status == 0:
                    break
                assert status == signal.SIGKILL, log.read_text()[-3000:]
                soak.restarted()
        parent.stdin.close()
