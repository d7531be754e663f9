"""The exchange's folder: read when whole, filed away when stored, and nothing lost in between."""

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ingest.collect import collect_all
from ingest.exchange.check import check_files
from ingest.exchange.feed import feeds
from ingest.exchange.inbox import LARGEST, Inbox
from ingest.feeds import Due, SourceConfig
from pipeline.bulletins import read_bulletins
from pipeline.errors import BadPayload, NotYetAvailable, SourceUnavailable, UsageError
from pipeline.ledger.quarantined import list_quarantined
from tests.fakes.exchange import as_csv, as_json
from tests.ingest.toy_source import Clock, NoHttp, open_intake, stored

SIX_PM = datetime(2026, 1, 15, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HEAD = {"format": "sameair-exchange", "version": "1.0", "sender": "cnemc"}
OBSERVED = {"station": "1001A", "quantity": "pm2p5", "interval_end": "2026-01-15T18:00:00+08:00"}
OBSERVED |= {"unit": "ug m-3", "value": 54}
PLACE = {"station": "1001A", "name": "万寿西宫", "latitude": 39.88, "longitude": 116.36, "city": "110000"}


def forecast(day=15, high=75):
    row = {"city": "110000", "date": f"2026-01-{day + 1}", "pollutant": "aqi", "unit": "1"}
    issued = f"2026-01-{day}T18:00:00+08:00"
    return HEAD | {"kind": "forecast", "issued_at": issued, "rows": [row | {"low": 50, "high": high}]}


def other(kind, row):
    return HEAD | {"kind": kind, "issued_at": "2026-01-15T18:05:00+08:00", "rows": [row]}


@pytest.fixture
def clock():
    return Clock(SIX_PM + 35 * MINUTE)


@pytest.fixture
def intake(tmp_path, clock):
    made = open_intake(tmp_path, clock)
    yield made
    made.ledger.close()


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "inbox"
    path.mkdir()
    return path


def drop(folder, name, payload, at):
    path = folder / name
    path.write_bytes(payload)
    os.utime(path, (at.timestamp(), at.timestamp()))
    return path


def run(intake, folder, **changed):
    (feed,) = feeds(SourceConfig(folder=folder))
    return collect_all(intake, NoHttp(), [replace(feed, **changed)], intake.clock())[0]


def bulletins(intake, clock):
    with intake.ledger.read() as conn:
        return read_bulletins(conn, intake.world, as_of=clock())


def highs(intake, clock):
    return [b.bulletin.content["regions"]["110000"]["high"] for b in bulletins(intake, clock)]


def here(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def open_cases(intake):
    with intake.ledger.read() as conn:
        return list_quarantined(conn, world=intake.world)


def test_a_forecast_is_stored_and_filed_away(intake, folder, clock):
    drop(folder, "f.csv", as_csv(forecast()), SIX_PM)
    report = run(intake, folder)
    assert (report.outcome, report.answers, report.rows) == ("ok", 1, 1)
    assert highs(intake, clock) == [75]
    assert here(folder) == ["archive/f.csv"]
    clock.now += 11 * MINUTE
    assert run(intake, folder).rows == 0
    drop(folder, "f.csv", as_csv(forecast()), clock())
    clock.now += 11 * MINUTE
    assert run(intake, folder).answers == 0
    assert here(folder) == ["archive/f.csv"]
    assert len(bulletins(intake, clock)) == 1


def test_a_correction_is_a_new_version_and_both_files_are_kept(intake, folder, clock):
    drop(folder, "f.json", as_json(forecast()), SIX_PM)
    run(intake, folder)
    drop(folder, "f.json", as_json(forecast(high=90)), clock())
    clock.now += 11 * MINUTE
    assert run(intake, folder).rows == 1
    assert highs(intake, clock) == [90]
    first, second = here(folder)
    assert (first[:10], first[-5:], second) == ("archive/f.", ".json", "archive/f.json")
    # The old one dropped again under its name changes nothing.
    drop(folder, "f.json", as_json(forecast()), clock())
    clock.now += 11 * MINUTE
    assert run(intake, folder).rows == 0
    assert highs(intake, clock) == [90]


@pytest.mark.parametrize("write", [as_json, as_csv])
def test_a_half_written_file_is_left_alone_until_it_is_whole(intake, folder, clock, write):
    whole = write(forecast())
    drop(folder, "f", whole[: len(whole) - 9], clock() - MINUTE)
    report = run(intake, folder)
    assert (report.outcome, report.errors) == ("nothing", ())
    assert here(folder) == ["f"]
    drop(folder, "f", whole, clock())
    clock.now += 11 * MINUTE
    assert run(intake, folder).rows == 1


def test_a_file_that_never_ends_is_kept_in_quarantine_with_a_reason(intake, folder, clock):
    drop(folder, "f.csv", as_csv(forecast())[:-9], clock() - timedelta(hours=2))
    drop(folder, "sheet.xlsx", b"PK\x03\x04", clock() - timedelta(hours=2))
    drop(folder, "good.csv", as_csv(forecast()), clock())
    report = run(intake, folder)
    assert (report.outcome, report.rows) == ("partial", 1)
    assert here(folder) == ["archive/good.csv", "rejected/f.csv", "rejected/sheet.xlsx"]
    told = sorted(str(error) for error in report.errors)
    assert "cut off" in told[0]
    assert "neither JSON nor CSV" in told[1]
    assert sorted(case.description for case in open_cases(intake)) == ["file f.csv", "file sheet.xlsx"]


def test_links_hidden_and_unfinished_files_are_not_taken(intake, folder, clock, tmp_path):
    outside = drop(tmp_path, "outside.csv", as_csv(forecast()), SIX_PM)
    (folder / "link.csv").symlink_to(outside)
    for name in (".f.csv", "f.csv.part", "f.tmp"):
        drop(folder, name, as_csv(forecast()), SIX_PM - timedelta(days=2))
    (folder / "sub").mkdir()
    drop(folder / "sub", "f.csv", as_csv(forecast()), SIX_PM)
    before = here(folder)
    assert run(intake, folder).answers == 0
    assert here(folder) == before


def test_a_stop_between_storing_and_filing_away_loses_and_doubles_nothing(intake, folder, clock):
    drop(folder, "f.csv", as_csv(forecast()), SIX_PM)
    assert run(intake, folder, settle=lambda _ask, _stored: None).rows == 1
    assert here(folder) == ["f.csv"]
    clock.now += 11 * MINUTE
    assert run(intake, folder).rows == 0
    assert here(folder) == ["archive/f.csv"]
    assert len(bulletins(intake, clock)) == 1


def test_observations_wait_for_their_stations(intake, folder, clock):
    drop(folder, "o.csv", as_csv(other("observations", OBSERVED)), SIX_PM)
    run(intake, folder)
    assert stored(intake, clock()) == {}
    drop(folder, "s.csv", as_csv(other("stations", PLACE)), clock())
    clock.now += 11 * MINUTE
    run(intake, folder)
    assert stored(intake, clock()) == {("exchange:cnemc.1001A", SIX_PM): 54.0}
    assert here(folder) == ["archive/o.csv", "archive/s.csv"]


def test_a_bulletin_that_never_comes_is_told_after_three_days(intake, folder, clock):
    drop(folder, "f15.csv", as_csv(forecast(15)), SIX_PM)
    assert run(intake, folder).lost == ()
    lost = []
    for day in (16, 17, 18, 19, 20):
        clock.now += timedelta(days=1)
        if day != 16:
            drop(folder, f"f{day}.csv", as_csv(forecast(day)), clock())
        lost += run(intake, folder).lost
    assert lost == [("", SIX_PM + timedelta(days=1))]
    assert len(bulletins(intake, clock)) == 5


def test_without_a_folder_nothing_is_due(intake, tmp_path):
    assert run(intake, tmp_path / "none").outcome == "idle"


def test_a_file_that_changes_or_goes_while_it_is_read_is_left_for_the_next_round(folder):
    inbox, path = Inbox(folder), drop(folder, "f.csv", as_csv(forecast()), SIX_PM)
    (ask,) = inbox.asks(Due(SIX_PM, {}))
    path.write_bytes(as_csv(forecast(high=99)))
    with pytest.raises(NotYetAvailable, match="replaced"):
        inbox.fetch(ask)
    inbox.settle(ask, True)
    assert here(folder) == ["f.csv"]
    path.unlink()
    with pytest.raises(NotYetAvailable, match="gone"):
        inbox.fetch(ask)
    inbox.settle(ask, True)


def test_a_file_that_is_too_large_is_refused_unread(folder):
    inbox, path = Inbox(folder), folder / "f.csv"
    with path.open("wb") as file:
        file.truncate(LARGEST + 1)
    (ask,) = inbox.asks(Due(SIX_PM, {}))
    with pytest.raises(BadPayload, match="larger than 16 MiB"):
        inbox.fetch(ask)


def test_a_folder_that_cannot_be_read_is_told(tmp_path):
    inbox = Inbox(drop(tmp_path, "inbox", b"", SIX_PM))
    (ask,) = inbox.asks(Due(SIX_PM, {}))
    with pytest.raises(SourceUnavailable, match="cannot be read"):
        inbox.fetch(ask)


def test_a_folder_that_cannot_be_written_is_told_and_stops_no_other_source(folder):
    inbox, _ = Inbox(folder), drop(folder, "f.csv", as_csv(forecast()), SIX_PM)
    (ask,) = inbox.asks(Due(SIX_PM, {}))
    drop(folder, "archive", b"", SIX_PM)
    with pytest.raises(SourceUnavailable, match="filed away"):
        inbox.settle(ask, True)


def test_a_check_tells_the_writer_what_is_wrong_and_moves_nothing(folder):
    drop(folder, "bad.csv", as_csv(forecast())[:-9], SIX_PM)
    drop(folder, "good.csv", as_csv(other("stations", PLACE)), SIX_PM)
    drop(folder, "half.json", as_json(other("stations", PLACE) | {"rows": [PLACE, {}]}), SIX_PM)
    bad, good, half = check_files([folder], SIX_PM + timedelta(hours=1))
    assert "cut off" in bad.complaints[0]
    assert good == ("good.csv", 0, 0, 1, ())
    assert (half.stations, half.complaints) == (1, ("row 2: Field required (field station)",))
    assert here(folder) == ["bad.csv", "good.csv", "half.json"]
    with pytest.raises(UsageError, match="cannot read"):
        check_files([folder / "none.csv"], SIX_PM)
