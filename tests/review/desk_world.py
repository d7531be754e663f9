"""A small world for tests of the desk: hours of air, runs with stored predictions, a proposed warning."""

import json
import shutil
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from alerts.examples import example_content
from alerts.warnings import propose_version
from pipeline.cities import all_cities
from pipeline.files import write_atomic
from pipeline.ledger.runs import begin_run, fail_run, finish_run, make_current
from pipeline.observations import ObservationStore
from pipeline.times import parse_instant
from review.app import create_app
from review.desk.run_forecast import QUANTILES, _read
from tests.ledger_files import keep_ledger, put_back_ledger
from tests.review.running_app import NOW, RunningApp

CYCLE = parse_instant("2026-01-14T08:00Z")
THRESHOLDS = (35, 50, 75, 115, 150)
STATIONS = {"seoul": "archive:seoul_best_hourly", "beijing": "archive:beijing_best_hourly"}


def predictions(cycle, chance, median=90.0, city_days=4):
    """Rows of one run: ``chance`` of exceeding any threshold at each city and day."""
    rows = []
    for city in all_cities().values():
        zone = {"Asia/Seoul": 9, "Asia/Shanghai": 8}[city.timezone]
        midnight = (cycle + timedelta(hours=zone)).replace(hour=0, minute=0, tzinfo=UTC) - timedelta(
            hours=zone
        )
        spans = [("daily", midnight + timedelta(days=d), 24, d) for d in range(city_days)]
        spans += [("hourly", cycle + timedelta(hours=h), 1, None) for h in range(72)]
        for target, start, hours, lead in spans:
            row = {"city": city.id, "model": "sameair", "target": target, "lead_day": lead}
            row |= {"valid_start": start, "valid_end": start + timedelta(hours=hours), "observed_share": 0.0}
            row |= dict(zip(QUANTILES, median * np.linspace(0.5, 1.5, len(QUANTILES)), strict=True))
            rows.append(row | {f"p_gt_{at}": chance for at in THRESHOLDS})
    return pd.DataFrame(rows).astype({"lead_day": "Int64"})


class DeskWorld(RunningApp):
    """A served installation whose ledger and files a test fills."""

    def __init__(self, folder):
        super().__init__(folder, create_app)
        self.ledger.engine.dispose()
        self.fresh = keep_ledger(folder / "ledger.sqlite", folder / "fresh.sqlite")

    def clear(self):
        """Begin anew on an empty installation, so that a module needs one server and not one a test."""
        self.ledger.engine.dispose()
        put_back_ledger(self.settings.data_dir / "ledger.sqlite", self.fresh)
        for folder in (self.settings.observations_dir, self.settings.runs_dir):
            shutil.rmtree(folder, ignore_errors=True)
        vars(self.app.state)["_state"].pop("desk_reader", None)
        _read.cache_clear()
        self.now = NOW

    def run(self, *, world="measured", cycle=CYCLE, chance=None, products=None, inputs=None, **ended):
        """A run that counts; with ``chance`` it stores predictions, with ``error`` it fails."""
        stored = {name: self.store(name, cycle, said) for name, said in (products or {}).items()}
        if chance is not None:
            path = self.settings.runs_dir / world / f"{cycle:%Y%m%d%H}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            predictions(cycle, chance).to_parquet(path)
            stored["predictions"] = str(path.relative_to(self.settings.data_dir))
        with self.ledger.write() as conn:
            run = begin_run(conn, world=world, cycle=cycle, as_of=cycle, code_version="0", at=cycle)
            if "error" in ended:
                fail_run(conn, run, at=cycle, error=ended["error"])
                return run
            model, wanting = ended.get("model_id", "m1"), ended.get("degraded", "")
            told = {"model_id": model, "inputs": inputs or {}, "degraded": wanting, "products": stored}
            finish_run(conn, run, at=cycle, **told)
            make_current(conn, run, expected=None)
        return run

    def store(self, name, cycle, document):
        """Write a product of a run and return its path as the ledger names it."""
        path = self.settings.runs_dir / f"{cycle:%Y%m%d%H}" / f"{name}.json"
        write_atomic(path, json.dumps(document).encode())
        return str(path.relative_to(self.settings.data_dir))

    def propose(self, **changes):
        """Propose the example warning, of the measured world unless told otherwise."""
        live = {"world": "measured", "simulated": False, "cap_status": "Actual"}
        with self.ledger.write() as conn:
            propose_version(conn, example_content(**(live | changes)), NOW)

    def air(self, city="seoul", value=60.0, hours=48, until=CYCLE, world="measured", delay=0):
        """Store hours of PM2.5 that came ``delay`` hours after each; the clock goes on by a second."""
        ends = [until - timedelta(hours=h) for h in range(hours)]
        rows = pd.DataFrame(
            {
                "station": STATIONS[city],
                "quantity": "pm2p5",
                "value": np.full(hours, value),
                "time": np.array([datetime.replace(e, tzinfo=None) for e in ends], "M8[ns]"),
                "qc": np.zeros(hours, "int8"),
            }
        )
        self.now += timedelta(seconds=1)
        store = ObservationStore(self.settings.observations_dir, self.ledger, lambda: self.now)
        store.append(rows, source="archive-x", world=world, assumed_delay=timedelta(hours=delay))
