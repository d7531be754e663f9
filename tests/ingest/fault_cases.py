"""The fakes that every fault is tried on: one case per source, with something published on every feed."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
from pydantic import SecretStr

from ingest import airkorea, cnemc, ecmwf, kma, open_meteo, openaq, seoul
from ingest.cnemc_city import CITIES, station_of
from ingest.feeds import SourceConfig
from ingest.open_meteo_points import POINTS
from ingest.open_meteo_stand_ins import STAND_INS
from ingest.simulated.published import Published
from pipeline.http import Patience, PoliteHttp
from pipeline.http_session import new_session
from pipeline.schema import STATION_COLUMNS
from pipeline.times import HOUR, parse_instant, to_ns
from tests.fakes.airkorea import KEY as AIRKOREA_KEY
from tests.fakes.airkorea import AirKoreaFake
from tests.fakes.cnemc import CnemcFake
from tests.fakes.ecmwf import EcmwfFake
from tests.fakes.kma import DustCommand, KmaFake
from tests.fakes.open_meteo import OpenMeteoFake
from tests.fakes.openaq import KEY as OPENAQ_KEY
from tests.fakes.openaq import OpenAqFake
from tests.fakes.seoul import KEY as SEOUL_KEY
from tests.fakes.seoul import SeoulFake
from tests.ingest.test_airkorea_bulletins import advisory, forecast, outlook, over50

NOW = parse_instant("2025-02-10T08:51Z")
"""17:51 KST: the forecast of 17 h and the weekly one are out, and so is every hour of the day."""
HOURS = 40
GASES_KR = (
    "sulfur_dioxide_fraction",
    "carbon_monoxide_fraction",
    "ozone_fraction",
    "nitrogen_dioxide_fraction",
)
QUICK = Patience(connect_s=5, read_s=0.15, total_s=0.4, tries=2)
"""For faults that only a time-out ends."""
CALM = Patience(connect_s=5, read_s=10, total_s=30, tries=2)


class Moving:
    """A clock that sleeping moves, and that can be set back for those who look through it."""

    def __init__(self, now=NOW):
        self.now, self.late = now, timedelta(0)

    def __call__(self):
        return self.now

    def of_service(self):
        """What the service believes, so that it publishes late."""
        return self.now - self.late

    def sleep(self, seconds):
        self.now += timedelta(seconds=seconds)


def table(stations: dict[str, dict[str, float]], city: str) -> Published:
    """Publish a wavering value of every quantity of every station, ten minutes after each hour."""
    newest = to_ns(NOW.replace(minute=0) + 6 * HOUR)
    hours = newest - np.arange(HOURS)[::-1] * np.timedelta64(1, "h")
    found = [
        (station, quantity, hour, value * (1 + 0.01 * (n % 7)))
        for station, values in stations.items()
        for quantity, value in values.items()
        for n, hour in enumerate(hours)
    ]
    rows = pd.DataFrame(found, columns=["station", "quantity", "time", "value"])
    rows["time"] = rows["time"].astype("datetime64[ns]")
    rows["value"] = rows["value"].round(0).where(rows["value"] > 10, rows["value"].round(3))
    listed = pd.DataFrame(
        [[s, s.split(":")[1], 37.5, 127.0, 10.0, city, 1, ""] for s in stations],
        columns=list(STATION_COLUMNS),
    )
    at = rows["time"] + pd.Timedelta(minutes=10)
    return Published(rows.assign(qc=np.int8(0), published_at=at), listed)


PM = {"pm2p5": 40.0, "pm10": 70.0}


def airkorea_fake(clock):
    stations = {f"airkorea:{name}": PM | dict.fromkeys(GASES_KR, 20.0) for name in ("중구", "종로구")}
    issue, day = parse_instant("2025-02-10T08:00Z"), parse_instant("2025-02-11T00:00Z").date()
    said = [
        forecast(issue - 6 * HOUR, day),
        forecast(issue, day),
        outlook(issue + HOUR / 2, day + timedelta(days=2)),
        over50(issue, day),
        advisory(NOW.replace(minute=0) - 5 * HOUR),
    ]
    return AirKoreaFake(table(stations, "seoul"), clock, said)


def seoul_fake(clock):
    return SeoulFake(table({f"seoul:{name}": PM for name in ("중구", "종로구")}, "seoul"), clock)


def cnemc_fake(clock):
    sites = {f"cnemc:{code}": PM for code in ("1001A", "1003A")}
    return CnemcFake(table(sites | {station_of(code): PM for code in CITIES}, "beijing"), clock)


def kma_fake(clock):
    weather = {"wind_speed": 3.0, "wind_from_direction": 290.0, "air_temperature": 270.0}
    stations = {"kma_dust:102": {"pm10": 80.0}, "kma_asos:108": weather}
    commands = [DustCommand(NOW - 9 * HOUR, NOW - 8 * HOUR, "L1010100", 2, 1)]
    return KmaFake(table(stations, ""), clock, commands)


def open_meteo_fake(clock):
    weather = {"air_temperature": 270.0, "wind_speed": 3.0, "wind_from_direction": 290.0}
    places = (*POINTS, *(s.point for s in STAND_INS))
    published = table({f"open_meteo:{p.id}": weather for p in places}, "")
    listed = pd.DataFrame([open_meteo.point_station(p) for p in places])
    return OpenMeteoFake(Published(published.rows, listed), clock)


def openaq_fake(clock):
    published = table({"openaq:101": PM, "openaq:102": PM}, "")
    near = published.stations.assign(latitude=[37.5640, 39.9300], longitude=[126.9756, 116.4600])
    return OpenAqFake(Published(published.rows, near), clock)


def ecmwf_fake(clock):
    return EcmwfFake(clock)


@dataclass(frozen=True)
class Case:
    """A source, its key, and its fake as of a clock."""

    module: ModuleType
    fake: Callable[[Callable[[], Any]], Any]
    key: str = ""

    def feeds(self, url):
        return self.module.feeds(SourceConfig(SecretStr(self.key), url))


CASES = {
    "airkorea": Case(airkorea, airkorea_fake, AIRKOREA_KEY),
    "seoul": Case(seoul, seoul_fake, SEOUL_KEY),
    "cnemc": Case(cnemc, cnemc_fake),
    "kma": Case(kma, kma_fake, "k" * 22),
    "open_meteo": Case(open_meteo, open_meteo_fake),
    "openaq": Case(openaq, openaq_fake, OPENAQ_KEY),
    "ecmwf": Case(ecmwf, ecmwf_fake),
}


def polite(ledger, clock, patience=CALM, ca_file=None):
    session = new_session(ca_file)
    session.trust_env = False
    return PoliteHttp(session, ledger, clock, clock.sleep, random.Random(1), patience=patience)
