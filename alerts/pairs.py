"""Which upwind and downwind episodes belong together, and whether a downwind party is to be told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from alerts.assessment import Link
from alerts.content import LinkEvidence
from alerts.draft import Frame
from alerts.episodes import Episode
from alerts.open_warnings import OpenWarning
from alerts.policy import CONFIDENCE, Policy
from pipeline.times import parse_instant


@dataclass(frozen=True)
class Pair:
    """Two linked episodes of different parties, upwind first, with the evidence."""

    upwind: Episode
    downwind: Episode
    link: LinkEvidence

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


def linked_pairs(live: Sequence[Episode], held: Iterable[OpenWarning], frame: Frame) -> list[Pair]:
    """Return the pairs of open episodes that belong together; every episode is in at most one.

    A pair that a joint warning has named stays one while both episodes live, whatever later evidence says
    or lacks; a new pair needs an accepted link, episodes that follow each other, and data for both cities.
    """
    pairs = _named_pairs(live, held, frame)
    taken = {e.id for pair in pairs for e in pair.episodes}
    for link in (x for x in frame.assessment.links if accepted(x, frame.policy)):
        for up in (e for e in live if e.city == link.upwind and not _is_blind(e, frame)):
            for down in (e for e in live if e.city == link.downwind and not _is_blind(e, frame)):
                free = up.party != down.party and not {up.id, down.id} & taken
                if free and _follows(up, down, frame.policy):
                    pairs.append(Pair(up, down, evidence(link)))
                    taken |= {up.id, down.id}
    return pairs


def downwind_at_risk(link: Link, is_out: bool, frame: Frame) -> bool:
    """Tell whether a notice is due: some risk downwind, judged more leniently once a notice is out."""
    city, terms = frame.assessment.city(link.downwind), frame.policy.probability
    if city is None or city.not_assessable:
        return is_out
    lowest = str(frame.policy.thresholds(link.downwind)[0])
    needed = frame.policy.products.notice_probability * (terms.keep / terms.open if is_out else 1.0)
    return max((d.probability[lowest] for d in city.coming), default=0.0) >= needed


def _named_pairs(live: Sequence[Episode], held: Iterable[OpenWarning], frame: Frame) -> list[Pair]:
    by_id = {e.id: e for e in live}
    fresh = {(x.upwind, x.downwind): evidence(x) for x in frame.assessment.links}
    pairs = []
    for warning in (w for w in held if not w.closed):
        out = warning.latest(frame.run.issue_time)
        if out is None or out.product != "joint_warning" or not out.links:
            continue
        found = {c.city: by_id.get(c.episode_id) for c in out.cities}
        link = out.links[0]
        up, down = found.get(link.upwind), found.get(link.downwind)
        if up is not None and down is not None:
            pairs.append(Pair(up, down, fresh.get((link.upwind, link.downwind), link)))
    return pairs


def _follows(up: Episode, down: Episode, policy: Policy) -> bool:
    lag = timedelta(days=policy.link.maximum_lag_days)
    return parse_instant(down.now.end) > parse_instant(up.now.onset) and (
        parse_instant(down.now.onset) <= parse_instant(up.now.end) + lag
    )


def _is_blind(episode: Episode, frame: Frame) -> bool:
    city = frame.assessment.city(episode.city)
    return city is None or bool(city.not_assessable)
