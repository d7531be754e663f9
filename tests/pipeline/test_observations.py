"""What is stored can be read as it was known at any instant, and nothing is stored twice."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import ContractError, StorageError, UsageError
from pipeline.ledger.batches import listed_batches
from pipeline.observations import ObservationStore
from pipeline.schema import OBSERVATION_COLUMNS, VERSION_COLUMNS

HOUR = timedelta(hours=1)
NOW = datetime(2020, 6, 1, tzinfo=UTC)
WORLD = "measured"


@pytest.fixture
def clock():
    return [NOW]


@pytest.fixture
def on_disk(tmp_path, ledger, clock):
    return ObservationStore(tmp_path / "observations", ledger, lambda: clock[0])


@pytest.fixture(params=["disk", "objects"])
def store(request, tmp_path, ledger, clock):
    """The same promises wherever the batches lie."""
    root = tmp_path / "observations" if request.param == "disk" else request.getfixturevalue("objects")
    return ObservationStore(root, ledger, lambda: clock[0])


def rows(*cells, station="a:1", quantity="pm2p5", qc=0):
    """Observations from (time, value) pairs."""
    return pd.DataFrame(
        {
            "station": station,
            "quantity": quantity,
            "time": np.array([time for time, _ in cells], "M8[ns]"),
            "value": np.array([value for _, value in cells], "float64"),
            "qc": np.full(len(cells), qc, "int8"),
        }
    )


def values(store, as_of=NOW + timedelta(days=999), **given):
    return store.read(world=WORLD, as_of=as_of, **given)["value"].tolist()


def test_what_is_written_is_read_whole_and_in_order(store):
    given = pd.concat(
        [
            rows(("2020-02-01", 3.0), ("2020-01-31T23", 2.5), station="b:2"),
            rows(("2020-01-31T23", 1e-9), quantity="pm10", station="a:1"),
            rows(("2020-01-31T23", -0.5), quantity="air_temperature", station="a:1", qc=2),
        ]
    )
    done = store.append(given, source="airkorea", world=WORLD)
    assert (done.rows_given, done.rows_written, len(done.batches)) == (4, 4, 2)
    back = store.read(world=WORLD, as_of=NOW)
    expected = given.sort_values(["station", "quantity", "time"], ignore_index=True)
    pd.testing.assert_frame_equal(back, expected)
    assert list(back.columns) == list(OBSERVATION_COLUMNS)


def test_an_empty_store_answers_with_empty_tables_of_the_right_types(store):
    assert store.append(rows(), source="airkorea", world=WORLD).rows_written == 0
    back = store.versions(world=WORLD)
    assert list(back.columns) == list(VERSION_COLUMNS)
    assert back["time"].dtype == back["received_at"].dtype == np.dtype("M8[ns]")
    assert store.summary(WORLD).empty
    assert store.stations(WORLD).empty


def test_a_correction_is_a_new_version_known_from_its_receipt_on(store, clock):
    store.append(rows(("2020-05-31T23", 40.0)), source="airkorea", world=WORLD)
    clock[0] = NOW + HOUR
    assert store.append(rows(("2020-05-31T23", 44.0)), source="airkorea", world=WORLD).rows_written == 1
    tick = timedelta(microseconds=1)
    assert values(store, NOW - tick) == []
    assert values(store, NOW) == values(store, NOW + HOUR - tick) == [40.0]
    assert values(store, NOW + HOUR) == [44.0]
    assert store.versions(world=WORLD)["value"].tolist() == [40.0, 44.0]


def test_only_new_and_changed_rows_are_written_again(store, clock):
    first = rows(("2020-05-31T21", 1.0), ("2020-05-31T22", 2.0))
    store.append(first, source="airkorea", world=WORLD)
    clock[0] += HOUR
    again = rows(("2020-05-31T21", 1.0), ("2020-05-31T22", 2.5), ("2020-05-31T23", 3.0))
    assert store.append(again, source="airkorea", world=WORLD).rows_written == 2
    assert store.append(again, source="airkorea", world=WORLD) == store.append(
        again.iloc[::-1], source="airkorea", world=WORLD
    )
    assert store.append(again.head(1), source="airkorea", world=WORLD).rows_written == 0
    assert len(store.versions(world=WORLD)) == 4


def test_a_changed_flag_is_a_correction_too(store):
    store.append(rows(("2020-05-31T21", 1.0)), source="airkorea", world=WORLD)
    assert store.append(rows(("2020-05-31T21", 1.0), qc=2), source="airkorea", world=WORLD).rows_written == 1
    assert store.read(world=WORLD, as_of=NOW + HOUR)["qc"].tolist() == [2]


@pytest.mark.parametrize("step", [timedelta(0), HOUR])
def test_a_value_that_returns_to_what_it_was_is_a_third_version(store, clock, step):
    for value in (1.0, 2.0, 1.0, 1.0):
        clock[0] += step
        store.append(rows(("2020-05-31T21", value)), source="airkorea", world=WORLD)
    found = store.versions(world=WORLD)
    assert found["value"].tolist() == [1.0, 2.0, 1.0]
    assert found["received_at"].is_monotonic_increasing
    assert found["received_at"].is_unique


def test_nan_withdraws_what_is_there_and_is_otherwise_left_out(store, clock):
    store.append(rows(("2020-05-31T21", 7.0)), source="airkorea", world=WORLD)
    clock[0] += HOUR
    gone = rows(("2020-05-31T21", np.nan), ("2020-05-31T22", np.nan))
    assert store.append(gone, source="airkorea", world=WORLD).rows_written == 1
    assert store.append(gone, source="airkorea", world=WORLD).rows_written == 0
    assert (values(store, NOW), values(store)) == ([7.0], [])
    store.append(rows(("2020-05-31T22", 5.0)), source="airkorea", world=WORLD)
    assert store.append(gone, source="airkorea", world=WORLD).rows_written == 1


def test_the_last_row_of_a_repeated_key_counts(store):
    twice = rows(("2020-05-31T21", 1.0), ("2020-05-31T20", 0.0), ("2020-05-31T21", 2.0))
    assert store.append(twice, source="airkorea", world=WORLD).rows_written == 2
    assert values(store) == [0.0, 2.0]


def test_archives_count_as_received_after_their_delay_and_their_corrections_when_they_came(store, clock):
    store.append(rows(("2019-03-03T08", 100.0)), source="archive", world=WORLD, assumed_delay=HOUR)
    seen = datetime(2019, 3, 3, 9, tzinfo=UTC)
    assert (values(store, seen - timedelta(seconds=1)), values(store, seen)) == ([], [100.0])
    corrected = rows(("2019-03-03T08", 135.0), ("2019-03-03T09", 90.0))
    store.append(corrected, source="archive", world=WORLD, assumed_delay=HOUR)
    assert values(store, seen + HOUR) == [100.0, 90.0]
    assert values(store, clock[0]) == [135.0, 90.0]


def test_a_correction_is_never_dated_before_what_it_corrects(store, clock):
    clock[0] = datetime(2020, 1, 1, tzinfo=UTC)
    future = rows(("2020-05-01", 1.0), ("2020-05-02", 1.0))
    store.append(future, source="archive", world=WORLD, assumed_delay=HOUR)
    store.append(future.assign(value=2.0).head(1), source="archive", world=WORLD, assumed_delay=HOUR)
    store.append(future.assign(value=3.0).tail(1), source="archive", world=WORLD)
    assert values(store) == [2.0, 3.0]
    found = store.versions(world=WORLD)
    assert (found.groupby("time")["received_at"].nunique() == 2).all()


def test_receipts_never_go_backwards_even_when_the_clock_does(store, clock):
    for n, back in enumerate((0, 5, 3)):
        clock[0] = NOW - back * HOUR
        store.append(rows((f"2020-05-31T0{n}", 1.0)), source=f"s{n}", world=WORLD)
    received = store.versions(world=WORLD)["received_at"]
    assert received.is_monotonic_increasing
    assert received.min() == pd.Timestamp(NOW).tz_localize(None)


def test_nothing_listed_after_a_snapshot_is_dated_within_it(store):
    instant = store.snapshot(WORLD)
    store.append(rows(("2020-05-31T21", 1.0)), source="airkorea", world=WORLD)
    assert values(store, instant) == []
    assert values(store, store.snapshot(WORLD)) == [1.0]


def test_of_two_sources_the_version_received_last_is_read(store, clock):
    store.append(rows(("2020-05-31T21", 1.0)), source="fast", world=WORLD)
    clock[0] += HOUR
    store.append(rows(("2020-05-31T21", 2.0)), source="also", world=WORLD)
    clock[0] += HOUR
    assert store.append(rows(("2020-05-31T21", 1.0)), source="fast", world=WORLD).rows_written == 0
    assert values(store) == [2.0]
    assert store.versions(world=WORLD)["source"].tolist() == ["fast", "also"]


def test_worlds_never_mix(store):
    store.append(rows(("2020-05-31T21", 1.0)), source="airkorea", world=WORLD)
    store.append(rows(("2020-05-31T21", 9.0)), source="airkorea", world="simulated-7")
    assert values(store) == [1.0]
    assert store.read(world="simulated-7", as_of=NOW)["value"].tolist() == [9.0]


def test_selections_and_windows_are_exact(store):
    for n, station in enumerate(("a:1", "b:2", "c:3")):
        for quantity in ("pm2p5", "pm10"):
            cells = [(f"2020-0{m}-01T{h:02d}", 100 * n + 10 * m + h) for m in (1, 2, 3) for h in (0, 1)]
            store.append(rows(*cells, station=station, quantity=quantity), source="airkorea", world=WORLD)
    window = {"start": datetime(2020, 1, 1, 1, tzinfo=UTC), "end": datetime(2020, 3, 1, 0, tzinfo=UTC)}
    found = store.read(world=WORLD, as_of=NOW + HOUR, stations=["c:3", "a:1"], quantities=["pm10"], **window)
    assert found["value"].tolist() == [20, 21, 30, 220, 221, 230]
    assert set(found["quantity"]) == {"pm10"}
    assert values(store, stations=[]) == values(store, quantities=["wind_speed"]) == []


def test_large_months_are_read_by_row_group(store):
    stations = [f"s:{n:03d}" for n in range(120)]
    hours = np.datetime64("2020-01-01", "ns") + np.arange(1, 721) * np.timedelta64(1, "h")
    frame = pd.DataFrame(
        {
            "station": pd.Categorical(np.repeat(stations, 720)),
            "quantity": pd.Categorical(["pm2p5"] * 720 * 120),
            "time": np.tile(hours, 120),
            "value": np.arange(720 * 120, dtype="float64"),
            "qc": np.zeros(720 * 120, "int8"),
        }
    )
    assert store.append(frame, source="archive", world=WORLD, assumed_delay=HOUR).rows_written == 86_400
    found = store.read(world=WORLD, as_of=NOW, stations=["s:000", "s:117", "s:119"])
    assert found["value"].tolist() == [
        *range(720),
        *range(117 * 720, 118 * 720),
        *range(119 * 720, 120 * 720),
    ]
    plain = frame.astype({"station": "str", "quantity": object})
    assert store.append(plain, source="archive", world=WORLD, assumed_delay=HOUR).rows_written == 0


def test_the_batches_of_a_view_can_be_named(store, clock):
    first = store.append(rows(("2020-05-01", 1.0)), source="airkorea", world=WORLD).batches
    clock[0] += HOUR
    second = store.append(rows(("2020-05-31", 1.0)), source="airkorea", world=WORLD).batches
    every = {"world": WORLD, "start": None, "end": None}
    assert store.batch_ids(**every, as_of=NOW) == [*first]
    assert store.batch_ids(**every, as_of=NOW + HOUR) == [*first, *second]
    assert store.batch_ids(world=WORLD, start=NOW - 30 * HOUR, end=NOW, as_of=NOW + HOUR) == [*second]


def test_the_summary_counts_versions(store):
    store.append(rows(("2020-05-01", 1.0), ("2020-06-01", 1.0)), source="b", world=WORLD)
    store.append(rows(("2020-05-01", 2.0)), source="b", world=WORLD)
    store.append(rows(("2020-05-03", 2.0), quantity="pm10"), source="a", world=WORLD)
    found = store.summary(WORLD)
    assert found[["source", "quantity", "rows"]].to_numpy().tolist() == [["a", "pm10", 1], ["b", "pm2p5", 3]]
    assert found["last"].tolist() == [pd.Timestamp("2020-05-03"), pd.Timestamp("2020-06-01")]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"value": [1]}, "float64"),
        ({"quantity": ["radon"]}, "radon"),
        ({"time": np.array(["2020-01-01T00:00:00.5"], "M8[ns]")}, "whole seconds"),
    ],
)
def test_what_breaks_the_contract_is_refused(store, change, message):
    with pytest.raises(ContractError, match=message):
        store.append(rows(("2020-01-01", 1.0)).assign(**change), source="airkorea", world=WORLD)


@pytest.mark.parametrize(("source", "world"), [("a", "../up"), ("a", ""), ("", WORLD)])
def test_names_that_cannot_be_folders_are_refused(store, source, world):
    with pytest.raises(UsageError):
        store.append(rows(("2020-01-01", 1.0)), source=source, world=world)


def test_odd_names_of_sources_stay_inside_the_store(on_disk, tmp_path):
    for n, source in enumerate(("../../x", "..", ".hidden", "a/b c:대기", "%2E")):
        on_disk.append(rows(("2020-01-01", 1.0), station=f"s:{n}"), source=source, world=WORLD)
    assert len(values(on_disk)) == 5
    assert all(p.is_relative_to(on_disk.root / WORLD) for p in tmp_path.rglob("*.parquet"))
    assert on_disk.repair(WORLD).removed == ()
    assert len(values(on_disk)) == 5


def test_a_damaged_batch_is_named(on_disk):
    on_disk.append(rows(("2020-01-01", 1.0)), source="airkorea", world=WORLD)
    (path,) = on_disk.root.rglob("*.parquet")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(StorageError, match="damaged"):
        values(on_disk)


def test_a_lost_batch_is_named(on_disk):
    on_disk.append(rows(("2020-01-01", 1.0)), source="airkorea", world=WORLD)
    (path,) = on_disk.root.rglob("*.parquet")
    path.unlink()
    with pytest.raises(StorageError, match="gone"):
        values(on_disk)
    assert on_disk.repair(WORLD).missing == (path,)


def test_files_are_named_by_their_content(on_disk, ledger):
    import hashlib

    on_disk.append(rows(("2020-01-01", 1.0)), source="airkorea", world=WORLD)
    (path,) = on_disk.root.rglob("*.parquet")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == path.stem
    with ledger.read() as conn:
        assert [b.id for b in listed_batches(conn, WORLD)] == [path.stem]


STATION = {
    "station": "a:1",
    "name": "중구",
    "latitude": 37.56,
    "longitude": 126.97,
    "altitude": np.nan,
    "city": "seoul",
    "interval_hours": 1,
    "note": "",
}


def test_stations_are_versioned_rows(store, clock):
    table = pd.DataFrame([STATION, {**STATION, "station": "b:2"}])
    assert store.append_stations(table, source="airkorea", world=WORLD) == 2
    assert store.append_stations(table, source="airkorea", world=WORLD) == 0
    clock[0] += HOUR
    moved = table.assign(latitude=[38.0, 37.56])
    assert store.append_stations(moved, source="airkorea", world=WORLD) == 1
    assert store.stations(WORLD)["latitude"].tolist() == [38.0, 37.56]
    assert store.stations(WORLD, as_of=NOW)["latitude"].tolist() == [37.56, 37.56]
    long_ago = store.stations(WORLD, as_of=NOW - 1000 * HOUR)
    assert long_ago["name"].tolist() == ["중구", "중구"]
    assert long_ago["altitude"].isna().all()
    assert store.stations("simulated-7").empty


def test_stations_without_their_columns_are_refused(store):
    with pytest.raises(ContractError, match="note"):
        store.append_stations(pd.DataFrame([STATION]).drop(columns="note"), source="a", world=WORLD)
