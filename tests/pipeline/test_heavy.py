"""Heavy work in processes of this machine: the same results in order, and none lost when processes die."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from pipeline.errors import HeavyWorkError, NoUsableModel, StorageError, UsageError
from pipeline.heavy import HERE, Errand, heavy_work
from pipeline.heavy_inputs import Inputs, opened
from pipeline.heavy_pins import check_pins, pins_here
from tests.pipeline.heavy_errands import (
    always_dies,
    awaited,
    die_once,
    fails,
    product_of,
    running,
    say_and_wait,
    threads_used,
    where_and_what,
    write_to,
)

TABLE = np.random.default_rng(3).standard_normal((9, 4000))


def errands(numbers, *more):
    return [Errand(f"errand {n}", (n, *more)) for n in numbers]


@pytest.fixture(scope="module")
def beside(tmp_path_factory):
    with heavy_work("2", tmp_path_factory.mktemp("inputs")) as heavy:
        yield heavy


def test_results_come_in_order_from_two_processes_and_are_the_same_as_here(beside):
    far = list(beside.ordered(where_and_what, errands(range(8), 0.05), shared=(TABLE,)))
    near = list(HERE.ordered(where_and_what, errands(range(8)), shared=(TABLE,)))
    assert [one[:2] for one in far] == [one[:2] for one in near]
    processes = {one[2] for one in far}
    assert len(processes) == 2
    assert os.getpid() not in processes


def test_processes_stay_for_the_next_round(beside):
    rounds = [{p for *_, p in beside.ordered(where_and_what, errands(range(4), 0.1), (TABLE,))} for _ in "ab"]
    assert rounds[0] == rounds[1]


def test_every_errand_runs_on_one_thread_with_the_same_last_digit(beside):
    two = [Errand("a", ()), Errand("b", ())]
    assert set(beside.ordered(threads_used, two)) == {1}
    ours, theirs = (list(place.ordered(product_of, errands(range(2)))) for place in (HERE, beside))
    assert all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_few_errands_are_drawn_ahead_of_who_listens(beside):
    drawn = []
    source = (drawn.append(n) or Errand(str(n), (n, 0.01)) for n in range(50))
    results = beside.ordered(where_and_what, source, (TABLE,))
    next(results)
    assert len(drawn) <= 2 * 2 + 2
    results.close()


def test_errors_of_ours_come_back_as_they_are_and_others_name_errand_and_place(beside):
    for place in (HERE, beside):
        with pytest.raises(NoUsableModel, match="too little"):
            list(place.ordered(fails, [Errand("x", ("ours",)), Errand("y", ("ours",))]))
        with pytest.raises(
            HeavyWorkError, match=r"^x: ValueError: a strange value \(tests.*in fails, on "
        ) as told:
            list(place.ordered(fails, [Errand("x", ("other",)), Errand("y", ("other",))]))
        assert "\n" not in str(told.value)


@pytest.mark.slow
def test_an_errand_whose_process_is_killed_is_done_by_another(tmp_path):
    with heavy_work("2", tmp_path) as heavy:
        found = list(heavy.ordered(die_once, errands(range(5), 0.05), shared=(str(tmp_path),)))
    assert found == [0, 1, 4, 9, 16]
    assert (tmp_path / "died").exists()


@pytest.mark.slow
def test_an_errand_that_kills_every_process_is_named_and_the_others_are_not_blamed(tmp_path):
    with (
        heavy_work("2", tmp_path) as heavy,
        pytest.raises(HeavyWorkError, match=r"^errand 1: 3 processes ended"),
    ):
        list(heavy.ordered(always_dies, errands(range(4))))


def test_shared_inputs_cannot_be_written_to(beside):
    with pytest.raises(HeavyWorkError, match="read-only"):
        list(beside.ordered(write_to, [Errand("a", ()), Errand("b", ())], shared=(np.zeros(10_000),)))


def test_who_stops_listening_ends_what_is_under_way(tmp_path):
    with heavy_work("2", tmp_path / "inputs") as heavy:
        (tmp_path / "pids").mkdir()
        two = [Errand("a", (str(tmp_path / "pids"), 0.2)), Errand("b", (str(tmp_path / "pids"), 120.0))]
        results = heavy.ordered(say_and_wait, two)
        next(results)
        begun = time.monotonic()
    pids = [int(p.name) for p in (tmp_path / "pids").iterdir()]
    results.close()
    assert time.monotonic() - begun < 30
    assert awaited(lambda: [p for p in pids if running(p)], lambda left: not left) == []
    assert list((tmp_path / "inputs").glob("job-*")) == []


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_processes_end_with_their_parent(tmp_path, how):
    (tmp_path / "pids").mkdir()
    code = (
        # where the suite itself runs in the background of a shell, its children ignore Ctrl-C
        "import signal\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from pipeline.heavy import Errand, heavy_work\n"
        "from tests.pipeline.heavy_errands import say_and_wait\n"
        f"folder = {str(tmp_path / 'pids')!r}\n"
        "if __name__ == '__main__':\n"
        "    with heavy_work('2') as heavy:\n"
        "        list(heavy.ordered(say_and_wait, [Errand(n, (folder,)) for n in 'ab']))\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE)
    pids = awaited(
        lambda: [int(p.name) for p in (tmp_path / "pids").iterdir()], lambda found: len(found) == 2
    )
    parent.send_signal(how)
    parent.communicate(timeout=280)
    assert awaited(lambda: [p for p in pids if running(p)], lambda left: not left) == []


@pytest.mark.parametrize("where", ["-1", "two", "http://x:1", "tcp://x", "tcp://x:1/y", "1000"])
def test_places_that_are_none_are_refused(where):
    with pytest.raises(UsageError, match="SAMEAIR_HEAVY_WORK"), heavy_work(where):
        pass


def test_inputs_come_back_bit_for_bit_and_are_laid_down_once(tmp_path):
    value = {
        "a": TABLE,
        "b": [TABLE[:, 0].astype("f2"), np.array(["x"], object)],
        "c": np.asfortranarray(TABLE),
    }
    with Inputs(tmp_path) as inputs:
        laid = inputs.laid(value)
        assert inputs.laid(value) is laid
        for found in (opened(laid), opened(laid, laid.path.read_bytes())):
            assert np.array_equal(found["a"], TABLE)
            assert np.array_equal(found["c"], TABLE)
            assert found["c"].flags.f_contiguous
            assert found["b"][1].tolist() == ["x"]
            assert found["a"].ctypes.data % 16 == 0
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_input_is_refused(tmp_path):
    with Inputs(tmp_path) as inputs:
        laid = inputs.laid(TABLE.copy())
        content = bytearray(laid.path.read_bytes())
        content[-1] ^= 1
        laid.path.write_bytes(content)
        with pytest.raises(HeavyWorkError, match="not what was laid down"):
            opened(laid)


def test_folders_of_jobs_that_died_are_removed_and_those_at_work_are_kept(tmp_path):
    (tmp_path / "job-dead").mkdir()
    (tmp_path / "job-dead" / "1.input").write_bytes(b"x")
    with Inputs(tmp_path) as one:
        one.laid([1])
        with Inputs(tmp_path) as other:
            other.laid([2])
            assert opened(one.laid([3])) == [3]
            assert not (tmp_path / "job-dead").exists()
            assert len(list(tmp_path.glob("job-*"))) == 2


def test_a_folder_that_cannot_be_written_is_a_storage_error(tmp_path):
    (tmp_path / "file").touch()
    with Inputs(tmp_path / "file") as inputs, pytest.raises(StorageError, match="cannot write"):
        inputs.laid([1])


@pytest.mark.parametrize("what", ["program", "BLAS", "numpy kernels", "cities"])
def test_what_runs_on_something_else_is_refused_by_name(what):
    check_pins(pins_here())
    other = rf"runs on something else: {what} \S.* instead of other; install"
    with pytest.raises(HeavyWorkError, match=other):
        check_pins({**pins_here(), what: "other"})
