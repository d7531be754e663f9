"""KMA's tables: labels, missing marks, refusals, the lives of dust warnings, forecasts at points."""

import json
from contextlib import suppress
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from ingest import kma, kma_asos, kma_dust, kma_village, kma_warnings
from ingest.feeds import WHOLE, Due, RawAnswer, SourceConfig
from ingest.kma_points import cell_of
from ingest.kma_wire import Table, check_answer, covered, hours_of, label, parse_label, read_table
from ingest.simulated.published import Published
from pipeline.errors import BadPayload, NotYetAvailable, QuotaSpent, Refused, SourceError, SourceUnavailable
from pipeline.http import PoliteHttp
from pipeline.http_session import new_session
from pipeline.ledger.connect import open_ledger
from pipeline.ledger.migrate import bring_up_to_date
from pipeline.schema import check_observations
from pipeline.times import HOUR, parse_instant, to_ns
from pipeline.weather_schema import check_weather_forecast
from tests.fakes.kma import DustCommand, KmaFake, asos_line, village_values
from tests.fakes.server import serving_fake

KEY = "k" * 22
NOW = parse_instant("2026-03-22T06:30Z")
HOURS = tuple(NOW.replace(minute=0) - n * HOUR for n in range(3, -1, -1))


def station(name, place, latitude, longitude, altitude):
    return [name, place, latitude, longitude, altitude, "", 1, ""]


STATIONS = pd.DataFrame(
    [
        station("kma_dust:102", "백령도", 37.97, 124.63, 145.5),
        station("kma_dust:108", "서울", 37.5714, 126.9658, 85.5),
        station("kma_asos:108", "서울", 37.5714, 126.9658, 85.5),
        station("kma_asos:102", "백령도", 37.97, 124.71, 36.0),
    ],
    columns=["station", "name", "latitude", "longitude", "altitude", "city", "interval_hours", "note"],
)
WEATHER = {
    "wind_from_direction": 290.0,
    "wind_speed": 1.7,
    "surface_air_pressure": 100210.0,
    "air_pressure_at_mean_sea_level": 101270.0,
    "air_temperature": 264.15,
    "dew_point_temperature": 262.15,
    "relative_humidity": 0.86,
    "precipitation_amount": 2.5,
    "cloud_area_fraction": 0.3,
    "visibility_in_air": 8000.0,
    "surface_downwelling_shortwave_flux_in_air": 1.47 * 1e6 / 3600,
}


def rows(hours=HOURS):
    found = [
        (name, quantity, to_ns(hour), value + 0.0)
        for hour in hours
        for name, values in {
            "kma_dust:102": {"pm10": 300.0 + hour.hour},
            "kma_dust:108": {"pm10": 80.0 + hour.hour},
            "kma_asos:108": WEATHER,
            "kma_asos:102": WEATHER | {"wind_speed": 9.0},
        }.items()
        for quantity, value in values.items()
    ]
    table = pd.DataFrame(found, columns=["station", "quantity", "time", "value"])
    times = table["time"].astype("datetime64[ns]")
    return table.assign(time=times, qc=np.int8(0), published_at=times + pd.Timedelta(minutes=10))


COMMANDS = (
    DustCommand(NOW - 30 * HOUR, NOW - 28 * HOUR, "L1010100", 1, 1),
    DustCommand(NOW - 26 * HOUR, NOW - 25 * HOUR, "L1010100", 3, 1),
    DustCommand(NOW - 20 * HOUR, NOW - 20 * HOUR, "L1010100", 2, 6),
    DustCommand(NOW - 8 * HOUR, NOW - 7 * HOUR, "L1010100", 2, 3),
    DustCommand(NOW - 5 * HOUR, NOW - 4 * HOUR, "L1010000", 3, 1),
    DustCommand(NOW - 5 * HOUR, NOW - 4 * HOUR, "L1010000", 2, 1, about="W"),
)


@pytest.fixture
def fake():
    return KmaFake(Published(rows(), STATIONS), lambda: NOW, COMMANDS, KEY)


@pytest.fixture
def ask_feed(fake, tmp_path):
    """Ask a feed for what is due, over HTTP, and read the answers."""
    ledger = open_ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    bring_up_to_date(ledger)
    with new_session() as session, serving_fake(fake) as served:
        http = PoliteHttp(session, ledger, lambda: NOW, sleep=lambda _: None)
        config = SourceConfig(SecretStr(KEY), served.url)

        def ask(name, hours, key=KEY):
            asked = SourceConfig(SecretStr(key), config.base_url)
            feed = next(f for f in kma.feeds(asked) if f.name == name)
            asks = feed.asks(Due(NOW, {WHOLE: tuple(hours)}))
            answers = [
                feed.parse(RawAnswer("kma", feed.fetch(http, a), a.description, NOW, a.parameters, name))
                for a in asks
            ]
            return asks, answers

        ask.served = served
        yield ask


def values_of(parsed, name):
    found = parsed.observations
    found = found[found["station"] == name]
    return dict(zip(found["quantity"], found["value"], strict=True))


def test_dust_of_the_islands_comes_hour_by_hour(ask_feed):
    asks, answers = ask_feed("kma.dust", HOURS)
    assert [a.fills for a in asks] == [((WHOLE, hour),) for hour in HOURS]
    for hour, parsed in zip(HOURS, answers, strict=True):
        check_observations(parsed.observations)
        assert values_of(parsed, "kma_dust:102") == {"pm10": 300.0 + hour.hour}
        assert set(parsed.observations["station"]) == {"kma_dust:102", "kma_dust:108"}
        assert parsed.covered == ((WHOLE, hour),)


def test_an_hour_that_is_not_there_yet_is_asked_again(ask_feed):
    with pytest.raises(NotYetAvailable):
        ask_feed("kma.dust", [HOURS[-1] + HOUR])


def test_an_old_hour_without_values_is_not_asked_again(ask_feed):
    old = HOURS[0] - timedelta(days=2)
    _, answers = ask_feed("kma.dust", [old])
    assert answers[0].covered == ((WHOLE, old),)
    assert answers[0].observations.empty


def test_lists_give_places_names_and_our_cities(ask_feed):
    dust = ask_feed("kma.dust_stations", [HOURS[0]])[1][0].stations.set_index("station")
    assert dust.loc["kma_dust:102", ["latitude", "longitude", "altitude"]].tolist() == [37.97, 124.63, 145.5]
    assert dust.loc["kma_dust:108", "city"] == "seoul"
    asos = ask_feed("kma.asos_stations", [HOURS[0]])[1][0].stations.set_index("station")
    assert asos.loc["kma_asos:108", ["name", "altitude"]].tolist() == ["서울", 85.5]


def test_weather_of_several_hours_comes_in_one_request_in_our_units(ask_feed):
    asks, answers = ask_feed("kma.asos", HOURS)
    assert len(asks) == 1
    last = answers[0].observations
    last = last[(last["station"] == "kma_asos:108") & (last["time"] == to_ns(HOURS[-1]))]
    assert dict(zip(last["quantity"], last["value"], strict=True)) == pytest.approx(WEATHER)
    rain = last[last["quantity"] == "precipitation_amount"]["qc"].tolist()
    assert rain == [3]
    assert answers[0].covered == tuple((WHOLE, hour) for hour in HOURS)


def test_minus_nine_degrees_is_a_temperature_and_minus_nine_metres_a_second_is_not():
    line = asos_line(
        np.datetime64("2026-01-01T00", "ns"),
        "kma_asos:108",
        pd.DataFrame({"quantity": ["air_temperature", "wind_speed"], "value": [264.15, np.nan]}),
    )
    parsed = kma_asos.parse_hours(f"#START7777\n{line}\n".encode(), {}, NOW)
    assert values_of(parsed, "kma_asos:108") == pytest.approx({"air_temperature": 264.15})


def test_weather_codes_of_two_words_shift_no_column():
    line = asos_line(
        np.datetime64("2026-01-01T00", "ns"),
        "kma_asos:108",
        pd.DataFrame({"quantity": list(WEATHER), "value": list(WEATHER.values())}),
    )
    parts = line.split()
    shifted = " ".join([*parts[:24], "19", "20", *parts[25:]])
    parsed = kma_asos.parse_hours(f"#START7777\n{shifted}\n".encode(), {}, NOW)
    expected = {k: v for k, v in WEATHER.items() if k != "cloud_area_fraction"}
    assert values_of(parsed, "kma_asos:108") == pytest.approx(expected)


def test_a_row_that_was_cut_is_named_and_the_others_count():
    good = "2026.03.22.15:00   kma    102    412(12)    390    430"
    text = f"#START7777\n{good}\n2026.03.22.15:00   kma    10\n#7777END\n"
    parsed = kma_dust.parse_hours(text.encode(), hours_of((HOURS[-1],)), NOW)
    assert values_of(parsed, "kma_dust:102") == {"pm10": 412.0}
    assert len(parsed.left_out) == 1
    assert parsed.covered == ((WHOLE, HOURS[-1]),)


def test_a_table_that_was_cut_counts_as_far_as_it_goes_and_is_asked_again():
    good = "2026.03.22.15:00   kma    102    412(12)    390    430"
    for now in (NOW, NOW + timedelta(days=2)):
        parsed = kma_dust.parse_hours(f"#START7777\n{good}\n".encode(), hours_of((HOURS[-1],)), now)
        assert values_of(parsed, "kma_dust:102") == {"pm10": 412.0}
        assert [error.field for error in parsed.left_out] == ["#7777END"]
        assert parsed.covered == ()
    with pytest.raises(BadPayload):
        kma_dust.parse_hours(b"#START7777\n# TM  ORG", {}, NOW)


def test_few_five_minute_values_make_a_doubtful_mean_and_none_make_no_row():
    text = "#START7777\n" + "\n".join(
        f"2026.03.22.15:00 kma {number} {mean} 1 2"
        for number, mean in ((1, "50(12)"), (2, "50( 8)"), (3, "-999( 0)"), (4, "0(12)"), (5, "0( 0)"))
    )
    found = kma_dust.parse_hours(text.encode(), {}, NOW).observations.set_index("station")["qc"]
    assert found.to_dict() == {"kma_dust:1": 0, "kma_dust:2": 1, "kma_dust:4": 0}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("202603222400", "2026-03-22T15:00Z"),
        ("202603230000", "2026-03-22T15:00Z"),
        ("2026.01.01.00:00", "2025-12-31T15:00Z"),
    ],
)
def test_labels_are_korean_time_up_to_24_00(text, expected):
    assert parse_label(text) == parse_instant(expected)


@pytest.mark.parametrize("text", ["202602300000", "202603222401", "2026032225", "0000.00.00.00:00", "noon"])
def test_labels_of_no_time_are_refused(text):
    with pytest.raises(BadPayload):
        parse_label(text)


@given(
    st.datetimes(
        parse_instant("1995-01-01").replace(tzinfo=None), parse_instant("2100-01-01").replace(tzinfo=None)
    )
)
def test_labels_written_are_read_back(naive):
    when = parse_instant(naive.isoformat()).replace(second=0, microsecond=0)
    assert parse_label(label(when)) == when


def test_covered_are_the_hours_that_came_and_those_too_old_to_come():
    asked = hours_of((NOW - 9 * HOUR, NOW - HOUR, NOW))
    whole = Table([], (), whole=True)
    assert covered(asked, whole, {NOW}, NOW + HOUR) == ((WHOLE, NOW - 9 * HOUR), (WHOLE, NOW))
    assert covered(asked, whole._replace(whole=False), {NOW}, NOW + HOUR) == ()


def refusal(status, message):
    return json.dumps({"result": {"status": status, "message": message}}).encode()


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        (refusal(401, "유효한 인증키가 아닙니다."), Refused),
        (refusal(403, "활용신청이 필요한 API 입니다."), Refused),
        (refusal(403, "API 호출 한도를 초과했습니다."), QuotaSpent),
        (refusal(500, "서버 오류"), SourceUnavailable),
        (refusal(418, "?"), BadPayload),
        (b"<!DOCTYPE html><html></html>", SourceUnavailable),
        (b"", SourceUnavailable),
    ],
)
def test_refusals_are_told_apart_by_the_body(payload, error):
    with pytest.raises(SourceError) as caught:
        check_answer(payload)
    assert type(caught.value) is error


def test_a_wrong_key_and_an_operation_not_granted_are_refused_without_the_key(ask_feed, fake):
    with pytest.raises(Refused) as caught:
        ask_feed("kma.dust", HOURS[:1], key="wrong-wrong-wrong")
    assert "wrong-wrong" not in str(caught.value)
    fake.closed = ("kma_sfctm3.php",)
    with pytest.raises(Refused, match="활용신청"):
        ask_feed("kma.asos", HOURS)


def test_dust_warnings_live_from_issue_to_end_with_the_name_their_zone_then_had(ask_feed):
    asks, answers = ask_feed("kma.dust_advisories", HOURS)
    assert len(asks) == 1
    assert asks[0].fills == tuple((WHOLE, hour) for hour in HOURS)
    spans = [
        (b.content["zone"], b.content["level"], b.valid_from, b.valid_until) for b in answers[0].bulletins
    ]
    assert sorted(spans, key=lambda s: (s[2], s[0])) == [
        ("L1010100", "preliminary", NOW - 28 * HOUR, NOW - 25 * HOUR),
        ("L1010100", "warning", NOW - 25 * HOUR, NOW - 20 * HOUR),
        ("L1010100", "advisory", NOW - 20 * HOUR, NOW - 7 * HOUR),
        ("L1010000", "warning", NOW - 4 * HOUR, None),
    ]
    assert {b.content["district"] for b in answers[0].bulletins} == {"서울특별시", "전국"}


def test_dust_warnings_without_the_right_to_names_have_codes(ask_feed, fake):
    fake.closed = ("wrn_reg.php",)
    found = ask_feed("kma.dust_advisories", HOURS)[1][0].bulletins
    assert {b.content["area"] for b in found} == {"L1010100", "L1010000"}


def commands_text(*commands):
    lines = [f"{line}, 00, 4, 101, =" for line in commands]
    return "\n".join(["#START7777", *lines, "#7777END"]).encode()


def test_a_lift_ends_a_warning_even_where_it_names_the_lower_level():
    parsed = kma_warnings.parse_commands(
        commands_text(
            "202607171720, 202607171720, 202607171717, 143, L1140100, Y, 2, 1",
            "202607172150, 202607172150, 202607172147, 143, L1140100, Y, 3, 6",
            "202607180030, 202607180030, 202607180010, 143, L1140100, Y, 2, 3",
        )
    )
    ends = [(b.content["level"], b.content["lifted_at"]) for b in parsed.bulletins]
    assert ends == [("advisory", "2026-07-17T12:50:00Z"), ("warning", "2026-07-17T15:30:00Z")]


def test_a_replacement_by_a_lower_level_leaves_that_level_in_force():
    parsed = kma_warnings.parse_commands(
        commands_text(
            "202603220900, 202603220900, 202603220900, 109, L1010100, Y, 3, 1",
            "202603221500, 202603221500, 202603221500, 109, L1010100, Y, 2, 2",
            "202603221500, 202603221500, 202603221500, 109, L1010100, Y, 3, 4",
        )
    )
    assert [(b.content["level"], b.valid_until is None) for b in parsed.bulletins] == [
        ("warning", False),
        ("advisory", True),
    ]


def test_a_warning_keeps_its_key_when_it_is_lifted():
    first = "202603220900, 202603220900, 202603220900, 109, L1010100, Y, 3, 1"
    lifted = "202603221500, 202603221500, 202603221500, 109, L1010100, Y, 3, 3"
    before = kma_warnings.parse_commands(commands_text(first)).bulletins[0]
    after = kma_warnings.parse_commands(commands_text(first, lifted)).bulletins[0]
    assert before.key == after.key
    assert before.digest != after.digest


def test_warnings_that_were_cut_say_nothing_for_what_lifts_them_may_be_lacking():
    whole = commands_text(
        "202603220900, 202603220900, 202603220900, 109, L1010100, Y, 3, 1",
        "202603221500, 202603221500, 202603221500, 109, L1010100, Y, 3, 3",
    )
    assert kma_warnings.parse_commands(whole).bulletins[0].valid_until is not None
    for end in range(30, len(whole) - len("#7777END")):
        with pytest.raises(BadPayload):
            kma_warnings.parse_commands(whole[:end])


def test_a_line_that_was_cut_gives_no_value():
    good = "2026.03.22.15:00   kma    102    412(12)    390    430"
    other = "2026.03.22.15:00   kma    108    410(12)    390    430"
    whole = f"#START7777\n{good}\n{other}\n#7777END".encode()
    for end in range(len(whole) - 30, len(whole) - len("#7777END") - 1):
        parsed = kma_dust.parse_hours(whole[:end], hours_of((HOURS[-1],)), NOW)
        assert set(parsed.observations["station"]) == {"kma_dust:102"}


def test_no_warnings_is_an_answer():
    for text in (b"#START7777\n# TM_FC, CNT,   RPT, =\n", b"#START7777\n#7777END"):
        parsed = kma_warnings.parse_commands(text)
        assert (parsed.bulletins, parsed.left_out, parsed.covered) == ((), (), None)
    with pytest.raises(BadPayload):
        kma_warnings.parse_commands(b"#START7777\n# TM_FC, TM_E")


def test_forecast_of_all_points_is_one_dataset(ask_feed):
    issue = parse_instant("2026-03-22T05:00Z")
    _, answers = ask_feed("kma.village", [issue])
    forecast = check_weather_forecast(answers[0].forecasts[0])
    assert forecast["forecast_reference_time"].to_numpy() == to_ns(issue)
    assert forecast.sizes == {"forecast_period": 48, "station": 5}
    seoul = forecast.sel(station="kma_village:60_127", forecast_period=22)
    expected = village_values(parse_instant("2026-03-22T14:00Z"), 22, 60)
    assert float(seoul["air_temperature"]) == pytest.approx(float(expected["TMP"]) + 273.15)
    assert float(seoul["eastward_wind"]) == pytest.approx(2.2)
    assert float(seoul["precipitation_amount"]) == pytest.approx((30 + 50) / 2)


def test_forecast_that_is_not_issued_yet_is_asked_again(ask_feed):
    with pytest.raises(NotYetAvailable):
        ask_feed("kma.village", [parse_instant("2026-03-22T08:00Z")])


@pytest.mark.parametrize(
    ("place", "cell"),
    [((37.5665, 126.9780), (60, 127)), ((35.1796, 129.0756), (98, 76)), ((33.4996, 126.5312), (53, 38))],
)
def test_cells_are_those_that_kma_publishes(place, cell):
    assert cell_of(*place) == cell


@pytest.mark.parametrize(
    ("code", "error"),
    [("03", NotYetAvailable), ("22", QuotaSpent), ("30", Refused), ("1", SourceUnavailable)],
)
def test_codes_of_the_forecast_service_are_told_apart(code, error):
    payload = json.dumps({"response": {"header": {"resultCode": code}}}).encode()
    with pytest.raises(SourceError) as caught:
        kma_village.check_forecast(payload)
    assert type(caught.value) is error
    xml = f"<OpenAPI_ServiceResponse><returnReasonCode>{code}</returnReasonCode></OpenAPI_ServiceResponse>"
    with pytest.raises(error):
        kma_village.check_forecast(xml.encode())


PARSERS = (
    lambda b: kma_dust.parse_hours(b, hours_of(HOURS), NOW),
    kma_dust.parse_stations,
    lambda b: kma_asos.parse_hours(b, hours_of(HOURS), NOW),
    kma_asos.parse_stations,
    kma_warnings.parse_commands,
    kma_village.parse_forecast,
)
LINES = st.lists(
    st.one_of(
        st.text(max_size=40),
        st.sampled_from(
            [
                "2026.03.22.15:00 kma 102 412(12) 390 430",
                "202603221500, 202603221500, 202603221500, 109, L1010100, Y, 3, 1, 00, 4, 101, =",
                "L1010100 200507010000 210012310000 00000013 L1010000 서울 서울특별시",
                "202603221500 108 " + "-9 " * 44,
                "102 210012310000 200304010000 백령도 X 1 124.63 37.97 145.5",
            ]
        ).flatmap(lambda line: st.integers(0, len(line)).map(lambda cut: line[:cut])),
    ),
    max_size=6,
)


@given(st.one_of(st.binary(max_size=200), LINES.map(lambda ls: ("#START7777\n" + "\n".join(ls)).encode())))
def test_no_bytes_raise_anything_but_typed_errors(payload):
    for parse in PARSERS:
        with suppress(SourceError):
            parse(payload)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                ["response", "header", "body", "items", "item", "resultCode", "baseDate", "category", "nx"]
            ),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)


@given(JSON)
def test_no_json_raises_anything_but_typed_errors(value):
    item = {
        "baseDate": "20260322",
        "baseTime": "1400",
        "category": "TMP",
        "fcstDate": "20260322",
        "fcstTime": "1500",
        "fcstValue": value,
        "nx": 60,
        "ny": 127,
    }
    whole = {"response": {"header": {"resultCode": "00"}, "body": {"items": {"item": [item, value]}}}}
    for answer in (value, [value], whole):
        with suppress(SourceError):
            kma_village.parse_forecast(json.dumps(answer).encode())


def test_a_table_of_lines_nobody_can_read_is_refused_whole():
    with pytest.raises(BadPayload):
        read_table(b"#START7777\nx\ny\n", lambda line: kma_dust._mean(line))
