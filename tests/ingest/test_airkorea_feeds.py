"""AirKorea's feeds against its fake: the newest hour in one call, backfill, corrections, the day's quota."""

from datetime import timedelta

import pandas as pd
import pytest
from pydantic import SecretStr

from ingest import airkorea
from ingest.airkorea_history import history_ask, settled
from ingest.feeds import Due, SourceConfig
from pipeline.errors import QuotaSpent, Refused
from pipeline.ledger.asked import list_gaps
from pipeline.times import HOUR, parse_instant
from tests.fakes.airkorea import KEY, AirKoreaFake
from tests.ingest.source_rounds import hourly, published, rounds
from tests.ingest.toy_source import Clock, stored

START = parse_instant("2025-02-10T03:00Z")
RUN_AT = timedelta(minutes=27)
OURS = ("airkorea:중구", "airkorea:종로구", "airkorea:강남구")
ABROAD = "airkorea:광복동"
AROUND = airkorea.wanted_stations(pd.DataFrame({"station": [], "city": []}))
ASKED = {*OURS, *AROUND}
NEWEST, HISTORY, LIST = "getCtprvnRltmMesureDnsty", "getMsrstnAcctoRltmMesureDnsty", "getMsrstnList"


def value(station, quantity, n):
    return (7 * n + 3 * len(quantity) + sum(map(ord, station))) % 60 + 5


@pytest.fixture
def truth():
    rows = hourly((*OURS, ABROAD), START + 96 * HOUR, 24 * 12, value)
    return published(rows, areas={ABROAD: "부산"})


@pytest.fixture
def clock():
    return Clock(START + RUN_AT)


@pytest.fixture
def korea(tmp_path, truth, clock):
    fake = AirKoreaFake(truth, clock)
    with rounds(tmp_path, airkorea, fake, clock, SecretStr(KEY)) as made:
        yield made


def known(truth, now, start, stations=OURS):
    rows = truth.known(now, start, now, "airkorea:")
    rows = rows[rows["station"].isin(stations)]
    return {(r.station, parse_instant(str(r.time)), r.quantity): r.value for r in rows.itertuples()}


def held(korea, stations=OURS):
    now = korea.intake.clock() + timedelta(seconds=1)
    rows = korea.intake.store.read(world="measured", as_of=now)
    rows = rows[rows["station"].isin(stations)]
    return {(r.station, parse_instant(str(r.time)), r.quantity): r.value for r in rows.itertuples()}


HOURLY = ("airkorea.stations", "airkorea.hourly")


def test_the_first_round_takes_the_last_days(korea, truth, clock):
    reports = korea.collect(*HOURLY)
    assert {r.outcome for r in reports.values()} == {"ok"}
    want = known(truth, clock(), START - 72 * HOUR)
    assert {k: v for k, v in held(korea).items() if k[1] > START - 72 * HOUR} == want
    calls = [name for name, _ in korea.calls()]
    assert calls.count(NEWEST) == 1
    assert calls.count(HISTORY) == len(ASKED)  # those around the city have no values here


def test_a_normal_hour_is_one_call_for_the_whole_country(korea, truth, clock):
    korea.collect(*HOURLY)
    for _ in range(3):
        korea.calls()
        clock.now += HOUR
        (report,) = korea.collect("airkorea.hourly").values()
        names = [n for n, query in korea.calls() if query.get("stationName") not in map(bare, AROUND)]
        assert names == [NEWEST]
        assert report.outcome in ("ok", "partial")
    assert held(korea, (ABROAD,)) == known(truth, clock(), START - HOUR, (ABROAD,))


@pytest.mark.parametrize(("hours", "term"), [(5, "DAILY"), (60, "MONTH")])
def test_after_an_outage_every_lacking_hour_comes_back(korea, truth, clock, hours, term):
    korea.collect(*HOURLY)
    korea.calls()
    clock.now += hours * HOUR
    korea.collect("airkorea.hourly")
    asked = [query for name, query in korea.calls() if name == HISTORY]
    assert {q["dataTerm"] for q in asked if q["stationName"] not in map(bare, AROUND)} == {term}
    want = known(truth, clock(), START - 72 * HOUR)
    assert {k: v for k, v in held(korea).items() if k[1] > START - 72 * HOUR} == want
    with korea.intake.ledger.read() as conn:
        assert list_gaps(conn, "measured", START) == []


def test_a_late_station_is_asked_for_until_its_hour_is_there(korea, truth, clock):
    korea.collect(*HOURLY)
    late = clock.now + HOUR
    rows = truth.rows
    concerned = (rows["station"] == OURS[0]) & (rows["time"] == pd.Timestamp("2025-02-10T04:00"))
    rows.loc[concerned, "published_at"] = pd.Timestamp("2025-02-10T05:10")
    truth.__dict__.pop("_sorted", None)
    clock.now = late
    korea.collect("airkorea.hourly")
    assert (OURS[0], START + HOUR, "pm2p5") not in held(korea)
    clock.now += HOUR
    korea.collect("airkorea.hourly")
    assert held(korea)[OURS[0], START + HOUR, "pm2p5"] == value(OURS[0], "pm2p5", 95)


@pytest.mark.slow
def test_corrections_of_a_day_become_revisions(korea, truth, clock):
    clock.now = parse_instant("2025-02-10T17:27Z")  # 02:27 KST: the day is over since two hours
    korea.collect()
    rows = truth.rows
    first = rows[(rows["station"] == OURS[0]) & (rows["quantity"] == "pm2p5")]
    corrected = first[first["time"] == pd.Timestamp("2025-02-11T06:00")].assign(
        value=199.0, published_at=pd.Timestamp("2025-02-11T12:00")
    )
    object.__setattr__(truth, "rows", pd.concat([rows, corrected], ignore_index=True))
    truth.__dict__.pop("_sorted", None)
    for _ in range(24):
        clock.now += HOUR
        korea.collect("airkorea.hourly", "airkorea.days")
    assert held(korea)[OURS[0], parse_instant("2025-02-11T06:00Z"), "pm2p5"] == 199.0
    versions = korea.intake.store.versions(
        world="measured",
        stations=[OURS[0]],
        quantities=["pm2p5"],
        start=parse_instant("2025-02-11T05:00Z"),
        end=parse_instant("2025-02-11T06:00Z"),
    )
    assert versions["value"].tolist()[-1] == 199.0
    assert len(versions) == 2


@pytest.mark.slow
def test_a_source_outage_of_a_day_stays_within_the_quota(tmp_path, clock):
    rows = hourly(OURS, parse_instant("2025-02-09T15:00Z"), 30, value)
    fake = AirKoreaFake(published(rows), clock)
    with rounds(tmp_path, airkorea, fake, clock, SecretStr(KEY)) as korea:
        clock.now = parse_instant("2025-02-09T15:27Z")
        korea.collect()
        korea.calls()
        for _ in range(24):
            clock.now += HOUR
            korea.collect("airkorea.hourly", "airkorea.days")
        calls = [(name, query.get("stationName")) for name, query in korea.calls()]
    assert len([name for name, _ in calls if name == NEWEST]) == 24
    history = [name for name, station in calls if name == HISTORY and station in map(bare, OURS)]
    # Seoul has 25 district stations, and there is the island upwind.
    assert len(history) / len(OURS) * (25 + len(AROUND)) <= airkorea.HISTORY_SHARE


def bare(station):
    return station.split(":")[1]


def test_a_spent_share_of_history_leaves_the_newest_hour_alone(tmp_path, truth, clock, monkeypatch):
    monkeypatch.setattr("ingest.airkorea.HISTORY_SHARE", 2)
    with rounds(tmp_path, airkorea, AirKoreaFake(truth, clock), clock, SecretStr(KEY)) as korea:
        reports = korea.collect(*HOURLY)
        assert "no requests left for station history" in str(reports["airkorea.hourly"].errors[0])
        clock.now += HOUR
        korea.calls()
        korea.collect("airkorea.hourly")
        assert [name for name, _ in korea.calls()] == [NEWEST]
        assert {k[0] for k in held(korea) if k[1] == START + HOUR} == set(OURS)


def test_code_22_stops_all_questions_until_midnight_in_korea(tmp_path, truth, clock):
    fake = AirKoreaFake(truth, clock, quota=0)
    with rounds(tmp_path, airkorea, fake, clock, SecretStr(KEY)) as korea:
        reports = korea.collect("airkorea.hourly")
        assert isinstance(reports["airkorea.hourly"].errors[0], QuotaSpent)
        korea.calls()
        clock.now = parse_instant("2025-02-10T14:59Z")
        korea.collect("airkorea.hourly")
        assert [name for name, _ in korea.calls() if name == NEWEST] == []
        fake.quota = 500
        clock.now = parse_instant("2025-02-10T15:20Z")
        korea.collect(*HOURLY)
        assert [name for name, _ in korea.calls() if name == NEWEST] == [NEWEST]
        assert stored(korea.intake, clock())


@pytest.mark.parametrize("form", [KEY, "portal%2Bkey%2F%3D%3D"])
def test_both_forms_of_the_key_are_sent_once_encoded(tmp_path, truth, clock, form):
    with rounds(tmp_path, airkorea, AirKoreaFake(truth, clock), clock, SecretStr(form)) as korea:
        (report,) = korea.collect("airkorea.stations").values()
        assert report.outcome == "ok"
        assert korea.calls()[0][1]["serviceKey"] == KEY


def test_a_refused_key_is_told_without_showing_it(tmp_path, truth, clock):
    wrong = "wrong+key/=="
    with rounds(tmp_path, airkorea, AirKoreaFake(truth, clock), clock, SecretStr(wrong)) as korea:
        (report,) = korea.collect("airkorea.stations").values()
    (error,) = report.errors
    assert isinstance(error, Refused)
    assert "SAMEAIR_AIRKOREA_KEY" in str(error)
    assert "wrong" not in str(error)


def test_more_pages_are_asked_for_where_one_is_too_short(korea, monkeypatch):
    monkeypatch.setattr("ingest.airkorea_gateway.ROWS_PER_PAGE", 3)
    (report,) = korea.collect("airkorea.stations").values()
    assert [query["pageNo"] for _, query in korea.calls()] == ["1", "2"]
    assert report.outcome == "ok"
    assert len(korea.intake.store.stations("measured")) == 4


def test_no_key_no_feeds():
    assert airkorea.feeds(SourceConfig()) == []
    assert len(airkorea.feeds(SourceConfig(SecretStr("k")))) == 7


def test_the_history_of_three_months_is_the_longest():
    now = START + RUN_AT
    terms = [
        history_ask("airkorea:x", [now - age], now - age, now).parameters["dataTerm"]
        for age in (5 * HOUR, 22 * HOUR, timedelta(days=26), timedelta(days=80), timedelta(days=300))
    ]
    assert terms == ["DAILY", "MONTH", "MONTH", "3MONTH", "3MONTH"]


def test_which_hours_a_history_settles():
    asked = {"dataTerm": "MONTH", "since": "2025-02-01T00:00:00Z"}
    now = START + RUN_AT
    whole = {hour for _, hour in settled("u", [START - 48 * HOUR, START - HOUR], asked, now, True)}
    assert min(whole) == parse_instant("2025-02-01T01:00Z")  # the source has nothing older
    assert max(whole) == START - HOUR  # the newest hour may still come
    silent = {hour for _, hour in settled("u", [START - 48 * HOUR, START - 9 * HOUR], asked, now, True)}
    assert max(silent) == START  # a silent station is not asked every hour
    cut = {hour for _, hour in settled("u", [START - 48 * HOUR, START - HOUR], asked, now, False)}
    assert min(cut) == START - 48 * HOUR
    empty = {hour for _, hour in settled("u", [], asked, now, True)}
    assert max(empty) == START - 24 * HOUR


def test_nothing_due_asks_nothing():
    assert airkorea.hourly_asks(Due(START, {})) == []
