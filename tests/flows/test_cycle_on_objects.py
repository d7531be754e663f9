"""A whole cycle with its batches, fields, models and products on object storage, beside one on the disk."""

import hashlib
import os
import shutil
import subprocess
import sys

import pandas as pd
import pytest

from flows.model_views import model_rows
from flows.runview import read_run
from flows.storage_copy import copy_store
from flows.workspace import open_workspace
from pipeline.ledger.runs import newest_current_run
from pipeline.settings import Settings
from tests.fakes.s3 import KEY, REGION, SECRET, storage_settings

WORLD = "simulated-5"
pytestmark = [pytest.mark.slow, pytest.mark.flows, pytest.mark.timeout(1200)]


def sameair(folder, *given, **settings):
    told = {f"SAMEAIR_{name.upper()}": value for name, value in settings.items()}
    main = "import sys; from cli.main import main; sys.exit(main())"
    command = [sys.executable, "-c", main, *given, "--data-dir", str(folder)]
    done = subprocess.run(command, env={**os.environ, **told}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def digests(ws):
    """Return the digest of every product of the newest run, and of the models."""
    with ws.ledger.read() as conn:
        run = newest_current_run(conn, WORLD)
    files = {name: ws.settings.data_dir / where for name, where in run.products.items()}
    found = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}
    models = {path.name for path in ws.settings.models_dir.rglob("*.model")}
    return run, found | {"models": models}


def test_a_cycle_gives_the_same_bytes_and_another_machine_reads_them(s3_server, tmp_path):
    bucket = s3_server.new_bucket()
    given = {
        "storage_url": f"s3://{bucket}/node",
        "storage_endpoint": s3_server.endpoint,
        "storage_region": REGION,
        "storage_key_id": KEY,
        "storage_secret": SECRET,
    }
    sameair(tmp_path / "disk", "run")
    sameair(tmp_path / "objects", "run", **given)
    here = open_workspace(Settings(data_dir=tmp_path / "disk"))
    there = open_workspace(storage_settings(tmp_path / "objects", s3_server.endpoint, bucket))
    _, on_disk = digests(here)
    run, on_objects = digests(there)
    assert on_disk == on_objects
    assert len(on_disk) > 8
    assert not (tmp_path / "objects" / "observations").exists()
    # Sources are stored side by side: which of them gets the earlier microsecond is left to chance.
    stored = [ws.store.versions(world=WORLD).drop(columns="received_at") for ws in (here, there)]
    pd.testing.assert_frame_equal(*stored)
    known = [ws.store.read(world=WORLD, as_of=run.as_of) for ws in (here, there)]
    pd.testing.assert_frame_equal(*known)

    ledger = there.settings.ledger
    other = storage_settings(tmp_path / "other", s3_server.endpoint, bucket, ledger_url=ledger)
    shutil.copytree(tmp_path / "objects" / "keys", tmp_path / "other" / "keys")
    elsewhere = open_workspace(other)
    assert read_run(elsewhere, run.id).forecast.equals(read_run(there, run.id).forecast)
    assert model_rows(elsewhere, WORLD) == model_rows(there, WORLD)
    pd.testing.assert_frame_equal(elsewhere.store.read(world=WORLD, as_of=run.as_of), known[0])

    rows, missing = copy_store(there, str(tmp_path / "back"))
    assert missing == []
    assert all(row["copied"] > 0 for row in rows)
    rows, missing = copy_store(there, str(tmp_path / "back"))
    assert all(row["copied"] == 0 for row in rows)
    for ws in (here, there, elsewhere):
        ws.ledger.close()
