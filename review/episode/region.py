"""The map: what stations and places around read now, the wind there, and the ways on which the air comes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import numpy as np
import pandas as pd

from alerts.origin_page import OriginCard, origin_cards, unknown_origins
from alerts.path_map import is_drawn
from alerts.scales import Scale, national_scale
from alerts.vocabulary import Language
from pipeline.cities import City, all_cities
from pipeline.names import QC_FAIL
from pipeline.observations import ObservationStore
from pipeline.origin_panel import CityOrigin, OriginPanel, read_panel
from pipeline.place_names import name_of
from pipeline.settings import Settings
from pipeline.surroundings import Place, all_places
from pipeline.times import local_date
from review.episode.subject import Subject
from review.figures import Arrow, MapFigure, Path, Point
from review.security import product_file
from review.texts import Texts

AIR_AGE: Final = timedelta(hours=3)
WIND_AGE: Final = timedelta(hours=6)
PATHS: Final = 24
"""So many of the drawn paths are shown on the map that moves: all of them are in the run's file."""

ROOM: Final = 4.0
"""Places further than this from the rectangle that both cities span are left out [degree]."""

APART: Final = 2
"""Decimals of a position [degree] at which readings count as of one place, the most recent of them."""
AIR: Final = ("pm2p5",)
WIND: Final = ("eastward_wind", "northward_wind", "wind_speed", "wind_from_direction")


def map_of(
    store: ObservationStore, subject: Subject, panel: OriginPanel | None, t: Texts
) -> MapFigure | None:
    """Return the map about a city as known at the page's instant; None where there is nothing to show."""
    listed = _placed(store.stations(subject.row.world, subject.at), t.language)
    rows = store.read(
        world=subject.row.world,
        as_of=subject.at,
        quantities=[*AIR, *WIND],
        start=subject.at - max(AIR_AGE, WIND_AGE),
        end=subject.at,
    )
    rows = rows[rows["qc"] != QC_FAIL]
    newest = rows.sort_values("time").groupby(["station", "quantity"]).last().reset_index()
    points = list(_points(newest, listed, subject))
    arrows = list(_arrows(newest, listed))
    paths = list(_paths(panel, subject, t))
    if not points and not arrows:
        return None
    return MapFigure(
        "region", t("episode.map_title"), points, arrows, paths, unit="µg/m³", note=t("episode.map_note")
    )


def panel_of(subject: Subject, settings: Settings) -> OriginPanel | None:
    """Return where the air of the city comes from, as the run knew it."""
    path = product_file(subject.run, "origins", settings)
    panel = read_panel(path) if path is not None else None
    if panel is None:
        return None
    return replace(panel, cities=tuple(c for c in panel.cities if c.city == subject.city.id))


def origin_of(panel: OriginPanel | None, t: Texts) -> dict[str, Any]:
    """Return the origin of the air of a city as the page writes it."""
    cards: tuple[OriginCard, ...] = origin_cards(panel, t.language) if panel is not None else ()
    return {"cards": cards, "unknown": unknown_origins(panel), "is_there": panel is not None}


def _placed(listed: pd.DataFrame, language: Language) -> pd.DataFrame:
    """Return the stations about the cities by id; what stands for a place or city is named after it."""
    owners: list[Place | City] = [*all_places().values(), *all_cities().values()]
    known = {name: owner for owner in owners for series in owner.series for name in series.stations}
    rows = listed.assign(
        name=[name_of(known[s].id, language) if s in known else n for s, n in _pairs(listed, "name")],
        latitude=[known[s].latitude if s in known else y for s, y in _pairs(listed, "latitude")],
        longitude=[known[s].longitude if s in known else x for s, x in _pairs(listed, "longitude")],
    ).set_index("station")
    cities = list(all_cities().values())
    south, north = min(c.latitude for c in cities) - ROOM, max(c.latitude for c in cities) + ROOM
    west, east = min(c.longitude for c in cities) - ROOM, max(c.longitude for c in cities) + ROOM
    near = rows["latitude"].between(south, north) & rows["longitude"].between(west, east)
    return rows[near]


def _pairs(listed: pd.DataFrame, column: str) -> Iterator[tuple[str, Any]]:
    return zip(listed["station"].astype(str), listed[column], strict=True)


def _points(newest: pd.DataFrame, listed: pd.DataFrame, subject: Subject) -> Iterator[Point]:
    scale = national_scale(subject.city.country.lower(), local_date(subject.at, subject.city.timezone))
    rows = newest[newest["quantity"].isin(AIR) & (newest["time"] > _naive(subject, AIR_AGE))]
    rows = rows.join(listed[["name", "latitude", "longitude"]], on="station", how="inner")
    place = [rows["latitude"].round(APART), rows["longitude"].round(APART)]
    for row in rows.sort_values("time").groupby(place).last().to_dict("records"):
        value, where = float(row["value"]), (float(row["latitude"]), float(row["longitude"]))
        yield Point(*where, str(row["name"] or row["station"]), round(value, 1), _role(scale, value))


def _naive(subject: Subject, age: timedelta) -> pd.Timestamp:
    return pd.Timestamp(subject.at - age).tz_convert("UTC").tz_localize(None)


def _role(scale: Scale, value: float) -> str:
    band = scale.band_of(value)
    return f"grade-{band.tone}" if band is not None else "neutral"


def _arrows(newest: pd.DataFrame, listed: pd.DataFrame) -> Iterator[Arrow]:
    rows = newest[newest["quantity"].isin(WIND)]
    rows = rows.join(listed[["name", "latitude", "longitude"]], on="station", how="inner")
    for station in sorted(set(rows["station"].astype(str))):
        group = rows[rows["station"] == station]
        read = {str(q): float(v) for q, v in zip(group["quantity"], group["value"], strict=True)}
        wind, place = _components(read), group.to_dict("records")[0]
        if wind is not None:
            label = f"{place['name'] or station}: {np.hypot(*wind):.1f} m/s"
            yield Arrow(float(place["latitude"]), float(place["longitude"]), *wind, label)


def _components(read: dict[str, float]) -> tuple[float, float] | None:
    """Return eastward and northward wind [m s-1] however it was measured.

    >>> _components({"wind_speed": 2.0, "wind_from_direction": 180.0})
    (0.0, 2.0)
    """
    if "eastward_wind" in read and "northward_wind" in read:
        return float(read["eastward_wind"]), float(read["northward_wind"])
    if "wind_speed" in read and "wind_from_direction" in read:
        angle = np.deg2rad(read["wind_from_direction"])
        pair = -read["wind_speed"] * np.sin(angle), -read["wind_speed"] * np.cos(angle)
        return round(float(pair[0]), 6) + 0.0, round(float(pair[1]), 6) + 0.0
    return None


def _paths(panel: OriginPanel | None, subject: Subject, t: Texts) -> Iterator[Path]:
    for city in panel.cities if panel is not None else ():
        if panel is not None and is_drawn(city, panel):
            yield from _drawn(city, t)


def _drawn(city: CityOrigin, t: Texts) -> Iterator[Path]:
    step = max(1, len(city.paths) // PATHS)
    for one in city.paths[::step][:PATHS]:
        latitudes, longitudes = [point[1] for point in one.points], [point[2] for point in one.points]
        hours = [point[0] for point in one.points]
        yield Path(t("episode.path", height=round(one.height_m)), latitudes, longitudes, hours)
