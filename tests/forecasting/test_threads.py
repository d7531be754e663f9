"""Work shared between processes: in order, ended with its parent, broken by an error and never waiting."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures.process import BrokenProcessPool

import pytest

from pipeline.threads import apart


def identity_and_process(number):
    time.sleep(0.1)
    return number, os.getpid()


def end_abruptly(number):
    os.kill(os.getpid(), signal.SIGKILL)
    return number


def say_and_wait(folder, number):
    (folder / str(os.getpid())).write_text(str(number))
    time.sleep(120)


def running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_results_come_in_order_from_other_processes():
    made = list(apart(identity_and_process, [(n,) for n in range(5)], 2))
    assert [number for number, _ in made] == list(range(5))
    assert os.getpid() not in {process for _, process in made}


def test_a_process_that_is_killed_is_an_error_and_no_wait():
    with pytest.raises(BrokenProcessPool):
        list(apart(end_abruptly, [(1,), (2,)], 2))


def test_processes_end_when_their_parent_is_killed(tmp_path):
    code = (
        "from pathlib import Path\n"
        "from pipeline.threads import apart\n"
        "from tests.forecasting.test_threads import say_and_wait\n"
        f"list(apart(say_and_wait, [(Path({str(tmp_path)!r}), 1), (Path({str(tmp_path)!r}), 2)], 2))\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code])
    workers = awaited(lambda: [int(p.name) for p in tmp_path.iterdir()], lambda found: len(found) == 2)
    parent.kill()
    parent.wait()
    left = awaited(lambda: [pid for pid in workers if running(pid)], lambda found: not found)
    assert left == []


def awaited(look, enough, seconds=60.0):
    until = time.monotonic() + seconds
    while not enough(found := look()) and time.monotonic() < until:
        time.sleep(0.05)
    return found
