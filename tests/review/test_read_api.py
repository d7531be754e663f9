"""The read API on a real server: who gets what, in pages, with validators, marks and problems."""

import io
import json
from datetime import timedelta

import pytest
import requests
import xarray as xr
from fastapi import HTTPException
from fastapi.routing import APIRoute

from pipeline.ledger.audit import newest_rows
from pipeline.ledger.publications import publish
from pipeline.removed import NOTE, Removed, encoded
from review.accounts.roles import Role
from review.app import create_public_app
from review.read_api import models
from review.read_api.forecasts import read_forecast
from tests.review.read_world import CYCLE, ReadWorld, small_forecast
from tests.review.running_app import NOW

OLD = CYCLE - timedelta(days=30)


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    running = ReadWorld(tmp_path_factory.mktemp("api"))
    running.old = running.run(cycle=OLD, forecast=small_forecast())
    running.ids = [running.run(cycle=CYCLE - timedelta(hours=6 * n)) for n in (4, 3, 2, 1)]
    running.new = running.run(forecast=small_forecast())
    running.exercise = running.run(world="simulated-7")
    for station in ("airkorea:open", "airkorea:desk", "airkorea:kept", "airkorea:other", "cnemc:open"):
        running.observe(station, 3, 40)
        running.observe(station, 1, 50)
    running.warn("01KISSVED00000000000000001")
    running.warn("01KDRAFT000000000000000001", issued=False)
    running.cap("01KISSVED00000000000000001")
    running.desk("r-seoul")
    running.send("01KISSVED00000000000000001", "r-seoul")
    yield running
    running.close()


def test_runs_come_in_pages_that_hold_each_once(api):
    seen, path = [], "/api/v1/runs?world=measured&limit=2"
    while path:
        answer = api.get(path)
        document = models.Runs.model_validate(answer.json())
        seen += [run.id for run in document.runs]
        link = answer.headers.get("link", "")
        assert (document.next is None) == (not link)
        path = link[1 : link.index(">")] if link else ""
    assert seen == [api.new, *reversed(api.ids), api.old]
    assert api.get("/api/v1/runs?before=nothing").status_code == 404


def test_an_unchanged_document_is_not_sent_twice(api):
    for path in ("/api/v1/runs", f"/api/v1/runs/{api.new}/forecast", f"/api/v1/runs/{api.new}/forecast.nc"):
        first = api.get(path)
        again = api.get(path, headers={"If-None-Match": f'W/{first.headers["ETag"]}, "x"'})
        assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
        assert again.headers["ETag"] == first.headers["ETag"]
        assert api.get(path, headers={"If-None-Match": '"x"'}).status_code == 200


def test_a_forecast_is_told_as_it_lies_in_its_file(api):
    told = models.Forecast.model_validate(api.get(f"/api/v1/runs/{api.new}/forecast").json())
    assert told.inputs_missing == ["seoul.pm10.reference"]
    seoul = told.cities[1]
    # 10 + the second city's 6 + the first hour's 0, 1, 2
    assert seoul.hours[0].quantiles_ug_m3 == {"0.10": 16.0, "0.50": 17.0, "0.90": 18.0}
    assert seoul.hours[1].probability_above_ug_m3 == {"35": 0.75, "75": 0.125}
    assert seoul.hours[1].valid_end == "2026-01-14T10:00:00Z"
    # 08:00 UTC is 17:00 of the same day in Seoul, 16:00 in Beijing
    assert [day.date for day in seoul.days] == ["2026-01-14", "2026-01-15"]
    assert [day.observed_share_1 for day in told.cities[0].days] == [0.5, None]
    raw = api.get(f"/api/v1/runs/{api.new}/forecast.nc")
    assert raw.headers["Content-Type"] == "application/netcdf"
    with xr.open_dataset(io.BytesIO(raw.content), engine="h5netcdf") as file:
        xr.testing.assert_equal(file["pm2p5"], small_forecast()["pm2p5"])


def test_a_damaged_forecast_is_a_problem_that_names_what_to_do(tmp_path):
    (tmp_path / "forecast.nc").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(200))
    with pytest.raises(HTTPException, match="tell the operator") as told:
        read_forecast(tmp_path / "forecast.nc", None)
    assert told.value.status_code == 503


def test_an_observer_sees_runs_only_when_their_embargo_is_over(api):
    listed = api.get("/api/v1/runs", Role.observer).json()["runs"]
    assert [run["id"] for run in listed] == [api.old]
    for part in ("", "/forecast", "/forecast.nc", "/origins", "/dust"):
        assert api.get(f"/api/v1/runs/{api.new}{part}", Role.observer).status_code == 404
    assert api.get(f"/api/v1/runs/{api.old}/forecast.nc", Role.observer).status_code == 200


def stations(answer):
    document = models.Observations.model_validate(answer.json())
    return [(o.station, o.value, o.redistribution) for o in document.observations]


def test_observations_leave_under_a_rule_after_its_embargo_and_keep_their_mark(api):
    # open: 2 h embargo, so the hour that ended 1 h ago is not over; desk: none; both may leave after 1 h
    assert stations(api.get("/api/v1/observations")) == [
        ("airkorea:desk", 40.0, "parties"),
        ("airkorea:open", 40.0, "public"),
        ("airkorea:desk", 50.0, "parties"),
    ]
    assert stations(api.get("/api/v1/observations", Role.observer)) == [("airkorea:open", 40.0, "public")]
    one = api.get("/api/v1/observations?station=airkorea:open").json()["observations"][0]
    assert (one["licence"], one["embargo_hours"], one["unit"]) == ("licence of open", 2.0, "ug m-3")
    first = api.get("/api/v1/observations?limit=2").json()
    rest = api.get(f"/api/v1/observations?limit=2&after={first['next']}").json()
    assert (len(first["observations"]), len(rest["observations"]), rest["next"]) == (2, 1, None)


@pytest.mark.parametrize(
    "query",
    ["from=x", "from=2026-01-14T08:00Z&to=2026-01-14T07:00Z", "from=0001-01-01&to=0001-01-02", "limit=0",
     "from=2025-01-01&to=2026-01-01", "to=9999-12-31T23:59Z", "unknown=1", "world=../x"],
)  # fmt: skip
def test_a_stretch_that_is_none_is_a_problem(api, query):
    answer = api.get(f"/api/v1/observations?{query}")
    assert (answer.status_code, answer.headers["Content-Type"]) == (422, "application/problem+json")
    assert answer.json()["status"] == 422


def test_others_than_staff_see_what_was_issued_and_no_person(api):
    ids = {r: [w["warning_id"] for w in api.get("/api/v1/warnings", r).json()["warnings"]] for r in Role}
    assert len(ids[Role.lead]) == len(ids[Role.reader]) == 2
    assert ids[Role.agency] == ["01KISSVED00000000000000001"]
    assert api.get("/api/v1/warnings/01KDRAFT000000000000000001", Role.agency).status_code == 404
    whole = api.get("/api/v1/warnings/01KISSVED00000000000000001", Role.agency)
    assert "kim" not in whole.text
    assert whole.json()["versions"][0]["deliveries"] == []
    assert ids[Role.observer] == []
    assert api.get("/api/v1/warnings/01KISSVED00000000000000001", Role.observer).status_code == 404
    inside = models.Warning.model_validate(api.get("/api/v1/warnings/01KISSVED00000000000000001").json())
    assert [(d.recipient, d.state) for d in inside.versions[0].deliveries] == [("r-seoul", "sent")]
    assert "secret@" not in api.get("/api/v1/warnings/01KISSVED00000000000000001").text


def test_nobody_is_told_how_to_come_in(api):
    answer = api.get("/api/v1/runs", jar={})
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert answer.json()["title"] == "Unauthorized"
    forbidden = api.get("/api/v1/episodes", Role.agency)
    assert (forbidden.status_code, forbidden.headers["Content-Type"]) == (403, "application/problem+json")


def test_an_agency_acknowledges_once_and_for_its_own_recipient(api):
    path = "/api/v1/warnings/01KISSVED00000000000000001/1/acknowledgement"
    first = api.post(path, Role.agency)
    document = models.Acknowledgement.model_validate(first.json())
    assert (document.recipient, document.by) == ("r-seoul", "agency.seoul.en")
    api.now = NOW + timedelta(minutes=3)
    assert api.post(path, Role.agency).json() == first.json()
    api.now = NOW
    assert api.post(path, Role.agency, party="beijing").status_code == 409
    other = "/api/v1/warnings/01KDRAFT000000000000000001/1/acknowledgement"
    assert api.post(other, Role.agency).status_code == 409
    assert api.post(path, Role.lead).status_code == 403
    jar = api.jar(Role.agency)
    assert requests.post(api.base + path, cookies=jar, timeout=120).status_code == 403
    with api.ledger.read() as conn:
        said = [row for row in newest_rows(conn, 50) if row["action"] == "delivery.acknowledge"]
    assert [(row["actor"], row["payload"]["recipient"]) for row in said] == [("agency.seoul.en", "r-seoul")]


def test_every_route_of_the_api_is_described_with_its_answers(api):
    document = api.get("/api/v1/openapi.json").json()
    routes = [r for r in api.app.state.guarded if isinstance(r, APIRoute) and r.path.startswith("/api/v1/")]
    for route in (r for r in routes if r.include_in_schema):
        for method in route.methods - {"HEAD"}:
            answers = document["paths"][route.path][method.lower()]["responses"]
            assert {"200", "401", "403", "422", "503"} <= set(answers)
    assert "HTTPValidationError" not in json.dumps(document)


def test_nothing_is_public_until_all_parties_that_it_concerns_say_so(api):
    public = ReadWorld(api.settings.data_dir, create_public_app)
    try:
        paths = ("/public/v1/forecast", "/public/v1/warnings/01KISSVED00000000000000001")
        assert [public.get(p, jar={}).status_code for p in paths] == [404, 404]
        assert public.get("/public/v1/observations", jar={}).json()["observations"] == []
        say(api, "seoul", "warnings", "forecasts", "observations")
        told = public.get("/public/v1/forecast", jar={}).json()
        assert [city["city"] for city in told["cities"]] == ["seoul"]
        assert public.get("/public/v1/warnings", jar={}).json()["warnings"] == []
        assert stations(public.get("/public/v1/observations", jar={})) == [("airkorea:open", 40.0, "public")]
        say(api, "beijing", "warnings")
        (row,) = public.get("/public/v1/warnings", jar={}).json()["warnings"]
        assert row["warning_id"] == "01KISSVED00000000000000001"
        whole = public.get(paths[1], jar={})
        assert (whole.status_code, "kim" in whole.text) == (200, False)
        assert public.get("/public/v1/cap/01KISSVED00000000000000001-v1.cap.xml", jar={}).text == "<alert/>"
        for name in ("01KDRAFT000000000000000001-v1.cap.xml", "..%2fledger.sqlite", "feed-measured.atom"):
            assert public.get(f"/public/v1/cap/{name}", jar={}).status_code == 404
        say(api, "beijing", "warnings", public=False)
        assert public.get("/public/v1/warnings", jar={}).json()["warnings"] == []
    finally:
        public.close()


def say(api, party, *products, public=True):
    with api.ledger.write() as conn:
        for product in products:
            publish(conn, party, product, public=public, by="kim", at=NOW)


def test_what_retention_removed_is_gone_with_its_day_and_not_a_fault(api):
    run = api.run(world="simulated-8", forecast=small_forecast())
    folder = api.settings.runs_dir / run
    files = ["forecast.nc", f"bulletin-{run}.html"]
    gone = {name: Removed(name, "ab" * 32, 7, "2026-01-10T00:00:00Z", "products.papers") for name in files}
    (folder / NOTE).write_bytes(encoded(gone))
    (folder / "forecast.nc").unlink()
    said = "was removed by retention on 2026-01-10"
    for path in ("forecast", "forecast.nc"):
        answer = api.get(f"/api/v1/runs/{run}/{path}")
        assert (answer.status_code, answer.json()["status"]) == (410, 410)
        assert answer.json()["detail"] == f"forecast.nc {said} (SHA-256 {'ab' * 32})."
    assert api.get(f"/api/v1/runs/{run}/dust").status_code == 404
    listed = models.WholeRun.model_validate(api.get(f"/api/v1/runs/{run}").json())
    assert [one.name for one in listed.removed] == sorted(files)
    paper = api.get(f"/runs/{run}/bulletin")
    assert paper.status_code == 410
    assert said in paper.text
    assert api.get(f"/runs/{run}/bulletin?language=ko").status_code == 404
    page = api.get(f"/operations/runs/{run}", role=Role.operator)
    assert page.status_code == 200
    assert all(word in page.text for word in (*files, "2026-01-10", "ab" * 32))
