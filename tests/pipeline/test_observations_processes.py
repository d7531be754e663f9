"""Several writing processes lose and repeat nothing; a writer killed at any instant leaves no half batch."""

import hashlib
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import StorageError
from pipeline.ledger import open_ledger
from pipeline.ledger.batches import listed_batches
from pipeline.observations import ObservationStore
from pipeline.times import system_clock

WORLD = "simulated-9"
ROWS = 30

WRITER = '''
import json, os, random, signal, sys, time
from pathlib import Path
import numpy as np, pandas as pd
from pipeline.ledger import open_ledger
from pipeline.observations import ObservationStore
from pipeline.times import system_clock

folder, mode, count, seed = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
start = np.datetime64("2020-01-31T12", "ns")

def rows(n, value=1.0):
    """One append: 30 hours over the turn of a month of a station of its own."""
    times = start + np.arange(30) * np.timedelta64(1, "h")
    return pd.DataFrame({"station": f"n:{n}", "quantity": "pm2p5", "time": times,
                         "value": float(value), "qc": np.zeros(30, "int8")})

def work(numbers, value, merge_after, log):
    ledger = open_ledger(f"sqlite:///{folder}/ledger.sqlite")
    store = ObservationStore(folder / "o", ledger, system_clock, merge_after)
    for n in numbers:
        done = store.append(rows(n, value), source="live", world="simulated-9")
        os.write(log, f"{json.dumps([n, value, done.rows_written])}\\n".encode())

def fork(*task):
    child = os.fork()
    if child == 0:
        try:
            work(*task)
            os._exit(0)
        except BaseException as error:
            os.write(2, repr(error).encode())
            os._exit(1)
    return child

log = os.open(folder / "log", os.O_CREAT | os.O_APPEND | os.O_WRONLY)
rng = random.Random(seed)
# To open a ledger on PostgreSQL takes longer, and one that is not open yet writes nothing.
longest = 1.5 if os.environ.get("SAMEAIR_TEST_POSTGRES") else 0.4
if mode == "kill":
    for attempt in range(count):
        child = fork(range(attempt % 3, 1000), 1 + attempt // 3, 3, log)
        time.sleep(rng.uniform(0.0, longest))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
else:
    children = [fork(range(worker % 2, count + worker % 2), 1.0, 5, log) for worker in range(4)]
    sys.exit(any([os.waitpid(child, 0)[1] for child in children]))
'''


def write(folder, mode, count, seed=1):
    subprocess.run([sys.executable, "-c", WRITER, str(folder), mode, str(count), str(seed)], check=True)
    return [json.loads(line) for line in (folder / "log").read_text().splitlines()]


def opened(folder):
    ledger = open_ledger(f"sqlite:///{folder}/ledger.sqlite")
    return ObservationStore(folder / "o", ledger, system_clock, 3)


def check_files(store):
    """Every listed file is there and holds what it is named by."""
    with store.ledger.read() as conn:
        listed = listed_batches(conn, WORLD)
    files = {path.stem: path for path in store.root.rglob("*.parquet")}
    for batch in listed:
        assert hashlib.sha256(files[batch.id].read_bytes()).hexdigest() == batch.id
    return {batch.id for batch in listed}


def kill_writers(folder, count, seed):
    acknowledged = write(folder, "kill", count, seed)
    store = opened(folder)
    listed = check_files(store)
    found = store.versions(world=WORLD)
    # All or nothing: each append is 30 hours of one value in two months, so two batches.
    assert (found.groupby(["station", "value"]).size() == ROWS).all()
    assert not found.duplicated(["station", "time", "value"]).any()
    visible = set(found.groupby(["station", "value"]).groups)
    assert {(f"n:{n}", float(value)) for n, value, _ in acknowledged} <= visible
    newest = store.read(world=WORLD, as_of=system_clock())
    for n, value in {n: value for n, value, _ in acknowledged}.items():
        assert (newest.loc[newest["station"] == f"n:{n}", "value"] >= value).all()
    left_behind = store.repair(WORLD, grace=timedelta(0))
    assert left_behind.missing == ()
    assert {path.stem for path in store.root.rglob("*.parquet")} == listed
    assert not list(store.root.rglob("*.tmp"))
    pd.testing.assert_frame_equal(store.versions(world=WORLD), found)
    store.ledger.close()
    return len(acknowledged), len(left_behind.removed)


@pytest.mark.ledger
@pytest.mark.slow
def test_a_writer_killed_at_any_instant_leaves_no_half_append(ledger, tmp_path):
    acknowledged, _ = kill_writers(tmp_path, count=20, seed=1)
    assert acknowledged > 0


@pytest.mark.slow
@pytest.mark.ledger
def test_two_hundred_writers_killed_leave_no_half_append(ledger, tmp_path):
    acknowledged, removed = kill_writers(tmp_path, count=200, seed=2)
    assert acknowledged > 50
    assert removed > 0, "no writer was killed between file and listing; the test has no teeth"


def test_four_processes_lose_and_repeat_nothing(ledger, tmp_path):
    count = 12
    acknowledged = write(tmp_path, "together", count)
    assert len(acknowledged) == 4 * count
    written = [rows for *_, rows in acknowledged]
    assert sorted(set(written)) == [0, ROWS], "an append is stored whole by one process and by no other"
    assert sum(written) == (count + 1) * ROWS
    store = opened(tmp_path)
    check_files(store)
    found = store.versions(world=WORLD)
    assert len(found) == (count + 1) * ROWS
    assert not found.duplicated(["station", "time"]).any()
    with ledger.read() as conn:
        listed = conn.exec_driver_sql(
            "SELECT received_at FROM batches WHERE receipt = 'live' ORDER BY seq"
        ).fetchall()
    assert listed == sorted(listed)
    store.ledger.close()


def one_row(value=1.0, days=1):
    times = np.datetime64("2020-01-31", "ns") + np.arange(days) * np.timedelta64(1, "D")
    return pd.DataFrame(
        {"station": "a:1", "quantity": "pm2p5", "time": times, "value": value, "qc": np.zeros(days, "int8")}
    )


@pytest.fixture
def store(ledger, tmp_path):
    return ObservationStore(tmp_path / "o", ledger, system_clock)


def no_space(*_):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("call", ["os.fsync", "pathlib.Path.replace", "pathlib.Path.mkdir"])
def test_a_full_disk_stops_with_the_cause_and_shows_nothing(store, monkeypatch, call):
    store.append(one_row(), source="live", world=WORLD)
    with monkeypatch.context() as patched:
        patched.setattr(call, lambda *_, **__: no_space())
        with pytest.raises(StorageError, match="No space left"):
            store.append(one_row(2.0, days=2), source="live", world=WORLD)
    assert store.read(world=WORLD, as_of=system_clock())["value"].tolist() == [1.0]
    assert not list(store.root.rglob("*.tmp"))
    assert store.append(one_row(2.0, days=2), source="live", world=WORLD).rows_written == 2
    assert store.read(world=WORLD, as_of=system_clock())["value"].tolist() == [2.0, 2.0]


def test_a_file_cut_short_by_a_full_disk_is_never_seen(ledger, tmp_path):
    code = (
        "import resource, signal, sys, pandas as pd; from pathlib import Path\n"
        "from pipeline.ledger import open_ledger; from pipeline.observations import ObservationStore\n"
        "from pipeline.times import system_clock; from pipeline.errors import StorageError\n"
        f"ledger = open_ledger('sqlite:///{tmp_path}/ledger.sqlite')\n"
        f"store = ObservationStore(Path('{tmp_path}/o'), ledger, system_clock)\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))\n"
        f"rows = pd.read_pickle('{tmp_path}/rows')\n"
        f"try: store.append(rows, source='live', world='{WORLD}')\n"
        "except StorageError as error: print(error); sys.exit(6)"
    )
    one_row(days=500).to_pickle(tmp_path / "rows")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, "File too large" in done.stdout) == (6, True), done
    store = ObservationStore(tmp_path / "o", ledger, system_clock)
    assert store.versions(world=WORLD).empty
    assert [p for p in store.root.rglob("*") if p.is_file() and p.name != ".lock"] == []


def test_a_ledger_that_fails_at_the_listing_leaves_nothing(store, monkeypatch):
    monkeypatch.setattr("pipeline.observations.list_batches", lambda *_: no_space())
    with pytest.raises(OSError, match="No space"):
        store.append(one_row(), source="live", world=WORLD)
    assert not list(store.root.rglob("*.parquet"))
    assert store.versions(world=WORLD).empty


def test_repair_removes_what_no_list_names_and_spares_the_rest(store):
    store.append(one_row(), source="live", world=WORLD)
    (listed,) = store.root.rglob("*.parquet")
    orphans = [listed.with_name("f" * 64 + ".parquet"), listed.with_name(".half.tmp")]
    for orphan in orphans:
        orphan.write_bytes(listed.read_bytes()[:100])
    assert len(store.versions(world=WORLD)) == 1
    assert sorted(store.repair(WORLD).removed) == sorted(orphans)
    assert len(store.versions(world=WORLD)) == 1


def test_superseded_files_outlive_their_grace_and_readers_with_an_old_list(ledger, tmp_path, monkeypatch):
    clock = [datetime(2020, 2, 3, tzinfo=UTC)]
    store = ObservationStore(tmp_path / "o", ledger, lambda: clock[0])
    for value in (1.0, 2.0, 3.0):
        store.append(one_row(value), source="live", world=WORLD)
        clock[0] += timedelta(hours=1)
    done = store.compact(WORLD, before=clock[0], grace=timedelta(hours=1))
    assert (done.superseded, done.written, done.deleted) == (3, 1, 0)
    with ledger.read() as conn:
        old = listed_batches(conn, WORLD)
    clock[0] += timedelta(hours=2)
    assert len(store.repair(WORLD, grace=timedelta(hours=1)).removed) == 3
    store.append(one_row(4.0), source="live", world=WORLD)
    store.compact(WORLD, before=clock[0] + timedelta(hours=1), grace=timedelta(0))
    clock[0] += timedelta(hours=1)
    store.repair(WORLD, grace=timedelta(0))
    lists = [old]
    fresh = listed_batches

    def first_old_then_fresh(conn, world, **given):
        return lists.pop() if lists else fresh(conn, world, **given)

    monkeypatch.setattr("pipeline.observations.listed_batches", first_old_then_fresh)
    assert store.versions(world=WORLD)["value"].tolist() == [1.0, 2.0, 3.0, 4.0]
    assert lists == []


def test_compaction_leaves_large_and_recent_batches_alone(ledger, tmp_path):
    clock = [datetime(2020, 2, 3, tzinfo=UTC)]
    store = ObservationStore(tmp_path / "o", ledger, lambda: clock[0])
    for value in (1.0, 2.0):
        store.append(one_row(value), source="live", world=WORLD)
        clock[0] += timedelta(hours=1)
    assert store.compact(WORLD, before=clock[0] - timedelta(hours=1)).superseded == 0
    assert store.compact(WORLD, before=clock[0]).superseded == 2
    assert store.compact(WORLD, before=clock[0]).superseded == 0
