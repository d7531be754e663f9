"""Signs that coarse particles come from where dust is raised: readings upwind, paths, CAMS, advisories.

None of them is a share of anybody: each says that one sign was there, and what it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

import numpy as np
import xarray as xr

from forecasting.transport.dust import TERMS, Particles, city_particles, is_coarse, place_particles
from pipeline.asof import AsOfPanel
from pipeline.bulletins import Bulletin
from pipeline.cities import City, all_cities
from pipeline.dust_outlook import DustEvidence
from pipeline.regions import all_regions, region_index
from pipeline.surroundings import AROUND, all_places
from pipeline.times import from_ns, iso, to_ns
from pipeline.weather_schema import valid_times

SOURCE_REGIONS: Final = ("mongolian_plateau", "inner_mongolia", "hexi_alxa", "tarim_dzungaria")
"""Regions of pipeline.regions with ground on which dust is raised: Gobi, Inner Mongolia, Alxa, Taklamakan."""

UPWIND_HOURS: Final = 72
"""Readings upwind count as a sign if they were taken at most this long before [h]."""

UPWIND_KM: Final = (150.0, 2500.0)
"""How far upwind a place lies; what is nearer shares the city's own air."""

UPWIND_SECTOR: Final = (225.0, 45.0)
"""Bearings at which places count as upwind, clockwise [degree]: dust comes from south-west to north-east."""

PATH_SHARE: Final = 0.3
"""At least this share of paths must have crossed a source region to be a sign [1]."""

CAMS_DUST: Final = 100.0
"""CAMS dust at or above this is a sign [ug m-3], if it is half of its PM10 or more."""

EARTH_KM: Final = 6371.0


@dataclass(frozen=True)
class Signs:
    """Where signs may be found; each may be missing.

    Parameters
    ----------
    panel : series of the world with all their versions
    paths : trajectories back from the cities with the variable ``city`` (pipeline.wind_fields), or None
    cams : a CAMS forecast (pipeline.weather_schema) with ``dust`` [ug m-3], or None
    bulletins : advisories of other agencies, those of kind ``dust`` count
    """

    panel: AsOfPanel
    paths: xr.Dataset | None = None
    cams: xr.Dataset | None = None
    bulletins: tuple[Bulletin, ...] = ()


def origin_signs(
    signs: Signs, city: City, start: datetime, end: datetime, as_of: datetime
) -> tuple[DustEvidence, ...]:
    """Return every sign, for or against, about coarse particles that are in a city over (start, end].

    Parameters
    ----------
    start : when they came, or the beginning of the day they are expected
    as_of : nothing received later is read
    """
    found = [
        upwind_sign(signs.panel, city, start, as_of),
        path_sign(signs.paths, city, start, end),
        cams_sign(signs.cams, city, start, end),
        bulletin_sign(signs.bulletins, city, start, end),
    ]
    return tuple(sign for sign in found if sign is not None)


def upwind_sign(panel: AsOfPanel, city: City, start: datetime, as_of: datetime) -> DustEvidence | None:
    """Return the strongest coarse particles measured upwind in the last days; None where nothing measures.

    A place supports dust with coarse particles for ``TERMS.hours`` in the UPWIND_HOURS before ``start``.
    """
    end = min(start, as_of)
    begin = end - timedelta(hours=UPWIND_HOURS)
    best: tuple[float, DustEvidence] | None = None
    for place, found in _upwind(panel, city, begin, end, as_of):
        coarse = is_coarse(found.pm10, found.pm2p5)
        there = np.isfinite(found.pm10)
        if not there.any():
            continue
        supports = bool(coarse.sum() * found.step >= TERMS.hours)
        at = int(np.nanargmax(np.where(coarse if supports else there, found.pm10, np.nan)))
        value = float(found.pm10[at])
        sign = DustEvidence("upwind", supports, round(value, 1), place, iso(from_ns(found.times[at])))
        rank = value + 1e6 * supports
        if best is None or rank > best[0]:
            best = rank, sign
    return best[1] if best else None


def path_sign(paths: xr.Dataset | None, city: City, start: datetime, end: datetime) -> DustEvidence | None:
    """Return the share of a city's paths arriving over (start, end] that crossed a source region.

    None where no path arrives then. A path that ended early counts as not having crossed.
    """
    if paths is None or "city" not in paths:
        return None
    arrival = paths["start_time"].to_numpy()
    chosen = (paths["city"].to_numpy() == city.id) & (arrival > to_ns(start)) & (arrival <= to_ns(end))
    if not chosen.any():
        return None
    at = region_index(paths["latitude"].to_numpy()[chosen], paths["longitude"].to_numpy()[chosen])
    share = float(np.isin(at, _sources()).any(axis=1).mean())
    said = f"{paths.attrs.get('source', '')} ({paths.attrs.get('kind', '')})"
    return DustEvidence("paths", share >= PATH_SHARE, round(share, 3), "", iso(start), said)


def cams_sign(cams: xr.Dataset | None, city: City, start: datetime, end: datetime) -> DustEvidence | None:
    """Return the most dust that a CAMS forecast has at a city over (start, end]; None where it says nothing.

    It supports dust from CAMS_DUST on, if that is half of its PM10 (where it tells PM10).
    """
    if cams is None or "dust" not in cams:
        return None
    names = cams["station"].to_numpy().astype(str)
    here = np.flatnonzero(np.char.endswith(names, f":{city.id}"))
    times = valid_times(cams)
    inside = np.flatnonzero((times > to_ns(start)) & (times <= to_ns(end)))
    if not len(here) or not len(inside):
        return None
    part = cams.isel(station=int(here[0]), forecast_period=inside)
    dust = part["dust"].to_numpy()
    if not np.isfinite(dust).any():
        return None
    at = int(np.nanargmax(dust))
    pm10 = float(part["pm10"].to_numpy()[at]) if "pm10" in part else float("nan")
    supports = dust[at] >= CAMS_DUST and not dust[at] < 0.5 * pm10
    when = iso(from_ns(times[inside][at]))
    source = str(cams.attrs.get("source", "CAMS"))
    return DustEvidence("cams", bool(supports), round(float(dust[at]), 1), city.id, when, source)


def bulletin_sign(
    bulletins: Iterable[Bulletin], city: City, start: datetime, end: datetime
) -> DustEvidence | None:
    """Return a dust advisory that names the city and holds at some time of (start, end]; None without one."""
    for said in bulletins:
        area = f"{said.content.get('district', '')} {said.content.get('area', '')}"
        ends = said.valid_until or end
        if said.kind == "dust" and city.name["ko"] in area and said.valid_from <= end and ends > start:
            value = said.content.get("value")
            number = float(value) if isinstance(value, int | float) else None
            return DustEvidence("bulletin", True, number, city.id, iso(said.issued_at), said.source)
    return None


def upwind_places(city: City, names: Sequence[str]) -> list[str]:
    """Return those places around, and cities, that lie upwind of a city.

    Examples
    --------
    >>> from pipeline.cities import city
    >>> upwind_places(city("seoul"), ["beijing", "busan_air", "hohhot_air", "baengnyeong_air", "seoul"])
    ['beijing', 'hohhot_air', 'baengnyeong_air']
    """
    known: dict[str, Any] = {**all_places(), **all_cities()}
    return [n for n in names if n in known and _is_upwind(city, known[n].latitude, known[n].longitude)]


def _upwind(
    panel: AsOfPanel, city: City, begin: datetime, end: datetime, as_of: datetime
) -> list[tuple[str, Particles]]:
    both = {k.split(".")[2] for k in panel if k.startswith(f"{AROUND}.pm10.")}
    both &= {k.split(".")[2] for k in panel if k.startswith(f"{AROUND}.pm2p5.")}
    cities = [c for c in all_cities().values() if f"{c.id}.pm10.reference" in panel]
    found = [
        (c.id, city_particles(panel, c, begin, end, as_of)) for c in cities if upwind_places(city, [c.id])
    ]
    names = upwind_places(city, sorted(both))
    return found + [(n, place_particles(panel, n, begin, end, as_of)) for n in names]


def _is_upwind(city: City, latitude: float, longitude: float) -> bool:
    a, b = np.radians(city.latitude), np.radians(latitude)
    east = np.radians(longitude - city.longitude)
    y = np.sin(east) * np.cos(b)
    x = np.cos(a) * np.sin(b) - np.sin(a) * np.cos(b) * np.cos(east)
    bearing = float(np.degrees(np.arctan2(y, x)) % 360)
    cosine = np.sin(a) * np.sin(b) + np.cos(a) * np.cos(b) * np.cos(east)
    far = EARTH_KM * float(np.arccos(np.clip(cosine, -1, 1)))
    first, last = UPWIND_SECTOR
    return UPWIND_KM[0] <= far <= UPWIND_KM[1] and (bearing >= first or bearing <= last)


@cache
def _sources() -> list[int]:
    return [i for i, name in enumerate(all_regions()) if name in SOURCE_REGIONS]
