"""Reasons as a forecaster says them, in the three languages of the programme."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any
from zoneinfo import ZoneInfo

from forecasting.reasons.inputs import FIELD, SEA, SECTORS, Input
from forecasting.reasons.readings import Reading
from forecasting.situation.columns import HIGHEST, LOWEST, MEAN, RISE
from pipeline.cities import all_cities
from pipeline.place_names import name_of
from pipeline.times import parse_instant

LANGUAGES = ("en", "ko", "zh")
Plain = Mapping[str, Any]

GRADIENT = "pressure_gradient"
DIGITS = {"wind": 1, "precipitation_amount": 1}
"""Decimals of a spoken number; others are whole."""

LONGEST_READING = 3
"""Readings over more hours than this are called means [h]."""

ZONES = {"Asia/Seoul": "KST", "Asia/Shanghai": "CST"}


@cache
def vocabulary(language: str) -> dict[str, Any]:
    """Return the words of a language.

    >>> vocabulary("ko")["sectors"]["nw"]
    '북서'
    """
    file = resources.files("forecasting.reasons") / "words.toml"
    words: dict[str, Any] = tomllib.loads(file.read_text("utf-8"))[language]
    return words


def said_input(asked: Input, reading: Reading, language: str) -> str:
    """Say what was measured of an input.

    Examples
    --------
    >>> yesterday = Reading("beijing", "pm2p5", 0, 24, "mean", 180.4, 61.7)
    >>> said_input(Input("beijing", "air", ()), yesterday, "en")
    'Beijing 180 (last 24 h; usual 62)'
    >>> wind = Reading("seoul", "wind", 0, 6, "mean", 2.14, 1.0, None, "nw", "weaker")
    >>> said_input(Input("seoul", "wind", ()), wind, "en")
    'Seoul: wind from the north-west, turning weak, 2.1 m/s (last 6 h)'
    """
    words = vocabulary(language)
    phrase = _said_reading(reading, language)
    theme = words["themes"].get(asked.theme, asked.theme)
    if asked.where == SEA:
        return str(words["sea"].format(theme=theme, phrase=phrase))
    if reading.quantity == GRADIENT:
        return phrase
    if asked.where == FIELD:
        return str(words["field"].format(theme=theme, phrase=phrase))
    if asked.where in SECTORS:
        return str(words["around"].format(theme=theme, sector=words["sectors"][asked.where], phrase=phrase))
    return phrase


def _said_reading(reading: Reading, language: str) -> str:
    words = vocabulary(language)
    place, window = name_of(reading.place, language), _window(reading, words)
    if reading.quantity == "wind" and reading.what == MEAN:
        before = words["sectors"].get(reading.before, "")
        trend = words["trend"][reading.trend].format(before=before) if reading.trend else ""
        way = words["sectors"].get(reading.from_direction, "")
        pattern = words["wind"] if reading.from_direction else words["calm"]
        value = number(reading.value, "wind")
        return str(pattern.format(place=place, direction=way, trend=trend, value=value, window=window))
    if reading.quantity == GRADIENT:
        value, usual = (number(v, GRADIENT) for v in (reading.value, reading.usual))
        way = words["sectors"][reading.from_direction]
        return str(words["gradient"].format(place=place, direction=way, value=value, usual=usual))
    pattern = words["quantities"].get(reading.quantity, f"{reading.quantity} {{number}}")
    value = pattern.format(number=number(reading.value, reading.quantity, signed=reading.what == RISE))
    usual = number(reading.usual, reading.quantity, signed=reading.what == RISE)
    return str(words["plain"].format(place=place, value=value, window=window, usual=usual))


def _window(reading: Reading, words: Plain) -> str:
    names, start, end = words["windows"], reading.start, reading.end
    if reading.day is not None:
        return str(names["ahead"].format(day=reading.day))
    if reading.what == RISE:
        return str(words["summaries"][RISE])
    if start:
        said = names["ago"].format(start=start, end=end)
    elif end > 72:
        said = names["days"].format(days=end // 24)
    else:
        said = names["last"].format(end=end)
    return f"{words['summaries'][reading.what]}, {said}" if reading.what in (HIGHEST, LOWEST) else str(said)


def number(value: float, quantity: str = "", signed: bool = False) -> str:
    """Write a number as it is spoken.

    >>> number(180.4), number(2.14, "wind"), number(-0.3, signed=True)
    ('180', '2.1', '0')
    """
    digits = DIGITS.get(quantity, 0)
    text = f"{value:+.{digits}f}" if signed else f"{value:.{digits}f}"
    return text.lstrip("+-") if float(text) == 0 else text.replace("-", "−")


def said_day(city: str, day: Plain, language: str) -> list[str]:
    """Say a day's centre, what is usual, and what moved it, greatest first; a line each."""
    words = vocabulary(language)
    lines = [
        words["day"].format(
            city=name_of(city, language),
            date=day["date"],
            lead=day["lead_day"],
            median=number(day["median"]),
            usual=number(day["usual"]),
        )
    ]
    for moved in day["moved"]:
        if moved["named"]:
            effect = number(moved["effect"], signed=True)
            lines.append(words["moved"].format(phrase=moved["text"][language], effect=effect))
    others = [m for m in day["moved"] if not m["named"]]
    rest = sum(m["effect"] for m in others) + day["rest"]
    count = len(others) + day["rest_inputs"]
    lines.append(words["rest"].format(count=count, effect=number(rest, signed=True)))
    if abs(day["recent_errors"]) >= 0.5:
        lines.append(words["recent"].format(effect=number(day["recent_errors"], signed=True)))
    return lines


def said_analogs(found: Plain, threshold: int | None, language: str) -> list[str]:
    """Say which past situations were most alike, what followed, and how often a threshold was passed."""
    words = vocabulary(language)
    lines = [words["like_none"]] if found["like_none"] else []
    for one in found["shown"]:
        followed = _listed(
            words["followed"].format(lead=lead, value=words["unknown"] if v is None else number(v))
            for lead, v in one["followed"].items()
        )
        lines.append(words["analog"].format(when=one["issue_time"][:13].replace("T", " "), followed=followed))
    if threshold is not None:
        counts = _listed(
            words["of"].format(lead=lead, n=by[str(threshold)], count=found["counted"][lead])
            for lead, by in found["exceeded"].items()
        )
        lines.append(words["exceeded"].format(threshold=threshold, counts=counts))
    return lines


def _listed(parts: Iterable[str]) -> str:
    return ", ".join(parts)


def said_what_if(found: Plain, language: str) -> list[str]:
    """Say which reading would move the decisive probability, or why none is told."""
    words = vocabulary(language)
    common = {
        "target": name_of(found["city"], language),
        "lead": found["lead_day"],
        "threshold": found["threshold"],
        "now": _probability(found["probability"]),
    }
    if found["refused"]:
        return [words[found["refused"]].format(**common, futures=found["futures"])]
    zone = all_cities()[found["city"]].timezone
    return [
        words["if"].format(
            **common,
            reading=_said_condition(change, zone, language),
            verb=words["falls"] if change["probability"] < found["probability"] else words["rises"],
            then=_probability(change["probability"]),
            low=_probability(change["low"]),
            high=_probability(change["high"]),
            futures=change["futures"],
        )
        for change in found["changes"]
    ]


def _said_condition(change: Plain, zone: str, language: str) -> str:
    """Say a reading that may come: ``Beijing is below 60 µg/m³ at 20 KST``."""
    words = vocabulary(language)
    mean = change["interval_hours"] > LONGEST_READING
    quantity = words["quantities"][change["quantity"]].format(number=number(change["level"]))
    return str(
        words[f"{change['side']}_mean" if mean else change["side"]].format(
            place=name_of(change["place"], language),
            level=quantity,
            hours=change["interval_hours"],
            moment=_moment(parse_instant(change["valid_end"]), zone),
        )
    )


def said_without_model(city: str, language: str) -> str:
    """Say that no model spoke for a city.

    >>> said_without_model("seoul", "en")
    'Seoul: no model spoke for this city, so there are no reasons to tell'
    """
    return str(vocabulary(language)["no_model"].format(city=name_of(city, language)))


def _moment(when: datetime, zone: str) -> str:
    local = when.astimezone(ZoneInfo(zone))
    return f"{local:%H} {ZONES.get(zone, zone)}"


def _probability(value: float) -> str:
    return f"{value:.2f}".removeprefix("0") if 0 < value < 1 else f"{value:.0f}"
