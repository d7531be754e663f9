"""No bytes from any source raise anything but our typed errors, and what reads of them can be stored.

`make test` gives every reader a few inputs; SAMEAIR_FUZZ_EXAMPLES says how many (`make nightly`: 10,000).
"""

import json
import os
import random
from datetime import UTC
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest import ecmwf
from ingest.feeds import RawAnswer
from ingest.sources import readers
from ingest.wire import Parsed
from pipeline.bulletins import check_bulletin
from pipeline.errors import SourceError
from pipeline.schema import check_observations
from pipeline.times import to_utc
from pipeline.weather_schema import check_previous_runs, check_weather_forecast, is_previous_runs
from tests.ingest.fuzz_answers import FEEDS, OTHERS, Direct, answers_of
from tests.ingest.fuzz_mutations import BOMBS, damaged

EXAMPLES = int(os.environ.get("SAMEAIR_FUZZ_EXAMPLES", "30"))
MANY = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
SLOW = {"published.airkorea-xls": 6}
"""Readers that start a process for each input: how many they are given in `make test`."""
INPUTS = st.one_of(st.binary(max_size=400), *[st.integers(0, 2**64 - 1)] * 9)
"""Bytes of any kind, or the seed of damage to a real answer."""

pytestmark = pytest.mark.timeout(0 if EXAMPLES > 1000 else 60)


@cache
def feed(name):
    return readers()[name]


@pytest.fixture(scope="module", autouse=True)
def few_steps():
    """Let ECMWF's run have two steps: each of its fields is a whole globe."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ecmwf, "STEPS", (0, 6))
        yield


def text_of(error):
    """Return all that is kept of an error, as the ledger keeps it."""
    kept = [str(error), error.what, error.field or "", error.remedy or ""]
    assert len(kept[0]) < 2000, "an error of one line"
    return "".join(kept).encode()


def check_storable(parsed):
    """Refuse what a reader let through and the store would not take."""
    assert isinstance(parsed, Parsed)
    check_observations(parsed.observations)
    assert not parsed.stations["interval_hours"].isna().any()
    for table in (parsed.stations, parsed.observations):
        for column in table.columns:
            "".join(str(x) for x in table[column]).encode()
    for said in parsed.bulletins:
        check_bulletin(said)
        assert len(said.digest) == 64
        when = [t for t in (said.issued_at, said.valid_from, said.valid_until) if t is not None]
        f"{said.key}{[to_utc(t) for t in when]}{json.dumps(dict(said.content), ensure_ascii=False)}".encode()
    for dataset in parsed.forecasts:
        (check_previous_runs if is_previous_runs(dataset) else check_weather_forecast)(dataset)
    for unit, hour in parsed.covered or ():
        assert unit.encode() is not None
        assert hour.astimezone(UTC).tzinfo is UTC
    for error in parsed.left_out:
        text_of(error)


def tried(read, payload):
    """Read; return what came of it, None for a typed error."""
    try:
        return read(payload)
    except SourceError as error:
        text_of(error)
        return None


def made(drawn, originals):
    """Return the bytes that an input stands for."""
    if isinstance(drawn, bytes):
        return drawn
    rng = random.Random(drawn)
    return damaged(rng.choice(originals), rng, originals)


def read_as(name):
    """Return a reader of bytes for a feed, as if its questions had been asked in turn."""
    found = answers_of(name)

    def read(payload, at=0):
        _, like = found[at % len(found)]
        answer = RawAnswer(like.source, payload, like.description, like.fetched_at, like.asked, like.feed)
        return feed(name).parse(answer)

    return read, [answer.payload for _, answer in found]


@pytest.mark.parametrize("name", FEEDS)
def test_undamaged_answers_read_and_can_be_stored(name):
    read, originals = read_as(name)
    found = [read(payload, at) for at, payload in enumerate(originals)]
    assert found
    for parsed in found:
        check_storable(parsed)
    assert any(len(p.observations) + len(p.stations) + len(p.bulletins) + len(p.forecasts) for p in found)


@pytest.mark.slow
@pytest.mark.parametrize("name", FEEDS)
def test_no_bytes_make_the_parser_of_a_feed_raise_anything_untyped(name):
    read, originals = read_as(name)

    def one(payload, at=0):
        parsed = tried(lambda p: read(p, at), payload)
        if parsed is not None:
            check_storable(parsed)

    @MANY
    @given(INPUTS, st.integers(0, 1))
    def many(drawn, at):
        one(made(drawn, originals), at)

    for bomb in BOMBS:
        one(bomb)
    many()


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in FEEDS if name != "exchange.inbox"])
def test_no_bytes_make_the_question_of_a_feed_raise_anything_untyped(name):
    [(ask, _), *_] = answers_of(name)
    originals = [answer.payload for _, answer in answers_of(name)]

    def one(payload):
        found = tried(lambda p: feed(name).fetch(Direct(payload=p), ask), payload)
        assert found is None or isinstance(found, bytes)

    @MANY
    @given(INPUTS)
    def many(drawn):
        one(made(drawn, originals))

    for bomb in BOMBS:
        one(bomb)
    many()


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_no_bytes_make_another_reader_raise_anything_untyped(name):
    read, originals = OTHERS[name][0], OTHERS[name][1]()
    for payload in originals:
        read(payload)

    few = SLOW.get(name, EXAMPLES) if EXAMPLES <= 100 else EXAMPLES

    @settings(MANY, max_examples=few)
    @given(INPUTS)
    def many(drawn):
        found = tried(read, made(drawn, originals))
        if isinstance(found, Parsed):
            check_storable(found)

    for bomb in BOMBS:
        tried(read, bomb)
    many()


def values_of(parsed):
    """Return every value and every place of a station that an answer gives."""
    rows, stations = parsed.observations, parsed.stations.fillna(-9999.0)
    keys = zip(rows["station"], rows["quantity"], rows["time"], strict=True)
    found = dict(zip(keys, rows["value"], strict=True))
    columns = (stations[c] for c in ("station", "latitude", "longitude", "altitude"))
    return found | {(station, "place"): place for station, *place in zip(*columns, strict=True)}


@pytest.mark.parametrize("name", FEEDS)
def test_an_answer_that_was_cut_gives_no_other_values_than_the_whole(name):
    read, originals = read_as(name)
    whole = values_of(read(originals[0]))

    @MANY
    @given(st.integers(0, len(originals[0])))
    def cut(end):
        parsed = tried(read, originals[0][:end])
        assert parsed is None or values_of(parsed).items() <= whole.items()

    cut()
