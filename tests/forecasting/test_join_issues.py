"""What is forecast of each city alone and joined is what is forecast of all at once."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from forecasting.issue import forecast_issue, join_issues
from pipeline.asof import AsOfPanel
from pipeline.paths import lead_times_of
from pipeline.times import horizon_end, to_ns

ORDER = ["model", "city", "target", "valid_end", "lead_hours"]


def both(panel, models, cities, issue):
    """Forecast cities at once, and each alone in the other order, joined."""

    def made(some):
        return forecast_issue(panel, models, some, issue_time=issue, as_of=issue)

    return made(cities), join_issues(panel, [made([one]) for one in reversed(cities)])


def numbers(table):
    """Return the rows in one order, without the text about all cities of a call."""
    return table.sort_values(ORDER, kind="stable").reset_index(drop=True).drop(columns="degraded")


def test_with_a_model_every_number_is_the_same(panel, model, cities, issue):
    whole, joined = both(panel, {"pm2p5": model}, cities, issue)
    pd.testing.assert_frame_equal(numbers(whole.rows["pm2p5"]), numbers(joined.rows["pm2p5"]))
    for kind in ("samples", "paths"):
        mine, other = (getattr(one, kind)["pm2p5"] for one in (whole, joined))
        assert sorted(mine["city"].values) == sorted(other["city"].values)
        assert mine.attrs == other.attrs
        for city in cities:
            end = to_ns(horizon_end(issue, city.timezone))
            along = "time" if kind == "paths" else "forecast_period"
            kept = mine[along].values[(mine[along].values if kind == "paths" else lead_times_of(mine)) <= end]
            picked = [one.sel({"city": city.id, along: kept}).drop_attrs() for one in (mine, other)]
            xr.testing.assert_equal(*picked)


@pytest.mark.parametrize("kept", [["seoul"], ["beijing"], ["seoul", "beijing"]])
def test_without_a_model_every_row_is_there(panel, cities, issue, kept):
    seen = AsOfPanel({f"{c}.pm2p5.reference": panel[f"{c}.pm2p5.reference"] for c in kept}, panel.world)
    whole, joined = both(seen, {}, cities, issue)
    for quantity, rows in whole.rows.items():
        mine, other = numbers(rows), numbers(joined.rows[quantity])
        pd.testing.assert_frame_equal(mine[ORDER], other[ORDER])
        assert np.array_equal(np.isfinite(mine["mean"]), np.isfinite(other["mean"]))
        told = [set(one.samples[quantity].attrs["degraded"].split("; ")) for one in (whole, joined)]
        assert told[0] == told[1]


def test_one_part_is_itself(panel, cities, issue):
    part = forecast_issue(panel, {}, cities[:1], issue_time=issue, as_of=issue)
    assert join_issues(panel, [part]) is part
