"""The demonstration with two nodes from beginning to end, told in lines; what does not hold is told last."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from cli.demo.checks import (
    faults_of,
    has_joint_draft,
    joint_faults,
    joint_warnings,
    single_faults,
    single_warnings,
)
from cli.demo.play import Say, Stage, play_cycle, short
from cli.demo.stage import Setting, opened, prepare

Plain = dict[str, Any]
MENDED_AFTER: Final = 2
"""How many cycles after the cut the link is back."""


def demonstrate(setting: Setting, now: datetime, say: Say) -> list[str]:
    """Play the episode with the link and with the link cut; returns what does not hold, nothing if all does.

    Parameters
    ----------
    now : the time of this machine, for the certificates of the servers
    """
    _begin(setting, say)
    plans = prepare(setting, now, say)
    say("")
    say("=== 1. The two nodes are connected ===")
    with opened(setting, "connected", plans[0], now, say) as stage:
        for plan in plans:
            play_cycle(stage, plan)
        faults = _end(stage, joint_faults)
    say("")
    say("=== 2. The same days, and the link is cut in the middle ===")
    with opened(setting, "cut", plans[0], now, say) as stage:
        return [*faults, *play_cut(stage, plans)]


def play_cut(stage: Stage, plans: Sequence[Plain]) -> list[str]:
    """Play with the link cut between the first joint draft and its signatures; returns what does not hold.

    The link is back before the second cycle after that, or the last.
    """
    cut: list[int] = []
    faults: list[str] = []
    for number, plan in enumerate(plans):
        if stage.is_cut and number >= min(cut[0] + MENDED_AFTER, len(plans) - 1):
            faults = single_faults(stage.states())
            stage.mend()

        def drafted(there: Stage, number: int = number) -> None:
            if not cut and has_joint_draft(there.states()):
                cut.append(number)
                there.cut()

        play_cycle(stage, plan, drafted)
    if not cut or stage.is_cut:
        faults.append("no cycle drafted a joint warning before the last one: there was nothing to cut")
        stage.mend()
    return [*faults, *_end(stage, lambda _: [])]


def _begin(setting: Setting, say: Say) -> None:
    if setting.archive:
        say(
            "Measured air of March 2019, replayed: every warning is an exercise; nothing leaves this machine."
        )
    else:
        say(
            f"SIMULATED air (seed {setting.seed}): every warning is an exercise; nothing leaves this machine."
        )
    say(f"Two nodes, two processes, two folders under {setting.root}; they exchange by HTTPS on loopback.")


def _end(stage: Stage, also: Any) -> list[str]:
    """Exchange what is left, show both sides beside each other, and return what does not hold."""
    stage.exchange()
    states = stage.states()
    stage.say("")
    for party, state in states.items():
        stage.say(f"{party} holds:")
        for warning in (*joint_warnings(state).values(), *single_warnings(state)):
            signed = "; ".join(f"{who} by {person} at {at}" for who, person, at, _ in warning["signed"])
            name = f"{warning['product'].replace('_', ' ')} {short(warning['warning'])} v{warning['version']}"
            words = f"{name} {warning['level']}".rstrip()
            stage.say(f"  {words} ({warning['state']}), text {warning['digest'][:12]}: {signed}")
        stage.say(f"  {len(state['messages'])} signed messages, digest of all {state['said'][:16]}")
        stage.say(f"  state of agreement, digest {state['derived'][:16]}")
        mails = state["mails"]
        stage.say(f"  {len(mails['sent'])} messages to its own agencies, {len(mails['twice'])} of them twice")
    return [*faults_of(states), *also(states)]
