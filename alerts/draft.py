"""Building the content of a proposed warning; times that contradict each other are refused."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from alerts.assessment import Assessment, RunFacts
from alerts.content import CapStatus, CityOutlook, Kind, LinkEvidence, Product, RuleFinding, WarningContent
from alerts.episodes import Episode, stable_ulid
from alerts.origin_note import OriginNote
from alerts.policy import Policy
from alerts.rules import rule
from pipeline.cities import all_parties
from pipeline.errors import ContractError
from pipeline.names import is_simulated
from pipeline.times import iso, parse_instant

UNDECIDED_LEAD_DAYS = 1
"""An undecided rule is mentioned for today and tomorrow; beyond, most rules cannot be decided anyway."""


@dataclass(frozen=True)
class Frame:
    """What every draft of one run shares."""

    assessment: Assessment
    policy: Policy
    run: RunFacts


def cap_status(run: RunFacts, policy: Policy) -> CapStatus:
    """Return the CAP status: Actual only for live measurements under a policy that all parties agreed to."""
    live = run.mode == "live" and not is_simulated(run.world) and not run.drill
    if live:
        agreed = set(all_parties()) <= set(policy.agreed_by)
        return "Actual" if agreed else "Test"
    return "Exercise"


def warning_id(
    product: Product, episodes: Sequence[Episode], status: CapStatus, closed: Collection[str] = ()
) -> str:
    """Return the id of the warning of a product about these episodes; a further one if the first has ended.

    A drill and a warning in earnest about the same episodes are two warnings. The time of the ULID is that
    of the cycle that opened the youngest episode.
    """
    ids = sorted(e.id for e in episodes)
    opened = parse_instant(max(e.revisions[0].issue_time for e in episodes))
    key = f"{episodes[0].world}|{status}|{product}|{ids}"
    attempt = 0
    while (found := stable_ulid(opened, f"{key}|{attempt}")) in closed:
        attempt += 1
    return found


def outlook(episode: Episode, frame: Frame) -> CityOutlook:
    """Return a city's part of a warning: the episode's extent and every day from today on."""
    city = frame.assessment.city(episode.city)
    return CityOutlook(
        city=episode.city,
        party=episode.party,
        onset=episode.now.begun or episode.now.onset,
        end=episode.now.end,
        peak_day=episode.now.peak_day,
        peak_mean=episode.now.peak_mean,
        days=city.coming if city else (),
        episode_id=episode.id,
        onset_range=episode.now.onset_range,
        end_range=episode.now.end_range,
    )


def draft(
    product: Product,
    episodes: Sequence[Episode],
    links: Sequence[LinkEvidence],
    frame: Frame,
    closed: Collection[str] = (),
) -> WarningContent:
    """Return the content of a first or changed statement; number and references are set when it is filed.

    Raises
    ------
    ContractError
        when its times contradict each other
    """
    cities = tuple(outlook(e, frame) for e in episodes)
    policy = frame.policy
    level = policy.level_id(min(e.now.level for e in episodes)) if product == "joint_warning" else ""
    return _content(
        frame,
        warning_id=warning_id(product, episodes, cap_status(frame.run, policy), closed),
        product=product,
        kind="alert",
        level=level,
        cities=cities,
        links=tuple(links),
        onset=min(c.onset for c in cities),
        expires=_expires(cities, frame),
    )


def all_clear(held: WarningContent, episodes: Sequence[Episode], frame: Frame, reason: str) -> WarningContent:
    """Return the content that ends a warning which is in force; the episodes appear as they ended."""
    by_id = {e.id: e for e in episodes}
    known = tuple(outlook(by_id[c.episode_id], frame) if c.episode_id in by_id else c for c in held.cities)
    issue = frame.run.issue_time
    return _content(
        frame,
        warning_id=held.warning_id,
        product=held.product,
        kind="all_clear",
        level=held.level,
        cities=known,
        links=held.links,
        onset=iso(issue),
        expires=iso(issue + timedelta(hours=frame.policy.expiry.all_clear_hours)),
        reason=reason,
    )


def check_times(content: WarningContent) -> WarningContent:
    """Refuse a content whose times contradict each other; returns it otherwise.

    >>> from alerts.examples import example_content
    >>> check_times(example_content(expires="2026-01-14T04:00:00Z"))
    Traceback (most recent call last):
    ...
    pipeline.errors.ContractError: warning 01KEXAMP0E0000000000000001: onset 2026-01-14T04:00:00Z is not ...
    """
    order = [
        ("onset", content.onset, "expires", content.expires),
        ("issue_time", content.issue_time, "expires", content.expires),
        ("as_of", content.as_of, "review_deadline", content.review_deadline),
        *((f"{c.city} onset", c.onset, "its end", c.end) for c in content.cities),
    ]
    for first, early, second, late in order:
        if parse_instant(early) >= parse_instant(late):
            raise ContractError(
                f"warning {content.warning_id}: {first} {early} is not before {second} {late}"
            )
    if parse_instant(content.review_deadline) > parse_instant(content.expires):
        raise ContractError(f"warning {content.warning_id}: it expires before its review deadline")
    return content


def _content(
    frame: Frame,
    *,
    kind: Kind,
    cities: tuple[CityOutlook, ...],
    product: Product,
    expires: str,
    **rest: object,
) -> WarningContent:
    run = frame.run
    return check_times(
        WarningContent(
            version=1,
            kind=kind,
            product=product,
            cities=cities,
            expires=expires,
            cap_status=cap_status(run, frame.policy),
            world=run.world,
            simulated=is_simulated(run.world),
            parties=tuple(dict.fromkeys(c.party for c in cities)),
            rules=_findings(cities, frame),
            origins=_origins(cities, product, kind, frame),
            run_id=run.run_id,
            issue_time=iso(run.issue_time),
            as_of=iso(run.as_of),
            model_id=run.model_id,
            degraded=run.degraded,
            calibrated=run.calibrated,
            inputs_missing=run.inputs_missing,
            review_deadline=_deadline(frame, expires),
            policy_version=frame.policy.version,
            **rest,  # type: ignore[arg-type]
        )
    )


def _expires(cities: Sequence[CityOutlook], frame: Frame) -> str:
    terms, issue = frame.policy.expiry, frame.run.issue_time
    latest = max(parse_instant(c.end) for c in cities)
    low, high = issue + timedelta(hours=terms.minimum_hours), issue + timedelta(hours=terms.maximum_hours)
    return iso(min(max(latest, low), high))


def _deadline(frame: Frame, expires: str) -> str:
    """Return the policy's deadline, or as many hours after a snapshot that was taken too late for it."""
    policy, run = frame.policy, frame.run
    deadline = policy.review_deadline(run.issue_time)
    if run.as_of >= deadline:
        deadline = run.as_of + timedelta(hours=policy.review.hours_otherwise)
    return iso(min(deadline, parse_instant(expires)))


def _findings(cities: Sequence[CityOutlook], frame: Frame) -> tuple[RuleFinding, ...]:
    here = {c.city: {d.day: d.lead_day for d in c.days} for c in cities}
    return tuple(
        f for city in here for f in frame.assessment.rules_of(city) if _matters(f, here[city], frame)
    )


def _origins(
    cities: Sequence[CityOutlook], product: Product, kind: Kind, frame: Frame
) -> tuple[OriginNote, ...]:
    """Return where the air of the cities comes from: said where both parties sign, of what is expected."""
    if product != "joint_warning" or kind == "all_clear":
        return ()
    known = {note.city: note for note in frame.run.origins}
    return tuple(known[c.city] for c in cities if c.city in known)


def _matters(finding: RuleFinding, lead_days: dict[str, int], frame: Frame) -> bool:
    lead = lead_days.get(finding.day)
    if lead is None:
        return False
    if finding.probability is None:
        return lead <= UNDECIDED_LEAD_DAYS
    harmless = rule(finding.rule, date.fromisoformat(finding.day)).levels[0]
    enough = finding.probability >= frame.policy.findings.minimum_probability
    return finding.level != harmless and enough
