"""Joint futures of many issues at one hour of the day: by the model if it may speak, else a baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from forecasting.baselines import RECENT_PERIODS, Courses, lasts, recent_grid
from forecasting.model import Model
from forecasting.outputs import FIRST_PERIOD, OUTLOOK_DAYS, Ints, Outputs
from forecasting.predictions import Futures, day_end
from forecasting.saying import Said
from forecasting.targets import HOUR_NS, Floats, Target, Times, to_level
from forecasting.ties import MEMBERS, agree_with_days
from pipeline.asof import AsOfPanel
from pipeline.asof_blocks import known_at
from pipeline.cities import City
from pipeline.times import FORECAST_DAYS

Known = npt.NDArray[np.floating]
LEVELS = (np.arange(MEMBERS) + 0.5) / MEMBERS
FIRST_INTERVALS = 8
"""Coming intervals with which the unseen hours of a silent city's last day go."""


@dataclass(frozen=True)
class Scene:
    """Issues at one hour of the day, and what may be read for them.

    Parameters
    ----------
    panel : series with all versions
    targets : all series that are forecast
    issues : (issue,) nominal issues [UTC], each its own snapshot
    as_of : of a single issue: the instant of its snapshot, if that is not the issue itself
    """

    panel: AsOfPanel
    targets: tuple[Target, ...]
    issues: Times
    as_of: datetime | None = None

    @property
    def hour(self) -> int:
        """Return the hour of the day [UTC]."""
        return int(self.issues[0].astype("M8[h]").astype(np.int64) % 24)

    def periods(self, target: int) -> Ints:
        """Return the ends of the intervals of a target, from a day back to the end of D+3 [h]."""
        one = self.targets[target]
        last = day_end(self.issues[0], one.timezone) + 24 * FORECAST_DAYS
        hours: Ints = np.arange(FIRST_PERIOD, last + 1)
        return np.asarray(hours[(self.hour + hours) % one.interval_hours == 0])

    def known(self, target: int, periods: Ints) -> Known:
        """Return the values of a target that each issue knew, (issue, period) [ug m-3]; NaN elsewhere."""
        key = self.targets[target].key
        if key not in self.panel:
            return np.full((len(self.issues), len(periods)), np.nan)
        if self.as_of is not None:
            return self.panel.on_grid(key, self.issues[0] + periods * HOUR_NS, self.as_of)[None]
        return known_at(self.panel[key], self.issues, -periods)

    def part(self, rows: slice) -> Scene:
        """Return some of the issues."""
        return Scene(self.panel, self.targets, self.issues[rows], self.as_of)


def draw(said: Said, rows: slice, model: Model, issues: Times) -> Floats:
    """Draw the joint futures of some issues, (issue, member, output) [ug m-3].

    Every output follows its calibrated margin; the members hang together as past errors of the season did,
    and the hours of a day average to the day's own margin.

    Parameters
    ----------
    said : of issues at one hour of the day
    rows : which of them
    issues : (issue,) the instants of these
    """
    scores = np.broadcast_to(ndtri(LEVELS)[:, None, None], (MEMBERS, 1, len(said.outputs.end)))
    margins = np.ascontiguousarray(np.moveaxis(to_level(said.part(rows).at_scores(scores)), 0, -1))
    ties = model.hours[int(issues[0].astype("M8[h]").astype(np.int64) % 24)].ties
    months = issues.astype("M8[M]").astype(np.int64) % 12 + 1
    tied = np.empty((len(issues), MEMBERS, margins.shape[1]))
    for month in np.unique(months):
        tied[months == month] = ties.tie(margins[months == month], int(month))
    for row, missing in enumerate(said.missing[rows]):
        _tie_unseen(tied[row], margins[row], said.outputs, missing)
    return agree_with_days(tied, margins, said.outputs)


def _tie_unseen(tied: Floats, margins: Floats, outputs: Outputs, missing: Sequence[str]) -> None:
    """Let the last day's hours of a city that fell silent rise and fall with the hours to come.

    The errors by which hours are tied were made by forecasts that knew the air of the last day; there they
    are small and independent. Where it is not known they are large and go together, and a day of which half
    lies before the issue is as unsure as its margin says.

    Parameters
    ----------
    tied : (member, output) changed in place [ug m-3]
    margins : (output, member) rising along the members
    missing : groups of inputs that the forecast did without
    """
    for target, series in enumerate(outputs.targets):
        if f"{series.city} air, latest" not in missing:
            continue
        single = outputs.of(target, days=False)
        past, coming = single[outputs.end[single] <= 0], single[outputs.end[single] > 0]
        rank = np.argsort(np.argsort(tied[:, coming[:FIRST_INTERVALS]].mean(axis=1), kind="stable"))
        tied[:, past] = margins[past][:, rank].T


@dataclass(frozen=True)
class Drawn:
    """What was drawn for some issues.

    Parameters
    ----------
    values : for every target (issue, member, period) [ug m-3], before what is known replaces it; None for a
        target that was not asked for
    notes : for every issue what stood in for the model, and for which target
    """

    values: list[Floats | None]
    notes: list[list[str]]


def by_model(said: Said, whole: Floats) -> list[Floats | None]:
    """Return (issue, member, period) of every target of which the model knows enough; None for the others.

    Parameters
    ----------
    whole : (issue, member, output) from ``draw``
    """
    found: list[Floats | None] = []
    for i in range(len(said.outputs.targets)):
        columns = said.outputs.of(i, days=False)
        found.append(whole[:, :, columns] if said.usable[columns].all() else None)
    return found


def by_baseline(
    scene: Scene,
    courses: Courses,
    given: Sequence[Floats | None],
    wanted: Sequence[int],
    persist: bool = True,
) -> Drawn:
    """Fill targets without a drawn forecast by persistence, else climatology; say which.

    Parameters
    ----------
    given : for every target what was drawn, or None
    wanted : targets whose values are needed; of the others only the notes are made
    persist : whether persistence may stand in
    """
    at = [courses.anchors(issue, MEMBERS) for issue in scene.issues]
    values = list(given)
    notes: list[list[str]] = [[] for _ in scene.issues]
    for i, target in enumerate(scene.targets):
        if values[i] is not None:
            continue
        recent = _recent(scene, i)
        goes_on = lasts(recent) & persist
        blind = not np.isfinite(courses.history.values[i]).any()
        for row, goes in enumerate(goes_on):
            name = "persistence" if goes else "no past at all" if blind else "climatology"
            notes[row].append(f"{target.key}: {name}")
        if i in wanted:
            periods = scene.periods(i)
            values[i] = np.stack([
                courses.persistence(i, issue, at[row], periods, recent[row], MEMBERS)
                if goes_on[row]
                else courses.climatology(i, issue, at[row], periods, MEMBERS)
                for row, issue in enumerate(scene.issues)
            ])  # fmt: skip
    return Drawn(values, notes)


def _recent(scene: Scene, target: int) -> Known:
    if scene.as_of is None:
        return scene.known(target, RECENT_PERIODS)
    key = scene.targets[target].key
    return scene.panel.on_grid(key, recent_grid(scene.issues[0]), scene.as_of)[None]


def futures_of(scene: Scene, target: int, city: City, values: Floats, outlook: Floats | None) -> Futures:
    """Return a city's futures, with what each issue knew in place of what was drawn.

    Parameters
    ----------
    target : the city's reference series
    values : (issue, member, period) [ug m-3]
    outlook : (issue, member, day) means of the days after D+3, or None
    """
    periods = scene.periods(target)
    known = scene.known(target, periods)
    there = np.isfinite(known)
    days = np.arange(FORECAST_DAYS + 1, OUTLOOK_DAYS + 1) if outlook is not None else np.empty(0, np.int64)
    return Futures(
        city,
        scene.targets[target].interval_hours,
        scene.issues,
        periods,
        np.where(there[:, None, :], known[:, None, :], values),
        there,
        days,
        outlook if outlook is not None else np.empty((*values.shape[:2], 0)),
    )


def outlook_of(said: Said, whole: Floats, target: int) -> Floats:
    """Return the means of the days after D+3, (issue, member, day), NaN where the model may not speak."""
    days = np.arange(FORECAST_DAYS + 1, OUTLOOK_DAYS + 1)
    found = np.full((*whole.shape[:2], len(days)), np.nan)
    for column in said.outputs.of(target, days=True):
        day = said.outputs.day[column]
        if day > FORECAST_DAYS and said.usable[column]:
            found[:, :, day - days[0]] = whole[:, :, column]
    return found
