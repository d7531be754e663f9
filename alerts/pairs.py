"""Which episodes of two parties belong together, and whether a downwind party is to be told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import product

from alerts.assessment import Link
from alerts.content import LinkEvidence
from alerts.draft import Frame
from alerts.episodes import Episode, heirs
from alerts.open_warnings import OpenWarning
from alerts.policy import Policy
from alerts.policy_parts import CONFIDENCE
from pipeline.cities import are_partners
from pipeline.times import parse_instant


@dataclass(frozen=True)
class Pair:
    """Two episodes of two parties that belong together, upwind first; ``link`` None: none is claimed.

    ``warning_id`` is the joint warning that has named them, or the episodes that live on in them, or empty.
    """

    upwind: Episode
    downwind: Episode
    link: LinkEvidence | None
    warning_id: str = ""

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
    pair that a joint warning has named stays one while both episodes live, or live on in others, whatever
    later evidence says or lacks. One city's episode alone is never part of a pair.
    """
    pairs = _named_pairs(seen, held, frame)
    taken = {e.id for pair in pairs for e in pair.episodes}
    free = [e for e in seen if not _is_blind(e, frame)]
    by_city: dict[str, list[Episode]] = {}
    for episode in free:
        by_city.setdefault(episode.city, []).append(episode)
    for link in (x for x in frame.assessment.links if accepted(x, frame.policy)):
        for up, down in product(by_city.get(link.upwind, ()), by_city.get(link.downwind, ())):
            joins = "open" in (up.now.status, down.now.status) and _follows(up, down, frame.policy)
            if joins and up.party != down.party and not {up.id, down.id} & taken:
                pairs.append(Pair(up, down, evidence(link)))
                taken |= {up.id, down.id}
    if not frame.policy.products.joint_needs_link:
        _pair_at_once([e for e in free if e.now.status == "open"], pairs, taken)
    return pairs


def _pair_at_once(live: Sequence[Episode], pairs: list[Pair], taken: set[str]) -> None:
    """Pair the open episodes of partners of two parties that overlap in time and are in no pair yet."""
    for one in (e for e in live if e.id not in taken):
        if one.id in taken:
            continue
        others = (
            o
            for o in live
            if o.party != one.party and are_partners(one.city, o.city) and o.id not in taken and _meet(one, o)
        )
        other = next(others, None)
        if other is not None:
            pairs.append(Pair(one, other, None))
            taken |= {one.id, other.id}


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
    living, pairs = heirs(seen), []
    taken: set[str] = set()
    for warning in (w for w in held if not w.closed):
        out = warning.latest(frame.run.issue_time)
        if out is None or out.product != "joint_warning":
            continue
        found = [living[c.episode_id] for c in out.cities if c.episode_id in living]
        if len({e.party for e in found}) == 2 and not {e.id for e in found} & taken:
            pair = _named(found[0], found[1], next(iter(out.links), None), frame)
            pairs.append(replace(pair, warning_id=warning.warning_id))
            taken |= {e.id for e in found}
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
    return one.now.onset < other.now.end and other.now.onset < one.now.end


def _follows(up: Episode, down: Episode, policy: Policy) -> bool:
    lag = timedelta(days=policy.link.maximum_lag_days)
    return parse_instant(down.now.end) > parse_instant(up.now.onset) and (
        parse_instant(down.now.onset) <= parse_instant(up.now.end) + lag
    )


def _is_blind(episode: Episode, frame: Frame) -> bool:
    city = frame.assessment.city(episode.city)
    return city is None or bool(city.not_assessable)
