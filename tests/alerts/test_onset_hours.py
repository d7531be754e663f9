"""An episode that has begun begins at its measured hour, and measuring it is no news."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from alerts.assessment import assess_city
from alerts.content import WarningContent
from alerts.examples import example_content
from alerts.follow import follow_episodes
from alerts.material_change import material_changes
from alerts.onset_hours import first_hours_above
from alerts.policy import load_policy
from pipeline.cities import city
from pipeline.times import hour_range, parse_instant
from tests.alerts.decision_cases import POLICY, assessed, facts

MIDNIGHT = "2026-01-13T16:00:00Z"
"""Where 14 January begins in Beijing; the cycle is that of 02 UTC, so ten of its hours are measured."""


def paths(hours, members=3):
    """Clean days, then the measured hours of 14 January as given, then 200 ug m-3 on every member."""
    grid = hour_range(parse_instant("2026-01-10T16:00Z"), parse_instant("2026-01-17T16:00Z"))
    values = np.full((members, 1, len(grid)), 20.0)
    start = np.datetime64(MIDNIGHT.rstrip("Z"))
    issue = np.datetime64("2026-01-14T02:00:00")
    values[:, 0, (grid > start) & (grid <= issue)] = hours
    values[:, 0, grid > issue] = 200.0
    observed = np.broadcast_to(grid <= issue, (1, len(grid)))
    return xr.Dataset(
        {"pm2p5": (("realization", "city", "time"), values), "is_observed": (("city", "time"), observed)},
        coords={"realization": np.arange(members), "city": ["beijing"], "time": grid},
        attrs={"world": "simulated-7"},
    )


@pytest.mark.parametrize(
    ("hours", "begun"),
    [
        ([20] * 4 + [90] * 6, "2026-01-13T20:00:00Z"),
        ([90] * 10, MIDNIGHT),
        ([90, 90, 20, 90, 90, 90, 20, 20, 20, 20], "2026-01-13T19:00:00Z"),
        ([90, 90, 75, 90, 90, 75, 90, 90, 75, 90], ""),
        ([75] * 10, ""),
        ([20] * 10, ""),
    ],
)
def test_an_onset_is_the_first_of_three_hours_running_above(hours, begun):
    run = facts()
    seen = assess_city(paths(hours), city("beijing"), POLICY, run.issue_time)
    assert seen.begun.get("2026-01-14", "") == begun
    (episode,) = follow_episodes(seen, (), POLICY, run)
    assert (episode.now.onset, episode.now.begun) == (MIDNIGHT, begun)
    assert episode.now.onset_range == ((begun or MIDNIGHT),) * 2


def test_members_that_are_not_measured_say_nothing_of_hours():
    coming = paths([20] * 10)
    assert first_hours_above(coming, city("beijing"), 75) == {}


def test_the_measured_hour_is_kept_when_the_day_leaves_the_window():
    hour = "2026-01-13T20:00:00Z"
    begun = replace(assessed("beijing", facts(), (0.9,) * 4), begun={"2026-01-14": hour})
    (episode,) = follow_episodes(begun, (), POLICY, facts())
    run = facts(16)
    (later,) = follow_episodes(assessed("beijing", run, (0.9,) * 4, past=(1, 1, 1)), (episode,), POLICY, run)
    assert (later.id, later.now.onset, later.now.begun) == (episode.id, MIDNIGHT, hour)


def moved(content, onset, issue_time):
    cities = tuple(replace(c, onset=onset) for c in content.cities)
    return replace(content, cities=cities, issue_time=issue_time)


@pytest.mark.parametrize(
    ("onset", "issue_time", "is_news"),
    [
        (
            "2026-01-14T02:00:00Z",
            "2026-01-14T08:00:00Z",
            False,
        ),  # measured ten hours into the day that was named
        ("2026-01-13T02:00:00Z", "2026-01-14T08:00:00Z", True),  # it began on the day before
        ("2026-01-15T16:00:00Z", "2026-01-14T08:00:00Z", True),  # it is now expected two days later
        ("2026-01-14T02:00:00Z", "2026-01-13T20:00:00Z", True),  # expected, not measured
    ],
)
def test_measuring_an_onset_within_the_day_that_was_named_is_no_update(onset, issue_time, is_news):
    said = moved(example_content(), MIDNIGHT, "2026-01-13T02:00:00Z")
    now = moved(example_content(), onset, issue_time)
    assert bool(material_changes(said, now, load_policy())) is is_news


def test_ranges_stand_in_what_is_signed_and_are_left_out_where_unknown():
    content = example_content()
    ranged = replace(content.cities[0], onset_range=(MIDNIGHT,) * 2, end_range=(MIDNIGHT,) * 2)
    given = replace(content, cities=(ranged, replace(content.cities[1], onset_range=(), end_range=())))
    data = given.to_dict()
    assert data["cities"][0]["onset_range"] == (MIDNIGHT,) * 2
    assert "onset_range" not in data["cities"][1]
    assert WarningContent.from_dict(data) == given
