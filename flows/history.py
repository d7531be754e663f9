"""Import of history for training into a data folder: observations by OpenAQ, forecasts by Open-Meteo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flows.live import forecasts_of, http_of
from flows.published import archives_of
from flows.workspace import Workspace, reporter
from ingest.history import HistoryReport, Span, import_openaq, import_previous_runs, import_single_runs
from ingest.open_meteo_history import PREVIOUS_SINCE, SINGLE_SINCE
from ingest.openaq_archive import ARCHIVE
from ingest.openaq_wire import SOURCE
from pipeline.errors import UsageError
from pipeline.names import MEASURED
from pipeline.times import from_ns, iso, to_utc
from pipeline.weather_schema import valid_times

KINDS = {
    "openaq": "hourly PM and gases of stations, from OpenAQ's public archive",
    "previous-runs": "weather near the ground as it had been forecast one to four days before",
    "single-runs": "whole weather forecasts with mixing height and winds aloft",
}
"""What can be imported."""
PREVIOUS_RUNS, SINGLE_RUNS = "open_meteo_previous_runs", "open_meteo_single_runs"
ADDRESSES = (ARCHIVE, PREVIOUS_RUNS, SINGLE_RUNS)
"""What SAMEAIR_SOURCE_URLS may name beside the live sources."""
PLACES = ("level", "station", "latitude", "longitude")


def import_history(
    ws: Workspace, kind: str, first: datetime, last: datetime, locations: Sequence[int] = ()
) -> HistoryReport:
    """Import the UTC days from ``first`` to ``last``, both included; repeating it goes on where it stopped.

    Parameters
    ----------
    kind : a key of KINDS
    locations : numbers of OpenAQ locations; none: those whose stations the data folder has

    Raises
    ------
    UsageError
        an unknown kind, days that are not over, or no location at all
    StorageError
        disk or ledger cannot be used; what was fetched before is stored
    """
    span = _span(first, last, ws.clock())
    urls, http, tell = ws.settings.source_urls, http_of(ws), reporter.get()
    if kind == "openaq":
        numbers = [int(n) for n in locations] or _known_locations(ws)
        return import_openaq(http, archives_of(ws), MEASURED, numbers, span, urls.get(ARCHIVE, ""), tell)
    imports = {
        "previous-runs": (import_previous_runs, PREVIOUS_RUNS, PREVIOUS_SINCE),
        "single-runs": (import_single_runs, SINGLE_RUNS, SINGLE_SINCE),
    }
    if kind not in imports:
        raise UsageError(f"no history of '{kind}'; there are {', '.join(KINDS)}")
    bring, name, since = imports[kind]
    if span.end <= since:
        raise UsageError(f"{kind} begin with {since:%Y-%m-%d}; give a later --to")
    return bring(http, forecasts_of(ws), MEASURED, span, urls.get(name, ""), tell)


def _span(first: datetime, last: datetime, now: datetime) -> Span:
    start, end = (to_utc(t).replace(hour=0, minute=0, second=0, microsecond=0) for t in (first, last))
    end += timedelta(days=1)
    if start >= end:
        raise UsageError("--from is later than --to")
    if end > to_utc(now):
        raise UsageError(f"history is of days that are over; give --to before {now:%Y-%m-%d}")
    return Span(start, end)


def _known_locations(ws: Workspace) -> list[int]:
    """Return the numbers of the OpenAQ stations that the data folder has."""
    names = ws.store.stations(MEASURED)["station"]
    found = sorted(int(n.partition(":")[2]) for n in names if n.startswith(f"{SOURCE}:"))
    if not found:
        raise UsageError(
            "no OpenAQ station is known; name some with --location (the number in the address of its page at "
            "explore.openaq.org), or set SAMEAIR_OPENAQ_KEY and run sameair ingest"
        )
    return found


@dataclass(frozen=True)
class FieldRow:
    """The newest forecast of one source, as it was known at an instant."""

    source: str
    files: int
    reference_time: str
    kind_of_reference: str
    until: str
    places: str
    variables: tuple[str, ...]
    licence: str


def newest_fields(ws: Workspace, world: str, at: datetime | None = None) -> list[FieldRow]:
    """Return what is stored of other agencies' forecasts, and the newest of each as known at an instant.

    Parameters
    ----------
    at : default now
    """
    as_of, store = to_utc(at or ws.clock()), forecasts_of(ws)
    listed = store.listed(world, as_of=as_of)
    rows = []
    for source in sorted({one.source for one in listed}):
        newest = store.newest(source, world, as_of)
        own = [one for one in listed if one.source == source]
        files = len(own)
        if newest is None:
            until = max(one.last_time for one in own)
            rows.append(FieldRow(source, files, "", "history", iso(until), "", (), ""))
            continue
        sizes = [f"{newest.sizes[dim]} {dim}s" for dim in PLACES if dim in newest.sizes]
        rows.append(
            FieldRow(
                source,
                files,
                iso(from_ns(newest["forecast_reference_time"].to_numpy().max())),
                str(newest.attrs.get("reference", "")),
                iso(from_ns(valid_times(newest)[-1])),
                ", ".join(sizes),
                tuple(sorted(map(str, newest.data_vars))),
                str(newest.attrs.get("licence", "")),
            )
        )
    return rows
