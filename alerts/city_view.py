"""Cities and links of a warning as the templates see them: every value written out in one language."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from alerts.content import CityOutlook, DayOutlook, LinkEvidence
from alerts.origin_view import path_share
from alerts.vocabulary import Vocabulary
from pipeline.cities import city

SHOWN_THRESHOLDS: Final = {"KR": (35, 50, 75, 150), "CN": (75, 115, 150, 250)}
"""Thresholds [ug m-3] whose probabilities a message shows: those at which a country's daily rules turn."""
OTHER_THRESHOLDS: Final = (35, 75, 115, 150)
"""The same for a city of any other country [ug m-3]."""


@dataclass(frozen=True)
class ChanceView:
    """The probability that a day's mean exceeds a threshold; ``strong`` from one half on."""

    threshold: int
    percent: str
    strong: bool


@dataclass(frozen=True)
class DayView:
    """One row of a city's daily table."""

    date: str
    mean: str
    interval: str
    basis: str
    chances: tuple[ChanceView, ...]


@dataclass(frozen=True)
class CityView:
    """One city's part; ``above`` and ``chance`` name a telling threshold and its probability.

    ``risk`` is the probability of the joint level's threshold, or else of that one: ``P(>75) 73 %``.
    """

    name: str
    zone: str
    period: str
    start: str
    end: str
    peak_day: str
    peak: str
    interval: str
    observed: bool
    above: str
    chance: str
    risk: str
    thresholds: tuple[int, ...]
    days: tuple[DayView, ...]


@dataclass(frozen=True)
class LinkView:
    """Why two episodes belong together; ``passed`` is the share of paths that passed upwind, in per cent."""

    upwind: str
    downwind: str
    lag: str
    lift: str
    cases: str
    method: str
    confidence: str
    passed: str


def city_view(outlook: CityOutlook, words: Vocabulary, levels: Mapping[str, int]) -> CityView:
    """Return one city's part in words; ``levels`` are the joint level's thresholds by city id [ug m-3]."""
    place = city(outlook.city)
    shown = SHOWN_THRESHOLDS.get(place.country, OTHER_THRESHOLDS)
    peak = next((d for d in outlook.days if d.day == outlook.peak_day), None)
    threshold = telling_threshold(peak, shown)
    return CityView(
        name=words.city(outlook.city),
        zone=words.zone(place.timezone),
        period=words.period(outlook.onset, outlook.end, place.timezone),
        start=words.moment(outlook.onset, place.timezone),
        end=words.moment(outlook.end, place.timezone, end=True),
        peak_day=words.date(outlook.peak_day),
        peak=words.amount(outlook.peak_mean),
        interval=_interval(peak, words),
        observed=is_over(outlook, peak),
        above=words.amount(threshold) if threshold else "",
        chance=words.chance(peak.probability[str(threshold)]) if peak and threshold else "",
        risk=_risk(risk_of(outlook, levels), words),
        thresholds=shown,
        days=tuple(_day(d, shown, words) for d in outlook.days),
    )


def risk_of(outlook: CityOutlook, levels: Mapping[str, int]) -> tuple[int, float] | None:
    """Return the threshold [ug m-3] that tells most of the peak day, and its probability [1]; None for none.

    It is the joint level's own where that is known, else the highest that is exceeded rather than not.
    """
    peak = next((d for d in outlook.days if d.day == outlook.peak_day), None)
    if peak is None or peak.observed_share >= 1:
        return None
    shown = SHOWN_THRESHOLDS.get(city(outlook.city).country, OTHER_THRESHOLDS)
    threshold = levels.get(outlook.city, 0) or telling_threshold(peak, shown)
    known = peak.probability.get(str(threshold))
    return None if known is None else (threshold, known)


def _risk(risk: tuple[int, float] | None, words: Vocabulary) -> str:
    """Return a threshold and its probability, short."""
    return f"P(>{risk[0]}) {words.percent(risk[1])}" if risk else ""


def is_over(outlook: CityOutlook, peak: DayOutlook | None) -> bool:
    """Tell whether the peak was observed: its day was measured whole, or lies before the days spoken of."""
    if peak is not None:
        return peak.observed_share >= 1
    return bool(outlook.days) and outlook.peak_day < outlook.days[0].day


def _interval(peak: DayOutlook | None, words: Vocabulary) -> str:
    """Return the central 80 % interval of the peak day; empty where there is none."""
    if peak is None or not (math.isfinite(peak.q10) and math.isfinite(peak.q90)) or peak.observed_share >= 1:
        return ""
    return str(words["interval"]).format(range=words.span(peak.q10, peak.q90))


def telling_threshold(peak: DayOutlook | None, shown: tuple[int, ...]) -> int:
    """Return the highest shown threshold that is exceeded rather than not, else the lowest; 0 for none."""
    if peak is None or peak.observed_share >= 1:
        return 0
    known = [t for t in shown if str(t) in peak.probability]
    likely = [t for t in known if peak.probability[str(t)] >= 0.5]
    return max(likely, default=min(known, default=0))


def _day(day: DayOutlook, shown: tuple[int, ...], words: Vocabulary) -> DayView:
    """Return one row of the daily table."""
    share = day.observed_share
    basis = "observed" if share >= 1 else "partly_observed" if share > 0 else "forecast"
    chances = tuple(
        ChanceView(t, words.percent(day.probability.get(str(t))), day.probability.get(str(t), 0.0) >= 0.5)
        for t in shown
    )
    interval = words.span(day.q10, day.q90) if math.isfinite(day.q10) and math.isfinite(day.q90) else ""
    return DayView(words.date(day.day), words.number(day.mean), interval, words["labels"][basis], chances)


def link_view(link: LinkEvidence, words: Vocabulary, with_paths: bool) -> LinkView:
    """Return one link in words; of paths only where the content may say where air comes from."""
    return LinkView(
        words.city(link.upwind),
        words.city(link.downwind),
        f"{link.lag_hours:.0f}",
        f"{link.lift:.1f}",
        str(link.sample_size),
        words.phrase(link.method),
        words.named("confidence", link.confidence) if link.confidence else "",
        path_share(link.path_share, words) if with_paths and link.path_share is not None else "",
    )
