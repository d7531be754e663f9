"""What an exchange file may hold, version 1: the same fields in JSON and in CSV.

A newer minor version may add fields, which are passed over; another major version is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date
from importlib import resources
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)

from pipeline.names import QUANTITIES

FORMAT: Final = "sameair-exchange"
VERSION: Final = "1.0"
MAJOR: Final = "1"
INDEX: Final = "aqi"
MILLI: Final = "mg m-3"
UNITS: Final[Mapping[str, Mapping[str, float]]] = {INDEX: {"1": 1.0}} | {
    name: {q.unit: 1.0} | ({MILLI: 1000.0} if q.unit == "ug m-3" else {}) for name, q in QUANTITIES.items()
}
"""Units in which each quantity may be given, and the factor to ours."""
ISO = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:?\d\d)?)?", re.ASCII)


def _iso_text(value: object) -> object:
    """Let through ISO text alone: pydantic would also take ``20260116`` for seconds since 1970."""
    if not isinstance(value, str) or not ISO.fullmatch(value.strip()):
        raise ValueError("write ISO 8601, such as 2026-01-15 or 2026-01-15T18:00:00+08:00")
    return value.strip()


def _no_truth_value(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("write a number")
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ValueError, OSError, LookupError) as error:
        raise ValueError("write a time zone such as Asia/Shanghai") from error
    return value


Instant = Annotated[AwareDatetime, BeforeValidator(_iso_text)]
Day = Annotated[date, BeforeValidator(_iso_text)]
Number = Annotated[float, BeforeValidator(_no_truth_value), Field(allow_inf_nan=False)]
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]{0,39}$")]
Words = Annotated[str, Field(max_length=100)]
Text = Annotated[str, Field(max_length=4000)]


class Row(BaseModel):
    """What every part of a file has in common: unknown fields are passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Envelope(Row):
    """The head of a file.

    ``issued_at`` dates the bulletin or the file; a correction of a bulletin repeats it. ``timezone`` says in
    which zone the days of a forecast lie.
    """

    format: Literal["sameair-exchange"]
    version: Annotated[str, Field(pattern=r"^1\.\d{1,3}$")] = Field(description="1.0")
    kind: Literal["forecast", "observations", "stations"]
    sender: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9\-]{0,31}$")] = Field(
        description="short name of the writer, always the same"
    )
    issued_at: Instant = Field(description="instant with its offset from UTC")
    timezone: Annotated[str, AfterValidator(_zone)] = Field(
        "Asia/Shanghai", description="IANA time zone of the days of a forecast"
    )
    overall: Text = Field("", description="forecast in words")
    cause: Text = Field("", description="its reasons in words")


class ForecastRow(Row):
    """One city, day and pollutant: a value, an interval, a grade, or several of them."""

    city: Id = Field(description="GB/T 2260 code such as 110000")
    city_name: Words = ""
    date: Day = Field(description="the day forecast, midnight to midnight in the file's time zone")
    pollutant: Literal[
        "aqi", "pm2p5", "pm10", "ozone", "nitrogen_dioxide", "sulfur_dioxide", "carbon_monoxide"
    ]
    unit: Literal["1", "ug m-3", "mg m-3"] = Field(description="1 for aqi")
    value: Annotated[Number, Field(ge=0)] | None = None
    low: Annotated[Number, Field(ge=0)] | None = None
    high: Annotated[Number, Field(ge=0)] | None = None
    grade: Words = Field("", description="level as the writer names it")
    primary: Words = Field("", description="primary pollutants, separated by commas")


class ObservationRow(Row):
    """One mean over an hour; a value that is missing is left out, or empty."""

    station: Id
    quantity: Literal[tuple(QUANTITIES)]  # type: ignore[valid-type]
    interval_end: Instant = Field(description="end of the averaging hour, with its offset from UTC")
    unit: Words
    value: Number | None = None
    quality: Literal["valid", "suspect", "invalid"] = "valid"


class StationRow(Row):
    """One station."""

    station: Id
    name: Words
    latitude: Annotated[Number, Field(ge=-90, le=90)]
    longitude: Annotated[Number, Field(ge=-180, le=180)]
    altitude: Annotated[Number, Field(ge=-500, le=9000)] | None = Field(None, description="[m]")
    city: Annotated[str, Field(max_length=40)] = Field("", description="code of its city, if it counts there")
    note: Words = ""


ROWS: Final[dict[str, type[Row]]] = {
    "forecast": ForecastRow,
    "observations": ObservationRow,
    "stations": StationRow,
}


def make_schema(kind: str) -> str:
    """Return the JSON schema of one kind of file as text.

    >>> json.loads(make_schema("stations"))["properties"]["rows"]["items"]["title"]
    'StationRow'
    """
    schema = Envelope.model_json_schema()
    schema["properties"]["kind"] = {"const": kind}
    schema["properties"]["rows"] = {"type": "array", "items": ROWS[kind].model_json_schema()}
    schema["required"].append("rows")
    schema |= {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{FORMAT} {VERSION}, {kind}",
        "description": "See docs/exchange-files.md.",
    }
    return json.dumps(schema, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def packaged_schema(kind: str) -> str:
    """Return the JSON schema of one kind of file as it is packaged.

    >>> "sameair-exchange" in packaged_schema("forecast")
    True
    """
    return (resources.files("ingest") / "exchange" / f"{kind}-{MAJOR}.schema.json").read_text("utf-8")


def complaint(error: ValidationError) -> tuple[str, str]:
    """Return the field that is wrong and what is wrong with it, in one line."""
    first: Mapping[str, Any] = error.errors(include_url=False, include_context=False)[0]
    given = "" if first["type"] == "missing" else f" (it says {str(first['input'])[:40]!r})"
    said = str(first["msg"]).removeprefix("Value error, ")
    return ".".join(str(part) for part in first["loc"]), f"{said}{given}"
