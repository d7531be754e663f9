"""Which episodes a dossier is owed for: those that were measured, and those that were warned of in vain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Final

import pandas as pd

from alerts.episode_scores import Measured
from alerts.policy import Policy
from flows.assess import policy_of
from flows.workspace import Workspace
from forecasting.verification.pairs import day_means_by_number
from forecasting.verify import observed_truth
from pipeline.cities import City, all_cities
from pipeline.ledger.episodes import EpisodeRow, list_episodes
from pipeline.ledger.runs import newest_current_run
from pipeline.names import is_simulated
from pipeline.season import calendar_of
from pipeline.series import load_panel
from pipeline.times import local_date, local_day_bounds, parse_instant

AFTER: Final = timedelta(days=1)
"""A measured episode has ended once the day after its last one is over, and was not above."""

AROUND: Final = timedelta(days=45)
"""Before and after the time asked for so much is read: an episode keeps its first and last day."""

OPENED: Final = ("open", "ended")
EPOCH: Final = date(1970, 1, 1)


@dataclass(frozen=True)
class Subject:
    """An episode of one city that has ended, [onset, end) in UTC; ``episodes`` are those of the ledger."""

    id: str
    world: str
    city: str
    party: str
    first: date
    last: date
    onset: datetime
    end: datetime
    observed: bool
    episodes: tuple[str, ...]
    threshold: int

    def due(self, within: timedelta) -> datetime:
        """Return by when its dossier is due [UTC]."""
        return self.end + within

    @property
    def days(self) -> tuple[date, ...]:
        """Return its local days."""
        return tuple(self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1))


def subject_id(city: str, first: date) -> str:
    """Return the name of a city's episode that begins on a local day.

    >>> subject_id("seoul", date(2019, 3, 3))
    'seoul-20190303'
    """
    return f"{city}-{first:%Y%m%d}"


def subjects_of(
    ws: Workspace, world: str, since: datetime, until: datetime, as_of: datetime
) -> tuple[Subject, ...]:
    """Return the episodes that ended and overlap [since, until), by what was known at an instant.

    An episode of the ledger that overlaps a measured one belongs to it; one that overlaps none was warned of
    in vain and is told alone. One that never left the state of a candidate is none.
    """
    policy = policy_of(ws)
    means = measured_days(ws, world, since - AROUND, min(until + AROUND, as_of), as_of)
    with ws.ledger.read() as conn:
        told = [row for row in list_episodes(conn, world) if _span(row, as_of) is not None]
    found: list[Subject] = []
    for city in all_cities().values():
        mine = [row for row in told if row.city == city.id]
        found += _of_city(city, policy, means.get(city.id, {}), mine, (world, as_of))
    asked = (one for one in found if one.onset < until and since < one.end)
    return tuple(sorted(asked, key=lambda one: (one.onset, one.id)))


def present_in(ws: Workspace, world: str) -> datetime:
    """Return the present of a world: the clock, of a simulated one the snapshot of its newest run."""
    if not is_simulated(world):
        return ws.clock()
    with ws.ledger.read() as conn:
        newest = newest_current_run(conn, world)
    return ws.clock() if newest is None else newest.as_of


def within_of(ws: Workspace) -> timedelta:
    """Return within how long after an episode its dossier is due."""
    return calendar_of(ws.settings.season_file).rhythm.dossier


def measured_days(
    ws: Workspace, world: str, start: datetime, end: datetime, as_of: datetime
) -> Mapping[str, Mapping[date, float]]:
    """Return the measured means of the local days that were over, by city [ug m-3]."""
    cities = [
        replace(c, series=tuple(s for s in c.series if s.role == "reference")) for c in all_cities().values()
    ]
    first, last = start - timedelta(days=2), end + timedelta(days=3)
    panel = load_panel(ws.store, cities, world, start=first, end=last, as_of=as_of, around=False)
    cities = [c for c in cities if f"{c.id}.pm2p5.reference" in panel]
    if not cities:
        return {}
    truth = observed_truth(panel, cities, start=start, end=end, as_of=as_of, quantity="pm2p5")
    over = truth[truth["valid_end"] <= as_of]
    return {
        city.id: {
            EPOCH + timedelta(days=number): value
            for number, value in _pairs(day_means_by_number(over, city.id))
        }
        for city in cities
    }


def _pairs(means: pd.Series) -> Iterator[tuple[int, float]]:
    yield from zip(means.index.tolist(), means.tolist(), strict=True)


def _of_city(
    city: City,
    policy: Policy,
    means: Mapping[date, float],
    told: Sequence[EpisodeRow],
    known: tuple[str, datetime],
) -> Iterator[Subject]:
    world, as_of = known
    threshold = policy.thresholds(city.id)[0]
    side = Measured(city.id, city.timezone, threshold, policy.persistence.merge_gap_hours, means)
    left = list(told)
    for run in side.runs():
        onset, end = side.bounds(run[0])[0], side.bounds(run[-1])[1]
        mine = [row for row in left if _overlaps(row, onset, end, as_of)]
        left = [row for row in left if row not in mine]
        if end + AFTER <= as_of:
            ids = tuple(row.id for row in mine)
            yield _subject(city, world, (run[0], run[-1]), ids, threshold, observed=True)
    for row in left:
        span = _span(row, as_of)
        if span is not None and span[1] + AFTER <= as_of:
            days = (local_date(span[0], city.timezone), _last_day(span[1], city))
            yield _subject(city, world, days, (row.id,), threshold, observed=False)


def _subject(
    city: City,
    world: str,
    days: tuple[date, date],
    episodes: tuple[str, ...],
    threshold: int,
    *,
    observed: bool,
) -> Subject:
    first, last = days
    return Subject(
        subject_id(city.id, first),
        world,
        city.id,
        city.party,
        first,
        last,
        local_day_bounds(first, city.timezone)[0],
        local_day_bounds(last, city.timezone)[1],
        observed,
        episodes,
        threshold,
    )


def _last_day(end: datetime, city: City) -> date:
    return local_date(end - timedelta(seconds=1), city.timezone)


def _span(row: EpisodeRow, as_of: datetime) -> tuple[datetime, datetime] | None:
    """Return what an episode spanned when it was last open by an instant; None if it never was."""
    opened: list[Mapping[str, Any]] = [
        r
        for r in row.details["revisions"]
        if r["status"] in OPENED and parse_instant(r["issue_time"]) <= as_of
    ]
    if not opened:
        return None
    last = next((r for r in reversed(opened) if r["status"] == "open"), opened[-1])
    return parse_instant(last["onset"]), parse_instant(last["end"])


def _overlaps(row: EpisodeRow, onset: datetime, end: datetime, as_of: datetime) -> bool:
    span = _span(row, as_of)
    return span is not None and span[0] < end and onset < span[1]
