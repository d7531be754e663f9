"""OpenAQ v3: hourly PM of official monitors around the cities and upwind, as a second pair of eyes.

With a free key; 60 requests a minute and 2,000 an hour. Stamps are the end of the hour, filters work as
(from, to] on them and must name their zone, wrong parameter names are silently ignored. Chinese government
stations are no longer collected there. ``/hours`` lags, so ``/measurements/hourly`` is asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import pandas as pd

from ingest.feeds import About, Ask, Due, Feed, RawAnswer, SourceConfig, Timing
from ingest.openaq_wire import (
    MICROGRAMS,
    SOURCE,
    all_pages,
    coordinates_of,
    id_of,
    instant_of,
    is_missing,
    note_of,
    results_of,
    sensors_of,
    service,
    station_of,
)
from ingest.salvage import clean_text, read_each
from ingest.wire import REMEDY, Parsed, Reading, hour_end, nothing, observation_rows, required, station_rows
from pipeline.cities import all_cities
from pipeline.errors import BadPayload
from pipeline.http import Http
from pipeline.times import HOUR, from_ns, iso, parse_instant

PARAMETERS: Final = {"pm10": "pm10", "pm25": "pm2p5"}
PLACES: Final = {
    "seoul": (37.5665, 126.9780),
    "beijing": (39.9042, 116.4074),
    "baengnyeong": (37.97, 124.63),
    "tianjin": (39.13, 117.20),
    "shijiazhuang": (38.04, 114.51),
    "jinan": (36.65, 117.00),
    "dalian": (38.91, 121.61),
    "shenyang": (41.80, 123.43),
    "shanghai": (31.23, 121.47),
    "ulaanbaatar": (47.92, 106.92),
}
"""Places around which stations are looked for, whatever cities are configured; see ``searched``."""
RADIUS_M: Final = 25_000
"""The largest that the service takes [m]."""
ALIVE: Final = timedelta(days=14)
"""Stations whose newest value is older are listed but not asked."""
GIVEN_UP: Final = timedelta(hours=24)
"""An hour without a value at this age is asked for once more as a revisit, then no longer."""
LOCATIONS: Final = "locations"
HOURLY: Final = "measurements/hourly"
LIST_TIMING: Final = Timing(
    delay=timedelta(0), keeps=timedelta(days=1), step=timedelta(days=1), offset=timedelta(hours=3)
)
TIMING: Final = Timing(delay=timedelta(hours=2), keeps=timedelta(days=31), revisit=(timedelta(hours=24),))
"""It keeps years; what is older than a month comes from its archive."""
ABOUT: Final = About(
    source=SOURCE,
    title="OpenAQ v3 (api.openaq.org)",
    adds="hourly PM2.5 and PM10 of official monitors near the cities and upwind, independent of the "
    "networks' own services; its public archive needs no key",
    key_setting="SAMEAIR_OPENAQ_KEY",
    how_to_get_key="register at explore.openaq.org; the key is free and shown in the account's settings",
    licence="each provider's own, mostly CC BY 4.0; named in the station's note",
)
UNIT: Final = re.compile(r"(openaq:\d{1,12})/(pm10|pm2p5)/(\d{1,12})", re.ASCII)


class Sensor(NamedTuple):
    """One sensor of a station; as text it is a unit of the hourly feed."""

    station: str
    quantity: str
    id: str

    def __str__(self) -> str:
        """Return the unit, ``station/quantity/sensor``."""
        return "/".join(self)


def searched() -> dict[str, tuple[float, float]]:
    """Return the places around which stations are looked for: PLACES, and every other configured city.

    >>> list(searched()) == list(PLACES)
    True
    """
    cities = {one.id: (one.latitude, one.longitude) for one in all_cities().values()}
    return PLACES | {name: at for name, at in cities.items() if name not in PLACES}


def parse_locations(payload: bytes, now: datetime) -> Parsed:
    """Read locations: official, fixed monitors with PM sensors become stations.

    The note of a station names its provider and, where its newest value is recent, its sensors.

    Parameters
    ----------
    now : when it was fetched [UTC]

    Raises
    ------
    BadPayload
        not one location reads
    """

    def read(item: Any) -> Iterator[dict[str, object]]:
        sensors = _pm_sensors(item)
        if required(item, "isMonitor", SOURCE) is True and item.get("isMobile") is not True and sensors:
            yield _station(item, sensors, now)

    rows, left_out = read_each(results_of(payload), read)
    return nothing()._replace(stations=station_rows(rows), left_out=left_out)


def _pm_sensors(item: Any) -> dict[str, str]:
    """Return the PM sensors of a location: quantity → sensor id."""
    found = {}
    sensors = required(item, "sensors", SOURCE)
    for sensor in sensors if isinstance(sensors, list) else ():
        parameter = required(sensor, "parameter", SOURCE)
        name, units = required(parameter, "name", SOURCE), required(parameter, "units", SOURCE)
        if isinstance(name, str) and name in PARAMETERS and isinstance(units, str) and units in MICROGRAMS:
            found[PARAMETERS[name]] = id_of(required(sensor, "id", SOURCE), "sensors.id")
    return found


def _station(item: Mapping[str, Any], sensors: Mapping[str, str], now: datetime) -> dict[str, object]:
    last = item.get("datetimeLast")
    newest = instant_of(last, "datetimeLast") if last is not None else None
    alive = newest is not None and now - newest <= ALIVE
    provider = item.get("provider")
    name = clean_text(provider.get("name")) if isinstance(provider, Mapping) else ""
    return station_of(
        id_of(required(item, "id", SOURCE), "id"),
        clean_text(item.get("name")),
        *coordinates_of(required(item, "coordinates", SOURCE)),
        note_of(name, sensors if alive else {}),
    )


def parse_hours(payload: bytes, sensor: Sensor) -> Parsed:
    """Read the hourly means of one sensor; -1, -999, -9999 and 9999 mean missing.

    Raises
    ------
    BadPayload
        not one value reads, or the answer is of another parameter or unit
    """

    def read(item: Any) -> Iterator[Reading]:
        parameter = required(item, "parameter", SOURCE)
        quantity = PARAMETERS.get(str(required(parameter, "name", SOURCE)))
        if quantity != sensor.quantity or str(required(parameter, "units", SOURCE)) not in MICROGRAMS:
            raise BadPayload(SOURCE, f"not {sensor.quantity} in µg/m³", field="parameter", remedy=REMEDY)
        value = required(item, "value", SOURCE)
        if is_missing(value):
            return
        end = instant_of(required(required(item, "period", SOURCE), "datetimeTo", SOURCE), "datetimeTo")
        yield Reading(sensor.station, quantity, hour_end(end, SOURCE, "datetimeTo"), float(value))

    readings, left_out = read_each(results_of(payload), read)
    rows = observation_rows(readings).drop_duplicates(["station", "quantity", "time"], keep="last")
    return nothing()._replace(observations=rows.reset_index(drop=True), left_out=left_out)


def hours_covered(parsed: Parsed, unit: str, asked: tuple[datetime, datetime], now: datetime) -> Parsed:
    """Return an answer that stands for all hours up to its newest value, and for those given up.

    Networks may be late by hours; what is newer than the newest value is asked for again.
    """
    start, end = asked
    newest = max((from_ns(t) for t in parsed.observations["time"].to_numpy()), default=start)
    until = min(max(newest, now - GIVEN_UP), end)
    count = max((until - start) // HOUR, 0)
    return parsed._replace(covered=tuple((unit, start + n * HOUR) for n in range(1, count + 1)))


def get_locations(http: Http, config: SourceConfig, latitude: float, longitude: float) -> bytes:
    """Ask for the monitors within 25 km of a place; the pages of the answer one after the other."""
    query = {"coordinates": f"{latitude},{longitude}", "radius": str(RADIUS_M), "monitor": "true"}
    return all_pages(http, config, f"/{LOCATIONS}", query)


def get_hours(http: Http, config: SourceConfig, sensor: str, start: datetime, end: datetime) -> bytes:
    """Ask for the hourly means of a sensor whose hours end in (start, end]."""
    query = {"datetime_from": iso(start), "datetime_to": iso(end)}
    return all_pages(http, config, f"/sensors/{sensor}/{HOURLY}", query)


def location_asks(due: Due) -> list[Ask]:
    """Return a request for each place that is due."""
    return [
        Ask(LOCATIONS, f"monitors around {place}", {"place": place}, tuple((place, hour) for hour in hours))
        for place, hours in due.hours.items()
    ]


def hourly_asks(due: Due) -> list[Ask]:
    """Return one request for each sensor, over all hours that are due for it."""
    found = []
    for unit, hours in due.hours.items():
        if hours:
            sensor = sensor_of(unit)
            query = {"unit": unit, "from": iso(hours[0] - HOUR), "to": iso(hours[-1])}
            description = f"{sensor.quantity} of {sensor.station}, {len(hours)} hours"
            found.append(Ask(HOURLY, description, query, tuple((unit, hour) for hour in hours)))
    return found


def sensor_of(unit: str) -> Sensor:
    """Return the sensor that a unit names.

    >>> sensor_of("openaq:2178/pm2p5/3920").id
    '3920'
    """
    found = UNIT.fullmatch(unit)
    if found is None:
        raise BadPayload(SOURCE, f"{unit[:40]!r} names no sensor", remedy="see the station's note")
    return Sensor(*found.groups())


def units(stations: pd.DataFrame) -> tuple[str, ...]:
    """Return the sensors that the notes of stations name."""
    return tuple(
        str(Sensor(str(station), quantity, sensor))
        for station, note in zip(stations["station"], stations["note"], strict=True)
        for quantity, sensor in sensors_of(str(note)).items()
    )


def _asked(parameters: Mapping[str, str]) -> tuple[datetime, datetime]:
    return parse_instant(parameters["from"]), parse_instant(parameters["to"])


def feeds(config: SourceConfig) -> list[Feed]:
    """Return the list of stations, daily, and their hourly values; none without a key.

    >>> feeds(SourceConfig())
    []
    """
    if not config.key.get_secret_value():
        return []

    def hours(http: Http, ask: Ask) -> bytes:
        return get_hours(http, config, sensor_of(ask.parameters["unit"]).id, *_asked(ask.parameters))

    def parse(answer: RawAnswer) -> Parsed:
        parsed = parse_hours(answer.payload, sensor_of(answer.asked["unit"]))
        return hours_covered(parsed, answer.asked["unit"], _asked(answer.asked), answer.fetched_at)

    return [
        Feed(
            "openaq.locations",
            SOURCE,
            LIST_TIMING,
            service(config),
            location_asks,
            lambda http, ask: get_locations(http, config, *searched()[ask.parameters["place"]]),
            lambda answer: parse_locations(answer.payload, answer.fetched_at),
            networks=(SOURCE,),
            units=lambda _: tuple(searched()),
        ),
        Feed(
            "openaq.hourly",
            SOURCE,
            TIMING,
            service(config),
            hourly_asks,
            hours,
            parse,
            networks=(SOURCE,),
            units=units,
        ),
    ]
