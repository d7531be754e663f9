"""Whether the forecast has been stable: what successive runs said of the day that the page tells of."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Final

from pipeline.settings import Settings
from review.desk.run_forecast import forecast_of
from review.episode.subject import Choice, Subject
from review.figures import Band, Limit, Line, TimeChart
from review.texts import Texts

BACK: Final = timedelta(days=5)
SPREAD: Final = 0.2
"""A probability that moved by more than this over the last runs is called unsteady [1]."""
LAST: Final = 4
FEWEST: Final = 2


def stability_of(subject: Subject, focus: Choice, settings: Settings, t: Texts) -> dict[str, object]:
    """Return the charts of probability and day mean by run, and in a sentence whether they were steady."""
    runs = [run for run in subject.runs if run.cycle >= subject.run.cycle - BACK][::-1]
    said = []
    for run in runs:
        whole = forecast_of(run, settings)
        day = whole.of(subject.city.id).of_day(focus.day) if whole is not None else None
        chance = day.chance_over(focus.threshold) if day is not None else None
        if day is not None and chance is not None:
            said.append((run.cycle, chance, day.quantiles))
    times = [cycle for cycle, _, _ in said]
    chances = [round(100 * chance, 1) for _, chance, _ in said]
    probability = TimeChart(
        "stability-chance",
        t("episode.chance_by_run", day=focus.day.isoformat(), threshold=focus.threshold),
        "%",
        times,
        lines=[Line(t("episode.probability"), chances, "forecast")],
        limits=[Limit(100 * focus.needed, t("episode.needed"), "limit")],
        note=t("episode.by_run_note"),
    )
    mean = TimeChart(
        "stability-mean",
        t("episode.mean_by_run", day=focus.day.isoformat()),
        "µg/m³",
        times,
        lines=[Line(t("episode.median"), [round(q["q50"], 1) for _, _, q in said], "forecast")],
        bands=[
            Band(
                t("episode.band80"),
                [round(q["q10"], 1) for _, _, q in said],
                [round(q["q90"], 1) for _, _, q in said],
                "forecast",
            )
        ],
        limits=[Limit(focus.threshold, t("episode.limit", level=focus.level), "limit")],
        note=t("episode.by_run_note"),
    )
    return {
        "charts": (probability, mean) if len(said) >= FEWEST else (),
        "sentence": _sentence([chance for _, chance, _ in said], focus, t),
    }


def _sentence(chances: list[float], focus: Choice, t: Texts) -> str:
    if len(chances) < FEWEST:
        return t("episode.one_run")
    last = chances[-LAST:]
    low, high = (round(100 * v) for v in (min(last), max(last)))
    flips = sum((a >= focus.needed) != (b >= focus.needed) for a, b in pairwise(last))
    words = {"runs": len(last), "low": low, "high": high, "flips": flips, "needed": round(100 * focus.needed)}
    if flips:
        return t("episode.crossed", **words)
    return t("episode.unsteady" if max(last) - min(last) > SPREAD else "episode.steady", **words)
