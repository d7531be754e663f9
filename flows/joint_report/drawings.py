"""Figures of the report as SVG in one language; the PDF draws the same SVG."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from markupsafe import Markup

from alerts.charts import tick_step
from alerts.svg import drawing, element, label, line_path
from flows.joint_report.words import Words
from pipeline.times import local_day_bounds, parse_instant

Plain = dict[str, Any]
WIDE: Final = 760.0
MODELS: Final = ("sameair", "persistence", "climatology")
LEADS: Final = ("D+0", "D+1", "D+2", "D+3", "D+4", "D+5")


@dataclass(frozen=True)
class Plot:
    """A field of a drawing with axes from ``low`` to ``high``; places in pixels."""

    left: float
    right: float
    top: float
    bottom: float
    x_range: tuple[float, float]
    y_range: tuple[float, float]

    def x(self, value: float) -> float:
        """Return the horizontal place of a value."""
        low, high = self.x_range
        return self.left + (value - low) / (high - low) * (self.right - self.left)

    def y(self, value: float) -> float:
        """Return the vertical place of a value, kept inside the field."""
        low, high = self.y_range
        share = (min(max(value, low), high) - low) / (high - low)
        return self.bottom - share * (self.bottom - self.top)

    def frame(
        self, ticks: Sequence[tuple[float, str]], marks: Sequence[tuple[float, str]]
    ) -> Iterator[Markup]:
        """Draw the grid: ``ticks`` of the vertical axis, ``marks`` of the horizontal one."""
        for value, text in ticks:
            y = self.y(value)
            yield element("line", x1=self.left, x2=self.right, y1=y, y2=y, class_="grid")
            yield label(text, self.left - 5, y + 3.5, text_anchor="end", class_="tick")
        for value, text in marks:
            yield label(text, self.x(value), self.bottom + 14, text_anchor="middle", class_="tick")

    def line(self, points: Sequence[tuple[float, float]], class_: str) -> Markup:
        """Draw a line through points."""
        placed = [(self.x(x), self.y(y)) for x, y in points]
        return element("path", d=line_path(placed), class_=class_) if len(placed) > 1 else Markup("")


def skill_svg(report: Mapping[str, Any], city: str, words: Words) -> Markup:
    """Draw the Brier skill score against climatology by lead, with intervals, of model and persistence."""
    at = report["thresholds"][city][0]
    plot = Plot(44, WIDE - 170, 12, 190, (-0.4, 5.4), (-0.6, 1.0))
    ticks = [(v, words.number(v, 1)) for v in (-0.5, 0.0, 0.5, 1.0)]
    parts = list(plot.frame(ticks, [(i, lead) for i, lead in enumerate(LEADS)]))
    zero = plot.y(0)
    parts.append(element("line", x1=plot.left, x2=plot.right, y1=zero, y2=zero, class_="zero"))
    for number, model in enumerate(MODELS[:2]):
        rows = {r["lead"]: r for r in report["scores"]["exceedance"] if _is(r, city, model, at)}
        parts += _whiskers(plot, rows, "bss_climatology", number)
        parts += _legend(plot, number, words.of("models", model))
    return drawing(
        WIDE,
        214,
        parts,
        class_="figure",
        aria_label=words.say("figure_skill", city=words.city(city), threshold=at),
    )


def _whiskers(plot: Plot, rows: Mapping[str, Plain], measure: str, number: int) -> Iterator[Markup]:
    for i, lead in enumerate(LEADS):
        told = rows.get(lead, {}).get(measure)
        if not told or told["value"] is None:
            continue
        x = i + 0.14 * number - 0.07
        if told["low"] is not None:
            yield plot.line([(x, told["low"]), (x, told["high"])], f"series series-{number}")
        yield element("circle", cx=plot.x(x), cy=plot.y(told["value"]), r=3.6, class_=f"mark-{number}")


def _legend(plot: Plot, number: int, text: str) -> Iterator[Markup]:
    y = plot.top + 12 + 18 * number
    yield element("circle", cx=plot.right + 14, cy=y - 4, r=3.6, class_=f"mark-{number}")
    yield label(text, plot.right + 23, y, class_="day")


def reliability_svg(report: Mapping[str, Any], city: str, words: Words) -> Markup:
    """Draw reliability (left) and ROC (right) of D+1 to D+3 of the main threshold."""
    at = report["thresholds"][city][0]
    tenths = [(v, words.number(v, 1)) for v in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)]
    left, right = (Plot(x, x + 236, 12, 248, (0, 1), (0, 1)) for x in (44, 360))
    parts: list[Markup] = []
    for plot, title in ((left, "axis_forecast"), (right, "axis_pofd")):
        parts += plot.frame(tenths, tenths)
        parts.append(plot.line([(0, 0), (1, 1)], "zero"))
        parts.append(
            label(
                words.say(title),
                (plot.left + plot.right) / 2,
                plot.bottom + 32,
                text_anchor="middle",
                class_="day",
            )
        )
    for number, lead in enumerate(LEADS[1:4]):
        parts += _reliable(left, report, city, at, lead, number)
        parts += _roc(right, report, city, at, lead, number)
        parts += _legend(right, number, lead)
    return drawing(
        WIDE,
        292,
        parts,
        class_="figure",
        aria_label=words.say("figure_reliability", city=words.city(city), threshold=at),
    )


def _reliable(
    plot: Plot, report: Mapping[str, Any], city: str, at: int, lead: str, number: int
) -> Iterator[Markup]:
    rows = [r for r in report["scores"]["reliability"] if _is(r, city, MODELS[0], at) and r["lead"] == lead]
    known = [r for r in sorted(rows, key=lambda r: r["bin"]) if r["observed_frequency"] is not None]
    points = [(r["mean_probability"], r["observed_frequency"]) for r in known]
    yield plot.line(points, f"series series-{number}")
    for x, y in points:
        yield element("circle", cx=plot.x(x), cy=plot.y(y), r=3.0, class_=f"mark-{number}")


def _roc(
    plot: Plot, report: Mapping[str, Any], city: str, at: int, lead: str, number: int
) -> Iterator[Markup]:
    rows = [r for r in report["scores"]["roc"] if _is(r, city, MODELS[0], at) and r["lead"] == lead]
    points = sorted((r["pofd"], r["pod"]) for r in rows if r["pod"] is not None and r["pofd"] is not None)
    if points:
        yield plot.line([(0.0, 0.0), *points, (1.0, 1.0)], f"series series-{number}")


def course_svg(report: Mapping[str, Any], city: str, words: Words) -> Markup:
    """Draw the measured day means of the period with the thresholds, and the episodes as a strip below."""
    known = report["outcome"][city]
    first, last = (date.fromisoformat(report[k]) for k in ("first", "last"))
    highest = max([*known["daily"].values(), *map(float, known["above"]), 60.0])
    step = tick_step(highest)
    plot = Plot(44, WIDE - 60, 12, 176, (0.0, float(known["days"])), (0.0, highest * 1.05))
    ticks = [(float(v), str(v)) for v in range(0, int(highest) + 1, step)]
    days = [first + timedelta(days=n) for n in range(known["days"])]
    marks = [(n + 0.0, f"{d.month}/{d.day}") for n, d in enumerate(days) if d.day in (1, 11, 21) or d == last]
    parts = list(plot.frame(ticks, marks if len(marks) < 16 else marks[::2]))
    for threshold in known["above"]:
        y = plot.y(float(threshold))
        parts.append(element("line", x1=plot.left, x2=plot.right, y1=y, y2=y, class_="edge"))
        parts.append(label(threshold, plot.right + 4, y + 3.5, class_="edge-value"))
    slot = (plot.right - plot.left) / max(known["days"], 1)
    for n, day in enumerate(days):
        value = known["daily"].get(day.isoformat())
        if value is not None:
            top = plot.y(value)
            parts.append(
                element(
                    "rect",
                    x=plot.x(n) + slot * 0.15,
                    y=top,
                    width=slot * 0.7,
                    height=plot.bottom - top,
                    class_="bars",
                )
            )
    return drawing(
        WIDE, 200, parts, class_="figure", aria_label=words.say("figure_course", city=words.city(city))
    )


def timeline_svg(episode: Mapping[str, Any], city: str, zone: str, words: Words, threshold: float) -> Markup:
    """Draw what each cycle gave the highest day of an episode, with begin, end and first warning."""
    begins, ends = (parse_instant(episode[k]) for k in ("begins", "ends"))
    left, right = begins - timedelta(days=4), ends + timedelta(hours=12)
    plot = Plot(44, WIDE - 60, 26, 110, (0.0, _hours(left, right)), (0.0, 1.0))
    marks = []
    day = begins - timedelta(days=4)
    while day < right:
        local = local_day_bounds((day + timedelta(hours=12)).date(), zone)[0]
        if left <= local < right:
            marks.append((_hours(left, local), words.names.date((local + timedelta(hours=12)).date())))
        day += timedelta(days=1 if (right - left).days < 9 else 3)
    parts: list[Markup] = []
    x, wide = plot.x(_hours(left, begins)), plot.x(_hours(left, ends)) - plot.x(_hours(left, begins))
    parts.append(
        element("rect", x=x, y=plot.top, width=wide, height=plot.bottom - plot.top, class_="episode")
    )
    parts += plot.frame([(v, words.share(v)) for v in (0.0, 0.5, 1.0)], marks)
    points = [(_hours(left, parse_instant(c["issue"])), c["p"]) for c in episode["course"]]
    parts.append(plot.line(points, "series series-0"))
    parts += [element("circle", cx=plot.x(h), cy=plot.y(p), r=2.6, class_="mark-0") for h, p in points]
    parts += _flags(plot, episode, left, words)
    said = words.say(
        "figure_timeline",
        city=words.city(city),
        days=words.days(episode["first_day"], episode["last_day"]),
        threshold=f"{threshold:g}",
    )
    return drawing(WIDE, 132, parts, class_="figure", aria_label=said)


def _flags(plot: Plot, episode: Mapping[str, Any], left: datetime, words: Words) -> Iterator[Markup]:
    """Draw when the episode was first predicted and first warned of."""
    for number, key in enumerate(("first_predicted", "warned")):
        if episode[key] is None or parse_instant(episode[key]) < left:
            continue
        x = plot.x(_hours(left, parse_instant(episode[key])))
        y = plot.top - 4 - 11 * (1 - number)
        yield element("line", x1=x, x2=x, y1=y, y2=plot.bottom, class_="issue")
        at_left = x < (plot.left + plot.right) / 2
        yield label(
            words.say(f"flag_{key}"),
            x + (4 if at_left else -4),
            y + 7,
            text_anchor="start" if at_left else "end",
            class_="issue-name",
        )


def _hours(start: datetime, at: datetime) -> float:
    return (at - start) / timedelta(hours=1)


def _is(row: Mapping[str, Any], city: str, model: str, threshold: int) -> bool:
    return (row["city"], row["model"], row.get("threshold")) == (city, model, threshold)
