"""The origin panel of a run as pages show it: for each city a map of paths, hours over regions, local air."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from alerts.bulletin_words import Texts, each
from alerts.origin_note import origin_note
from alerts.origin_view import OriginView, origin_view
from alerts.path_map import MARKED, is_drawn, origin_texts, path_map_svg
from alerts.vocabulary import LANGUAGES, Language, vocabulary
from pipeline.origin_panel import CityOrigin, OriginPanel


@dataclass(frozen=True)
class PageRow:
    """One region: its name, mean time [h], the range of 80 % of the paths and the paths over it."""

    name: Texts
    hours: Texts
    span: Texts
    share: Texts


@dataclass(frozen=True)
class OriginCard:
    """One city's origin in every language; of a city with ``missing`` nothing else is known.

    ``surrogate`` stands where no path is drawn as its winds were estimated from pressure; ``marks`` are the
    hours before arrival that the map marks.
    """

    city: Texts
    missing: Texts | None = None
    arriving: Texts | None = None
    rows: tuple[PageRow, ...] = ()
    lines: tuple[Texts, ...] = ()
    method: Texts | None = None
    surrogate: Texts | None = None
    map: Markup = Markup("")  # noqa: RUF009 - a constant
    marks: tuple[int, ...] = ()


def origin_cards(panel: OriginPanel | None, only: Language | None = None) -> tuple[OriginCard, ...]:
    """Return what a page shows of a panel, city by city; nothing where a run has none.

    Parameters
    ----------
    only : one language of the labels on the maps; None for all, of which the page shows one

    Examples
    --------
    >>> from alerts.origin_example import example_panel
    >>> cards = origin_cards(example_panel())
    >>> [(card.city["en"], len(card.rows), bool(card.map)) for card in cards]
    [('Beijing', 4, True), ('Seoul', 5, True)]
    >>> origin_cards(example_panel(kind="surrogate"))[0].map
    Markup('')
    """
    return tuple(_card(city, panel, only) for city in panel.cities) if panel else ()


def unknown_origins(panel: OriginPanel | None) -> Texts | None:
    """Return why nothing is known of any city; None where something is, or where there is no panel."""
    if panel is None or not panel.missing:
        return None
    return _not_known(panel.missing)


def _not_known(reason: str) -> Texts:
    return origin_texts("not_known", why=each(lambda v: v.phrase(reason)))


def _card(city: CityOrigin, panel: OriginPanel, only: Language | None) -> OriginCard:
    name = each(lambda v: v.city(city.city))
    if panel.missing or city.missing:
        return OriginCard(name, missing=_not_known(panel.missing or city.missing))
    note = origin_note(city, panel)
    views = {str(language): origin_view(note, vocabulary(language)) for language in LANGUAGES}
    return OriginCard(
        city=name,
        arriving={lang: view.arriving for lang, view in views.items()},
        rows=_rows(views),
        lines=_lines(views),
        method={lang: view.method for lang, view in views.items()},
        surrogate=origin_texts("surrogate") if panel.kind == "surrogate" else None,
        map=path_map_svg(city, panel, only=only),
        marks=tuple(h for h in MARKED if h <= city.hours) if is_drawn(city, panel) else (),
    )


def _rows(views: dict[str, OriginView]) -> tuple[PageRow, ...]:
    """Return the table of regions with every cell in every language."""
    tables = zip(*(view.rows for view in views.values()), strict=True)
    return tuple(
        PageRow(
            *(
                {lang: getattr(cell, name) for lang, cell in zip(views, row, strict=True)}
                for name in ("name", "hours", "span", "share")
            )
        )
        for row in tables
    )


def _lines(views: dict[str, OriginView]) -> tuple[Texts, ...]:
    """Return the statements about local air, windows and readings, local air first."""
    said = zip(*((view.local, *view.windows, view.upwind) for view in views.values()), strict=True)
    lines = (dict(zip(views, line, strict=True)) for line in said)
    return tuple(line for line in lines if any(line.values()))
