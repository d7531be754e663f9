"""Setting up the two nodes of the demonstration: folders, keys, what each may know, servers and links."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Any, Final

from cli.demo.certificates import Authority
from cli.demo.link import Link
from cli.demo.play import PARTIES, PEOPLE, Say, Stage
from cli.demo.process import NodeProcess, ask_all
from pipeline.times import iso, parse_instant

Plain = dict[str, Any]
OTHER: Final = {"seoul": "beijing", "beijing": "seoul"}
HISTORY: Final = "history"


@dataclass(frozen=True)
class Setting:
    """Where a demonstration lies and what it plays: an archive of measurements, or a simulated world."""

    root: Path
    archive: Path | None
    seed: int
    cycles: int

    def folder(self, play: str, party: str) -> Path:
        """Return the data folder of a node in a play."""
        return self.root / play / party

    def settings(self, party: str) -> dict[str, str]:
        """Return the settings that a node of the demonstration always has."""
        return {
            "KEY_PASSWORD_FILE": str(self.root / f"{party}.password"),
            "SHARING_FILE": str(self.root / "sharing.toml"),
            "CONTACT": f"duty desk of {party} (demonstration)",
        }


def prepare(setting: Setting, now: datetime, say: Say) -> list[Plain]:
    """Make both nodes' keys, let each know the other's, and fill their stores; returns the cycles to play."""
    setting.root.mkdir(parents=True, exist_ok=True)
    rules = resources.files("flows") / "demo_sharing.toml"
    (setting.root / "sharing.toml").write_bytes(rules.read_bytes())
    for party in PARTIES:
        password = setting.root / f"{party}.password"
        password.touch(mode=0o600)
        password.write_text(secrets.token_hex(16) + "\n")
    with ExitStack() as stack:
        nodes = {}
        for party in PARTIES:
            nodes[party] = NodeProcess(party, setting.folder(HISTORY, party), setting.settings(party))
            stack.callback(nodes[party].close)
        for party, answer in zip(PARTIES, ask_all(list(nodes.values()), "keys", at=iso(now)), strict=True):
            peer = nodes[OTHER[party]]
            peer.command(
                *("keys", "import", party, answer["public"], "--fingerprint", answer["fingerprint"]),
                *("--person", PEOPLE[peer.party]),
            )
            say(f"{peer.party} holds the public key of {party}: {answer['fingerprint']}")
        say("each node takes in what it may hold and trains its own models ...")
        archive = str(setting.archive) if setting.archive else ""
        seed = None if setting.archive else setting.seed
        order = {"archive": archive, "seed": seed, "cycles": setting.cycles}
        filled = ask_all(list(nodes.values()), "fill", at=iso(now), **order)
    found: list[Plain] = filled[0]["plans"]
    return found


@contextmanager
def opened(setting: Setting, play: str, first: Plain, now: datetime, say: Say) -> Iterator[Stage]:
    """Start both nodes of a play on copies of their folders, each serving its exchange by HTTPS."""
    authority = Authority(setting.root / play / "certificates", now)
    at = first["as_of"]
    with ExitStack() as stack:
        nodes: dict[str, NodeProcess] = {}
        links = {party: Link(0) for party in PARTIES}
        for party, link in links.items():
            stack.callback(link.close)
            folder = setting.folder(play, party)
            shutil.copytree(setting.folder(HISTORY, party), folder)
            nodes[party] = start(setting, folder, party, link, authority.file)
            stack.callback(nodes[party].close)
        for party, node in nodes.items():
            certificate, key = authority.sign(party)
            served = node.ask("serve", at=at, certificate=str(certificate), key=str(key))
            links[OTHER[party]].target = served["port"]
            say(f"the node of {party} serves its exchange at https://127.0.0.1:{served['port']}")
        yield Stage(nodes, links, say, parse_instant(at))


def start(setting: Setting, folder: Path, party: str, link: Link, authority: Path) -> NodeProcess:
    """Start a node's process that reaches the other by a link."""
    addresses = json.dumps({OTHER[party]: f"https://127.0.0.1:{link.port}"})
    more = {"EXCHANGE_LINKS": addresses, "EXCHANGE_LINKS_CA_FILE": str(authority)}
    return NodeProcess(party, folder, {**setting.settings(party), **more})
