"""The desk as plain data: one world, now or as it stood at an instant. The page only writes it down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from alerts.policy import Policy, load_policy
from alerts.scales import Scale, national_scale
from alerts.versions import IN_FORCE
from pipeline.cities import City, all_cities
from pipeline.ledger import Ledger
from pipeline.ledger.episodes import EpisodeRow, open_episodes
from pipeline.ledger.runs import RunRow, runs_known
from pipeline.ledger.warnings import VersionRow
from pipeline.names import is_simulated
from pipeline.observations import ObservationStore
from pipeline.settings import Settings
from pipeline.storage.opening import OBSERVATIONS, stored_in
from pipeline.times import Clock, latest_cycle, local_date
from review.desk.air import CityAir, airs_of
from review.desk.doubt import Doubt
from review.desk.grounds import Basis, Case, case_of, largest_doubt, strongest_ground
from review.desk.kept import Kept
from review.desk.known import Present, current_of_each_cycle, ledger_mark, present_of, versions_known
from review.desk.pending import Pending, pending_versions
from review.desk.run_forecast import CityForecast, forecast_of
from review.desk.sources import Sources, sources_of

RUNS_LOOKED_AT: Final = 24
CYCLE_HOURS: Final = 6
SCALES: Final = ("kr", "cn")
Mark = tuple[object, ...]


@dataclass(frozen=True)
class OpenEpisode:
    """An open episode, and the text about it: what waits for a decision, and what is in force."""

    row: EpisodeRow
    pending: Pending | None
    forced: VersionRow | None


@dataclass(frozen=True)
class CityView:
    """One city: air, forecast, both national scales, open episodes; ``assessable`` by the policy."""

    city: City
    air: CityAir
    forecast: CityForecast
    scales: dict[str, Scale]
    episodes: tuple[OpenEpisode, ...]
    assessable: bool


@dataclass(frozen=True)
class DeskView:
    """Everything on the desk of a world at an instant.

    Parameters
    ----------
    run, last : the run that counts, and the last attempt
    pending : what waits for a decision, the nearest deadline first
    cases : of the first of them, else of the strongest signal there is
    cycles_behind : cycles due since the run that counts
    mark : changes whenever the ledger says something new
    is_now : whether it is the present of the world, not a past instant of it
    """

    world: str
    simulated: bool
    present: Present
    policy: Policy
    run: RunRow | None
    last: RunRow | None
    pending: tuple[Pending, ...]
    forced: tuple[VersionRow, ...]
    cases: tuple[Case, ...]
    cities: tuple[CityView, ...]
    sources: Sources
    cycles_behind: int
    mark: Mark
    is_now: bool = True

    @property
    def question(self) -> Pending | None:
        """Return what is to be decided first, None where nothing waits."""
        return self.pending[0] if self.pending else None

    @property
    def doubt(self) -> tuple[Case, Doubt] | None:
        """Return the largest reason to doubt, with the case that it is about."""
        return largest_doubt(self.cases)

    @property
    def next_cycle(self) -> datetime:
        """Return when the next cycle is due."""
        return latest_cycle(self.present.at) + timedelta(hours=CYCLE_HOURS)

    @property
    def failed(self) -> bool:
        """Tell whether the last attempt at a cycle failed."""
        return self.last is not None and self.last.status == "failed"


class DeskReader:
    """Reads desks; what was read is kept as long as the ledger says the same."""

    def __init__(self, settings: Settings, ledger: Ledger, clock: Clock) -> None:
        self.settings, self.ledger, self.clock = settings, ledger, clock
        self.store = ObservationStore(stored_in(settings, OBSERVATIONS), ledger, clock)
        self.airs: Kept[tuple[CityAir, ...]] = Kept(most=24)
        self.views: Kept[DeskView] = Kept(most=24)
        self.pages: Kept[str] = Kept(most=128)

    def desk(self, world: str, as_of: datetime | None = None) -> DeskView:
        """Return the desk of a world now, or as it stood at an instant of that world."""
        with self.ledger.read() as conn:
            present, mark = present_of(conn, world, self.clock(), as_of), ledger_mark(conn)
        minute = present.at.replace(second=0, microsecond=0)
        return self.views.get(
            (world, as_of, minute, *mark), lambda: self._read(world, present, mark, is_now=as_of is None)
        )

    def _read(self, world: str, present: Present, mark: Mark, *, is_now: bool) -> DeskView:
        airs = self._airs(world, present.at, mark)
        with self.ledger.read() as conn:
            view = build_desk(conn, self.settings, world, present, airs, mark)
        return replace(view, is_now=is_now)

    def _airs(self, world: str, at: datetime, mark: Mark) -> tuple[CityAir, ...]:
        """Return the cities' air; read anew when a batch came, and every ten minutes for what is assumed."""
        tenth = at.replace(minute=at.minute // 10 * 10, second=0, microsecond=0)
        cities = tuple(all_cities().values())
        return self.airs.get((world, tenth, mark[1]), lambda: airs_of(self.store, cities, world, at))


def build_desk(
    conn: Connection,
    settings: Settings,
    world: str,
    present: Present,
    airs: tuple[CityAir, ...],
    mark: Mark,
) -> DeskView:
    """Return the desk of a world at an instant from the ledger, stored runs, and the cities' air."""
    at, policy = present.at, policy_of(settings.policy_file)
    known = runs_known(conn, world, at, RUNS_LOOKED_AT)
    counting = current_of_each_cycle(known)
    run = counting[0] if counting else None
    versions = versions_known(conn, world, at)
    pending = pending_versions(conn, versions, policy, present)
    forced = tuple(v for v in versions if v.state in IN_FORCE and v.expires >= at)
    forecast = forecast_of(run, settings)
    behind = int((latest_cycle(at) - run.cycle) / timedelta(hours=CYCLE_HOURS)) if run is not None else 0
    basis = Basis(settings, policy, counting, forecast, {air.city: air for air in airs}, max(behind, 0))
    episodes = _episodes(open_episodes(conn, world, at), pending, forced)
    cities = tuple(
        CityView(
            city,
            air,
            forecast.of(city.id) if forecast is not None else CityForecast(),
            {name: national_scale(name, local_date(at, city.timezone)) for name in SCALES},
            tuple(e for e in episodes if e.row.city == city.id),
            air.coverage >= policy.assessment.minimum_share,
        )
        for city, air in zip(all_cities().values(), airs, strict=True)
    )
    return DeskView(
        world=world,
        simulated=is_simulated(world),
        present=present,
        policy=policy,
        run=run,
        last=max(known, key=lambda row: row.id, default=None),
        pending=pending,
        forced=forced,
        cases=_cases(basis, pending),
        cities=cities,
        sources=sources_of(conn, world, at),
        cycles_behind=max(behind, 0),
        mark=mark,
    )


def _cases(basis: Basis, pending: tuple[Pending, ...]) -> tuple[Case, ...]:
    """Return the cases of the first question, else of the strongest signal that there is."""
    if pending:
        return tuple(case_of(basis, ground) for ground in pending[0].grounds)
    strongest = strongest_ground(basis.forecast, basis.policy, list(all_cities()))
    return (case_of(basis, strongest),) if strongest is not None else ()


def _episodes(
    rows: list[EpisodeRow], pending: tuple[Pending, ...], forced: tuple[VersionRow, ...]
) -> list[OpenEpisode]:
    """Return open episodes with the texts that name them."""
    waiting = {c.episode_id: one for one in pending[::-1] for c in one.content.cities}
    out = {c["episode_id"]: version for version in forced for c in version.content["cities"]}
    return [OpenEpisode(row, waiting.get(row.id), out.get(row.id)) for row in rows]


_policies: Kept[Policy] = Kept(most=8)


def policy_of(path: Path | None) -> Policy:
    """Return the policy in force; a file is read anew when it was written anew."""
    key = (str(path), path.stat().st_mtime_ns) if path is not None else ("", 0)
    read: Callable[[], Policy] = lambda: load_policy(path)  # noqa: E731
    return _policies.get(key, read)
