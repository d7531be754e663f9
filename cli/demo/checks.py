"""What must hold at the end of a play: the same messages, both signatures, only own agencies mailed."""

from __future__ import annotations

from typing import Any

Plain = dict[str, Any]


def faults_of(states: dict[str, Plain]) -> list[str]:
    """Return what does not hold of two nodes between which everything has been exchanged."""
    ours, theirs = states.values()
    found = [
        f"{name} differ: {ours['party']} {ours[key][:12]}, {theirs['party']} {theirs[key][:12]}"
        for key, name in (("said", "the signed messages"), ("derived", "the states of agreement"))
        if ours[key] != theirs[key]
    ]
    for party, state in states.items():
        mails = state["mails"]
        found += [f"{party} sent twice: {name}" for name in mails["twice"]]
        found += [f"{party} did not send {name}" for name in mails["unsent"]]
        found += [f"{party} mailed {sent[2]} of {sent[3]}" for sent in mails["sent"] if sent[3] != party]
        if mails["files"] != len(mails["sent"]):
            found.append(f"{party}: {len(mails['sent'])} messages of the record, {mails['files']} files")
    return found


def has_joint_draft(states: dict[str, Plain]) -> bool:
    """Tell whether a joint warning waits for the decisions of both parties, on both nodes."""
    return all(
        any(w["product"] == "joint_warning" and w["state"] == "draft" for w in state["warnings"])
        for state in states.values()
    )


def joint_warnings(state: Plain) -> dict[tuple[str, int], Plain]:
    """Return the joint versions that a node issued, by warning and version."""
    return {
        (w["warning"], w["version"]): w
        for w in state["warnings"]
        if w["product"] == "joint_warning"
        and w["complete"]
        and w["state"] not in ("draft", "in_review", "expired")
    }


def single_warnings(state: Plain) -> list[Plain]:
    """Return the warnings that a node issued for its own city alone."""
    mine = [w for w in state["warnings"] if w["product"] == "single_city_warning"]
    return [
        w for w in mine if w["complete"] and w["state"] not in ("draft", "in_review", "expired", "rejected")
    ]


def joint_faults(states: dict[str, Plain]) -> list[str]:
    """Return what is wrong with the joint warnings of two nodes: there must be one, the same on both."""
    ours, theirs = (joint_warnings(state) for state in states.values())
    if not ours:
        return ["no joint warning was issued"]
    found = [
        f"joint warning {key[0]} v{key[1]} is on one node only" for key in sorted(ours.keys() ^ theirs.keys())
    ]
    for key in sorted(ours.keys() & theirs.keys()):
        here, there = ours[key], theirs[key]
        if (here["digest"], sorted(here["signed"])) != (there["digest"], sorted(there["signed"])):
            found.append(f"joint warning {key[0]} v{key[1]} bears other words or signatures on the two nodes")
        if {signed[0] for signed in here["signed"]} != set(here["parties"]):
            found.append(f"joint warning {key[0]} v{key[1]} lacks a signature")
    return found


def single_faults(states: dict[str, Plain]) -> list[str]:
    """Return what is wrong with the warnings of a time without a link: each node warns its own city."""
    found = []
    for party, state in states.items():
        mine = single_warnings(state)
        if not mine:
            found.append(f"{party} issued no warning of its own while the link was cut")
        found += [f"{party} issued {w['warning']} for {w['cities']}" for w in mine if w["parties"] != [party]]
    return found
