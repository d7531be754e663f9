"""Archives beside live sources: what a forecast could not know then does not become known afterwards."""

from datetime import timedelta

from flows.published import archives_of, import_published
from flows.workspace import open_workspace
from pipeline.ledger.attempts import Attempt, record_attempt
from pipeline.settings import Settings
from pipeline.times import parse_instant
from tests.ingest.published_samples import QUOTSOFT

NOW = parse_instant("2021-01-01T00:00Z")
HOUR = timedelta(hours=1)


def workspace(folder, live_since=None):
    ws = open_workspace(Settings(data_dir=folder), clock=lambda: NOW)
    if live_since is not None:
        tries = [("failed", 0, live_since - 9 * HOUR), ("ok", 1, live_since), ("ok", 1, live_since + HOUR)]
        with ws.ledger.write() as conn:
            for outcome, answers, at in tries:
                record_attempt(
                    conn, "measured", Attempt("cnemc.hourly", "cnemc", at, 1.0, outcome, answers, 0)
                )
    return ws


def received(ws, folder):
    file = folder / "china_sites_20190303.csv"
    file.write_text(QUOTSOFT)
    import_published(ws, [file], accept_unknown=True)
    rows = ws.store.versions(world="measured")
    again = import_published(ws, [file], accept_unknown=True)
    assert all(total.written == 0 for total in again.sources.values())
    ws.ledger.close()
    return {
        parse_instant(str(t)): parse_instant(str(r))
        for t, r in zip(rows["time"], rows["received_at"], strict=True)
    }


def test_before_any_source_was_asked_archives_count_as_received_then(tmp_path):
    found = received(workspace(tmp_path / "var"), tmp_path)
    assert all(at == hour + HOUR for hour, at in found.items())


def test_once_sources_answer_an_archive_is_received_when_it_is_imported(tmp_path):
    hours = sorted(received(workspace(tmp_path / "before"), tmp_path))
    assert len(hours) > 1
    live_since = hours[-1] + HOUR - timedelta(minutes=1)
    ws = workspace(tmp_path / "var", live_since)
    assert archives_of(ws).live_since == live_since
    found = received(ws, tmp_path)
    assert found[hours[0]] == hours[0] + HOUR
    assert found[hours[-1]] >= NOW
