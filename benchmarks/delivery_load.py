"""How long it takes to hand a warning to 10,000 recipients, beside the limit of 5 minutes on two cores.

Every recipient has an address, a language order and a link of its own; every mail holds three languages, a
chart of 50 kB and the CAP message. A real mail server (aiosmtpd) in another process takes them and counts:
none may be missing, none may come twice.
``python -m benchmarks.delivery_load [--recipients 10000] [--connections 4]``
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import re
import resource
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

import pandas as pd
from aiosmtpd.controller import Controller

from alerts.areas import city_area
from alerts.cap import CapHeader, build_cap
from alerts.channels import ChannelPool
from alerts.content import WarningContent
from alerts.delivery import DeliveryPolicy, Sender, deliver_pending
from alerts.email import Enclosure, build_email
from alerts.examples import example_content
from alerts.outbox import Dispatch, issue
from alerts.recipients import Recipient
from alerts.signoff import Signer, approve
from alerts.smtp import SmtpChannel, SmtpServer
from alerts.warnings import propose_version
from pipeline.cities import all_cities
from pipeline.exchange.keyring import read_keyring
from pipeline.exchange.keys import load_or_create_key
from pipeline.ledger import Ledger, open_ledger
from pipeline.ledger.audit import verify_audit
from pipeline.ledger.deliveries import read_outbox

LIMIT_SECONDS = 300.0
LIMIT_GROWTH = 64.0
"""What memory may grow by between a tenth of the messages and all of them [MiB]."""
CHART = 50_000
NOW = datetime(2026, 1, 14, 8, 20, tzinfo=UTC)
ORDERS = (("ko", "en"), ("zh", "en"), ("en",))


@dataclass(frozen=True)
class Scene:
    """A ledger with one version that all parties signed, and how its letters are written."""

    folder: Path
    ledger: Ledger
    dispatch: Dispatch
    content: WarningContent


class Sink:
    """Counts mails by Message-ID and keeps none."""

    def __init__(self) -> None:
        self.seen: dict[str, int] = {}
        self.octets = 0

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        """Take a mail."""
        found = re.search(rb"^Message-ID: (\S+)", envelope.content, re.MULTILINE)
        name = found.group(1).decode() if found else ""
        self.seen[name] = self.seen.get(name, 0) + 1
        self.octets += len(envelope.content)
        return "250 taken"


def serve(told: Queue[Any], asked: Queue[Any]) -> None:
    """Run the mail server until asked to stop, then tell what came."""
    sink = Sink()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(sink, hostname="127.0.0.1", port=port)
    controller.start()
    told.put(port)
    asked.get()
    controller.stop()
    told.put((len(sink.seen), sum(sink.seen.values()), sink.octets))


def recipients(number: int) -> tuple[Recipient, ...]:
    """Return invented agencies, half of each party, in three orders of languages."""
    return tuple(
        Recipient(
            id=f"desk-{n}",
            agency={"ko": f"상황실 {n}", "zh": f"值班室 {n}", "en": f"Duty desk {n}"},
            party="seoul" if n % 2 else "beijing",
            email=f"desk{n}@agency{n % 97}.example",
            languages=ORDERS[n % 3],
            cities=("seoul", "beijing"),
            minimum_level="J1",
        )
        for n in range(number)
    )


def prepare(folder: Path, number: int) -> Scene:
    """Return a ledger with one version that all parties signed."""
    ledger, content = open_ledger(f"sqlite:///{folder / 'ledger.sqlite'}"), example_content()
    keys = {p: load_or_create_key(folder / "keys", p) for p in ("seoul", "beijing")}
    with ledger.write() as conn:
        propose_version(conn, content, NOW)
        for party, key in keys.items():
            approve(conn, content.warning_id, content.version, Signer(party, "bench", key), NOW)
    nowhere = pd.DataFrame(columns=["station", "latitude", "longitude", "city"])
    areas = {c.id: city_area(c, nowhere) for c in all_cities().values()}
    xml = build_cap(content, CapHeader("desk@sameair.example", NOW, "duty desk"), areas)
    chart = random.Random(1).randbytes(CHART)
    enclosure = Enclosure("desk@sameair.example", "duty desk", xml, chart=lambda _content, _language: chart)
    dispatch = Dispatch(
        recipients(number),
        lambda letter: build_email(letter, enclosure),
        folder / "messages",
        read_keyring(folder / "keys", tuple(keys)),
        link=lambda _content, who: f"https://alerts.example/acknowledge/{who}",
    )
    return Scene(folder, ledger, dispatch, content)


def timed(what: Callable[[], Any]) -> tuple[float, float]:
    """Return the seconds that something takes, on the clock and on the processor."""
    wall, cpu = time.perf_counter(), time.process_time()
    what()
    return time.perf_counter() - wall, time.process_time() - cpu


def peak() -> float:
    """Return the most memory that this process has held so far [MiB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run(number: int, connections: int) -> dict[str, float]:
    """Issue and deliver to so many recipients; returns seconds, octets and what the server counted."""
    fork = multiprocessing.get_context("spawn")
    told, asked = fork.Queue(), fork.Queue()
    server = fork.Process(target=serve, args=(told, asked), daemon=True)
    server.start()
    port = told.get(timeout=60)
    with tempfile.TemporaryDirectory() as name:
        scene = prepare(Path(name), number)
        content = scene.content
        writing = timed(lambda: issue(scene.ledger, content.warning_id, content.version, scene.dispatch, NOW))
        place = SmtpServer("127.0.0.1", port, "desk@sameair.example", starttls=False)
        sender = Sender(
            scene.ledger,
            ChannelPool(lambda: SmtpChannel(place)),
            scene.dispatch.payloads,
            lambda: NOW,
            DeliveryPolicy(at_once=connections),
        )
        sending = timed(lambda: deliver_pending(sender))
        with scene.ledger.read() as conn:
            sent = len(read_outbox(conn, state="sent"))
            is_whole = verify_audit(conn).ok
        scene.ledger.close()
    asked.put("stop")
    names, mails, octets = told.get(timeout=60)
    server.join(60)
    return {
        "issue": writing[0],
        "issue cpu": writing[1],
        "deliver": sending[0],
        "deliver cpu": sending[1],
        "sent": sent if is_whole else -1,
        "names": names,
        "mails": mails,
        "octets": octets / max(mails, 1),
        "peak": peak(),
    }


def main() -> int:
    """Print the figures; returns 1 if a limit is passed, or a mail is missing or came twice."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--recipients", type=int, default=10_000)
    parser.add_argument("--connections", type=int, default=4)
    wanted = parser.parse_args()
    small = run(max(wanted.recipients // 10, 1), wanted.connections)
    found = run(wanted.recipients, wanted.connections)
    total, growth = found["issue"] + found["deliver"], found["peak"] - small["peak"]
    lines = [
        f"recipients           {wanted.recipients:8d}, {wanted.connections} connections at once",
        f"one mail             {found['octets'] / 1000:8.1f} kB",
        f"written and issued   {found['issue']:8.1f} s, {found['issue cpu']:.1f} s on the processor",
        f"handed over          {found['deliver']:8.1f} s, {found['deliver cpu']:.1f} s on the processor",
        f"together             {total:8.1f} s (limit {LIMIT_SECONDS:.0f} s for 10,000)",
        f"peak memory          {found['peak']:8.1f} MiB, {small['peak']:.1f} with a tenth of them",
        f"the server counted   {found['mails']:8.0f} mails, {found['names']:.0f} different",
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    is_exact = found["sent"] == found["mails"] == found["names"] == wanted.recipients
    is_in_time = total <= LIMIT_SECONDS * wanted.recipients / 10_000 and growth <= LIMIT_GROWTH
    return 0 if is_exact and is_in_time else 1


if __name__ == "__main__":
    raise SystemExit(main())
