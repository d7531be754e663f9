"""The origin panel of a run in a line for each city, for the summary of a run."""

from __future__ import annotations

from alerts.origin_note import main_regions
from alerts.origin_view import named_place
from alerts.vocabulary import vocabulary
from pipeline.cities import all_cities
from pipeline.origin_panel import CityOrigin, OriginPanel

NAMED = 3
"""So many regions stand in a line."""


def origin_lines(panel: OriginPanel) -> list[str]:
    """Return a line for each city: hours over its main regions and of local air, or why that is unknown.

    >>> from alerts.origin_example import example_panel
    >>> origin_lines(example_panel())[1].split("; ")
    ['Seoul   Yellow Sea 16 h, Shandong 12 h, Hebei 10 h of 72 h before Fri 16 Jan 15:00 (KST,...
    >>> origin_lines(example_panel(missing="no winds are stored"))
    ['not known: no winds are stored']
    """
    if panel.missing:
        return [f"not known: {panel.missing}"]
    return [_line(city, panel) for city in panel.cities]


def _line(city: CityOrigin, panel: OriginPanel) -> str:
    words = vocabulary("en")
    name = f"{words.city(city.city):<8}"
    if city.missing:
        return f"{name}not known: {city.missing}"
    passed = [f"{named_place(r.region, words)} {words.number(r.hours)} h" for r in main_regions(city)[:NAMED]]
    zone = all_cities()[city.city].timezone
    when = f"{words.moment(city.arrival, zone)} ({words.zone(zone)})"
    said = f"{', '.join(passed) or 'no region for long'} of {city.hours:g} h before {when}"
    local = f"local {words.number(city.local.hours)} of 24 h ({city.local.word})"
    estimated = " (wind estimated from sea-level pressure; no weather model)"
    return f"{name}{said}; {local}{estimated if panel.kind == 'surrogate' else ''}"
