"""Links of a run: its stored paths, the newest measurement known by then, and what is left without them."""

import json
import logging
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

import flows.links
from alerts.assessment import Link
from alerts.content import LinkEvidence
from alerts.pairs import accepted, evidence
from alerts.policy import PACKAGED_POLICY, load_policy, parse_policy
from cli.main import app
from flows.links import LINKS_FILE, links_of_run, measure_links, measured_links
from flows.plan import CyclePlan
from flows.runview import RunView
from flows.workspace import open_workspace
from forecasting.transport.link_evidence import LinkMeasurement
from forecasting.transport.link_history import Terms
from forecasting.transport.link_test import Excess
from pipeline.asof import AsOfPanel
from pipeline.errors import UsageError
from pipeline.settings import Settings
from pipeline.times import hour_range, iso, parse_instant, to_ns
from pipeline.trajectory_files import write_trajectories

POLICY = load_policy()
CYCLE = parse_instant("2019-03-03T08:00Z")
ARRIVAL = parse_instant("2019-03-05T06:00Z")


@pytest.fixture
def ws(tmp_path):
    found = open_workspace(Settings(data_dir=tmp_path), lambda: CYCLE)
    yield found
    found.ledger.close()


def joint():
    """Joint paths: Beijing exceeds on 3 and 4 March, Seoul on 5 March, in every member."""
    grid = hour_range(parse_instant("2019-02-28T16:00Z"), parse_instant("2019-03-06T16:00Z"))
    day = ((grid + np.timedelta64(8, "h") - np.timedelta64(1, "ns")).astype("M8[D]")).astype(str)
    beijing = np.where(np.isin(day, ["2019-03-03", "2019-03-04"]), 150.0, 30.0)
    seoul = np.where(np.isin(day, ["2019-03-05"]), 90.0, 20.0)
    data = {
        "pm2p5": (("realization", "city", "time"), np.stack([[beijing, seoul]] * 4)),
        "is_observed": (("city", "time"), np.zeros((2, len(grid)), bool)),
    }
    coords = {"realization": np.arange(4), "city": ["beijing", "seoul"], "time": grid}
    coords["issue_time"] = to_ns(CYCLE)
    return xr.Dataset(data, coords=coords, attrs={"world": "simulated-7"})


def back_from(city, latitude, longitude, hours=36):
    """Two paths back to Beijing and two that stay, for one city's expected day."""
    ages = np.arange(0.0, -73.0, -1.0)
    share = np.minimum(-ages / hours, 1.0)
    straight = [latitude + share * (39.90 - latitude), longitude + share * (116.41 - longitude)]
    stay = [np.full(73, latitude), np.full(73, longitude)]
    places = [np.stack([straight[n], straight[n], stay[n], stay[n]]) for n in (0, 1)]
    dims = ("trajectory", "age")
    return xr.Dataset(
        {
            "latitude": (dims, places[0]),
            "longitude": (dims, places[1]),
            "height": (dims, np.full((4, 73), 400.0)),
            "air_pressure": (dims, np.full((4, 73), 96_000.0)),
            "start_time": ("trajectory", np.full(4, to_ns(ARRIVAL))),
            "ended": ("trajectory", [""] * 4),
            "city": ("trajectory", [city] * 4),
            "purpose": ("trajectory", ["expected"] * 4),
        },
        {"age": ages},
        {"source": "X", "kind": "forecast", "world": "simulated-7", "method": "invented"},
    )


def view_of(ws, paths=None, cycle=CYCLE):
    folder = ws.settings.data_dir / "runs" / "one"
    folder.mkdir(parents=True, exist_ok=True)
    products = {"forecast": "runs/one/forecast.nc"}
    if paths is not None:
        write_trajectories(paths, folder / "trajectories.nc")
        products["trajectories"] = "runs/one/trajectories.nc"
    plan = CyclePlan("simulated-7", cycle, cycle, "simulated", True, 7)
    run = SimpleNamespace(id="one", products=products)
    return RunView(run, plan, xr.Dataset(), joint(), AsOfPanel({}, "simulated-7"))


def both_cities():
    return xr.concat(
        [back_from("seoul", 37.57, 126.98), back_from("beijing", 39.90, 116.41)], "trajectory",
        combine_attrs="override",
    )  # fmt: skip


def file_measurement(ws, known_until, excess=0.3):
    """Store a measurement in which the path's excess is clear, or not."""
    row = Excess("all", 60, 30, 0.5, 0.5 - excess, excess, excess - 0.1, excess + 0.1, 0.01)
    placebo = Excess("all", 60, 12, 0.2, 0.2, 0.0, -0.1, 0.1, 0.5)
    spring = [Excess("MAM", *list(vars(x).values())[1:]) for x in (row, placebo)]
    rows = {"path": (row, spring[0]), "placebo": (placebo, spring[1])}
    made = LinkMeasurement(
        "beijing", "seoul", "simulated-7", iso(known_until), "", "", Terms(75, 50, 3), "", "", rows
    )
    folder = ws.settings.data_dir / "links" / "simulated-7"
    folder.mkdir(parents=True, exist_ok=True)
    document = {"known_until": iso(known_until), "links": [made.to_dict()]}
    (folder / f"{known_until:%Y%m%dT%H%M%SZ}.json").write_text(json.dumps(document), "utf-8")


def test_a_link_states_the_share_of_paths_their_lag_and_the_measured_word(ws):
    file_measurement(ws, CYCLE)
    view = view_of(ws, both_cities())
    (link,) = links_of_run(ws, view, POLICY)  # no path of Beijing came from Seoul: the reverse is not named
    assert (link.upwind, link.downwind) == ("beijing", "seoul")
    # two of four paths passed within 300 km of Beijing; nearest 36 h before, 4 March 02 CST: it exceeded
    assert (link.path_share, link.path_winds, link.confidence) == (0.5, "forecast", "strong")
    assert link.lag_hours == 36
    kept = json.loads((ws.settings.data_dir / "runs" / "one" / LINKS_FILE).read_text("utf-8"))
    assert [row["path_share"] for row in kept] == [0.5]


def test_without_paths_only_the_prevailing_direction_is_examined(ws):
    (link,) = links_of_run(ws, view_of(ws), POLICY)
    assert (link.upwind, link.path_winds, link.path_share, link.confidence) == ("beijing", "", 0.0, "")
    assert link.joint_probability == 1.0


def test_the_lag_of_paths_from_estimated_winds_is_not_stated(ws):
    estimated = both_cities().assign_attrs(kind="surrogate")
    (link,) = links_of_run(ws, view_of(ws, estimated), POLICY)
    assert (link.path_share, link.path_winds) == (0.5, "surrogate")
    assert link.lag_hours == links_of_run(ws, view_of(ws), POLICY)[0].lag_hours != 36


def test_a_word_measured_with_other_thresholds_is_not_stated(ws, caplog):
    file_measurement(ws, CYCLE)
    text = PACKAGED_POLICY.read_text("utf-8")
    other = parse_policy(text.replace("maximum_lag_days = 3", "maximum_lag_days = 2"))
    (link,) = links_of_run(ws, view_of(ws, both_cities()), other)
    assert link.confidence == ""
    assert "another policy" in caplog.text


def test_a_measurement_of_later_knowledge_is_not_read(ws, caplog):
    file_measurement(ws, parse_instant("2019-01-01T00:00Z"), excess=0.2)
    file_measurement(ws, parse_instant("2019-06-01T00:00Z"), excess=0.3)
    (known,) = measured_links(ws, "simulated-7", CYCLE)
    assert known.word("MAM") == "moderate"
    assert measured_links(ws, "simulated-7", parse_instant("2018-12-31T00:00Z")) == []
    newest = ws.settings.data_dir / "links" / "simulated-7" / "20190301T000000Z.json"
    newest.write_text('{"known_until": 3', "utf-8")
    with caplog.at_level(logging.ERROR):
        assert measured_links(ws, "simulated-7", CYCLE)[0].word("MAM") == "moderate"
    assert newest.name in caplog.text


def test_paths_that_do_not_agree_refuse_a_link_where_forecast_winds_tell_them():
    strict = parse_policy(PACKAGED_POLICY.read_text("utf-8").replace("path_share = 0.0", "path_share = 0.1"))
    agreed = Link("beijing", "seoul", 36.0, 1.8, 0.01, 250, 0.5, "m", 0.5, "forecast", "weak")
    assert accepted(agreed, strict)
    for share, winds, holds in ((0.0, "forecast", False), (0.0, "surrogate", True), (0.0, "", True)):
        other = Link("beijing", "seoul", 36.0, 1.8, 0.01, 250, 0.5, "m", share, winds, "")
        assert accepted(other, strict) is holds
        assert accepted(other, POLICY)  # the packaged policy states the share and refuses nothing
    told = evidence(agreed)
    assert (told.path_share, told.confidence) == (0.5, "weak")
    unsupported = Link("beijing", "seoul", 36.0, 1.8, 0.01, 250, 0.5, "m", 0.0, "forecast", "")
    assert evidence(unsupported).to_dict()["path_share"] == 0.0
    assert "path_share" not in evidence(replace(unsupported, path_winds="surrogate")).to_dict()
    plain = LinkEvidence("beijing", "seoul", 18.0, 2.4, 412, "m").to_dict()
    assert set(plain) == {"upwind", "downwind", "lag_hours", "lift", "sample_size", "method"}


def test_an_unknown_world_cannot_be_measured(ws):
    with pytest.raises(UsageError, match="nothing is stored"):
        measure_links(ws, "simulated-9", POLICY, CYCLE)


def test_too_short_a_history_is_refused_and_only_a_measured_one_can_be_made_longer(ws, monkeypatch):
    monkeypatch.setattr(flows.links, "load_panel", lambda *_, **__: None)
    monkeypatch.setattr(flows.links, "_winds_of", lambda *_: None)
    monkeypatch.setattr(flows.links, "measure_link", lambda *_: None)
    monkeypatch.setattr(type(ws.store), "worlds", lambda _: ["measured", "simulated-5"])
    with pytest.raises(UsageError, match="import more history first"):
        measure_links(ws, "measured", POLICY, CYCLE)
    with pytest.raises(UsageError, match=r"less than two years of both cities, which no links"):
        measure_links(ws, "simulated-5", POLICY, CYCLE)


def test_the_command_names_the_world_to_measure(tmp_path):
    given = ["links", "--data-dir", str(tmp_path)]
    for more, said in (
        (["--world", "simulated-5"], "`sameair links --measure --world simulated-5`"),
        (["--at", "2019-01-01T00:00Z"], "yet on what was known at 2019-01-01T00:00:00Z; call `sameair links"),
    ):
        result = CliRunner().invoke(app, [*given, *more])
        assert said in str(result.exception)
