"""What was measured where paths passed, as known at an instant: upwind readings of an origin panel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import xarray as xr

from forecasting.transport.local_air import LOCAL_KM
from forecasting.transport.passing import Floats, distance_km, passed_place
from pipeline.asof import AsOfPanel, AsOfSeries
from pipeline.cities import City
from pipeline.names import is_simulated
from pipeline.origin_panel import UpwindReading
from pipeline.surroundings import AROUND, all_places
from pipeline.times import NS_HOUR, from_ns, iso, to_ns

QUANTITY: Final = "pm2p5"
MOST_READINGS: Final = 6
LEAST_SHARE: Final = 0.1
"""A place counts as upwind if at least this share of the paths of one arrival passed it."""

APART_KM: Final = 25.0
"""Of places nearer to each other than this one is told: they measure the same air."""

NEWEST_HOURS: Final = 24
"""The newest reading of a place counts for so long."""


@dataclass(frozen=True)
class Site:
    """A place of measurement and the key of its series in a panel."""

    id: str
    latitude: float
    longitude: float
    key: str


def upwind_readings(
    paths: xr.Dataset, city: City, panel: AsOfPanel, others: Sequence[City], as_of: datetime
) -> tuple[UpwindReading, ...]:
    """Return what was measured at the places that the paths of one arrival passed, the latest passed first.

    Parameters
    ----------
    paths : the paths of one arrival time (one ``start_time``)
    panel : series of the world, of which only values received by ``as_of`` are read [ug m-3]
    others : cities whose own series counts beside the places around
    """
    if not paths.sizes["trajectory"]:
        return ()
    passed = [
        (site, passed_place(paths, (site.latitude, site.longitude))) for site in sites(city, others, panel)
    ]
    share = {site: float(np.isfinite(ages).mean()) for site, ages in passed}
    ranked = sorted(
        (one for one in passed if share[one[0]] >= LEAST_SHARE), key=lambda one: (-share[one[0]], one[0].id)
    )
    chosen: list[tuple[Site, Floats]] = []
    found: list[UpwindReading] = []
    for site, ages in ranked:
        if len(found) < MOST_READINGS and not _beside(site, chosen):
            told = _reading(site, ages, paths["start_time"].to_numpy()[0], panel, as_of)
            if told.value is not None or told.latest is not None:
                chosen.append((site, ages))
                found.append(told)
    return tuple(sorted(found, key=lambda r: (r.hours_before, r.place)))


def sites(city: City, others: Sequence[City], panel: AsOfPanel) -> tuple[Site, ...]:
    """Return the places where air is measured that is not the city's own, other cities first."""
    kind = "simulated" if is_simulated(panel.world) else panel.world
    found = [
        Site(o.id, o.latitude, o.longitude, f"{o.id}.{QUANTITY}.reference") for o in others if o.id != city.id
    ]
    found += [
        Site(p.id, p.latitude, p.longitude, f"{AROUND}.{QUANTITY}.{p.id}")
        for p in all_places().values()
        if p.group == "air" and QUANTITY in p.quantities(kind)
    ]
    home = (city.latitude, city.longitude)
    return tuple(
        site
        for site in found
        if site.key in panel and float(distance_km(site.latitude, site.longitude, home)) > LOCAL_KM
    )


def _beside(site: Site, chosen: Sequence[tuple[Site, Floats]]) -> bool:
    at = (site.latitude, site.longitude)
    return any(float(distance_km(one.latitude, one.longitude, at)) < APART_KM for one, _ in chosen)


def _reading(
    site: Site, ages: Floats, arrival: np.datetime64, panel: AsOfPanel, as_of: datetime
) -> UpwindReading:
    """Return the readings of a site: of the interval in which the middle path passed, and the newest."""
    hours = float(np.nanmedian(ages))
    passed = arrival - np.timedelta64(round(hours * NS_HOUR), "ns")
    series, limit = panel[site.key], to_ns(as_of)
    ends, values = series.window(limit - np.timedelta64(NEWEST_HOURS, "h"), limit, limit)
    value = _at(series, passed, limit) if passed <= limit else None
    return UpwindReading(
        place=site.id,
        latitude=site.latitude,
        longitude=site.longitude,
        quantity=QUANTITY,
        hours_before=round(hours, 1),
        passed_at=iso(from_ns(passed)),
        value=value,
        latest=round(float(values[-1]), 1) if len(values) else None,
        latest_at=iso(from_ns(ends[-1])) if len(ends) else "",
    )


def _at(series: AsOfSeries, when: np.datetime64, as_of: np.datetime64) -> float | None:
    """Return the value of the interval that holds an instant, as known then; None where it is not known."""
    step = np.timedelta64(series.interval_hours, "h").astype("m8[ns]")
    _, values = series.window(when - np.timedelta64(1, "ns"), when + step - np.timedelta64(1, "ns"), as_of)
    return round(float(values[0]), 1) if len(values) else None
