"""The summary of seasons from stored measurements and winds to files, and who must never use it."""

import ast
import csv
import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

from cli.main import app, explained
from flows import season_paths
from flows.origins_season import plan_seasons, summarise_seasons
from flows.origins_truth import compared, known_arrivals, seed_of
from flows.season_paths import concentration_of
from pipeline.asof import AsOfPanel, AsOfSeries
from pipeline.cities import city
from pipeline.errors import UsageError
from tests.flows.archive_world import open_imported

ROOT = Path(__file__).parents[2]
HOUR = np.timedelta64(1, "h").astype("m8[ns]")
RECEPTOR = ("receptor", "seasonal", "season_text", "season_map", "known_origin", "cluster")
"""Modules of forecasting.transport that speak of whole seasons only."""

MAY_USE = {
    "flows/origins_season.py",
    "flows/origins_truth.py",
    "flows/season_paths.py",
    "cli/commands/origins.py",
}


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    return open_imported(tmp_path_factory.mktemp("seasons"), days=730)


def invented_winds(ws, world, *, start, end, as_of):
    """Return winds from the west in one half of the days and from the east in the other."""
    times = np.arange(
        np.datetime64(start.replace(tzinfo=None), "h"), np.datetime64(end.replace(tzinfo=None), "h") + 7, 6
    )
    day = times.astype("M8[D]").astype(int)
    east = np.where(day // 4 % 2, 5.0, -5.0)[:, None, None, None] + np.zeros((1, 2, 31, 41))
    dims = ("time", "level", "latitude", "longitude")
    return xr.Dataset(
        {
            "eastward_wind": (dims, east),
            "northward_wind": (dims, np.zeros_like(east)),
            "atmosphere_boundary_layer_thickness": (
                ("time", *dims[2:]),
                np.full((len(times), 31, 41), 300.0),
            ),
        },
        {
            "time": times.astype("M8[ns]"),
            "level": ("level", [10.0, 1000.0], {"vertical": "height", "units": "m"}),
            "latitude": 20.0 + np.arange(31.0),
            "longitude": 100.0 + np.arange(41.0),
        },
        {"source": "invented winds", "kind": "forecast", "world": world},
    )


@pytest.mark.slow
def test_from_measurements_to_files(imported, tmp_path, monkeypatch):
    monkeypatch.setattr(season_paths, "winds_for", invented_winds)
    plan = plan_seasons("2018-10-01", "2020-03-31", "seoul", scheme="halves", hours=24)
    made = summarise_seasons(imported, plan, tmp_path)
    winter, summer = made.seasons
    assert (winter.name, winter.independent, winter.refused) == ("Oct-Mar", 365, "")
    assert winter.first == "2018-10-01"
    assert summer.refused == "Apr-Sep: 183 independent arrivals of 200 needed (24 h apart); take more years"
    assert winter.known_hours == 24
    with (tmp_path / "regions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["season"] for row in rows} == {"Oct-Mar"}
    assert all(float(row["hours_low"]) <= float(row["hours"]) <= float(row["hours_high"]) for row in rows)
    below = [float(row["hours_below_mixing_height"]) for row in rows]
    assert 0 < sum(below) < sum(float(row["hours"]) for row in rows), "of the two heights one lies above it"
    assert json.loads((tmp_path / "summary.json").read_text())["of_season"][0]["arrivals"] == winter.arrivals
    cells = xr.open_dataset(tmp_path / "cells-Oct-Mar.nc")
    assert cells.attrs["source"] == "invented winds"
    assert set(made.files) == {
        *("summary.txt", "summary.json", "regions.csv", "groups.csv"),
        *("map-Oct-Mar.png", "cells-Oct-Mar.nc"),
    }
    assert "invented winds" in (tmp_path / "summary.txt").read_text()


def test_a_quarter_of_one_year_is_refused_and_has_no_map(imported, tmp_path, monkeypatch):
    monkeypatch.setattr(season_paths, "winds_for", invented_winds)
    plan = plan_seasons("2018-12-01", "2019-02-28", "beijing")
    made = summarise_seasons(imported, plan, tmp_path)
    assert [s.refused for s in made.seasons] == [
        "DJF: 90 independent arrivals of 200 needed (24 h apart); take more years"
    ]
    assert set(made.files) == {"summary.txt", "summary.json", "regions.csv", "groups.csv"}


@pytest.mark.parametrize(
    ("winds", "said"),
    [("stored", "no winds on levels of world 'measured'"), ("surrogate", "sea-level pressure")],
)
def test_without_winds_it_says_what_to_do(imported, tmp_path, winds, said):
    plan = plan_seasons("2019-01-01", "2019-01-03", "seoul", winds=winds)
    with pytest.raises(UsageError, match=said) as caught:
        summarise_seasons(imported, plan, tmp_path)
    assert explained(caught.value)[1] == 2
    assert not list(tmp_path.iterdir())


def test_without_measurements_it_says_so(imported, tmp_path):
    with pytest.raises(UsageError, match=r"no PM2\.5 of seoul is stored in world 'simulated-3'"):
        summarise_seasons(
            imported, plan_seasons("2019-01-01", "2019-01-03", "seoul", world="simulated-3"), tmp_path
        )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("2019-13-01", "2019-01-02", "seoul"), "--from 2019-13-01 is no date"),
        (("2019-02-01", "2019-01-02", "seoul"), "lies before"),
        (("2019-01-01", "2019-01-02", "busan"), "no city 'busan'"),
    ],
)
def test_nonsense_is_refused(arguments, said):
    with pytest.raises(UsageError, match=said):
        plan_seasons(*arguments)


@pytest.mark.parametrize("option", [{"scheme": "months"}, {"winds": "station"}, {"hours": 500}])
def test_unknown_choices_are_refused(option):
    with pytest.raises(UsageError, match=r"there are|can be"):
        plan_seasons("2019-01-01", "2019-01-02", "seoul", **option)


def panel_of(times, values, hours):
    received = times + HOUR
    return AsOfPanel({"seoul.pm2p5.reference": AsOfSeries(times, received, values, hours)}, "measured")


def test_concentration_is_the_mean_of_six_hours_around():
    ends = np.datetime64("2019-01-01T03", "ns") + np.arange(8) * 3 * HOUR
    panel = panel_of(ends, np.array([10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0]), 3)
    at = np.array(["2019-01-01T06", "2019-01-01T12", "2019-01-03T00"], "M8[ns]")
    found = concentration_of(panel, city("seoul"), at, datetime(2020, 1, 1, tzinfo=UTC))
    assert found[:2].tolist() == [(20 + 30) / 2, (40 + 50) / 2]
    assert np.isnan(found[2])


def test_nothing_received_later_counts():
    ends = np.datetime64("2019-01-01T03", "ns") + np.arange(4) * 3 * HOUR
    panel = panel_of(ends, np.full(4, 10.0), 3)
    at = np.array(["2019-01-01T06"], "M8[ns]")
    assert np.isnan(concentration_of(panel, city("seoul"), at, datetime(2019, 1, 1, 3, tzinfo=UTC)))[0]


def imports(path):
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{a.name}" for a in node.names)}
        elif isinstance(node, ast.Import):
            found |= {a.name for a in node.names}
    return found


@pytest.mark.slow
def test_no_cycle_and_no_warning_uses_receptor_methods():
    """They are for seasons: only the summary's own files import them, or the summary."""
    forbidden = {f"forecasting.transport.{name}" for name in RECEPTOR} | {
        "flows.origins_season",
        "flows.origins_truth",
    }
    own = {f"forecasting/transport/{name}.py" for name in RECEPTOR}
    users = {
        path.relative_to(ROOT).as_posix()
        for room in ("alerts", "flows", "forecasting", "review", "ingest", "pipeline", "cli")
        for path in (ROOT / room).rglob("*.py")
        if imports(path) & forbidden
    }
    assert users - own <= MAY_USE
    assert users & MAY_USE


def test_only_a_simulated_world_knows_its_origins():
    assert seed_of("simulated-12-quiet") == 12
    with pytest.raises(UsageError, match="world 'measured' is not known"):
        seed_of("measured")


def test_known_arrivals_hold_all_the_dust_and_all_the_hours():
    span = (datetime(2023, 1, 10, tzinfo=UTC), datetime(2023, 1, 12, tzinfo=UTC))
    known = known_arrivals(3, city("beijing"), span, 48)
    assert known.names[-1] == "inflow"
    assert len(known.times) == 8
    assert (known.hours >= 0).all()
    assert (known.hours.sum(axis=1) <= 48 + 1e-9).all()
    assert (known.parts.sum(axis=1) > 3).all()
    methods, _, refused = compared(known, "quarters", np.random.default_rng(0))
    assert not len(methods)
    assert refused == {"DJF": "DJF: 2 independent arrivals of 200 needed (24 h apart); take more years"}


def test_the_command_compares_with_the_truth_and_refuses_two_days(tmp_path):
    span = ["--from", "2023-01-10", "--to", "2023-01-11"]
    rest = ["--city", "seoul", "--world", "simulated-3", "--against-truth", "--out", str(tmp_path), "--json"]
    ran = CliRunner().invoke(app, ["origins", *span, *rest])
    assert ran.exit_code == 3, ran.output
    told = json.loads(ran.stdout)
    assert told["refused"]["DJF"].startswith("DJF: 2 independent arrivals of 200 needed")
    assert told["methods"] == []
    assert sorted(p.name for p in tmp_path.iterdir()) == ["truth-methods.csv", "truth-regions.csv"]


def test_the_command_summarises_and_says_what_it_refused(imported, tmp_path, monkeypatch):
    monkeypatch.setattr(season_paths, "winds_for", invented_winds)
    folder = str(imported.settings.data_dir)
    span = ["--from", "2018-12-01", "--to", "2018-12-20"]
    ran = CliRunner().invoke(
        app, ["origins", *span, "--city", "beijing", "--out", str(tmp_path), "--data-dir", folder]
    )
    assert ran.exit_code == 3, ran.output
    assert "Refused: DJF: 20 independent arrivals of 200 needed" in ran.stdout
    assert "invented winds" in ran.stdout
    assert str(tmp_path / "regions.csv") in ran.stdout.replace("\n", "")


def test_a_file_is_no_folder_for_a_summary(tmp_path):
    (tmp_path / "taken").write_text("")
    options = [
        "--from",
        "2019-01-01",
        "--to",
        "2019-02-01",
        "--city",
        "seoul",
        "--out",
        str(tmp_path / "taken"),
    ]
    result = CliRunner().invoke(app, ["origins", *options])
    assert str(result.exception).endswith("taken is a file; name a folder")
