"""Steps 4 and 5 of a cycle: rules, episodes and proposed warnings of one run; nothing is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import groupby

import xarray as xr
from sqlalchemy import Connection

from alerts.assessment import FAULT, Assessment, Link, RunFacts, assess, not_assessable
from alerts.decide import Proposal, propose
from alerts.episodes import Episode
from alerts.fallback import settle_overdue
from alerts.joint_episodes import own_names
from alerts.open_warnings import OpenWarning
from alerts.origin_note import origin_notes
from alerts.policy import Policy, load_policy
from alerts.versions import IN_FORCE, OPEN
from alerts.warnings import Proposed, advance, close, fully_approved, propose_version
from flows.dust import dust_paths_of_run
from flows.legs import left_out_of, note_unassessed
from flows.links import links_of_run
from flows.origins import origins_of_run
from flows.rules import with_pm10
from flows.runview import RunView, read_run
from flows.told_readings import told_to_others
from flows.workspace import Workspace
from pipeline.cities import all_cities
from pipeline.ledger.episodes import EpisodeRevision, list_episodes, open_episode, revise_episode
from pipeline.ledger.warnings import list_since, read_versions
from pipeline.origin_panel import OriginPanel
from pipeline.paths import cities_in
from pipeline.times import iso, parse_instant

EARLY = timedelta(days=1)
"""How long before the cycle that opened its episode a warning may have been entered, to be safe."""


def policy_of(ws: Workspace) -> Policy:
    """Return the policy in force: the installation's, or the packaged one."""
    return load_policy(ws.settings.policy_file)


def facts_of(view: RunView, origins: OriginPanel | None = None) -> RunFacts:
    """Return the facts of a run that every warning states, and the origins of which joint ones tell."""
    plan = view.plan
    return RunFacts(
        run_id=view.run.id,
        world=plan.world,
        mode=plan.mode,
        issue_time=plan.cycle,
        as_of=plan.as_of,
        model_id=view.run.model_id or "none",
        degraded=view.run.degraded,
        calibrated=str(view.run.inputs.get("calibrated", "")),
        inputs_missing=tuple(view.run.inputs["missing"]),
        drill=plan.drill,
        origins=origin_notes(origins),
    )


def assess_run(
    view: RunView, policy: Policy, links: Sequence[Link], dust: xr.Dataset | None = None
) -> Assessment:
    """Judge a run's joint paths by every rule in force and by the policy's thresholds.

    Parameters
    ----------
    links : transport evidence for pairs of cities (``flows.links``)
    dust : dust paths of the run (``pipeline.dust_outlook``), or None where it stored none
    """
    paths = view.paths if dust is None else with_pm10(view.paths, dust)
    made = assess(paths, cities_in(paths), policy, view.plan.cycle, links, dust)
    left_out = left_out_of(view.run)
    absent = [not_assessable(c, left_out[c.id]) for c in all_cities().values() if c.id in left_out]
    return replace(made, cities=(*made.cities, *absent))


def propose_warnings(ws: Workspace, run_id: str) -> tuple[Proposal, list[Proposed]]:
    """Revise the episodes and draft the warnings that a run supports; repeating it changes nothing.

    One transaction holds the episodes, the drafts and their audit rows. Where an older cycle is judged after
    a newer one, what the newer one said of an episode stands.
    """
    view = read_run(ws, run_id, whole_past=True)
    policy = policy_of(ws)
    links = [Link.from_dict(found.to_dict()) for found in links_of_run(ws, view, policy)]
    assessment = assess_run(view, policy, links, dust_paths_of_run(ws, view.run))
    facts = facts_of(view, told_to_others(ws, origins_of_run(ws, view.run)))
    with ws.ledger.write() as conn:
        done = file_proposal(conn, assessment, policy, facts, ws.settings.party)
    failed = {c.city: c.not_assessable for c in assessment.cities if c.not_assessable.startswith(FAULT)}
    note_unassessed(ws, view.run, failed)
    return done


def file_proposal(
    conn: Connection, assessment: Assessment, policy: Policy, facts: RunFacts, party: str = ""
) -> tuple[Proposal, list[Proposed]]:
    """Judge an assessment beside what the ledger holds, and enter what follows.

    Only what is open, waits, is in force, or was spoken of since is read: what is long over is not. The node
    of a ``party`` drafts nothing that the party does not sign.
    """
    at = facts.as_of
    settle_overdue(conn, at, world=facts.world)
    known = _episodes(conn, facts)
    found = propose(assessment, known, _open_warnings(conn, facts.world, known), policy, run=facts)
    before = {e.id: e.now.issue_time for e in known}
    for episode in found.episodes:
        if before.get(episode.id, "") <= iso(facts.issue_time):
            _file_episode(conn, episode, facts, is_new=episode.id not in before)
    to_sign = [content for content in found.warnings if not party or party in content.parties]
    filed = [propose_version(conn, content, at) for content in to_sign]
    for warning_id in found.withdrawn:
        _withdraw(conn, warning_id, facts)
    for warning_id, other in found.continued:
        reason = f"its episode is part of that of warning {other}"
        close(conn, warning_id, "ended", actor="run", reason=reason, at=at)
    return found, filed


def _episodes(conn: Connection, facts: RunFacts) -> list[Episode]:
    since = min(facts.issue_time, facts.as_of)
    return [Episode.from_dict(row.details) for row in list_episodes(conn, facts.world, since)]


def _open_warnings(conn: Connection, world: str, episodes: Sequence[Episode]) -> list[OpenWarning]:
    """Return the warnings that wait or are in force, and those that may have spoken of the episodes."""
    opened = [parse_instant(e.revisions[0].issue_time) for e in episodes]
    since = min(opened) - EARLY if opened else None
    rows = own_names(conn, list_since(conn, world, (*OPEN, *IN_FORCE), since))
    return [OpenWarning.from_rows(list(group)) for _, group in groupby(rows, key=lambda r: r.warning_id)]


def _file_episode(conn: Connection, episode: Episode, facts: RunFacts, *, is_new: bool) -> None:
    at, named = facts.as_of, {"city": episode.city, "quantity": episode.quantity}
    if is_new:
        open_episode(conn, episode.id, world=episode.world, **named, at=at)
    revision = EpisodeRevision(
        run_id=facts.run_id,
        state=episode.ledger_state,
        onset=parse_instant(episode.now.onset),
        until=parse_instant(episode.now.end),
        details=episode.to_dict(),
    )
    revise_episode(conn, episode.id, revision, at)


def _withdraw(conn: Connection, warning_id: str, facts: RunFacts) -> None:
    """Reject the drafts of a warning that lost its ground; what its parties have signed is theirs to end."""
    for row in read_versions(conn, warning_id):
        if row.state in OPEN and not fully_approved(conn, row):
            reason = f"run {facts.run_id} no longer supports it"
            advance(conn, row, "rejected", actor="run", reason=reason, at=facts.as_of)
