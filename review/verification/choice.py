"""What of the kept scores is looked at: the filters of the page, each a link of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import pandas as pd

from forecasting.verification.kept import Kept, kept_verifications, table_of

SOURCES: Final = ("runs", "hindcast", "table")
QUANTITIES: Final = ("pm2p5", "pm10")
MEASURES: Final = ("bss_climatology", "bss_persistence", "bss_trend", "pod", "far", "csi")
PERIODS: Final = ("", "without 2020", "2020", "DJF", "MAM", "JJA", "SON", "managed", "not managed")


@dataclass(frozen=True)
class Choice:
    """What is shown; a field is the query parameter of the same name."""

    world: str
    source: str = ""
    quantity: str = ""
    city: str = ""
    threshold: int = 0
    lead: str = ""
    of: str = ""
    measure: str = ""

    def path(self, **changed: str | int) -> str:
        """Return the address of the page with some of the choice changed.

        >>> Choice("measured", city="seoul", threshold=50).path(city="beijing", threshold=75)
        '/verification?world=measured&city=beijing&threshold=75'
        """
        other = replace(self, **changed)  # type: ignore[arg-type]
        named = {f.name: getattr(other, f.name) for f in fields(other)}
        return "/verification?" + urlencode({k: v for k, v in named.items() if v})


@dataclass(frozen=True)
class Options:
    """What there is to choose from, in the order in which it is offered."""

    sources: tuple[str, ...]
    quantities: tuple[str, ...]
    cities: tuple[str, ...]
    thresholds: tuple[int, ...]
    leads: tuple[str, ...]
    periods: tuple[str, ...]


def newest_of(root: Path, until: datetime | None) -> dict[str, Kept]:
    """Return the newest kept verification of every source whose last issue is not after an instant."""
    found: dict[str, Kept] = {}
    for source in SOURCES:
        for one in kept_verifications(root, source):
            if until is None or one.last_issue < until.date():
                found[source] = one
                break
    return found


def chosen(
    asked: Mapping[str, str], world: str, kept: Mapping[str, Kept], *, city: str, limits: Mapping[str, int]
) -> tuple[Choice, Options]:
    """Return what is shown and what could be; a filter that there is not is taken as not asked for.

    Parameters
    ----------
    asked : query parameters
    city : shown unless another is asked for
    limits : for every city the threshold of PM2.5 shown unless another is asked for [ug m-3]
    """
    source = _one_of(asked.get("source", ""), tuple(kept))
    folder = kept[source].folder
    quantities = tuple(q for q in QUANTITIES if len(table_of(folder, q, "exceedance")))
    quantity = _one_of(asked.get("quantity", ""), quantities)
    rows = table_of(folder, quantity, "exceedance")
    cities = _values(rows, "city")
    place = _one_of(asked.get("city", city), cities)
    mine = rows[rows["city"] == place]
    thresholds = _thresholds(mine)
    usual = limits.get(place, 0) if quantity == "pm2p5" else 0
    level = _one_of(asked.get("threshold", str(usual)), [str(t) for t in thresholds])
    leads = _values(mine, "lead")
    lead = _one_of(asked.get("lead", "D+1"), leads)
    there = set(_values(mine, "of"))
    winters = _values(mine[mine["part"] == "winter"], "of")
    periods = (*(p for p in PERIODS if p in there), *winters)
    measure = _one_of(asked.get("measure", ""), MEASURES)
    of = _one_of(asked.get("of", ""), periods)
    choice = Choice(world, source, quantity, place, int(level), lead, of, measure)
    return choice, Options(tuple(kept), quantities, cities, thresholds, leads, periods)


def _thresholds(rows: pd.DataFrame) -> tuple[int, ...]:
    """Return the thresholds that were exceeded; all, where none was."""
    whole = rows[rows["part"] == "all"]
    there = whole[whole["events"] > 0]
    return tuple(sorted({int(t) for t in (there if len(there) else rows)["threshold"]}))


def _values(rows: pd.DataFrame, name: str) -> tuple[str, ...]:
    return tuple(sorted({str(v) for v in rows[name].fillna("")}))


def _one_of(asked: str, there: Sequence[str] | Iterable[str]) -> str:
    found = list(there)
    return asked if asked in found else (found[0] if found else "")
