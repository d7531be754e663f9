"""The air of the demonstration with two nodes: what each node holds, and which cycles it plays.

Until a day before the first cycle both nodes hold the same history, and all weather. From then on a node
holds the air of its own party alone; the other's comes to it by envelopes or not at all. Values count as
received when they were, so that a node reads each only after its hour.
"""

from __future__ import annotations

import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pandas as pd

from flows.ingest import ingest_archive, simulated_world
from flows.models import day_start, train_until
from flows.plan import CyclePlan, world_name
from flows.simulated import SNAPSHOT
from flows.workspace import Workspace
from ingest.simulated.loading import ASSUMED_DELAY
from ingest.simulated.previous_winds import store_previous_winds
from pipeline.cities import all_cities
from pipeline.forecast_store import ForecastStore
from pipeline.names import MEASURED
from pipeline.series import load_panel
from pipeline.storage.opening import FIELDS, stored_in
from pipeline.times import HOUR

SIDES: Final = {"seoul": ("seoul_", "korea_"), "beijing": ("beijing_", "china_", "us_embassy_china")}
"""How the names of the archive's tables of air begin, by party."""

AIR: Final = ("pm25", "pm10")
TABLES: Final = (*AIR, "met", "stations")
"""Folders of the archive that hold tables of air, and all that forecasts read."""

LEFT_OUT: Final = ("china_864_sites", "beijing_35_stations")
"""Tables of single stations that no forecast of a city reads."""

NETWORKS: Final = {"seoul": "airkorea", "beijing": "cnemc"}
ALONE: Final = timedelta(hours=24)
"""How long before the first cycle a node ceases to hold the other's air."""

FIRST: Final = datetime(2019, 3, 2, 2, tzinfo=UTC)
LAST: Final = datetime(2019, 3, 6, 2, tzinfo=UTC)
EVERY: Final = 24 * HOUR
AHEAD: Final = 12 * HOUR
"""How long before its present the play of a simulated world begins."""


def plans(seed: int | None, cycles: int) -> list[CyclePlan]:
    """Return the cycles that are played: of a simulated world, or without a seed of the measured archive."""
    if seed is None:
        steps = [FIRST + EVERY * n for n in range(cycles)]
        return [CyclePlan(MEASURED, at, at + SNAPSHOT, "replay", drill=False) for at in steps if at <= LAST]
    first = simulated_world(seed, False).end - AHEAD
    steps = [first + 6 * HOUR * n for n in range(cycles)]
    name = world_name(seed, False)
    return [CyclePlan(name, at, at + SNAPSHOT, "simulated", drill=False, seed=seed) for at in steps]


def fill(ws: Workspace, party: str, played: list[CyclePlan], archive: Path | None) -> None:
    """Bring into a node's empty store what it may hold, and let it train models, with the quick effort."""
    cut = played[0].cycle - ALONE
    if archive is not None:
        with tempfile.TemporaryDirectory() as folder:
            ingest_archive(ws, archive_of(archive, Path(folder), party, cut))
    else:
        _fill_simulated(ws, party, played, cut)
    known_at = played[0].as_of
    panel = load_panel(ws.store, all_cities().values(), played[0].world, as_of=known_at)
    train_until(ws, panel, day_start(known_at), effort="quick")


def archive_of(archive: Path, folder: Path, party: str, cut: datetime) -> Path:
    """Write an archive without the air that the other party measured after an instant; returns its folder."""
    for path in sorted(archive.rglob("*")):
        target = folder / path.relative_to(archive)
        if not path.is_file() or path.parent.name not in TABLES or path.name.startswith(LEFT_OUT):
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.parent.name not in AIR or side_of(path.name) in ("", party):
            shutil.copyfile(path, target)
        else:
            table = pd.read_parquet(path)
            table[table.index <= pd.Timestamp(cut).tz_localize(None)].to_parquet(target)
    return folder


def side_of(name: str) -> str:
    """Return the party that measured a table of the archive, nothing where neither did.

    >>> [side_of(name) for name in ("korea_5_stations_pm10_3h.parquet", "us_embassy_ulaanbaatar.parquet")]
    ['seoul', '']
    """
    return next((party for party, names in SIDES.items() if name.startswith(names)), "")


def _fill_simulated(ws: Workspace, party: str, played: list[CyclePlan], cut: datetime) -> None:
    """Load a simulated world as an archive that ends at the last cycle, of the own party after the cut."""
    plan, end = played[0], played[-1].as_of
    world = simulated_world(plan.seed, plan.quiet_season)
    air = world.observations(world.start, end)
    air = air[(air["time"] <= pd.Timestamp(cut).tz_localize(None)) | _is_of(air["station"], NETWORKS[party])]
    for source in (*NETWORKS.values(), "open_meteo"):
        rows = air if source in NETWORKS.values() else world.weather(world.start, end)
        rows = rows[_is_of(rows["station"], source)].reset_index(drop=True)
        stations = world.stations[_is_of(world.stations["station"], source)].reset_index(drop=True)
        ws.store.append_stations(stations, source=source, world=world.name)
        ws.store.append(rows, source=source, world=world.name, assumed_delay=ASSUMED_DELAY)
    asked_at = played[0].as_of
    store_previous_winds(world, ForecastStore(stored_in(ws.settings, FIELDS), ws.ledger, lambda: asked_at))


def _is_of(stations: pd.Series, network: str) -> pd.Series:
    return stations.astype(str).str.startswith(f"{network}:")
