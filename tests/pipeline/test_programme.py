"""The programme of the exchange is a policy: read strictly, and its hours are local."""

import tomllib
from datetime import timedelta
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import PolicyError
from pipeline.programme import parse_programme, programme_of
from pipeline.times import parse_instant

TABLE = tomllib.loads((resources.files("pipeline") / "programme.toml").read_text("utf-8"))
BEGIN = parse_instant("2026-01-01T00:00Z")


@given(st.integers(0, 60 * 24 * 400))
def test_the_hour_due_is_once_a_day_and_around_every_instant(minutes):
    programme, at = programme_of(), BEGIN + timedelta(minutes=minutes)
    last, following = programme.last_due(at), programme.next_due(at)
    assert last <= at < following
    assert following - last == timedelta(days=1)
    assert (last.hour, last.minute) == (10, 0)  # 18:00 CST


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"limits": {**TABLE["limits"], "lag_minutes": 0}}, "lag_minutes must be"),
        ({"limits": {**TABLE["limits"], "lag_minutes": True}}, "lag_minutes must be"),
        ({"limits": {"lag_minutes": 3}}, "must hold just"),
        ({"bulletin": {**TABLE["bulletin"], "due": "six"}}, "no hour"),
        ({"bulletin": {**TABLE["bulletin"], "timezone": "Asia/Nowhere"}}, "no timezone"),
        ({"promised": {"beijing": ["diary"]}}, "may hold observations, bulletin"),
        ({"version": 3}, "version is missing"),
        ({"limit": {}}, "unknown entries: limit"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused_by_name(change, complaint):
    with pytest.raises(PolicyError, match=complaint):
        parse_programme({**TABLE, **change})


def test_an_own_file_counts(tmp_path):
    own = tmp_path / "own.toml"
    own.write_text(
        (resources.files("pipeline") / "programme.toml").read_text("utf-8").replace("18:00", "06:30")
    )
    assert programme_of(own).due.hour == 6
    with pytest.raises(PolicyError, match="cannot be read"):
        programme_of(tmp_path / "none.toml")
