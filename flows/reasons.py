"""Why a run forecast what it did: written beside its products, read back for whoever asks."""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path
from typing import Final

from alerts.policy import load_policy
from flows.plan import CyclePlan
from flows.runview import again, find_run
from flows.workspace import Workspace
from forecasting.issue import IssueForecast
from forecasting.model import Model
from forecasting.reasons.document import reasons_of
from forecasting.reasons.stored import Document, read_reasons, write_reasons
from forecasting.weather_ahead import Manner
from pipeline.asof import AsOfPanel
from pipeline.cities import all_cities
from pipeline.errors import UsageError
from pipeline.ledger.runs import RunRow
from pipeline.paths import cities_in
from pipeline.storage.products import brought
from pipeline.threads import single_threaded
from pipeline.times import iso

log = logging.getLogger(__name__)

USUAL_BAD_DAY: Final = 35
BAD_DAY: Final = {"KR": USUAL_BAD_DAY, "CN": 75}
"""Day means above which a country calls a day bad or polluted [ug m-3]: they matter beside the policy's."""


def told_thresholds(ws: Workspace) -> dict[str, tuple[int, ...]]:
    """Return the day means of each city whose probabilities are worth explaining [ug m-3]."""
    policy = load_policy(ws.settings.policy_file)
    return {
        city.id: tuple(sorted({BAD_DAY.get(city.country, USUAL_BAD_DAY), *policy.thresholds(city.id)}))
        for city in all_cities().values()
    }


def explain_run(
    ws: Workspace,
    plan: CyclePlan,
    panel: AsOfPanel,
    model: Model | None,
    made: IssueForecast,
    manner: Manner,
) -> Document | None:
    """Tell why a cycle was forecast as it was; None, with a line in the log, where that fails.

    Reasons never hold up a forecast.
    """
    paths = made.paths["pm2p5"]
    cities = cities_in(paths)
    thresholds, times = told_thresholds(ws), (plan.cycle, plan.as_of)
    try:
        return single_threaded(reasons_of, panel, model, cities, paths, times, thresholds, manner.ahead)
    except (ArithmeticError, LookupError, ValueError):
        log.exception("no reasons for cycle %s", iso(plan.cycle))
        return None


def write_run_reasons(document: Document | None, folder: Path) -> dict[str, Path]:
    """Write the reasons of a run into its folder; nothing where there are none."""
    return {"reasons": write_reasons(document, folder / "reasons.json")} if document else {}


def reasons_of_run(ws: Workspace, run: RunRow) -> Document | None:
    """Return the reasons that a run stored; None where it stored none, or of an older version."""
    if "reasons" not in run.products:
        return None
    return read_reasons(brought(ws.settings, run.products["reasons"]))


def explained_run(ws: Workspace, world: str | None, cycle: datetime | None) -> tuple[RunRow, Document]:
    """Return the current run of a cycle, or of the newest, and its reasons.

    Parameters
    ----------
    world : None for the measured one, if it has a run, else the world that ran last
    cycle : None for the newest

    Raises
    ------
    UsageError
        there is no such run, or it has no reasons
    """
    run = find_run(ws, world, cycle)
    document = reasons_of_run(ws, run)
    if document is None:
        raise UsageError(f"run {run.id} stored no reasons; `sameair run {again(run)}` makes a run that does")
    return run, document
