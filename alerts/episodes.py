"""Episodes: runs of exceeding days of one city, followed from one forecast run to the next; pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any, Literal

from ulid import ULID

from alerts.assessment import CityAssessment, RunFacts
from alerts.exceeding_runs import (
    ExceedingRun,
    exceeding_runs,
    extent_ranges,
    level_reached,
    opens,
    peak_probability,
)
from alerts.policy import Policy
from pipeline.times import iso, local_date, local_day_bounds, parse_instant, to_utc

Status = Literal["candidate", "open", "ended", "withdrawn"]
Turn = Literal["new", "continued", "missed", "not_assessed", "ended", "merged", "withdrawn"]


@dataclass(frozen=True)
class EpisodeRevision:
    """What one run says of an episode; times are ISO in UTC, concentrations day means [ug m-3].

    ``level`` is the number of the highest level of the policy that holds, ``probability`` that of its lowest
    threshold on the likeliest day from today on. ``cycles_met`` and ``cycles_missed`` count cycles running.
    """

    run_id: str
    issue_time: str
    turn: Turn
    status: Status
    level: int
    probability: float
    onset: str
    end: str
    peak_day: str
    peak_mean: float
    cycles_met: int
    cycles_missed: int
    onset_range: tuple[str, ...] = ()
    end_range: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> EpisodeRevision:
        """Rebuild a revision from plain data; those of old know no ranges."""
        ranges = {name: tuple(data.get(name, ())) for name in ("onset_range", "end_range")}
        return cls(**{**data, **ranges})


@dataclass(frozen=True)
class Episode:
    """One continuous exceedance of one city, owned by the city's party, with every revision, oldest first."""

    id: str
    world: str
    party: str
    city: str
    quantity: str
    revisions: tuple[EpisodeRevision, ...]

    @property
    def now(self) -> EpisodeRevision:
        """Return the newest revision."""
        return self.revisions[-1]

    @property
    def ledger_state(self) -> Literal["open", "ended", "withdrawn"]:
        """Return the state under which the ledger files it; a candidate is open there, and waits."""
        status = self.now.status
        return "open" if status == "candidate" else status

    def before(self, issue_time: datetime) -> Episode | None:
        """Return the episode as it stood before a cycle, from which a repeated cycle starts again."""
        limit = iso(issue_time)
        known = tuple(r for r in self.revisions if r.issue_time < limit)
        return replace(self, revisions=known) if known else None

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-ready data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Episode:
        """Rebuild an episode from :meth:`to_dict`, also after a trip through JSON."""
        return cls(**{**data, "revisions": tuple(EpisodeRevision.from_dict(r) for r in data["revisions"])})


def follow_episodes(
    city: CityAssessment, earlier: Iterable[Episode], policy: Policy, run: RunFacts
) -> tuple[Episode, ...]:
    """Return the city's episodes after this run: each earlier one revised, and the new ones, by onset.

    A day belongs to an episode when it exceeds the lowest threshold with probability ``keep``; a new episode
    needs a day with probability ``open``. Where a run of days lies less than ``merge_gap_hours`` from
    an earlier episode, it continues that one. An open episode that is missed once lingers at the lowest
    level. Without assessable data every episode stays as it was. When a cycle is repeated, what it opened
    before keeps its id, or is withdrawn if it is not seen again.
    """
    own = [e for e in earlier if e.city == city.city]
    opened = [e for e in own if e.revisions[0].issue_time == iso(run.issue_time)]
    held = [e for e in (x.before(run.issue_time) for x in own) if e is not None]
    held = sorted((e for e in held if e.ledger_state == "open"), key=lambda e: (e.now.onset, e.id))
    if city.not_assessable:
        return tuple(_revise(e, run, turn="not_assessed") for e in held)
    found: list[Episode] = []
    for days in exceeding_runs(city, policy):
        if not any(d.lead_day >= 0 for d in days.days):
            continue
        matching = [e for e in held if _gap_hours(e.now, days) < policy.persistence.merge_gap_hours]
        held = [e for e in held if e not in matching]
        signal = any(opens(day, city.city, 1, policy) for day in days.days)
        if matching or signal:
            now = _continued(matching[0] if matching else None, days, city, policy, run)
            found.append(now if matching else _same_again(now, opened, found, days, policy))
        found += [_revise(e, run, turn="merged", status="ended") for e in matching[1:]]
    found += [_not_found(e, city, policy, run) for e in held]
    found += [_unsaid(e, run) for e in opened if e.id not in {x.id for x in found}]
    return tuple(sorted(found, key=lambda e: (e.now.onset, e.id)))


def episode_id(city: CityAssessment, run: RunFacts, onset: datetime) -> str:
    """Return the id of an episode that a cycle opens; the same cycle always gives the same id."""
    key = f"{run.world}|{iso(run.issue_time)}|{city.city}|pm2p5|{iso(onset)}"
    return f"{city.party}-{stable_ulid(run.issue_time, key)}"


def stable_ulid(when: datetime, key: str) -> str:
    """Return a ULID (48 bit of time, 80 bit random) whose random part is a digest of ``key``.

    >>> stable_ulid(parse_instant("2026-01-14T08:00Z"), "a")
    '01KEXR9J00...'
    """
    stamp = int(to_utc(when).timestamp() * 1000).to_bytes(6, "big")
    return str(ULID(stamp + hashlib.sha256(key.encode()).digest()[:10]))


def _continued(
    before: Episode | None, days: ExceedingRun, city: CityAssessment, policy: Policy, run: RunFacts
) -> Episode:
    thresholds, last = policy.thresholds(city.city), before.now if before else None
    probability = peak_probability(days.days, thresholds[0])
    signal = any(opens(day, city.city, 1, policy) for day in days.days)
    met = (last.cycles_met if last else 0) + 1 if signal else 0
    is_open = (last is not None and last.status == "open") or (signal and _persists(days, met, city, policy))
    status: Status = "open" if is_open else "candidate" if signal else "withdrawn"
    peak = max(days.days, key=lambda d: d.mean)
    onset_range, end_range = extent_ranges(days, city, policy)
    now = EpisodeRevision(
        run_id=run.run_id,
        issue_time=iso(run.issue_time),
        turn="withdrawn" if status == "withdrawn" else "continued" if before else "new",
        status=status,
        level=level_reached(days.days, city.city, policy, last.level if last and is_open else 0),
        probability=probability,
        onset=iso(days.onset),
        end=iso(days.end),
        peak_day=peak.day,
        peak_mean=peak.mean,
        cycles_met=met,
        cycles_missed=0,
        onset_range=onset_range,
        end_range=end_range,
    )
    if before is None or last is None:
        fresh = episode_id(city, run, days.onset)
        return Episode(fresh, run.world, city.party, city.city, "pm2p5", (now,))
    return replace(before, revisions=(*before.revisions, _with_past(now, last, city)))


def _same_again(
    new: Episode, opened: Sequence[Episode], found: Sequence[Episode], days: ExceedingRun, policy: Policy
) -> Episode:
    """Give an episode the id under which an earlier attempt at the same cycle opened it, if one did."""
    free = [e for e in opened if e.id not in {x.id for x in found}]
    near = [e for e in free if _gap_hours(e.revisions[0], days) < policy.persistence.merge_gap_hours]
    same = [e for e in near if e.id == new.id] or near
    return replace(new, id=same[0].id) if same else new


def _unsaid(episode: Episode, run: RunFacts) -> Episode:
    """Withdraw what an earlier attempt at the same cycle opened and its repeat does not see."""
    first = replace(episode.revisions[0], run_id=run.run_id, turn="withdrawn", status="withdrawn")
    return replace(episode, revisions=(first,))


def _with_past(now: EpisodeRevision, last: EpisodeRevision, city: CityAssessment) -> EpisodeRevision:
    """Keep onset and peak of days that lie before the window of this run."""
    window = local_day_bounds(date.fromisoformat(city.days[0].day), city.timezone)[0]
    if parse_instant(last.onset) < window:
        now = replace(now, onset=last.onset, onset_range=(last.onset,) * 2 if now.onset_range else ())
    if last.peak_day < city.days[0].day and last.peak_mean > now.peak_mean:
        now = replace(now, peak_day=last.peak_day, peak_mean=last.peak_mean)
    return now


def _persists(days: ExceedingRun, met: int, city: CityAssessment, policy: Policy) -> bool:
    terms, lowest = policy.persistence, str(policy.thresholds(city.city)[0])
    near = any(opens(d, city.city, 1, policy) and d.lead_day <= terms.immediate_lead_days for d in days.days)
    strong = peak_probability(days.days, int(lowest)) >= terms.immediate_probability
    return near or strong or met >= terms.cycles_to_open


def _not_found(episode: Episode, city: CityAssessment, policy: Policy, run: RunFacts) -> Episode:
    """Revise an episode of which this run sees no day from today on."""
    last = episode.now
    if last.status == "candidate":
        return _revise(episode, run, turn="withdrawn", status="withdrawn")
    today = local_day_bounds(local_date(run.issue_time, city.timezone), city.timezone)[0]
    missed = last.cycles_missed + 1
    if parse_instant(last.end) <= today or missed >= policy.persistence.cycles_to_end:
        return _revise(episode, run, turn="ended", status="ended", missed=missed)
    return _revise(episode, run, turn="missed", missed=missed, level=1)


def _revise(
    episode: Episode,
    run: RunFacts,
    *,
    turn: Turn,
    status: Status | None = None,
    missed: int | None = None,
    level: int | None = None,
) -> Episode:
    last = episode.now
    now = replace(
        last,
        run_id=run.run_id,
        issue_time=iso(run.issue_time),
        turn=turn,
        status=status or last.status,
        level=last.level if level is None else level,
        cycles_missed=last.cycles_missed if missed is None else missed,
    )
    return replace(episode, revisions=(*episode.revisions, now))


def _gap_hours(said: EpisodeRevision, days: ExceedingRun) -> float:
    onset, end = parse_instant(said.onset), parse_instant(said.end)
    return max((days.onset - end).total_seconds(), (onset - days.end).total_seconds()) / 3600
