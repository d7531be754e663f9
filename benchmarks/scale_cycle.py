"""How a cycle grows with stations and cities, each size in a process of its own.

Invented hourly readings of all stations and the weather of every city lie in the store; models are trained by
a first cycle, which is not counted. The next cycle is: the hour of all stations in the wire format of CNEMC
read and stored, snapshot, forecast with reasons, evidence and what stands beside it, assessment, proposal,
bulletin and delivery. No forecast winds are stored: trajectories and origins are not in it, nor is Prefect.
``python -m benchmarks.scale_cycle``; ``--sizes 2:60 20:600 200:2300`` for growth with cities (half an hour).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.growth import apart, exponent, judged, peak_gib

WORLD = "simulated-77"
CYCLE = datetime(2024, 12, 16, 8, tzinfo=UTC)
SNAPSHOT = timedelta(minutes=20)
DELAY = timedelta(minutes=5)
SIZES = ("2:60", "2:600", "2:2300")
WEATHER = {"air_temperature": 275.0, "relative_humidity": 0.5, "eastward_wind": 3.0, "northward_wind": 1.0}
CITY = """id = "bench{number}"
party = "beijing"
country = "CN"
timezone = "Asia/Shanghai"
rule_set = "cn"
latitude = {latitude}
longitude = {longitude}
name = {{ ko = "벤치{number}", zh = "测试{number}", en = "Bench {number}" }}
geocode = {{ name = "bench", value = "B{number}", evidence = "invented" }}
areas = ["测试{number}市"]
[[series]]
world = "simulated"
quantities = ["pm2p5", "pm10"]
role = "reference"
network = "cnemc"
interval_hours = 1
[[series]]
world = "simulated"
quantities = ["air_temperature", "relative_humidity", "eastward_wind", "northward_wind"]
role = "weather"
stations = ["open_meteo:bench{number}"]
interval_hours = 1
"""


def measure(cities: int, stations: int, days: int) -> dict[str, float]:
    """Return the costs of a cycle: processor time by step, wall time and memory."""
    with tempfile.TemporaryDirectory() as folder:
        chosen = ["seoul-beijing"]
        if cities > 2:
            own = Path(folder) / "cities"
            own.mkdir()
            for n in range(cities - 2):
                place = {"latitude": 24 + 0.1 * (n % 180), "longitude": 105 + 0.1 * (7 * n % 250)}
                (own / f"bench{n}.toml").write_text(CITY.format(number=n, **place), "utf-8")
            chosen.append(str(own))
        os.environ["SAMEAIR_CITIES"] = json.dumps(chosen)
        return _measured(Path(folder), stations, days)


def _measured(folder: Path, stations: int, days: int) -> dict[str, float]:
    """Fill a workspace, run a cycle that trains, then the one that counts."""
    from dataclasses import replace

    from flows.plan import CyclePlan
    from flows.workspace import open_workspace
    from pipeline.settings import Settings

    now = [CYCLE]
    ws = open_workspace(Settings(data_dir=folder / "data"), clock=lambda: now[0])
    listed = _stations(stations)
    ws.store.append_stations(listed, source="bench", world=WORLD)
    for start in range(0, days, 30):
        first = CYCLE - timedelta(days=days - start)
        hours = 24 * min(30, days - start)
        ws.store.append(_rows(listed, first, hours), source="bench", world=WORLD, assumed_delay=DELAY)
    plan = CyclePlan(WORLD, CYCLE, CYCLE + SNAPSHOT, "simulated", True, 77)
    costs: dict[str, float] = {}
    now[0] = plan.as_of
    _cycle(ws, plan, costs)
    later = CYCLE + timedelta(hours=6)
    plan = replace(plan, cycle=later, as_of=later + SNAPSHOT)
    now[0] = later + SNAPSHOT / 2
    costs, began = {}, time.perf_counter()
    with _taking(costs, "ingest"):
        ws.store.append(_rows(listed, CYCLE, 5), source="bench", world=WORLD)
        _read_hour(ws, listed, later)
    now[0] = plan.as_of
    _cycle(ws, plan, costs)
    ws.ledger.close()
    return {
        **{f"{name} s": spent for name, spent in costs.items()},
        "cycle s": sum(costs.values()),
        "wall s": time.perf_counter() - began,
        "memory GiB": peak_gib(),
    }


def _cycle(ws: Any, plan: Any, costs: dict[str, float]) -> None:
    from flows.assess import propose_warnings
    from flows.bulletin import write_bulletin
    from flows.delivering import deliver
    from flows.forecast import forecast_cycle
    from flows.issue import issue_approved
    from flows.signing import approve_drill, drafts_of_drill

    with _taking(costs, "forecast"):
        run_id = forecast_cycle(ws, plan)
    with _taking(costs, "propose"):
        propose_warnings(ws, run_id)
    with _taking(costs, "issue"):
        approve_drill(ws, drafts_of_drill(ws, plan.world, plan.cycle), plan.as_of)
        issue_approved(ws, plan.world, plan.as_of)
    with _taking(costs, "bulletin"):
        write_bulletin(ws, run_id)
    with _taking(costs, "deliver"):
        deliver(ws, plan.world, lambda: plan.as_of)


@contextmanager
def _taking(costs: dict[str, float], step: str) -> Iterator[None]:
    """Add the processor time of a step to the costs [s], and tell it at once, for long runs that are cut."""
    began = time.process_time()
    yield
    spent = time.process_time() - began
    costs[step] = costs.get(step, 0.0) + spent
    print(f"  {step}: {spent:.2f} s", file=sys.stderr, flush=True)


def _stations(count: int) -> pd.DataFrame:
    """Return the stations, dealt out evenly to the cities, and the weather points."""
    from ingest.wire import station_rows
    from pipeline.cities import all_cities

    known = list(all_cities().values())
    rows = []
    for n in range(count):
        one = known[n % len(known)]
        network = "airkorea" if one.country == "KR" else "cnemc"
        place = (one.latitude + 0.001 * (n // len(known)), one.longitude)
        rows.append((f"{network}:bench{n}", *place, one.id))
    rows += [(f"open_meteo:{one.id}", one.latitude, one.longitude, one.id) for one in known]
    table = pd.DataFrame(rows, columns=["station", "latitude", "longitude", "city"])
    table = table.assign(name=table["station"], altitude=np.nan, interval_hours=1, note="simulated")
    return station_rows(table.to_dict("records"))


def _rows(listed: pd.DataFrame, first: datetime, hours: int) -> pd.DataFrame:
    """Return invented readings of ``hours`` hours that end after ``first``: weather systems of some days."""
    rng = np.random.default_rng(int(first.timestamp()))
    times = np.datetime64(first.replace(tzinfo=None), "ns") + np.arange(1, hours + 1) * np.timedelta64(1, "h")
    since = times.astype("M8[h]").astype(np.int64)
    level = 60 + 45 * np.sin(since / 15.0) + 12 * np.sin(since / 3.8)
    parts = []
    names = listed["station"].astype(str)
    for quantity, usual in {"pm2p5": 1.0, "pm10": 1.7, **WEATHER}.items():
        mine = names[names.str.startswith("open_meteo:") == (quantity in WEATHER)].tolist()
        noise = rng.normal(0, 0.1, (hours, len(mine)))
        air = np.clip(level[:, None] * usual * (1 + noise), 1, None)
        values = usual * (1 + 0.3 * noise) if quantity in WEATHER else air
        values = np.clip(values, 0, 1) if quantity == "relative_humidity" else values
        parts.append(
            pd.DataFrame(
                {
                    "station": pd.Categorical.from_codes(np.tile(np.arange(len(mine)), hours), mine),
                    "quantity": quantity,
                    "time": np.repeat(times, len(mine)),
                    "value": values.ravel().round(1 if quantity != "relative_humidity" else 2),
                    "qc": np.zeros(values.size, np.int8),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def _read_hour(ws: Any, listed: pd.DataFrame, end: datetime) -> None:
    """Take in the newest hour as CNEMC answers it, and the other stations' readings."""
    from ingest.cnemc import parse_live
    from ingest.simulated.published import Published
    from ingest.simulated.write_cnemc import country_now

    rows = _rows(listed, end - timedelta(hours=1), 1)
    rows["station"], rows["quantity"] = rows["station"].astype(str), rows["quantity"].astype(str)
    published = Published(rows.assign(published_at=rows["time"], flag=""), listed)
    answer = json.dumps(country_now(published, end + DELAY), ensure_ascii=False).encode()
    read = parse_live(answer, now=end + DELAY).observations
    rest = rows[~rows["station"].str.startswith("cnemc:")]
    ws.store.append(read, source="cnemc", world=WORLD)
    ws.store.append(rest.reset_index(drop=True), source="bench", world=WORLD)


def main() -> int:
    """Measure every size, print the table and the exponents; 1 where something is over its limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--sizes",
        nargs="+",
        default=list(SIZES),
        help="cities:stations; growth is told by cities where they differ, else by stations",
    )
    parser.add_argument("--days", type=int, default=425, help="days of stored past")
    parser.add_argument("--smallest", type=float, default=20.0, help="limit of the smallest cycle [s]")
    parser.add_argument("--largest", type=float, default=120.0, help="limit of the largest cycle [s]")
    parser.add_argument("--memory", type=float, default=6.0, help="limit of memory [GiB]")
    parser.add_argument("--growth", type=float, default=1.1, help="limit of the exponent, see --sizes")
    chosen = parser.parse_args()
    pairs = [tuple(int(part) for part in size.split(":")) for size in chosen.sizes]
    found = []
    for cities, stations in pairs:
        found.append(apart(measure, cities, stations, chosen.days))
        shown = "  ".join(f"{name} {cost:.3g}" for name, cost in found[-1].items())
        print(f"{cities} cities, {stations} stations: {shown}", flush=True)
    figures = {"smallest cycle s": found[0]["cycle s"], "largest cycle s": found[-1]["cycle s"]}
    figures["memory GiB"] = max(one["memory GiB"] for one in found)
    if len(pairs) > 1:
        cities = [cities for cities, _ in pairs]
        sizes = cities if len(set(cities)) > 1 else [stations for _, stations in pairs]
        figures["exponent of the cycle"] = exponent(sizes, [one["cycle s"] for one in found])
    limits = {
        "smallest cycle s": chosen.smallest,
        "largest cycle s": chosen.largest,
        "memory GiB": chosen.memory,
        "exponent of the cycle": chosen.growth,
    }
    return judged(figures, limits)


if __name__ == "__main__":
    sys.exit(main())
