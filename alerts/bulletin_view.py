"""What one bulletin shows, made once for its page and its PDFs: forecast, warning, who stands behind it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd
import xarray as xr
from markupsafe import Markup

from alerts.areas import Area, city_area
from alerts.bulletin_data import Outlook, RunFacts, outlooks
from alerts.bulletin_words import Texts, texts
from alerts.content import LinkEvidence, WarningContent
from alerts.dust_section import DustSection, dust_section
from alerts.edition import Edition
from alerts.message_view import NO_BACKGROUND, Background
from alerts.regional_map import map_svg
from alerts.stated import StatedSection, stated_sections
from alerts.vocabulary import LANGUAGES
from alerts.wording import wording
from pipeline.cities import City


@dataclass(frozen=True)
class Bulletin:
    """Everything that a bulletin shows; ``said`` are headline and summary in every language.

    ``stations`` are those of the cities shown, with columns of pipeline.schema.STATION_COLUMNS.
    """

    edition: Edition
    content: WarningContent | None
    facts: RunFacts
    outlooks: tuple[Outlook, ...]
    areas: tuple[Area, ...]
    stations: pd.DataFrame
    members: int
    said: dict[str, Texts]

    @property
    def zones(self) -> list[str]:
        """Return the time zones of the cities shown."""
        return sorted({o.city.timezone for o in self.outlooks}, reverse=True) or ["UTC"]

    @property
    def assessable(self) -> bool:
        """Tell whether every day of every city can be assessed."""
        return all(math.isfinite(row.mean) for o in self.outlooks for row in o.forecast_days)

    @property
    def links(self) -> tuple[LinkEvidence, ...]:
        """Return the links between cities that the document may name."""
        return () if self.edition.city or self.content is None else self.content.links

    @property
    def degraded(self) -> Texts | None:
        """Return why the forecast is degraded; None where it is not."""
        return self.edition.degraded(self.facts.degraded)

    @property
    def dust(self) -> DustSection | None:
        """Return what is said of dust."""
        return dust_section(self.edition.dust(self.facts.dust))

    @property
    def stated(self) -> tuple[StatedSection, ...]:
        """Return our range of the index, and what others had stated as far as readers may see it."""
        return stated_sections(self.facts.stated, self.edition)

    @property
    def station_counts(self) -> dict[str, int]:
        """Return how many stations each city has."""
        return {o.city.id: int((self.stations["city"] == o.city.id).sum()) for o in self.outlooks}

    def map(self, width: int = 420) -> Markup:
        """Draw the map of the region that is shown."""
        return map_svg(
            self.outlooks,
            self.areas,
            self.stations,
            links=self.links,
            width=width,
            party=self.edition.party,
        )


def make_bulletin(
    content: WarningContent | None,
    forecast: xr.Dataset,
    paths: xr.Dataset,
    stations: pd.DataFrame,
    cities: Sequence[City],
    *,
    run_facts: RunFacts,
    background: Background = NO_BACKGROUND,
) -> Bulletin:
    """Put together what the bulletin of a run shows, as far as its edition may show it.

    Parameters
    ----------
    content : the warning that goes with the run, or None in quiet times
    forecast, paths : of the run, see ``pipeline.schema`` [ug m-3]
    stations : columns of pipeline.schema.STATION_COLUMNS; drawn as dots and as the hull of each city
    cities : in the order in which the page shows them
    run_facts : what is said about run, model and inputs; ``run_facts.edition`` says for whom
    background : what the texts may add to the warning, see ``alerts.message_view``
    """
    edition = run_facts.edition
    shown = outlooks(forecast, paths, edition.of(cities), run_facts.issue_time)
    held = stations[stations["city"] == edition.city] if edition.city else stations
    facts = replace(
        run_facts,
        inputs_used=tuple(name for name in run_facts.inputs_used if edition.keeps(name)),
        inputs_missing=tuple(name for name in run_facts.inputs_missing if edition.keeps(name)),
    )
    return Bulletin(
        edition=edition,
        content=content,
        facts=facts,
        outlooks=shown,
        areas=tuple(city_area(o.city, held) for o in shown),
        stations=held,
        members=paths.sizes["realization"],
        said=_said(content, edition, background),
    )


def _said(content: WarningContent | None, edition: Edition, background: Background) -> dict[str, Texts]:
    """Return headline and summary in each language, as the messages of the warning say them."""
    if content is None and edition.city:
        return dict(zip(("headline", "summary"), edition.silence(), strict=True))
    if content is None:
        return {"headline": texts("none_headline"), "summary": texts("none_note")}
    written = {str(language): wording(content, language, background) for language in LANGUAGES}
    return {
        "headline": {language: text.headline for language, text in written.items()},
        "summary": {language: text.summary for language, text in written.items()},
    }
