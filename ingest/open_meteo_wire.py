"""How Open-Meteo writes (CC BY 4.0): one column per variable, points in the order of the request.

Shared by its analyses, forecasts, CAMS forecasts and previous runs. Answers do not name the points, the times
are GMT unless asked otherwise, trailing values may be null, and refusals are
``{"error": true, "reason": …}``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from ingest.wire import REMEDY, load_json, required
from pipeline.errors import BadPayload, QuotaSpent, SourceUnavailable
from pipeline.http import Http, Limits, Request, Service

SOURCE: Final = "open_meteo"
BASE_URL: Final = "https://api.open-meteo.com"
FORECAST_PATH: Final = "/v1/forecast"
LICENCE: Final = "CC BY 4.0, Open-Meteo.com; free for non-commercial use"
LIMITS: Final = Limits(per_minute=10, per_hour=60, per_day=130)
"""Ours: twice what a day without trouble takes (62), so that hours of "overloaded" leave enough, but so few
that feeds and history together stay inside the free 10,000 calls a day: a request counts once per point, per
ten variables and per two weeks (own knowledge, unverified), a weather forecast about 190 times."""
FAR_DEGREES: Final = 0.5
"""The answer gives the grid cell's coordinates; farther than this from the request, the order is mixed up."""
SECONDS_PER_HOUR: Final = 3600
MOST_OFFSET_S: Final = 14 * SECONDS_PER_HOUR
Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.datetime64]


class WeatherPoint(NamedTuple):
    """A place that is asked for; ``city`` is empty for points upwind of the cities."""

    id: str
    name: str
    latitude: float
    longitude: float
    city: str = ""


Converters = Mapping[str, Callable[[Floats], Floats]]
SPEED: Final[Converters] = {"m/s": lambda x: x, "km/h": lambda x: x / 3.6}
DIRECTION: Final[Converters] = {"°": lambda x: x}
CELSIUS: Final[Converters] = {"°C": lambda x: x + 273.15}
PERCENT: Final[Converters] = {"%": lambda x: x / 100}
METRES: Final[Converters] = {"m": lambda x: x}
CONCENTRATION: Final[Converters] = {"μg/m³": lambda x: x, "µg/m³": lambda x: x}
"""Written with the Greek letter or with the micro sign."""
CONVERSIONS: Final[dict[str, Converters]] = {
    "temperature_2m": CELSIUS,
    "dew_point_2m": CELSIUS,
    "relative_humidity_2m": PERCENT,
    "surface_pressure": {"hPa": lambda x: x * 100},
    "pressure_msl": {"hPa": lambda x: x * 100},
    "boundary_layer_height": METRES,
    "precipitation": {"mm": lambda x: x},
    "cloud_cover": PERCENT,
    "wind_speed_10m": SPEED,
    "wind_direction_10m": DIRECTION,
    "pm2_5": CONCENTRATION,
    "pm10": CONCENTRATION,
    "dust": CONCENTRATION,
    "aerosol_optical_depth": {"": lambda x: x},
}
"""Units that are understood, per field; a kilogram per square metre is a millimetre of water."""


def service(part: str = "", limits: Limits = LIMITS) -> Service:
    """Return what must be known to ask it; history has limits of its own, so that it starves no feed."""
    return Service(f"{SOURCE}_{part}" if part else SOURCE, limits)


def ask_points(
    http: Http, known: Service, url: str, points: Sequence[WeatherPoint], query: Mapping[str, str]
) -> bytes:
    """Ask for hourly variables at points in GMT and return the raw answer."""
    params = {
        "latitude": ",".join(str(p.latitude) for p in points),
        "longitude": ",".join(str(p.longitude) for p in points),
        "timezone": "GMT",
        **query,
    }
    request = Request("GET", url, params, check=check_refusal, expect=("application/json",))
    return http.ask(known, request)


def check_refusal(payload: bytes) -> None:
    """Raise what a refusal means, whatever the status it came with; what is no JSON is not judged here.

    >>> check_refusal(b'{"error": true, "reason": "Daily API request limit exceeded."}')
    Traceback (most recent call last):
    pipeline.errors.QuotaSpent: open_meteo: Daily API request limit exceeded.
    """
    try:
        answers = load_json(payload, SOURCE)
    except BadPayload:
        return
    for answer in answers if isinstance(answers, list) else [answers]:
        _refused(answer)


def answers_of(payload: bytes, points: Sequence[WeatherPoint]) -> list[Mapping[str, Any]]:
    """Return the answer of each point, in the order of ``points``.

    Raises
    ------
    QuotaSpent, SourceUnavailable
        the limit of requests is reached, or the service is overloaded
    BadPayload
        another number or order of points, or anything that is no object
    """
    answers = load_json(payload, SOURCE)
    answers = answers if isinstance(answers, list) else [answers]
    for answer in answers:
        _refused(answer)
    if len(answers) != len(points):
        raise BadPayload(SOURCE, f"{len(answers)} points came, {len(points)} were asked", remedy=REMEDY)
    for answer, point in zip(answers, points, strict=True):
        if not isinstance(answer, Mapping):
            raise BadPayload(SOURCE, "the answer is no object", remedy=REMEDY)
        _check_place(answer, point)
    return answers


def _refused(answer: Any) -> None:
    if not isinstance(answer, Mapping) or not answer.get("error"):
        return
    reason = ascii(str(answer.get("reason", ""))[:120])[1:-1]
    if "Daily" in reason and "limit" in reason:
        raise QuotaSpent(SOURCE, reason)
    if "limit" in reason or "concurrent" in reason or "overloaded" in reason:
        raise SourceUnavailable(SOURCE, reason, remedy="try again later")
    raise BadPayload(SOURCE, reason, remedy="check the variables asked for")


def _check_place(answer: Mapping[str, Any], point: WeatherPoint) -> None:
    for field, asked in (("latitude", point.latitude), ("longitude", point.longitude)):
        got = required(answer, field, SOURCE)
        if not _is_number(got) or not abs(got - asked) <= FAR_DEGREES:
            raise BadPayload(
                SOURCE,
                f"{point.id} was asked at {asked}, the answer is for {str(got)[:20]}",
                field=field,
                remedy="ask and read the points in the same order",
            )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300


class Columns:
    """The hourly columns of one point, over ascending times, none twice; of what comes twice the last counts.

    Raises
    ------
    BadPayload
        the times do not read

    Examples
    --------
    >>> answer = {"utc_offset_seconds": 32400, "hourly_units": {"pm10": "μg/m³"},
    ...     "hourly": {"time": ["2025-01-01T10:00", "2025-01-01T09:00"], "pm10": [None, 30]}}
    >>> columns = Columns(answer)
    >>> [str(t)[:13] for t in columns.times], columns.column("pm10", CONCENTRATION).tolist()
    (['2025-01-01T00', '2025-01-01T01'], [30.0, nan])
    """

    def __init__(self, answer: Mapping[str, Any]) -> None:
        self._cells = required(answer, "hourly", SOURCE)
        self._units = required(answer, "hourly_units", SOURCE)
        stamps = _stamps(self._cells, required(answer, "utc_offset_seconds", SOURCE))
        self._length = len(stamps)
        times, first_from_end = np.unique(stamps[::-1], return_index=True)
        self.times: Times = times
        self._pick = self._length - 1 - first_from_end

    def column(self, field: str, units: Converters) -> Floats:
        """Return one variable in our unit, NaN where it is null.

        Raises
        ------
        BadPayload
            it is absent, of another unit or length, or holds anything but numbers
        """
        cells, unit = required(self._cells, field, SOURCE), required(self._units, field, SOURCE)
        convert = units.get(unit) if isinstance(unit, str) else None
        if convert is None:
            raise BadPayload(
                SOURCE,
                f"the unit is {ascii(unit)[:20]}",
                field=field,
                remedy=f"ask for {' or '.join(units)} (wind_speed_unit=ms)",
            )
        if not isinstance(cells, list) or not all(x is None or _is_number(x) for x in cells):
            raise BadPayload(SOURCE, "a value is no number", field=field, remedy=REMEDY)
        if len(cells) != self._length:
            what = f"{len(cells)} values for {self._length} times"
            raise BadPayload(SOURCE, what, field=field, remedy=REMEDY)
        values = np.array([math.nan if x is None else float(x) for x in cells], dtype=float)
        return convert(values[self._pick])


def _stamps(hourly: Any, offset: Any) -> Times:
    """Return the stamps as they come [UTC, datetime64[ns]], each a whole hour."""
    texts = required(hourly, "time", SOURCE)
    if not _is_number(offset) or offset % SECONDS_PER_HOUR or abs(offset) > MOST_OFFSET_S:
        raise BadPayload(
            SOURCE, f"{str(offset)[:20]!r} is no offset", field="utc_offset_seconds", remedy=REMEDY
        )
    if not isinstance(texts, list):
        raise BadPayload(SOURCE, "the times are no list", field="time", remedy=REMEDY)
    stamps: Times = np.array([_stamp(text) for text in texts], dtype="datetime64[ns]")
    stamps -= np.timedelta64(int(offset), "s")
    return stamps


def _stamp(text: object) -> datetime:
    try:
        when = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        when = None
    whole = when is not None and (when.minute, when.second, when.microsecond) == (0, 0, 0)
    if when is None or when.tzinfo is not None or not 1990 <= when.year <= 2199 or not whole:
        raise BadPayload(SOURCE, "a time does not read; ask timeformat=iso8601", field="time", remedy=REMEDY)
    return when


def wind_components(speed: Floats, from_direction: Floats) -> tuple[Floats, Floats]:
    """Return eastward and northward wind of a speed and the direction it comes *from* [degree].

    >>> [round(float(x), 6) + 0.0 for x in wind_components(np.float64(2.0), np.float64(270.0))]
    [2.0, 0.0]
    """
    angle = np.radians(from_direction)
    return -speed * np.sin(angle), -speed * np.cos(angle)
