"""The picture of a mail: day means of each city with their interval, beside the grades of both countries.

Drawn by matplotlib without any display, once for a version and language; equal contents give equal bytes.
"""

from __future__ import annotations

import math
from datetime import date
from functools import cache
from io import BytesIO
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from alerts.content import CityOutlook, WarningContent
from alerts.message_view import mark_of
from alerts.message_words import message_words
from alerts.scales import Scale, national_scale
from alerts.vocabulary import Language, Vocabulary, vocabulary
from pipeline.cities import city

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH: Final = 600
HEIGHT: Final = 300
"""Size of the picture [px]."""
DPI: Final = 100
TONES: Final = {
    "blue": "#7fb2e5",
    "green": "#7cc48a",
    "yellow": "#f2d45c",
    "orange": "#f0a04b",
    "red": "#e0655f",
    "purple": "#a06ab4",
    "maroon": "#7d3b4c",
}
_INK, _FAINT = "#1c2429", "#8a949c"


def chart_alt(content: WarningContent, language: Language) -> str:
    """Return in words what the picture shows.

    >>> from alerts.examples import example_content
    >>> chart_alt(example_content(), "en")[:66]
    'Chart of daily mean PM2.5: Beijing Wed 14 Jan 88 µg/m³, Thu 15 Jan'
    """
    words, own = vocabulary(language), message_words(language)["chart"]
    comma = words["punctuation"]["comma"]
    cities = [
        own["alt_city"].format(
            city=words.city(c.city),
            days=comma.join(
                own["alt_day"].format(date=words.date(d.day), mean=words.number(d.mean)) for d in c.days
            ),
        )
        for c in content.cities
    ]
    return str(own["alt"]).format(cities=words["punctuation"]["semicolon"].join(cities))


_ALONE: Final = Lock()
"""One picture at a time: the settings of matplotlib are those of the whole process, not of a thread."""


def mail_chart(content: WarningContent, language: Language) -> bytes:
    r"""Return the picture as PNG; a warning of a simulation, replay or test bears its mark.

    >>> from alerts.examples import example_content
    >>> picture = mail_chart(example_content(), "ko")
    >>> picture[:4], len(picture) < 50_000
    (b'\x89PNG', True)
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    words = vocabulary(language)
    with _ALONE, rc_context({"font.family": list(_families(language)), "font.size": 8.5, "text.color": _INK}):
        figure = Figure(figsize=(WIDTH / DPI, HEIGHT / DPI), dpi=DPI, facecolor="white")
        canvas = FigureCanvasAgg(figure)
        top = _top(content)
        for number, outlook in enumerate(content.cities):
            _panel(figure.add_subplot(1, len(content.cities), number + 1), outlook, top, words)
        own = message_words(language)["chart"]
        title = f"{own['title']} · {own['interval']}"
        figure.suptitle(title, x=0.02, y=0.985, ha="left", fontsize=9)
        mark = mark_of(content)
        if mark:
            figure.text(0.98, 0.985, words["marks"][mark], ha="right", va="top", color="#a32020")
        figure.subplots_adjust(left=0.065, right=0.845, top=0.82, bottom=0.13, wspace=0.62)
        out = BytesIO()
        canvas.print_png(out, metadata={"Software": None})  # type: ignore[no-untyped-call]
    return out.getvalue()


@cache
def _families(language: Language) -> tuple[str, ...]:
    """Make the packaged fonts known and return their names, in the order in which they are asked."""
    from matplotlib import font_manager

    from alerts.pdf_fonts import BY_LANGUAGE, font_file

    names = []
    for face in BY_LANGUAGE[language]:
        path = font_file(face, bold=False)
        font_manager.fontManager.addfont(path)
        names.append(font_manager.FontProperties(fname=path).get_name())
    return (*dict.fromkeys(names), "DejaVu Sans")


def _top(content: WarningContent) -> float:
    """Return the upper end of the axis [ug m-3], the same for every city."""
    values = [v for c in content.cities for d in c.days for v in (d.mean, d.q90) if math.isfinite(v)]
    return max(60.0, math.ceil(max(values, default=0.0) * 1.12 / 10) * 10)


def _panel(axes: Axes, outlook: CityOutlook, top: float, words: Vocabulary) -> None:
    """Draw one city: bars of day means with whiskers of the 80 % interval, and both scales at the right."""
    axes.set_title(words.city(outlook.city), loc="left", fontsize=9.5, pad=4)
    for place, day in enumerate(outlook.days):
        if not math.isfinite(day.mean):
            continue
        peak = day.day == outlook.peak_day
        axes.bar(place, day.mean, width=0.62, color="#3d6f9e" if peak else "#9db8d1", zorder=2)
        if day.observed_share < 1 and math.isfinite(day.q10) and math.isfinite(day.q90):
            axes.plot([place, place], [day.q10, day.q90], color=_INK, linewidth=1.2, zorder=3)
        axes.annotate(
            words.number(day.mean),
            (place, day.mean),
            (-2, 2),
            textcoords="offset points",
            ha="right",
            zorder=4,
        )
    axes.set_xticks(range(len(outlook.days)), [_short(d.day, words) for d in outlook.days])
    axes.set_xlim(-0.6, len(outlook.days) - 0.4)
    axes.set_ylim(0, top)
    axes.tick_params(length=0, labelsize=8, colors=_INK)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.grid(axis="y", color="#e3e7ea", linewidth=0.8, zorder=0)
    peak_day = date.fromisoformat(outlook.peak_day)
    own = city(outlook.city).country.lower()
    countries = sorted(("kr", "cn"), key=lambda country: country != own)
    for column, country in enumerate(countries):
        _scale(axes, national_scale(country, peak_day), (column, country), top, words)


def _scale(axes: Axes, scale: Scale, place: tuple[int, str], top: float, words: Vocabulary) -> None:
    """Draw the grades of one country as a strip beside the plot."""
    column, country = place
    left, name = 1.03 + 0.17 * column, {"kr": "korea", "cn": "china"}[country]
    style: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "clip_on": False}
    for band in scale.bands:
        if band.lower >= top:
            break
        low, high = band.lower, min(band.upper, top)
        axes.fill_between([left, left + 0.06], low, high, color=TONES[band.tone], linewidth=0, **style)
        if band.upper < top:
            axes.text(
                left + 0.075, band.upper, f"{band.upper:g}", va="center", fontsize=6.5, color=_FAINT, **style
            )
    label = message_words(words.language)["chart"][name]
    axes.text(left + 0.03, -0.035 * top, label, ha="center", va="top", fontsize=7, **style)


def _short(day: str, words: Vocabulary) -> str:
    """Return a day as the axis names it: day of the month and weekday."""
    when = date.fromisoformat(day)
    return f"{when.day} {words['weekdays'][when.weekday()]}"
