"""The evidence beside a run: of what was published, from what was known, and no run of later."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
import xarray as xr

from alerts.policy import load_policy
from flows.evidence import issued_past
from forecasting.evidence.record import ISSUED
from forecasting.evidence.stored import read_evidence
from pipeline.asof import AsOfPanel, AsOfSeries
from pipeline.cities import all_cities
from pipeline.ledger.runs import current_run
from pipeline.times import NS_HOUR, iso, to_ns

pytestmark = pytest.mark.slow

THRESHOLD = 50


@pytest.fixture
def run(done, plan):
    with done.ledger.read() as conn:
        return current_run(conn, plan.world, plan.cycle)


@pytest.fixture
def document(done, run):
    return read_evidence(done.settings.data_dir / run.products["evidence"])


def test_each_cycle_stores_the_evidence_of_what_it_published(done, run, document):
    policy = load_policy()
    assert document["issue_time"] == iso(run.cycle)
    assert document["model_id"] == run.model_id
    path = done.settings.data_dir / run.products["forecast"]
    with xr.open_dataset(path, engine="h5netcdf", decode_timedelta=False) as data:
        said = data["probability_of_day_mean_exceedance"]
        for city in document["cities"]:
            records = city["records"]
            assert len(records) == 3 * len(policy.thresholds(city["city"]))
            for one in records:
                where = {"city": city["city"], "lead_day": one["lead_day"], "threshold": one["threshold"]}
                assert one["probability"] == pytest.approx(float(said.sel(where)), abs=0.001)
                near = [abs(past["probability"] - one["probability"]) for past in one["past"]]
                assert all(gap <= 0.1005 for gap in near)
                assert all(past["issue_time"] < iso(run.cycle) for past in one["past"])
            assert len([one for one in records if one["past"]]) >= 6
            assert city["tipping"]["looked_at"] > 4
            partner = {"seoul": "beijing", "beijing": "seoul"}[city["city"]]
            assert (city["without"]["partner"], len(city["without"]["days"])) == (partner, 3)


def test_what_a_run_published_is_counted_once_its_days_are_measured_and_not_before(done, plan):
    city = all_cities()["seoul"]
    later = replace(plan, cycle=plan.cycle + timedelta(days=4), as_of=plan.as_of + timedelta(days=4))
    ends = to_ns(plan.cycle) + np.arange(24 * 8) * np.timedelta64(NS_HOUR, "ns")
    for value, came in ((60.0, True), (40.0, False)):
        air = AsOfSeries(ends, ends, np.full(len(ends), value))
        panel = AsOfPanel({"seoul.pm2p5.reference": air}, plan.world)
        # of the cycle itself nothing counts, though every hour ahead of it stands in the panel
        assert issued_past(done, plan, panel, city, [THRESHOLD]) == {}
        found = issued_past(done, later, panel, city, [THRESHOLD])
        # 08 UTC is 17 h on the day of Seoul: D+1 to D+3 are over four days later
        assert sorted(found) == [(lead, THRESHOLD) for lead in (1, 2, 3)]
        for (one,) in found.values():
            assert (one.kind, one.issue_time, one.came) == (ISSUED, iso(plan.cycle), came)
            assert one.mean == value
    early = replace(later, as_of=plan.as_of + timedelta(days=2))
    # of D+1 all hours were received by then, of D+2 and D+3 not
    assert sorted(issued_past(done, early, panel, city, [THRESHOLD])) == [(1, THRESHOLD)]
