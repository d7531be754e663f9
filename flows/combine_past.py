"""What our model alone forecast in past cycles, what others had stated by then, and what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import pandas as pd

from flows.combine_claims import Claims
from flows.plan import CyclePlan
from flows.workspace import Workspace
from forecasting.combine import draws_of, log_bounds
from forecasting.combine_fit import Cases
from forecasting.issue import OPERATIONAL
from forecasting.predictions import QUANTILE_COLUMNS
from forecasting.verify import observed_truth
from pipeline.asof import AsOfPanel
from pipeline.cities import City
from pipeline.ledger.runs import RunRow, list_runs
from pipeline.storage.products import brought
from pipeline.times import from_ns, iso, to_ns

COMBINED: Final = "sameair-combined"
"""Name, in the column ``model``, of our forecast together with what others stated."""

ALONE: Final = "sameair-alone"
"""Name of what our model alone forecast, where the combined forecast is the operational one."""

PRODUCT: Final = "predictions_combined"
"""Name of the table of either."""

HISTORY: Final = timedelta(days=180)
"""How far back members are judged; long enough for a season, short enough to notice a changed member."""

MANY: Final = 1_000_000
Filters = list[tuple[str, str, str]]
DAILY: Final[Filters] = [("target", "==", "daily")]
COLUMNS: Final = ["city", "model", "target", "lead_day", "valid_start", "valid_end", *QUANTILE_COLUMNS]
NO_DAYS: Final = pd.DataFrame(columns=[*COLUMNS, "as_of", "observed"])


def past_days(ws: Workspace, plan: CyclePlan, panel: AsOfPanel, cities: Sequence[City]) -> pd.DataFrame:
    """Return our past day rows at the cycle's hour of the day, with ``observed`` and the run's ``as_of``.

    Only days that had ended and were measured by the cycle's snapshot; nothing received later is read.
    """
    with ws.ledger.read() as conn:
        runs = list_runs(conn, plan.world, limit=MANY)
    first = plan.as_of - HISTORY
    asked = [run for run in runs if run.is_current and run.status == "finished" and _serves(run, plan, first)]
    parts = [part for run in asked if (part := _rows_of(ws, run)) is not None]
    if not parts:
        return NO_DAYS
    rows = pd.concat(parts, ignore_index=True)
    rows = rows[rows["valid_end"] <= pd.Timestamp(plan.as_of)]
    if rows.empty:
        return rows.assign(observed=[])
    seen = observed_truth(
        panel,
        cities,
        start=rows["valid_start"].min().to_pydatetime(),
        end=rows["valid_end"].max().to_pydatetime(),
        as_of=plan.as_of,
        quantity="pm2p5",
    )
    seen = seen.loc[seen["target"] == "daily", ["city", "valid_end", "observed"]]
    return rows.merge(seen, on=["city", "valid_end"]).sort_values("valid_end", ignore_index=True)


def _serves(run: RunRow, plan: CyclePlan, first: datetime) -> bool:
    before = first <= run.cycle < plan.cycle and run.as_of <= plan.as_of
    return before and run.cycle.hour == plan.cycle.hour


def _rows_of(ws: Workspace, run: RunRow) -> pd.DataFrame | None:
    """Return the day rows of our model alone of one run; None where there are none."""
    rows = alone_rows(ws, run, DAILY)
    rows = rows[rows["lead_day"] >= 1].dropna(subset=["q50"]) if len(rows) else rows
    return rows[COLUMNS].assign(as_of=iso(run.as_of)) if len(rows) else None


def alone_rows(ws: Workspace, run: RunRow, only: Filters | None = None) -> pd.DataFrame:
    """Return the predictions of our model alone of a run, whichever forecast was published; empty if none.

    Parameters
    ----------
    only : filters of rows, as of ``pandas.read_parquet``
    """
    for product, model in ((PRODUCT, ALONE), ("predictions", OPERATIONAL)):
        path = brought(ws.settings, run.products.get(product, "-"))
        if product in run.products and path.is_file():
            rows = pd.read_parquet(path, filters=only)
            rows = rows[rows["model"] == model]
            if len(rows):
                return rows.assign(model=OPERATIONAL)
    return pd.DataFrame()


def local_day(start: pd.Series, timezone: str) -> pd.Series:
    """Return the number of the local day that begins at each instant, 0 for 1970-01-01.

    >>> local_day(pd.Series(pd.to_datetime(["2019-03-04T15:00Z"])), "Asia/Seoul").tolist()
    [17960]
    """
    local = start.dt.tz_convert(timezone).dt.tz_localize(None).to_numpy("datetime64[D]")
    return pd.Series(local.astype(np.int64), start.index)


def cases_of(past: pd.DataFrame, claims: Claims, city: City, lead: int) -> Cases:
    """Return the past cases of one city and lead, with the interval of every source known at each issue."""
    rows = past[(past["city"] == city.id) & (past["lead_day"] == lead)]
    days = local_day(rows["valid_start"], city.timezone).tolist() if len(rows) else []
    known = [from_ns(to_ns(pd.Timestamp(when).to_pydatetime())) for when in rows["as_of"]]
    bounds = {}
    for source in claims.sources:
        said = [claims.known(source, city.id, d, w) for d, w in zip(days, known, strict=True)]
        low = np.array([one.low if one else 0.0 for one in said])
        high = np.array([one.high if one else np.inf for one in said])
        bounds[source] = np.stack(log_bounds(low, high), axis=1)
    quantiles = rows[list(QUANTILE_COLUMNS)].to_numpy(float)
    observed = rows["observed"].to_numpy(float)
    return Cases(np.array(days, float), draws_of(quantiles), observed, bounds)
