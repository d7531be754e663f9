"""Playing an episode on two nodes: rounds, cycles, decisions of both forecasters, a link that is cut."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from cli.demo.link import Link
from cli.demo.process import NodeProcess, ask_all
from pipeline.times import iso, parse_instant

Plain = dict[str, Any]
Say = Callable[[str], None]

PARTIES: Final = ("seoul", "beijing")
PEOPLE: Final = {"seoul": "kim", "beijing": "wang"}
OPEN: Final = ("draft", "in_review")
ROUNDS: Final = 2
"""Rounds of both nodes that one exchange takes: what the first brings is answered in the second."""
MINUTE: Final = timedelta(minutes=1)
DECIDED_AFTER: Final = timedelta(minutes=30)
"""How long after a cycle the forecasters decide."""
POST_AFTER: Final = timedelta(hours=5, minutes=40)
"""When, after a cycle, its decisions are due and the post draws the consequences."""
MOST_LINES: Final = 12
"""So many messages of one exchange are shown one by one."""


@dataclass
class Stage:
    """Both nodes, the links by which each reaches the other, and the time of the play."""

    nodes: dict[str, NodeProcess]
    links: dict[str, Link]
    say: Say
    now: datetime
    shown: set[tuple[str, int]] = field(default_factory=set)
    mailed: set[tuple[str, ...]] = field(default_factory=set)

    @property
    def is_cut(self) -> bool:
        """Tell whether the link between the nodes is cut."""
        return any(link.is_cut for link in self.links.values())

    def cut(self) -> None:
        """Cut the link in both directions."""
        for link in self.links.values():
            link.cut()
        self.line("the link between the nodes is CUT")

    def mend(self) -> None:
        """Let the link carry messages again."""
        for link in self.links.values():
            link.mend()
        self.line("the link is back")

    def line(self, text: str) -> None:
        """Say a line, with the time of the play."""
        self.say(f"{self.now:%d %b %H:%M}  {text}")

    def states(self) -> dict[str, Plain]:
        """Return what each node holds."""
        found = ask_all(list(self.nodes.values()), "state", at=iso(self.now))
        return dict(zip(self.nodes, found, strict=True))

    def exchange(self) -> list[Plain]:
        """Let both nodes run their rounds, a minute apart, and show what went to and fro."""
        reports = []
        for _ in range(1 if self.is_cut else ROUNDS):
            for node in self.nodes.values():
                self.now += MINUTE
                ask_all(list(self.nodes.values()), "clock", at=iso(self.now))
                reports.append(node.ask("round", at=iso(self.now)))
        self.show_messages()
        return reports

    def show_messages(self) -> None:
        """Show each message that both nodes hold by now, once."""
        held: dict[tuple[str, int], list[Plain]] = {}
        for state in self.states().values():
            for message in state["messages"]:
                held.setdefault((message["sender"], message["number"]), []).append(message)
        new = [both[0] for key, both in held.items() if len(both) > 1 and key not in self.shown]
        self.shown |= {(m["sender"], m["number"]) for m in new}
        new.sort(key=lambda m: (m["at"], m["sender"], m["number"]))
        for message in new[:MOST_LINES]:
            to = next(p for p in self.nodes if p != message["sender"])
            name = f"{message['sender']} to {to}"
            self.say(
                f"              {name:<17} {message['kind']:<13} no. {message['number']:<4}"
                f" {message['digest'][:12]}  written {message['at']}"
            )
        if len(new) > MOST_LINES:
            self.say(f"              and {len(new) - MOST_LINES} more")


def play_cycle(stage: Stage, plan: Plain, drafted: Callable[[Stage], None] = lambda _: None) -> None:
    """Play one cycle: exchange, forecasts of both, exchange, decisions, exchange, messages to agencies.

    ``drafted`` is called when the drafts are known on both sides and nobody has decided yet.
    """
    stage.now = parse_instant(plan["as_of"]) - MINUTE * (2 * ROUNDS)
    stage.say("")
    stage.line(f"the cycle of {plan['cycle']} begins; the nodes exchange what they have")
    stage.exchange()
    stage.now = parse_instant(plan["as_of"])
    answers = ask_all(list(stage.nodes.values()), "cycle", at=plan["as_of"], plan=plan)
    for party, answer in zip(stage.nodes, answers, strict=True):
        for note in answer["notes"]:
            stage.line(f"{party} judges: {note}")
    stage.exchange()
    drafted(stage)
    stage.now = parse_instant(plan["as_of"]) + DECIDED_AFTER
    for party in PARTIES:
        decide(stage, party)
        stage.exchange()
    for at in (stage.now, parse_instant(plan["cycle"]) + POST_AFTER):
        stage.now = at
        ask_all(list(stage.nodes.values()), "settle", at=iso(at), world=plan["world"])
        show_mails(stage)


def decide(stage: Stage, party: str) -> None:
    """Let a party's forecaster approve what waits: the other party's text where one was offered first."""
    node = stage.nodes[party]
    for draft in node.ask("state", at=iso(stage.now))["warnings"]:
        if draft["state"] not in OPEN or party not in draft["parties"]:
            continue
        has_signed = any(signed[0] == party for signed in draft["signed"])
        if has_signed or parse_instant(draft["decide by"]) < stage.now:
            continue
        others = [digest for who, digest in draft["offers"] if who != party]
        words = ["warnings", "approve", draft["warning"], "--party", party, "--person", PEOPLE[party]]
        words += ["--at", iso(stage.now)]
        if party != PARTIES[0] and others and draft["digest"] not in others:
            words += ["--text", others[-1][:16]]
        done = node.command(*words)
        stage.line(f"{PEOPLE[party]} in {party}:  sameair {' '.join(words)}")
        still = f"; still to sign: {done['missing']}" if done["missing"] else ""
        stage.say(f"              approved {done['approved']}{still}")
        if "issued" in done:
            stage.say(f"              issued {done['issued']}; sent: {done.get('sent', '')}")


def short(warning: str) -> str:
    """Return the end of a warning's id, and whose stand-in it is.

    >>> short("01JF6K3680TPT64CXMB1SSDNFX-seoul"), short("01JF6K3680TPT64CXMB1SSDNFX")
    ('B1SSDNFX-seoul', 'B1SSDNFX')
    """
    name, dash, party = warning.partition("-")
    return name[-8:] + dash + party


def show_mails(stage: Stage) -> None:
    """Show each message to an agency once, with the node that sent it."""
    for party, state in stage.states().items():
        products = {(w["warning"], w["version"]): w["product"] for w in state["warnings"]}
        for warning, version, recipient, whose, purpose in state["mails"]["sent"]:
            key = (party, warning, str(version), recipient, purpose)
            if key not in stage.mailed:
                stage.mailed.add(key)
                what = products.get((warning, version), purpose).replace("_", " ")
                name = f"{what} {short(warning)} v{version}"
                stage.line(f"the node of {party} mailed {recipient} (of {whose}): {name}")
