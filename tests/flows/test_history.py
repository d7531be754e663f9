"""Import of history: what is stored, as known when, and that a second or a stopped import goes on."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from cli.main import app
from flows.history import import_history, newest_fields
from flows.live import forecasts_of, http_of
from flows.workspace import open_workspace
from pipeline.errors import UsageError
from pipeline.names import MEASURED
from pipeline.previous_runs import ASSUMED_RUN_DELAY
from pipeline.settings import Settings
from pipeline.times import from_ns, to_ns
from pipeline.weather_schema import valid_times
from tests.fakes.open_meteo import OpenMeteoFake, forecast_value
from tests.fakes.openaq import ArchiveFake
from tests.fakes.server import FakeAnswer, serving_fake
from tests.ingest.test_open_meteo_feeds import analyses
from tests.ingest.test_openaq import START, made, value

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
NOW = START + 20 * DAY
SEOUL = (37.5665, 126.9780)


class Counting:
    """Lets a fake answer so many requests, then refuses."""

    def __init__(self, fake, most=10_000):
        self.fake, self.most, self.source = fake, most, fake.source

    def answer(self, *request):
        self.most -= 1
        if self.most < 0:
            reason = "Daily API request limit exceeded. Please try again tomorrow."
            return FakeAnswer(429, body=json.dumps({"error": True, "reason": reason}).encode())
        return self.fake.answer(*request)


@pytest.fixture
def serve(tmp_path, monkeypatch):
    """Serve a fake under a name of the settings and open a data folder that knows it; no wait is real."""
    opened = []
    monkeypatch.setattr("flows.history.http_of", lambda ws: replace(http_of(ws), sleep=lambda _: None))

    def start(fake, name, clock=lambda: NOW):
        served = serving_fake(fake)
        settings = Settings(data_dir=tmp_path, source_urls={name: served.__enter__().url})
        ws = open_workspace(settings, clock)
        opened.extend([served, ws])
        return ws

    yield start
    for one in opened:
        if hasattr(one, "__exit__"):
            one.__exit__(None, None, None)
        else:
            one.ledger.close()


def test_the_archive_of_openaq_fills_just_the_days_that_were_named(serve):
    ws = serve(ArchiveFake(made(), lambda: NOW), "openaq_archive")
    first, last = START + DAY, START + 2 * DAY
    report = import_history(ws, "openaq", first, last, [101, 102])
    assert (report.new, report.unread, report.stopped) == (2 * 2 * 48, [], "")
    rows = ws.store.read(world=MEASURED, as_of=NOW)
    assert rows["time"].min() == to_ns(first + HOUR)
    assert rows["time"].max() == to_ns(first + 2 * DAY)
    mine = rows[(rows["station"] == "openaq:102") & (rows["quantity"] == "pm10")].sort_values("time")
    assert mine["value"].tolist() == [value("openaq:102", "pm10", 24 + n) for n in range(1, 49)]
    assert import_history(ws, "openaq", first, last).new == 0  # the stations are known by now
    known = ws.store.read(world=MEASURED, as_of=first + 10 * HOUR)
    assert known["time"].max() == to_ns(first + 8 * HOUR)  # two hours after the interval's end


@pytest.mark.slow
def test_previous_runs_come_back_as_the_forecast_of_that_time(serve):
    ws = serve(OpenMeteoFake(analyses(), lambda: NOW), "open_meteo_previous_runs")
    first, last = datetime(2025, 2, 27, tzinfo=UTC), datetime(2025, 3, 3, tzinfo=UTC)
    report = import_history(ws, "previous-runs", first, last)
    assert (report.asked, report.new, report.there) == (2, 2, 0)
    again = import_history(ws, "previous-runs", first, last)
    assert (again.asked, again.new, again.there) == (0, 0, 2)
    as_of = datetime(2025, 2, 27, 20, tzinfo=UTC)
    known = forecasts_of(ws).newest("open_meteo.previous_runs", MEASURED, as_of)
    times, got = valid_times(known), known["air_temperature"].sel(station="open_meteo:seoul").to_numpy()
    want = []
    for time in times:
        when = from_ns(time)
        days = -(-(when - as_of + ASSUMED_RUN_DELAY) // DAY)  # the newest run that was published then
        want.append(273.15 + forecast_value("temperature_2m", *SEOUL, when, days))
    np.testing.assert_allclose(got, want, rtol=1e-6)
    assert from_ns(times[0]) == as_of + HOUR
    assert from_ns(times[-1]) == as_of + 4 * DAY - ASSUMED_RUN_DELAY


@pytest.mark.slow
def test_single_runs_go_on_after_a_day_s_quota(serve):
    fake = Counting(OpenMeteoFake(analyses(), lambda: NOW), most=3)
    now = [NOW]
    ws = serve(fake, "open_meteo_single_runs", lambda: now[0])
    report = import_history(ws, "single-runs", START, START + DAY)
    assert (report.new, report.asked) == (3, 3)
    assert "Daily API request limit" in report.stopped
    fake.most = 9
    assert "limit" in import_history(ws, "single-runs", START, START + DAY).stopped  # until midnight
    now[0] += DAY
    report = import_history(ws, "single-runs", START, START + DAY)
    assert (report.new, report.there, report.stopped) == (1, 3, "")
    store = forecasts_of(ws)
    run = START + 12 * HOUR
    for late, want in ((-1, START), (0, run)):
        known = store.newest("open_meteo.single_runs", MEASURED, run + ASSUMED_RUN_DELAY + late * HOUR)
        assert from_ns(known["forecast_reference_time"].to_numpy().max()) == want


def test_nothing_is_asked_of_days_before_there_was_anything(serve):
    ws = serve(Counting(OpenMeteoFake(analyses(), lambda: NOW), most=0), "open_meteo_previous_runs")
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    with pytest.raises(UsageError, match="begin with 2024-01-01"):
        import_history(ws, "previous-runs", long_ago, long_ago + 40 * DAY)


def test_the_newest_fields_are_shown_as_known_then(serve):
    ws = serve(OpenMeteoFake(analyses(), lambda: NOW), "open_meteo_single_runs")
    import_history(ws, "single-runs", START, START)
    [row] = newest_fields(ws, MEASURED, START + 9 * HOUR)
    assert (row.source, row.files) == ("open_meteo.single_runs", 1)
    assert row.reference_time == "2025-03-10T00:00:00Z"
    assert row.places == "4 levels, 24 stations"
    assert "atmosphere_boundary_layer_thickness" in row.variables
    assert newest_fields(ws, MEASURED, START) == []
    assert newest_fields(ws, MEASURED)[0].reference_time == "2025-03-10T12:00:00Z"


@pytest.mark.parametrize(
    ("kind", "first", "last", "says"),
    [
        ("weather", START, START, "there are openaq"),
        ("single-runs", START + DAY, START, "later than"),
        ("single-runs", START, NOW, "days that are over"),
        ("openaq", START, START, "--location"),
    ],
)
def test_wrong_use_is_told(serve, kind, first, last, says):
    ws = serve(OpenMeteoFake(analyses(), lambda: NOW), "open_meteo_single_runs")
    with pytest.raises(UsageError, match=says):
        import_history(ws, kind, first, last)


def test_the_commands_print_what_came(tmp_path, monkeypatch, capsys):
    with serving_fake(ArchiveFake(made(), lambda: NOW)) as served:
        monkeypatch.setenv("SAMEAIR_SOURCE_URLS", json.dumps({"openaq_archive": served.url}))
        asked = [
            "--from",
            "2025-03-11",
            "--to",
            "2025-03-11",
            "--location",
            "101",
            "--data-dir",
            str(tmp_path),
        ]
        app(["import-history", "openaq", *asked, "--json"], standalone_mode=False)
        assert json.loads(capsys.readouterr().out)["new"] == 48
        app(["import-history", "openaq", *asked], standalone_mode=False)
        assert "openaq: 0 new; 1 parts fetched" in capsys.readouterr().out
    app(["fields", "--data-dir", str(tmp_path)], standalone_mode=False)
    assert "none" in capsys.readouterr().out
