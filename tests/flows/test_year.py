"""A year in minutes, with all that goes wrong: each cycle accounted for, no warning lost or doubled.

Real processes follow the real timetable over a real ledger and send to a real mail server; they are killed,
their clock is set, their disk fills, their ledger is held or gone, their mail server refuses. What must be
true afterwards is worked out anew from what was seen from outside (``year_checks``, ``year_told``).
"""

import os
import sys

import pytest

from flows.workspace import open_workspace
from pipeline.ledger.audit import verify_audit
from pipeline.settings import Settings
from tests.flows.year_checks import Seen, done_wrong
from tests.flows.year_run import Year
from tests.flows.year_told import told_wrong

pytestmark = pytest.mark.flows
SEEDS = int(os.environ.get("SAMEAIR_YEAR_SEEDS", "1"))
FIRST = int(os.environ.get("SAMEAIR_YEAR_SEED", "1"))
DAYS = int(os.environ.get("SAMEAIR_YEAR_DAYS", "15"))
"""A year is 365, of ten minutes and more."""


def played(folder, seed, days, gaps=(20, 150)):
    """Play a plan and return what was seen of it; whatever is wrong is said with the seed and the day."""
    year = Year(folder / "node", seed, days, gaps)
    year.play()
    seen = Seen(year)
    wrong = [*done_wrong(seen), *told_wrong(seen)]
    seen.db.close()
    node = folder / "node"
    ws = open_workspace(Settings(data_dir=node, ledger_url=f"sqlite+pysqlite:///{node}/ledger.sqlite"))
    with ws.ledger.read() as conn:
        trail = verify_audit(conn)
    ws.ledger.close()
    told = f"seed {seed}: {len(year.looks)} looks, {len(year.kills)} kills, {dict(seen.compared)}"
    sys.stdout.write(f"{told}\n")
    first = "\n".join(" ".join(map(str, one)) for one in wrong[:30])
    assert not wrong, f"{told}\n{first}\nPlay it again with SAMEAIR_YEAR_SEED={seed}"
    assert trail.ok, trail.message
    assert trail.rows > 0
    return seen


@pytest.mark.slow
def test_a_week_of_trouble(tmp_path):
    seen = played(tmp_path, 3, 6, (2, 8))
    assert seen.compared["cycles"] == 24
    assert seen.compared["mails"] > 0


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS))
def test_days_of_trouble(tmp_path, seed):
    seen = played(tmp_path, seed, DAYS)
    assert seen.compared["cycles"] == 4 * DAYS
    assert seen.compared["left out"] > DAYS // 20
    assert seen.compared["issued"] > DAYS // 10
    assert len(seen.year.kills) > DAYS // 12
