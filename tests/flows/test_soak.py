"""Days of hourly rounds in accelerated time, with outages, kills and restarts: nothing is lost.

Services are fakes on loopback that go down, answer errors, pages, halves and noise, or refuse for hours, at
random; the process that asks them is killed with SIGKILL at random moments and goes on where it stood, at
times some hours later. In the end the store is the truth wherever a source could be had while it still had
it, everything is there once, and what is gone for good is on record, and only that.
"""

import pytest

from flows.workspace import open_workspace
from pipeline.names import MEASURED
from pipeline.settings import Settings
from tests.flows.soak_checks import check_all
from tests.flows.soak_run import run_to_the_end, running
from tests.flows.soak_schedule import drawn
from tests.flows.soak_truth import make_truth

TURNS = {"seoul": 1, "cnemc": 4, "airkorea": 6, "openaq": 8, "open_meteo": 6, "kma": 8, "ecmwf": 12}
"""Every how many hours each is asked: one that keeps an hour always, the others less often, to save time."""


def soak(folder, seed, hours, turns, longest, **drawn_as):
    """Run a soak; return what was compared, what was wrong, and how it went."""
    truth = make_truth(seed, hours)
    schedule = drawn(seed, hours, turns, longest, **drawn_as)
    with running(folder, truth, schedule) as run:
        run_to_the_end(run)
        ws = open_workspace(Settings(data_dir=folder / "var"), lambda: run.now)
        found = check_all(run, ws)
        repaired = ws.store.repair(MEASURED)
        ws.ledger.close()
    assert not repaired.missing
    return found, run


def told(found):
    """Say what was wrong, in a few lines."""
    return (
        "\n".join(str(w) for w in found.wrong[:25]) + f"\n{len(found.wrong)} wrong of {dict(found.compared)}"
    )


@pytest.mark.slow
def test_two_days(tmp_path):
    found, run = soak(tmp_path, 1, 48, TURNS, {"cnemc": 3}, calm=14, kills=4, healthy=7)
    assert not found.wrong, told(found)
    assert run.kills >= 2
    assert found.compared["fresh"] > 1500


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.night
def test_thirty_days(tmp_path):
    found, run = soak(tmp_path, 2, 720, TURNS, {"cnemc": 41, "kma": 50}, calm=30, kills=45, healthy=14)
    late = [w for w in found.wrong if w[0] == "fresh"]
    assert found.wrong == late, told(found)
    # Kills fall at other instants in every run: a value may come a round late, none may be lost.
    assert len(late) <= found.compared["fresh"] / 10_000, told(found)
    assert run.kills >= 30
    assert found.compared["fresh"] > 25_000
    assert found.compared["lost and told"] > 100
