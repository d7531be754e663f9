"""ECMWF's winds: which messages are asked for, what becomes of them, and what without ecCodes."""

import importlib
import json
import math
from contextlib import suppress
from datetime import timedelta

import eccodes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import ecmwf, grib
from ingest.ecmwf import AREA, LEVELS, PARAMS, STEPS, Place, parse_index, parse_run, ranges
from ingest.feeds import WHOLE, Due, RawAnswer, SourceConfig
from ingest.grib import cut, read_field
from ingest.grib_sections import messages
from pipeline.errors import BadPayload, NotYetAvailable, Refused, SourceError
from pipeline.http import PoliteHttp
from pipeline.http_session import new_session
from pipeline.ledger.connect import open_ledger
from pipeline.ledger.migrate import bring_up_to_date
from pipeline.times import parse_instant, to_ns
from pipeline.weather_schema import ALOFT, check_weather_forecast
from tests.fakes.ecmwf import EcmwfFake, grib_message, step_file, value_of
from tests.fakes.server import serving_fake

RUN = parse_instant("2026-03-22T00:00Z")
NOW = RUN + timedelta(hours=8)
LABEL = "2026032200"


@pytest.fixture
def fake():
    return EcmwfFake(lambda: NOW)


@pytest.fixture
def ask_feed(fake, tmp_path):
    """Ask for a run over HTTP and read it."""
    ledger = open_ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    bring_up_to_date(ledger)
    with new_session() as session, serving_fake(fake) as served:
        http = PoliteHttp(session, ledger, lambda: NOW, sleep=lambda _: None)
        feed = ecmwf.feeds(SourceConfig(base_url=served.url))[0]

        def ask(*runs):
            asks = feed.asks(Due(NOW, {WHOLE: runs}))
            payloads = [feed.fetch(http, a) for a in asks]
            return asks, payloads, [feed.parse(RawAnswer("ecmwf", p, "", NOW)) for p in payloads]

        ask.served = served
        yield ask


@pytest.mark.slow
def test_a_run_becomes_winds_over_east_asia(ask_feed):
    asks, payloads, answers = ask_feed(RUN - timedelta(hours=12), RUN)
    assert [a.parameters["run"] for a in asks] == [LABEL]
    assert asks[0].fills == ((WHOLE, RUN - timedelta(hours=12)), (WHOLE, RUN))
    forecast = check_weather_forecast(answers[0].forecasts[0])
    assert forecast["forecast_reference_time"].to_numpy() == to_ns(RUN)
    assert forecast["forecast_period"].values.tolist() == list(STEPS)
    assert forecast["level"].values.tolist() == [925, 850, 700, 500]
    assert forecast["latitude"].values.tolist() == np.arange(55.0, 19.9, -2.5).tolist()
    assert forecast["longitude"].values.tolist() == np.arange(95.0, 140.1, 2.5).tolist()
    where = (forecast["latitude"].values[:, None], forecast["longitude"].values[None, :])
    for param, quantity in PARAMS.items():
        got = forecast[quantity + ALOFT].sel(level=850, forecast_period=24).to_numpy()
        expected = value_of(param, 850, 24, *where)
        packing = 2 * np.ptp(value_of(param, 850, 24, np.array([-90.0, 90.0]), 0.0)) / 2**15
        assert np.abs(got - expected).max() < 2 * packing
    assert answers[0].left_out == ()
    files = sum(len(step_file(LABEL, step)[1]) for step in STEPS)
    assert len(payloads[0]) < files / 4
    told = [asked.headers.get("range") for asked in ask_feed.served.asked if asked.path.endswith(".grib2")]
    assert None not in told


def test_a_run_that_is_not_there_yet_is_asked_again(ask_feed):
    with pytest.raises(NotYetAvailable):
        ask_feed(RUN + timedelta(hours=12))


def test_a_server_that_ignores_ranges_is_noticed(ask_feed, fake):
    fake.ranges = False
    with pytest.raises(BadPayload, match="instead of"):
        ask_feed(RUN)


def test_only_our_messages_are_asked_for_neighbours_together():
    index, body = step_file(LABEL, 24)
    places = parse_index(index)
    assert len(places) == len(PARAMS) * len(LEVELS)
    joined = ranges(places)
    assert len(joined) < len(places)
    parts = [m for p in joined for m in messages(body[p.offset : sum(p)], "ecmwf")]
    assert [len(m) for m in parts] == [p.length for p in places]


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 50)), min_size=1, max_size=30))
def test_joined_ranges_hold_the_same_bytes(gaps):
    places, at = [], 0
    for gap, length in gaps:
        places.append(Place(at + gap, length))
        at += gap + length
    inside = [n for p in ranges(places) for n in range(p.offset, sum(p))]
    assert inside == [n for p in places for n in range(p.offset, sum(p))]


def test_cutting_keeps_the_values_and_thins_fine_grids():
    whole = grib_message(LABEL, 6, "u", 850)
    small = cut(whole, AREA, "ecmwf")
    assert messages(small, "ecmwf") == [small]
    one, two = (read_field(m, AREA, "ecmwf") for m in (whole, small))
    assert np.abs(one.values - two.values).max() < 40.0 / 2**15
    assert one[:4] == two[:4] == ("u", 850, RUN, 6)
    thin = read_field(whole, AREA._replace(spacing=5.0), "ecmwf")
    assert thin.longitude.tolist() == np.arange(95.0, 140.1, 5.0).tolist()
    assert thin.latitude.tolist() == np.arange(55.0, 19.9, -5.0).tolist()


def test_missing_points_stay_missing():
    handle = eccodes.codes_new_from_message(grib_message(LABEL, 6, "u", 850, "grid_simple"))
    values = eccodes.codes_get_values(handle).copy()
    eccodes.codes_set(handle, "bitmapPresent", 1)
    hole = 20 * 144 + 120
    values[hole] = eccodes.codes_get(handle, "missingValue")
    eccodes.codes_set_values(handle, values)
    message = eccodes.codes_get_message(handle)
    eccodes.codes_release(handle)
    for candidate in (message, cut(message, AREA, "ecmwf")):
        field = read_field(candidate, AREA, "ecmwf")
        where = np.argwhere(np.isnan(field.values))
        assert [(field.latitude[i], field.longitude[j]) for i, j in where] == [(40.0, 120.0)]


def test_fields_that_lack_are_named_and_missing():
    parsed = parse_run(b"".join(grib_message(LABEL, 0, p, 850) for p in "uv"))
    wanted = len(PARAMS) * len(LEVELS) * len(STEPS)
    assert f"{wanted - 2} fields" in parsed.left_out[0].what
    check_weather_forecast(parsed.forecasts[0])


def test_fields_of_two_runs_are_refused():
    with pytest.raises(BadPayload, match="different runs"):
        parse_run(grib_message(LABEL, 0, "u", 850) + grib_message("2026032212", 0, "v", 850))


def test_without_eccodes_nothing_is_asked_and_the_error_says_what_to_install(monkeypatch):
    message = grib_message(LABEL, 0, "u", 850)

    def absent(name):
        raise ImportError(name)

    monkeypatch.setattr(grib.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(grib.importlib, "import_module", absent)
    assert ecmwf.feeds(SourceConfig()) == []
    with pytest.raises(Refused, match=r"sameair\[grib\]"):
        parse_run(message)
    monkeypatch.undo()
    assert importlib.import_module("eccodes")


def flipped(message, at, value):
    return message[:at] + bytes([value]) + message[at + 1 :]


SMALL = cut(grib_message(LABEL, 0, "u", 850), AREA, "ecmwf")


@given(
    st.one_of(
        st.binary(max_size=300),
        st.integers(0, len(SMALL)).map(lambda n: SMALL[:n]),
        st.tuples(st.integers(0, 250), st.integers(0, 255)).map(lambda f: flipped(SMALL, *f)),
        st.tuples(st.integers(0, len(SMALL) - 1), st.integers(0, 255)).map(lambda f: flipped(SMALL, *f)),
    )
)
def test_no_bytes_raise_anything_but_typed_errors(payload):
    for parse in (parse_run, parse_index):
        with suppress(SourceError):
            parse(payload)


@given(
    st.dictionaries(
        st.sampled_from(["levtype", "param", "levelist", "_offset", "_length"]),
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.sampled_from(["pl", "u", "850"])),
    )
)
def test_no_entry_of_an_index_raises_anything_but_typed_errors(entry):
    with suppress(SourceError):
        for place in parse_index(json.dumps(entry).encode()):
            assert all(math.isfinite(n) for n in place)
