"""Lessons of the replay school from a world's own past: chosen, built and laid on the shelf."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

import pandas as pd

from flows.hindcast import FILES, whole_panel
from flows.models import in_use, load_registered
from flows.workspace import Workspace, reporter
from forecasting.held_out import held_out_days
from forecasting.hindcast import hindcast
from forecasting.issue import OPERATIONAL
from forecasting.model import Model
from forecasting.reasons.document import moved_days
from forecasting.reasons.words import LANGUAGES, said_day
from forecasting.school.build import LEADS, Candidate, candidates, choose, cycles_of, make_lesson
from forecasting.school.lesson import Texts
from forecasting.school.shelf import lessons_folder, shelved, write_lesson
from forecasting.verify import as_of_everything, observed_truth
from pipeline.asof import AsOfPanel
from pipeline.cities import all_cities
from pipeline.errors import SameairError, UsageError
from pipeline.ledger.models import get_model
from pipeline.names import is_simulated
from pipeline.threads import single_threaded

log = logging.getLogger(__name__)

FEW: Final = 4
"""So many lessons a simulated world gets with its first cycle."""
SCORES: Final = "scores.json"
NO_REASONS: Final = "reasons of a lesson could not be told"


@dataclass(frozen=True)
class Wanted:
    """Lessons to build: of which world and days, how many, and from whose forecasts.

    Parameters
    ----------
    first, last : local days that may be asked about
    replayed : folder of a hindcast; None: what the model in use says of years that it was blind to
    """

    world: str
    first: date
    last: date
    count: int
    replayed: Path | None = None


@dataclass(frozen=True)
class Built:
    """What was built: new lessons, days that could be asked about, and how many of those of each kind."""

    lessons: tuple[str, ...]
    days: int
    kinds: Mapping[str, int]


def build_lessons(ws: Workspace, wanted: Wanted) -> Built:
    """Build lessons and lay them on the shelf; a day that has one keeps it.

    Raises
    ------
    UsageError
        the world has no measurements, no model in use that knows years it was blind to, or no day between
    StorageError
        a file cannot be written
    """
    if wanted.replayed:
        said, made = _replayed(wanted.replayed)
        model = _registered(ws, made["model"])
    else:
        model = in_use(ws, wanted.world, "pm2p5", ws.clock())
        said, made = _held_out(model, wanted.world)
    panel = whole_panel(ws, wanted.world)
    if not len(said):
        raise UsageError(f"there are no forecasts of world '{wanted.world}' to make lessons of")
    ends = said["valid_end"]
    truth = observed_truth(
        panel,
        list(all_cities().values()),
        start=ends.min().to_pydatetime(),
        end=ends.max().to_pydatetime(),
        as_of=as_of_everything(panel),
        quantity="pm2p5",
    )
    truth = truth[truth["target"] == "daily"]
    found = candidates(said[said["model"] == OPERATIONAL], truth)
    found = {day: one for day, one in found.items() if wanted.first <= day <= wanted.last}
    if not found:
        raise UsageError(
            f"no day between {wanted.first} and {wanted.last} has both forecasts and measurements of all"
            f" cities; forecasts reach from {ends.min():%Y-%m-%d} to {ends.max():%Y-%m-%d}"
        )
    chosen = choose(found, wanted.world, wanted.count)
    rows = said if wanted.replayed else _with_persistence(panel, said, {day: found[day] for day in chosen})
    told = partial(_reasons, panel, model)
    folder, new = lessons_folder(ws.settings.data_dir), []
    for done, day in enumerate(chosen):
        lesson = make_lesson(panel, (day, found[day].leads), rows, truth, told, made)
        new += [lesson.id] * write_lesson(folder, lesson)
        reporter.get()("making lessons", done + 1, len(chosen))
    return Built(tuple(new), len(found), Counter(found[day].kind for day in chosen))


def day_between(first: str, last: str | None, now: datetime) -> tuple[date, date]:
    """Return the days that may be asked about, up to yesterday unless told otherwise.

    Raises
    ------
    UsageError
        one is no date, or they are reversed

    Examples
    --------
    >>> from pipeline.times import parse_instant
    >>> [d.isoformat() for d in day_between("2019-01-01", None, parse_instant("2019-03-03"))]
    ['2019-01-01', '2019-03-02']
    """
    try:
        days = date.fromisoformat(first), date.fromisoformat(last) if last else now.date() - timedelta(days=1)
    except ValueError as error:
        raise UsageError(f"{error}; write days like 2019-12-01") from None
    if days[1] < days[0]:
        raise UsageError(f"--to {days[1]} lies before --from {days[0]}")
    return days


def offer_lessons(ws: Workspace, world: str, until: datetime) -> int:
    """Give a simulated world its first lessons, and return how many it has; nothing here fails a cycle."""
    folder = lessons_folder(ws.settings.data_dir)
    try:
        if is_simulated(world) and not any(one.world == world for one in shelved(folder)):
            first = until - timedelta(days=2 * 366)
            build_lessons(ws, Wanted(world, first.date(), (until - timedelta(days=4)).date(), FEW))
    except SameairError as error:
        log.warning("no lessons of world %s: %s", world, error)
    return sum(one.world == world for one in shelved(folder))


def _held_out(model: Model | None, world: str) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return what a model says of years that it was blind to."""
    if model is None:
        raise UsageError(f"world '{world}' has no model; run a cycle first, or name a hindcast's folder")
    days = held_out_days(model).drop(columns="observed", errors="ignore")
    return days, {"how": "held-out", "model": model.model_id, "note": ""}


def _replayed(folder: Path) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return the daily rows of a hindcast, which says itself how honest it is."""
    try:
        rows = pd.read_parquet(folder / FILES["pm2p5"])
        facts = json.loads((folder / SCORES).read_text("utf-8"))["hindcast"]
        model = facts["models"][0]["pm2p5"]
        caveats = [str(one) for one in facts["caveats"]]
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise UsageError(f"{folder} holds no hindcast of `sameair hindcast`: {error}") from None
    if any(one.startswith("not honest") for one in caveats):
        raise UsageError(f"the hindcast in {folder} is no lesson: {'; '.join(caveats)}")
    made = {"how": "replayed", "model": model["id"] if model else "none", "note": "; ".join(caveats)}
    return rows[(rows["target"] == "daily") & rows["lead_day"].isin(LEADS)], made


def _registered(ws: Workspace, model_id: str) -> Model | None:
    """Return the model that made a hindcast, to tell its reasons; None where it is not here any more."""
    with ws.ledger.read() as conn:
        row = get_model(conn, model_id)
    return None if row is None else load_registered(ws, row)


def _with_persistence(panel: AsOfPanel, said: pd.DataFrame, days: Mapping[date, Candidate]) -> pd.DataFrame:
    """Return the forecasts with those of persistence at the same cycles, as far as some days need them."""
    spoken = {when.to_pydatetime() for when in said["issue_time"].unique()}
    cycles = sorted({c for day, one in days.items() for c in cycles_of(day, one.leads)} & spoken)
    cities, none = list(all_cities().values()), {"pm2p5": None}
    made = hindcast(panel, cities, cycles, none, quantities=("pm2p5",))["pm2p5"]
    beside = made[(made["model"] == "persistence") & (made["target"] == "daily")]
    return pd.concat([said, beside], ignore_index=True)


def _reasons(
    panel: AsOfPanel, model: Model | None, at: datetime, medians: Mapping[str, Mapping[int, float]]
) -> dict[str, Texts]:
    """Return what moved the model at a past cycle, by city and language; nothing where that fails."""
    if model is None:
        return {}
    try:
        found = single_threaded(moved_days, panel, model, list(all_cities().values()), at, medians)
    except (ArithmeticError, LookupError, ValueError):
        log.exception(NO_REASONS)
        return {}
    return {
        city: {tongue: [line for day in days for line in said_day(city, day, tongue)] for tongue in LANGUAGES}
        for city, days in found.items()
    }
