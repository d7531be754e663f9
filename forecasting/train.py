"""Training: from an as-of panel to a Model, with nothing received after ``data_until``."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from forecasting.calibrate import fit_residuals
from forecasting.crossfit import EFFORTS, Effort, Folds, Progress, Rows, cross_fit, deal_folds
from forecasting.features import Layout, feature_table
from forecasting.inputs import input_keys, upwind_keys
from forecasting.linear import LEAD_COLUMN
from forecasting.model import LEVEL_COLUMN, ErrorBank, Member, Model, ensemble_predict
from forecasting.targets import (
    HOUR_NS,
    Floats,
    History,
    read_history,
    season_table,
    targets_of,
    to_log,
)
from pipeline.asof import AsOfPanel
from pipeline.cities import City
from pipeline.errors import NoUsableModel
from pipeline.times import cycles_between, from_ns, to_ns, to_utc

FIRST_PERIOD, LAST_PERIOD = -24, 92
WARM_UP = timedelta(days=31)
FEWEST_ROWS = 2000


def train(  # noqa: PLR0913
    panel: AsOfPanel,
    cities: Sequence[City],
    quantity: str,
    *,
    data_until: datetime,
    issue_times: Sequence[datetime] | None = None,
    leave_out_years: Sequence[int] = (),
    seed: int = 0,
    effort: str = "full",
    progress: Progress | None = None,
) -> Model:
    """Train a model for one quantity of some cities.

    Parameters
    ----------
    panel : series with all versions; features of a past issue read what was known at that issue
    data_until : nothing received after this instant is used
    issue_times : past issues to learn from; default: every cycle since the record began, thinned
    leave_out_years : UTC years whose values are not learned from (nor scored against)
    effort : "full" or "quick"; the same data, seed and effort give the same model

    Raises
    ------
    NoUsableModel
        when fewer than FEWEST_ROWS (feature, truth) rows exist
    """
    size, rng = EFFORTS[effort], np.random.default_rng(seed)
    tell: Progress = progress or (lambda _what, _done, _all: None)
    panel = panel.known_by(data_until)
    targets = targets_of(panel, cities, quantity)
    history = read_history(panel, targets, data_until, leave_out_years)
    layout = Layout(targets, season_table(history), input_keys(panel, targets), upwind_keys(panel))
    issues = _issues(history, data_until, issue_times)
    rows = _training_rows(panel, layout, history, _thin(issues, size.issues), size, rng, tell)
    if len(rows.y) < FEWEST_ROWS:
        raise NoUsableModel(
            f"{len(rows.y)} training rows of {quantity} until {data_until:%Y-%m-%d}; need {FEWEST_ROWS}"
        )
    folds = deal_folds(rows.issue, size.folds)
    tell("fitting", 0, 1)
    fitted = cross_fit(rows, layout, folds.of(rows.issue), size, seed)
    z = (rows.y - fitted.centre) / np.exp(fitted.log_spread)
    age = (to_ns(data_until) - rows.issue) / np.timedelta64(1, "D")
    residuals = fit_residuals(z, rows.target, rows.x[:, LEAD_COLUMN], age, len(targets))
    past = _thin(issues, size.bank_issues)
    bank = _error_bank(panel, layout, history, past, (folds, fitted.members), tell)
    model = Model(
        model_id="",
        world=panel.world,
        quantity=quantity,
        data_until=to_utc(data_until),
        leave_out_years=tuple(sorted(leave_out_years)),
        layout=layout,
        members=tuple(fitted.members),
        residuals=residuals,
        bank=bank,
        history=history,
        typical=_typical(rows.x),
    )
    return _named(model, fitted.centre)


def _typical(x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the median of every column; zero for a column without values."""
    empty = ~np.isfinite(x).any(axis=0)
    return np.nanmedian(np.where(empty, 0.0, x), axis=0).astype(np.float32)


def _named(model: Model, held_out: Floats) -> Model:
    """Give the model an id that holds a digest of what it learned, and of what it was not to learn."""
    parts = (model.layout.season, model.residuals.table, model.bank.errors, held_out, model.history.values)
    content = b"".join(np.ascontiguousarray(p).tobytes() for p in parts)
    left_out = ",".join(str(year) for year in model.leave_out_years).encode()
    digest = hashlib.sha256(content + left_out).hexdigest()[:12]
    name = f"boost-{model.quantity}-{model.data_until:%Y%m%d}-{digest}"
    return Model(**{**model.__dict__, "model_id": name})


def _issues(history: History, data_until: datetime, chosen: Sequence[datetime] | None) -> list[datetime]:
    """Return past issues whose first targets ended by ``data_until``."""
    first = from_ns(history.start) + WARM_UP
    every = chosen if chosen is not None else cycles_between(first, data_until)
    return [i for i in every if i + timedelta(hours=24) <= data_until]


def _thin(issues: Sequence[datetime], most: int) -> list[datetime]:
    """Return at most ``most`` issues, evenly spread, over all hours of the day."""
    if len(issues) <= most:
        return list(issues)
    at = np.unique(np.round(np.linspace(0, len(issues) - 1, most)).astype(int))
    return [issues[i] for i in at]


def _periods(layout: Layout, issue: datetime, first: int, last: int) -> list[npt.NDArray[np.int64]]:
    """Return every target's interval ends as hours after the issue, in [first, last]."""
    hours = np.arange(first, last + 1)
    return [hours[(issue.hour + hours) % t.interval_hours == 0] for t in layout.targets]


def _truth(history: History, target: npt.NDArray[np.int64], valid: npt.NDArray[np.datetime64]) -> Floats:
    """Return ln(c + 5) of targets at valid times; NaN outside the record."""
    at = history.index(valid)
    inside = (at >= 0) & (at < history.values.shape[1])
    values = history.values[target, np.clip(at, 0, history.values.shape[1] - 1)].astype(np.float64)
    return to_log(np.where(inside, values, np.nan))


def _training_rows(
    panel: AsOfPanel,
    layout: Layout,
    history: History,
    issues: Sequence[datetime],
    size: Effort,
    rng: np.random.Generator,
    tell: Progress,
) -> Rows:
    """Draw rows: for every issue some periods of every target that was known to be unknown then."""
    parts = []
    for n, issue in enumerate(issues):
        tell("features", n, len(issues))
        periods = _periods(layout, issue, 0, LAST_PERIOD)
        drawn = [np.sort(rng.choice(p, min(size.rows_per_target, len(p)), replace=False)) for p in periods]
        table = feature_table(panel, layout, issue, issue, drawn)
        truth = _truth(history, table.target, to_ns(issue) + table.period * HOUR_NS)
        y = truth - table.values[:, LEVEL_COLUMN]
        good = np.isfinite(y) & table.has_state[table.target] & (table.values[:, LEAD_COLUMN] >= 1)
        x = _with_dropouts(table.values, layout, rng)
        parts.append((x[good], y[good], table.target[good], np.full(good.sum(), to_ns(issue))))
    if not parts:
        raise NoUsableModel("no past issue to learn from")
    return Rows(*(np.concatenate(p) for p in zip(*parts, strict=True)))


DROPOUT = 0.04
"""Share of training issues in which a group of inputs is withheld: a silent source is then no surprise."""


def _with_dropouts(
    x: npt.NDArray[np.float32], layout: Layout, rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    names = layout.names
    for group in ("other city", "own weather", "other weather", "upwind"):
        if rng.random() < DROPOUT:
            x[:, [i for i, n in enumerate(names) if n.startswith(group)]] = np.nan
    return x


def _error_bank(
    panel: AsOfPanel,
    layout: Layout,
    history: History,
    issues: Sequence[datetime],
    fitted: tuple[Folds, Sequence[Member]],
    tell: Progress,
) -> ErrorBank:
    """Collect standardised held-out errors of whole forecasts, gaps filled along the lead."""
    kept, errors = [], []
    hours = np.arange(FIRST_PERIOD, LAST_PERIOD + 1)
    folds, members = fitted
    for n, issue in enumerate(issues):
        tell("error trajectories", n, len(issues))
        k = int(folds.of(np.array([to_ns(issue)]))[0])
        table = feature_table(panel, layout, issue, issue, _periods(layout, issue, 1, LAST_PERIOD))
        said = ensemble_predict(members[k : k + 1], layout, table)
        truth = _truth(history, table.target, to_ns(issue) + table.period * HOUR_NS)
        z = (truth - said.centre) / said.scale
        filled = [
            _fill(hours, table.period[table.target == i], z[table.target == i])
            for i in range(len(layout.targets))
        ]
        if any(f is not None for f in filled):
            kept.append(to_ns(issue))
            blank = np.zeros(len(hours))
            errors.append([blank if f is None else f for f in filled])
    if not kept:
        raise NoUsableModel("no past issue with a known outcome")
    return ErrorBank(np.array(kept), FIRST_PERIOD, np.array(errors, np.float16))


def _fill(hours: npt.NDArray[np.int64], period: npt.NDArray[np.int64], z: Floats) -> Floats | None:
    """Interpolate one trajectory to every hour; None when less than two thirds of it are known."""
    known = np.isfinite(z)
    if known.sum() < 2 / 3 * max(len(z), 1):
        return None
    return np.interp(hours, period[known], z[known])
