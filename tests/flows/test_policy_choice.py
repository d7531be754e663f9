"""Choosing probabilities by cost and loss: calibrated forecasts give back the ratios, cells are pooled."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

import flows.policy_choice
from alerts.policy import PACKAGED_POLICY, load_policy, parse_policy
from cli.commands.policy import _show_choice
from flows.policy_choice import Asked, Cases, Cell, acting_probabilities, choose_policy
from flows.policy_proposal import proposal, write_proposal
from flows.policy_source import predictions_of
from flows.workspace import open_workspace
from forecasting.verification.cost_loss import expense, recalibrate, value
from pipeline.errors import UsageError
from pipeline.settings import Settings
from pipeline.times import FORECAST_DAYS

POLICY = replace(load_policy(), chosen=())
CELLS = tuple(
    Cell(city, level, lead)
    for city in ("beijing", "seoul")
    for level in (1, 2, 3)
    for lead in range(FORECAST_DAYS + 1)
)
RATIO = np.array([{row.level: row.ratio for row in POLICY.expense}[f"J{c.level}"][c.city] for c in CELLS])


def cases(days=800, stated=lambda p: p, silent=()):
    """Forecasts ``stated(p)`` of events of probability p, but for cells where nothing ever happens."""
    rng = np.random.default_rng(3)
    day = np.tile(np.arange(days), len(CELLS))
    cell = np.repeat(np.arange(len(CELLS)), days)
    p = rng.beta(0.6, 1.2, len(day))
    event = rng.uniform(size=len(day)) < p
    quiet = np.isin(cell, silent)
    event[quiet] = False
    said = np.where(quiet, 0.01, stated(p))
    return Cases(CELLS, RATIO, cell, day, 2015 + day // 365, said, event, np.full(len(day), 0.5))


def test_of_calibrated_forecasts_the_cost_loss_ratio_itself_is_chosen():
    found = acting_probabilities(cases(), POLICY)
    assert np.abs(found - RATIO).max() <= 0.05 + 1e-9


def test_forecasts_that_say_too_little_are_acted_on_sooner():
    """Log odds halved around 0.5: an event of 0.4 is said to be 1 / (1 + 1.5 ** 0.5 ...) lower or higher."""
    half = cases(stated=lambda p: p / 2)
    found = acting_probabilities(half, POLICY)
    assert np.all(found <= RATIO / 2 + 0.06)


def test_a_cell_without_events_leans_on_the_others():
    alone = cases(stated=lambda p: p / 2, silent=(0,))
    found = acting_probabilities(alone, POLICY)
    assert found[0] <= RATIO[0] / 2 + 0.11


def test_probabilities_never_fall_with_the_level_and_stay_where_the_policy_can_hold_them():
    found = acting_probabilities(cases(stated=lambda p: p**3), POLICY).reshape(2, 3, FORECAST_DAYS + 1)
    assert np.all(np.diff(found, axis=1) >= 0)
    assert found.min() >= POLICY.products.notice_probability
    assert found.max() <= POLICY.persistence.immediate_probability


def test_pooling_pulls_an_extreme_cell_to_the_rest():
    rng = np.random.default_rng(1)
    cell = np.repeat([0, 1], [2000, 20])
    p = np.full(2020, 0.5)
    event = np.concatenate([rng.uniform(size=2000) < 0.5, np.ones(20, bool)])
    fit = recalibrate(p, event, np.ones(2020), cell, [np.array([0, 1])])
    raw = np.log(20.5 / 0.5)  # what 20 of 20 would say alone
    assert 0 < fit.shift[1] < raw / 2
    assert abs(fit.shift[0]) < 0.15


def test_expense_and_value_by_hand():
    event = np.array([True, True, False, False])
    acts = np.array([True, False, True, False])
    assert expense(acts, event, np.full(4, 0.25)).tolist() == [0.25, 1.0, 0.25, 0.0]
    spent, without, perfect = (np.tile(v, 10) for v in ([0.25, 0.0], [0.5, 0.5], [0.0, 0.0]))
    middle, low, high = value(spent, without, perfect, np.random.default_rng(0))
    assert middle == pytest.approx((10 - 2.5) / 10)
    assert low <= middle <= high


@pytest.fixture
def found(monkeypatch, tmp_path):
    class _Source:
        facts = {"weather": "observed", "train_until": "2014-12-31"}  # noqa: RUF012
        caveats = ()

    import pandas as pd

    rows = pd.DataFrame({"valid_end": [pd.Timestamp("2015-01-01", tz="UTC")]})
    monkeypatch.setattr(flows.policy_choice, "predictions_of", lambda *_: (_Source, rows))
    monkeypatch.setattr(flows.policy_choice, "measured_means", lambda *_: {})
    monkeypatch.setattr(flows.policy_choice, "cases_of", lambda *_: cases(stated=lambda p: p / 2))
    ws = open_workspace(Settings(data_dir=tmp_path))
    return ws, choose_policy(ws, Asked("measured", date(2015, 1, 1), date(2019, 1, 1)))


def test_a_proposal_is_a_policy_that_loads_with_what_was_chosen(found, capsys):
    ws, chosen = found
    path = write_proposal(ws, POLICY, chosen)
    made = parse_policy(path.read_text("utf-8"))
    assert made.version.startswith(f"{POLICY.version}-proposal-")
    assert [list(row.open) for row in made.chosen] == [row["open"] for row in chosen["chosen"]]
    assert made.opening("seoul", 1, 1) == next(
        row["open"][1] for row in chosen["chosen"] if (row["city"], row["level"]) == ("seoul", "J1")
    )
    assert made.signed[-1].version == made.version
    assert made.expense == POLICY.expense
    again = proposal(path.read_text("utf-8"), made, chosen, made.choice.decided)
    assert parse_policy(again).chosen == made.chosen
    _show_choice(chosen)
    assert "scored by the others" in capsys.readouterr().out


def test_what_was_chosen_pays_more_than_the_probability_of_a_forecast_that_says_too_little(found):
    for row in found[1]["cells"]:
        spent = row["expense"]
        assert spent["perfect"] <= spent["chosen"] <= spent["climate"] + 0.02
        assert row["value"]["chosen"][0] >= row["value"]["now"][0] - 0.02


def test_one_year_is_refused(monkeypatch, found):
    ws, _ = found
    monkeypatch.setattr(flows.policy_choice, "cases_of", lambda *_: cases(days=300))
    with pytest.raises(UsageError, match="two years"):
        choose_policy(ws, Asked("measured", date(2015, 1, 1), date(2015, 12, 1)))


def test_reversed_dates_are_named(found):
    with pytest.raises(UsageError, match="--to 2015-01-01 lies before --from 2015-12-01"):
        predictions_of(found[0], Asked("measured", date(2015, 12, 1), date(2015, 1, 1)))


def test_the_packaged_policy_keeps_a_share_of_what_opens():
    policy = parse_policy(PACKAGED_POLICY.read_text("utf-8"))
    for row in policy.chosen:
        for keep, opens in zip(row.keep, row.open, strict=True):
            assert keep == pytest.approx(opens * policy.choice.keep_share, abs=0.006)
