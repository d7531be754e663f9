"""What the services of a soak publish, and when: late hours, corrections, missing values, statements."""

import random
from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np
import pandas as pd

from ingest.open_meteo import point_station
from ingest.open_meteo_points import POINTS
from ingest.simulated.published import Published
from pipeline.bulletins import Bulletin
from pipeline.schema import STATION_COLUMNS
from pipeline.times import HOUR, iso, to_ns
from tests.fakes.exchange import as_csv, as_json
from tests.fakes.kma import DustCommand
from tests.flows.soak_schedule import START
from tests.ingest.test_airkorea_bulletins import advisory, forecast, outlook, over50
from tests.ingest.test_exchange_files import CITIES

PM = ("pm2p5", "pm10")
SERIES = {
    "airkorea:중구": (*PM, "ozone_fraction"),
    "airkorea:종로구": PM,
    "airkorea:백령도": PM,
    "airkorea:해운대구": PM,
    "airkorea:새역": PM,
    "seoul:중구": PM,
    "seoul:종로구": PM,
    "cnemc:1001A": (*PM, "ozone"),
    "cnemc:1003A": PM,
    "cnemc:1005A": PM,
    "cnemc:city_110000": PM,
    "cnemc:city_120000": PM,
    "openaq:101": PM,
    "openaq:102": PM,
    "kma_dust:102": ("pm10",),
    "kma_asos:108": ("wind_speed", "air_temperature"),
    "open_meteo:seoul": ("air_temperature", "relative_humidity"),
    "open_meteo:beijing": ("air_temperature", "relative_humidity"),
}
FAR = "airkorea:해운대구"
"""A station of no city of ours, whose missed hours are not asked for."""
NEW = "airkorea:새역"
"""A station that begins during the soak, a good while before the list has it."""
PUNCTUAL = ("seoul", "open_meteo")
"""What changes later is never seen again there, or all of yesterday is."""
PLACES = {"openaq:101": (37.5640, 126.9756), "openaq:102": (39.9300, 116.4600)}
DELAY = timedelta(minutes=10)
AFTERWARDS = timedelta(minutes=50)
BEFORE = 30
"""Hours before the start that the services have."""
DAY = timedelta(days=1)


@dataclass
class Truth:
    """Everything that is published, by source.

    ``said`` is by (station, quantity, hour): the instants of publication and the values, None for missing.
    ``rows_at`` is by (station, hour): when the service first had a row of it.
    """

    published: dict[str, Published]
    said: dict[tuple, list[tuple]]
    rows_at: dict[tuple, object]
    new_from: object
    new_listed: object
    bulletins: list[Bulletin] = field(default_factory=list)
    commands: list[DustCommand] = field(default_factory=list)

    def at(self, key, when):
        """Return what is published of a key at an instant, None if nothing."""
        steps = self.said.get(key, [])
        found = bisect_right(steps, when, key=lambda step: step[0])
        return steps[found - 1][1] if found else None


def source_of(station):
    """Return the source of a station."""
    network = station.split(":")[0]
    return "kma" if network.startswith("kma") else network


def make_truth(seed, hours):
    """Draw what is published from a day before the start to the end."""
    rng = random.Random(seed)
    new_from = START + (hours // 3) * HOUR
    new_listed = new_from + 9 * HOUR
    said, rows_at = {}, {}
    for station, quantities in SERIES.items():
        first = hours // 3 if station == NEW else -BEFORE
        for n in range(first, hours + 1):
            hour = START + n * HOUR
            steps = [_steps(station, quantity, hour, rng) for quantity in quantities]
            late = _lateness(station, rng)
            for quantity, found in zip(quantities, steps, strict=True):
                said[station, quantity, hour] = [(when + late, value) for when, value in found]
            rows_at[station, hour] = hour + DELAY + late + HOUR * (source_of(station) == "openaq")
    published = {s: _published(s, said) for s in {source_of(station) for station in SERIES}}
    made = Truth(published, said, rows_at, new_from, new_listed)
    made.bulletins, made.commands = _statements(hours, rng), _dust(hours, rng)
    return made


def _lateness(station, rng):
    if source_of(station) in PUNCTUAL or rng.random() > 0.04:
        return timedelta(0)
    return rng.choice((1, 1, 2, 3, 6, 26)) * HOUR


def _steps(station, quantity, hour, rng):
    """Return the instants of publication and the values of one hour."""
    first = hour + DELAY + HOUR * (source_of(station) == "openaq")
    values = [_value(quantity, rng)]
    while len(values) < 2:
        other = _value(quantity, rng)
        values += [other] if other != values[0] else []
    chance = rng.random()
    if chance < 0.01:
        return [(first, None)]
    after = rng.choice((0, 2, 5, 12, 22, 30, 80)) * HOUR + AFTERWARDS - DELAY
    if chance < 0.03:
        return [(first, None), (first + after, values[0])]
    if chance < 0.06:
        return [(first, values[0]), (first + after, values[1])]
    return [(first, values[0])]


def _value(quantity, rng):
    if quantity == "air_temperature":
        return 273.15 + rng.randrange(-150, 150) / 10
    if quantity == "relative_humidity":
        return rng.randrange(10, 100) / 100
    if quantity == "wind_speed":
        return rng.randrange(10, 120) / 10
    return float(rng.randrange(5, 180))


def _published(source, said):
    found = [
        (station, quantity, to_ns(hour), np.nan if value is None else value, to_ns(when))
        for (station, quantity, hour), steps in said.items()
        if source_of(station) == source
        for when, value in steps
    ]
    rows = pd.DataFrame(found, columns=["station", "quantity", "time", "value", "published_at"])
    for name in ("time", "published_at"):
        rows[name] = rows[name].astype("datetime64[ns]")
    return Published(rows.assign(qc=np.int8(0)), _stations(source), {FAR: "부산", "airkorea:백령도": "인천"})


def _stations(source):
    if source == "open_meteo":
        return pd.DataFrame([point_station(p) for p in POINTS])
    city = {"cnemc": "beijing", "openaq": "", "kma": ""}.get(source, "seoul")
    return pd.DataFrame(
        [
            [
                station,
                station.split(":")[1],
                *PLACES.get(station, (37.5, 127.0)),
                10.0,
                "" if station in (FAR, "airkorea:백령도") else city,
                1,
                "",
            ]
            for station in SERIES
            if source_of(station) == source
        ],
        columns=list(STATION_COLUMNS),
    )


def _statements(hours, rng):
    """Return AirKorea's forecasts, outlooks and advisories, some of which are lifted after the end."""
    found = []
    for n in range(hours):
        when = START + n * HOUR
        day = (when + 9 * HOUR).date()
        if n % 6 == 2:
            found += [forecast(when, day, grade=rng.choice(("보통", "나쁨"))), over50(when, day + DAY)]
        if n % 24 == 8:
            found.append(outlook(when + HOUR / 2, day + 3 * DAY))
        if n % 41 == 7:
            found.append(advisory(when, when + rng.choice((5, 9, 30)) * HOUR))
    return found


def _dust(hours, rng):
    """Return commands about dust: issued and, hours later, lifted."""
    found = []
    for n in range(5, hours - 12, 60):
        when = START + n * HOUR + timedelta(minutes=10)
        end = when + rng.choice((3, 7)) * HOUR
        found += [
            DustCommand(when, when + HOUR, "L1010100", 3, 1),
            DustCommand(end, end + HOUR, "L1010100", 3, 3),
        ]
    return found


def exchange_files(hours, rng):
    """Return the files of the other side: when each is begun and completed, its name and its bytes.

    Stations come on the second day, so that the observations of the first are held until then; one day has no
    forecast; one file in eight comes twice; one is never completed.
    """
    files = []
    for day in range(hours // 24):
        at = START + day * DAY + 10 * HOUR
        head = {"format": "sameair-exchange", "version": "1.0", "sender": "cnemc", "issued_at": iso(at)}
        write, ending = rng.choice(((as_json, "json"), (as_csv, "csv")))
        made = [("forecast", forecast_rows(at, rng))] if day != 4 else []
        made.append(("observations", observed_rows(at, rng)))
        if day == 1 or hours <= 24:
            row = {"station": "E1", "name": "交换", "latitude": 39.9, "longitude": 116.4}
            made.append(("stations", [row]))
        for kind, rows in made:
            content = write(head | {"kind": kind, "rows": rows})
            begun = at + timedelta(minutes=rng.choice((5, 20)))
            done = begun + rng.choice((0, 0, 1, 10, 40)) * timedelta(minutes=1)
            files.append((begun, done, f"{kind}_{at:%Y%m%d}.{ending}", content, kind, rows, at))
            if rng.random() < 0.12:
                files.append(
                    (done + HOUR, done + HOUR, f"again_{kind}_{at:%Y%m%d}.{ending}", content, "", [], at)
                )
    begun = START + (hours // 2) * HOUR + timedelta(minutes=3)
    files.append(
        (
            begun,
            None,
            "broken.csv",
            b"#format,sameair-exchange\n#version,1.0\na,b\n1,2\n",
            "broken",
            [],
            begun,
        )
    )
    return sorted(files, key=lambda file: file[0])


def forecast_rows(at, rng):
    """Return the forecast of eleven cities for the next day."""
    target = (at + 8 * HOUR + DAY).date().isoformat()
    rows = []
    for code, name in CITIES.items():
        low = rng.randrange(10, 90)
        rows.append(
            {"city": code, "city_name": name, "date": target, "pollutant": "pm2p5", "unit": "ug m-3"}
            | {"low": low, "high": low + 20}
        )
    return rows


def observed_rows(at, rng):
    """Return the last 26 hours of one station; the first two correct those of the day before."""
    return [
        {"station": "E1", "quantity": "pm2p5", "interval_end": iso(at - n * HOUR), "unit": "ug m-3"}
        | {"value": rng.randrange(5, 180)}
        for n in range(25, -1, -1)
    ]
