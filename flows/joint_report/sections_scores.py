"""Forecasts against outcomes: counts, scores with intervals, calibration, concentrations, others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from flows.joint_report.document import Block, Figure, Section, table_of
from flows.joint_report.drawings import LEADS, MODELS, reliability_svg, skill_svg
from flows.joint_report.words import Words

Report = Mapping[str, Any]
Row = Mapping[str, Any]
SHORT: Final = ("D+1", "D+2", "D+3")


def scores_part(report: Report, words: Words) -> Section:
    """Return contingency tables, measures and skill of exceedances, by city, lead day and threshold."""
    title = words.say("scores")
    if not report["scores"]["exceedance"]:
        return Section(title, (words.say("nothing_scored"),))
    blocks: list[Block] = [words.say("scores_note")]
    for city, thresholds in report["thresholds"].items():
        for threshold in thresholds:
            blocks += _counts(report, city, threshold, words)
        blocks += _skills(report, city, thresholds[0], words)
        blocks.append(_differences(report, city, thresholds[0], words))
    return Section(title, tuple(blocks))


def _rows(
    rows: Iterable[Row], city: str, threshold: int | None = None, model: str | None = None
) -> list[Row]:
    found = [
        r
        for r in rows
        if r["city"] == city
        and (threshold is None or r.get("threshold") == threshold)
        and (model is None or r["model"] == model)
    ]
    return sorted(
        found, key=lambda r: (LEADS.index(r["lead"]) if r["lead"] in LEADS else 9, _place(r["model"]))
    )


def _place(model: str) -> tuple[int, str]:
    return (MODELS.index(model) if model in MODELS else len(MODELS), model)


def _counts(report: Report, city: str, threshold: int, words: Words) -> list[Block]:
    mine = _rows(report["scores"]["exceedance"], city, threshold, MODELS[0])
    columns = ("lead", "n", "hits", "misses", "false", "quiet", "pod", "far", "csi", "frequency_bias")
    rows = [
        (
            r["lead"],
            *(str(r[name]) for name in columns[1:6]),
            *(words.within(r[name]) for name in columns[6:]),
        )
        for r in mine
    ]
    title = words.say("counts", city=words.city(city), threshold=threshold)
    return [table_of(title, [words.of("terms", c) for c in columns], rows, words, (6, 7, 8, 9))]


def _skills(report: Report, city: str, threshold: int, words: Words) -> list[Block]:
    mine = [r for r in _rows(report["scores"]["exceedance"], city, threshold) if r["lead"] in ("D+0", *SHORT)]
    names = ("brier_score", "bss_climatology", "bss_persistence", "bss_trend", "roc_area")
    rows = [
        (
            r["lead"],
            words.of("models", r["model"]),
            *(words.within(r[n], 3 if n == "brier_score" else 2) if n in r else "–" for n in names),
        )
        for r in mine
    ]
    columns = [words.of("terms", c) for c in ("lead", "forecast", *names)]
    told = {"city": words.city(city), "threshold": threshold}
    figure = Figure(f"skill-{city}", skill_svg(report, city, words), words.say("figure_skill", **told))
    return [table_of(words.say("skills", **told), columns, rows, words, (2, 3, 4, 5, 6)), figure]


def _differences(report: Report, city: str, threshold: int, words: Words) -> Block:
    rows = []
    for r in _rows(report["scores"]["difference"], city):
        if r["lead"] in SHORT and (r["measure"] == "rmse" or r.get("threshold") == threshold):
            digits = 3 if r["measure"] == "brier_score" else 2
            rows.append(
                (
                    r["lead"],
                    words.of("models", r["other"]),
                    words.of("terms", r["measure"]),
                    words.within(r, digits),
                )
            )
    columns = [words.of("terms", c) for c in ("lead", "beside", "measure", "difference")]
    title = words.say("differences", city=words.city(city), threshold=threshold)
    return table_of(title, columns, rows, words, (1, 2, 3))


def calibration_part(report: Report, words: Words) -> Section:
    """Return whether the probabilities came true: diagrams, and calibration error beside that of chance."""
    title = words.say("calibration")
    rows = []
    for city, thresholds in report["thresholds"].items():
        for r in _rows(report["scores"]["calibration"], city, thresholds[0], MODELS[0]):
            if r["lead"] in SHORT:
                rows.append((words.city(city), str(r["threshold"]), r["lead"], *_calibrated(r, words)))
    if not rows:
        return Section(title, (words.say("nothing_calibrated"),))
    columns = [
        words.of("terms", c)
        for c in ("city", "threshold", "lead", "calibration_error", "by_chance", "verdict")
    ]
    blocks: list[Block] = [words.say("calibration_note")]
    for city, thresholds in report["thresholds"].items():
        if any(
            r["city"] == city and r["threshold"] == thresholds[0] for r in report["scores"]["reliability"]
        ):
            told = {"city": words.city(city), "threshold": thresholds[0]}
            svg = reliability_svg(report, city, words)
            blocks.append(Figure(f"reliability-{city}", svg, words.say("figure_reliability", **told)))
    return Section(title, (*blocks, table_of(words.say("calibration_table"), columns, rows, words, (5,))))


def _calibrated(row: Row, words: Words) -> tuple[str, str, str]:
    error, high = row["calibration_error"], row["calibrated_high"]
    word = (
        "–"
        if error is None or high is None
        else words.say("calibrated" if error <= high else "not_calibrated")
    )
    span = f"{words.number(row['calibrated_low'], 3)} … {words.number(high, 3)}"
    return words.number(error, 3), span, word


def continuous_part(report: Report, words: Words) -> Section:
    """Return errors of day means."""
    blocks: list[Block] = []
    names = ("rmse", "mae", "bias", "crps", "coverage_80")
    for city in report["thresholds"]:
        rows = [
            (
                r["lead"],
                words.of("models", r["model"]),
                *(words.within(r[n], 2 if n == "coverage_80" else 1) for n in names),
            )
            for r in _rows(report["scores"]["continuous"], city)
            if r["lead"] in ("D+0", *SHORT)
        ]
        columns = [words.of("terms", c) for c in ("lead", "forecast", *names)]
        blocks.append(
            table_of(
                words.say("continuous_table", city=words.city(city)), columns, rows, words, (2, 3, 4, 5, 6)
            )
        )
    return Section(words.say("continuous"), (words.say("continuous_note"), *blocks))


def beside_part(report: Report, words: Words) -> Section:
    """Return reviewed warnings and other agencies' bulletins beside the forecasts."""
    reviewed = [r for r in report["scores"]["reviewed"] if r["lead"] in SHORT]
    rows = [
        (
            words.city(r["city"]),
            r["lead"],
            words.of("models", r["model"]),
            words.of("statuses", r["status"]),
            str(r["hits"]),
            str(r["misses"]),
            str(r["false"]),
            words.within(r["pod"]),
            words.within(r["far"]),
        )
        for r in reviewed
    ]
    columns = [
        words.of("terms", c)
        for c in ("city", "lead", "forecast", "status", "hits", "misses", "false", "pod", "far")
    ]
    blocks: list[Block] = [
        words.say("beside_note"),
        table_of(words.say("reviewed_table"), columns, rows, words, (2, 7, 8)),
    ]
    return Section(words.say("beside"), (*blocks, _stated(report, words)))


def _stated(report: Report, words: Words) -> Block:
    """Return the table of bulletins of agencies."""
    names = (
        "accuracy_theirs",
        "accuracy_ours",
        "high_pod_theirs",
        "high_pod_ours",
        "high_far_theirs",
        "high_far_ours",
    )
    stated = [
        (
            str(r["source"]),
            words.city(r["city"]),
            r["lead"],
            str(r["n"]),
            str(r["high_days"]),
            *(words.number(r.get(n)) for n in names),
        )
        for r in report["scores"]["statements"]
    ]
    heads = [words.of("terms", c) for c in ("agency", "city", "lead", "days", "high_days", *names)]
    return table_of(words.say("statements_table"), heads, stated, words, (0,))
