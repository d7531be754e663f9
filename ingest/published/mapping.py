"""The mapping file: a small TOML file that says how to read a table that sameair does not know.

docs/import-files.md describes it by examples. Everything in it is checked before a file is read.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ingest.published.units import conversion
from pipeline.errors import UsageError

STATED: Final = "stated"
"""A time zone that every time of the table states itself."""

NAME: Final = r"^[a-z0-9][a-z0-9_-]*$"
"""What the name of a source or network may be."""

_OFFSET = re.compile(r"[+-]\d\d:\d\d")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Time(_Part):
    """When a value holds: the columns of its time stamp, their format, their zone, and what they name."""

    columns: tuple[str, ...] = Field(min_length=1)
    format: str = "ISO8601"
    zone: str
    label: Literal["end", "begin", "middle"]
    interval_hours: Annotated[int, Field(ge=1, le=744)] = 1

    @model_validator(mode="after")
    def _usable(self) -> Time:
        if self.zone != STATED and not _OFFSET.fullmatch(self.zone):
            try:
                ZoneInfo(self.zone)
            except (KeyError, ValueError, OSError):
                raise ValueError(
                    f"zone {self.zone!r} is no zone; write Asia/Seoul, +09:00 or {STATED}"
                ) from None
        if self.format == "epoch_s":
            if self.zone != "UTC":
                raise ValueError("seconds since 1970 are UTC; write zone = 'UTC'")
            return self
        try:
            pd.to_datetime(pd.Series(["x"]), format=self.format, errors="coerce", utc=True)
        except ValueError as error:
            raise ValueError(f"format {self.format!r} is no format of times ({error})") from None
        if self.zone == STATED and self.format != "ISO8601" and "%z" not in self.format:
            raise ValueError(f"zone {STATED!r} needs a format with %z, or ISO8601")
        return self


class Place(_Part):
    """One station; coordinates in degrees, altitude in m above sea level."""

    id: str = Field(min_length=1)
    name: str = ""
    latitude: Annotated[float, Field(ge=-90, le=90)] | None = None
    longitude: Annotated[float, Field(ge=-180, le=180)] | None = None
    altitude: Annotated[float, Field(ge=-500, le=9000)] | None = None
    city: str = ""
    note: str = ""


class Stations(_Part):
    """Where the stations are named: in a column, in the header (every value column is one), or here alone."""

    network: str = Field(pattern=NAME)
    column: str = ""
    in_header: bool = False
    places: tuple[Place, ...] = ()
    rename: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_way(self) -> Stations:
        if self.column and self.in_header:
            raise ValueError("stations are named either by a column or by the header")
        if not self.column and not self.in_header and len(self.places) != 1:
            raise ValueError("a table of one station needs exactly one [[stations.places]]")
        return self


class Values(_Part):
    """One column of values (``"*"``: every other column, for stations in the header)."""

    column: str
    quantity: str
    unit: str
    height: float | None = None

    @model_validator(mode="after")
    def _convertible(self) -> Values:
        _checked(self.quantity, self.unit)
        return self


class Species(_Part):
    """One name in the column of species."""

    quantity: str
    unit: str

    @model_validator(mode="after")
    def _convertible(self) -> Species:
        _checked(self.quantity, self.unit)
        return self


class SpeciesColumn(_Part):
    """A long table of composition: one column names the species, another holds the value."""

    column: str
    value: str
    names: dict[str, Species] = Field(min_length=1)


class Height(_Part):
    """The height dimension: a column of heights (or ``height`` of single value columns)."""

    column: str = ""
    unit: Literal["m", "km"] = "m"
    above: Literal["ground", "sea"] = "ground"


class Quality(_Part):
    """A column of status marks; a value whose mark is not among the good ones is stored as failed."""

    column: str
    good: tuple[str, ...]


class Mapping(_Part):
    """A whole mapping file."""

    version: Literal[1]
    source: str = Field(pattern=NAME)
    files: str = "*"
    kind: Literal["text", "excel"] = "text"
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    encoding: Literal["utf-8", "euc-kr", "cp949", "gb18030", "ascii", "latin-1"] = "utf-8"
    sheet: str = ""
    skip_lines: Annotated[int, Field(ge=0, le=1000)] = 0
    header: tuple[str, ...] = ()
    missing: tuple[str, ...] = ("", "NA", "NaN")
    time: Time
    stations: Stations
    values: tuple[Values, ...] = ()
    species: SpeciesColumn | None = None
    height: Height = Height()
    quality: Quality | None = None

    @model_validator(mode="after")
    def _has_values(self) -> Mapping:
        if bool(self.values) == (self.species is not None):
            raise ValueError("give either [[values]] or [species]")
        star = any(v.column == "*" for v in self.values)
        if star != self.stations.in_header or (star and len(self.values) != 1):
            raise ValueError('stations in the header go with a single [[values]] of column = "*"')
        return self


def read_mapping(path: Path) -> Mapping:
    """Read and check a mapping file.

    Raises
    ------
    UsageError
        it cannot be read, or says something that cannot be; names the first such place
    """
    try:
        return parse_mapping(path.read_text("utf-8"), path.name)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the mapping {path} cannot be read ({error})") from error


def parse_mapping(text: str, name: str) -> Mapping:
    """Check the text of a mapping file.

    Raises
    ------
    UsageError
        names the first place that is wrong

    Examples
    --------
    >>> parse_mapping("version = 1", "x.toml")
    Traceback (most recent call last):
    pipeline.errors.UsageError: the mapping x.toml: source: Field required; see docs/import-files.md
    """
    try:
        return Mapping.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"the mapping {name} is no TOML: {error}; see docs/import-files.md") from error
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        what = first["msg"].removeprefix("Value error, ")
        raise UsageError(f"the mapping {name}: {where}: {what}; see docs/import-files.md") from None


def _checked(quantity: str, unit: str) -> None:
    try:
        conversion(quantity, unit)
    except UsageError as error:
        raise ValueError(str(error)) from None
