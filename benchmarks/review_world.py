"""A year of an installation for the review pages, invented: hours, runs, episodes, a warning, people.

The store holds hourly PM2.5 and PM10 of 100 stations as monthly archives up to three days ago, then one
append an hour; the ledger a run every six hours, of which the last ones stored what they predicted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
from sqlalchemy import Connection

from alerts.examples import example_content
from alerts.warnings import propose_version
from pipeline.cities import all_cities
from pipeline.ledger import Ledger
from pipeline.ledger.accounts import change_account, find_account
from pipeline.ledger.episodes import EpisodeRevision, open_episode, revise_episode
from pipeline.ledger.runs import begin_run, finish_run, make_current
from pipeline.observations import ObservationStore
from pipeline.settings import Settings
from pipeline.times import iso, latest_cycle, local_day_bounds
from review.accounts.book import Invitation, invite
from review.accounts.roles import Role
from review.accounts.sessions import start_session
from review.desk.run_forecast import QUANTILES

WORLD = "measured"
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
YEAR = timedelta(days=365)
LIVE = 72
"""So many of the last hours came one append each."""
DELAY = timedelta(minutes=30)
STORED_RUNS = 12
NETWORKS = (("airkorea", "seoul", 25), ("cnemc", "beijing", 12), ("airkorea", "", 33), ("cnemc", "", 30))
THRESHOLDS = (15, 35, 50, 60, 75, 115, 150, 200, 250)


def build_store(store: ObservationStore, clock: list[datetime], now: datetime) -> int:
    """Fill the store with a year up to an instant, and return how many rows it holds."""
    rng, names = np.random.default_rng(0), _stations(store)
    first = now - YEAR
    archived = int(YEAR / HOUR) - LIVE
    rows = 0
    for start in range(0, archived, 24 * 73):
        hours = min(24 * 73, archived - start)
        made = _table(names, first + start * HOUR, hours, rng)
        rows += store.append(made, source="archive", world=WORLD, assumed_delay=DELAY).rows_written
    for hour in range(archived, archived + LIVE):
        clock[0] = first + hour * HOUR + DELAY
        rows += store.append(
            _table(names, first + hour * HOUR, 1, rng), source="live", world=WORLD
        ).rows_written
    clock[0] = now
    return rows


def append_hour(store: ObservationStore, hour: datetime, seed: int) -> None:
    """Append one more hour, or another version of it."""
    names = [f"{network}:b{at}" for at, (network, _) in enumerate(_members())]
    store.append(_table(names, hour, 1, np.random.default_rng(seed)), source="live", world=WORLD)


def build_ledger(conn: Connection, settings: Settings, now: datetime) -> None:
    """Enter a year of runs and episodes, and the warning that waits."""
    newest = latest_cycle(now)
    cycles = [newest - timedelta(hours=6 * back) for back in range(4 * 365)][::-1]
    for cycle in cycles:
        stored = _store_run(settings, cycle) if cycle >= cycles[-STORED_RUNS] else {}
        run = begin_run(conn, world=WORLD, cycle=cycle, as_of=cycle, code_version="bench", at=cycle)
        told = {"missing": [], "used": [f"input.{n}" for n in range(100)]}
        finish_run(conn, run, at=cycle, model_id="bench", inputs=told, degraded="", products=stored)
        make_current(conn, run, expected=None)
    for number, day in enumerate(range(360, 0, -6)):
        _episode(conn, now - day * DAY, number, run)
    _propose(conn, newest, run, now)


def sessions(ledger: Ledger, count: int, at: datetime) -> list[str]:
    """Return the tokens of so many people who have signed in, of both parties and in every language."""
    tokens = []
    with ledger.write() as conn:
        for number in range(count):
            name, language = f"bench.{number}", ("en", "ko", "zh")[number % 3]
            party = ("seoul", "beijing")[number % 2]
            invite(conn, Invitation(name, name, party, Role.forecaster, language), by="bench", at=at)
            row = find_account(conn, name)
            if row is not None:
                change_account(conn, row.id, state="active")
                tokens.append(start_session(conn, replace(row, state="active"), at))
    return tokens


def _members() -> list[tuple[str, str]]:
    return [(network, city) for network, city, count in NETWORKS for _ in range(count)]


def _stations(store: ObservationStore) -> list[str]:
    members = _members()
    names = [f"{network}:b{at}" for at, (network, _) in enumerate(members)]
    table = pd.DataFrame({"station": names, "name": names, "city": [city for _, city in members]})
    places = {"latitude": 37.0, "longitude": 127.0, "altitude": 10.0, "interval_hours": 1.0, "note": ""}
    store.append_stations(table.assign(**places), source="bench", world=WORLD)
    return names


def _table(names: Sequence[str], first: datetime, hours: int, rng: np.random.Generator) -> pd.DataFrame:
    quantities, count = ["pm2p5", "pm10"], len(names)
    times = np.datetime64(first.astimezone(UTC).replace(tzinfo=None), "ns") + np.arange(
        hours
    ) * np.timedelta64(1, "h")
    return pd.DataFrame(
        {
            "station": pd.Categorical.from_codes(np.tile(np.repeat(np.arange(count), 2), hours), list(names)),
            "quantity": pd.Categorical.from_codes(np.tile(np.arange(2), count * hours), quantities),
            "time": np.repeat(times, 2 * count),
            "value": rng.gamma(2, 20, 2 * count * hours).round(1),
            "qc": np.zeros(2 * count * hours, dtype=np.int8),
        }
    )


def _store_run(settings: Settings, cycle: datetime) -> dict[str, str]:
    """Write what a run predicted and return its products."""
    rows = []
    for city in all_cities().values():
        for lead in range(4):
            start, end = local_day_bounds((cycle + lead * DAY).date(), city.timezone)
            rows.append(_row(city.id, "daily", (start, end), lead))
        rows += [_row(city.id, "hourly", (cycle + h * HOUR, cycle + (h + 1) * HOUR), None) for h in range(92)]
    path = settings.runs_dir / WORLD / f"{cycle:%Y%m%dT%H}" / "predictions.parquet"
    path.parent.mkdir(parents=True)
    pd.DataFrame(rows).astype({"lead_day": "Int64"}).to_parquet(path)
    return {"predictions": str(path.relative_to(settings.data_dir))}


def _row(city: str, target: str, times: tuple[datetime, datetime], lead: int | None) -> dict[str, object]:
    row: dict[str, object] = {"city": city, "model": "sameair", "target": target, "lead_day": lead}
    row |= {"valid_start": times[0], "valid_end": times[1], "observed_share": 0.0}
    row |= dict(zip(QUANTILES, np.linspace(40.0, 140.0, len(QUANTILES)), strict=True))
    return row | {f"p_gt_{at}": float(np.exp(-at / 120)) for at in THRESHOLDS}


def _episode(conn: Connection, at: datetime, number: int, run: str) -> None:
    city = ("seoul", "beijing")[number % 2]
    identity = f"{city}-01BENCH{number:019d}"
    open_episode(conn, identity, world=WORLD, city=city, quantity="pm2p5", at=at)
    for step, state in enumerate(("open", "open", "ended")):
        said = EpisodeRevision(run, state, at, at + 2 * DAY, {"step": step})  # type: ignore[arg-type]
        revise_episode(conn, identity, said, at + step * 6 * HOUR)


def _propose(conn: Connection, cycle: datetime, run: str, now: datetime) -> None:
    """Propose the example warning as of the newest cycle, so that there is a question."""
    content = example_content(world=WORLD, simulated=False, cap_status="Test", run_id=run)
    days = {"issue_time": iso(cycle), "as_of": iso(cycle), "onset": iso(cycle + DAY)}
    until = {"review_deadline": iso(now + 4 * HOUR), "expires": iso(now + 3 * DAY)}
    propose_version(conn, replace(content, **days, **until), now)  # type: ignore[arg-type]
