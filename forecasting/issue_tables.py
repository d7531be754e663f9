"""Rows of the predictions table for many issues at one hour of the day, without a data set for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

from forecasting.baselines import Baseline, Courses
from forecasting.futures import Scene, by_baseline, by_model, draw, futures_of, outlook_of
from forecasting.model import Model
from forecasting.predictions import Block, block_of, table_of
from forecasting.samples import RECENT_DAYS, matching, without
from forecasting.saying import Said, say
from forecasting.situation_memory import Read
from forecasting.targets import Floats, History, read_history, targets_of
from forecasting.weather_ahead import Manner
from pipeline.asof import AsOfPanel
from pipeline.cities import City
from pipeline.times import to_ns

OPERATIONAL = "sameair"
"""Name, in the column ``model``, of the forecast that would be used operationally."""

BASELINES: tuple[Baseline, ...] = ("persistence", "climatology")


@dataclass(frozen=True)
class Question:
    """What is forecast of which panel, by what.

    Parameters
    ----------
    model : a model of the quantity, or None
    manner : see ``forecasting.weather_ahead``
    """

    panel: AsOfPanel
    model: Model | None
    cities: Sequence[City]
    quantity: str
    manner: Manner


def issue_tables(
    asked: Question, issues: Sequence[datetime], read: Read, chunk: int
) -> Iterator[pd.DataFrame]:
    """Yield the rows of the model and of the baselines, for so many issues at a time.

    Parameters
    ----------
    issues : ascending, all at one hour of the day; each is its own snapshot
    read : tells situations
    chunk : issues whose joint futures are in memory together

    Yields
    ------
    tables of ``forecasting.predictions``, the same rows as ``forecast_issue`` gives for each issue alone
    """
    model = matching(asked.model, asked.panel, asked.quantity, asked.cities, issues[0].hour)
    parts = [slice(first, first + chunk) for first in range(0, len(issues), chunk)]
    if model is None:
        for part in parts:
            yield pd.concat([_unaided(asked, issue) for issue in issues[part]], ignore_index=True)
        return
    whole = Scene(asked.panel, model.targets, np.array([to_ns(i) for i in issues]))
    said = say(model, asked.panel, whole.issues, None, asked.manner, read)
    courses = Courses(model.history)
    for part in parts:
        scene = whole.part(part)
        blocks = _model_blocks(scene, said, part, model, courses, asked.cities)
        yield table_of([*blocks, *baseline_blocks(scene, courses, asked.cities)])


def _model_blocks(
    scene: Scene, said: Said, part: slice, model: Model, courses: Courses, cities: Sequence[City]
) -> list[Block]:
    drawn = draw(said, part, model, scene.issues)
    values = by_model(said, drawn)
    notes = [without(missing) for missing in said.missing[part]]
    wanted = [i for _, i in _references(scene, cities)]
    if any(v is None for v in values):
        filled = by_baseline(scene, courses, values, wanted)
        values = filled.values
        notes = [a + b for a, b in zip(notes, filled.notes, strict=True)]
    outlook = {i: outlook_of(said, drawn, i) for i in wanted}
    return _blocks(scene, cities, values, outlook, OPERATIONAL, model.model_id, notes)


def baseline_blocks(scene: Scene, courses: Courses, cities: Sequence[City]) -> list[Block]:
    """Return the rows of both baselines; persistence is climatology where a city was silent for 72 h."""
    blocks = []
    wanted = [i for _, i in _references(scene, cities)]
    for kind in BASELINES:
        nothing: list[Floats | None] = [None] * len(scene.targets)
        drawn = by_baseline(scene, courses, nothing, wanted, persist=kind == "persistence")
        notes = [[n for n in row if not n.endswith(kind)] for row in drawn.notes]
        blocks += _blocks(scene, cities, drawn.values, {}, kind, kind, notes)
    return blocks


def _blocks(
    scene: Scene,
    cities: Sequence[City],
    values: Sequence[Floats | None],
    outlook: Mapping[int, Floats],
    name: str,
    model_id: str,
    notes: Sequence[Sequence[str]],
) -> list[Block]:
    degraded = ["; ".join(dict.fromkeys(row)) for row in notes]
    blocks = []
    for city, i in _references(scene, cities):
        drawn = values[i]
        if drawn is not None:
            futures = futures_of(scene, i, city, drawn, outlook.get(i))
            blocks.append(block_of(futures, name, [model_id] * len(degraded), degraded))
    return blocks


def _references(scene: Scene, cities: Sequence[City]) -> list[tuple[City, int]]:
    """Return every city with the position of its reference series among the targets."""
    at = {t.city: i for i, t in enumerate(scene.targets) if t.role == "reference"}
    return [(city, at[city.id]) for city in cities if city.id in at]


def _unaided(asked: Question, issue: datetime) -> pd.DataFrame:
    """Return the rows of one issue for which no model may be used."""
    recent = recent_history(asked.panel, asked.cities, asked.quantity, issue)
    scene = Scene(asked.panel, recent.targets, np.array([to_ns(issue)]))
    nothing: list[Floats | None] = [None] * len(recent.targets)
    courses = Courses(recent)
    drawn = by_baseline(scene, courses, nothing, [i for _, i in _references(scene, asked.cities)])
    notes = [["no usable model", *drawn.notes[0]]]
    blocks = _blocks(scene, asked.cities, drawn.values, {}, OPERATIONAL, "none", notes)
    past = asked.model.history if asked.model else recent
    known = Scene(asked.panel, past.targets, scene.issues)
    return table_of([*blocks, *baseline_blocks(known, Courses(past), asked.cities)])


def recent_history(panel: AsOfPanel, cities: Sequence[City], quantity: str, as_of: datetime) -> History:
    """Return what baselines draw from where there is no model: the last year as known at an instant."""
    targets = targets_of(panel.known_by(as_of), cities, quantity)
    return read_history(panel, targets, as_of, days=RECENT_DAYS - 1)
