"""AirKorea's forecasts and advisories: read from documented items, and brought back from the fake."""

import json
from datetime import date, timedelta

import pytest
from pydantic import SecretStr

from ingest import airkorea
from ingest.airkorea_alarms import parse_alarms
from ingest.airkorea_forecast import parse_forecast, parse_grades, parse_over50, parse_weekly
from ingest.airkorea_gateway import parse_issue, parse_moment
from pipeline.bulletins import Bulletin, read_bulletins
from pipeline.errors import BadPayload
from pipeline.times import HOUR, local_day_bounds, parse_instant
from tests.fakes.airkorea import KEY, AirKoreaFake
from tests.fakes.server import FakeAnswer
from tests.ingest.source_rounds import hourly, published, rounds
from tests.ingest.toy_source import Clock

SEVENTEEN = parse_instant("2025-02-10T08:00Z")
REGIONS = ("서울", "인천", "경기북부", "영서", "제주")


def envelope(items):
    body = {"totalCount": len(items), "items": items, "pageNo": 1, "numOfRows": 100}
    return json.dumps({"response": {"header": {"resultCode": "00"}, "body": body}}).encode()


def region(name, grade=None, **more):
    fixed = {"city": "seoul" if name == "서울" else "", "grade": grade}
    return fixed | {"low": None, "high": None, "value": None} | more


def forecast(issue, day, pollutant="pm2p5", grade="나쁨"):
    content = {
        "pollutant": pollutant,
        "target_date": day.isoformat(),
        "regions": {name: region(name, grade) for name in REGIONS},
        "overall": "○ [미세먼지] 수도권은 '나쁨'으로 예상됩니다.",
        "cause": "○ [미세먼지] 국외 미세먼지가 유입되어 높을 것으로 예상됩니다.",
        "advice": "",
    }
    stamp = (issue + 9 * HOUR).strftime("%Y-%m-%dT%H+09")
    key = f"{pollutant} {day} issued {stamp}"
    return Bulletin("airkorea", "forecast", key, issue, *local_day_bounds(day, "Asia/Seoul"), content)


def outlook(issue, first):
    days = [
        {
            "date": (first + timedelta(days=n)).isoformat(),
            "regions": {name: region(name, "높음" if n else "낮음") for name in REGIONS},
            "confidence": "보통",
        }
        for n in range(4)
    ]
    start = local_day_bounds(first, "Asia/Seoul")[0]
    content = {"days": days, "outlook": "국외 미세먼지가 유입되겠습니다."}
    issued = (issue + 9 * HOUR).date()
    end = start + timedelta(days=4)
    return Bulletin("airkorea", "outlook", f"week issued {issued}", issue, start, end, content)


def over50(issue, day, above=("서울",)):
    regions = {
        name: region(name, above=name in above) | {"low" if name in above else "high": 50}
        for name in ("서울", "인천", "경기")
    }
    stamp = (issue + 9 * HOUR).strftime("%Y-%m-%dT%H+09")
    content = {"target_date": day.isoformat(), "regions": regions}
    days = local_day_bounds(day, "Asia/Seoul")
    return Bulletin("airkorea", "over50", f"{day} issued {stamp}", issue, *days, content)


def advisory(issue, lifted=None, level="advisory", code="PM25"):
    text = {"advisory": "주의보", "warning": "경보"}[level]
    stamp = issue.strftime("%Y-%m-%dT%H:%M:%SZ")
    content = {
        "pollutant": {"PM25": "pm2p5", "PM10": "pm10"}[code],
        "level": level,
        "district": "서울",
        "area": "서울권역",
        "city": "seoul",
        "value": 83.0,
        "lifted_at": None if lifted is None else lifted.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "lifted_value": None if lifted is None else 31.0,
    }
    key = f"{code} 서울 서울권역 {text} {stamp}"
    return Bulletin("airkorea", "advisory", key, issue, issue, lifted, content)


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2020-01-01 23시 발표", "2020-01-01T14:00Z"),
        ("2023-06-03 05시 발표", "2023-06-02T20:00Z"),
        ("2024-03-18 5시", "2024-03-17T20:00Z"),
        ("2024-03-18 11시발표", "2024-03-18T02:00Z"),
    ],
)
def test_issues_are_dated_in_kst(text, utc):
    assert parse_issue(text) == parse_instant(utc)


@pytest.mark.parametrize("text", ["2024-03-18 25시", "2024-02-30 11시", "11시 발표", "", None, 5, []])
def test_an_issue_that_is_no_time_is_refused(text):
    with pytest.raises(BadPayload, match="dataTime"):
        parse_issue(text)


def test_an_advisory_issued_at_24_ends_the_day():
    assert parse_moment("2019-03-04", "24:00", "issueTime") == parse_instant("2019-03-04T15:00Z")


def test_one_bulletin_for_each_pollutant_day_and_issue():
    item = {
        "dataTime": "2025-02-10 17시 발표",
        "informCode": "PM25",
        "informData": "2025-02-11",
        "informGrade": "서울 : 나쁨,제주 : 예보없음",
        "infornOverall": "misspelt as in the documentation",
        "informCause": None,
    }
    again = item | {"informGrade": "서울 : 보통,제주 : 보통"}
    others = [item | {"informCode": "PM10"}, item | {"informCode": "O3"}, item | {"informData": "2025-02-12"}]
    parsed = parse_forecast(envelope([item, again, *others]))
    assert [b.content["pollutant"] for b in parsed.bulletins] == ["pm2p5", "pm10", "ozone", "pm2p5"]
    first = parsed.bulletins[0]
    assert (first.issued_at, first.valid_from) == (SEVENTEEN, parse_instant("2025-02-10T15:00Z"))
    assert first.valid_until == parse_instant("2025-02-11T15:00Z")
    assert first.content["regions"] == {"서울": region("서울", "나쁨"), "제주": region("제주")}
    assert first.content["overall"] == "misspelt as in the documentation"


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"informCode": "NO2"}, "informCode"),
        ({"informGrade": "서울 나쁨"}, "informGrade"),
        ({"informGrade": None}, "informGrade"),
        ({"informData": "2025-02-30"}, "informData"),
        ({"dataTime": "17시"}, "dataTime"),
    ],
)
def test_a_bad_forecast_is_left_out_and_named(changed, field):
    item = {
        "dataTime": "2025-02-10 17시 발표",
        "informCode": "PM25",
        "informData": "2025-02-11",
        "informGrade": "서울 : 나쁨",
    }
    parsed = parse_forecast(envelope([item | changed, item]))
    assert len(parsed.bulletins) == 1
    assert [error.field for error in parsed.left_out] == [field]
    with pytest.raises(BadPayload):
        parse_forecast(envelope([item | changed]))


def test_weekly_regions_keep_their_own_names():
    regions, confidence = parse_grades("서울 : 낮음, 강원영서 : 높음, 신뢰도 : 보통", "frcstOneCn")
    assert regions == {"서울": region("서울", "낮음"), "강원영서": region("강원영서", "높음")}
    assert confidence == "보통"


def test_over_50_says_where():
    item = {"dataTime": "2025-02-10 17시", "informData": "2025-02-11", "seoul50Over": "O", "xx50Over": None}
    (bulletin,) = parse_over50(envelope([item])).bulletins
    assert bulletin.content["regions"] == {
        "서울": region("서울", above=True, low=50),
        "xx": region("xx", above=False, high=50),
    }


ALARM = {
    "districtName": "서울",
    "moveName": "서울권역",
    "itemCode": "PM25",
    "issueGbn": "주의보",
    "issueDate": "2019-03-01",
    "issueTime": "16:00",
    "issueVal": "83",
    "clearDate": "2019-03-02",
    "clearTime": "24:00",
    "clearVal": "31",
}


@pytest.mark.parametrize("empty", ["", None, "-"])
def test_an_open_advisory_has_no_end(empty):
    opened = ALARM | dict.fromkeys(("clearDate", "clearTime", "clearVal"), empty)
    (bulletin,) = parse_alarms(envelope([opened])).bulletins
    assert bulletin == advisory(parse_instant("2019-03-01T07:00Z"))


def test_a_lifted_advisory_has_one():
    (bulletin,) = parse_alarms(envelope([ALARM])).bulletins
    assert bulletin == advisory(parse_instant("2019-03-01T07:00Z"), parse_instant("2019-03-02T15:00Z"))
    twice = [ALARM, ALARM | {"clearDate": "", "clearTime": "", "clearVal": ""}]
    assert parse_alarms(envelope(twice)).bulletins == (bulletin,)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"itemCode": "O3"}, "itemCode"),
        ({"issueDate": None}, "issueTime"),
        ({"clearDate": "2019-02-01"}, "clearTime"),
        ({"districtName": ""}, "districtName"),
        ({"issueVal": "viel"}, "issueVal"),
    ],
)
def test_a_bad_advisory_is_left_out_and_named(changed, field):
    parsed = parse_alarms(envelope([ALARM | changed, ALARM]))
    assert len(parsed.bulletins) == 1
    assert [error.field for error in parsed.left_out] == [field]


@pytest.fixture
def clock():
    return Clock(SEVENTEEN + timedelta(minutes=27))


TODAY = date(2025, 2, 10)
SAID = [
    *(forecast(SEVENTEEN - 6 * n * HOUR, TODAY + timedelta(days=d)) for n in range(-2, 5) for d in range(3)),
    forecast(SEVENTEEN, TODAY, "pm10", "보통"),
    outlook(SEVENTEEN + timedelta(minutes=30), TODAY + timedelta(days=3)),
    outlook(SEVENTEEN + timedelta(minutes=30, days=-1), TODAY + timedelta(days=2)),
    over50(SEVENTEEN, TODAY + timedelta(days=1)),
    over50(SEVENTEEN - 24 * HOUR, TODAY, above=()),
    advisory(SEVENTEEN - 5 * HOUR, SEVENTEEN + 7 * HOUR),
    advisory(SEVENTEEN - 2 * HOUR, level="warning", code="PM10"),
    advisory(parse_instant("2024-12-31T14:00Z"), parse_instant("2025-01-01T02:00Z")),
]


@pytest.fixture
def korea(tmp_path, clock):
    truth = published(hourly(("airkorea:중구",), SEVENTEEN, 3, lambda *_: 40.0))
    with rounds(tmp_path, airkorea, AirKoreaFake(truth, clock, SAID), clock, SecretStr(KEY)) as made:
        yield made


BULLETINS = ("airkorea.forecast", "airkorea.weekly", "airkorea.over50", "airkorea.alarms")


def known(korea, kind, now):
    with korea.intake.ledger.read() as conn:
        found = read_bulletins(conn, "measured", as_of=now + timedelta(minutes=1), kind=kind)
    return {stored.bulletin.key: stored.bulletin for stored in found}


def test_what_was_said_comes_back_whole_and_only_when_it_is_out(korea, clock):
    korea.collect(*BULLETINS)
    out = {b.key: b for b in SAID if b.kind == "forecast" and b.issued_at <= clock()}
    found = known(korea, "forecast", clock())
    assert found == {key: b for key, b in out.items() if key in found}
    assert {b.issued_at for b in found.values()} >= {SEVENTEEN - 6 * n * HOUR for n in range(5)}
    assert len(known(korea, "outlook", clock())) == 1  # today's comes at 17:30
    assert [b.key for b in SAID if b.kind == "over50"] == list(known(korea, "over50", clock()))
    clock.now += timedelta(minutes=30)
    korea.collect(*BULLETINS)
    assert len(known(korea, "outlook", clock())) == 2


def test_an_advisory_that_is_lifted_gets_a_second_version(korea, clock):
    korea.collect(*BULLETINS)
    opened = advisory(SEVENTEEN - 5 * HOUR)
    assert known(korea, "advisory", clock())[opened.key] == opened
    before = clock()
    clock.now += 8 * HOUR
    korea.collect(*BULLETINS)
    lifted = advisory(SEVENTEEN - 5 * HOUR, SEVENTEEN + 7 * HOUR)
    assert known(korea, "advisory", clock())[opened.key] == lifted
    assert known(korea, "advisory", before)[opened.key] == opened
    warning = advisory(SEVENTEEN - 2 * HOUR, level="warning", code="PM10")
    assert known(korea, "advisory", clock())[warning.key] == warning


def test_a_year_without_advisories_is_an_answer(korea, clock):
    none = b'{"response": {"header": {"resultCode": "03", "resultMsg": "NODATA_ERROR"}}}'
    assert parse_alarms(none).bulletins == ()
    korea.fake.answer = lambda *asked: FakeAnswer(body=none)
    report = korea.collect("airkorea.alarms")["airkorea.alarms"]
    assert (report.outcome, report.errors, report.notes) == ("ok", (), ())
    assert korea.collect("airkorea.alarms")["airkorea.alarms"].outcome == "idle"


def test_a_round_again_stores_nothing(korea, clock):
    korea.collect(*BULLETINS)
    clock.now += HOUR
    reports = korea.collect(*BULLETINS)
    assert reports["airkorea.alarms"].rows == 0
    assert reports["airkorea.forecast"].outcome == "idle"


def test_an_issue_that_is_late_is_asked_for_again(korea, clock):
    korea.fake.bulletins = [b for b in SAID if b.issued_at < SEVENTEEN]
    korea.collect("airkorea.forecast")
    assert SEVENTEEN not in {b.issued_at for b in known(korea, "forecast", clock()).values()}
    korea.calls()
    clock.now += HOUR
    korea.fake.bulletins = SAID
    korea.collect("airkorea.forecast")
    assert [query["searchDate"] for _, query in korea.calls()] == ["2025-02-10"]
    assert SEVENTEEN in {b.issued_at for b in known(korea, "forecast", clock()).values()}


def test_before_the_first_issue_of_a_day_nothing_is_wrong(korea, clock):
    korea.collect("airkorea.weekly")
    clock.now += HOUR
    korea.fake.bulletins = []
    reports = korea.collect("airkorea.weekly")
    assert reports["airkorea.weekly"].errors == ()
    assert {type(note).__name__ for note in reports["airkorea.weekly"].notes} == {"NotYetAvailable"}


def test_an_issue_of_the_outage_is_brought_back(korea, clock):
    korea.collect(*BULLETINS)
    clock.now += 20 * HOUR
    korea.collect("airkorea.forecast")
    issues = {b.issued_at for b in known(korea, "forecast", clock()).values()}
    assert {SEVENTEEN + 6 * HOUR, SEVENTEEN + 12 * HOUR} <= issues


def test_real_bulletins(shared):
    folder = shared / "samples" / "airkorea"
    parsed = parse_forecast((folder / "getMinuDustFrcstDspth_20230603_excerpt.json").read_bytes())
    today, tomorrow = parsed.bulletins
    assert (today.issued_at, tomorrow.issued_at) == (
        parse_instant("2023-06-03T14:00Z"),
        parse_instant("2023-06-03T02:00Z"),
    )
    assert len(today.content["regions"]) == 19
    assert today.content["regions"]["서울"] == region("서울", "좋음")
    assert tomorrow.content["regions"]["서울"] == region("서울", "보통")
    assert "2 of 28 rows" in str(parsed.left_out[0])  # the sample is shortened
    item = json.loads((folder / "getMinuDustWeekFrcstDspth_item_20230130.json").read_text())
    (week,) = parse_weekly(envelope([item])).bulletins
    assert week.issued_at == parse_instant("2023-01-30T08:30Z")
    assert [day["date"] for day in week.content["days"]] == ["2023-02-02", "2023-02-04", "2023-02-05"]
    assert week.content["days"][0]["confidence"] == "높음"
    assert week.content["days"][0]["regions"]["강원영서"]["grade"] == "낮음"
