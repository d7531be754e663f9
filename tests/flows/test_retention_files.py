"""Files go by age as the table says; what decisions rest on stays, what went is told, air reads as before."""

import hashlib
import os
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from alerts.examples import example_content
from alerts.warnings import propose_version
from flows.quarantine import quarantine_entry
from flows.retention import KINDS, prune, retention_rules
from flows.retention_table import retention_table
from flows.runview import read_run
from flows.workspace import open_workspace
from ingest.quarantine import raw_answer
from pipeline.compaction import BACKUP_LOCK
from pipeline.forecast_store import ForecastStore
from pipeline.ledger.audit import append_audit, newest_rows, verify_audit
from pipeline.ledger.locks import ledger_lock
from pipeline.ledger.quarantined import Quarantined, file_quarantined, list_quarantined, resolve_quarantined
from pipeline.ledger.runs import begin_run, fail_run, finish_run, get_run, make_current
from pipeline.ledger.source_tables import forecast_files
from pipeline.removed import NOTE, RemovedByAge, read_note
from pipeline.settings import Settings
from pipeline.times import iso
from tests.pipeline.test_observations_model import START, WORLD, Plain, answered, appends, frame

NOW = datetime(2026, 6, 1, 8, tzinfo=UTC)
DAY = timedelta(days=1)
PLAN = {"world": "measured", "cycle": iso(NOW), "as_of": iso(NOW), "mode": "live", "drill": False, "seed": 0}
FILES = {"samples": "samples.nc", "forecast": "forecast.nc", "predictions": "predictions.parquet"}


@pytest.fixture
def ws(tmp_path):
    ws = open_workspace(Settings(data_dir=tmp_path), lambda: NOW)
    yield ws
    ws.ledger.close()


def ran(ws, age, *, failed=False, world="measured"):
    """Let there be a run with files, begun so long ago."""
    at = NOW - age
    with ws.ledger.write() as conn:
        run = begin_run(conn, world=world, cycle=at, as_of=at, code_version="1", at=at)
        folder = ws.run_folder(world, iso(at), run)
        folder.mkdir(parents=True)
        for name in (*FILES.values(), f"bulletin-{run}.html", f"bulletin-{run}-ko.pdf", "evidence.json"):
            (folder / name).write_bytes(f"{name} of {run}".encode())
        products = {n: str((folder / f).relative_to(ws.settings.data_dir)) for n, f in FILES.items()}
        if failed:
            fail_run(conn, run, at=at, error="broken off")
        else:
            inputs = {"plan": PLAN, "missing": []}
            finish_run(conn, run, at=at, model_id=None, inputs=inputs, degraded="", products=products)
            make_current(conn, run, expected=None)
    return run, folder


def left(folder):
    return {path.name.replace(folder.name, "RUN") for path in folder.iterdir()}


WHOLE = {*FILES.values(), "bulletin-RUN.html", "bulletin-RUN-ko.pdf", "evidence.json"}


def rules(kind):
    return [rule for rule in retention_rules() if rule.kind == kind]


def test_an_old_run_keeps_what_it_forecast_and_says_what_went(ws):
    (old, folder), (_, young), (_, newest) = ran(ws, 401 * DAY), ran(ws, 399 * DAY), ran(ws, 0 * DAY)
    content = (folder / "samples.nc").read_bytes()
    shown = prune(ws, rules("products"), dry_run=True)
    assert [left(one) for one in (folder, young, newest)] == [WHOLE] * 3
    done = prune(ws, rules("products"), dry_run=False)
    assert [(r["removed"], r["bytes"]) for r in shown] == [(r["removed"], r["bytes"]) for r in done]
    assert [r["removed"] for r in done] == [1, 2]
    assert left(folder) == {"forecast.nc", "predictions.parquet", "evidence.json", NOTE}
    assert [left(one) for one in (young, newest)] == [WHOLE] * 2
    gone = read_note(folder / NOTE)["samples.nc"]
    assert (gone.sha256, gone.bytes) == (hashlib.sha256(content).hexdigest(), len(content))
    with pytest.raises(RemovedByAge, match="removed by retention on 2026-06-01"):
        read_run(ws, old)
    with ws.ledger.read() as conn:
        pinned = [row["payload"]["notes"] for row in newest_rows(conn, 2)]
        assert verify_audit(conn).ok
    digest = hashlib.sha256((folder / NOTE).read_bytes()).hexdigest()
    assert digest in {d for part in pinned for d in part.values()}
    assert [r["removed"] for r in prune(ws, retention_rules(), dry_run=False)] == [0] * len(retention_rules())


def test_a_run_that_a_warning_names_stays_whole_however_old(ws):
    ran(ws, 0 * DAY)
    named, folder = ran(ws, 900 * DAY)
    content = example_content()
    with ws.ledger.write() as conn:
        propose_version(conn, type(content).from_dict(content.to_dict() | {"run_id": named}), NOW)
    prune(ws, retention_rules(), dry_run=False)
    assert left(folder) == WHOLE


def test_a_failed_run_goes_earlier_and_whole_and_its_row_stays(ws):
    ran(ws, 0 * DAY)
    failed, folder = ran(ws, 61 * DAY, failed=True)
    _, later = ran(ws, 59 * DAY, failed=True)
    prune(ws, retention_rules(), dry_run=False)
    assert left(folder) == {NOTE}
    assert left(later) == WHOLE
    with ws.ledger.read() as conn:
        assert get_run(conn, failed).error == "broken off"


def test_a_world_whose_time_stands_still_loses_nothing(ws):
    _, folder = ran(ws, 700 * DAY, world="simulated-5")
    prune(ws, retention_rules(), dry_run=False)
    assert left(folder) == WHOLE


def test_a_removal_that_was_killed_between_note_and_files_is_ended_by_the_next(ws):
    ran(ws, 0 * DAY)
    _, folder = ran(ws, 500 * DAY)
    kept = {path: path.read_bytes() for path in folder.iterdir()}
    prune(ws, retention_rules(), dry_run=False)
    note = (folder / NOTE).read_bytes()
    for path, content in kept.items():
        path.write_bytes(content)
    later = open_workspace(ws.settings, lambda: NOW + DAY)
    prune(later, retention_rules(), dry_run=False)
    later.ledger.close()
    assert left(folder) == {"forecast.nc", "predictions.parquet", "evidence.json", NOTE}
    assert (folder / NOTE).read_bytes() == note


def test_files_stay_while_a_backup_reads(ws):
    ran(ws, 0 * DAY)
    _, folder = ran(ws, 500 * DAY)
    with ledger_lock(ws.ledger, BACKUP_LOCK, wait_s=0):
        told = prune(ws, retention_rules(), dry_run=False)
    assert left(folder) == WHOLE
    assert {r["why"] for r in told if r["what"].startswith("products")} == {
        "left for the next time: a backup is reading"
    }


def held(ws, name, fetched, resolved=None):
    entry = Quarantined(
        name, "cnemc", "cnemc.hour", "BadPayload", "no table", "", "look", "all", NOW - fetched, 3
    )
    ws.settings.quarantine_dir.mkdir(exist_ok=True)
    (ws.settings.quarantine_dir / f"{name}.raw").write_bytes(b"<p>")
    with ws.ledger.write() as conn:
        file_quarantined(conn, "measured", entry)
        if resolved is not None:
            resolve_quarantined(conn, name, NOW - resolved)


def test_answers_in_quarantine_go_when_closed_or_hopeless_and_are_told(ws):
    held(ws, "closed-old", 200 * DAY, 91 * DAY)
    held(ws, "closed-young", 200 * DAY, 89 * DAY)
    held(ws, "open-old", 401 * DAY)
    held(ws, "open-young", 399 * DAY)
    done = prune(ws, rules("quarantine"), dry_run=False)
    assert [r["removed"] for r in done] == [1, 1]
    there = {path.stem for path in ws.settings.quarantine_dir.glob("*.raw")}
    assert there == {"closed-young", "open-young"}
    digest = hashlib.sha256(b"<p>").hexdigest()
    told = f"closed-old.raw was removed by retention on 2026-06-01 (SHA-256 {digest})"
    assert quarantine_entry(ws, "closed-old")["begins"] == f"({told})"
    with ws.ledger.read() as conn:
        entries = {e.id: e for e in list_quarantined(conn, resolved=True)}
    assert [e.id for e in entries.values() if e.resolved_at is None] == ["open-young"]
    with pytest.raises(RemovedByAge):
        raw_answer(ws.settings.quarantine_dir, entries["open-old"])


def test_screens_of_no_decision_go_and_those_that_a_decision_names_stay(ws):
    documents = {}
    for name, age in (("decided", 90), ("looked", 90), ("today", 0)):
        digest = hashlib.sha256(name.encode()).hexdigest()
        path = ws.settings.data_dir / "evidence" / digest[:2] / f"{digest}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}", "utf-8")
        at = (NOW - age * DAY).timestamp()
        os.utime(path, (at, at))
        documents[name] = path
    with ws.ledger.write() as conn:
        payload = {"party": "seoul", "evidence": documents["decided"].stem}
        append_audit(conn, at=NOW, actor="Kim", action="warning.approve", subject="w", payload=payload)
    assert [r["removed"] for r in prune(ws, rules("screens"), dry_run=True)] == [1]
    assert all(path.exists() for path in documents.values())
    prune(ws, rules("screens"), dry_run=False)
    assert {name for name, path in documents.items() if path.exists()} == {"decided", "today"}


def test_old_gridded_winds_go_and_a_reader_is_told_and_what_models_learn_from_stays(ws):
    store = ForecastStore(ws.settings.forecast_fields_dir, ws.ledger, lambda: NOW)
    with ws.ledger.write() as conn:
        for source, age in (("ecmwf.winds", 401), ("ecmwf.winds", 399), ("open_meteo.forecast", 900)):
            at, name = NOW - age * DAY, hashlib.sha256(f"{source}{age}".encode()).hexdigest()
            path = f"measured/{source}/{at:%Y-%m}/{name}.nc"
            (store.root / path).parent.mkdir(parents=True, exist_ok=True)
            (store.root / path).write_bytes(b"field")
            times = {"reference_time": at, "first_time": at, "last_time": at, "received_at": at}
            texts = {"id": name, "world": "measured", "source": source, "receipt": "live", "path": path}
            conn.execute(forecast_files.insert().values(**times, **texts, attributes={}))
    assert [r["removed"] for r in prune(ws, rules("winds"), dry_run=False)] == [1]
    listed = store.listed("measured")
    assert [(store.root / one.path).exists() for one in listed] == [False, True, True]
    with pytest.raises(RemovedByAge, match="removed by retention on 2026-06-01"):
        store.read(listed[0])


prunes = st.tuples(st.just("prune"), st.integers(0, 900))
compactions = st.tuples(st.just("compact"), st.integers(0, 900))


@pytest.mark.ledger
@pytest.mark.slow
@settings(max_examples=8, phases=[Phase.generate])
@given(steps=st.lists(st.one_of(appends, prunes, compactions), min_size=3, max_size=9))
def test_whatever_is_pruned_and_compacted_and_when_air_reads_as_it_was_known(tmp_path_factory, steps):
    clock = [START]
    ws = open_workspace(Settings(data_dir=tmp_path_factory.mktemp("data")), lambda: clock[0])
    plain, instants = Plain(), {START}
    for step in steps:
        if step[0] == "append":
            clock[0] += max(0, step[4]) * DAY
            ws.store.append(frame(step[2]), source=step[1], world=WORLD, assumed_delay=step[3])
            plain.append(step[1], step[2], step[3], clock[0])
        elif step[0] == "compact":
            ws.store.compact(WORLD, before=START + step[1] * DAY, grace=timedelta(0))
        else:
            clock[0] = max(clock[0], START + step[1] * DAY)
            prune(ws, retention_rules(), dry_run=False)
        instants.add(clock[0])
        for as_of in instants:
            assert answered(ws.store, as_of) == plain.known(as_of)
    ws.ledger.close()


def test_every_kind_of_the_table_is_done_by_somebody():
    assert set(retention_table()) == {*KINDS, "prefect"}
