"""What we state of the days ahead in the form in which agencies are judged: a range of the index, a level."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr

from alerts.aqi import aqi, iaqi
from alerts.index_ranges import GRADES
from alerts.rules import rule
from alerts.scales import national_scale
from alerts.stated import Stated
from flows.combine import combination_of_run
from flows.plan import CyclePlan
from flows.workspace import Workspace
from forecasting.issue import IssueForecast
from forecasting.targets import Floats
from pipeline.cities import City, all_cities
from pipeline.files import write_atomic
from pipeline.ledger.runs import RunRow
from pipeline.paths import cities_in, day_means
from pipeline.storage.products import brought
from pipeline.times import iso, local_date

log = logging.getLogger(__name__)

SENDER: Final = "sameair"
RANGE: Final = (0.25, 0.75)
"""Levels between which the range lies: if they are true, half of the days measured fall into it."""

PRIMARY_ABOVE: Final = 50
LAST_LEAD: Final = 3
NAMES: Final = {"pm2p5": "PM2.5", "pm10": "PM10"}
WORDS: Final = (
    "central half of the forecast distribution; the index is that of PM2.5 and PM10 alone, so the whole one "
    "is at least this"
)
Plain = dict[str, Any]


def own_statement(plan: CyclePlan, made: IssueForecast, city: City) -> Plain:
    """Return an exchange file (docs/exchange-files.md) of a city's days D+1 to D+3.

    Each day has the range of the Chinese index in the version of the day, its level or pair of levels and the
    primary pollutant, and the range and median of PM2.5 with the grade of the city's own country.
    """
    rows: list[Plain] = []
    today = local_date(plan.cycle, city.timezone)
    means = {q: _means(made.paths[q], city, q) for q in NAMES if q in made.paths}
    for lead in range(1, LAST_LEAD + 1):
        day = today + timedelta(days=lead)
        found = {q: each[day] for q, each in means.items() if day in each}
        if "pm2p5" in found:
            rows += [_index_row(city, day, found), _mean_row(city, day, found["pm2p5"])]
    head = {
        "format": "sameair-exchange",
        "version": "1.0",
        "kind": "forecast",
        "sender": f"{SENDER}-{city.party}",
    }
    about = {"issued_at": iso(plan.cycle), "timezone": city.timezone, "overall": WORDS}
    return {**head, **about, "rows": rows}


def _means(paths: xr.Dataset, city: City, quantity: str) -> dict[date, Floats]:
    """Return the day means (member,) of each whole local day that has any."""
    found = day_means(paths, city, quantity)
    days = found["day"].values.astype("M8[D]").astype(object)
    values = found["day_mean"].values
    return {day: values[:, i] for i, day in enumerate(days) if np.isfinite(values[:, i]).all()}


def _index_row(city: City, day: date, means: Mapping[str, Floats]) -> Plain:
    table = rule("cn.aqi", day)
    parts = np.stack([iaqi(members, quantity, table) for quantity, members in means.items()])
    low, high = (round(float(q)) for q in np.quantile(np.nanmax(parts, axis=0), RANGE))
    medians = {quantity: float(np.median(members)) for quantity, members in means.items()}
    middle = aqi(medians, day)
    above = [0, *table.parameters["level_above"]]
    levels = [
        GRADES["cn"][max(n for n, least in enumerate(above) if at > least or n == 0)] for at in (low, high)
    ]
    return {
        **_head(city, day, "aqi", "1"),
        "low": low,
        "high": high,
        "grade": "-".join(dict.fromkeys(levels)),
        "primary": ",".join(NAMES[q] for q in middle.primary) if high > PRIMARY_ABOVE else "",
    }


def _mean_row(city: City, day: date, members: Floats) -> Plain:
    low, middle, high = (round(float(q), 1) for q in np.quantile(members, (RANGE[0], 0.5, RANGE[1])))
    scale = national_scale(city.rule_set, day)
    band = scale.band_of(middle)
    grade = GRADES[city.rule_set][scale.bands.index(band)] if band else ""
    values = {"low": low, "value": middle, "high": high, "grade": grade}
    return {**_head(city, day, "pm2p5", "ug m-3"), **values}


def _head(city: City, day: date, pollutant: str, unit: str) -> Plain:
    named = {"city": city.geocode["value"], "city_name": city.name["en"], "date": day.isoformat()}
    return {**named, "pollutant": pollutant, "unit": unit}


def write_statements(plan: CyclePlan, made: IssueForecast, folder: Path) -> dict[str, Path]:
    """Write one exchange file for each city of a party beside a run, and return the paths by product."""
    written = {}
    for city in (c for c in cities_in(made.paths["pm2p5"]) if c.party):
        document = own_statement(plan, made, city)
        if document["rows"]:
            text = json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False)
            path = folder / f"statement-{city.id}.json"
            written[f"statement_{city.id}"] = write_atomic(path, text.encode())
    return written


def stated_of_run(ws: Workspace, run: RunRow) -> Stated:
    """Return what a run stored of our own statements and of others'; what cannot be read is left out."""
    own = {}
    for city in all_cities():
        path = brought(ws.settings, run.products.get(f"statement_{city}", "-"))
        try:
            own[city] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
        except (OSError, ValueError):
            log.exception("the statement of %s of run %s cannot be read", city, run.id)
    document = combination_of_run(ws, run)
    days = document["days"] if document else []
    return Stated({city: said for city, said in own.items() if said}, tuple(days))
