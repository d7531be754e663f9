"""Receptor methods on a world that knows its origins: what they reach, and where they are known to fail."""

from datetime import UTC, datetime

import numpy as np
import pytest

from flows.origins_truth import Known, compared, known_arrivals
from pipeline.cities import city


@pytest.fixture(scope="module")
def winters():
    """Three winters of Seoul: 271 independent arrivals."""
    parts = [
        known_arrivals(
            7, city("seoul"), (datetime(y, 12, 1, tzinfo=UTC), datetime(y + 1, 3, 1, tzinfo=UTC)), 72
        )
        for y in (2022, 2023, 2024)
    ]
    together = Known(
        parts[0].names,
        *(np.concatenate([getattr(p, name) for p in parts]) for name in ("times", "hours", "parts")),
    )
    return compared(together, "quarters", np.random.default_rng(0))


@pytest.mark.slow
def test_hours_rank_the_sources_but_cannot_give_shares(winters):
    methods, regions, refused = winters
    assert not refused
    rank = methods.set_index("method")
    assert rank.loc["weighted hours", "rank_correlation"] > 0.7
    assert rank.loc["weighted hours", "low"] > 0.6
    assert rank.loc["CWT", "rank_correlation"] < rank.loc["weighted hours", "rank_correlation"]
    rows = regions.set_index("region")
    assert set(regions["independent"]) == {271}
    assert rows["weighted_bias"].abs().max() < 0.15
    far = rows.loc["north_china_plain"]
    assert far["weighted_bias_high"] < 0, "the strong source far away is told too small"
    assert -far["weighted_bias"] > far["true_share"] / 3
    assert rows.loc["pyongyang", "weighted_bias_low"] > 0, "the weak source on the way is told too large"


@pytest.mark.slow
def test_days_with_dust_of_a_source_are_told_apart(winters):
    _, regions, _ = winters
    counted = regions[regions["true_share"] > 0.05]
    assert len(counted) == 5
    assert (counted["days_low"] > 0.3).all()
