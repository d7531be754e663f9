"""Which warnings a run proposes: policy, episodes, links and what is out, in; contents, out. Pure.

Nothing is sent here. A joint warning needs an open episode of both cities at the same time, or one of a city
and a signal of the other that an accepted link joins, so a purely local episode never becomes joint. What is
out changes only when something that matters changed, and is cleared only when its episode ended in data that
could be assessed, never while the city's pollution goes on in another episode. Of a city without a party
nothing is proposed: nobody would sign it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from alerts.assessment import Assessment, Link, RunFacts
from alerts.content import Kind, WarningContent
from alerts.draft import Frame, all_clear, cap_status, draft
from alerts.episodes import Episode, heirs
from alerts.follow import follow_episodes
from alerts.material_change import material_changes
from alerts.open_warnings import OpenWarning
from alerts.pairs import Pair, accepted, downwind_at_risk, evidence, joint_pairs
from alerts.policy import Policy
from pipeline.times import parse_instant


@dataclass(frozen=True)
class Proposal:
    """What a run proposes: episodes as they now stand, contents to draft, drafts that lost their ground.

    ``withdrawn`` are warnings never issued whose episode is gone; ``superseded`` are warnings in force that
    end when a proposed joint warning is issued; ``continued`` are those that end now, since another one in
    force speaks of the episode into which theirs merged, as (id, other id); ``notes`` say what was decided.
    """

    episodes: tuple[Episode, ...]
    warnings: tuple[WarningContent, ...]
    withdrawn: tuple[str, ...] = ()
    superseded: tuple[str, ...] = ()
    continued: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


def propose(
    assessment: Assessment,
    open_episodes: Iterable[Episode],
    open_warnings: Iterable[OpenWarning],
    policy: Policy,
    *,
    run: RunFacts,
) -> Proposal:
    """Return what a run proposes; the same arguments, or a repeat of the cycle, give the same proposal.

    Parameters
    ----------
    assessment : what this run knows (see ``alerts.assessment.assess``)
    open_episodes, open_warnings : what earlier cycles left; this cycle's own episodes are disregarded, and
        so are warnings of another CAP status: no drill changes, ends or replaces what was said in earnest
    policy : the agreement of the parties
    run : the facts that every content states

    Raises
    ------
    ContractError
        when the times of a content would contradict each other
    """
    frame, earlier = Frame(assessment, policy, run), _by_city(open_episodes)
    held = [w for w in open_warnings if w.cap_status == cap_status(run, policy)]
    episodes = tuple(
        e for c in assessment.cities for e in follow_episodes(c, earlier.get(c.city, ()), policy, run)
    )
    signable = [e for e in episodes if e.party]
    live = [e for e in signable if e.now.status == "open"]
    pairs = joint_pairs([e for e in signable if e.ledger_state == "open"], held, frame)
    known = _known(held, episodes, frame)
    drafts = _drafts(live, pairs, known, frame)
    changed = [w for w in (_if_changed(d, known, frame) for d in drafts) if w is not None]
    said = {d.warning_id for d in drafts}
    gone = [w for w in known.values() if not w.warning.closed and w.warning.warning_id not in said]
    joint = {e.id for pair in pairs for e in pair.episodes}
    sayers = _sayers(known, said)
    continued = {w.warning.warning_id: _successor(w, known, sayers) for w in gone}
    endings = [
        (i, *(("superseded", None) if continued[i] else _ending(w, episodes, joint, frame)))
        for w in (k.warning for k in gone)
        for i in (w.warning_id,)
    ]
    warnings = (*changed, *(content for _, _, content in endings if content is not None))
    return Proposal(
        episodes=episodes,
        warnings=warnings,
        withdrawn=tuple(i for i, what, _ in endings if what == "withdrawn"),
        superseded=tuple(i for i, what, _ in endings if what == "superseded"),
        continued=tuple((i, other) for i, other in continued.items() if other),
        notes=_notes(assessment, episodes, warnings),
    )


@dataclass(frozen=True)
class _Known:
    """A warning that earlier cycles left: what is in force, and the episodes in which its own live on."""

    warning: OpenWarning
    out: WarningContent | None
    living: frozenset[str]


def _by_city(episodes: Iterable[Episode]) -> dict[str, list[Episode]]:
    found: dict[str, list[Episode]] = {}
    for episode in episodes:
        found.setdefault(episode.city, []).append(episode)
    return found


def _known(held: Sequence[OpenWarning], episodes: Sequence[Episode], frame: Frame) -> dict[str, _Known]:
    living, found = heirs(episodes), {}
    for warning in held:
        out = None if warning.closed else warning.in_force(frame.run.issue_time)
        ids = [c.episode_id for c in out.cities] if out is not None else []
        alive = frozenset(living[i].id for i in ids) if all(i in living for i in ids) else frozenset()
        found[warning.warning_id] = _Known(warning, out, alive)
    return found


def _drafts(
    live: Sequence[Episode], pairs: Sequence[Pair], known: Mapping[str, _Known], frame: Frame
) -> list[WarningContent]:
    """Return what would be said if nothing were out: joint warnings, single-city warnings and notices."""
    closed = frozenset(i for i, w in known.items() if w.warning.closed)
    joint = {e.id for pair in pairs for e in pair.episodes}
    drafts = [_joint(pair, frame, closed) for pair in pairs]
    singles: dict[str, list[str]] = {}
    for i, warning in known.items():
        if warning.out is not None and warning.out.product == "single_city_warning":
            for episode_id in warning.living:
                singles.setdefault(episode_id, []).append(i)
    links: dict[str, list[Link]] = {}
    for link in (x for x in frame.assessment.links if accepted(x, frame.policy)):
        links.setdefault(link.upwind, []).append(link)
    for episode in (e for e in live if e.id not in joint):
        drafts.append(_single(episode, singles.get(episode.id, ()), frame, closed))
        for link in links.get(episode.city, ()):
            notice = draft("notice", [episode], [evidence(link)], frame, closed)
            if downwind_at_risk(link, notice.warning_id in known, frame):
                drafts.append(notice)
    return drafts


def _joint(pair: Pair, frame: Frame, closed: Collection[str]) -> WarningContent:
    """Return what is said of a pair, under the id of the warning that has named it."""
    content = draft("joint_warning", pair.episodes, [pair.link] if pair.link else [], frame, closed)
    return replace(content, warning_id=pair.warning_id or content.warning_id)


def _single(episode: Episode, out: Sequence[str], frame: Frame, closed: Collection[str]) -> WarningContent:
    """Return a city's own warning, under the id of one in force about the same episode.

    That may be a stand-in for a joint warning (``alerts.fallback``), or be of an episode that lives on here.
    """
    content = draft("single_city_warning", [episode], [], frame, closed)
    return replace(content, warning_id=out[0]) if out and content.warning_id not in out else content


def _sayers(known: Mapping[str, _Known], said: Collection[str]) -> dict[str, list[str]]:
    """Return by episode the warnings in force, said again by this run, that speak of it."""
    found: dict[str, list[str]] = {}
    for i in (i for i in known if i in said):
        for episode_id in known[i].living:
            found.setdefault(episode_id, []).append(i)
    return found


def _successor(gone: _Known, known: Mapping[str, _Known], sayers: Mapping[str, Sequence[str]]) -> str:
    """Return the warning in force, said again by this run, in which one in force lives on; or empty."""
    if gone.out is None or not gone.living:
        return ""
    for i in sayers.get(min(gone.living), ()):
        now = known[i].out
        if now is None or now.product not in ("joint_warning", gone.out.product):
            continue
        if gone.living <= known[i].living:
            return i
    return ""


def _if_changed(
    content: WarningContent, warnings: Mapping[str, _Known], frame: Frame
) -> WarningContent | None:
    """Return the draft, as an update where it changes what is out; None where nothing that matters did."""
    filed = warnings.get(content.warning_id)
    known = filed.warning if filed else None
    latest = known.latest(frame.run.issue_time) if known else None
    blind = [c.city for c in content.cities if _is_blind(c.city, frame)]
    if blind:
        if latest is None or len(blind) == len(content.cities):
            return None
        content = _as_said(content, latest, blind)
    said = known.said_by(frame.run.issue_time) if known else None
    if said is not None and said.kind != "all_clear" and not material_changes(said, content, frame.policy):
        return None
    if known is None or latest is None:
        return content
    changes = material_changes(latest, content, frame.policy)
    if latest.kind == "all_clear":
        changes = ("the reason for the all-clear is gone",)
    if not changes:
        return None
    kind: Kind = "update" if known.in_force(frame.run.issue_time) else "alert"
    return replace(content, kind=kind, reason="; ".join(changes))


def _is_blind(city: str, frame: Frame) -> bool:
    known = frame.assessment.city(city)
    return known is None or bool(known.not_assessable)


def _as_said(content: WarningContent, out: WarningContent, blind: Sequence[str]) -> WarningContent:
    """Let cities without data stand as they were last spoken of, so that the others can still be updated."""
    before = {c.city: c for c in out.cities}
    cities = tuple(before.get(c.city, c) if c.city in blind else c for c in content.cities)
    rules = tuple(r for r in content.rules if r.city not in blind)
    said = (
        *(o for o in content.origins if o.city not in blind),
        *(o for o in out.origins if o.city in blind),
    )
    order = [c.city for c in cities]
    origins = tuple(sorted(said, key=lambda o: order.index(o.city)))
    return replace(content, cities=cities, rules=rules, origins=origins)


def _ending(
    warning: OpenWarning, episodes: Sequence[Episode], joint: set[str], frame: Frame
) -> tuple[str, WarningContent | None]:
    """Return what becomes of a warning that this run no longer supports, and its all-clear if one is due."""
    latest, out = warning.latest(frame.run.issue_time), warning.in_force(frame.run.issue_time)
    blind = {c.city for c in frame.assessment.cities if c.not_assessable}
    if latest is None and warning.drafted_by(frame.run.issue_time) and not blind:
        return "withdrawn", None
    if latest is None or any(c.city in blind for c in latest.cities):
        return "kept", None
    if out is None:
        return "withdrawn", None
    if out.product != "joint_warning" and all(c.episode_id in joint for c in out.cities):
        return "superseded", None
    if latest.kind == "all_clear":
        return "kept", None
    alive = {e.id for e in episodes if e.ledger_state == "open"}
    if any(c.episode_id not in alive and _goes_on(c.city, out, episodes) for c in out.cities):
        return "kept", None
    over = [c.city for c in out.cities if c.episode_id not in alive]
    left = [c.city for c in out.cities if c.episode_id in alive]
    reason = f"episode over: {', '.join(over)}" if over else "the risk downwind has passed"
    return "all_clear", all_clear(out, episodes, frame, reason + (f"; goes on: {left[0]}" if left else ""))


def _goes_on(city: str, out: WarningContent, episodes: Sequence[Episode]) -> bool:
    """Tell whether a city has an open episode, into which another one merged, while a warning is valid."""
    live = [e for e in episodes if e.city == city and e.now.status == "open"]
    return any(parse_instant(e.now.onset) < parse_instant(out.expires) for e in live)


def _notes(
    assessment: Assessment, episodes: Sequence[Episode], warnings: Sequence[WarningContent]
) -> tuple[str, ...]:
    blind = [f"{c.city}: not assessable, {c.not_assessable}" for c in assessment.cities if c.not_assessable]
    known = [f"{e.city}: episode {e.id} {e.now.turn}, {e.now.status}, level {e.now.level}" for e in episodes]
    said = [f"{w.product} {w.warning_id}: {w.kind} {w.level} {w.reason}".strip() for w in warnings]
    return (*blind, *known, *said)
