"""The stored forecasts of a model: day rows of runs, of its time as a shadow, and of hindcasts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import pandas as pd

from flows.combine_past import ALONE
from flows.combine_past import PRODUCT as COMBINED_PRODUCT
from flows.workspace import Workspace
from forecasting.day_losses import DAY_KEYS, day_rows
from forecasting.issue import OPERATIONAL
from forecasting.predictions import COLUMNS
from forecasting.verify import as_of_everything, observed_truth
from forecasting.weather_ahead import BESIDE, NOT_ATTAINABLE
from pipeline.cities import all_cities
from pipeline.errors import UsageError
from pipeline.files import write_with
from pipeline.ledger.locks import ledger_lock
from pipeline.ledger.models import ModelRow
from pipeline.ledger.runs import RunRow, list_runs
from pipeline.series import load_panel
from pipeline.storage.products import brought, keep_files

SHADOW: Final = "shadow"
"""Name, in the column ``model``, of a forecast that was made beside the operational one."""

CLIMATE: Final = "climatology"
PRODUCTS: Final = {"pm2p5": "predictions", "pm10": "predictions_pm10"}
MANY: Final = 1_000_000
LONGEST_WAIT: Final = 300.0
"""For another process that files rows of the same model [s]."""
KEYS: Final = [*DAY_KEYS, "model", "model_id"]


def keep_days(ws: Workspace, world: str, rows: pd.DataFrame) -> list[Path]:
    """File the day rows of a hindcast, per model, so that it can be compared later; repeats replace.

    Parameters
    ----------
    rows : rows of ``forecasting.predictions``; the baselines of an issue are filed with its model
    """
    daily = rows[rows["target"] == "daily"]
    ours = daily[daily["model"] == OPERATIONAL]
    written = []
    for name, part in ours.groupby("model_id"):
        path = _days_file(ws, world, str(name))
        if name in ("", "none"):
            continue
        beside = daily[(daily["model"] != OPERATIONAL) & daily["issue_time"].isin(part["issue_time"])]
        with ledger_lock(ws.ledger, f"days of model {name}", wait_s=LONGEST_WAIT):
            every = _newest([*_filed(ws, path), part, beside])
            written.append(write_with(path, lambda to, t=every: t.to_parquet(to, index=False)))  # type: ignore[misc]
            keep_files(ws.settings, [path])
    return written


def stored_days(
    ws: Workspace,
    world: str,
    quantity: str,
    models: Iterable[ModelRow],
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    files: Sequence[Path] = (),
) -> pd.DataFrame:
    """Return the stored day rows of some models, and the baselines of the same issues.

    Only issues from which a model was to forecast something that it had not learned: after its data ended,
    or within the years that were left out of it.

    Parameters
    ----------
    since, until : only issues of this period
    files : further tables of predictions

    Raises
    ------
    UsageError
        a file is no table of predictions
    """
    rows = list(models)
    parts = [part for row in rows for part in _filed(ws, _days_file(ws, world, row.id))]
    parts += [_given(path) for path in files]
    parts += _of_runs(ws, world, quantity, since, until)
    if not parts:
        return pd.DataFrame(columns=list(COLUMNS))
    found = _newest(parts)
    honest = found["model"].isin(["persistence", CLIMATE])
    for row in rows:
        issued = found["issue_time"]
        fair = (issued >= row.data_until) | issued.dt.year.isin(_left_out(row))
        honest |= (found["model_id"] == row.id) & fair
    if since is not None:
        honest &= found["issue_time"] >= since
    if until is not None:
        honest &= found["issue_time"] < until
    return found[honest].reset_index(drop=True)


def judged_days(
    ws: Workspace, world: str, quantity: str, rows: pd.DataFrame, *, as_of: datetime | None = None
) -> pd.DataFrame:
    """Return day rows beside what was measured of them, as known at an instant; default: all there is."""
    if rows.empty:
        return rows.assign(observed=[])
    cities = list(all_cities().values())
    start = pd.Timestamp(rows["valid_start"].min()).to_pydatetime()
    end = pd.Timestamp(rows["valid_end"].max()).to_pydatetime()
    first, last = start - timedelta(days=3), end + timedelta(days=1)
    panel = load_panel(ws.store, cities, world, start=first, end=last, as_of=as_of)
    known = as_of or as_of_everything(panel)
    truth = observed_truth(panel, cities, start=start, end=end, as_of=known, quantity=quantity)
    return day_rows(rows, truth)


def replayed_days(ws: Workspace, row: ModelRow) -> pd.DataFrame:
    """Return the day rows of hindcasts filed under a model, and the baselines of the same issues.

    Only issues from which it was to forecast something that it had not learned, see :func:`stored_days`.
    """
    parts = _filed(ws, _days_file(ws, row.world, row.id))
    if not parts:
        return pd.DataFrame(columns=list(COLUMNS))
    found: pd.DataFrame = _newest(parts)
    fair = (found["issue_time"] >= row.data_until) | found["issue_time"].dt.year.isin(_left_out(row))
    kept: pd.DataFrame = found[fair].reset_index(drop=True)
    return kept


def of_model(days: pd.DataFrame, model_id: str) -> pd.DataFrame:
    """Return the rows that one model made, as the operational one or as a shadow."""
    return days[days["model"].isin([OPERATIONAL, ALONE, SHADOW, BESIDE]) & (days["model_id"] == model_id)]


def of_climate(days: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of climatology."""
    return days[days["model"] == CLIMATE]


def _days_file(ws: Workspace, world: str, model_id: str) -> Path:
    return ws.settings.models_dir / world / f"{model_id}.days.parquet"


def _filed(ws: Workspace, path: Path) -> list[pd.DataFrame]:
    here = brought(ws.settings, path, changes=True)
    return [pd.read_parquet(here)] if here.exists() else []


def _given(path: Path) -> pd.DataFrame:
    """Return the day rows of a file that somebody named."""
    try:
        found = pd.read_parquet(path, filters=[("target", "==", "daily")])
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{path} is no table of predictions ({error}); give one of `sameair hindcast`"
        ) from None
    if "weather" in found and (found["weather"] == NOT_ATTAINABLE).any():
        raise UsageError(f"{path} read {NOT_ATTAINABLE}; it proves nothing about a model")
    return found


def _newest(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of all parts; of repeated ones the last."""
    return pd.concat(list(parts), ignore_index=True).drop_duplicates(KEYS, keep="last", ignore_index=True)


def _left_out(row: ModelRow) -> list[int]:
    year = row.details.get("leave_out_year")
    return [] if year is None else [int(year)]


def _of_runs(
    ws: Workspace, world: str, quantity: str, since: datetime | None, until: datetime | None
) -> list[pd.DataFrame]:
    """Return the day rows of current runs, and of the shadows beside them."""
    with ws.ledger.read() as conn:
        runs = [r for r in list_runs(conn, world, limit=MANY) if r.is_current and r.status == "finished"]
    names = [PRODUCTS[quantity], f"{SHADOW}_{PRODUCTS[quantity]}"]
    names += [COMBINED_PRODUCT] * (quantity == "pm2p5")
    wanted = [r for r in runs if (not since or r.cycle >= since) and (not until or r.cycle < until)]
    return [part for run in wanted for name in names for part in _of_run(ws, run, name)]


def _of_run(ws: Workspace, run: RunRow, name: str) -> list[pd.DataFrame]:
    path = brought(ws.settings, run.products.get(name, "-"))
    if name not in run.products or not path.exists():
        return []
    return [pd.read_parquet(path, filters=[("target", "==", "daily")])]
