"""A page with one figure of each kind, for tests of the figures themselves."""

import math
from datetime import UTC, datetime, timedelta

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from review import page
from review.access import add, include
from review.accounts.roles import Action
from review.app import create_app
from review.figures import (
    XY,
    Arrow,
    Band,
    BarChart,
    Bars,
    Dot,
    DotPlot,
    Limit,
    Line,
    MapFigure,
    Outline,
    Path,
    Point,
    TimeChart,
    XYChart,
)

START = datetime(2026, 1, 13, 8, tzinfo=UTC)
TIMES = [START + timedelta(hours=h) for h in range(97)]
MIDDLE = [60 + 35 * math.sin(h / 13) for h in range(97)]
EVIL = "</script><img src=x onerror=alert(1)>"


def plume():
    return TimeChart(
        "plume",
        "Seoul: PM2.5 hour by hour",
        "µg m⁻³",
        TIMES,
        [
            Line(f"measured {EVIL}", [*MIDDLE[:25], *([None] * 72)], "observed"),
            Line("forecast", MIDDLE, "forecast"),
            Line("AirKorea", [v + 12 for v in MIDDLE], "official", "dashes"),
            Line("CAMS", [v - 14 for v in MIDDLE], "cams", "points"),
            Line("persistence", [70.0] * 97, "persistence", "steps"),
            Line("six hours ago", [v + 5 for v in MIDDLE], "previous"),
        ],
        [
            Band("10–90 %", [v - 25 for v in MIDDLE], [v + 25 for v in MIDDLE], "forecast"),
            Band("25–75 %", [v - 11 for v in MIDDLE], [v + 11 for v in MIDDLE], "forecast"),
        ],
        [Limit(35, "KR bad"), Limit(75, "KR very bad"), Limit(76, "CN light")],
        now=TIMES[24],
        note="Bands hold as many of the measured hours as they say.",
    )


def others():
    curve = XY(
        "model",
        [0.1, 0.5, 0.9],
        [0.05, 0.55, 0.8],
        "forecast",
        [0.0, 0.4, 0.7],
        [0.1, 0.7, 0.9],
        [80, 30, 12],
    )
    bars = [
        Bars("model", [0.8, 0.6], "forecast", [0.7, 0.4], [0.9, 0.7], [40, 38]),
        Bars("persistence", [0.5, None], "persistence"),
    ]
    dots = [
        ("came true", [Dot(v, f"{v} Jan", "yes") for v in (10, 55, 56, 80)]),
        ("did not", [Dot(12, "1 Jan", "no")]),
    ]
    return [
        XYChart("reliability", "Reliability", "forecast", "observed", [curve], diagonal=True),
        BarChart("pod", "Hits of episodes (POD)", "", ["24 h", "48 h"], bars, [Limit(0.5, "half")]),
        DotPlot("past", "The last forecasts like this", "%", dots, mark=60.0, mark_label="now 60 %"),
    ]


def chart_map():
    return MapFigure(
        "stations",
        "Stations and winds",
        [Point(37.57, 126.98, "Seoul", 82.0, "grade-red"), Point(39.9, 116.4, "Beijing", None, "neutral")],
        [Arrow(38.0, 121.0, 6.0, -3.0, "6.7 m s⁻¹ from the north-west")],
        [Path("air at 500 m", [37.57, 38.2, 39.1, 40.0], [126.98, 123.0, 119.0, 116.0], [0, -24, -48, -72])],
        [Outline("Bohai", [38, 40, 40, 38, 38], [118, 118, 121, 121, 118])],
        unit="µg m⁻³",
    )


def figures_page(request: Request) -> HTMLResponse:
    return page.render(
        request,
        page._ENVIRONMENT.from_string(PAGE),
        charts=[plume(), *others()],
        place=chart_map(),
        world="simulated-1",
    )


PAGE = """{% extends "frame.html.j2" %}{% from "figures.html.j2" import chart, map with context %}
{% block main %}<section><h1>Figures</h1>
{% for one in charts %}{{ chart(one) }}{% endfor %}{{ map(place) }}</section>
{% endblock %}"""


def app_with_figures(settings, **kwargs):
    """Return the application with one page more."""
    app = create_app(settings, **kwargs)
    router = APIRouter()
    add(router, "/figures-look", figures_page, Action.see_forecasts)
    include(app, (router,))
    return app
