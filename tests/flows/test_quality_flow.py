"""The review in a data folder: when it is due, what it stores, and what nobody could have known earlier."""

import json
from datetime import timedelta

import numpy as np
import pytest
from typer.testing import CliRunner

from cli.main import app
from flows.quality import LOOK_BACK, Review, review, review_if_due, verdict_rows
from flows.workspace import open_workspace
from ingest.quality_arrival import flag_arrivals
from pipeline.names import MEASURED, QC_PASS, QC_SUSPECT
from pipeline.settings import Settings
from pipeline.times import parse_instant
from tests.ingest.quality_network_case import air, rows, stations

NETWORK = stations(16, spacing_km=20).assign(
    name="", altitude=np.nan, city="", note="invented for the tests", interval_hours=1.0
)
FIRST = parse_instant("2019-01-01T00:00Z")


class Hands:
    """A clock that stands where it is put."""

    def __init__(self, at):
        self.at = at

    def __call__(self):
        return self.at


@pytest.fixture
def clock():
    return Hands(FIRST)


@pytest.fixture
def ws(tmp_path, clock):
    ws = open_workspace(Settings(data_dir=tmp_path), clock)
    ws.store.append_stations(NETWORK, source="net", world=MEASURED)
    yield ws
    ws.ledger.close()


def store(ws, clock, values, *, at):
    """Store hours as they would have been flagged on arrival, received at an instant."""
    clock.at = at
    table = rows(NETWORK, values)
    ws.store.append(flag_arrivals(table, table[:0], NETWORK), source="net", world=MEASURED)


def flags(ws, as_of):
    found = ws.store.read(world=MEASURED, as_of=as_of, stations=["net:005"])
    return found["qc"].tolist()


def test_a_changed_flag_is_a_new_version_received_at_the_review(ws, clock):
    values = air(NETWORK, 60)
    values[40:, 5] += 120
    arrived = FIRST + timedelta(hours=60)
    store(ws, clock, values, at=arrived)
    before = flags(ws, arrived)
    assert QC_SUSPECT in before
    clock.at = arrived + timedelta(hours=1)
    found = review_if_due(ws, MEASURED, clock.at)
    assert (found.raised, found.lowered) == (0, before.count(QC_SUSPECT))
    after = arrived + timedelta(hours=2)
    assert set(flags(ws, after)) == {QC_PASS}
    assert flags(ws, arrived + timedelta(minutes=30)) == before, "a hindcast knows what was known"
    versions = ws.store.versions(world=MEASURED, as_of=after)
    assert set(versions["source"]) == {"net"}
    known = ws.store.read(world=MEASURED, as_of=after)
    assert known["value"].tolist() == rows(NETWORK, values)["value"].tolist()


def test_a_repeated_review_stores_nothing(ws, clock):
    values = air(NETWORK, 60)
    values[20:40, 5] = 57.0
    store(ws, clock, values, at=FIRST + timedelta(hours=60))
    assert review(ws, MEASURED, clock.at).raised > 0
    count = len(ws.store.versions(world=MEASURED))
    assert review(ws, MEASURED, clock.at) == Review()
    assert len(ws.store.versions(world=MEASURED)) == count


def test_flags_are_due_every_six_hours_and_only_of_the_last_days(ws, clock):
    values = air(NETWORK, 60)
    store(ws, clock, values, at=FIRST + timedelta(hours=60))
    assert review_if_due(ws, MEASURED, clock.at) == Review()
    values[30:54, 5] = 57.0
    store(ws, clock, values, at=clock.at)
    assert review_if_due(ws, MEASURED, clock.at + timedelta(hours=5)) == Review()
    assert review_if_due(ws, MEASURED, clock.at + timedelta(hours=5, minutes=55)).raised > 0
    values[30:54, 6] = 58.0
    store(ws, clock, values, at=clock.at)
    assert review(ws, MEASURED, FIRST + LOOK_BACK + timedelta(hours=54)) == Review()


def test_nothing_is_reviewed_in_an_empty_folder(ws, clock):
    assert review_if_due(ws, MEASURED, clock.at) == Review()
    assert verdict_rows(ws, MEASURED) == []


def test_a_wrong_clock_is_listed_by_command(ws, clock, tmp_path):
    values = air(NETWORK, 89 * 24)
    values[60 * 24 :, 5] = values[60 * 24 - 9 : -9, 5]
    store(ws, clock, values, at=FIRST + timedelta(days=89))
    found = review_if_due(ws, MEASURED, clock.at)
    assert [(v.station, v.kind, v.state) for v in found.verdicts] == [("net:005", "clock_shift", "suspect")]
    assert review(ws, MEASURED, clock.at).verdicts == ()
    for arguments in ([], ["--history"]):
        said = CliRunner().invoke(
            app, ["quality", "verdicts", *arguments, "--json", "--data-dir", str(tmp_path)]
        )
        (row,) = json.loads(said.stdout)
        assert row["station"] == "net:005"
        assert "9 h late" in row["detail"]
    said = CliRunner().invoke(app, ["quality", "review", "--data-dir", str(tmp_path)])
    assert said.exit_code == 0
    assert "flags raised: 0, lowered: 0" in said.stdout
