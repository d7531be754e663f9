"""Playing a scripted exercise through the real chain: runs, episodes, proposals, signatures, issue, delivery.

Only the air and the decisions are scripted. A drill has a world of its own, which is simulated by name, so
nothing of it can be Actual, and its messages go to the recipients chosen for it and to nobody else.
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import isfinite
from typing import Final

from alerts.cancel_reasons import recorded_reason
from alerts.content import WarningContent
from alerts.delivery import DeliveryReport
from alerts.drill_scenarios import Scenario, Step, all_scenarios
from alerts.outbox import Issued
from alerts.signoff import DRILL_PERSON, approve, object_
from alerts.versions import IN_FORCE, required_parties
from flows.assess import propose_warnings
from flows.bulletin import write_bulletin
from flows.delivering import deliver
from flows.desk import Decision, draft_ending
from flows.drill_record import PREFIX, DrillRecord, StepDone, read_record, write_record
from flows.drill_world import DrillWorld, begin_world, scripted_run
from flows.issue import issue_approved
from flows.recipients import recipients_of
from flows.signing import open_drafts, signer
from flows.workspace import Workspace, reporter
from flows.worlds import rewrite_bulletins
from pipeline.errors import UsageError
from pipeline.ledger.warnings import read_in_state
from pipeline.times import HOUR, iso, to_utc

log = logging.getLogger(__name__)

FIRST_HOUR: Final = 2
"""UTC hour of the first cycle of every drill, so that its days begin and end as its script tells."""

AFTERWARDS: Final = timedelta(days=5)
"""When, after its last step, everything of a drill is over: no version is valid that long."""


@dataclass(frozen=True)
class DrillOrder:
    """Which scenario is played to whom, and how many times faster than it is told; 0: without waiting."""

    scenario: str
    recipients: tuple[str, ...]
    speed: float = 0.0


def scenario_named(name: str) -> Scenario:
    """Return a packaged scenario; raises UsageError naming those that there are."""
    known = all_scenarios()
    if name not in known:
        raise UsageError(f"no scenario {name}; there are {', '.join(sorted(known))}")
    return known[name]


def run_drill(ws: Workspace, order: DrillOrder, *, wait: Callable[[float], None] = time.sleep) -> DrillRecord:
    """Play a scenario to the chosen recipients and return what was done; `flows.drill_report` tells the rest.

    Its first cycle is the newest at 11 KST, which decides; where it does not wait, one so early that its end
    is past too, so that no mail is dated in the future. At its end nothing of it is left in force.

    Parameters
    ----------
    wait : passes true time [s]

    Raises
    ------
    UsageError
        the scenario or a recipient is unknown, or the speed makes no sense
    """
    scenario = scenario_named(order.scenario)
    begun = ws.clock()
    _check_order(ws, order, begun)
    lasts = timedelta(hours=0 if order.speed else scenario.hours)
    first = _newest_deciding(begun - lasts)
    record = DrillRecord(
        id=_free_id(ws, begun),
        scenario=scenario.id,
        recipients=order.recipients,
        begun_at=iso(begun),
        first_cycle=iso(first),
        speed=order.speed,
    )
    write_record(ws, record)
    drill = DrillWorld(scenario, record.id, first)
    begin_world(ws, drill)
    try:
        record = _play_all(ws, drill, record, wait)
    finally:
        record = _finish(ws, drill, read_record(ws, record.id))
    return record


def _play_all(
    ws: Workspace, drill: DrillWorld, record: DrillRecord, wait: Callable[[float], None]
) -> DrillRecord:
    """Play one step after the other; what was played is kept, whatever ends the drill."""
    steps, tell, played = drill.scenario.steps, reporter.get(), 0.0
    for number, step in enumerate(steps):
        tell(f"{drill.scenario.id}: {step.do}", number, len(steps))
        if record.speed:
            wait((step.hours - played) * HOUR.total_seconds() / record.speed)
        record = record.with_step(_play(ws, drill, step))
        played = step.hours
        write_record(ws, record)
    tell(f"{drill.scenario.id}: over", len(steps), len(steps))
    return record


def _newest_deciding(now: datetime) -> datetime:
    """Return the newest cycle at 11 KST, from which joint decisions come.

    >>> iso(_newest_deciding(datetime.fromisoformat("2026-01-14T01:00+00:00")))
    '2026-01-13T02:00:00Z'
    """
    today = to_utc(now).replace(hour=FIRST_HOUR, minute=0, second=0, microsecond=0)
    return today if today <= now else today - timedelta(days=1)


def _check_order(ws: Workspace, order: DrillOrder, at: datetime) -> None:
    known = {r.id for r in recipients_of(ws, at)}
    unknown = sorted(set(order.recipients) - known)
    if not order.recipients or unknown:
        said = f"no recipient {', '.join(unknown)}" if unknown else "say with --recipients who takes part"
        raise UsageError(f"{said}; there are {', '.join(sorted(known))}")
    if not (isfinite(order.speed) and order.speed >= 0):
        raise UsageError(f"--speed {order.speed:g}: 1 is real time, 60 an hour in a minute, 0 at once")


def _free_id(ws: Workspace, begun: datetime) -> str:
    """Return the id of a new drill: its time, a second later where that is taken."""
    while (ws.settings.data_dir / "drills" / f"{PREFIX}{begun:%Y%m%dt%H%M%S}.json").exists():
        begun += timedelta(seconds=1)
    return f"{PREFIX}{begun:%Y%m%dt%H%M%S}"


def _play(ws: Workspace, drill: DrillWorld, step: Step) -> StepDone:
    """Play one step: what the script says, then what follows from it as after every cycle and decision."""
    at = drill.plan(step).as_of if step.do == "cycle" else drill.instant(step)
    outcome = _DOING[step.do](ws, drill, step, at) if step.do != "wait" else ""
    issued = [one for one in issue_approved(ws, drill.world, at) if one.is_new]
    report = deliver(_with_mail(ws, step), drill.world, lambda: at)
    rewrite_bulletins(ws, issued)
    parts = [outcome, _issued(issued), _delivered(report)]
    return StepDone(
        at=iso(at),
        truly=iso(ws.clock()),
        what=_told(step),
        outcome="; ".join(p for p in parts if p),
        sent=tuple(report.sent),
    )


def _cycle(ws: Workspace, drill: DrillWorld, step: Step, _at: datetime) -> str:
    """Run a scripted cycle and propose what it supports."""
    before = [s.hours for s in drill.scenario.steps if s.do == "cycle" and s.hours < step.hours]
    since = drill.first + timedelta(hours=max(before, default=-6.0))
    run_id = scripted_run(ws, drill, step, since)
    proposal, _ = propose_warnings(ws, run_id)
    write_bulletin(ws, run_id)
    said = [f"{w.product} {w.kind} {w.level}".strip() for w in proposal.warnings]
    return "proposed: " + (", ".join(said) or "nothing")


def _sign(ws: Workspace, drill: DrillWorld, step: Step, at: datetime) -> str:
    """Sign what waits, for the parties that the script names, as a drill."""
    signed = []
    for row in open_drafts(ws, drill.world):
        content = WarningContent.from_dict(row.content)
        for party in (p for p in step.parties if p in required_parties(content)):
            with ws.ledger.write() as conn:
                who = signer(ws, party, DRILL_PERSON, drill=True)
                approve(conn, row.warning_id, row.version, who, at)
            signed.append(f"{party} signed {content.product} v{row.version}")
    return ", ".join(signed) or "nothing to sign"


def _object(ws: Workspace, drill: DrillWorld, step: Step, at: datetime) -> str:
    """Object to what waits, as a drill."""
    rows = [
        row
        for row in open_drafts(ws, drill.world)
        if step.party in required_parties(WarningContent.from_dict(row.content))
    ]
    for row in rows:
        with ws.ledger.write() as conn:
            who = signer(ws, step.party, DRILL_PERSON, drill=True)
            object_(conn, row.warning_id, row.version, who, step.reason, at)
    return f"{step.party} objected to {len(rows)}"


def _end(ws: Workspace, drill: DrillWorld, step: Step, at: datetime) -> str:
    """Draft the all-clear or the cancellation of what is in force."""
    with ws.ledger.read() as conn:
        rows = read_in_state(conn, IN_FORCE[:1], drill.world)[::-1]
    decision = Decision(step.party, DRILL_PERSON, iso(at), deliver=False)
    kind = "cancel" if step.do == "cancel" else "all_clear"
    reason = recorded_reason(step.because, step.reason) if kind == "cancel" else step.reason
    for row in rows:
        draft_ending(ws, row.warning_id, kind, decision, reason)  # type: ignore[arg-type]
    return f"{step.party} drafted {kind} of {len(rows)}"


_DOING: Final[dict[str, Callable[[Workspace, DrillWorld, Step, datetime], str]]] = {
    "cycle": _cycle,
    "sign": _sign,
    "object": _object,
    "cancel": _end,
    "end": _end,
}


def _with_mail(ws: Workspace, step: Step) -> Workspace:
    """Return the workspace as it is, or with a mail server that does not answer."""
    if step.mail == "up":
        return ws
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    nobody = {"channel": "smtp", "smtp_host": "127.0.0.1", "smtp_port": port, "smtp_timeout": 2.0}
    return replace(ws, settings=ws.settings.model_copy(update=nobody))


def _finish(ws: Workspace, drill: DrillWorld, record: DrillRecord) -> DrillRecord:
    """Let the time of a drill pass, so that nothing of it stays in force or waits for anybody."""
    issue_approved(ws, drill.world, drill.first + timedelta(hours=drill.scenario.hours) + AFTERWARDS)
    over = replace(record, ended_at=iso(ws.clock()))
    write_record(ws, over)
    return over


def _told(step: Step) -> str:
    """Return a step in words."""
    who = " and ".join(step.parties) or step.party
    return " ".join(p for p in (step.do, who, "(mail server down)" if step.mail == "down" else "") if p)


def _issued(issued: Sequence[Issued]) -> str:
    return f"issued {len(issued)} with {sum(len(i.outbox_ids) for i in issued)} messages" if issued else ""


def _delivered(report: DeliveryReport) -> str:
    counts = {"sent": report.sent, "deferred": report.deferred, "failed": report.failed}
    said = [f"{len(ids)} {name}" for name, ids in counts.items() if ids]
    return ", ".join([*said, *([f"mail down: {report.down}"] if report.down else [])])
