"""Parts of a period that are scored on their own, and sums over their days, resampled or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from forecasting.verification.intervals import DRAWS, block_counts
from forecasting.verification.pairs import SEASONS, Group
from pipeline.season import calendar_of

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Events = npt.NDArray[np.bool_]

APART = 2020
"""The year that is always scored apart: emissions fell for reasons that no model can learn from weather."""


@dataclass(frozen=True)
class Part:
    """A part of a group's rows, of a kind.

    Kinds are ``all``, ``period``, ``year``, ``season``, ``mode``, ``winter`` and ``cycle``.
    """

    kind: str
    value: str
    rows: Events

    @property
    def key(self) -> dict[str, str]:
        """Return what names the part in a table."""
        return {"part": self.kind, "of": self.value}


def parts(group: Group) -> list[Part]:
    """Return the parts in which a group is scored; hours are split by period only.

    2020 is always separate: where there are other years too, ``period`` gives both without the other.
    """
    found = pooled_parts(group)
    if group.target == "hourly":
        return found
    found += [Part("year", str(year), group.year == year) for year in np.unique(group.year)]
    found += season_parts(group) + managed_parts(group) + winter_parts(group)
    found += [Part("cycle", f"{hour:02d} UTC", group.cycle == hour) for hour in np.unique(group.cycle)]
    return [part for part in found if part.rows.any()]


def pooled_parts(group: Group) -> list[Part]:
    """Return the whole, and the whole with and without 2020 where it has both."""
    found = [Part("all", "", np.ones(len(group.day), bool))]
    apart = group.year == APART
    if apart.any() and not apart.all():
        found += [Part("period", f"without {APART}", ~apart), Part("period", str(APART), apart)]
    return found


def season_parts(group: Group) -> list[Part]:
    """Return the seasons that have rows, by the local day that is forecast."""
    season = np.array([SEASONS.get(int(month), "SON") for month in group.month])
    found = [Part("season", name, season == name) for name in ("DJF", "MAM", "JJA", "SON")]
    return [part for part in found if part.rows.any()]


def managed_parts(group: Group) -> list[Part]:
    """Return the days of Seasonal Management and the others, where there are both.

    The days are those of the packaged calendar, so that all nodes score the same ones.
    """
    inside = calendar_of().in_mode(group.day.astype("datetime64[D]"))
    if inside.all() or not inside.any():
        return []
    return [Part("mode", "managed", inside), Part("mode", "not managed", ~inside)]


def winter_parts(group: Group) -> list[Part]:
    """Return the days from December to March of each winter, also of those before the mode."""
    winter = calendar_of().winters(group.day.astype("datetime64[D]"))
    return [Part("winter", str(name), winter == name) for name in np.unique(winter) if name]


@dataclass(frozen=True)
class DaySums:
    """Sums of losses over the rows of each day and cycle, from which any part is resampled quickly.

    ``losses`` hold (…, cell) or (…, cell, threshold), the cell being the last axis but for the thresholds.
    """

    day: Ints
    cell_of: Ints
    per_threshold: Mapping[str, Floats]
    per_row: Mapping[str, Floats]

    def resampled(
        self, rows: Events, rng: np.random.Generator, draws: int = DRAWS
    ) -> tuple[dict[str, Floats], dict[str, Floats]]:
        """Return the sums of a part, first itself and then resampled by blocks of days.

        Parameters
        ----------
        rows : (row,) rows of the part; must hold all rows of a day and cycle or none

        Returns
        -------
        sums by row (1 + draws, model) and by threshold (1 + draws, model, threshold)
        """
        cells, start, counts = self._drawn(rows, rng, draws)
        by_row = {
            name: np.einsum("wd,md->wm", counts, np.add.reduceat(v[:, cells], start, axis=1))
            for name, v in self.per_row.items()
        }
        by_threshold = {}
        for name, v in self.per_threshold.items():
            daily = np.add.reduceat(v[:, cells], start, axis=1)
            by_threshold[name] = np.tensordot(counts, daily, axes=(1, 1))
        return by_row, by_threshold

    def row_counts(self, rows: Events, rng: np.random.Generator, draws: int) -> Floats:
        """Return how often each row of a part is drawn in each resample, (draws, row).

        With the same state of ``rng`` these are the first resamples of :meth:`resampled`.
        """
        cells, start, counts = self._drawn(rows, rng, draws)
        which = np.searchsorted(start, np.searchsorted(cells, self.cell_of[rows]), side="right") - 1
        return np.asarray(counts[1:, which], np.float64)

    def _drawn(self, rows: Events, rng: np.random.Generator, draws: int) -> tuple[Ints, Ints, Floats]:
        """Return the cells of a part, where each of its days begins among them, and how often it is drawn."""
        cells = np.unique(self.cell_of[rows])
        days, start = np.unique(self.day[cells], return_index=True)
        return cells, start, block_counts(len(days), rng, draws=draws)


def day_sums(group: Group, per_row: Mapping[str, Floats], per_threshold: Mapping[str, Floats]) -> DaySums:
    """Add up losses over the rows of each day and cycle.

    Parameters
    ----------
    per_row : (model or 1, row)
    per_threshold : (model or 1, row, threshold)
    """
    label = group.day * 24 + group.cycle
    cells, cell_of = np.unique(label, return_inverse=True)
    order = np.argsort(cell_of, kind="stable")
    start = np.searchsorted(cell_of[order], np.arange(len(cells)))
    return DaySums(
        cells // 24,
        cell_of,
        {name: np.add.reduceat(v[:, order], start, axis=1) for name, v in per_threshold.items()},
        {name: np.add.reduceat(v[:, order], start, axis=1) for name, v in per_row.items()},
    )
