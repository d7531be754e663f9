"""What becomes of an answer that was read: stations, rows, bulletins and forecasts, each stored once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import pandas as pd
import xarray as xr

from ingest.feeds import Ask, Feed, RawAnswer, Unit
from ingest.quality_arrival import flag_arrivals
from ingest.wire import REMEDY, Parsed, observation_rows, station_rows
from pipeline.bulletins import Bulletin, append_bulletins, check_bulletin, read_bulletins
from pipeline.errors import BadPayload, SourceError, SourceUnavailable, UnknownStation
from pipeline.ledger import Ledger
from pipeline.names import QC_FAIL, QC_PASS, QC_SUSPECT
from pipeline.observations import ObservationStore
from pipeline.schema import OBSERVATION_COLUMNS, check_observations
from pipeline.times import Clock, from_ns, to_ns
from pipeline.weather_schema import check_previous_runs, check_weather_forecast, is_previous_runs

KEYS: Final = ["station", "quantity", "time"]
RECENT: Final = timedelta(hours=48)
"""How far back the values lie by which new ones are judged."""
NAMED: Final = 5
"""How many unknown stations are named in words; all of them are held."""


class ForecastSink(Protocol):
    """The part of ``pipeline.forecast_store.ForecastStore`` that is needed here."""

    def put(self, dataset: xr.Dataset, *, source: str, world: str) -> bool:
        """Store a forecast; False if it was there."""


@dataclass(frozen=True)
class Intake:
    """Where all goes that is collected for one world."""

    store: ObservationStore
    world: str
    quarantine_dir: Path
    forecasts: ForecastSink | None = field(default=None, repr=False)

    @property
    def ledger(self) -> Ledger:
        """Return the ledger of the store."""
        return self.store.ledger

    @property
    def clock(self) -> Clock:
        """Return the clock of the store."""
        return self.store.clock


class Read(NamedTuple):
    """One answer that was read, and the request."""

    ask: Ask
    answer: RawAnswer
    parsed: Parsed


def read_answer(feed: Feed, answer: RawAnswer) -> Parsed:
    """Read an answer and check that it may be stored; whatever a parser stumbles over is a BadPayload.

    Raises
    ------
    SourceError
        what the parser found, or that its rows break a contract
    """
    try:
        parsed = feed.parse(answer)
        check_observations(parsed.observations)
        if parsed.stations["interval_hours"].isna().any():
            raise ValueError("a station without an interval length")
        for bulletin in parsed.bulletins:
            check_bulletin(bulletin)
        for dataset in parsed.forecasts:
            (check_previous_runs if is_previous_runs(dataset) else check_weather_forecast)(dataset)
    except SourceError:
        raise
    except Exception as error:
        what = f"the answer does not have the documented shape ({type(error).__name__})"
        raise BadPayload(feed.source, what, remedy=REMEDY) from error
    return parsed


def units_of(intake: Intake, feed: Feed) -> frozenset[Unit]:
    """Return the units that a feed has, given the stations that are known of its networks.

    Raises
    ------
    SourceUnavailable
        they could not be told
    """
    stations = intake.store.stations(intake.world)
    network = stations["station"].str.split(":").str[0]
    try:
        return frozenset(feed.units(stations[network.isin(feed.networks)].reset_index(drop=True)))
    except Exception as error:
        what = f"its units could not be told ({type(error).__name__})"
        raise SourceUnavailable(feed.source, what, remedy="tell a developer") from error


def store_stations(intake: Intake, feed: Feed, reads: Sequence[Read], *, only_new: bool = False) -> None:
    """Store the stations that came with answers; one that comes without a place keeps the one it had.

    Parameters
    ----------
    only_new : leave the rows of stations alone that are known already
    """
    stations = _joined([read.parsed.stations for read in reads], station_rows([]))
    stations = stations.drop_duplicates("station", keep="last", ignore_index=True)
    if only_new:
        stations = stations[~stations["station"].isin(intake.store.stations(intake.world)["station"])]
    elif stations["latitude"].isna().any():
        stations = _placed(stations, intake.store.stations(intake.world))
    if len(stations):
        intake.store.append_stations(stations, source=feed.source, world=intake.world)


def _placed(stations: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    """Return stations, those without a place (and, if they name none, city) at what is known of them."""
    places = ["latitude", "longitude", "altitude"]
    held = stations[["station"]].merge(known[["station", *places, "city"]], on="station", how="left")
    lost = (stations["latitude"].isna() | stations["longitude"].isna()).to_numpy()
    kept = {name: stations[name].mask(lost, held[name].to_numpy()) for name in places}
    nowhere = lost & (stations["city"] == "").to_numpy() & held["city"].notna().to_numpy()
    return stations.assign(**kept, city=stations["city"].mask(nowhere, held["city"].to_numpy()))


def unknown_stations(parsed: Parsed, known: pd.DataFrame, source: str) -> UnknownStation | None:
    """Return the error that names stations with values that no list has, or None.

    ``field`` of the error names them all, so that a retry can wait until one of them is listed.
    """
    names = sorted(set(parsed.observations["station"]) - set(known["station"]))
    if not names:
        return None
    some = ", ".join(names[:NAMED]) + (" …" if len(names) > NAMED else "")
    what = f"{len(names)} stations are in no list of the source: {some}"
    remedy = "their values are held until a list has them; `sameair quarantine retry` tries at once"
    return UnknownStation(source, what, field=" ".join(names), remedy=remedy)


def store_content(
    intake: Intake,
    feed: Feed,
    reads: Sequence[Read],
    known: pd.DataFrame,
    *,
    fetched_before: datetime | None = None,
) -> int:
    """Store the rows of known stations, bulletins and forecasts of answers; return how many are new.

    A row whose value equals the newest stored one is not stored again, so that flags given since stay; unless
    the source itself (a status of the instrument) doubts it by now and nobody else had.

    Parameters
    ----------
    known : the stations of the world
    fetched_before : for old answers: nothing is revised that was received after this instant
    """
    rows = _joined([read.parsed.observations for read in reads], observation_rows([]))
    rows = rows[rows["station"].isin(known["station"])].drop_duplicates(KEYS, keep="last", ignore_index=True)
    written = _store_rows(intake, feed.source, rows, known, fetched_before) if len(rows) else 0
    found = [bulletin for read in reads for bulletin in read.parsed.bulletins]
    written += _store_bulletins(intake, found, fetched_before) if found else 0
    for dataset in (d for read in reads for d in read.parsed.forecasts):
        if intake.forecasts is not None:
            written += intake.forecasts.put(dataset, source=feed.name, world=intake.world)
    return written


def newest_of(read: Read) -> datetime | None:
    """Return the newest interval end, issue or model run of an answer, None if it holds none."""
    parsed = read.parsed
    found = [bulletin.issued_at for bulletin in parsed.bulletins]
    if len(parsed.observations):
        found.append(from_ns(parsed.observations["time"].to_numpy().max()))
    for dataset in parsed.forecasts:
        if "forecast_reference_time" in dataset.coords:
            found.append(from_ns(dataset["forecast_reference_time"].to_numpy().max()))
    return max(found, default=None)


def _store_rows(
    intake: Intake, source: str, rows: pd.DataFrame, known: pd.DataFrame, fetched_before: datetime | None
) -> int:
    times = rows["time"].to_numpy()
    versions = intake.store.versions(
        world=intake.world,
        stations=rows["station"].unique().tolist(),
        quantities=rows["quantity"].unique().tolist(),
        start=from_ns(times.min()) - RECENT,
        end=from_ns(times.max()),
    )
    fresh = _fresh(rows, versions, source)
    if fetched_before is not None:
        later = versions[versions["received_at"] > to_ns(fetched_before)]
        fresh = fresh[~_found_in(fresh, later)].reset_index(drop=True)
    if not len(fresh):
        return 0
    recent = versions.drop_duplicates(KEYS, keep="last")
    recent = recent.loc[recent["value"].notna(), list(OBSERVATION_COLUMNS)]
    flagged = flag_arrivals(fresh, recent, known)
    return intake.store.append(flagged, source=source, world=intake.world).rows_written


def _fresh(rows: pd.DataFrame, versions: pd.DataFrame, source: str) -> pd.DataFrame:
    """Return the rows whose value differs from the source's newest, or that the source doubts by now."""
    same_hours = versions[(versions["source"] == source) & versions["time"].isin(rows["time"].unique())]
    stored = same_hours.drop_duplicates(KEYS, keep="last")[[*KEYS, "value", "qc"]]
    old = rows[KEYS].merge(stored, on=KEYS, how="left")
    changed = rows["value"].to_numpy() != old["value"].to_numpy()
    doubted = rows["qc"].isin((QC_SUSPECT, QC_FAIL)).to_numpy() & (old["qc"] == QC_PASS).to_numpy()
    fresh: pd.DataFrame = rows[changed | doubted].reset_index(drop=True)
    return fresh


def _found_in(rows: pd.DataFrame, others: pd.DataFrame) -> pd.Series[bool]:
    """Tell of each row whether its key occurs in another table."""
    there = rows[KEYS].merge(others[KEYS].drop_duplicates(), on=KEYS, how="left", indicator=True)["_merge"]
    return (there == "both").set_axis(rows.index)


def _store_bulletins(intake: Intake, found: Sequence[Bulletin], fetched_before: datetime | None) -> int:
    now = intake.clock()
    with intake.ledger.write() as conn:
        if fetched_before is not None:
            held = read_bulletins(conn, intake.world, as_of=datetime.max.replace(tzinfo=now.tzinfo))
            later = {
                (h.bulletin.source, h.bulletin.kind, h.bulletin.key)
                for h in held
                if h.received_at > fetched_before
            }
            found = [b for b in found if (b.source, b.kind, b.key) not in later]
        return append_bulletins(conn, found, world=intake.world, now=now)


def _joined(parts: Sequence[pd.DataFrame], empty: pd.DataFrame) -> pd.DataFrame:
    """Put tables one after the other, leaving empty ones out."""
    there = [part for part in parts if len(part)]
    return pd.concat(there, ignore_index=True) if there else empty
