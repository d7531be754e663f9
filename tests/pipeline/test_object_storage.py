"""Batches on a real S3-compatible server: whatever goes wrong on the way, nothing half done is visible."""

import hashlib
import json
import logging
import os
import pickle
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from pydantic import SecretStr

from pipeline.errors import StorageError
from pipeline.ledger import open_ledger
from pipeline.ledger.batches import listed_batches
from pipeline.observations import ObservationStore
from pipeline.settings import Settings
from pipeline.storage.bucket import StorageRefused, StorageUnavailable
from pipeline.storage.cache import Cache
from pipeline.storage.objects import ObjectFolder
from pipeline.storage.opening import OBSERVATIONS, stored_in
from pipeline.times import system_clock
from tests.fakes.s3 import KEY, SECRET, bad_way, serving_s3, storage_settings

WORLD = "simulated-9"


def rows(value=1.0, station="a:1", hours=3):
    times = np.datetime64("2020-01-30", "ns") + np.arange(hours) * np.timedelta64(1, "h")
    zeros = np.zeros(hours, "int8")
    return pd.DataFrame({"station": station, "quantity": "pm2p5", "time": times, "value": value, "qc": zeros})


def named(content: bytes) -> str:
    return f"{WORLD}/live/2020-01/{hashlib.sha256(content).hexdigest()}.parquet"


@pytest.fixture
def store(objects, ledger):
    return ObservationStore(objects, ledger, system_clock)


@pytest.fixture
def way(s3_server):
    with bad_way(s3_server) as way:
        yield way


def over(way, objects, *, attempts=3, timeout=1.0):
    """The same objects, reached over a way that goes wrong, without a cache."""
    return ObjectFolder(
        replace(objects.bucket, endpoint=way.endpoint, attempts=attempts, timeout=timeout), objects.name
    )


def test_what_is_put_is_there_whole_until_it_is_deleted(objects):
    key, content = named(b"hello"), b"hello"
    assert not objects.has(key)
    with pytest.raises(FileNotFoundError):
        objects.read(key)
    objects.put(key, content)
    objects.put(key, content)
    objects.put(f"{WORLD}/other/2020-01/odd 대기 %2F+.parquet", b"1")
    assert objects.has(key)
    assert objects.read(key) == content
    assert list(objects.keys(f"{WORLD}/live")) == [key]
    assert len(list(objects.keys(WORLD))) == 2
    assert list(objects.keys("simulated")) == [], "a prefix is whole names of folders"
    objects.delete([key, "never/there"])
    assert not objects.has(key)


@pytest.mark.slow
def test_more_objects_than_a_page_are_listed_and_deleted(objects):
    keys = [f"{WORLD}/x/2020-01/{n:04}" for n in range(1003)]
    list(objects.each(lambda key: objects.put(key, b"1"), keys))
    assert list(objects.keys(WORLD)) == keys
    objects.delete(keys)
    assert list(objects.keys(WORLD)) == []


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["slow down", "reset", "cut upload", "hang"])
def test_a_put_that_fails_is_tried_again(objects, way, fault):
    content = os.urandom(300_000)
    over(way, objects).put("x/first", b"1")
    way.go_wrong(fault, times=2)
    over(way, objects).put(named(content), content)
    assert way.met == 2
    assert objects.read(named(content)) == content


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["slow down", "reset", "cut answer", "hang"])
def test_an_answer_that_breaks_off_is_asked_for_again(objects, way, fault):
    content = os.urandom(300_000)
    objects.put(named(content), content)
    way.go_wrong(fault, times=2, cut_at=100_000)
    assert over(way, objects).read(named(content)) == content
    assert way.met == 2


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["slow down", "cut upload", "hang"])
def test_a_server_that_keeps_failing_leaves_nothing_visible_and_the_append_can_be_repeated(
    objects, way, ledger, fault
):
    store = ObservationStore(over(way, objects, attempts=2, timeout=0.5), ledger, system_clock)
    store.append(rows(1.0), source="live", world=WORLD)
    way.go_wrong(fault, times=99)
    with pytest.raises(StorageUnavailable, match="2 attempts; see whether the server runs"):
        store.append(rows(2.0), source="live", world=WORLD)
    way.go_wrong("")
    assert store.read(world=WORLD, as_of=system_clock())["value"].tolist() == [1.0] * 3
    assert len(list(objects.keys(WORLD))) == 1
    assert store.append(rows(2.0), source="live", world=WORLD).rows_written == 3
    assert store.read(world=WORLD, as_of=system_clock())["value"].tolist() == [2.0] * 3


def test_a_server_that_is_down_is_named(objects):
    gone = ObjectFolder(replace(objects.bucket, endpoint="http://127.0.0.1:9", attempts=2), OBSERVATIONS)
    for ask in (lambda: gone.put("x", b"1"), lambda: gone.has("x"), lambda: list(gone.keys(WORLD))):
        with pytest.raises(StorageUnavailable, match=r"storage s3://.* 2 attempts"):
            ask()


def test_a_bucket_that_is_not_there_is_named(objects):
    lost = ObjectFolder(replace(objects.bucket, url="s3://nowhere-at-all"), OBSERVATIONS)
    for ask in (lambda: lost.put("x", b"1"), lambda: lost.read("x"), lambda: list(lost.keys(WORLD))):
        with pytest.raises(StorageRefused, match="there is no such bucket; make it, or put SAMEAIR"):
            ask()


POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::air-node"},
        {
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"],
            "Resource": "arn:aws:s3:::air-node/seoul/*",
        },
    ],
}
BULK = {"Effect": "Allow", "Action": "s3:DeleteObject", "Resource": "arn:aws:s3:::air-node"}
"""Of this server: it asks for the right on the bucket where S3 asks for it on each object that is deleted."""


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A server that checks signatures and rights; the credentials of one who may do what the policy says."""
    with serving_s3(tmp_path_factory.mktemp("guarded"), INITIAL_NO_AUTH_ACTION_COUNT="4") as server:
        server.client(region_name="us-east-1").create_bucket(Bucket="air-node")
        iam = server.client("iam")
        iam.create_user(UserName="node")
        rights = {**POLICY, "Statement": [*POLICY["Statement"], BULK]}
        iam.put_user_policy(UserName="node", PolicyName="least", PolicyDocument=json.dumps(rights))
        made = iam.create_access_key(UserName="node")["AccessKey"]
        yield server.endpoint, made["AccessKeyId"], made["SecretAccessKey"]


def as_node(tmp_path, guarded, **more):
    endpoint, key_id, secret = guarded
    given = {"storage_key_id": SecretStr(key_id), "storage_secret": SecretStr(secret), **more}
    return storage_settings(tmp_path, endpoint, "air-node", storage_url="s3://air-node/seoul", **given)


def test_the_documented_rights_are_enough(guarded, tmp_path, ledger):
    settings = as_node(tmp_path, guarded)
    store = ObservationStore(stored_in(settings, OBSERVATIONS), ledger, system_clock, 3)
    for value in (1.0, 2.0, 3.0):
        store.append(rows(value), source="live", world=WORLD)
    store.compact(WORLD, before=system_clock(), grace=timedelta(0))
    assert store.repair(WORLD).missing == ()
    assert store.read(world=WORLD, as_of=system_clock())["value"].tolist() == [3.0] * 3


def test_the_documented_rights_stand_in_the_documentation():
    from tests.test_architecture import ROOT

    text = (ROOT / "docs" / "object-storage.md").read_text("utf-8")
    shown = json.loads(text.partition("```json\n")[2].partition("```")[0])
    actions = [statement["Action"] for statement in shown["Statement"]]
    assert actions == [statement["Action"] for statement in POLICY["Statement"]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"storage_secret": SecretStr("wrong-secret")}, "the secret does not fit the access key"),
        ({"storage_key_id": SecretStr("AKIANOBODY")}, "the access key is unknown"),
        ({"storage_url": "s3://air-node/beijing"}, r"it is not allowed \(AccessDenied\); see docs/object"),
    ],
)
def test_wrong_credentials_and_lacking_rights_are_named_without_the_secret(
    guarded, tmp_path, change, message, caplog
):
    settings = as_node(tmp_path, guarded).model_copy(update=change)
    secret = settings.storage_secret.get_secret_value()
    with caplog.at_level(logging.INFO), pytest.raises(StorageRefused, match=message) as caught:
        stored_in(settings, OBSERVATIONS).put("x/y", b"1")
    told = "".join([str(caught.value), repr(caught.value.__cause__), caplog.text])
    assert secret not in told
    assert "\n" not in str(caught.value)


def test_the_place_travels_to_other_processes_and_shows_no_secret(objects):
    assert SECRET not in repr(objects)
    assert KEY not in repr(objects)
    there = pickle.loads(pickle.dumps(objects))
    there.put("x/y", b"1")
    assert objects.has("x/y")


def test_an_object_that_is_not_what_it_is_named_is_damaged(objects, store, s3_server):
    store.append(rows(), source="live", world=WORLD)
    (key,) = objects.keys(WORLD)
    bucket = objects.bucket
    whole = objects.read(key)
    s3_server.client().put_object(
        Bucket=bucket.name, Key=f"{bucket.prefix}{OBSERVATIONS}/{key}", Body=whole[:-9]
    )
    elsewhere = ObservationStore(replace(objects, cache=None), store.ledger, system_clock)
    with pytest.raises(StorageError, match="damaged; restore it from a backup or an earlier version"):
        elsewhere.versions(world=WORLD)
    assert len(store.versions(world=WORLD)) == 3, "the cache holds what was right"


def test_a_lost_object_is_named(objects, store):
    store.append(rows(), source="live", world=WORLD)
    (key,) = objects.keys(WORLD)
    objects.delete([key])
    elsewhere = ObservationStore(replace(objects, cache=None), store.ledger, system_clock)
    with pytest.raises(StorageError, match="a listed batch is gone"):
        elsewhere.versions(world=WORLD)
    assert elsewhere.repair(WORLD).missing == (objects.shown(key),)


def test_a_damaged_copy_in_the_cache_is_fetched_anew(objects):
    content = b"forecast" * 1000
    objects.put(named(content), content)
    (copy,) = (p for p in objects.cache.folder.rglob("*") if p.is_file())
    copy.write_bytes(b"nonsense")
    assert objects.read(named(content)) == content
    assert copy.read_bytes() == content


def test_a_cut_copy_of_a_batch_in_the_cache_is_fetched_anew(objects, store):
    store.append(rows(), source="live", world=WORLD)
    (copy,) = (p for p in objects.cache.folder.rglob("*") if p.is_file())
    copy.write_bytes(copy.read_bytes()[:-9])
    assert len(store.versions(world=WORLD)) == 3


def test_the_cache_stays_within_its_limit_and_keeps_what_was_used_last(tmp_path):
    cache = Cache(tmp_path / "cache", limit=100_000)
    for n in range(60):
        cache.keep(f"{n:02}" * 32, b"x" * 5000)
        os.utime(cache.folder / f"{n:02}" / (f"{n:02}" * 32), (n, n))
    held = sorted(p.name[:2] for p in cache.folder.rglob("*") if p.is_file())
    assert sum(p.stat().st_size for p in cache.folder.rglob("*") if p.is_file()) <= 100_000
    assert held[-1] == "59"
    assert held == [f"{n:02}" for n in range(60 - len(held), 60)]
    assert cache.keep("ff" * 32, b"x" * 100_001) is None


def test_a_cache_that_cannot_be_written_changes_nothing(objects, ledger, tmp_path):
    (tmp_path / "file").write_text("no folder")
    odd = replace(objects, cache=Cache(tmp_path / "file" / "cache", 10**6))
    store = ObservationStore(odd, ledger, system_clock)
    store.append(rows(), source="live", world=WORLD)
    assert len(store.versions(world=WORLD)) == 3


@pytest.mark.slow
def test_without_a_cache_only_the_wanted_part_of_a_large_batch_travels(
    objects, ledger, s3_server, monkeypatch
):
    plain = replace(objects, cache=None)
    store = ObservationStore(plain, ledger, system_clock)
    rng = np.random.default_rng(1)
    many = pd.concat([rows(rng.gamma(2, 20, 500), f"s:{n:04}", 500) for n in range(400)])
    store.append(many, source="live", world=WORLD)
    with ledger.read() as conn:
        size = max(batch.bytes for batch in listed_batches(conn, WORLD))
    assert size > 2**20, "the batch must be one that is not read whole"
    parts, part = [], ObjectFolder.part
    monkeypatch.setattr(
        ObjectFolder, "part", lambda self, key, a, b: parts.append(b - a) or part(self, key, a, b)
    )
    assert len(store.versions(world=WORLD, stations=["s:0007"])) == 500
    assert 0 < sum(parts) < size / 2


KILLED = """
import os, sys
import pipeline.observations
from tests.pipeline.test_object_storage import opened, rows, WORLD
pipeline.observations.list_batches = lambda *_: os._exit(9)
opened(sys.argv[1]).append(rows(), source="live", world=WORLD)
"""
WRITER = """
import sys
from tests.pipeline.test_object_storage import opened, rows, WORLD
store = opened(sys.argv[1])
for n in range(int(sys.argv[2]), int(sys.argv[2]) + 6):
    print(store.append(rows(1.0, f"n:{n}"), source="live", world=WORLD).rows_written, flush=True)
"""


def opened(told):
    """A store of another process, from the settings that it is told, with a data folder of its own."""
    settings = Settings.model_validate_json(told)
    return ObservationStore(stored_in(settings, OBSERVATIONS), open_ledger(settings.ledger), system_clock, 3)


def told(settings: Settings) -> str:
    plain = settings.model_dump(mode="json", exclude_defaults=True)
    return json.dumps(plain | {"storage_key_id": KEY, "storage_secret": SECRET})


def begun(code, *given):
    return subprocess.Popen([sys.executable, "-c", code, *map(str, given)], stdout=subprocess.PIPE, text=True)


@pytest.fixture
def node(s3_server, bucket, tmp_path, ledger):
    """Settings of a node: batches in the bucket, the ledger a file that other processes open, too."""

    def node(name: str) -> Settings:
        url = f"s3://{bucket}/{tmp_path.name}"
        place = f"sqlite:///{tmp_path}/ledger.sqlite"
        return storage_settings(
            tmp_path / name, s3_server.endpoint, bucket, storage_url=url, ledger_url=place
        )

    return node


@pytest.mark.slow
def test_a_writer_killed_between_object_and_listing_is_seen_by_nobody(node):
    settings = node("one")
    killed = begun(KILLED, told(settings))
    assert killed.wait(60) == 9
    killed.stdout.close()
    store = opened(told(settings))
    left = list(store.files.keys(WORLD))
    assert len(left) == 1, "the test has no teeth"
    assert store.versions(world=WORLD).empty
    assert store.repair(WORLD).removed == (store.files.shown(left[0]),)
    assert store.append(rows(), source="live", world=WORLD).rows_written == 3
    assert len(store.versions(world=WORLD)) == 3
    store.ledger.close()


@pytest.mark.slow
def test_two_processes_with_folders_of_their_own_lose_and_repeat_nothing(node):
    writers = [begun(WRITER, told(node(name)), first) for name, first in (("one", 0), ("two", 3))]
    written = [int(line) for writer in writers for line in writer.communicate(timeout=280)[0].split()]
    assert [writer.returncode for writer in writers] == [0, 0]
    assert sorted(written) == [0, 0, 0, *[3] * 9], "what both wrote is stored once"
    store = opened(told(node("three")))
    found = store.versions(world=WORLD)
    assert len(found) == 9 * 3
    assert not found.duplicated(["station", "time"]).any()
    assert store.repair(WORLD, grace=timedelta(0)).missing == ()
    pd.testing.assert_frame_equal(store.versions(world=WORLD), found)
    store.ledger.close()


def test_a_writer_whose_lock_was_lost_lists_nothing(store, monkeypatch):
    def lost():
        raise StorageError("the lock was lost; repeat")

    store.append(rows(), source="live", world=WORLD)
    with monkeypatch.context() as patched:
        patched.setattr(ObjectFolder, "turn", lambda *_: nullcontext(lost))
        with pytest.raises(StorageError, match="lock was lost"):
            store.append(rows(2.0), source="live", world=WORLD)
        store.files.put(f"{WORLD}/live/2020-01/unlisted.parquet", b"1")
        with pytest.raises(StorageError, match="lock was lost"):
            store.repair(WORLD)
    assert store.read(world=WORLD, as_of=system_clock())["value"].tolist() == [1.0] * 3
    assert len(store.repair(WORLD).removed) == 1


def test_compaction_keeps_what_other_readers_may_have_open_and_then_deletes_it(objects, ledger):
    store = ObservationStore(objects, ledger, system_clock)
    for value in (1.0, 2.0, 3.0):
        store.append(rows(value), source="live", world=WORLD)
    before = store.versions(world=WORLD)
    assert store.compact(WORLD, before=system_clock()).superseded == 3
    assert len(list(objects.keys(WORLD))) == 4
    assert len(store.repair(WORLD, grace=timedelta(0)).removed) == 3
    assert len(list(objects.keys(WORLD))) == 1
    pd.testing.assert_frame_equal(store.versions(world=WORLD), before)
