"""The second look: what it raises, what it lowers, what it leaves alone."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd

from ingest.quality_arrival import flag_arrivals
from ingest.quality_review import review_rows
from pipeline.names import QC_FAIL, QC_PASS, QC_SUSPECT
from tests.ingest.quality_network_case import START, air, rows, stations

NETWORK = stations(9)
EARLY = datetime(2018, 1, 1, tzinfo=UTC)


def stored(values: np.ndarray, quantity: str = "pm2p5") -> pd.DataFrame:
    """Rows as they were flagged on arrival, as the store gives them."""
    table = rows(NETWORK, values, quantity)
    flagged = flag_arrivals(table, table[:0], NETWORK)
    return flagged.assign(received_at=flagged["time"], source="net")


def qc_of(changed: pd.DataFrame) -> dict[tuple[str, int], int]:
    hour = (changed["time"] - START) // pd.Timedelta(hours=1)
    return dict(zip(zip(changed["station"], hour, strict=True), changed["qc"], strict=True))


def test_a_rise_that_lasted_is_believed_in_the_end():
    values = air(NETWORK, 60)
    values[40:, 4] += 150
    versions = stored(values)
    assert versions["qc"].sum() >= 1
    changed = review_rows(versions, NETWORK, after=EARLY)
    assert set(qc_of(changed)) == {("net:004", h) for h in range(40, 40 + versions["qc"].sum())}
    assert (changed["qc"] == QC_PASS).all()


def test_a_spike_stays_suspect():
    values = air(NETWORK, 60)
    values[40, 4] += 300
    assert not len(review_rows(stored(values), NETWORK, after=EARLY))


def test_the_newest_hours_are_left_until_more_is_known():
    values = air(NETWORK, 60)
    values[57:, 4] += 300
    versions = stored(values)
    assert (versions["qc"] == QC_SUSPECT).sum() == 3
    assert not len(review_rows(versions, NETWORK, after=EARLY))


def test_dust_that_was_let_pass_on_arrival_but_fell_at_once_is_suspect():
    values = air(NETWORK, 60)
    values[40, 4] += 300
    versions = stored(values, "pm10")
    assert not versions["qc"].any()
    assert qc_of(review_rows(versions, NETWORK, after=EARLY)) == {("net:004", 40): QC_SUSPECT}


def test_a_flat_line_is_suspect_from_its_second_hour():
    values = air(NETWORK, 72)
    values[30:50, 4] = 57.3
    versions = stored(values)
    late = set(versions.loc[versions["qc"] == QC_SUSPECT, "time"])
    changed = review_rows(versions, NETWORK, after=EARLY)
    first = {START + np.timedelta64(h, "h") for h in range(31, 50)} - {np.datetime64(t, "ns") for t in late}
    assert set(changed["time"].to_numpy()) == first
    assert (changed["qc"] == QC_SUSPECT).all()


def test_flags_that_the_source_gave_and_failures_stay():
    values = air(NETWORK, 60)
    versions = stored(values)
    versions.loc[100, "qc"] = QC_SUSPECT
    versions.loc[101, "qc"] = QC_FAIL
    assert not len(review_rows(versions, NETWORK, after=EARLY))


def test_the_newest_version_counts_and_withdrawn_values_are_left_alone():
    values = air(NETWORK, 60)
    values[40, 4] += 300
    versions = stored(values)
    spike = versions["qc"] == QC_SUSPECT
    gone = versions[spike].assign(value=np.nan, received_at=versions["received_at"].max())
    both = pd.concat([versions, gone]).sort_values(["station", "quantity", "time", "received_at"])
    assert not len(review_rows(both, NETWORK, after=EARLY))


def test_only_what_is_younger_than_asked_is_changed():
    values = air(NETWORK, 60)
    values[20:, 4] += 150
    after = datetime(2019, 1, 1, 21, tzinfo=UTC)
    changed = review_rows(stored(values), NETWORK, after=after)
    assert (changed["time"].to_numpy() > np.datetime64("2019-01-01T21")).all()


def test_a_second_review_changes_nothing():
    values = air(NETWORK, 60)
    values[20:, 4] += 150
    values[40, 2] += 300
    values[30:50, 7] = 57.3
    versions = stored(values)
    changed = review_rows(versions, NETWORK, after=EARLY)
    assert len(changed)
    late = changed.assign(received_at=np.datetime64("2019-02-01", "ns"))
    both = pd.concat([versions, late]).sort_values(["station", "quantity", "time", "received_at"])
    assert not len(review_rows(both, NETWORK, after=EARLY))
