"""What the other side stated beside our forecast of the same days, in a store of invented measurements."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import insert

from flows.exchange_skill import paired_skill
from forecasting.verify import observed_truth
from pipeline.cities import all_cities
from pipeline.ledger.runs import begin_run, finish_run, make_current
from pipeline.ledger.source_tables import bulletins
from pipeline.series import load_panel
from pipeline.times import local_date, local_day_bounds, parse_instant
from tests.flows.archive_world import NOW, open_imported
from tests.flows.test_combine_flow import row_of, stated

LAST = parse_instant("2018-10-20T08:00Z")
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
DAYS = 30
ZONE = "Asia/Shanghai"
OURS_ERR = 8.0
"""Our median is always so much too high [ug m-3]."""


def run_of(ws, conn, cycle, truth):
    """Store a run whose forecast of Beijing errs by OURS_ERR."""
    rows = []
    for lead in (1, 2, 3):
        start, end = local_day_bounds(local_date(cycle, ZONE) + lead * DAY, ZONE)
        middle = truth[end] + OURS_ERR
        head = {"city": "beijing", "model": "sameair", "target": "daily", "lead_day": lead}
        said = {"q10": middle - 20, "q50": middle, "q90": middle + 20}
        rows.append(head | {"valid_start": pd.Timestamp(start), "valid_end": pd.Timestamp(end)} | said)
    run = begin_run(conn, world="measured", cycle=cycle, as_of=cycle, code_version="x", at=cycle)
    path = ws.run_folder("measured", f"{cycle:%Y%m%dT%H}", run) / "predictions.parquet"
    path.parent.mkdir(parents=True)
    pd.DataFrame(rows).to_parquet(path)
    product = {"predictions": str(path.relative_to(ws.settings.data_dir))}
    finish_run(conn, run, at=cycle, model_id="m", inputs={}, degraded="", products=product)
    make_current(conn, run, expected=None)


def measured(ws):
    cities = list(all_cities().values())
    panel = load_panel(ws.store, cities, "measured", around=False)
    seen = observed_truth(
        panel, cities, start=LAST - 60 * DAY, end=LAST + 5 * DAY, as_of=NOW, quantity="pm2p5"
    )
    mine = seen[(seen["target"] == "daily") & (seen["city"] == "beijing")]
    ends = [e.to_pydatetime() for e in mine["valid_end"].dt.tz_convert("UTC")]
    return dict(zip(ends, mine["observed"], strict=True))


def said_of(day, value, issued, received, **more):
    """Return a statement of the exchange about Beijing, dated and received at two instants."""
    one = stated("beijing", day, received, source="exchange", sender="cnemc", value=value, **more)
    row = row_of(one)
    return row | {"issued_at": issued, "key": f"{day} {issued} {more}"}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Thirty cycles of ours at 08 UTC, and each day at 10 UTC a statement of the next day's exact mean."""
    ws = open_imported(tmp_path_factory.mktemp("skill"), days=120)
    truth = measured(ws)
    rows = []
    with ws.ledger.write() as conn:
        for back in range(DAYS, 0, -1):
            cycle = LAST - back * DAY
            run_of(ws, conn, cycle, truth)
            day = local_date(cycle, ZONE) + DAY
            value = round(truth[local_day_bounds(day, ZONE)[1]], 1)
            issued = cycle + 2 * HOUR
            rows.append(said_of(day, value, issued, issued + HOUR / 6))
        # Dated as the last one, but received when its day was half over; and one from before the runs.
        rows.append(said_of(day, 500.0, issued + HOUR, issued + 20 * HOUR))
        early = LAST - 40 * DAY
        rows.append(said_of(local_date(early, ZONE) + DAY, 50.0, early, early))
        conn.execute(insert(bulletins), rows)
    yield ws, truth
    ws.ledger.close()


def test_both_sides_are_judged_on_the_same_days_against_persistence(world):
    ws, truth = world
    found = paired_skill(ws, "measured", LAST - 45 * DAY, LAST + DAY, NOW)
    (row,) = found.rows
    assert (row["sender"], row["city"], row["lead"], row["days"]) == ("cnemc", "beijing", "D+1", DAYS)
    assert found.left_out == {"too late": 1, "no run of ours": 1, "not measured": 0}
    days = [local_date(LAST - back * DAY, ZONE) + DAY for back in range(DAYS, 0, -1)]
    seen, before = (
        np.array([truth[local_day_bounds(day - lag * DAY, ZONE)[1]] for day in days]) for lag in (0, 2)
    )
    naive = np.abs(seen - before).mean()
    assert row["mae_persistence"] == pytest.approx(naive, abs=0.06)
    assert row["mae_ours"] == pytest.approx(OURS_ERR, abs=0.06)
    assert row["skill_theirs"]["value"] == pytest.approx(1.0, abs=0.01)
    assert row["skill_ours"]["value"] == pytest.approx(1 - OURS_ERR / naive, abs=0.01)
    assert row["theirs"]["misses"] == row["theirs"]["false_alarms"] == 0
    assert row["theirs"]["hits"] == row["above"] == int((seen > 75).sum())
    assert row["ours"]["misses"] == 0
    assert (row["inside_ours"], row["width_ours"]) == (DAYS, 40.0)


def test_what_was_received_or_measured_later_changes_nothing(world):
    ws, _ = world
    middle = LAST - 10 * DAY
    whole = paired_skill(ws, "measured", LAST - 45 * DAY, middle, NOW)
    assert whole.rows[0]["days"] == DAYS - 10
    # On the last of these days it is not over yet.
    then = paired_skill(ws, "measured", LAST - 45 * DAY, middle, middle)
    assert then.rows[0]["days"] == DAYS - 11
    assert then.left_out["not measured"] == 1


def test_our_own_statement_that_came_back_is_not_the_other_sides(world):
    ws, _ = world
    own = ws.settings.model_copy(update={"party": "cnemc"})
    assert (
        paired_skill(
            type(ws)(own, ws.ledger, ws.store, ws.clock), "measured", LAST - 45 * DAY, LAST, NOW
        ).rows
        == ()
    )
