"""What the templates of one language see: every value of a warning written out, on one line, in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from alerts.content import CityOutlook, DayOutlook, LinkEvidence, WarningContent
from alerts.message_changes import changes
from alerts.message_findings import FindingView, findings_view
from alerts.origin_view import OriginView, origins_view, path_share, says_origin
from alerts.plain_text import one_line
from alerts.vocabulary import Language, Vocabulary, vocabulary
from pipeline.cities import city
from pipeline.errors import ContractError
from pipeline.names import is_simulated

SHOWN_THRESHOLDS: Final = {"KR": (35, 50, 75, 150), "CN": (75, 115, 150, 250)}
"""Thresholds [ug m-3] whose probabilities a message shows: those at which a country's daily rules turn."""
OTHER_THRESHOLDS: Final = (35, 75, 115, 150)
"""The same for a city of any other country [ug m-3]."""


@dataclass(frozen=True)
class Background:
    """What a message may add to the signed content: the version it replaces, and what its joint level means.

    ``thresholds`` are the day means [ug m-3] by city id at which the policy puts ``content.level``;
    ``party`` is the reader's, which has its own names of some regions.
    """

    previous: WarningContent | None = None
    thresholds: Mapping[str, int] = field(default_factory=dict)
    party: str = ""


NO_BACKGROUND: Final = Background()


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
    """One city's part; ``above`` and ``chance`` name a telling threshold and its probability."""

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


@dataclass(frozen=True)
class MessageView:
    """Everything that the templates of one language may show."""

    product: str
    kind: str
    exercise: bool
    simulated: bool
    mark: str
    banner: str
    event: str
    product_name: str
    product_note: str
    kind_name: str
    level: str
    level_name: str
    level_meaning: str
    city_names: str
    cities: tuple[CityView, ...]
    findings: tuple[FindingView, ...]
    links: tuple[LinkView, ...]
    origins: tuple[OriginView, ...]
    changes: tuple[str, ...]
    reason: str
    degraded: str
    calibrated: str
    missing: str
    world: str
    model: str
    warning_id: str
    version: int
    replaced: str
    issued: str
    expires: str
    facts: tuple[tuple[str, str], ...]


def check_labels(content: WarningContent) -> WarningContent:
    """Refuse a content that could be taken for real and is not, or the reverse.

    Raises
    ------
    ContractError
        when ``simulated`` contradicts the world, or a simulated world claims CAP status Actual
    """
    if content.simulated != is_simulated(content.world):
        raise ContractError(f"warning {content.warning_id}: simulated={content.simulated} in {content.world}")
    if content.simulated and content.cap_status == "Actual":
        raise ContractError(f"warning {content.warning_id}: a simulated world is never Actual; use Exercise")
    return content


def mark_of(content: WarningContent) -> str:
    """Return which label a message needs: ``simulated``, ``replay``, ``test``, or empty for a real one."""
    if content.cap_status == "Test" and not content.simulated:
        return "test"
    if content.simulated:
        return "simulated"
    return "replay" if content.cap_status == "Exercise" else ""


def message_view(
    content: WarningContent, language: Language, background: Background = NO_BACKGROUND
) -> MessageView:
    """Return a warning as the templates of a language see it.

    >>> from alerts.examples import example_content
    >>> view = message_view(example_content(), "en")
    >>> view.city_names, view.level_name, view.cities[1].above, view.cities[1].chance
    ('Beijing and Seoul', 'joint level J2', '75 µg/m³', 'likely (73 %)')
    """
    check_labels(content)
    words = vocabulary(language)
    mark = mark_of(content)
    zones = list(dict.fromkeys(city(c.city).timezone for c in content.cities))
    replaced = ", ".join(str(r.version) for r in content.references)
    missing = words["punctuation"]["comma"].join(words.phrase(name) for name in content.inputs_missing)
    return MessageView(
        product=content.product,
        kind=content.kind,
        exercise=content.cap_status != "Actual",
        simulated=content.simulated,
        mark=words["marks"][mark] if mark else "",
        banner=words["marks"][f"{mark}_banner"] if mark else "",
        event=words["events"][content.product],
        product_name=words["products"][content.product],
        product_note=words["product_notes"][content.product],
        kind_name=words["kinds"][content.kind],
        level=one_line(content.level),
        level_name=words.named("levels", content.level) if content.level else "",
        city_names=words.join([words.city(c.city) for c in content.cities]),
        cities=tuple(_city(c, words) for c in content.cities),
        findings=findings_view(content.rules, words),
        links=tuple(_link(x, words, says_origin(content)) for x in content.links),
        origins=origins_view(content, words, background.party),
        changes=changes(content, background.previous, words),
        level_meaning=_meaning(background.thresholds, words),
        reason=words.phrase(content.reason),
        degraded=words.phrase(content.degraded),
        calibrated=words.phrase(content.calibrated),
        missing=missing,
        world=one_line(content.world),
        model=one_line(content.model_id),
        warning_id=one_line(content.warning_id),
        version=content.version,
        replaced=replaced,
        issued=words.instant(content.issue_time, zones),
        expires=words.instant(content.expires, zones),
        facts=_facts(content, words, zones),
    )


def _meaning(thresholds: Mapping[str, int], words: Vocabulary) -> str:
    """Return at which day means the joint level stands; empty where that is not given."""
    parts = [f"{words.city(name)} {words.amount(value)}" for name, value in thresholds.items()]
    return str(words["punctuation"]["comma"]).join(parts)


def _facts(content: WarningContent, words: Vocabulary, zones: list[str]) -> tuple[tuple[str, str], ...]:
    """Return the table of identifiers and times."""
    values = {
        "warning": content.warning_id,
        "version": str(content.version),
        "replaces": ", ".join(str(r.version) for r in content.references),
        "issued": words.instant(content.issue_time, zones),
        "data_until": words.instant(content.as_of, zones),
        "expires": words.instant(content.expires, zones),
        "model": content.model_id,
        "run": content.run_id,
        "policy": content.policy_version,
    }
    return tuple((words["message_lines"][key], one_line(value)) for key, value in values.items() if value)


def _city(outlook: CityOutlook, words: Vocabulary) -> CityView:
    """Return one city's part in words."""
    place = city(outlook.city)
    shown = SHOWN_THRESHOLDS.get(place.country, OTHER_THRESHOLDS)
    peak = next((d for d in outlook.days if d.day == outlook.peak_day), None)
    threshold = _telling_threshold(peak, shown)
    return CityView(
        name=words.city(outlook.city),
        zone=words.zone(place.timezone),
        period=words.period(outlook.onset, outlook.end, place.timezone),
        start=words.moment(outlook.onset, place.timezone),
        end=words.moment(outlook.end, place.timezone, end=True),
        peak_day=words.date(outlook.peak_day),
        peak=words.amount(outlook.peak_mean),
        interval=_interval(peak, words),
        observed=_is_over(outlook, peak),
        above=words.amount(threshold) if threshold else "",
        chance=words.chance(peak.probability[str(threshold)]) if peak and threshold else "",
        thresholds=shown,
        days=tuple(_day(d, shown, words) for d in outlook.days),
    )


def _is_over(outlook: CityOutlook, peak: DayOutlook | None) -> bool:
    """Tell whether the peak was observed: its day was measured whole, or lies before the days spoken of."""
    if peak is not None:
        return peak.observed_share >= 1
    return bool(outlook.days) and outlook.peak_day < outlook.days[0].day


def _interval(peak: DayOutlook | None, words: Vocabulary) -> str:
    """Return the central 80 % interval of the peak day; empty where there is none."""
    if peak is None or not (math.isfinite(peak.q10) and math.isfinite(peak.q90)) or peak.observed_share >= 1:
        return ""
    return str(words["interval"]).format(range=words.span(peak.q10, peak.q90))


def _telling_threshold(peak: DayOutlook | None, shown: tuple[int, ...]) -> int:
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


def _link(link: LinkEvidence, words: Vocabulary, with_paths: bool) -> LinkView:
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
