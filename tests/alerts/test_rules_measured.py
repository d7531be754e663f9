"""Rules on measured values of March 2019, against what was published about those days."""

from datetime import date

import pytest

from alerts.rule_engine import findings
from pipeline.cities import city
from pipeline.paths import observed_paths
from pipeline.times import parse_instant
from tests.alerts.measured_panel import measured_panel


@pytest.fixture(scope="module")
def paths(shared):
    panel = measured_panel(shared, "2019-02-20", "2019-03-10")
    start, end = parse_instant("2019-02-25T15:00Z"), parse_instant("2019-03-07T16:00Z")
    cities = [city("seoul"), city("beijing")]
    return observed_paths(panel, cities, start=start, end=end, as_of=parse_instant("2019-03-09"))


def levels(paths, city_id, day):
    return {f.rule: f for f in findings(paths, [city(city_id)], [day])}


@pytest.mark.shared
def test_seoul_on_the_day_of_its_record(paths):
    found = levels(paths, "seoul", date(2019, 3, 5))
    assert found["kr.grade"].level == "kr.grade.very_bad"
    assert found["kr.advisory.pm2p5"].level == "kr.advisory.pm2p5.warning"
    assert found["kr.emergency_measures"].level == "kr.emergency_measures.met"
    assert {f.basis for f in found.values() if f.probability is not None} == {"observed"}
    assert "downtown proxy" in found["kr.advisory.pm2p5"].note
    assert found["kr.advisory.pm10"].probability is None


@pytest.mark.shared
def test_beijing_by_calendar_day_and_by_running_means(paths):
    """Calendar means are 184, 163, 106: two days above 200. Running means reach three blocks above 200.

    The three consecutive 24-h means that end at 02 UTC of 4 March are 167.7, 164.8 and 162.5 ug m-3.
    """
    by_day = [levels(paths, "beijing", date(2019, 3, d)) for d in (2, 3, 4)]
    assert [f["cn.aqi"].level.rsplit(".", 1)[1] for f in by_day] == ["heavy", "heavy", "light"]
    alerts = [f["cn.alert.beijing"] for f in by_day]
    assert [a.level.rsplit(".", 1)[1] for a in alerts] == ["orange", "orange", "none"]
    assert {a.evidence for a in alerts} == {"partly"}
