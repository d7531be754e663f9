"""A backup taken while everything runs comes back whole into an empty folder, or is not taken for one."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from alerts.examples import example_content
from alerts.warnings import propose_version
from flows.backup.keeping import Keep, staying
from flows.backup.making import make_backup
from flows.backup.manifest import Manifest
from flows.backup.note import newest_note
from flows.backup.place import place_of
from flows.backup.restoring import restore_backup, verify_backup
from flows.desk import Decision, approve_version
from flows.duties import do_backup
from flows.timetable import BACKUP
from flows.workspace import open_workspace
from pipeline.errors import StorageError, UsageError
from pipeline.ledger.audit import verify_audit
from pipeline.ledger.deliveries import OutboxRow, insert_outbox, read_outbox
from pipeline.ledger.warning_tables import outbox
from pipeline.settings import Settings
from pipeline.times import parse_instant

NOW = datetime(2026, 1, 14, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
WORLD = "measured"
ROOT = Path(__file__).parents[2]
COMMAND = str(Path(sys.executable).parent / "sameair")


class Clock:
    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """Makes new data folders; the ledger is migrated once and then copied."""
    first = tmp_path_factory.mktemp("fresh")
    open_workspace(Settings(data_dir=first), Clock()).ledger.close()

    def make(folder, clock, **more):
        folder.mkdir(parents=True)
        if not os.environ.get("SAMEAIR_TEST_POSTGRES"):
            shutil.copy(first / "ledger.sqlite", folder)
        return open_workspace(Settings(data_dir=folder, **more), clock)

    return make


@pytest.fixture
def ws(tmp_path, clock, fresh):
    return fresh(tmp_path / "data", clock)


def rows(values, start="2026-01-01"):
    times = np.datetime64(start, "ns") + np.arange(len(values)) * np.timedelta64(1, "h")
    return pd.DataFrame(
        {
            "station": "a:1",
            "quantity": "pm2p5",
            "time": times,
            "value": np.array(values, "float64"),
            "qc": np.zeros(len(values), "int8"),
        }
    )


def take_in(ws, clock, number=1, seed=0):
    """Append batches, each with some new and some corrected values, an hour apart."""
    made = random.Random(seed)
    for _ in range(number):
        clock.now += HOUR
        ws.store.append(rows([made.uniform(5, 90) for _ in range(6)]), source="airkorea", world=WORLD)


def back(to, clock):
    """Open what was restored: always in SQLite, whatever it was backed up from."""
    return open_workspace(Settings(data_dir=to, ledger_url=f"sqlite+pysqlite:///{to}/ledger.sqlite"), clock)


def restored(ws, clock, place, to, backup=None):
    done = restore_backup(Settings(), str(place), to, backup, clock.now)
    return done, back(to, clock)


def as_of(ws, instants):
    return [ws.store.read(world=WORLD, as_of=t).to_csv() for t in instants]


@settings(max_examples=4, phases=[Phase.generate])
@given(
    schedule=st.lists(st.sampled_from(["take", "compact", "backup", "repair"]), min_size=3, max_size=10),
    seed=st.integers(0, 99),
)
def test_whatever_went_before_every_instant_reads_the_same_after_a_restore(
    schedule, seed, fresh, tmp_path_factory
):
    folder, clock, place = tmp_path_factory.mktemp("node"), Clock(), tmp_path_factory.mktemp("disk")
    ws = fresh(folder / "data", clock)
    take_in(ws, clock, 2, seed)
    for step, what in enumerate(schedule):
        clock.now += HOUR
        if what == "take":
            take_in(ws, clock, 2, seed + step)
        elif what == "compact":
            ws.store.compact(WORLD, before=clock.now, grace=timedelta())
        elif what == "repair":
            ws.store.repair(WORLD, grace=timedelta())
        else:
            make_backup(ws, str(place), Keep())
    clock.now += HOUR
    make_backup(ws, str(place), Keep(daily=1, weekly=0, monthly=0))
    instants = [NOW + timedelta(minutes=random.Random(seed).randrange(0, 3000)) for _ in range(8)]
    expected = as_of(ws, instants)
    _, there = restored(ws, clock, place, folder / "back")
    assert as_of(there, instants) == expected
    assert verify_backup(Settings(), str(place), None, folder / "scratch").files
    assert there.store.repair(WORLD).missing == ()


def test_a_second_backup_writes_only_what_is_new(ws, clock, tmp_path):
    (ws.settings.data_dir / "runs" / "x").mkdir(parents=True)
    (ws.settings.data_dir / "runs" / "x" / "forecast.nc").write_bytes(os.urandom(300_000))
    take_in(ws, clock, 3)
    first = make_backup(ws, str(tmp_path / "disk"), Keep())
    clock.now += HOUR
    take_in(ws, clock)
    second = make_backup(ws, str(tmp_path / "disk"), Keep())
    assert first.new_bytes > 300_000
    batches = {h.path: h.bytes for h in second.manifest.files if h.path.startswith("observations")}
    assert len(batches) == 4
    assert second.new_bytes < first.new_bytes - 200_000
    assert newest_note(ws.settings.data_dir) == (clock.now, str(tmp_path / "disk"))


def test_compaction_deletes_nothing_while_a_backup_reads(ws, clock, tmp_path, monkeypatch):
    take_in(ws, clock, 4)
    from flows.backup import making

    real, seen = making.sources_of, []

    def meanwhile(ws, batches):
        clock.now += 3 * HOUR
        found = ws.store.compact(WORLD, before=clock.now, grace=timedelta())
        clock.now += HOUR
        ws.store.repair(WORLD, grace=timedelta())
        seen.append(found)
        return real(ws, batches)

    monkeypatch.setattr(making, "sources_of", meanwhile)
    expected = as_of(ws, [NOW + 3 * HOUR])
    made = make_backup(ws, str(tmp_path / "disk"), Keep())
    assert (seen[0].superseded, seen[0].deleted) == (4, 0)
    assert sum(h.path.endswith(".parquet") for h in made.manifest.files) == 4
    _, there = restored(ws, clock, tmp_path / "disk", tmp_path / "back")
    assert as_of(there, [NOW + 3 * HOUR]) == expected
    clock.now += HOUR
    assert len(ws.store.repair(WORLD, grace=timedelta()).removed) == 4, "afterwards they go"


def test_private_keys_stay_unless_a_password_protects_them_and_it_is_said(ws, tmp_path):
    from pipeline.exchange.keys import load_or_create_key

    load_or_create_key(ws.settings.keys_dir, "seoul")
    load_or_create_key(ws.settings.keys_dir, "beijing", "a long password")
    (ws.settings.keys_dir / "keyring.toml").write_text("# limits\n")
    manifest = make_backup(ws, str(tmp_path / "disk"), Keep()).manifest
    held = {h.path for h in manifest.files if h.path.startswith("keys/")}
    assert held == {"keys/seoul.pub", "keys/beijing.pub", "keys/beijing.key", "keys/keyring.toml"}
    assert [path for path, _ in manifest.left_out] == ["keys/seoul.key"]
    assert b"BEGIN PRIVATE KEY" not in b"".join(p.read_bytes() for p in tmp_path.glob("disk/parts/*/*"))
    restore_backup(Settings(), str(tmp_path / "disk"), tmp_path / "back", None, NOW)
    assert (tmp_path / "back" / "keys" / "beijing.key").stat().st_mode & 0o077 == 0


def waiting(ws, name, state):
    content = example_content()
    key = (content.warning_id, 1, name, "a@b.example", f"<{name}>", "0" * 64)
    claim = {"claim": "here", "claimed_at": NOW} if state == "sending" else {}
    return OutboxRow(name, *key, NOW, NOW, NOW, state=state, **claim)


def test_no_message_leaves_by_itself_that_may_have_left_after_the_backup(ws, clock, tmp_path):
    with ws.ledger.write() as conn:
        propose_version(conn, example_content(), NOW)
        insert_outbox(conn, [waiting(ws, s, s) for s in ("pending", "sending", "sent", "failed")])
    make_backup(ws, str(tmp_path / "disk"), Keep())
    done, there = restored(ws, clock, tmp_path / "disk", tmp_path / "back")
    with there.ledger.read() as conn:
        states = {row.id: row.state for row in read_outbox(conn)}
        assert verify_audit(conn).ok
        told = conn.execute(sa.text("SELECT action FROM audit ORDER BY seq DESC LIMIT 1")).scalar_one()
    assert states == {"pending": "unknown", "sending": "unknown", "sent": "sent", "failed": "failed"}
    assert done.held_messages == 2
    assert told == "ledger.restored"
    with ws.ledger.read() as conn:
        kept = {row.id: row.state for row in conn.execute(sa.select(outbox))}
    assert kept["pending"] == "pending", "the ledger that was backed up is as it was"


@pytest.mark.ledger
@pytest.mark.slow
def test_a_warning_under_review_can_be_signed_after_a_restore(ws, clock, tmp_path):
    content = example_content()
    clock.now = parse_instant(content.as_of)
    with ws.ledger.write() as conn:
        propose_version(conn, content, clock.now)
    approve_version(ws, content.warning_id, None, Decision("seoul", "Kim", deliver=False))
    make_backup(ws, str(tmp_path / "disk"), Keep())
    _, there = restored(ws, clock, tmp_path / "disk", tmp_path / "back")
    for path in ws.settings.keys_dir.iterdir():
        (there.settings.keys_dir / path.name).write_bytes(path.read_bytes())
        (there.settings.keys_dir / path.name).chmod(0o600)
    approve_version(there, content.warning_id, None, Decision("beijing", "Li", deliver=False))
    with there.ledger.read() as conn:
        signed = conn.execute(sa.text("SELECT DISTINCT party FROM signatures")).scalars()
        assert set(signed) == {"seoul", "beijing"}


def test_a_backup_that_was_broken_off_is_none_and_its_remains_go(ws, clock, tmp_path, monkeypatch):
    take_in(ws, clock, 3)
    place = place_of(ws.settings, str(tmp_path / "disk"))
    from flows.backup import place as places

    real, left = places.Place.put_part, [2]

    def full(self, digest, content):
        left[0] -= 1
        if left[0] < 0:
            raise StorageError("cannot write: the disk is full; free space")
        real(self, digest, content)

    monkeypatch.setattr(places.Place, "put_part", full)
    with pytest.raises(StorageError, match="disk is full"):
        make_backup(ws, str(tmp_path / "disk"), Keep())
    assert place.names() == []
    assert newest_note(ws.settings.data_dir) is None
    assert not list(ws.settings.data_dir.glob(".backup-*"))
    with pytest.raises(UsageError, match="no backup"):
        verify_backup(Settings(), str(tmp_path / "disk"), None, tmp_path / "scratch")
    monkeypatch.setattr(places.Place, "put_part", real)
    place.files.put(f"parts/ab/{'ab' * 32}", b"of a killed one")
    made = make_backup(ws, str(tmp_path / "disk"), Keep())
    assert place.parts() == made.manifest.parts()


def damage(place, manifest, path, how):
    part = next(h for h in manifest.files if h.path.startswith(path)).parts[0]
    file = place / "parts" / part[:2] / part
    if how == "gone":
        file.unlink()
    else:
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)


@pytest.mark.parametrize("how", ["gone", "flipped"])
@pytest.mark.parametrize("path", ["ledger.sqlite", "observations"])
def test_a_damaged_backup_is_noticed_and_cannot_be_worked_on(ws, clock, tmp_path, path, how):
    take_in(ws, clock, 2)
    made = make_backup(ws, str(tmp_path / "disk"), Keep())
    damage(tmp_path / "disk", made.manifest, path, how)
    with pytest.raises(StorageError, match=r"lacks parts|damaged"):
        verify_backup(Settings(), str(tmp_path / "disk"), None, tmp_path / "scratch")
    with pytest.raises(StorageError, match=r"is gone|damaged"):
        restored(ws, clock, tmp_path / "disk", tmp_path / "back")
    with pytest.raises(StorageError, match="broken off; repeat"):
        back(tmp_path / "back", clock)


def test_an_altered_manifest_is_refused(ws, tmp_path):
    make_backup(ws, str(tmp_path / "disk"), Keep())
    (file,) = (tmp_path / "disk" / "backups").iterdir()
    file.write_bytes(file.read_bytes().replace(b'"batches"', b'"butches"'))
    with pytest.raises(StorageError, match="altered"):
        restore_backup(Settings(), str(tmp_path / "disk"), tmp_path / "back", None, NOW)


def test_a_folder_in_use_a_newer_ledger_and_a_strange_place_are_refused(ws, clock, fresh, tmp_path):
    disk = tmp_path / "disk"
    made = make_backup(ws, str(disk), Keep())
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "note").touch()
    with pytest.raises(UsageError, match="not empty"):
        restore_backup(Settings(), str(disk), tmp_path / "used", None, NOW)
    newer = Manifest(**{**vars(made.manifest), "revision": "9999", "made_at": NOW + HOUR})
    place_of(ws.settings, str(disk)).put_manifest(newer)
    with pytest.raises(UsageError, match="install the newer one"):
        restore_backup(Settings(), str(disk), tmp_path / "back", None, NOW)
    other = fresh(tmp_path / "other", clock)
    with pytest.raises(UsageError, match="another data folder"):
        make_backup(other, str(disk), Keep())
    for wrong in (ws.settings.data_dir / "backup", tmp_path, "ftp://host/x", ""):
        with pytest.raises(UsageError):
            make_backup(ws, str(wrong), Keep())


def test_a_restore_that_was_broken_off_goes_on_with_the_same_backup_alone(ws, clock, tmp_path, monkeypatch):
    take_in(ws, clock, 3)
    disk, to = str(tmp_path / "disk"), tmp_path / "back"
    first = make_backup(ws, disk, Keep()).manifest
    clock.now += HOUR
    make_backup(ws, disk, Keep(daily=5))
    from flows.backup import restoring

    real = restoring.bring_back
    monkeypatch.setattr(restoring, "bring_back", lambda *a: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        restore_backup(Settings(), disk, to, None, NOW)
    monkeypatch.setattr(restoring, "bring_back", real)
    with pytest.raises(StorageError, match="broken off"):
        back(to, clock)
    names = place_of(ws.settings, disk).names()
    if len(names) > 1:
        with pytest.raises(UsageError, match="empty the folder first"):
            restore_backup(Settings(), disk, to, first.id, NOW)
    restore_backup(Settings(), disk, to, None, NOW)
    assert as_of(back(to, clock), [clock.now]) == as_of(ws, [clock.now])


@given(
    days=st.lists(st.integers(0, 800), min_size=1, max_size=60, unique=True),
    keep=st.tuples(st.integers(1, 9), st.integers(0, 6), st.integers(0, 14)),
)
def test_the_newest_of_each_day_week_and_month_stays(days, keep):
    taken = [NOW - timedelta(days=d) for d in sorted(days)]
    names = [f"{t:%Y%m%dT%H%M%S}.000000Z-x.json" for t in taken]
    stays = staying(names, Keep(*keep))
    assert names[0] in stays
    assert set(names[: keep[0]]) <= stays
    months = sorted({(t.year, t.month) for t in taken}, reverse=True)[: keep[2]]
    assert all(
        any((t.year, t.month) == m and n in stays for t, n in zip(taken, names, strict=True)) for m in months
    )
    assert len(stays) <= sum(keep)


def test_older_backups_go_and_what_stays_is_whole(ws, clock, tmp_path):
    for day in range(5):
        take_in(ws, clock, 1, day)
        clock.now += timedelta(days=1)
        made = make_backup(ws, str(tmp_path / "disk"), Keep(daily=2, weekly=0, monthly=0))
        ws.store.compact(WORLD, before=clock.now, grace=timedelta())
    place = place_of(ws.settings, str(tmp_path / "disk"))
    assert len(place.names()) == 2
    assert len(made.removed) == 1
    for name in place.names():
        verify_backup(Settings(), str(tmp_path / "disk"), name[:15], tmp_path / "scratch")


def test_batches_and_products_on_object_storage_come_back_and_backups_may_lie_there(
    s3_server, clock, tmp_path
):
    from tests.fakes.s3 import storage_settings

    bucket = s3_server.new_bucket()
    own = storage_settings(tmp_path / "data", s3_server.endpoint, bucket, storage_url=f"s3://{bucket}/node")
    ws = open_workspace(own, clock)
    take_in(ws, clock, 3)
    made = make_backup(ws, f"s3://{bucket}/elsewhere", Keep())
    assert sum(h.path.endswith(".parquet") for h in made.manifest.files) == 3
    with pytest.raises(UsageError, match="elsewhere"):
        make_backup(ws, f"s3://{bucket}/node", Keep())
    restore_backup(own, f"s3://{bucket}/elsewhere", tmp_path / "back", None, NOW)
    instants = [NOW + n * HOUR for n in range(5)]
    assert as_of(back(tmp_path / "back", clock), instants) == as_of(ws, instants)


def test_the_nightly_duty_backs_up_where_the_settings_say(ws, clock, tmp_path):
    assert "no place" in do_backup(ws, BACKUP, NOW)["left"]
    named = ws.settings.model_copy(update={"backup_to": str(tmp_path / "disk"), "backup_keep": (1, 0, 0)})
    told = do_backup(open_workspace(named, clock), BACKUP, NOW)
    clock.now += timedelta(days=1)
    again = do_backup(open_workspace(named, clock), BACKUP, clock.now)
    assert (told["removed"], again["removed"]) == (0, 1)
    assert json.loads((named.data_dir / "backup.json").read_text())["to"] == str(tmp_path / "disk")


def sameair(*words, env=None):
    return subprocess.run(
        [COMMAND, *map(str, words)], cwd=ROOT, env=env or {}, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_on_an_empty_machine_the_service_goes_on(prefect_server, done, tmp_path):
    """A simulated world is backed up by a process that is killed once, and restored by commands alone."""
    env = {k: v for k, v in os.environ.items() if k.startswith("PREFECT_")}
    data, disk, to = done.settings.data_dir, tmp_path / "disk", tmp_path / "back"
    began = subprocess.Popen(
        [COMMAND, "backup", "--data-dir", str(data), "--to", str(disk)], cwd=ROOT, env={}
    )
    while began.poll() is None and not list(disk.glob("parts/*/*")):
        pass
    began.send_signal(signal.SIGKILL)
    began.wait()
    assert not list(disk.glob("backups/*.json"))
    made = sameair("backup", "--data-dir", data, "--to", disk, "--json")
    assert made.returncode == 0, made.stderr
    assert sameair("restore", "--from", disk, "--to", to).returncode == 0
    for path in (data / "keys").iterdir():
        (to / "keys" / path.name).write_bytes(path.read_bytes())
        (to / "keys" / path.name).chmod(0o600)
    assert sameair("audit", "verify", "--data-dir", to).returncode == 0
    before = sorted(p.name for p in to.glob("outbox/*"))
    sent = sameair("deliver", "--data-dir", to)
    assert sent.returncode in (0, 3), sent.stderr
    assert sorted(p.name for p in to.glob("outbox/*")) == before, "no mail is sent again"
    ran = sameair("run", "--data-dir", to, env=env)
    assert ran.returncode in (0, 3), ran.stderr
