"""Heavy work on a real Dask scheduler with worker processes on loopback."""

import socket
import time
from threading import Timer

import numpy as np
import pytest

from pipeline import heavy_dask, heavy_pins
from pipeline.errors import HeavyWorkError, NoUsableModel
from pipeline.heavy import HERE, Errand, heavy_work
from tests.pipeline.heavy_errands import (
    always_dies,
    awaited,
    cluster_of,
    die_once,
    fails,
    product_of,
    running,
    threads_used,
    where_and_what,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

TABLE = np.random.default_rng(3).standard_normal((50, 4000))


def errands(numbers, *more):
    return [Errand(f"errand {n}", (n, *more)) for n in numbers]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with cluster_of(tmp_path_factory.mktemp("cluster"), 2) as made:
        yield made


@pytest.fixture(autouse=True)
def edited(monkeypatch):
    """Let the program be edited between the start of a worker and its first errand."""
    pins = {name: value for name, value in heavy_pins.pins_here().items() if name != "program"}
    monkeypatch.setattr(heavy_dask, "pins_here", lambda: pins)


@pytest.fixture
def far(cluster, tmp_path):
    with heavy_work(cluster.url, tmp_path / "inputs") as heavy:
        yield heavy


@pytest.mark.parametrize("seen", [True, False])
def test_results_come_in_order_from_two_workers_and_are_the_same_as_here(far, seen, monkeypatch):
    if not seen:
        monkeypatch.setattr(heavy_dask, "_is_there", lambda path: False)
        monkeypatch.setattr(type(far), "_see_folder", lambda self, client: False)
    found = list(far.ordered(where_and_what, errands(range(12), 0.3), shared=(TABLE,)))
    near = list(HERE.ordered(where_and_what, errands(range(12)), shared=(TABLE,)))
    assert [one[:2] for one in found] == [one[:2] for one in near]
    assert len({one[2] for one in found}) == 2


def test_every_errand_runs_on_one_thread_with_the_same_last_digit(far):
    assert set(far.ordered(threads_used, [Errand("a", ()), Errand("b", ())])) == {1}
    ours, theirs = (list(place.ordered(product_of, errands(range(2)))) for place in (HERE, far))
    assert all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_errors_come_back_as_they_do_from_here(far):
    with pytest.raises(NoUsableModel, match="too little"):
        list(far.ordered(fails, [Errand("x", ("ours",))]))
    with pytest.raises(HeavyWorkError, match=r"^x: ValueError: a strange value \(.*in fails, on "):
        list(far.ordered(fails, [Errand("x", ("other",))]))


def test_a_worker_with_another_library_is_refused(far, monkeypatch):
    monkeypatch.setattr(heavy_dask, "pins_here", lambda: {"numpy": "1.0"})
    with pytest.raises(
        HeavyWorkError, match=r"runs on something else: numpy 2\.\S+ instead of 1\.0; install"
    ):
        list(far.ordered(where_and_what, errands([1]), shared=(TABLE,)))


def test_an_errand_whose_worker_is_killed_is_done_again(far, tmp_path):
    assert list(far.ordered(die_once, errands(range(6), 0.2), shared=(str(tmp_path),))) == [
        0,
        1,
        4,
        9,
        16,
        25,
    ]
    assert (tmp_path / "died").exists()


def test_inputs_that_travelled_survive_the_worker_that_held_them(far, tmp_path, monkeypatch):
    monkeypatch.setattr(type(far), "_see_folder", lambda self, client: False)
    assert list(far.ordered(die_once, errands(range(6), 0.2), shared=(str(tmp_path),))) == [
        0,
        1,
        4,
        9,
        16,
        25,
    ]


def test_an_errand_that_kills_its_workers_is_named(far):
    with pytest.raises(HeavyWorkError, match=r"^errand 1: 3 or more workers ended"):
        list(far.ordered(always_dies, errands(range(3))))


def test_after_all_that_the_same_workers_still_work(far):
    assert [n for n, *_ in far.ordered(where_and_what, errands(range(4)), shared=(TABLE,))] == [0, 1, 2, 3]


def test_a_scheduler_that_goes_away_is_an_error_soon(tmp_path):
    with cluster_of(tmp_path, 1) as cluster, heavy_work(cluster.url, tmp_path / "inputs") as heavy:
        results = heavy.ordered(where_and_what, errands(range(30), 0.5), shared=(TABLE,))
        next(results)
        Timer(0.7, cluster.scheduler.kill).start()
        begun = time.monotonic()
        with pytest.raises(HeavyWorkError, match=r"the scheduler at \S+ is gone; start it again"):
            list(results)
        assert time.monotonic() - begun < 60
    assert list((tmp_path / "inputs").glob("job-*")) == []


def test_a_scheduler_without_workers_and_no_scheduler_at_all_say_what_to_start(tmp_path, monkeypatch):
    monkeypatch.setattr(heavy_dask, "LONGEST_GREETING", 2.0)
    silent = pytest.raises(HeavyWorkError, match="has no worker; start `sameair worker --scheduler tcp:")
    with cluster_of(tmp_path, 0) as cluster, heavy_work(cluster.url) as heavy, silent:
        list(heavy.ordered(abs, errands([1])))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    nobody = pytest.raises(HeavyWorkError, match=f"no Dask scheduler answers at tcp://127.0.0.1:{port}")
    with heavy_work(f"tcp://127.0.0.1:{port}") as heavy, nobody:
        list(heavy.ordered(abs, errands([1])))


def test_workers_that_are_all_gone_are_waited_for_only_so_long(tmp_path, monkeypatch):
    monkeypatch.setattr(heavy_dask, "LONGEST_ALONE", 3.0)
    with cluster_of(tmp_path, 1) as cluster, heavy_work(cluster.url) as heavy:
        results = heavy.ordered(where_and_what, errands(range(9), 0.5), shared=(TABLE,))
        next(results)
        cluster.processes[-1].terminate()
        with pytest.raises(HeavyWorkError, match=r"has had no worker for 3 s; start"):
            list(results)


def test_workers_with_several_threads_are_refused(tmp_path):
    with cluster_of(tmp_path, 0) as cluster:
        cluster.worker("--nthreads", "2")
        awaited(cluster.log, lambda text: "Registered to" in text, 240)
        with heavy_work(cluster.url) as heavy, pytest.raises(HeavyWorkError, match="several threads"):
            list(heavy.ordered(abs, errands([1])))


def test_who_stops_listening_leaves_nothing_on_the_scheduler(far, cluster):
    results = far.ordered(where_and_what, errands(range(50), 0.2), shared=(TABLE,))
    next(results)
    results.close()
    begun = time.monotonic()
    assert [n for n, *_ in far.ordered(where_and_what, errands([7]), shared=(TABLE,))] == [7]
    assert time.monotonic() - begun < 5
    assert all(running(p.pid) for p in cluster.processes)
