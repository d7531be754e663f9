"""What a world's own history says of a link: measured excess over chance, by season and lag, and its word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from forecasting.transport.link_history import Terms, past_day_means, whole_years
from forecasting.transport.link_paths import LAG_HOURS, RADIUS_KM, WindsOf, passings_of
from forecasting.transport.link_test import (
    FEWEST_DAYS,
    Confidence,
    Excess,
    LinkTest,
    confidence_of,
)
from pipeline.asof import AsOfPanel
from pipeline.cities import City
from pipeline.errors import ContractError
from pipeline.times import iso

VERSION: Final = 1
SEASONS: Final = {"DJF": (12, 1, 2), "MAM": (3, 4, 5), "JJA": (6, 7, 8), "SON": (9, 10, 11)}
LAG_CLASSES: Final = ((0.0, 24.0), (24.0, 48.0), (48.0, 72.0))
"""Classes of the time between passing and arriving: first < lag ≤ second [h]."""
WHOLE_YEAR: Final = "all"
FEWEST_OF_SEASON: Final = 5
"""A season with fewer days on which the condition held has no part in the word of the whole year."""

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class LinkMeasurement:
    """One measured direction: rows of ``path`` and ``placebo`` by season and lag, and association alone.

    Parameters
    ----------
    known_until : nothing received later entered [UTC, ISO]
    first_day, last_day : local days of the record; its years are whole
    winds : whose winds the paths rest on
    rows : excess by kind (``path``, ``placebo``, ``lag``, ``association``)
    """

    upwind: str
    downwind: str
    world: str
    known_until: str
    first_day: str
    last_day: str
    terms: Terms
    winds: str
    method: str
    rows: Mapping[str, tuple[Excess, ...]]
    version: int = VERSION

    def word(self, season: str) -> Confidence:
        """Return the confidence in a season; where few of its days speak, that of the whole year."""
        found = {row.label: row for row in self.rows.get("path", ())}
        against = {row.label: row for row in self.rows.get("placebo", ())}
        own = found.get(season)
        if own is None or own.days < FEWEST_OF_SEASON:
            return "none"
        label = season if own.days >= FEWEST_DAYS else WHOLE_YEAR
        return confidence_of(found[label], against[label])

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-ready data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> LinkMeasurement:
        """Rebuild a measurement from :meth:`to_dict` read from JSON; raises ContractError."""
        if data.get("version") != VERSION:
            raise ContractError(f"links measured by version {data.get('version')}; measure them again")
        try:
            rows = {kind: tuple(Excess(**row) for row in held) for kind, held in data["rows"].items()}
            return cls(**{**data, "terms": Terms(**data["terms"]), "rows": rows})
        except (KeyError, TypeError, AttributeError) as error:
            raise ContractError(f"damaged link measurement: {error}; measure it again") from error


def season_of(month: int) -> str:
    """Return the season of a month.

    >>> season_of(12), season_of(5)
    ('DJF', 'MAM')
    """
    return next(name for name, months in SEASONS.items() if month in months)


def measure_link(
    panel: AsOfPanel,
    winds_of: WindsOf,
    cities: tuple[City, City],
    terms: Terms,
    as_of: datetime,
    rng: np.random.Generator,
) -> LinkMeasurement | None:
    """Measure how much oftener one city exceeds after another did and the paths agree than by chance.

    Parameters
    ----------
    winds_of : gives winds between two instants; where it has none no path is known
    cities : upwind, downwind
    rng : of the bootstrap

    Returns
    -------
    the measurement, or None where fewer than two whole years are known of both cities
    """
    upwind, downwind = cities
    up, down = (past_day_means(panel, city, as_of) for city in cities)
    days = whole_years(up, down)
    if days is None:
        return None
    exceeded = [
        (series.reindex(days) > limit).to_numpy(bool)
        for series, limit in ((up, terms.upwind_threshold), (down, terms.downwind_threshold))
    ]
    passings, winds = passings_of(winds_of, upwind, downwind, days)
    known = down.reindex(days).notna().to_numpy(bool)
    test = LinkTest(exceeded[0], exceeded[1], passings, rng, known=known)
    return LinkMeasurement(
        upwind=upwind.id,
        downwind=downwind.id,
        world=panel.world,
        known_until=iso(as_of),
        first_day=f"{days[0]:%Y-%m-%d}",
        last_day=f"{days[-1]:%Y-%m-%d}",
        terms=terms,
        winds=winds or "no winds are known",
        method=(
            f"day means above {terms.upwind_threshold:g} then {terms.downwind_threshold:g} ug m-3; at least "
            f"{test.needed:.0%} of a day's paths passed within {RADIUS_KM:g} km, {LAG_HOURS[0]:g} to "
            f"{LAG_HOURS[1]:g} h before; chance from other years' upwind days at the same season"
        ),
        rows=_rows(test, days, terms),
    )


def _rows(test: LinkTest, days: pd.DatetimeIndex, terms: Terms) -> dict[str, tuple[Excess, ...]]:
    months = days.month.to_numpy()
    chosen: dict[str, Flags] = {WHOLE_YEAR: np.ones(len(days), bool)}
    chosen |= {name: np.isin(months, held) for name, held in SEASONS.items()}
    return {
        "path": tuple(test.by_path(name, "before", which) for name, which in chosen.items()),
        "placebo": tuple(test.by_path(name, "after", which) for name, which in chosen.items()),
        "lag": tuple(test.by_path(f"to {b:g} h", lags=(a, b)) for a, b in LAG_CLASSES),
        "association": (
            test.by_lag_alone("in order", terms.lag_days),
            test.by_lag_alone("in order, chance by plain shuffling", terms.lag_days, shuffled=True),
            test.by_lag_alone("reverse order", terms.lag_days, "after"),
        ),
    }
