"""The bulletin page: one HTML file with everything inside, in three languages, with or without a warning."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from alerts.bulletin_data import SHOWN_THRESHOLDS, DayRow
from alerts.bulletin_figures import heat, number, percent
from alerts.bulletin_view import Bulletin
from alerts.bulletin_words import each, named, spans, texts
from alerts.charts import plume_svg
from alerts.content import RuleFinding, WarningContent
from alerts.edition import edition_texts, scale_short
from alerts.fonts import font_face_css
from alerts.origin_page import origin_cards, unknown_origins
from alerts.origin_view import says_origin
from alerts.path_map import origin_texts
from alerts.plain_text import one_line
from alerts.scales import Scale
from alerts.vocabulary import LANGUAGES

NARROW = {"width": 390, "height": 230, "history_hours": 24}
"""The plume on a telephone: fewer hours, so that letters stay readable."""


def page_of(shown: Bulletin) -> str:
    """Return a bulletin as a single HTML file that asks no server for anything.

    >>> from alerts.bulletin_example import example_bulletin
    >>> page = page_of(example_bulletin())
    >>> page.startswith("<!doctype html>"), "SIMULATED" in page
    (True, True)
    """
    facts, content = shown.facts, shown.content
    origins = None if shown.edition.city else facts.origins
    return (
        _environment()
        .get_template("bulletin.html.j2")
        .render(
            css=Markup(_style()),  # noqa: S704 - our own style sheet and fonts
            content=content,
            edition=shown.edition,
            links=shown.links,
            facts=facts,
            outlooks=shown.outlooks,
            wide={o.city.id: plume_svg(o) for o in shown.outlooks},
            narrow={o.city.id: plume_svg(o, **NARROW) for o in shown.outlooks},
            map=shown.map(),
            any_hull=any(area.is_hull for area in shown.areas),
            members=shown.members,
            origins=origin_cards(origins),
            unknown=unknown_origins(origins),
            degraded=shown.degraded,
            is_joint=shown.edition.says_origin and content is not None and says_origin(content),
            told=[section for section in (*shown.stated, shown.dust) if section],
            station_counts=shown.station_counts,
            said=shown.said,
            zones=shown.zones,
            assessable=shown.assessable,
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
        e=lambda key, **values: spans(edition_texts(key, **values)),
        short=lambda scale: spans(scale_short(scale.rule)),
        valid=_valid,
        basis=_basis,
        plain=one_line,
    )
    return environment


def grade(scale: Scale, row: DayRow) -> Markup:
    """Return the national grade of a day's mean, or a dash; with a swatch of the country's colour."""
    band = scale.band_of(row.mean)
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
