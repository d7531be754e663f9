"""History for training, fetched without a key: OpenAQ's archive, and forecasts as they were, by Open-Meteo.

Every part is stored as soon as it is read, and what is stored is not fetched again where that can be told
without asking, so that an import that was stopped, or ran into a day's quota, goes on when it is repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Final, NamedTuple

import pandas as pd
import xarray as xr

from ingest import open_meteo_history as meteo
from ingest.archives import Store
from ingest.openaq_archive import ARCHIVE, ASSUMED_DELAY, day_of, get_day, get_month, parse_day, parse_month
from ingest.wire import Parsed
from pipeline.errors import BadPayload, NotYetAvailable, SourceError
from pipeline.forecast_store import ForecastStore
from pipeline.http import Http
from pipeline.previous_runs import ASSUMED_RUN_DELAY, earliest_known
from pipeline.times import HOUR, iso, to_ns

RUN_STEP: Final = timedelta(hours=12)
DAY: Final = timedelta(days=1)
Progress = Callable[[str, int, int], None]


def _silent(label: str, done: int, total: int) -> None:
    """Tell nobody."""


@dataclass
class HistoryReport:
    """What an import did.

    Parameters
    ----------
    asked : parts that were asked for, such as months or runs
    there : parts that were stored before and were not asked for
    new : values, or forecasts, that were new
    unread : what could not be read, and rows left out, one line each; the rest is stored
    stopped : why it ended early; empty where it came to its end
    """

    asked: int = 0
    there: int = 0
    new: int = 0
    unread: list[str] = field(default_factory=list)
    stopped: str = ""


@dataclass(frozen=True)
class Span:
    """What to import: whole UTC days from ``start`` up to, not with, ``end``."""

    start: datetime
    end: datetime

    def months(self) -> list[tuple[datetime, datetime]]:
        """Return the span cut at the first of each month.

        >>> from pipeline.times import parse_instant
        >>> found = Span(parse_instant("2025-01-20"), parse_instant("2025-02-03")).months()
        >>> [(f"{a:%m-%d}", f"{b:%m-%d}") for a, b in found]
        [('01-20', '02-01'), ('02-01', '02-03')]
        """
        found, start = [], self.start
        while start < self.end:
            cut = min((start.replace(day=1) + timedelta(days=32)).replace(day=1), self.end)
            found.append((start, cut))
            start = cut
        return found

    def runs(self) -> Iterator[datetime]:
        """Yield the runs of 00 and 12 UTC that start in the span."""
        run = self.start
        while run < self.end:
            yield run
            run += RUN_STEP


def import_openaq(
    http: Http,
    store: Store,
    world: str,
    locations: Sequence[int],
    span: Span,
    base_url: str = "",
    progress: Progress = _silent,
) -> HistoryReport:
    """Import the archive of stations, by their numbers; a value counts as received two hours after its end.

    Only hours that end in (start, end] are taken. A second import adds nothing.
    """
    report = HistoryReport()
    wide = Span(span.start - DAY, span.end + DAY)
    parts = [(location, month) for location in locations for month, _ in wide.months()]
    for done, (location, month) in enumerate(parts):
        progress("OpenAQ archive", done, len(parts))
        try:
            found = _station_month(http, location, month, wide, base_url, report)
        except SourceError as error:
            report.stopped = str(error)
            return report
        report.asked += 1
        report.new += _store_days(store, world, found, span)
    progress("OpenAQ archive", len(parts), len(parts))
    return report


def _station_month(
    http: Http, location: int, month: datetime, wide: Span, base_url: str, report: HistoryReport
) -> list[Parsed]:
    """Fetch and read the days of a month that lie in the span; a day that does not read is noted."""
    days = (f"{wide.start:%Y%m%d}", f"{wide.end:%Y%m%d}")
    keys = parse_month(get_month(http, location, month, base_url), location, month)
    found = []
    for key in keys:
        if not days[0] <= day_of(key) <= days[1]:
            continue
        try:
            parsed = parse_day(get_day(http, key, base_url))
        except (BadPayload, NotYetAvailable) as error:
            report.unread.append(f"{key.rsplit('/', 1)[-1]}: {error}")
            continue
        report.unread += [f"{key.rsplit('/', 1)[-1]}: {error}" for error in parsed.left_out]
        found.append(parsed)
    return found


def _store_days(store: Store, world: str, days: Sequence[Parsed], span: Span) -> int:
    """Store the stations and rows of days; return how many values were new."""
    if not days:
        return 0
    known = set(store.stations(world)["station"])
    stations = pd.concat([day.stations for day in days], ignore_index=True)
    stations = stations.drop_duplicates("station", keep="last", ignore_index=True)
    stations = stations[~stations["station"].isin(known)]
    if len(stations):
        store.append_stations(stations, source=ARCHIVE, world=world)
    rows = pd.concat([day.observations for day in days], ignore_index=True)
    rows = rows[(rows["time"] > to_ns(span.start)) & (rows["time"] <= to_ns(span.end))]
    if not len(rows):
        return 0
    rows = rows.reset_index(drop=True)
    return int(store.append(rows, source=ARCHIVE, world=world, assumed_delay=ASSUMED_DELAY).rows_written)


def import_previous_runs(
    http: Http,
    forecasts: ForecastStore,
    world: str,
    span: Span,
    base_url: str = "",
    progress: Progress = _silent,
) -> HistoryReport:
    """Import what had been forecast one to four days before; months that are stored are left alone."""
    held = forecasts.listed(world, source=meteo.PREVIOUS)

    def fetch(start: datetime, end: datetime) -> tuple[xr.Dataset, datetime]:
        payload = meteo.get_previous_runs(http, start, end, base_url)
        found = meteo.parse_previous_runs(payload, start, end)
        return found, earliest_known(found)

    parts = [
        Part(
            f"{start:%Y-%m}",
            any(one.first_time <= start and one.last_time >= end - HOUR for one in held),
            partial(fetch, start, end),
        )
        for start, end in Span(max(span.start, meteo.PREVIOUS_SINCE), span.end).months()
    ]
    return _import_forecasts(forecasts, meteo.PREVIOUS, world, parts, progress)


def import_single_runs(
    http: Http,
    forecasts: ForecastStore,
    world: str,
    span: Span,
    base_url: str = "",
    progress: Progress = _silent,
) -> HistoryReport:
    """Import whole runs of the IFS; one counts as received eight hours after its start."""
    held = {one.reference_time for one in forecasts.listed(world, source=meteo.SINGLE)}

    def fetch(run: datetime) -> tuple[xr.Dataset, datetime]:
        found = meteo.parse_single_run(meteo.get_single_run(http, run, base_url), run)
        return found, run + ASSUMED_RUN_DELAY

    runs = Span(max(span.start, meteo.SINGLE_SINCE), span.end).runs()
    parts = [Part(iso(run), run in held, partial(fetch, run)) for run in runs]
    return _import_forecasts(forecasts, meteo.SINGLE, world, parts, progress)


class Part(NamedTuple):
    """One file of forecasts: its name, whether it is stored, and what fetches it, with when it was known."""

    name: str
    there: bool
    fetch: Callable[[], tuple[xr.Dataset, datetime]]


def _import_forecasts(
    forecasts: ForecastStore, source: str, world: str, parts: Sequence[Part], progress: Progress
) -> HistoryReport:
    """Fetch and store what is not there; what does not read is noted, a refusal ends it."""
    report = HistoryReport()
    for done, part in enumerate(parts):
        progress(source, done, len(parts))
        if part.there:
            report.there += 1
            continue
        try:
            dataset, known = part.fetch()
        except BadPayload as error:
            report.unread.append(f"{part.name}: {error}")
            continue
        except SourceError as error:
            report.stopped = str(error)
            return report
        report.asked += 1
        report.new += forecasts.put(dataset, source=source, world=world, assumed_receipt=known)
    progress(source, len(parts), len(parts))
    return report
