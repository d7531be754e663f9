"""Following episodes from one forecast run to the next: continued, merged, split, ended; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from alerts.assessment import CityAssessment, RunFacts
from alerts.episodes import Episode, EpisodeRevision, Status, Turn, episode_id
from alerts.exceeding_runs import (
    ExceedingRun,
    exceeding_runs,
    extent_ranges,
    level_reached,
    opens,
    peak_probability,
)
from alerts.policy import Policy
from pipeline.times import iso, local_date, local_day_bounds, parse_instant


@dataclass(frozen=True)
class _Seen:
    """What one run sees of one city."""

    city: CityAssessment
    policy: Policy
    run: RunFacts

    @property
    def window(self) -> datetime:
        """Return where the first day begins of which the run knows."""
        return local_day_bounds(date.fromisoformat(self.city.days[0].day), self.city.timezone)[0]

    def is_signal(self, days: ExceedingRun) -> bool:
        """Tell whether a day from today on opens the lowest level."""
        return any(opens(day, self.city.city, 1, self.policy) for day in days.days)

    def is_near(self, said: EpisodeRevision, days: ExceedingRun) -> bool:
        """Tell whether a run of days lies less than the policy's gap from what was said of an episode."""
        return _gap_hours(said, days) < self.policy.persistence.merge_gap_hours

    def clean_between(self, end: datetime, onset: datetime) -> bool:
        """Tell whether the time between two runs of days is a gap of assessed days."""
        if onset - end < timedelta(hours=self.policy.persistence.merge_gap_hours):
            return False
        unknown = (
            local_day_bounds(date.fromisoformat(d), self.city.timezone) for d in self.city.missing_days
        )
        return not any(end <= start < onset for start, _ in unknown)


@dataclass
class _Following:
    """Episodes of one city while the runs of days are gone through, by onset."""

    held: list[Episode]
    found: list[Episode] = field(default_factory=list)
    taken: list[Episode] = field(default_factory=list)
    over: dict[str, datetime] = field(default_factory=dict)


def follow_episodes(
    city: CityAssessment, earlier: Iterable[Episode], policy: Policy, run: RunFacts
) -> tuple[Episode, ...]:
    """Return the city's episodes after this run: each earlier one revised, and the new ones, by onset.

    A day belongs to an episode when it exceeds the lowest threshold with the probability that keeps it; a new
    episode needs a day with the probability that opens it. Where a run of days lies less than
    ``merge_gap_hours`` from an earlier episode, it continues that one; of several the open one that began
    first, and the others merge into it. Where the middle of an open episode falls away, the id stays with its
    first part, and every later part that had been spoken of becomes an episode of its own that needs no
    second cycle. An open episode that is missed once lingers at the lowest level. Without assessable data
    every episode stays as it was. When a cycle is repeated, what it opened before keeps its id, or is
    withdrawn if it is not seen again.
    """
    own = [e for e in earlier if e.city == city.city]
    opened = [e for e in own if e.revisions[0].issue_time == iso(run.issue_time)]
    known = [e for e in (x.before(run.issue_time) for x in own) if e is not None]
    held = sorted((e for e in known if e.ledger_state == "open"), key=lambda e: (e.now.onset, e.id))
    if city.not_assessable:
        return tuple(_revise(e, run, turn="not_assessed") for e in held)
    seen, state = _Seen(city, policy, run), _Following(held)
    runs = exceeding_runs(city, policy)
    past = [r for r in runs if not r.coming]
    for days in (r for r in runs if r.coming):
        _place(days, past, state, seen, opened)
    left = [e for e in held if e not in state.taken]
    found = [*state.found, *(_not_found(e, seen, state.over.get(e.id)) for e in left)]
    found += [_unsaid(e, run) for e in opened if e.id not in {x.id for x in found}]
    return tuple(sorted(found, key=lambda e: (e.now.onset, e.id)))


def _place(
    days: ExceedingRun,
    past: Sequence[ExceedingRun],
    state: _Following,
    seen: _Seen,
    opened: Sequence[Episode],
) -> None:
    """Let a run of coming days continue, merge, split off or open an episode."""
    near = [e for e in state.held if e not in state.taken and seen.is_near(e.now, days)]
    begun = {e.id: end for e in near if (end := _earlier_part(e.now, days, past, seen)) is not None}
    matching = sorted((e for e in near if e.id not in begun), key=lambda e: e.now.status != "open")
    spoken = [e for e in (*state.taken, *near) if e.now.status == "open" and _gap_hours(e.now, days) < 0]
    if matching:
        state.taken += matching
        state.found.append(_continued(matching[0], days, seen, absorbed=matching[1:]))
        for other in matching[1:]:
            state.found.append(
                _revise(other, seen.run, turn="merged", status="ended", merged_into=matching[0].id)
            )
    elif spoken or seen.is_signal(days):
        new = _opened(days, seen, spoken[0] if spoken else None)
        state.found.append(_same_again(new, opened, state.found, days, seen))
        state.over |= {e.id: begun[e.id] for e in spoken[:1] if e.id in begun}


def _earlier_part(
    said: EpisodeRevision, days: ExceedingRun, past: Sequence[ExceedingRun], seen: _Seen
) -> datetime | None:
    """Return where the part of an episode ended that is over, if clean days part it from a run of days."""
    ends = [p.end for p in past if _gap_hours(said, p) < 0]
    if not ends and parse_instant(said.onset) < seen.window:
        ends = [seen.window]
    return ends[-1] if ends and seen.clean_between(ends[-1], days.onset) else None


def _continued(before: Episode, days: ExceedingRun, seen: _Seen, absorbed: Sequence[Episode]) -> Episode:
    last = before.now
    merged = [i for e in absorbed for i in (e.id, *e.now.merged_from)]
    now = replace(
        _revision(days, seen, last),
        split_from=last.split_from,
        merged_from=tuple(dict.fromkeys((*last.merged_from, *merged))),
    )
    return replace(before, revisions=(*before.revisions, _with_past(now, last, seen)))


def _opened(days: ExceedingRun, seen: _Seen, parent: Episode | None) -> Episode:
    """Return a new episode, or the part of an open one that needs no persistence of its own."""
    now = _revision(days, seen, parent.now if parent else None)
    turn: Turn = "split" if parent else "new"
    now = replace(now, turn=turn, split_from=parent.id if parent else "")
    fresh = episode_id(seen.city, seen.run, days.onset)
    return Episode(fresh, seen.run.world, seen.city.party, seen.city.city, "pm2p5", (now,))


def _revision(days: ExceedingRun, seen: _Seen, last: EpisodeRevision | None) -> EpisodeRevision:
    """Return what a run of days says of an episode that stood as ``last``."""
    city, policy = seen.city, seen.policy
    signal = seen.is_signal(days)
    met = (last.cycles_met if last else 0) + 1 if signal else 0
    is_open = (last is not None and last.status == "open") or (signal and _persists(days, met, seen))
    status: Status = "open" if is_open else "candidate" if signal else "withdrawn"
    peak = max(days.days, key=lambda d: d.mean)
    onset_range, end_range = extent_ranges(days, city, policy)
    begun = city.begun.get(days.days[0].day, "")
    return EpisodeRevision(
        run_id=seen.run.run_id,
        issue_time=iso(seen.run.issue_time),
        turn="withdrawn" if status == "withdrawn" else "continued",
        status=status,
        level=level_reached(days.days, city.city, policy, last.level if last and is_open else 0),
        probability=peak_probability(days.days, policy.thresholds(city.city)[0]),
        onset=iso(days.onset),
        end=iso(days.end),
        peak_day=peak.day,
        peak_mean=peak.mean,
        cycles_met=met,
        cycles_missed=0,
        onset_range=(begun, begun) if begun and onset_range else onset_range,
        end_range=end_range,
        begun=begun,
    )


def _same_again(
    new: Episode, opened: Sequence[Episode], found: Sequence[Episode], days: ExceedingRun, seen: _Seen
) -> Episode:
    """Give an episode the id under which an earlier attempt at the same cycle opened it, if one did."""
    free = [e for e in opened if e.id not in {x.id for x in found}]
    near = [e for e in free if seen.is_near(e.revisions[0], days)]
    same = [e for e in near if e.id == new.id] or near
    return replace(new, id=same[0].id) if same else new


def _unsaid(episode: Episode, run: RunFacts) -> Episode:
    """Withdraw what an earlier attempt at the same cycle opened and its repeat does not see."""
    first = replace(episode.revisions[0], run_id=run.run_id, turn="withdrawn", status="withdrawn")
    return replace(episode, revisions=(first,))


def _with_past(now: EpisodeRevision, last: EpisodeRevision, seen: _Seen) -> EpisodeRevision:
    """Keep onset and peak of days that lie before the window of this run."""
    if parse_instant(last.onset) < seen.window:
        onset = last.begun or last.onset
        sure = (onset, onset) if now.onset_range else ()
        now = replace(now, onset=last.onset, begun=last.begun, onset_range=sure)
    first = seen.city.days[0].day
    if last.peak_day < first and last.peak_mean > now.peak_mean:
        now = replace(now, peak_day=last.peak_day, peak_mean=last.peak_mean)
    return now


def _persists(days: ExceedingRun, met: int, seen: _Seen) -> bool:
    terms, city_id = seen.policy.persistence, seen.city.city
    near = any(
        opens(d, city_id, 1, seen.policy) and d.lead_day <= terms.immediate_lead_days for d in days.days
    )
    lowest = seen.policy.thresholds(city_id)[0]
    strong = peak_probability(days.days, lowest) >= terms.immediate_probability
    return near or strong or met >= terms.cycles_to_open


def _not_found(episode: Episode, seen: _Seen, over: datetime | None) -> Episode:
    """Revise an episode of which this run sees no day from today on, or whose rest has split off."""
    last, run = episode.now, seen.run
    if over is not None:
        ended = _revise(episode, run, turn="ended", status="ended")
        now = replace(ended.now, end=iso(over), end_range=(iso(over),) * len(last.end_range))
        return replace(ended, revisions=(*ended.revisions[:-1], now))
    if last.status == "candidate":
        return _revise(episode, run, turn="withdrawn", status="withdrawn")
    zone = seen.city.timezone
    today = local_day_bounds(local_date(run.issue_time, zone), zone)[0]
    missed = last.cycles_missed + 1
    if parse_instant(last.end) <= today or missed >= seen.policy.persistence.cycles_to_end:
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
    merged_into: str = "",
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
        merged_into=merged_into,
    )
    return replace(episode, revisions=(*episode.revisions, now))


def _gap_hours(said: EpisodeRevision, days: ExceedingRun) -> float:
    onset, end = parse_instant(said.onset), parse_instant(said.end)
    return max((days.onset - end).total_seconds(), (onset - days.end).total_seconds()) / 3600
