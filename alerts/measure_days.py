"""Local days on which a city's emission-cutting measures ran, read from a sourced table."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib import resources
from typing import Any, Final

from pipeline.cities import all_cities
from pipeline.errors import PolicyError

TABLE = resources.files("alerts") / "measure_days.toml"
MARKS: Final = ("found", "counted")


@dataclass(frozen=True)
class MeasureRun:
    """Successive local days with measures in one city, which ones, and where that is written."""

    city: str
    first: date
    last: date
    measure: str
    mark: str
    source: str

    def days(self) -> frozenset[date]:
        """Return every day of the run."""
        return frozenset(self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1))


def parse_runs(table: Mapping[str, Any]) -> tuple[MeasureRun, ...]:
    """Read the rows of a table.

    Raises
    ------
    PolicyError
        an unknown city or mark, days reversed, no source, or a day of a city in two rows

    Examples
    --------
    >>> parse_runs({"run": [{"city": "atlantis"}]})
    Traceback (most recent call last):
    ...
    pipeline.errors.PolicyError: measure_days.toml: row 1 lacks first, last, measure, mark, source
    """
    runs: list[MeasureRun] = []
    seen: set[tuple[str, date]] = set()
    for number, row in enumerate(table["run"], start=1):
        missing = [name for name in MeasureRun.__dataclass_fields__ if not row.get(name)]
        if missing:
            raise PolicyError(f"measure_days.toml: row {number} lacks {', '.join(missing)}")
        run = MeasureRun(**row)
        days = {(run.city, day) for day in run.days()}
        if run.city not in all_cities() or run.mark not in MARKS or not days or days & seen:
            raise PolicyError(
                f"measure_days.toml: row {number} names an unknown city or mark, no day, or a day twice"
            )
        seen |= days
        runs.append(run)
    return tuple(runs)


@cache
def measure_runs() -> tuple[MeasureRun, ...]:
    """Return all packaged rows.

    >>> sum(len(run.days()) for run in measure_runs() if run.city == "seoul")
    17
    """
    return parse_runs(tomllib.loads(TABLE.read_text("utf-8")))


def measure_days(city: str) -> frozenset[date]:
    """Return the local days of a city on which measures ran.

    >>> date(2019, 3, 5) in measure_days("seoul"), date(2019, 3, 5) in measure_days("beijing")
    (True, False)
    """
    return frozenset(day for run in measure_runs() if run.city == city for day in run.days())
