"""Training on a world whose truth is known: coverage, skill, left-out years, explanation, storage."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from forecasting.baselines import Courses
from forecasting.registry import load_model, save_model
from forecasting.samples import forecast_samples
from pipeline.asof import AsOfPanel, AsOfSeries
from pipeline.errors import NoUsableModel, StorageError
from pipeline.times import cycles_between, to_ns


@pytest.fixture(scope="module")
def held_out(panel, model, cities, learned):
    """(members, truth) of both cities for cycles after the end of training."""
    pairs = []
    for issue in cycles_between(learned, learned + timedelta(days=64))[::3]:
        samples = forecast_samples(panel, model, cities, "pm2p5", issue, issue)
        courses, now, leads = Courses(model.history), to_ns(issue), np.arange(1, 73)
        at = courses.anchors(now, samples.sizes["realization"])
        usual = np.stack(
            [courses.climatology(i, now, at, leads, len(at)) for i in range(len(cities))], axis=1
        )
        ahead = {"forecast_period": slice(1, 72)}
        valid = to_ns(issue) + np.arange(1, 73) * np.timedelta64(3_600_000_000_000, "ns")
        truth = [
            np.interp(valid.astype("int64"), s.times.astype("int64"), s.values)
            for s in (panel[f"{c.id}.pm2p5.reference"] for c in cities)
        ]
        pairs.append((samples["pm2p5"].sel(ahead).values, usual, np.array(truth)))
    return [np.array(p) for p in zip(*pairs, strict=True)]


@pytest.mark.parametrize(("low", "high"), [(0.05, 0.95), (0.1, 0.9), (0.25, 0.75)])
def test_intervals_cover_as_often_as_they_say(held_out, low, high):
    members, _, truth = held_out
    bounds = np.quantile(members, [low, high], axis=1)
    covered = ((truth >= bounds[0]) & (truth <= bounds[1])).mean()
    assert covered == pytest.approx(high - low, abs=0.1)


def test_the_forecast_beats_climatology_at_every_lead_that_can_be_known(held_out):
    members, usual, truth = held_out
    error, usual_error = (np.abs(np.median(m, axis=1) - truth).mean(axis=(0,)) for m in (members, usual))
    for city in (0, 1):
        assert error[city, :24].mean() < 0.8 * usual_error[city, :24].mean()
    # what reaches Seoul tomorrow was seen in Beijing today
    assert error[0, 12:23].mean() < 0.85 * usual_error[0, 12:23].mean()


def test_day_means_spread_as_dependent_hours_do(held_out):
    members, _, truth = held_out
    days = members[:, :, :, 24:48].mean(axis=-1)
    inside = (truth[..., 24:48].mean(axis=-1) >= np.quantile(days, 0.1, axis=1)) & (
        truth[..., 24:48].mean(axis=-1) <= np.quantile(days, 0.9, axis=1)
    )
    assert 0.6 <= inside.mean() <= 0.97


def test_a_left_out_year_is_unknown_to_the_model(panel, cities, model, train_small):
    left = train_small(panel, cities, leave_out_years=[2019])
    assert left.leave_out_years == (2019,)
    assert left.model_id != model.model_id
    years = left.history.times.astype("M8[Y]").astype(int) + 1970
    assert np.isnan(left.history.values[:, years == 2019]).all()
    assert np.isfinite(left.history.values[:, years == 2018]).any()
    for hour in left.hours.values():
        ends = hour.past.issues[:, None] + hour.outputs.end * np.timedelta64(3_600_000_000_000, "ns")
        begins = hour.past.issues[:, None] + hour.outputs.start * np.timedelta64(3_600_000_000_000, "ns")
        turn = np.datetime64("2019-01-01T00", "ns")
        assert np.isnan(hour.past.z[begins >= turn]).all()
        assert np.isfinite(hour.past.z[ends < turn - np.timedelta64(24, "h")]).mean() > 0.95


def test_errors_kept_for_the_level_are_those_of_years_that_were_not_seen(panel, model):
    """Standardised held-out errors have about unit spread, and their truths were known by the end."""
    for hour in model.hours.values():
        usable = hour.past.z[:, hour.usable]
        assert 0.8 < np.sqrt(np.nanmean(usable**2)) < 1.2
        known = hour.past.known[np.isfinite(hour.past.z)]
        assert (known <= to_ns(model.data_until) + np.timedelta64(3, "h")).all()


def test_leaving_out_a_year_without_values_is_another_model_that_learned_the_same(
    panel, cities, model, train_small
):
    left = train_small(panel, cities, leave_out_years=[2031])
    assert np.array_equal(left.hours[8].past.z, model.hours[8].past.z, equal_nan=True)
    assert left.model_id != model.model_id


def test_a_series_that_begins_after_training_is_unknown_to_the_model(panel, cities, model, train_small):
    hours = np.arange(1, 300) * np.timedelta64(3_600_000_000_000, "ns")
    times = to_ns(model.data_until) + hours
    late = AsOfSeries(times, times, np.full(len(times), 60.0))
    more = AsOfPanel({**panel, "around.pm2p5.jinan_air": late}, panel.world)
    again = train_small(more, cities)
    assert (again.model_id, again.recipe) == (model.model_id, model.recipe)
    assert again.facts() == model.facts()


def test_too_short_a_past_gives_no_model(panel, cities, learned, train_small):
    with pytest.raises(NoUsableModel):
        train_small(panel, cities, data_until=learned - timedelta(days=394))


def test_a_stored_model_forecasts_the_same_and_an_altered_one_is_refused(
    panel, model, cities, issue, tmp_path
):
    stored = save_model(model, tmp_path)
    again = load_model(stored.path, stored.digest)
    said, repeated = (forecast_samples(panel, m, cities, "pm2p5", issue, issue) for m in (model, again))
    assert said.identical(repeated)
    stored.path.write_bytes(stored.path.read_bytes() + b"x")
    with pytest.raises(StorageError, match="not the file that was registered"):
        load_model(stored.path, stored.digest)
