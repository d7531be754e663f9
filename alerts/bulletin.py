"""The bulletin page: one HTML file with everything inside, in three languages, with or without a warning."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import pandas as pd
import xarray as xr
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from alerts.areas import city_area
from alerts.bulletin_data import SHOWN_THRESHOLDS, DayRow, Outlook, RunFacts, outlooks
from alerts.bulletin_words import Texts, each, named, spans, texts
from alerts.charts import plume_svg
from alerts.content import RuleFinding, WarningContent
from alerts.dust_section import dust_section
from alerts.fonts import font_face_css
from alerts.message_view import NO_BACKGROUND, Background
from alerts.origin_page import origin_cards, unknown_origins
from alerts.origin_view import says_origin
from alerts.path_map import origin_texts
from alerts.plain_text import one_line
from alerts.regional_map import map_svg
from alerts.vocabulary import LANGUAGES
from alerts.wording import wording
from pipeline.cities import City

NARROW = {"width": 390, "height": 230, "history_hours": 24}
"""The plume on a telephone: fewer hours, so that letters stay readable."""


def render_bulletin(
    content: WarningContent | None,
    forecast: xr.Dataset,
    paths: xr.Dataset,
    stations: pd.DataFrame,
    cities: Sequence[City],
    *,
    run_facts: RunFacts,
    background: Background = NO_BACKGROUND,
) -> str:
    """Return the bulletin of one run as a single HTML file that asks no server for anything.

    Parameters
    ----------
    content : the warning that goes with the run, or None in quiet times
    forecast, paths : of the run, see ``pipeline.schema`` [ug m-3]
    stations : columns of pipeline.schema.STATION_COLUMNS; drawn as dots and as the hull of each city
    cities : in the order in which the page shows them
    run_facts : what the page says about run, model and inputs
    background : what the texts may add to the warning, see ``alerts.message_view``

    Examples
    --------
    >>> from alerts.bulletin_example import ISSUE, example_forecast, example_paths, example_stations
    >>> from pipeline.cities import all_cities
    >>> paths = example_paths()
    >>> facts = RunFacts("r1", "simulated-7", ISSUE, ISSUE, "m1", "0.1.0")
    >>> page = render_bulletin(None, example_forecast(paths), paths, example_stations(),
    ...                        list(all_cities().values()), run_facts=facts)
    >>> page.startswith("<!doctype html>"), "SIMULATED" in page
    (True, True)
    """
    shown = outlooks(forecast, paths, cities, run_facts.issue_time)
    areas = [city_area(o.city, stations) for o in shown]
    return (
        _environment()
        .get_template("bulletin.html.j2")
        .render(
            css=Markup(_style()),  # noqa: S704 - our own style sheet and fonts
            content=content,
            facts=run_facts,
            outlooks=shown,
            wide={o.city.id: plume_svg(o) for o in shown},
            narrow={o.city.id: plume_svg(o, **NARROW) for o in shown},
            map=map_svg(shown, areas, stations, links=content.links if content else ()),
            any_hull=any(area.is_hull for area in areas),
            members=paths.sizes["realization"],
            origins=origin_cards(run_facts.origins),
            unknown=unknown_origins(run_facts.origins),
            is_joint=content is not None and says_origin(content),
            dust=dust_section(run_facts.dust),
            station_counts={o.city.id: int((stations["city"] == o.city.id).sum()) for o in shown},
            said=_said(content, background),
            zones=sorted({o.city.timezone for o in shown}, reverse=True) or ["UTC"],
            assessable=all(math.isfinite(row.mean) for o in shown for row in o.forecast_days),
        )
    )


@cache
def _style() -> str:
    folder = Environment(loader=PackageLoader("alerts"), autoescape=False)  # noqa: S701 - CSS, not HTML
    return font_face_css() + "\n" + folder.get_template("bulletin.css").render()


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("alerts"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        languages=LANGUAGES,
        thresholds=SHOWN_THRESHOLDS,
        t=lambda key, **values: spans(texts(key, **values)),
        every=texts,
        o=lambda key, **values: spans(origin_texts(key, **values)),
        word=lambda table, key: spans(named(table, key)),
        words=named,
        city_name=lambda city_id: spans(each(lambda v: v.city(city_id))),
        city_texts=lambda city_id: each(lambda v: v.city(city_id)),
        day_name=lambda day: spans(each(lambda v: v.date(day))),
        day_texts=lambda day: each(lambda v: v.date(day)),
        say=spans,
        phrase=lambda text: spans(each(lambda v: v.phrase(text))),
        instant=lambda when, zones: spans(each(lambda v: v.instant(when, list(zones)))),
        heat=heat,
        percent=percent,
        number=number,
        grade=grade,
        valid=_valid,
        basis=_basis,
        plain=one_line,
    )
    return environment


def _said(content: WarningContent | None, background: Background) -> dict[str, Texts]:
    """Return headline and summary in each language, as the messages of the warning say them."""
    if content is None:
        return {"headline": texts("none_headline"), "summary": texts("none_note")}
    written = {str(language): wording(content, language, background) for language in LANGUAGES}
    return {
        "headline": {language: text.headline for language, text in written.items()},
        "summary": {language: text.summary for language, text in written.items()},
    }


def heat(probability: float) -> str:
    """Return the class of a probability's shade, 0 to 10; ``none`` where there is no probability.

    >>> heat(0.04), heat(0.55), heat(1.0), heat(float("nan"))
    ('heat-0', 'heat-5', 'heat-10', 'heat-none')
    """
    return f"heat-{math.floor(probability * 10)}" if math.isfinite(probability) else "heat-none"


def percent(probability: float) -> str:
    """Return a probability in per cent without sign, never 0 or 100 where something remains open.

    >>> percent(0.0), percent(0.426), percent(0.999), percent(float("nan"))
    ('<1', '43', '>99', '–')
    """
    if not math.isfinite(probability):
        return "–"
    share = round(100 * probability)
    return "<1" if share < 1 else ">99" if share > 99 else str(share)


def number(value: float) -> str:
    """Return a concentration as a whole number [ug m-3], rounded half up.

    >>> number(35.5), number(float("nan"))
    ('36', '–')
    """
    return str(math.floor(value + 0.5)) if math.isfinite(value) else "–"


def grade(outlook: Outlook, row: DayRow) -> Markup:
    """Return the national grade of a day's mean, or a dash; with a swatch of the country's colour."""
    band = outlook.scale.band_of(row.mean)
    if band is None:
        return Markup("–")
    swatch = Markup('<i class="swatch tone-{}"></i>').format(band.tone)
    return swatch + spans(named("bands", band.level))


def _basis(finding: RuleFinding) -> Markup:
    """Return on what a finding rests, what is doubtful about its criterion, and its note."""
    parts = [
        named("basis", finding.basis),
        named("evidence", finding.evidence),
        each(lambda v: v.phrase(finding.note)),
    ]
    return Markup(" · ").join(spans(part) for part in parts if any(part.values()))


def _valid(content: WarningContent, zone: str) -> Markup:
    return spans(texts("valid", period=each(lambda v: v.period(content.onset, content.expires, zone))))
