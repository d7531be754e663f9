"""What agencies stated of the days ahead, as ranges of the day mean of PM2.5, each from its receipt on."""

from __future__ import annotations

import bisect
import logging
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

import numpy as np

from alerts.index_ranges import HALF, Range, pm2p5_of_grade, pm2p5_of_index
from flows.live import forecasts_of
from flows.workspace import Workspace
from forecasting.combine import MOST, Claim
from pipeline.bulletins import StoredBulletin, read_versions
from pipeline.cities import City, all_cities
from pipeline.errors import ContractError
from pipeline.forecast_store import FORECAST, StoredForecast
from pipeline.paths import MINIMUM_DAY_COVERAGE
from pipeline.times import local_date, local_day_bounds, to_ns
from pipeline.weather_schema import valid_times

log = logging.getLogger(__name__)

CAMS: Final = "open_meteo.cams"
FRESH: Final = timedelta(hours=36)
"""A statement received longer ago is no longer heard: its source fell silent."""

OVER50: Final = "over50"
PARTS: Final = ("pm2p5", OVER50, "aqi")
"""What is stated of PM2.5, the most direct first."""
LAST_LEAD: Final = 3
MOST_INDEX: Final = 1000.0
"""No index is above; the Chinese one ends at 500, others are written on."""
Key = tuple[str, str, int]
Said = tuple[StoredBulletin, list[Claim]]


@dataclass(frozen=True)
class LeftOut:
    """A bulletin that says what cannot be, and why it is not used."""

    source: str
    key: str
    why: str
    received: datetime


class Claims:
    """Statements by source, city and day, as they were known at any instant."""

    def __init__(self, claims: Iterable[Claim], left_out: Sequence[LeftOut] = ()) -> None:
        """Sort them by receipt."""
        self.left_out = tuple(left_out)
        self._by: dict[Key, list[Claim]] = {}
        for claim in sorted(claims, key=lambda c: c.received):
            self._by.setdefault((claim.source, claim.city, claim.day), []).append(claim)

    def unread(self, as_of: datetime) -> list[LeftOut]:
        """Return what was lately received and cannot be used."""
        return [one for one in self.left_out if as_of - FRESH < one.received <= as_of]

    @property
    def sources(self) -> tuple[str, ...]:
        """Return the sources that stated anything."""
        return tuple(sorted({source for source, _, _ in self._by}))

    def known(self, source: str, city: str, day: int, as_of: datetime) -> Claim | None:
        """Return what a source had last stated of a day by an instant; None if that is not fresh."""
        said = self._by.get((source, city, day), [])
        at = bisect.bisect_right(said, as_of, key=lambda c: c.received)
        found = said[at - 1] if at else None
        return found if found and found.received > as_of - FRESH else None


def day_number(day: date) -> int:
    """Return the number of a day, 0 for 1970-01-01."""
    return int(np.datetime64(day, "D").astype(np.int64))


def claims_of(ws: Workspace, world: str, since: datetime, as_of: datetime, hour: int) -> Claims:
    """Return what was stated of the cities' days and received over (since, as_of].

    Parameters
    ----------
    hour : of CAMS only those forecasts are read that were the newest at this hour of a day [UTC]
    """
    with ws.ledger.read() as conn:
        stored = read_versions(conn, world, since=since, as_of=as_of, kinds=("forecast", OVER50))
    good, bad = readable(stored, meant=True)
    return Claims([*meeting(good), *_cams(ws, world, since, as_of, hour)], bad)


def claims_in(stored: StoredBulletin, *, meant: bool = False) -> Iterator[Claim]:
    """Yield what a bulletin says of PM2.5 in our cities; regions that are no city of ours are passed over.

    Parameters
    ----------
    meant : of a value with a range take the value, which is what it has in mind; else the range as stated

    Raises
    ------
    ContractError
        it speaks of no day, or states what no concentration or index can be
    """
    bulletin, content = stored.bulletin, stored.bulletin.content
    part = _part(stored)
    if part not in PARTS or "target_date" not in content:
        return
    day = _day(str(content["target_date"]))
    sender = str(content.get("sender") or "")
    source = f"{bulletin.source}:{sender}" if sender else bulletin.source
    cities = all_cities()
    for region in dict(content.get("regions", {})).values():
        city = cities.get(region.get("city") or "")
        found = _range(region, part, city, day, meant=meant) if city else None
        if city and found and found != (0.0, math.inf):
            yield Claim(source, city.id, day_number(day), *found, stored.received_at)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ContractError(f"{text!r} is no day") from None


def _range(region: Mapping[str, Any], pollutant: str, city: City, day: date, *, meant: bool) -> Range | None:
    """Return what a region's row leaves possible; its numbers count before a grade, which is coarser."""
    low, value, high = _numbers(region, pollutant)
    if "above" not in region and (meant or (low is None and high is None)):
        low, high = (low, high) if value is None else (value, value)
    primary = str(region.get("primary") or "")
    if low is None and high is None:
        whole = primary if pollutant == "aqi" else None
        return pm2p5_of_grade(str(region.get("grade") or ""), city.rule_set, day, whole)
    least, most = low or 0.0, math.inf if high is None else high
    if pollutant == "aqi":
        return pm2p5_of_index(least, most, day, primary)
    if "above" in region:
        return (least + HALF if region["above"] else 0.0), (math.inf if region["above"] else most + HALF)
    return max(least - HALF, 0.0), most + HALF


def _numbers(region: Mapping[str, Any], pollutant: str) -> tuple[float | None, ...]:
    """Return what is stated as low, value and high; raises ContractError where that can be nothing."""
    most = MOST_INDEX if pollutant == "aqi" else MOST
    found = []
    for name in ("low", "value", "high"):
        said = region.get(name)
        if said is not None and not (isinstance(said, int | float) and 0 <= said <= most):
            raise ContractError(f"{name} {said!r} is not between 0 and {most:g}")
        found.append(None if said is None else float(said))
    given = [number for number in found if number is not None]
    if given != sorted(given):
        raise ContractError(f"low, value and high are not in order: {given}")
    return tuple(found)


def readable(stored: Iterable[StoredBulletin], *, meant: bool = False) -> tuple[list[Said], list[LeftOut]]:
    """Return bulletins with what each says, and those that say what cannot be, each with the reason."""
    good: list[Said] = []
    bad = []
    for one in sorted(stored, key=lambda s: s.received_at):
        try:
            good.append((one, list(claims_in(one, meant=meant))))
        except ContractError as error:
            said = one.bulletin
            log.warning("what %s stated (%s) is left out: %s", said.source, said.key, error)
            bad.append(LeftOut(said.source, said.key, str(error), one.received_at))
    return good, bad


def met(stored: Iterable[StoredBulletin]) -> list[Claim]:
    """Return what bulletins say, those of one issue about the same day met together; see ``meeting``."""
    return meeting(readable(stored)[0])


def meeting(said: Iterable[Said]) -> list[Claim]:
    """Return what bulletins say, those of one issue about the same day met together.

    An agency that says both "bad" and "above 50" says 51 to 75. Of two that exclude each other that on PM2.5
    itself holds; a correction replaces what it corrects.
    """
    issues: dict[tuple[Key, datetime], dict[str, Claim]] = {}
    found = []
    for one, claims in said:
        for claim in claims:
            key = (claim.source, claim.city, claim.day)
            parts = issues.setdefault((key, one.bulletin.issued_at), {})
            parts[_part(one)] = claim
            found.append(_met(parts, claim.received))
    return found


def _part(stored: StoredBulletin) -> str:
    """Return what a bulletin speaks of: the mean of PM2.5, whether it passes 50, the index, or another."""
    return OVER50 if stored.bulletin.kind == OVER50 else str(stored.bulletin.content.get("pollutant"))


def _met(said: Mapping[str, Claim], received: datetime) -> Claim:
    """Return the meeting of claims, the more direct first; one that excludes those before it is left out."""
    first, *others = [said[part] for part in PARTS if part in said]
    low, high = first.low, first.high
    for other in others:
        if max(low, other.low) < min(high, other.high):
            low, high = max(low, other.low), min(high, other.high)
    return Claim(first.source, first.city, first.day, low, high, received)


def _cams(ws: Workspace, world: str, since: datetime, as_of: datetime, hour: int) -> Iterator[Claim]:
    """Yield the day means of stored CAMS forecasts, each as a range of 1 ug m-3."""
    store = forecasts_of(ws)
    listed = [f for f in store.listed(world, source=CAMS, as_of=as_of) if f.kind == FORECAST]
    listed = [f for f in listed if f.received_at > since]
    for stored in newest_each_day(listed, as_of, hour):
        forecast = store.read(stored)
        if "pm2p5" not in forecast:
            continue
        names, times = forecast["station"].to_numpy().astype(str), valid_times(forecast)
        for city in all_cities().values():
            here = np.flatnonzero(np.char.endswith(names, f":{city.id}"))
            if len(here):
                hours = forecast["pm2p5"].isel(station=int(here[0])).to_numpy()
                yield from _days(city, times, hours, stored.received_at)


def newest_each_day(listed: Sequence[StoredForecast], as_of: datetime, hour: int) -> list[StoredForecast]:
    """Return of each day the forecast that was the newest at an hour of it, and the newest of all."""
    latest: dict[date, StoredForecast] = {}
    for one in sorted((f for f in listed if f.received_at <= as_of), key=lambda f: f.received_at):
        past = one.received_at.hour * 60 + one.received_at.minute > hour * 60
        latest[one.received_at.date() + timedelta(days=int(past))] = one
    return list(latest.values())


def _days(city: City, times: Any, hours: Any, received: datetime) -> Iterator[Claim]:
    """Yield a city's whole local days after that of the receipt."""
    today = local_date(received, city.timezone)
    for lead in range(LAST_LEAD + 2):
        day = today + timedelta(days=lead)
        first, last = (to_ns(bound) for bound in local_day_bounds(day, city.timezone))
        inside = hours[(times > first) & (times <= last)]
        inside = inside[np.isfinite(inside)]
        if len(inside) >= MINIMUM_DAY_COVERAGE * 24:
            mean = float(inside.mean())
            bounds = max(mean - HALF, 0.0), mean + HALF
            yield Claim(CAMS, city.id, day_number(day), *bounds, received)
