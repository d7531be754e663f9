"""AirKorea's rows: hourly values and the station list, read from bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from ingest.airkorea_gateway import SOURCE, parse_items, parse_label
from ingest.salvage import clean_text, parts_per_billion, read_each, station_name
from ingest.wire import Parsed, Reading, nothing, observation_rows, required, station_rows, to_number
from pipeline.cities import cities_by_area
from pipeline.errors import BadPayload
from pipeline.names import QC_PASS, QC_SUSPECT
from pipeline.times import from_ns

VARIABLE_MAP: Final = {"pm25Value": "pm2p5", "pm10Value": "pm10"}
GAS_MAP: Final = {
    "so2Value": "sulfur_dioxide_fraction",
    "coValue": "carbon_monoxide_fraction",
    "o3Value": "ozone_fraction",
    "no2Value": "nitrogen_dioxide_fraction",
}
MISSING: Final = frozenset({"-", ""})
CITY_OF_PROVINCE: Final = cities_by_area("KR")
URBAN: Final = "도시대기"
"""Network of urban background stations; roadside ones (도로변대기) are no part of a city mean."""
KOREA: Final = ((30.0, 45.0), (120.0, 135.0))
"""Between which latitudes and longitudes a coordinate is believed."""

Read = tuple[Reading, bool]
"""A reading, and whether its flag says that something is wrong with it."""


def parse_measurements(payload: bytes, station: str | None = None) -> Parsed:
    """Read ``getCtprvnRltmMesureDnsty`` (stations now) or ``getMsrstnAcctoRltmMesureDnsty`` (one station).

    Parameters
    ----------
    payload : the JSON answer as it came
    station : name of the station asked for; items of the one-station operation need not carry it

    Returns
    -------
    Parsed
        rows of PM [ug m-3] and of gases as mole fractions [1e-9]; a value marked missing gives no row,
        whatever its flag, and a value with a flag is suspect; every hour that has an item is covered

    Raises
    ------
    SourceUnavailable, NotYetAvailable
        refusals of the gateway
    BadPayload
        no item reads at all; single bad items are left out and named
    """
    items, cut = parse_items(payload)
    hours: set[tuple[str, np.datetime64]] = set()

    def read(item: Mapping[str, Any]) -> Iterator[Read]:
        name = f"{SOURCE}:{_station_of(item, station)}"
        if _is_missing(item.get("dataTime")) and _is_empty(item):
            return
        time = parse_label(required(item, "dataTime", SOURCE))
        found = list(_readings(item, name, time))
        hours.add((name, time))
        yield from found

    found, left_out = read_each(items, read)
    return Parsed(
        _rows(found),
        nothing().stations,
        covered=tuple((name, from_ns(time)) for name, time in sorted(hours)),
        left_out=(*cut, *left_out),
    )


def _station_of(item: Mapping[str, Any], asked: str | None) -> str:
    name = item.get("stationName") or asked or required(item, "stationName", SOURCE)
    return station_name(name, SOURCE, "stationName")


def _readings(item: Mapping[str, Any], station: str, time: np.datetime64) -> Iterator[Read]:
    for field, quantity in (VARIABLE_MAP | GAS_MAP).items():
        value = to_number(item.get(field), SOURCE, field, MISSING)
        if field in GAS_MAP:
            value = parts_per_billion(value, SOURCE, field)
        flagged = not _is_missing(item.get(field.replace("Value", "Flag")))
        yield Reading(station, quantity, time, value), flagged


def _rows(found: list[Read]) -> pd.DataFrame:
    """Return observation rows, one for each station, quantity and time; flagged values are suspect."""
    rows = observation_rows([reading for reading, _ in found])
    doubted = {(r.station, r.quantity, r.time) for r, flagged in found if flagged}
    if doubted:
        keys = zip(rows["station"], rows["quantity"], rows["time"].to_numpy(), strict=True)
        doubt = np.array([key in doubted for key in keys], dtype=bool)
        rows.loc[doubt & (rows["qc"] == QC_PASS).to_numpy(), "qc"] = np.int8(QC_SUSPECT)
    return rows.drop_duplicates(["station", "quantity", "time"], keep="first", ignore_index=True)


def _is_missing(value: object) -> bool:
    return value is None or (isinstance(value, str) and value.strip() in MISSING)


def _is_empty(item: Mapping[str, Any]) -> bool:
    """Tell whether a station that is silent altogether sent neither time nor values."""
    return all(_is_missing(item.get(field)) for field in VARIABLE_MAP)


def parse_stations(payload: bytes, note: str = "") -> Parsed:
    """Read ``getMsrstnList``: coordinates, and which stations make up a city (urban background only).

    ``dmX`` is the latitude in today's answers and the longitude in older ones; the value decides.

    Raises
    ------
    SourceUnavailable, NotYetAvailable
        refusals of the gateway
    BadPayload
        no item reads at all; single bad items are left out and named
    """
    items, cut = parse_items(payload)
    rows, left_out = read_each(items, lambda item: [_station(item, note)])
    return Parsed(nothing().observations, station_rows(rows), left_out=(*cut, *left_out))


def _station(item: Mapping[str, Any], note: str) -> dict[str, object]:
    name = station_name(required(item, "stationName", SOURCE), SOURCE, "stationName")
    latitude, longitude = _coordinates(item)
    province = clean_text(item.get("addr")).split(" ")[0]
    network = clean_text(item.get("mangName"))
    return {
        "station": f"{SOURCE}:{name}",
        "name": name,
        "latitude": latitude,
        "longitude": longitude,
        "altitude": np.nan,
        "city": CITY_OF_PROVINCE.get(province, "") if network in (URBAN, "") else "",
        "interval_hours": 1,
        "note": note or f"{network or 'network unknown'}, unconfirmed real-time values",
    }


def _coordinates(item: Mapping[str, Any]) -> tuple[float, float]:
    """Return latitude and longitude, NaN where the pair is none of Korea's."""
    try:
        pair = sorted(to_number(item.get(f), SOURCE, f, MISSING) for f in ("dmX", "dmY"))
    except BadPayload:
        return np.nan, np.nan
    inside = all(low < value < high for value, (low, high) in zip(pair, KOREA, strict=True))
    return (pair[0], pair[1]) if inside else (np.nan, np.nan)
