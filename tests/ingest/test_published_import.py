"""Importing published files: again adds nothing, unknown stations are held, chunks change no flag."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from ingest.published import importer, importing
from ingest.published.importing import import_files
from ingest.published.mapping import parse_mapping
from ingest.published.quotsoft import SITES
from ingest.published.station_lists import HEADER
from pipeline.errors import StorageError, UsageError
from pipeline.ledger import open_ledger
from pipeline.observations import ObservationStore
from tests.ingest.published_samples import QUOTSOFT, STATEAIR, TEXTS

NOW = datetime(2021, 1, 1, tzinfo=UTC)
LIST = f"{HEADER}\n1001A,a,北京,116.3,39.8\n1002A,b,北京,116.2,40.2\n1003A,c,北京,116.4,39.9\n"


@pytest.fixture
def store(tmp_path):
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
    yield ObservationStore(tmp_path / "observations", ledger, lambda: NOW)
    ledger.close()


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "china_sites_20190303.csv").write_text(QUOTSOFT)
    (folder / "Beijing_PM2.5_2019_YTD.csv").write_text(STATEAIR)
    return folder


def test_a_second_import_adds_nothing(store, files):
    (files / "sites.csv").write_text(LIST)
    first = import_files([files], store, now=NOW, world="measured")
    rows = store.versions(world="measured")
    again = import_files([files / "china_sites_20190303.csv", files], store, now=NOW)
    assert {k: (t.values, t.written) for k, t in first.sources.items()} == {
        SITES: (10, 10),
        "archive-stateair": (3, 3),
    }
    assert all(t.written == 0 for t in again.sources.values())
    assert store.versions(world="measured").equals(rows)
    assert not first.held
    assert not first.incomplete
    assert first.stations_written == 3 + 1
    assert again.stations_written == 0


def test_values_count_as_received_an_hour_after_their_end(store, files):
    import_files([files], store, now=NOW, accept_unknown=True)
    rows = store.versions(world="measured")
    assert ((rows["received_at"] - rows["time"]) == np.timedelta64(1, "h")).all()


def test_unknown_stations_are_held_until_a_list_has_them(store, files, tmp_path):
    report = import_files([files], store, now=NOW)
    assert report.held == {"cnemc:1001A": 4, "cnemc:1002A": 3, "cnemc:1003A": 3}
    assert set(store.read(world="measured", as_of=NOW)["station"]) == {"archive:us_embassy_beijing"}
    (tmp_path / "list.csv").write_text(LIST)
    later = import_files([files, tmp_path / "list.csv"], store, now=NOW)
    assert not later.held
    assert later.sources[SITES].written == 10


def test_accepted_stations_say_so(store, files):
    report = import_files([files], store, now=NOW, accept_unknown=True)
    assert not report.held
    stations = store.stations("measured").set_index("station")
    assert stations.loc["cnemc:1002A", "note"] == importer.ACCEPTED
    assert np.isnan(stations.loc["cnemc:1002A", "latitude"])
    again = import_files([files], store, now=NOW, accept_unknown=True)
    assert again.stations_written == 0


def test_garbage_is_stored_with_its_flag(store, files):
    import_files([files], store, now=NOW, accept_unknown=True)
    rows = store.read(world="measured", as_of=NOW)
    flags = {(r.station, r.value): r.qc for r in rows.itertuples()}
    assert flags["cnemc:1002A", 553405.0] == 2
    assert flags["cnemc:1003A", -3.0] == 2
    assert flags["cnemc:1003A", 0.0] == 2
    assert flags["cnemc:1001A", 1200.0] == 1
    assert flags["archive:us_embassy_beijing", 80.0] == 2


def test_damaged_and_unknown_files_are_reported_and_the_rest_imported(store, files):
    (files / "china_sites_20190304.csv").write_bytes(QUOTSOFT.encode()[:40])
    (files / "notes.txt").write_text("hello")
    (files / "extra_stations.csv").write_text("a,b\n1,2\n")
    report = import_files([files, files / "notes.txt"], store, now=NOW, accept_unknown=True)
    assert report.incomplete
    assert {(u.file.rsplit("/", 1)[-1], u.damaged) for u in report.unread} == {
        ("china_sites_20190304.csv", True),
        ("notes.txt", False),
        ("extra_stations.csv", False),
    }
    assert sum(t.written for t in report.sources.values()) == 13
    named = import_files([files / "notes.txt"], store, now=NOW)
    assert named.unread[0].damaged


def test_a_cut_file_gives_its_whole_lines(store, files):
    path = files / "china_sites_20190303.csv"
    path.write_text(QUOTSOFT[: QUOTSOFT.index("23,PM2.5,1200") + 15])
    report = import_files([path], store, now=NOW, accept_unknown=True)
    assert report.incomplete
    assert report.files[0].left_out == 1
    assert report.sources[SITES].written == 7


def test_nothing_given_and_nothing_there(store, tmp_path):
    with pytest.raises(UsageError, match="does not exist"):
        import_files([tmp_path / "none"], store, now=NOW)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no file is there"):
        import_files([tmp_path / "empty"], store, now=NOW)


def flat_days(folder, days):
    """Write days in which a site repeats one value for ever, and another does not."""
    for day in range(days):
        date = f"{datetime(2019, 1, 1) + timedelta(days=day):%Y%m%d}"  # noqa: DTZ001
        lines = [f"{date},{h},PM2.5,17,{20 + (h + day) % 7}" for h in range(24)]
        (folder / f"china_sites_{date}.csv").write_text("\n".join(["date,hour,type,1001A,1002A", *lines]))


@pytest.mark.parametrize("chunk_rows", [1, 50, 10**6])
def test_chunks_and_days_in_turn_give_the_same_flags(store, tmp_path, monkeypatch, chunk_rows):
    folder = tmp_path / "days"
    folder.mkdir()
    flat_days(folder, 5)
    monkeypatch.setattr(importer, "CHUNK_ROWS", chunk_rows)
    import_files([folder], store, now=NOW, accept_unknown=True)
    rows = store.read(world="measured", as_of=NOW)
    flags = {s: part["qc"].tolist() for s, part in rows.groupby("station")}
    assert flags["cnemc:1001A"] == [0] * 24 + [1] * (4 * 24)
    assert flags["cnemc:1002A"] == [0] * (5 * 24)
    for path in sorted(folder.iterdir()):
        again = import_files([path], store, now=NOW)
        assert again.sources[SITES].written == 0


def test_the_later_file_wins(store, tmp_path):
    for at, value in enumerate((30, 40)):
        text = f"date,hour,type,1001A\n20190303,1,PM2.5,{value}\n"
        (tmp_path / f"china_sites_2019030{at}.csv").write_text(text)
    paths = sorted(tmp_path.glob("*.csv"))
    report = import_files(paths, store, now=NOW, accept_unknown=True)
    assert report.sources[SITES].duplicates == 1
    assert store.read(world="measured", as_of=NOW)["value"].tolist() == [40.0]


def test_a_full_disk_stops_the_import_and_a_second_one_completes_it(store, files, monkeypatch):
    real = ObservationStore.append
    calls = iter([True, False])

    def append(self, rows, **given):
        if next(calls):
            return real(self, rows, **given)
        raise StorageError("disk full; free it, then repeat")

    monkeypatch.setattr(ObservationStore, "append", append)
    with pytest.raises(StorageError, match="disk full"):
        import_files([files], store, now=NOW, accept_unknown=True)
    monkeypatch.undo()
    report = import_files([files], store, now=NOW, accept_unknown=True)
    assert {k: t.written for k, t in report.sources.items()} == {SITES: 10, "archive-stateair": 0}


def test_a_mapping_reads_all_given_files(store, tmp_path):
    mapping = parse_mapping(
        """
        version = 1
        source = "x"
        files = "*.csv"
        time = { columns = ["t"], zone = "UTC", label = "end" }
        values = [{ column = "SO4", quantity = "sulfate", unit = "ug m-3" }]
        [stations]
        network = "x"
        column = "s"
        places = [{ id = "a", latitude = 1, longitude = 2 }]
        """,
        "x.toml",
    )
    (tmp_path / "a.csv").write_text("t,s,SO4\n2019-01-01T01:00,a,5\n2019-01-01T01:00,b,6\n")
    (tmp_path / "b.txt").write_text("nothing")
    report = import_files([tmp_path], store, now=NOW, mapping=mapping)
    assert report.held == {"x:b": 1}
    assert store.read(world="measured", as_of=NOW)["station"].tolist() == ["x:a"]
    assert [f.source for f in report.files] == ["files-x"]


def test_progress_is_told_for_every_file(store, files):
    told = []
    import_files([files], store, now=NOW, progress=lambda *at: told.append(at))
    assert told == [("importing files", 1, 2), ("importing files", 2, 2)]


def test_reading_ahead_keeps_the_order(store, tmp_path, monkeypatch):
    monkeypatch.setattr(importing, "AHEAD", 3)
    names = [f"{at:02d}_{name}" for at in range(3) for name in TEXTS]
    for name in names:
        (tmp_path / name).write_text(TEXTS[name[3:]][1])
    paths = [tmp_path / name for name in names]
    report = import_files(paths, store, now=NOW, accept_unknown=True)
    assert [f.file for f in report.files] == [str(p) for p in paths]
