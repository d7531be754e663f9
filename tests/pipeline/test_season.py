"""The season calendar: dated rows of both sides, and a mode that nothing which decides can see."""

import ast
import tomllib
from datetime import UTC, date, datetime, timedelta
from importlib import resources
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import PolicyError
from pipeline.season import calendar_of, winter_name, winter_year
from pipeline.season_file import parse_season
from pipeline.times import to_utc

ROOT = Path(__file__).parents[2]
TABLE = tomllib.loads((resources.files("pipeline") / "season.toml").read_text("utf-8"))
DAYS = st.dates(date(1990, 1, 1), date(2090, 12, 31))
MAY_KNOW = {
    "forecasting/verification/slices.py",
}
"""What of these rooms may read the calendar: the parts in which past forecasts are scored."""

OF_A_CYCLE = (
    *(
        "assess",
        "bulletin",
        "combine",
        "cycle",
        "event_rules",
        "evidence",
        "forecast",
        "issue",
        "policy_choice",
    ),
    *("promotion", "recheck", "rules", "run", "statements", "version"),
)
"""The flows that forecast, draft, decide and issue."""


@given(DAYS)
def test_the_mode_is_december_to_march_from_2019_on(day):
    winter = day.year if day.month == 12 else day.year - 1
    inside = day.month in (12, 1, 2, 3)
    calendar = calendar_of()
    assert calendar.winter_of(day) == (winter_name(winter) if inside else "")
    assert calendar.active(day) == (inside and winter >= 2019)
    assert calendar.winters(np.array([day])).tolist() == [calendar.winter_of(day)]
    assert calendar.in_mode(np.array([day])).tolist() == [calendar.active(day)]


@given(DAYS)
def test_the_next_change_is_the_first_day_that_differs(day):
    calendar = calendar_of()
    change = calendar.next_change(day)
    assert change > day
    assert calendar.active(change) != calendar.active(change - timedelta(days=1))
    last = max(day, date(2019, 11, 1))
    between = (last + timedelta(days=n) for n in range((change - last).days))
    assert len({calendar.active(one) for one in between}) <= 1


@given(DAYS)
def test_what_is_in_force_and_what_is_ahead_keep_their_days(day):
    for row, first, last in calendar_of().in_force(day):
        assert first <= day <= last
        assert first.year >= row.first_winter
    ahead = calendar_of().ahead(day)
    assert all(first > day for _, first, _ in ahead)
    assert [first for _, first, _ in ahead] == sorted(first for _, first, _ in ahead)


def test_both_sides_differ_and_what_nobody_confirmed_says_so():
    day = date(2024, 3, 20)
    found = {row.key: (row.party, row.mark) for row, _, _ in calendar_of().in_force(day)}
    assert found == {"seasonal-management": ("seoul", "found"), "campaign": ("beijing", "unverified")}
    march = {row.key for row, _, _ in calendar_of().in_force(date(2019, 3, 4))}
    assert march == {"campaign-2018", "heating"}


def test_the_mode_begins_at_midnight_in_seoul():
    begin = datetime(2019, 12, 1, tzinfo=ZoneInfo("Asia/Seoul"))
    calendar = calendar_of()
    assert calendar.span_of("2019-20")[0] == begin
    assert calendar.active_at(to_utc(begin))
    assert not calendar.active_at(to_utc(begin) - timedelta(seconds=1))


@given(st.integers(0, 20 * 365 * 24 * 60))
def test_an_outlook_is_due_every_thursday_afternoon_in_seoul(minutes):
    at = datetime(2015, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    due = calendar_of().rhythm.outlook_due(at)
    local = due.astimezone(ZoneInfo("Asia/Seoul"))
    assert (local.weekday(), local.hour, local.minute) == (3, 16, 0)
    assert timedelta(0) <= at - due < timedelta(days=7)


@given(st.integers(1900, 9000))
def test_a_winter_is_named_and_read_back(year):
    assert winter_year(winter_name(year)) == year


@pytest.mark.parametrize("name", ["2019", "2019-21", "19-20", "winter", "", "2019-2020"])
def test_other_names_of_winters_are_refused(name):
    with pytest.raises(ValueError, match="names no winter"):
        winter_year(name)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"version": ""}, "version"),
        ({"mode": {**TABLE["mode"], "first": "13-01"}}, "first"),
        ({"mode": {**TABLE["mode"], "first": "02-29"}}, "29 February"),
        ({"mode": {**TABLE["mode"], "timezone": "Asia/Nowhere"}}, "timezone"),
        ({"mode": {**TABLE["mode"], "threshold": 35}}, "just first"),
        ({"rhythm": {**TABLE["rhythm"], "outlook_weekday": "Donnerstag"}}, "outlook_weekday"),
        ({"rhythm": {**TABLE["rhythm"], "shifts": ["20:00", "08:00"]}}, "ascend"),
        ({"rhythm": {**TABLE["rhythm"], "dossier_days": True}}, "dossier_days"),
        ({"row": [*TABLE["row"], TABLE["row"][0]]}, "same key"),
        ({"row": [{**TABLE["row"][0], "mark": "sure"}]}, "mark"),
        ({"row": [{**TABLE["row"][0], "name": {"en": "x"}}]}, "name"),
        ({"row": "none"}, "list"),
        ({"more": 1}, "just mode"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(change, named):
    with pytest.raises(PolicyError, match=named):
        parse_season({**TABLE, **change})


def test_an_own_file_counts_and_a_missing_one_is_refused(tmp_path):
    own = tmp_path / "season.toml"
    text = (resources.files("pipeline") / "season.toml").read_text("utf-8")
    own.write_text(text.replace('first = "12-01"', 'first = "11-01"', 1), "utf-8")
    assert calendar_of(own).active(date(2020, 11, 2))
    with pytest.raises(PolicyError, match="cannot be read"):
        calendar_of(tmp_path / "none.toml")


def test_nothing_that_forecasts_or_decides_reads_the_calendar():
    rooms = [path for room in ("ingest", "forecasting", "alerts") for path in (ROOT / room).rglob("*.py")]
    flows = [ROOT / "flows" / f"{name}.py" for name in OF_A_CYCLE]
    readers = {path.relative_to(ROOT).as_posix() for path in [*rooms, *flows] if reads_the_calendar(path)}
    assert readers == MAY_KNOW
    assert reads_the_calendar(ROOT / "flows" / "duty.py")


def reads_the_calendar(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if any(name.startswith("pipeline.season") for name in names):
            return True
    return False
