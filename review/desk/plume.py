"""The plume of a city: what was measured, the forecast's quantiles over 72 h, the edges of both scales."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from alerts.bulletin_words import named
from review.desk.sentences import Sentences
from review.desk.view import CityView, DeskView
from review.figures.time_chart import Band, Limit, Line, TimeChart

AHEAD: Final = timedelta(hours=72)
LEAST_EDGE: Final = 35.0
"""Lower edges tell grades apart at which nobody acts; they would only crowd the chart [ug m-3]."""
UNIT: Final = "µg/m³"


def plume_of(view: DeskView, city: CityView, said: Sentences) -> TimeChart:
    """Return the figure: 48 h measured, 72 h ahead, median and two bands, edges of both national scales."""
    t, start = said.t, view.present.at
    ahead = [i for i, when in enumerate(city.forecast.times) if when <= start + AHEAD]
    times = sorted({*city.air.times, *(city.forecast.times[i] for i in ahead)})
    measured = dict(zip(city.air.times, city.air.values, strict=True))

    def column(name: str) -> list[float | None]:
        held = city.forecast.quantiles.get(name, ())
        at = {city.forecast.times[i]: held[i] for i in ahead} if held else {}
        return _over(times, at)

    lines, bands = [], []
    if ahead:
        lines.append(Line(t("desk.median"), column("q50"), "forecast"))
        bands.append(Band(t("desk.band_90"), column("q05"), column("q95"), "forecast"))
        bands.append(Band(t("desk.band_50"), column("q25"), column("q75"), "forecast"))
    if measured:
        lines.append(Line(t("desk.measured"), _over(times, measured), "observed"))
    name = said.words.city(city.city.id)
    return TimeChart(
        id=f"plume-{city.city.id}",
        title=t("desk.plume", city=name),
        unit=UNIT,
        times=times,
        lines=lines,
        bands=bands,
        limits=_edges(city, said),
        now=start,
        note=t("desk.plume_note"),
    )


def _over(times: Sequence[datetime], held: dict[datetime, float]) -> list[float | None]:
    return [held.get(when) for when in times]


def _edges(city: CityView, said: Sentences) -> list[Limit]:
    """Return the edges of both scales, those at the same value as one, with what begins above each."""
    labels: dict[float, list[str]] = {}
    for country, scale in city.scales.items():
        for band in scale.bands:
            if band.lower >= LEAST_EDGE:
                grade = named("bands", band.level)[said.t.language]
                labels.setdefault(band.lower, []).append(said.t(f"desk.edge_{country}", grade=grade))
    return [
        Limit(value, f"{value:.0f} {' · '.join(words)}", "limit") for value, words in sorted(labels.items())
    ]
