"""Forecasts of others in a cycle: read as ranges, heard by what was known, told with their evidence."""

import math
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from sqlalchemy import insert

from flows import forecast
from flows.combine import combination_of_run, combine_run
from flows.combine_claims import CAMS, Claims, claims_in, claims_of, meeting, met, readable
from flows.combine_lines import combination_lines, evidence_lines
from flows.combine_past import ALONE, COMBINED, alone_rows, cases_of, past_days
from flows.forecast import forecast_cycle, recent_panel
from flows.live import forecasts_of
from flows.plan import plan_measured
from flows.summary import summary_lines, summary_of
from flows.verification import Request, run_verification
from forecasting.combine import Claim
from forecasting.issue import IssueForecast
from forecasting.predictions import QUANTILE_COLUMNS
from forecasting.verification.score_tables import Options
from forecasting.verify import observed_truth
from ingest.exchange.parse import parse_exchange
from pipeline.asof import AsOfPanel
from pipeline.bulletins import Bulletin, StoredBulletin
from pipeline.cities import all_cities
from pipeline.ledger.runs import begin_run, finish_run, get_run, make_current
from pipeline.ledger.source_tables import bulletins
from pipeline.times import from_ns, local_date, local_day_bounds, parse_instant
from tests.flows.archive_world import NOW, open_imported

CYCLE = parse_instant("2018-10-20T08:00Z")
DAY = timedelta(days=1)


def stated(city, day, received, **said):
    """Return a stored bulletin of an agency about one city and day."""
    kind = said.pop("kind", "forecast")
    head = {name: said.pop(name) for name in ("pollutant", "sender") if name in said}
    source = said.pop("source", "airkorea")
    region = {"city": city, "grade": None, "low": None, "high": None, "value": None, **said}
    zone = all_cities()[city].timezone
    content = {"pollutant": "pm2p5", **head, "target_date": day.isoformat(), "regions": {city: region}}
    key = f"{kind} {content['pollutant']} {day} {city} {received}"
    bulletin = Bulletin(source, kind, key, received, *local_day_bounds(day, zone), content)
    return StoredBulletin(bulletin, received)


WHEN = datetime(2019, 3, 4, 9, tzinfo=UTC)
TARGET = date(2019, 3, 5)


@pytest.mark.parametrize(
    ("city", "said", "expected"),
    [
        ("seoul", {"grade": "나쁨"}, (35.5, 75.5)),
        ("seoul", {"value": 60.0}, (59.5, 60.5)),
        ("seoul", {"kind": "over50", "low": 50, "above": True}, (50.5, math.inf)),
        ("seoul", {"kind": "over50", "high": 50, "above": False}, (0.0, 50.5)),
        ("beijing", {"pollutant": "aqi", "low": 101, "high": 150, "primary": "PM2.5"}, (75.5, 115.5)),
        ("beijing", {"pollutant": "aqi", "low": 101, "high": 150, "primary": "O3"}, (0.0, 115.5)),
        ("beijing", {"low": 70, "high": 95, "grade": "良"}, (69.5, 95.5)),
        ("beijing", {"low": 70, "value": 80.0, "high": 95}, (79.5, 80.5)),
        ("seoul", {"grade": "보통~나쁨"}, (15.5, 75.5)),
        ("beijing", {"pollutant": "aqi", "grade": "良-轻度污染", "primary": "PM2.5"}, (35.5, 115.5)),
        ("beijing", {"pollutant": "aqi", "grade": "优"}, (0.0, 35.5)),
        ("beijing", {"pollutant": "aqi", "low": 40, "high": 70, "primary": "PM2.5"}, (0.0, 51.5)),
        ("beijing", {"pollutant": "aqi", "low": 90, "high": 120, "primary": "PM2.5,O3"}, (0.0, 91.5)),
    ],
)
def test_what_is_stated_bounds_the_mean(city, said, expected):
    (claim,) = claims_in(stated(city, TARGET, WHEN, **said), meant=True)
    assert (claim.low, claim.high) == expected
    assert (claim.city, claim.day, claim.received) == (city, 17960, WHEN)


def test_beside_a_value_the_range_stands_as_stated_where_ranges_are_judged():
    (claim,) = claims_in(stated("beijing", TARGET, WHEN, low=70, value=80.0, high=95))
    assert (claim.low, claim.high) == (69.5, 95.5)


def test_what_says_nothing_of_pm2p5_is_no_claim():
    assert not list(claims_in(stated("seoul", TARGET, WHEN, grade="예보없음")))
    assert not list(claims_in(stated("seoul", TARGET, WHEN, pollutant="pm10", grade="나쁨")))
    assert not list(
        claims_in(stated("beijing", TARGET, WHEN, pollutant="aqi", low=450, high=500, primary="PM10"))
    )


@pytest.mark.parametrize(
    "said",
    [
        {"low": 95, "high": 70},
        {"value": -3.0},
        {"value": 9999.0},
        {"low": 70, "value": 40, "high": 95},
        {"pollutant": "aqi", "low": 5000, "high": 6000},
        {"value": "much"},
    ],
)
def test_what_cannot_be_is_left_out_with_the_reason_and_spoils_nothing_else(said):
    absurd, sound = stated("seoul", TARGET, WHEN, **said), stated("seoul", TARGET, WHEN, grade="나쁨")
    good, bad = readable([absurd, sound], meant=True)
    assert [(c.low, c.high) for c in meeting(good)] == [(35.5, 75.5)]
    assert [one.source for one in bad] == ["airkorea"]
    claims = Claims(meeting(good), bad)
    assert claims.unread(WHEN) == bad
    assert claims.unread(WHEN + 2 * DAY) == []


def test_a_day_that_is_none_is_left_out():
    one = stated("seoul", TARGET, WHEN, grade="나쁨")
    content = {**one.bulletin.content, "target_date": "2019-02-30"}
    broken = StoredBulletin(replace(one.bulletin, content=content), WHEN)
    assert readable([broken])[1][0].why == "'2019-02-30' is no day"


def test_parts_of_one_issue_are_met_and_a_correction_replaces_what_it_corrects():
    grade = stated("seoul", TARGET, WHEN, grade="나쁨")
    over = stated("seoul", TARGET, WHEN, kind="over50", low=50, above=True)
    later = StoredBulletin(stated("seoul", TARGET, WHEN, grade="매우나쁨").bulletin, WHEN + DAY / 4)
    found = met([grade, over, later])
    assert [(c.low, c.high) for c in found] == [(35.5, 75.5), (50.5, 75.5), (75.5, math.inf)]
    clean = stated("seoul", TARGET, WHEN, grade="좋음")
    assert [(c.low, c.high) for c in met([clean, over])][-1] == (0.0, 15.5)


def test_a_claim_counts_from_its_receipt_on_and_not_for_ever():
    claims = Claims(
        [Claim("a", "seoul", 1, 0.0, 15.5, WHEN), Claim("a", "seoul", 1, 15.5, 35.5, WHEN + DAY / 4)]
    )
    second = timedelta(seconds=1)
    assert claims.known("a", "seoul", 1, WHEN - second) is None
    assert claims.known("a", "seoul", 1, WHEN).high == 15.5
    assert claims.known("a", "seoul", 1, WHEN + DAY).high == 35.5
    assert claims.known("a", "seoul", 1, WHEN + 2 * DAY) is None


def run_of(ws, conn, cycle, truth):
    """Store a finished run of a past cycle whose forecast errs by a factor drawn from its day."""
    rows = []
    for city in all_cities().values():
        today = local_date(cycle, city.timezone)
        for lead in (1, 2, 3):
            start, end = local_day_bounds(today + lead * DAY, city.timezone)
            seen = truth.get((city.id, pd.Timestamp(end)))
            if seen is None:
                continue
            rng = np.random.default_rng([lead, today.toordinal()])
            middle = np.log(seen) + 0.4 * rng.standard_normal()
            levels = np.exp(middle + 0.4 * np.array([-1.645, -1.282, -0.674, 0, 0.674, 1.282, 1.645]))
            names = ("q05", "q10", "q25", "q50", "q75", "q90", "q95")
            day = {"city": city.id, "model": "sameair", "target": "daily", "lead_day": lead}
            rows.append(
                {**day, "valid_start": start, "valid_end": end, **dict(zip(names, levels, strict=True))}
            )
    table = pd.DataFrame(rows)
    for name in ("valid_start", "valid_end"):
        table[name] = pd.DatetimeIndex(table[name])
    run = begin_run(conn, world="measured", cycle=cycle, as_of=cycle, code_version="x", at=cycle)
    path = ws.run_folder("measured", f"{cycle:%Y%m%dT%H}", run) / "predictions.parquet"
    path.parent.mkdir(parents=True)
    table.to_parquet(path)
    product = {"predictions": str(path.relative_to(ws.settings.data_dir))}
    kept = {"inputs": {}, "degraded": "", "products": product}
    finish_run(conn, run, at=cycle, model_id="m", **kept)
    make_current(conn, run, expected=None)


def row_of(stored):
    """Return the row of a bulletin that was received when it was issued, before the archive was imported."""
    fields = ("source", "kind", "key", "issued_at", "valid_from", "valid_until", "digest", "content")
    values = {name: getattr(stored.bulletin, name) for name in fields}
    return {**values, "world": "measured", "received_at": stored.received_at}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Forty-five past cycles, and an agency whose grades of Seoul's next day were always right."""
    ws = open_imported(tmp_path_factory.mktemp("combine"), days=120)
    later = plan_measured((CYCLE + 6 * DAY).isoformat(), NOW, drill=True)
    panel = recent_panel(ws, later, list(all_cities().values()))
    cities = list(all_cities().values())
    seen = observed_truth(
        panel, cities, start=CYCLE - 90 * DAY, end=CYCLE + 5 * DAY, as_of=NOW, quantity="pm2p5"
    )
    daily = seen[seen["target"] == "daily"]
    truth = {(c, e): v for c, e, v in zip(daily["city"], daily["valid_end"], daily["observed"], strict=True)}
    said = []
    with ws.ledger.write() as conn:
        for back in range(45, -1, -1):
            cycle = CYCLE - back * DAY
            if back:
                run_of(ws, conn, cycle, truth)
            day = local_date(cycle, "Asia/Seoul") + DAY
            value = truth[("seoul", pd.Timestamp(local_day_bounds(day, "Asia/Seoul")[1]))]
            grade = ("좋음", "보통", "나쁨", "매우나쁨")[int(np.searchsorted((15.5, 35.5, 75.5), value))]
            said.append(
                (cycle - timedelta(hours=2), stated("seoul", day, cycle - timedelta(hours=2), grade=grade))
            )
        conn.execute(insert(bulletins), [row_of(one) for _, one in said])
    yield ws
    ws.ledger.close()


def choosing(ws, setting):
    return replace(ws, settings=ws.settings.model_copy(update={"combine": setting}))


def forecast_with(ws, setting):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forecast, "models_for", lambda *_, **__: {"pm2p5": None, "pm10": None})
        run_id = forecast_cycle(choosing(ws, setting), plan_measured(CYCLE.isoformat(), NOW, drill=True))
    with ws.ledger.read() as conn:
        return get_run(conn, run_id)


@pytest.fixture(scope="module")
def beside(world):
    return forecast_with(world, "beside")


def rows_of(ws, run, product):
    return pd.read_parquet(ws.settings.data_dir / run.products[product])


def daily_of(rows, model):
    one = rows[(rows["model"] == model) & (rows["city"] == "seoul") & (rows["target"] == "daily")]
    return one.set_index("lead_day")[["q50", "p_gt_35"]]


def test_a_cycle_tells_the_combined_forecast_beside_its_own(world, beside):
    ws, run = world, beside
    document = combination_of_run(ws, run)
    (day,) = document["days"]
    (member,) = day["members"]
    assert (day["city"], day["lead_day"], member["source"]) == ("seoul", 1, "airkorea")
    assert member["cases"] >= 40
    assert member["weight"] > 0.2
    assert member["gain"] > 0
    assert day["combined"] != day["alone"]
    # nothing was trained here: the ledger names no model, so that the pages say so
    assert run.model_id is None
    assert run.degraded.startswith("no usable model")
    rows = rows_of(ws, run, "predictions")
    assert set(rows["model"]) == {"sameair", "persistence", "climatology"}
    alone = daily_of(rows, "sameair")
    both = daily_of(rows_of(ws, run, "predictions_combined"), COMBINED)
    assert both.loc[1, "q50"] == pytest.approx(day["combined"]["median"], abs=0.06)
    assert alone.loc[1, "q50"] == pytest.approx(day["alone"]["median"], abs=0.06)
    assert both.loc[2, "q50"] == pytest.approx(alone.loc[2, "q50"])
    told = summary_lines(summary_of(ws, plan_measured(CYCLE.isoformat(), NOW, drill=True)))
    assert any(line.startswith("others     seoul D+1: airkorea") and "not used" in line for line in told)
    assert combination_lines(document, "beijing") == []


@pytest.mark.slow
def test_where_it_is_used_the_forecast_is_the_combined_one_and_ours_stands_beside(world, beside):
    ws, run = world, forecast_with(world, "used")
    rows, own = rows_of(ws, run, "predictions"), rows_of(ws, run, "predictions_combined")
    before = rows_of(ws, beside, "predictions"), rows_of(ws, beside, "predictions_combined")
    assert daily_of(rows, "sameair").equals(daily_of(before[1], COMBINED))
    assert daily_of(own, ALONE).equals(daily_of(before[0], "sameair"))
    assert set(rows.loc[rows["model"] == "sameair", "model_id"]) == {"none+combined"}
    told = [alone_rows(ws, one)[["city", "q50"]].reset_index(drop=True) for one in (run, beside)]
    assert told[0].equals(told[1][: len(told[0])])
    assert (run.inputs["combined_with"], beside.inputs["combined_with"]) == ("airkorea", "")
    with xr.open_dataset(ws.settings.data_dir / run.products["forecast"]) as stored:
        assert stored.attrs["combined_with"] == "airkorea"
        median = stored["pm2p5_day_mean"].sel(city="seoul", lead_day=1, quantile=0.5).item()
    assert median == pytest.approx(daily_of(rows, "sameair").loc[1, "q50"], rel=1e-3)


@pytest.mark.slow
def test_verify_scores_the_combined_forecast_beside_our_model_alone(world, beside, tmp_path):
    day = CYCLE.date()
    made = run_verification(world, Request(first=day, last=day, options=Options(draws=20)), tmp_path)
    rows = made.tables["pm2p5"]["combined"]
    seoul = rows[(rows["city"] == "seoul") & (rows["measure"] == "crps")].set_index("lead")
    assert seoul["n"].to_list() == [1, 1, 1]
    assert seoul["moved"].to_list() == [1, 0, 0]
    assert seoul["difference"].to_numpy()[1:] == pytest.approx([0, 0])
    assert "Together with the forecasts of others" in made.files["report.html"].read_text("utf-8")


def test_our_own_days_are_stated_as_others_state_theirs(world, beside):
    rows = daily_rows(rows_of(world, beside, "predictions"))
    for city in ("seoul", "beijing"):
        path = world.settings.data_dir / beside.products[f"statement_{city}"]
        parsed = parse_exchange(path.read_bytes())
        assert not parsed.left_out
        assert len(parsed.bulletins) == 6
        found = [(b, c) for b in parsed.bulletins for c in claims_in(StoredBulletin(b, CYCLE), meant=True)]
        assert len(found) == 6
        for bulletin, claim in found:
            ours = rows[(rows["city"] == claim.city) & (rows["day"] == claim.day)].iloc[0]
            meant = ("q50", "q50") if bulletin.content["pollutant"] == "pm2p5" else ("q25", "q75")
            assert claim.low - 1.6 <= ours[meant[0]]
            assert ours[meant[1]] <= claim.high + 1.6
    first = next(b for b in parsed.bulletins if b.content["pollutant"] == "aqi")
    index = first.content["regions"]["Beijing"]
    assert 0 < index["low"] <= index["high"] <= 500
    assert index["grade"]


def daily_rows(rows):
    ours = rows[(rows["model"] == "sameair") & (rows["target"] == "daily")]
    zone = ours["city"].map({c.id: c.timezone for c in all_cities().values()})
    days = [
        int(np.datetime64(start.tz_convert(z).date(), "D").astype(int))
        for start, z in zip(ours["valid_start"], zone, strict=True)
    ]
    return ours.assign(day=days)


def test_switched_off_nothing_is_combined(world):
    plan = plan_measured(CYCLE.isoformat(), NOW, drill=True)
    bare = IssueForecast({}, {"pm2p5": xr.Dataset(coords={"city": list(all_cities())})}, {})
    assert combine_run(choosing(world, "off"), plan, AsOfPanel({}, "measured"), bare) is None
    early = plan_measured((CYCLE - 60 * DAY).isoformat(), NOW, drill=True)
    assert combine_run(world, early, AsOfPanel({}, "measured"), bare) is None


def test_what_was_received_later_changes_nothing(world):
    plan = plan_measured((CYCLE - 10 * DAY).isoformat(), NOW, drill=True)
    cities = list(all_cities().values())
    past = past_days(world, plan, recent_panel(world, plan, cities), cities)
    assert (past["valid_end"] <= pd.Timestamp(plan.as_of)).all()
    assert (past["as_of"].map(parse_instant) < plan.as_of).all()
    claims = claims_of(world, "measured", plan.as_of - 60 * DAY, plan.as_of, plan.cycle.hour)
    assert claims.known("airkorea", "seoul", 17_814 + 10, plan.as_of) is None
    assert all(c.received <= plan.as_of for each in claims._by.values() for c in each)


def test_a_past_issue_is_judged_by_what_had_been_received_by_then():
    """A correction that came after an issue, with the day's truth, changes nothing of how it is judged."""
    seoul, rows, said, corrected = all_cities()["seoul"], [], [], []
    for back in range(40, 0, -1):
        issue = CYCLE - back * DAY
        day = local_date(issue, seoul.timezone) + DAY
        start, end = local_day_bounds(day, seoul.timezone)
        row = {"city": "seoul", "lead_day": 1, "valid_start": pd.Timestamp(start), "observed": 44.0}
        rows.append(
            row | {"valid_end": end, "as_of": issue.isoformat()} | dict.fromkeys(QUANTILE_COLUMNS, 30.0)
        )
        number = int(np.datetime64(day, "D").astype(int))
        told = Claim("a", "seoul", number, 15.5, 35.5, issue - DAY / 4)
        said.append(told)
        corrected.append(replace(told, low=43.5, high=44.5, received=issue + timedelta(minutes=1)))
    past = pd.DataFrame(rows)
    found = [cases_of(past, Claims(c), seoul, 1).bounds["a"] for c in (said, [*said, *corrected])]
    assert np.isfinite(found[0]).all()
    assert (found[0] == found[1]).all()
    assert (cases_of(past, Claims(corrected), seoul, 1).spoke("a")).sum() == 0


def test_cams_enters_as_the_mean_of_its_hours(world):
    start = np.datetime64("2018-10-20T00", "ns")
    hours = np.arange(0, 97)
    ds = xr.Dataset(
        {"pm2p5": (("forecast_period", "station"), np.full((97, 1), 44.0))},
        {
            "forecast_reference_time": start,
            "forecast_period": hours,
            "station": ["open_meteo:seoul"],
            "latitude": ("station", [37.5]),
            "longitude": ("station", [127.0]),
        },
        {"source": "CAMS", "reference": "run", "licence": ""},
    )
    store = forecasts_of(world)
    at = from_ns(start) + timedelta(hours=7)
    store.put(ds, source=CAMS, world="measured", assumed_receipt=at)
    claims = claims_of(world, "measured", CYCLE - DAY, CYCLE, CYCLE.hour)
    day = int(np.datetime64("2018-10-21", "D").astype(int))
    found = claims.known(CAMS, "seoul", day, CYCLE)
    assert (found.low, found.high, found.received) == (43.5, 44.5, at)
    assert claims.known(CAMS, "seoul", day + 5, CYCLE) is None


def test_the_lines_say_why_somebody_is_not_heard():
    member = {"source": "cams", "low": 43.5, "high": 44.5, "weight": 0.0, "not_heard": "3 of 30 days judged"}
    figures = {"median": 40.0, "p_gt": {"50": 0.2}}
    day = {"city": "seoul", "lead_day": 2, "members": [member], "alone": figures, "combined": figures}
    absurd = {"source": "airkorea", "key": "one", "why": "low -3 is not between 0 and 1500"}
    found = combination_lines({"mode": "used", "days": [day], "left_out": [absurd]})
    assert found.pop() == "airkorea: left out, low -3 is not between 0 and 1500 (one)"
    assert found == ["seoul D+2: cams 44 to 44 (3 of 30 days judged); not heard"]


def test_the_evidence_says_how_a_source_speaks_and_what_hearing_it_saved(world, beside):
    lines = evidence_lines(combination_of_run(world, beside))
    assert re.match(
        r"seoul D\+1, airkorea: received 2018-10-20T06:00:00Z; over 4\d days it stated \d+ % too", lines[0]
    )
    assert re.match(r"  weight 0\.\d\d of 1: it saved \d+\.\d\d ug/m3 of CRPS", lines[1])
    few = {"source": "cams", "received_at": "2018-10-20T06:00:00Z", "spread": 0.0, "not_heard": "3 of 30"}
    (line,) = evidence_lines({"days": [{"city": "seoul", "lead_day": 2, "members": [few]}]})
    assert line == "seoul D+2, cams: received 2018-10-20T06:00:00Z; not heard: 3 of 30"
