"""The form in which a forecaster rewrites a proposed warning: the parts that may change, and nothing else."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from alerts.content import CityOutlook, DayOutlook, WarningContent
from alerts.recipient_checks import LEVELS
from pipeline.times import iso, parse_instant

Fields = dict[str, str]
LOCAL: Final = "%Y-%m-%dT%H:%M"
MOST_PM: Final = 2000.0
"""A day mean above this [ug m-3] is a slip of the hand."""


@dataclass(frozen=True)
class Filled:
    """A form that somebody filled in: the content that it makes, and what is wrong, by field."""

    content: WarningContent
    faults: dict[str, str]


def fields_of(content: WarningContent, zone: str) -> Fields:
    """Return what the fields of the form hold for a content; instants in a zone, probabilities in %.

    >>> from alerts.examples import example_content
    >>> fields = fields_of(example_content(), "Asia/Seoul")
    >>> fields["level"], fields["city.seoul.onset"][-6:]
    ('J2', 'T06:00')
    """
    said: Fields = {
        "onset": _local(content.onset, zone),
        "expires": _local(content.expires, zone),
        "level": content.level,
    }
    for city in content.cities:
        name = f"city.{city.city}"
        said |= {f"{name}.onset": _local(city.onset, zone), f"{name}.end": _local(city.end, zone)}
        for day in city.days:
            at = f"{name}.{day.day}"
            said |= {f"{at}.mean": _number(day.mean), f"{at}.q10": _number(day.q10)}
            said[f"{at}.q90"] = _number(day.q90)
            said |= {f"{at}.p{t}": _number(100 * p) for t, p in day.probability.items()}
    return said | {f"link.{number}": "keep" for number in range(len(content.links))}


def filled(before: WarningContent, form: Mapping[str, str], zone: str) -> Filled:
    """Return the content that a filled-in form makes of one; a field left as it was changes nothing.

    Faults name the field and the reason as keys of the page's texts; a faulty field keeps its old value.
    """
    reader = _Reader(fields_of(before, zone), form, zone, {})
    level = reader.choice("level", before.level, LEVELS if before.product == "joint_warning" else ("",))
    cities = tuple(_city(reader, city) for city in before.cities)
    links = tuple(
        link for number, link in enumerate(before.links) if reader.value(f"link.{number}") == "keep"
    )
    content = replace(
        before,
        level=level,
        onset=reader.instant("onset", before.onset),
        expires=reader.instant("expires", before.expires),
        cities=cities,
        links=links,
    )
    return Filled(content, reader.faults)


@dataclass(frozen=True)
class _Reader:
    """Reads fields; what was not touched is not parsed, so that nothing is lost in rounding."""

    old: Fields
    form: Mapping[str, str]
    zone: str
    faults: dict[str, str]

    def value(self, name: str) -> str:
        """Return what stands in a field; a box that is not ticked is not sent."""
        default = "" if name.startswith("link.") else self.old.get(name, "")
        return self.form.get(name, default).strip()

    def read(self, name: str, before: Any, parse: Callable[[str], Any], fault: str) -> Any:
        """Return a field's new value, the old one where it is untouched or wrong."""
        text = self.value(name)
        if text == self.old.get(name, ""):
            return before
        try:
            return parse(text)
        except (ValueError, OverflowError):
            self.faults[name] = fault
            return before

    def choice(self, name: str, before: str, among: tuple[str, ...]) -> str:
        """Return one of several words."""
        found: str = self.read(name, before, lambda text: among[among.index(text)], "decide.fault_choice")
        return found

    def instant(self, name: str, before: str) -> str:
        """Return an instant as ISO text in UTC."""
        found: str = self.read(name, before, self._instant, "decide.fault_instant")
        return found

    def number(self, name: str, before: float, most: float, scale: float = 1.0) -> float:
        """Return a number between 0 and the most."""

        def parse(text: str) -> float:
            found = float(text)
            if not math.isfinite(found) or not 0 <= found <= most:
                raise ValueError(text)
            return found / scale

        found: float = self.read(name, before, parse, "decide.fault_number")
        return found

    def _instant(self, text: str) -> str:
        at = datetime.strptime(text[:16], LOCAL).replace(tzinfo=ZoneInfo(self.zone))
        return iso(at)


def _city(reader: _Reader, before: CityOutlook) -> CityOutlook:
    name = f"city.{before.city}"
    onset = reader.instant(f"{name}.onset", before.onset)
    end = reader.instant(f"{name}.end", before.end)
    days = tuple(_day(reader, f"{name}.{day.day}", day) for day in before.days)
    found = replace(before, onset=onset, end=end, days=days)
    if onset != before.onset:
        found = replace(found, onset_range=_kept(before.onset_range, onset))
    if end != before.end:
        found = replace(found, end_range=_kept(before.end_range, end))
    if days != before.days:
        peak = max(days, key=lambda day: day.mean)
        found = replace(found, peak_day=peak.day, peak_mean=peak.mean)
    return found


def _kept(span: tuple[str, ...], at: str) -> tuple[str, ...]:
    """Return the forecast's range of a time that a person set, unless it is no part of it any more."""
    inside = bool(span) and parse_instant(span[0]) <= parse_instant(at) <= parse_instant(span[-1])
    return span if inside else ()


def _day(reader: _Reader, at: str, before: DayOutlook) -> DayOutlook:
    mean, low, high = (
        reader.number(f"{at}.{name}", getattr(before, name), MOST_PM) for name in ("mean", "q10", "q90")
    )
    chances = {t: reader.number(f"{at}.p{t}", p, 100.0, 100.0) for t, p in before.probability.items()}
    day = replace(before, mean=mean, q10=low, q90=high, probability=chances)
    if day != before and not low <= mean <= high:
        reader.faults[f"{at}.mean"] = "decide.fault_order"
    ordered = [chances[t] for t in sorted(chances, key=float)]
    if day != before and ordered != sorted(ordered, reverse=True):
        reader.faults[f"{at}.p{min(chances, key=float)}"] = "decide.fault_chances"
    return day


def _local(instant: str, zone: str) -> str:
    return parse_instant(instant).astimezone(ZoneInfo(zone)).strftime(LOCAL)


def _number(value: float) -> str:
    """Write a number as a person would type it.

    >>> _number(12.345), _number(60.0)
    ('12.3', '60')
    """
    return f"{round(value, 1):g}"
