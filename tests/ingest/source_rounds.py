"""Rounds of real feeds against a fake on loopback: a clock, a ledger, the polite session, the collector."""

import random
from contextlib import contextmanager

import numpy as np
import pandas as pd

from ingest.collect import collect_all
from ingest.feeds import SourceConfig
from ingest.simulated.published import Published
from pipeline.http import PoliteHttp
from pipeline.http_session import new_session
from tests.fakes.server import serving_fake
from tests.ingest.toy_source import open_intake


class Rounds:
    """Collects from one fake as an installation does."""

    def __init__(self, intake, http, module, served, key, fake):
        self.intake, self.http, self.served, self.fake = intake, http, served, fake
        self.feeds = module.feeds(SourceConfig(key, served.url))

    def collect(self, *names):
        """Collect from the feeds of these names, or all; return the reports by name."""
        feeds = [f for f in self.feeds if not names or f.name in names]
        reports = collect_all(self.intake, self.http, feeds, self.intake.clock())
        return {report.feed: report for report in reports}

    def calls(self):
        """Return what was asked since the last look, as (operation, query)."""
        found = [(asked.path.rsplit("/", 1)[1], asked.query) for asked in self.served.asked]
        self.served.asked.clear()
        return found


@contextmanager
def rounds(folder, module, fake, clock, key):
    """Serve a fake and collect from it into a new store in ``folder``."""
    intake = open_intake(folder, clock)
    with serving_fake(fake) as served, new_session() as session:
        http = PoliteHttp(session, intake.ledger, clock, sleep=lambda _: None, rng=random.Random(7))
        yield Rounds(intake, http, module, served, key, fake)
    intake.ledger.close()


def hourly(stations, end, hours, value, delay_minutes=15):
    """Return rows of ``stations`` × ``hours`` up to ``end``, published after ``delay_minutes``.

    ``value(station, quantity, n)`` is the value ``n`` hours before the end, for PM2.5, PM10 and ozone.
    """
    newest = np.datetime64(end.replace(tzinfo=None), "ns")
    rows = pd.DataFrame(
        [
            (s, q, newest - np.timedelta64(n, "h"), float(value(s, q, n)), np.int8(0))
            for s in stations
            for q in ("pm2p5", "pm10", "ozone_fraction")
            for n in range(hours)
        ],
        columns=["station", "quantity", "time", "value", "qc"],
    )
    rows["time"] = rows["time"].astype("datetime64[ns]")
    rows["published_at"] = rows["time"] + pd.Timedelta(minutes=delay_minutes)
    return rows


def published(rows, city="seoul", areas=None):
    """Return rows and their stations as published; those with an area of their own belong to no city."""
    stations = [
        {
            "station": s,
            "name": s.split(":")[1],
            "latitude": 37.5,
            "longitude": 127.0,
            "altitude": np.nan,
            "city": "" if s in (areas or {}) else city,
            "interval_hours": 1,
            "note": "",
        }
        for s in rows["station"].unique()
    ]
    return Published(rows, pd.DataFrame(stations), areas or {})
