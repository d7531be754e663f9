"""From an exchange file to bulletins, observations and stations."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from pydantic import ValidationError

from ingest.exchange.model import (
    UNITS,
    Envelope,
    ForecastRow,
    ObservationRow,
    Row,
    StationRow,
    complaint,
)
from ingest.exchange.text import REMEDY, SOURCE, Document, read_document
from ingest.feeds import WHOLE
from ingest.wire import Parsed, Reading, hour_end, nothing, observation_rows, station_rows
from pipeline.bulletins import Bulletin
from pipeline.cities import all_cities
from pipeline.errors import BadPayload
from pipeline.names import QC_FAIL, QC_PASS, QC_SUSPECT
from pipeline.times import iso, local_day_bounds

CLOCKS: Final = timedelta(minutes=10)
"""How far the other side's clock may be ahead of ours."""
DAYS_AHEAD: Final = 15
MOST_NAMED: Final = 20
QUALITY: Final = {"valid": QC_PASS, "suspect": QC_SUSPECT, "invalid": QC_FAIL}
BULLETIN_AT: Final = timedelta(hours=10)
"""The daily bulletin is sent at 18:00 Beijing time; its feed counts by these instants [UTC]."""
R = TypeVar("R", bound=Row)
Placed = tuple[str, Any]


@cache
def city_of_code() -> dict[str, str]:
    """Return our cities by the code that the exchange uses for them.

    >>> city_of_code()["110000"]
    'beijing'
    """
    return {c.geocode["value"]: c.id for c in all_cities().values()}


def parse_exchange(payload: bytes, now: datetime | None = None) -> Parsed:
    """Read one file.

    Parameters
    ----------
    now : when it was received [UTC]; what is dated later cannot be true

    Returns
    -------
    Parsed
        a forecast gives one bulletin for each day and pollutant and covers the day of its issue;
        observations are rows of stations ``exchange:<sender>.<station>``; every bad row is left out and named

    Raises
    ------
    BadPayload
        in words for the sender: the file is not of this format, or not one of its rows reads

    Examples
    --------
    >>> text = '''#format,sameair-exchange
    ... #version,1.0
    ... #kind,forecast
    ... #sender,cnemc
    ... #issued_at,2026-01-15T18:00:00+08:00
    ... city,city_name,date,pollutant,unit,low,high
    ... 110000,北京,2026-01-16,aqi,1,75,105
    ... #end,1
    ... '''
    >>> bulletin = parse_exchange(text.encode()).bulletins[0]
    >>> bulletin.content["regions"]["北京"]["high"], bulletin.valid_from.isoformat()
    (105.0, '2026-01-15T16:00:00+00:00')
    """
    document = read_document(payload)
    head = read_head(document, now)
    if head.kind == "forecast":
        return _forecast(head, document.rows)
    if head.kind == "stations":
        return _stations(head, document.rows)
    return _observations(head, document.rows, now)


def read_head(document: Document, now: datetime | None) -> Envelope:
    """Return the checked head of a file; raises BadPayload."""
    said = document.head.get("version")
    if isinstance(said, str) and said.partition(".")[0] not in ("1", ""):
        what = f"version {said[:20]!r} of the format is not understood here, 1.x is"
        raise BadPayload(SOURCE, what, field="version", remedy="update this installation, or write 1.0")
    try:
        head = Envelope.model_validate(dict(document.head))
    except ValidationError as error:
        field, what = complaint(error)
        raise BadPayload(SOURCE, f"head of the file: {what}", field=field, remedy=REMEDY) from error
    if not 2000 <= head.issued_at.year <= 2199:
        raise BadPayload(SOURCE, f"issued in {head.issued_at.year}", field="issued_at", remedy=REMEDY)
    if now is not None and head.issued_at > now + CLOCKS:
        what = f"issued at {iso(head.issued_at)}, which is still to come"
        raise BadPayload(SOURCE, what, field="issued_at", remedy="check its offset from UTC")
    return head


def _checked(rows: Iterable[Placed], model: type[R]) -> tuple[list[tuple[str, R]], list[BadPayload]]:
    good: list[tuple[str, R]] = []
    bad: list[BadPayload] = []
    for place, row in rows:
        try:
            good.append((place, model.model_validate(row)))
        except ValidationError as error:
            field, what = complaint(error)
            bad.append(BadPayload(SOURCE, f"{place}: {what}", field=field, remedy=REMEDY))
    return good, bad


def _or_raise(good: Sequence[object], bad: list[BadPayload]) -> tuple[BadPayload, ...]:
    """Return what was left out, at most twenty; nothing good at all is an error."""
    if not good:
        raise bad[0] if bad else BadPayload(SOURCE, "the file has no rows", remedy=REMEDY)
    return tuple(bad[:MOST_NAMED])


def _bad(place: str, what: str, field: str) -> BadPayload:
    return BadPayload(SOURCE, f"{place}: {what}", field=field, remedy=REMEDY)


def _forecast(head: Envelope, rows: Iterable[Placed]) -> Parsed:
    given, bad = _checked(rows, ForecastRow)
    issued_on = head.issued_at.astimezone(ZoneInfo(head.timezone)).date()
    days: dict[tuple[Any, str], dict[str, Any]] = {}
    for place, row in given:
        try:
            if not 0 <= (row.date - issued_on).days <= DAYS_AHEAD:
                raise _bad(place, f"{row.date} is no day of a forecast of {issued_on}", "date")
            regions = days.setdefault((row.date, row.pollutant), {})
            regions[_name(row, regions)] = _region(place, row)
        except BadPayload as error:
            bad.append(error)
    days = {key: regions for key, regions in days.items() if regions}
    left_out = _or_raise(list(days), bad)
    bulletins = tuple(_bulletin(head, *key, regions) for key, regions in days.items())
    instant = datetime(issued_on.year, issued_on.month, issued_on.day, tzinfo=UTC) + BULLETIN_AT
    return nothing()._replace(bulletins=bulletins, covered=((WHOLE, instant),), left_out=left_out)


def _name(row: ForecastRow, regions: dict[str, Any]) -> str:
    """Return the name under which a region stands; two places of one name keep their codes."""
    name = row.city_name or row.city
    return name if regions.get(name, {}).get("code", row.city) == row.city else f"{name} ({row.city})"


def _region(place: str, row: ForecastRow) -> dict[str, object]:
    factor = UNITS[row.pollutant].get(row.unit)
    if factor is None:
        raise _bad(place, f"{row.pollutant} is not given in {row.unit!r}", "unit")
    low, value, high = (None if x is None else x * factor for x in (row.low, row.value, row.high))
    steps = [x for x in (low, value, high) if x is not None]
    if steps != sorted(steps):
        raise _bad(place, f"low, value and high are not in order: {steps}", "value")
    if (low is None) != (high is None) or not (steps or row.grade):
        raise _bad(place, "neither a value, nor low and high, nor a grade", "value")
    return {
        "city": city_of_code().get(row.city, ""),
        "code": row.city,
        "grade": row.grade or None,
        "low": low,
        "high": high,
        "value": value,
        "primary": row.primary,
    }


def _bulletin(head: Envelope, day: Any, pollutant: str, regions: dict[str, Any]) -> Bulletin:
    issued = head.issued_at.astimezone(UTC)
    return Bulletin(
        SOURCE,
        "forecast",
        f"{head.sender} {pollutant} {day} issued {iso(issued)}",
        issued,
        *local_day_bounds(day, head.timezone),
        {
            "sender": head.sender,
            "pollutant": pollutant,
            "unit": next(iter(UNITS[pollutant])),
            "target_date": day.isoformat(),
            "regions": regions,
            "overall": head.overall,
            "cause": head.cause,
        },
    )


def station_id(sender: str, station: str) -> str:
    """Return the id under which a sender's station is known here.

    >>> station_id("cnemc", "1001A")
    'exchange:cnemc.1001A'
    """
    return f"{SOURCE}:{sender}.{station}"


def _observations(head: Envelope, rows: Iterable[Placed], now: datetime | None) -> Parsed:
    given, bad = _checked(rows, ObservationRow)
    latest = head.issued_at + CLOCKS if now is None else min(now, head.issued_at) + CLOCKS
    readings: list[Reading] = []
    quality: list[int] = []
    for place, row in given:
        try:
            readings.append(_reading(place, row, head.sender, latest))
        except BadPayload as error:
            bad.append(error)
        else:
            quality.append(QUALITY[row.quality])
    left_out = _or_raise(readings, bad)
    return nothing()._replace(observations=_flagged(readings, quality), covered=(), left_out=left_out)


def _reading(place: str, row: ObservationRow, sender: str, latest: datetime) -> Reading:
    factor = UNITS[row.quantity].get(row.unit)
    if factor is None:
        known = " or ".join(repr(unit) for unit in UNITS[row.quantity])
        raise _bad(place, f"{row.quantity} is given in {row.unit!r}, write {known}", "unit")
    if row.interval_end > latest:
        raise _bad(place, f"{row.interval_end} is later than the file", "interval_end")
    try:
        time = hour_end(row.interval_end, SOURCE, "interval_end")
    except BadPayload as error:
        raise _bad(place, error.what, "interval_end") from error
    value = math.nan if row.value is None else row.value * factor
    return Reading(station_id(sender, row.station), row.quantity, time, value)


def _flagged(readings: Sequence[Reading], quality: Sequence[int]) -> pd.DataFrame:
    """Return observation rows whose flag is the worse of the sender's and of the range test."""
    rows = observation_rows(readings)
    there = [flag for flag, reading in zip(quality, readings, strict=True) if math.isfinite(reading.value)]
    rows["qc"] = np.maximum(rows["qc"].to_numpy(), np.array(there, dtype=np.int8))
    return rows.drop_duplicates(["station", "quantity", "time"], keep="last", ignore_index=True)


def _stations(head: Envelope, rows: Iterable[Placed]) -> Parsed:
    given, bad = _checked(rows, StationRow)
    left_out = _or_raise(given, bad)
    found = [
        {
            "station": station_id(head.sender, row.station),
            "name": row.name,
            "latitude": row.latitude,
            "longitude": row.longitude,
            "altitude": math.nan if row.altitude is None else row.altitude,
            "city": city_of_code().get(row.city, ""),
            "interval_hours": 1,
            "note": row.note,
        }
        for _, row in given
    ]
    return nothing()._replace(stations=station_rows(found), covered=(), left_out=left_out)
