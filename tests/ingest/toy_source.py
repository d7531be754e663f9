"""A small service with a clock, a memory and moods, and its feed: what the collector's tests ask."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np

from ingest.feeds import WHOLE, Ask, Feed, Timing
from ingest.storing import Intake
from ingest.wire import Parsed, Reading, load_json, observation_rows, station_rows
from pipeline.errors import BadPayload, NotYetAvailable
from pipeline.http import Limits, Service
from pipeline.ledger import open_ledger
from pipeline.observations import ObservationStore
from pipeline.times import HOUR, iso, parse_instant, to_ns

START = datetime(2025, 1, 10, tzinfo=UTC)
DELAY = timedelta(minutes=15)
KEEPS = timedelta(hours=12)


class NoHttp:
    """Stands where the session stands; remembers who was told to be left alone."""

    def __init__(self):
        self.stops = []

    def stop(self, service, until, reason):
        self.stops.append((service.source, until, reason))


class Clock:
    """A clock that is set by hand."""

    def __init__(self, now=START):
        self.now = now

    def __call__(self):
        return self.now


class Toy:
    """Publishes one value an hour for each of its stations, and keeps twelve hours."""

    def __init__(self, clock, source="toy", stations=("a", "b"), listed=None):
        self.clock, self.source, self.stations = clock, source, stations
        self.listed = stations if listed is None else listed
        self.asked = []
        self.error = None
        self.late = {}
        self.corrected = {}

    def value(self, station, hour):
        n = int((hour - START) / HOUR)
        return self.corrected.get(
            (station, hour), float(20 + (7 * n + 3 * self.stations.index(station)) % 31)
        )

    def published(self, station, hour):
        return hour + DELAY + self.late.get((station, hour), timedelta(0)) <= self.clock()

    def answer(self, hour):
        if not self.clock() - KEEPS < hour <= self.clock() - DELAY:
            return b"[]"
        rows = [
            {"station": s, "hour": iso(hour), "value": self.value(s, hour)}
            for s in self.stations
            if self.published(s, hour)
        ]
        return json.dumps({"rows": rows, "listed": self.listed}).encode()

    def fetch(self, _http, ask):
        self.asked.append(ask.parameters["hour"])
        if self.error is not None:
            raise self.error
        return self.answer(parse_instant(ask.parameters["hour"]))

    def parse(self, answer):
        said = load_json(answer.payload, self.source)
        if said == []:
            raise NotYetAvailable(self.source, "no such hour")
        readings, left_out = [], []
        for row in said["rows"]:
            if row["value"] == "?":
                left_out.append(BadPayload(self.source, "'?' is no number", field="value"))
                continue
            time = to_ns(parse_instant(row["hour"]))
            readings.append(Reading(f"{self.source}:{row['station']}", "pm2p5", time, row["value"]))
        stations = station_rows([station(self.source, s) for s in said["listed"]])
        return Parsed(observation_rows(readings), stations, left_out=tuple(left_out))

    def feed(self, **changed):
        timing = Timing(DELAY, KEEPS, revisit=(timedelta(hours=3),))
        made = {
            "name": f"{self.source}.hour",
            "source": self.source,
            "timing": timing,
            "service": Service(self.source, Limits(per_day=500, zone="Asia/Seoul")),
            "asks": lambda due: [
                Ask("hour", f"hour {iso(h)}", {"hour": iso(h)}, ((WHOLE, h),)) for h in due.instants
            ],
            "fetch": self.fetch,
            "parse": self.parse,
            "networks": (self.source,),
        }
        return Feed(**{**made, **changed})

    def truth(self, start, end):
        """Return every value whose hour lies in (start, end], by station and hour."""
        hours = [START + n * HOUR for n in range(-200, 2000) if start < START + n * HOUR <= end]
        return {(f"{self.source}:{s}", h): self.value(s, h) for s in self.stations for h in hours}


def station(source, name):
    return {
        "station": f"{source}:{name}",
        "name": name,
        "latitude": 37.5,
        "longitude": 127.0,
        "altitude": np.nan,
        "city": "seoul",
        "interval_hours": 1,
        "note": "",
    }


def open_intake(folder, clock, forecasts=None):
    ledger = open_ledger(f"sqlite:///{folder / 'ledger.sqlite'}")
    store = ObservationStore(folder / "observations", ledger, clock)
    return Intake(store, "measured", folder / "quarantine", forecasts)


def stored(intake, now):
    """Return what is known a second later, by station and hour; receipts tick on within a standing second."""
    rows = intake.store.read(world=intake.world, as_of=now + timedelta(seconds=1))
    hours = [parse_instant(str(t)) for t in rows["time"]]
    return dict(zip(zip(rows["station"], hours, strict=True), rows["value"], strict=True))
