"""Two nodes as two processes: the link cut in the middle of things, a node killed, and what follows."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

import pytest

from alerts.examples import example_content
from cli.demo.certificates import Authority
from cli.demo.checks import faults_of, joint_faults, joint_warnings, single_faults, single_warnings
from cli.demo.link import Link
from cli.demo.process import NodeFault, NodeProcess
from pipeline.exchange.keys import load_or_create_key
from pipeline.times import iso, parse_instant, system_clock

CHILD = (sys.executable, str(Path(__file__).with_name("node_child.py")))
OTHER = {"seoul": "beijing", "beijing": "seoul"}
BEGIN = parse_instant(example_content().as_of)
DEADLINE = parse_instant(example_content().review_deadline)
MINUTE = timedelta(minutes=1)
WORLD = example_content().world
PORT = 8443


class Failing(Link):
    """A link that after so many bytes breaks, and first does something else."""

    def __init__(self, target):
        super().__init__(target)
        self.left, self.first = None, lambda: None

    def break_after(self, count, first=lambda: None):
        self.left, self.first = count, first

    def _let_through(self, data):
        if self.left is None:
            return data
        passed, self.left = data[: self.left], self.left - len(data)
        if self.left <= 0:
            self.left = None
            self.first()
            self.cut()
        return passed


class Two:
    """Both nodes, each reaching the other by a link, and the time of the play."""

    def __init__(self, folder):
        self.folder, self.now = folder, BEGIN
        self.authority = Authority(folder, system_clock())
        self.links = {party: Failing(0) for party in OTHER}
        for party in OTHER:
            load_or_create_key(folder / party / "keys", party)
        self.nodes = {}
        for party, peer in OTHER.items():
            shutil.copy(folder / peer / "keys" / f"{peer}.pub", folder / party / "keys" / f"{peer}.pub")
            self.start(party)

    def start(self, party):
        address = f"https://127.0.0.1:{self.links[party].port}"
        settings = {
            "EXCHANGE_LINKS": json.dumps({OTHER[party]: address}),
            "EXCHANGE_LINKS_CA_FILE": str(self.authority.file),
        }
        self.nodes[party] = node = NodeProcess(party, self.folder / party, settings, CHILD)
        certificate, key = self.authority.sign(party)
        served = node.ask("serve", at=iso(self.now), certificate=str(certificate), key=str(key))
        self.links[OTHER[party]].target = served["port"]

    def ask(self, party, do, **order):
        return self.nodes[party].ask(do, at=iso(self.now), **order)

    def rounds(self, number=2):
        for _ in range(number):
            for party in self.nodes:
                self.now += MINUTE
                self.ask(party, "round")

    def cut(self):
        for link in self.links.values():
            link.cut()

    def mend(self):
        for link in self.links.values():
            link.left = None
            link.mend()

    def states(self):
        return {party: self.ask(party, "state") for party in self.nodes}

    def propose(self):
        for party in self.nodes:
            self.ask(party, "propose", model=f"model of {party}")

    def settle(self):
        """Draw on both nodes the consequences of what was said and of deadlines that are over."""
        for party in self.nodes:
            self.ask(party, "settle", world=WORLD)

    def text_of(self, party):
        (draft,) = self.ask(party, "state")["warnings"]
        return next(digest for who, digest in draft["offers"] if who == party)

    def close(self):
        for node in self.nodes.values():
            node.close()
        for link in self.links.values():
            link.close()


class TwoApart(Two):
    """Each node in a network namespace of its own, with one cable between them; no proxy."""

    hosts: ClassVar = {"seoul": "10.213.77.1", "beijing": "10.213.77.2"}

    def __init__(self, folder):
        self.spaces = {party: f"sa-{party[:3]}-{os.getpid()}" for party in OTHER}
        self.ends = {party: f"sa{party[0]}{os.getpid()}" for party in OTHER}
        for space in self.spaces.values():
            ip("netns", "add", space)
        near, far = OTHER
        peer = ("peer", "name", self.ends[far], "netns", self.spaces[far])
        ip("-n", self.spaces[near], "link", "add", self.ends[near], "type", "veth", *peer)
        for party, space in self.spaces.items():
            ip("-n", space, "address", "add", f"{self.hosts[party]}/24", "dev", self.ends[party])
            ip("-n", space, "link", "set", self.ends[party], "up")
        super().__init__(folder)

    def start(self, party):
        address = f"https://{self.hosts[OTHER[party]]}:{PORT}"
        settings = {
            "EXCHANGE_LINKS": json.dumps({OTHER[party]: address}),
            "EXCHANGE_LINKS_CA_FILE": str(self.authority.file),
        }
        program = ("ip", "netns", "exec", self.spaces[party], *CHILD)
        self.nodes[party] = node = NodeProcess(party, self.folder / party, settings, program)
        certificate, key = self.authority.sign(party, self.hosts[party])
        files = {"certificate": str(certificate), "key": str(key)}
        node.ask("serve", at=iso(self.now), host=self.hosts[party], port=PORT, **files)

    def cut(self):
        for party, space in self.spaces.items():
            ip("-n", space, "link", "set", self.ends[party], "down")

    def mend(self):
        for party, space in self.spaces.items():
            ip("-n", space, "link", "set", self.ends[party], "up")

    def close(self):
        super().close()
        for space in self.spaces.values():
            ip("netns", "delete", space)


def ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True)


def has_namespaces():
    """Tell whether this system lets us make network namespaces."""
    name = f"sa-try-{os.getpid()}"
    try:
        ip("netns", "add", name)
        subprocess.run(["ip", "netns", "exec", name, "true"], check=True, capture_output=True)
        ip("netns", "delete", name)
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


@pytest.fixture
def apart(tmp_path):
    """Two nodes in network namespaces where the system allows it, else with proxies that cut."""
    pair = TwoApart(tmp_path) if has_namespaces() else Two(tmp_path)
    yield pair
    pair.close()


@pytest.fixture
def two(tmp_path):
    pair = Two(tmp_path)
    yield pair
    pair.close()


def sent(states):
    return {party: sorted(map(tuple, state["mails"]["sent"])) for party, state in states.items()}


def test_a_link_carries_bytes_until_it_is_cut_and_again_when_it_is_mended():
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_echo, args=(server,), daemon=True).start()
        link = Link(server.getsockname()[1])
        with socket.create_connection(("127.0.0.1", link.port)) as near:
            near.settimeout(5)
            near.sendall(b"one")
            assert near.recv(10) == b"one"
            link.cut()
            assert near.recv(10) == b""
        with socket.create_connection(("127.0.0.1", link.port)) as near:
            near.settimeout(5)
            assert _said(near) == b""
        link.mend()
        with socket.create_connection(("127.0.0.1", link.port)) as near:
            near.settimeout(5)
            near.sendall(b"two")
            assert near.recv(10) == b"two"
        link.close()


def _said(near):
    try:
        return near.recv(10)
    except ConnectionResetError:
        return b""


def _echo(server):
    while True:
        try:
            one, _ = server.accept()
        except OSError:
            return
        threading.Thread(target=_answer, args=(one,), daemon=True).start()


def _answer(one):
    with one:
        while data := one.recv(100):
            one.sendall(data)


@pytest.mark.slow
@pytest.mark.ledger
@pytest.mark.parametrize("count", [200, 1500, 3000, 6000])
def test_a_transfer_that_is_cut_in_the_middle_is_made_up_for_in_one_exchange(two, count):
    two.rounds()
    two.propose()
    for link in two.links.values():
        link.break_after(count)
    two.rounds()
    assert any(link.is_cut for link in two.links.values())
    two.cut()
    two.rounds(3)
    two.mend()
    two.rounds()
    states = two.states()
    assert faults_of(states) == []
    (draft,) = states["seoul"]["warnings"]
    assert {who for who, _ in draft["offers"]} == {"seoul", "beijing"}


@pytest.mark.slow
@pytest.mark.ledger
def test_hours_without_a_cable_cost_nothing_but_time(apart):
    """Offers pass, then the cable is out over the deadline; both have signed the same text in time."""
    check_that_votes_arrive_late(apart)


@pytest.mark.slow
@pytest.mark.ledger
def test_a_vote_that_does_not_arrive_leaves_each_its_own_warning_and_both_learn_of_it_later(two):
    check_that_votes_arrive_late(two)


def check_that_votes_arrive_late(two):
    two.rounds()
    two.propose()
    two.rounds()
    text = two.text_of("seoul")[:16]
    two.cut()
    assert two.ask("seoul", "approve", text="")["missing"] == "beijing"
    assert two.ask("beijing", "approve", text=text)["missing"] == "seoul"
    two.rounds(1)
    two.now = DEADLINE + MINUTE
    two.settle()
    alone = two.states()
    assert single_faults(alone) == []
    assert {party: len(joint_warnings(state)) for party, state in alone.items()} == {"seoul": 0, "beijing": 0}
    before = sent(alone)
    two.mend()
    two.rounds()
    two.settle()
    two.rounds(1)
    states = two.states()
    assert faults_of(states) == []
    assert joint_faults(states) == []
    assert {w["state"] for state in states.values() for w in single_warnings(state)} == {"ended"}
    after = sent(states)
    assert all(set(before[party]) < set(after[party]) for party in OTHER)


@pytest.mark.slow
@pytest.mark.ledger
@pytest.mark.parametrize("count", [400, 2500])
def test_a_node_killed_in_the_middle_of_a_round_goes_on_where_it_was(two, count):
    two.rounds()
    two.propose()
    two.rounds()
    text = two.text_of("seoul")[:16]
    two.ask("seoul", "approve", text="")
    victim = two.nodes["seoul"]
    two.links["seoul"].break_after(count, victim.process.kill)
    with pytest.raises(NodeFault, match="has ended"):
        two.rounds(3)
    assert victim.process.wait(10) == -9
    victim.close()
    two.mend()
    two.start("seoul")
    two.rounds()
    assert two.ask("beijing", "approve", text=text)["missing"] == ""
    two.rounds()
    two.settle()
    two.rounds(1)
    states = two.states()
    assert faults_of(states) == []
    assert joint_faults(states) == []
    assert all(not single_warnings(state) for state in states.values())
