"""``sameair worker`` becomes a worker of one thread, or says what it needs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app, explained
from pipeline.heavy import Errand, heavy_work
from tests.pipeline.heavy_errands import cluster_of, threads_used


def test_without_a_scheduler_it_says_how_to_name_one(tmp_path):
    done = CliRunner().invoke(app, ["worker", "--data-dir", str(tmp_path)])
    text, code = explained(done.exception)
    assert code == 2
    assert "--scheduler tcp://host:port" in text


def test_it_becomes_a_worker_of_the_setting_with_one_thread_for_every_library(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(os, "execve", lambda path, words, env: seen.append((path, words, env)))
    monkeypatch.setenv("SAMEAIR_HEAVY_WORK", "tcp://127.0.0.1:8786")
    words = ["worker", "--processes", "3", "--data-dir", str(tmp_path)]
    CliRunner().invoke(app, words, catch_exceptions=False)
    (path, words, env), *more = seen
    assert (path, more) == (sys.executable, [])
    assert "tcp://127.0.0.1:8786" in words
    assert words[words.index("--nthreads") + 1] == "1"
    assert words[words.index("--nworkers") + 1] == "3"
    assert {env["OMP_NUM_THREADS"], env["OPENBLAS_NUM_THREADS"]} == {"1"}
    assert env["SAMEAIR_DATA_DIR"] == str(tmp_path)


@pytest.mark.slow
def test_a_scheduler_gets_a_worker_that_works_and_ends_when_told(tmp_path):
    with cluster_of(tmp_path, 0) as cluster:
        words = ["-c", "from cli.main import main; main()", "worker", "--scheduler", cluster.url]
        with (tmp_path / "worker.log").open("wb") as log:
            worker = subprocess.Popen(
                [sys.executable, *words, "--data-dir", str(tmp_path)],
                stdout=log,
                stderr=log,
                cwd=Path(__file__).parents[2],
            )
        cluster.processes.append(worker)
        with heavy_work(cluster.url, tmp_path / "heavy") as heavy:
            assert list(heavy.ordered(threads_used, [Errand("a", ())])) == [1]
        worker.terminate()
        assert worker.wait(60) is not None
