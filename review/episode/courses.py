"""One chart: what was measured, what this run and earlier ones forecast, and what others said."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from alerts.scales import national_scale
from alerts.stated import read_combined, source_name
from alerts.vocabulary import Language, vocabulary
from pipeline.cities import City
from pipeline.observations import ObservationStore
from pipeline.series import load_panel
from pipeline.settings import Settings
from pipeline.times import from_ns, local_date, local_day_bounds, to_ns
from review.desk.run_forecast import forecast_of
from review.episode.subject import Subject
from review.figures import Band, Limit, Line, TimeChart
from review.security import product_file
from review.texts import Texts

BEFORE: Final = timedelta(hours=48)
"""So far back the chart shows what was measured."""
EARLIER: Final = 3
"""So many earlier runs are drawn."""
UNIT: Final = "µg/m³"
ROLES: Final = ("reference", "hourly")
"""The series that is forecast, else the one that stands for its hours."""

MODELS: Final = ("open_meteo",)
"""Sources that are models of weather services; CAMS is asked of one."""

Course = Mapping[datetime, float]


@dataclass(frozen=True)
class Measured:
    """What was measured of a city [ug m-3]: by the snapshot of the run, and what has arrived since."""

    before: Course
    since: Course

    @property
    def latest(self) -> tuple[datetime, float] | None:
        """Return the newest interval end and its value."""
        both = {**self.before, **self.since}
        return (max(both), both[max(both)]) if both else None


def measured_of(store: ObservationStore, subject: Subject) -> Measured:
    """Return the hours about a run as known at the page's instant; nothing else of the store is read."""
    city, run, world = subject.city, subject.run, subject.row.world
    start = run.cycle - BEFORE
    panel = load_panel(store, [city], world, start=start, end=subject.at, as_of=subject.at, around=False)
    key = next((k for role in ROLES if (k := f"{city.id}.pm2p5.{role}") in panel), None)
    if key is None:
        return Measured({}, {})
    now = _course(panel[key].window(to_ns(start), to_ns(subject.at), to_ns(subject.at)))
    then = panel[key].window(to_ns(start), to_ns(subject.at), to_ns(run.as_of))[0]
    known = {from_ns(t) for t in then}
    return Measured(
        {t: v for t, v in now.items() if t in known}, {t: v for t, v in now.items() if t not in known}
    )


def _course(window: tuple[Any, Any]) -> dict[datetime, float]:
    return {from_ns(t): float(v) for t, v in zip(*window, strict=True)}


def course_chart(
    subject: Subject, measured: Measured, settings: Settings, t: Texts, extra: Course
) -> TimeChart:
    """Return the chart of the hours.

    Parameters
    ----------
    extra : the median that the run would have had without the other side's air [ug m-3]
    """
    ours = subject.forecast
    times = sorted({*ours.times, *measured.before, *measured.since})
    middle = dict(zip(ours.times, ours.quantiles.get("q50", ()), strict=False))
    outer = [dict(zip(ours.times, ours.quantiles.get(q, ()), strict=False)) for q in ("q05", "q95")]
    inner = [dict(zip(ours.times, ours.quantiles.get(q, ()), strict=False)) for q in ("q25", "q75")]
    lines = [
        Line(t("episode.measured"), _along(times, measured.before), "observed"),
        Line(t("episode.arrived"), _along(times, measured.since), "observed", "points"),
        Line(t("episode.this_run"), _along(times, middle), "forecast"),
        *_earlier(subject, settings, times, t),
        *_baselines(subject, settings, times, t),
    ]
    if extra:
        lines.append(Line(t("episode.without_partner"), _along(times, extra), "partner", "dashes"))
    stated = stated_days(subject, settings)
    others = _others(subject.city, stated, times, t.language)
    return TimeChart(
        "course",
        t("episode.course_title", city=subject.city.name[t.language]),
        UNIT,
        times,
        lines=[line for line in [*lines, *others[0]] if any(v is not None for v in line.values)],
        bands=[
            Band(t("episode.band90"), _along(times, outer[0]), _along(times, outer[1]), "forecast"),
            Band(t("episode.band50"), _along(times, inner[0]), _along(times, inner[1]), "forecast"),
            *others[1],
        ],
        limits=_limits(subject, t),
        now=subject.at,
        note=t("episode.course_note"),
    )


def _along(times: Sequence[datetime], course: Course) -> list[float | None]:
    return [_known(course.get(when)) for when in times]


def _known(value: float | None) -> float | None:
    return round(value, 1) if value is not None and math.isfinite(value) else None


def _earlier(subject: Subject, settings: Settings, times: Sequence[datetime], t: Texts) -> Iterable[Line]:
    for run in subject.runs[1 : EARLIER + 1]:
        whole = forecast_of(run, settings)
        if whole is not None:
            ours = whole.of(subject.city.id)
            course = dict(zip(ours.times, ours.quantiles.get("q50", ()), strict=False))
            yield Line(
                t("episode.run_of", cycle=f"{run.cycle:%m-%d %H} UTC"), _along(times, course), "previous"
            )


def _baselines(subject: Subject, settings: Settings, times: Sequence[datetime], t: Texts) -> Iterable[Line]:
    whole = forecast_of(subject.run, settings)
    for name in ("persistence", "climatology") if whole is not None else ():
        said = whole.of(subject.city.id, name) if whole is not None else None
        if said is not None and said.times:
            course = dict(zip(said.times, said.quantiles.get("q50", ()), strict=False))
            yield Line(t(f"episode.{name}"), _along(times, course), name, "dashes")


def stated_days(subject: Subject, settings: Settings) -> list[dict[str, Any]]:
    """Return what others stated of the days of the city, as the run knew it; see docs/combining.md."""
    path = product_file(subject.run, "combined", settings)
    document = read_combined(path) if path is not None else None
    if document is None:
        return []
    return [d for d in document["days"] if d["city"] == subject.city.id and d["members"]]


def _others(
    city: City, days: Iterable[Mapping[str, Any]], times: Sequence[datetime], language: Language
) -> tuple[list[Line], list[Band]]:
    """Return what others stated: a mean as a step over its day, a range as a band over it."""
    by_source: dict[str, dict[datetime, tuple[float, float]]] = {}
    for day in days:
        start, end = local_day_bounds(date.fromisoformat(day["day"]), city.timezone)
        inside = [when for when in times if start < when <= end]
        for one in day["members"]:
            high = one["high"] if one["high"] is not None else one["low"]
            found = by_source.setdefault(str(one["source"]), {})
            found.update(dict.fromkeys(inside, (float(one["low"]), float(high))))
    lines, bands = [], []
    for source, said in by_source.items():
        name = source_name(source, vocabulary(language))
        role = "cams" if source.partition(".")[0] in MODELS else "official"
        low = _along(times, {when: pair[0] for when, pair in said.items()})
        high = _along(times, {when: pair[1] for when, pair in said.items()})
        lines.append(Line(name, [_middle(a, b) for a, b in zip(low, high, strict=True)], role, "steps"))
        if any(a != b for a, b in zip(low, high, strict=True)):
            bands.append(Band(name, low, high, role))
    return lines, bands


def _middle(low: float | None, high: float | None) -> float | None:
    return None if low is None or high is None else round((low + high) / 2, 1)


def _limits(subject: Subject, t: Texts) -> list[Limit]:
    """Return the threshold that the page tells of, and where the grades of the city's country begin."""
    focus = subject.focus
    found = [Limit(focus.threshold, t("episode.limit", level=focus.level), "limit")] if focus else []
    words, day = vocabulary(t.language), local_date(subject.at, subject.city.timezone)
    scale = national_scale(subject.city.country.lower(), day)
    for band in scale.bands[1:]:
        if focus is None or band.lower != focus.threshold:
            found.append(Limit(band.lower, words.named("rule_levels", band.level), f"grade-{band.tone}"))
    return found
