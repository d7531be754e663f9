"""Which episodes of two parties belong together, and whether a downwind party is to be told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import permutations

from alerts.assessment import Link
from alerts.content import LinkEvidence
from alerts.draft import Frame
from alerts.episodes import Episode
from alerts.open_warnings import OpenWarning
from alerts.policy import Policy
from alerts.policy_parts import CONFIDENCE
from pipeline.times import parse_instant


@dataclass(frozen=True)
class Pair:
    """Two episodes of two parties that belong together, upwind first; ``link`` None: none is claimed."""

    upwind: Episode
    downwind: Episode
    link: LinkEvidence | None

    @property
    def episodes(self) -> tuple[Episode, Episode]:
        """Return both episodes."""
        return self.upwind, self.downwind


def accepted(link: Link, policy: Policy) -> bool:
    """Tell whether the evidence of a link satisfies the policy.

    Paths count where forecast winds tell them: then enough must have passed upwind while it exceeded.
    """
    terms = policy.link
    if link.path_winds == "forecast" and link.path_share < terms.minimum_path_share:
        return False
    if CONFIDENCE.index(link.confidence or CONFIDENCE[0]) < CONFIDENCE.index(terms.minimum_confidence):
        return False
    return (
        link.lift >= terms.minimum_lift
        and link.p_value <= terms.maximum_p_value
        and link.sample_size >= terms.minimum_sample
        and link.joint_probability >= terms.minimum_joint_probability
    )


def evidence(link: Link) -> LinkEvidence:
    """Return a link as a warning states it."""
    return LinkEvidence(
        link.upwind,
        link.downwind,
        link.lag_hours,
        link.lift,
        link.sample_size,
        link.method,
        link.path_share if link.path_winds == "forecast" else None,
        link.confidence,
    )


def joint_pairs(seen: Sequence[Episode], held: Iterable[OpenWarning], frame: Frame) -> list[Pair]:
    """Return the pairs of episodes, open or waiting, that make a warning joint; each is in at most one.

    A new pair is one of these, for cities with data: episodes that follow each other, at least one of them
    open, by an accepted link; or, unless the policy asks for a link, two open episodes at the same time. A
    pair that a joint warning has named stays one while both episodes live, whatever later evidence says or
    lacks. One city's episode alone is never part of a pair.
    """
    pairs = _named_pairs(seen, held, frame)
    for link in (x for x in frame.assessment.links if accepted(x, frame.policy)):
        for up, down in _candidates(seen, pairs, frame):
            both = (up.city, down.city) == (link.upwind, link.downwind)
            if both and "open" in (up.now.status, down.now.status) and _follows(up, down, frame.policy):
                pairs.append(Pair(up, down, evidence(link)))
    if not frame.policy.products.joint_needs_link:
        for one, other in _candidates(seen, pairs, frame):
            if {one.now.status, other.now.status} == {"open"} and _meet(one, other):
                pairs.append(Pair(one, other, None))
    return pairs


def _candidates(
    seen: Sequence[Episode], pairs: Sequence[Pair], frame: Frame
) -> Iterator[tuple[Episode, Episode]]:
    """Yield every pair of episodes of two parties of which neither is in a pair by then."""
    for one, other in permutations((e for e in seen if not _is_blind(e, frame)), 2):
        taken = {e.id for pair in pairs for e in pair.episodes}
        if one.party != other.party and not {one.id, other.id} & taken:
            yield one, other


def downwind_at_risk(link: Link, is_out: bool, frame: Frame) -> bool:
    """Tell whether a notice is due: some risk downwind, judged more leniently once a notice is out."""
    city, policy = frame.assessment.city(link.downwind), frame.policy
    if city is None or city.not_assessable:
        return is_out
    lowest, needed = str(policy.thresholds(link.downwind)[0]), policy.products.notice_probability
    for day in city.coming:
        level = (link.downwind, 1, day.lead_day)
        lenience = policy.keeping(*level) / policy.opening(*level) if is_out else 1.0
        if day.probability[lowest] >= needed * lenience:
            return True
    return False


def _named_pairs(seen: Sequence[Episode], held: Iterable[OpenWarning], frame: Frame) -> list[Pair]:
    by_id = {e.id: e for e in seen}
    pairs = []
    for warning in (w for w in held if not w.closed):
        out = warning.latest(frame.run.issue_time)
        if out is None or out.product != "joint_warning":
            continue
        found = [by_id[c.episode_id] for c in out.cities if c.episode_id in by_id]
        if len(found) == 2:
            pairs.append(_named(found[0], found[1], next(iter(out.links), None), frame))
    return pairs


def _named(one: Episode, other: Episode, said: LinkEvidence | None, frame: Frame) -> Pair:
    """Return a named pair with the newest evidence of its link; one named without gets an accepted link."""
    pair = {one.city: one, other.city: other}
    links = [x for x in frame.assessment.links if {x.upwind, x.downwind} == set(pair)]
    if said is not None:
        fresh = [evidence(x) for x in links if (x.upwind, x.downwind) == (said.upwind, said.downwind)]
        return Pair(pair[said.upwind], pair[said.downwind], next(iter(fresh), said))
    for link in (x for x in links if accepted(x, frame.policy)):
        return Pair(pair[link.upwind], pair[link.downwind], evidence(link))
    return Pair(one, other, None)


def _meet(one: Episode, other: Episode) -> bool:
    """Tell whether two episodes overlap in time."""
    return parse_instant(one.now.onset) < parse_instant(other.now.end) and parse_instant(
        other.now.onset
    ) < parse_instant(one.now.end)


def _follows(up: Episode, down: Episode, policy: Policy) -> bool:
    lag = timedelta(days=policy.link.maximum_lag_days)
    return parse_instant(down.now.end) > parse_instant(up.now.onset) and (
        parse_instant(down.now.onset) <= parse_instant(up.now.end) + lag
    )


def _is_blind(episode: Episode, frame: Frame) -> bool:
    city = frame.assessment.city(episode.city)
    return city is None or bool(city.not_assessable)
