"""How alarms compare with what was measured: hits, misses, false alarms, lead, hours over-warned; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from statistics import mean
from typing import Any, Final, Literal, get_args

from alerts.policy_play import Alarm, Said
from pipeline.times import HOUR, iso, local_date, local_day_bounds

Outcome = Literal["hit", "late", "missed", "false alarm", "not measured"]
OUTCOMES: Final[tuple[Outcome, ...]] = get_args(Outcome)


@dataclass(frozen=True)
class Verdict:
    """One measured episode, or one alarm in vain.

    ``lead_hours`` is the measured onset minus the first issue that spoke of any of its hours [h]: below 0
    where it had begun, None without a warning. ``highest`` is the highest measured day mean [ug m-3].
    ``measures`` tells that emission-cutting measures ran on one of its days, so that what was measured is not
    what would have been: a false alarm stays one, and is marked.
    """

    city: str
    outcome: Outcome
    onset: str
    end: str
    first_issue: str
    lead_hours: float | None
    highest: float | None
    measures: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-ready data."""
        return asdict(self)


@dataclass(frozen=True)
class Score:
    """A season of one city: counts of episodes and alarms, hours [h], mean lead of the warned ones [h].

    ``over_warned`` are hours with a warning in force on days measured at or below the threshold,
    ``under_warned`` hours of days above it without; ``reversals`` counts how often a cycle took back, or
    gave again, what earlier ones had said of a day that had not begun. ``false_with_measures`` are false
    alarms on whose days measures ran.
    """

    city: str
    alarms: int
    episodes: int
    hits: int
    late: int
    missed: int
    false_alarms: int
    not_measured: int
    lead_hours: float | None
    warned: float
    over_warned: float
    under_warned: float
    reversals: int
    false_with_measures: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-ready data."""
        return asdict(self)


@dataclass(frozen=True)
class Measured:
    """Day means of one city [ug m-3] by local day, what counts as an exceedance, and days with measures."""

    city: str
    timezone: str
    threshold: float
    merge_gap_hours: int
    means: Mapping[date, float]
    measures: frozenset[date] = frozenset()

    def bounds(self, day: date) -> tuple[datetime, datetime]:
        """Return where a local day begins and ends [UTC]."""
        return local_day_bounds(day, self.timezone)

    def runs(self) -> list[list[date]]:
        """Return the days above the threshold, in episodes."""
        found: list[list[date]] = []
        for day in sorted(d for d, value in self.means.items() if value > self.threshold):
            gap = timedelta(hours=self.merge_gap_hours)
            if found and self.bounds(day)[0] - self.bounds(found[-1][-1])[1] < gap:
                found[-1].append(day)
            else:
                found.append([day])
        return found


def verdicts(alarms: Sequence[Alarm], measured: Measured) -> tuple[Verdict, ...]:
    """Judge every measured episode, and every alarm that spoke of none, by onset.

    An episode is a hit when an alarm spoke of any of its hours before it began, without taking that back by
    then, and late when it had begun. An alarm that spoke of no measured exceedance is false; where a day that
    it spoke of was not measured, and none exceeded, nothing is known.
    """
    mine = [a for a in alarms if a.city == measured.city]
    runs = measured.runs()
    found = [_of_run(run, mine, measured) for run in runs]
    spans = [(measured.bounds(run[0])[0], measured.bounds(run[-1])[1]) for run in runs]
    for alarm in mine:
        if not any(_speaks(said, *span) for said in alarm.said for span in spans):
            found.append(_in_vain(alarm, measured))
    return tuple(sorted(found, key=lambda v: (v.onset, v.first_issue)))


def score(alarms: Sequence[Alarm], measured: Measured, *, with_measures: bool = True) -> Score:
    """Count the verdicts of one city and its hours in force; see :class:`Score`.

    Parameters
    ----------
    with_measures : whether episodes, alarms and days count on which emission-cutting measures ran
    """
    found = [v for v in verdicts(alarms, measured) if with_measures or not v.measures]
    means = {d: v for d, v in measured.means.items() if with_measures or d not in measured.measures}
    mine = [a for a in alarms if a.city == measured.city]
    count = {word: sum(v.outcome == word for v in found) for word in OUTCOMES}
    leads = [v.lead_hours for v in found if v.lead_hours is not None and v.outcome in ("hit", "late")]
    every = _hours_in_force(mine, measured)
    hours = {day: every.get(day, 0.0) for day in means}
    above = [day for day, value in means.items() if value > measured.threshold]
    length = sum((measured.bounds(d)[1] - measured.bounds(d)[0]) / HOUR for d in above)
    well = sum(hours[d] for d in above)
    return Score(
        city=measured.city,
        alarms=len(mine) if with_measures else len(mine) - _apart(mine, measured),
        episodes=count["hit"] + count["late"] + count["missed"],
        hits=count["hit"],
        late=count["late"],
        missed=count["missed"],
        false_alarms=count["false alarm"],
        not_measured=count["not measured"],
        lead_hours=round(mean(leads), 1) if leads else None,
        warned=sum(hours.values()),
        over_warned=sum(hours.values()) - well,
        under_warned=length - well,
        reversals=sum(_reversals(mine, *measured.bounds(day)) for day in means),
        false_with_measures=sum(v.outcome == "false alarm" and v.measures for v in found),
    )


def _apart(alarms: Sequence[Alarm], measured: Measured) -> int:
    """Count the alarms that ever spoke of a day on which measures ran."""
    spans = [measured.bounds(day) for day in measured.measures]
    return sum(any(_speaks(said, *span) for said in alarm.said for span in spans) for alarm in alarms)


def _of_run(run: Sequence[date], alarms: Sequence[Alarm], measured: Measured) -> Verdict:
    onset, end = measured.bounds(run[0])[0], measured.bounds(run[-1])[1]
    first = _first_issue([s for a in alarms for s in a.said if _speaks(s, onset, end)], onset)
    outcome: Outcome = "missed" if first is None else "hit" if first <= onset else "late"
    return Verdict(
        measured.city,
        outcome,
        iso(onset),
        iso(end),
        iso(first) if first else "",
        (onset - first) / HOUR if first else None,
        max(measured.means[day] for day in run),
        not measured.measures.isdisjoint(run),
    )


def _first_issue(told: Sequence[Said], onset: datetime) -> datetime | None:
    """Return since when an episode was spoken of without a break up to its onset, else the first issue after.

    What was taken back before the episode began warned of nothing.
    """
    told = sorted(told, key=lambda said: said.at)
    first = next((s.at for s in told if s.at <= onset < s.until), None)
    if first is None:
        return next((s.at for s in told if s.at > onset), None)
    for said in reversed([s for s in told if s.at < first]):
        first = said.at if said.until >= first else first
    return first


def _in_vain(alarm: Alarm, measured: Measured) -> Verdict:
    first, end = alarm.said[0], max(s.end for s in alarm.said)
    half = timedelta(hours=12)
    onset = min(s.onset for s in alarm.said)
    days = [onset + (2 * n + 1) * half for n in range(round((end - onset) / HOUR) // 24)]
    days = [middle for middle in days if middle + half > first.at]
    values = [v for d, v in measured.means.items() if any(_within(at, *measured.bounds(d)) for at in days)]
    outcome: Outcome = "false alarm" if len(values) == len(days) else "not measured"
    highest = max(values, default=None)
    marked = any(local_date(at, measured.timezone) in measured.measures for at in days)
    return Verdict(
        measured.city, outcome, iso(days[0] - half), iso(end), iso(first.at), None, highest, marked
    )


def _within(at: datetime, start: datetime, end: datetime) -> bool:
    return start <= at < end


def _speaks(said: Said, start: datetime, end: datetime) -> bool:
    """Tell whether a statement, made before a time is over, covers part of it."""
    return said.onset < end and start < said.end and said.at < end


def _hours_in_force(alarms: Sequence[Alarm], measured: Measured) -> dict[date, float]:
    """Return the hours of each local day at which a warning that covers them was out."""
    hours: dict[date, float] = {}
    for said in (s for a in alarms for s in a.said):
        begin, over = max(said.at, said.onset), min(said.until, said.end)
        day = local_date(begin, measured.timezone)
        while begin < over:
            end = min(over, measured.bounds(day)[1])
            hours[day] = hours.get(day, 0.0) + (end - begin) / HOUR
            begin, day = end, day + timedelta(days=1)
    return hours


def _reversals(alarms: Sequence[Alarm], start: datetime, end: datetime) -> int:
    """Count the changes between warned and not warned of a day before it began, after the first warning."""
    stretches = sorted((s.at, s.until) for a in alarms for s in a.said if _speaks(s, start, end))
    before = [(at, min(until, start)) for at, until in stretches if at < start]
    gaps = sum(later > earlier for (_, earlier), (later, _) in pairwise(before))
    taken_back = bool(before) and max(until for _, until in before) < start
    return 2 * gaps + taken_back
