"""An observer finds no cycle whose embargo is not over, by whatever route and in whatever page."""

import re
from datetime import timedelta

import pytest
import requests

from alerts.cap import cap_time
from alerts.cap_check import CAP_NAMESPACE
from alerts.examples import example_content
from alerts.feed import cap_name, feed_name
from alerts.warnings import propose_version
from pipeline.ledger.runs import begin_run, finish_run
from pipeline.ledger.warnings import insert_event
from pipeline.times import iso
from review.access import rule_of
from review.accounts.roles import Role, may
from review.app import create_app
from tests.review.running_app import NOW, RunningApp
from tests.review.signed_in import cookies

MESSAGE = (
    f'<alert xmlns="{CAP_NAMESPACE}"><identifier>{{name}}</identifier><sent>{{sent}}</sent>'
    "<status>Actual</status><msgType>Alert</msgType><info><language>en</language><headline>h</headline>"
    "</info></alert>"
)
FRESH, OVER = NOW - timedelta(hours=24, minutes=20), NOW - timedelta(days=30, minutes=20)


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    running = RunningApp(tmp_path_factory.mktemp("pages"), create_app)
    running.runs = {at: stored(running, at) for at in (OVER, FRESH)}
    yield running
    running.close()


def stored(app, at):
    """Enter a run of the measured world with a bulletin that everybody could know it by."""
    with app.ledger.write() as conn:
        run = begin_run(conn, world="measured", cycle=at, as_of=at, code_version="1", at=at)
        path = app.settings.runs_dir / run / "bulletin.html"
        path.parent.mkdir(parents=True)
        path.write_text(f"<p>bulletin of {run}</p>")
        products = {"bulletin": str(path.relative_to(app.settings.data_dir))}
        finish_run(conn, run, at=at, model_id="m", inputs={}, degraded="", products=products)
    return run


def asked(app, path, role, **more):
    jar = cookies(app.ledger, NOW, role=role)
    return requests.get(app.base + path, cookies=jar, timeout=120, allow_redirects=False, **more)


def pages(app, at):
    """Every page that an observer's role lets through, for the run of an instant."""
    names = {
        "run_id": app.runs[at],
        "stamp": f"{at:%Y-%m-%dT%H}",
        "name": f"runs/{app.runs[at]}/bulletin.html",
    }
    for route in app.app.state.guarded:
        action = rule_of(route).action
        if action is not None and may(Role.observer, action) and "GET" in route.methods:
            yield re.sub(r"\{(\w+)[^}]*\}", lambda m: names.get(m[1], "x"), route.path)


@pytest.mark.slow
def test_no_page_tells_an_observer_of_a_fresh_run(app):
    tried = 0
    for path in pages(app, FRESH):
        for query in ("", f"?run={app.runs[FRESH]}&world=measured", "?world=measured&limit=50"):
            answer = asked(app, path + query, Role.observer)
            assert answer.status_code < 500, path
            said = answer.text.replace(query.partition("run=")[2].partition("&")[0] or "-", "")
            if app.runs[FRESH] in path:
                assert answer.status_code in (403, 404), path
            else:
                assert app.runs[FRESH] not in said, path
            tried += 1
    assert tried > 30


def test_the_last_cycle_that_is_over_ends_where_the_embargo_begins(app):
    path = f"/archive/{OVER:%Y-%m-%dT%H%MZ}"
    late = f"{FRESH + timedelta(hours=1):%Y-%m-%dT%H:%MZ}"
    opened = asked(app, path, Role.observer).text
    assert f'datetime="{iso(OVER)}"' in opened
    shown = asked(app, f"{path}?at={late}", Role.observer)
    assert re.search(r'class="as-of">[^<]*<b><time datetime="([^"]+)"', shown.text)[1] == iso(OVER)


def test_a_text_of_a_fresh_cycle_is_in_no_list_feed_or_message_for_an_observer(app):
    names = {at: issued(app, at, f"01KEX{number}") for number, at in enumerate((OVER, FRESH))}
    for role, told in ((Role.observer, {OVER}), (Role.agency, {OVER, FRESH}), (Role.reader, {OVER, FRESH})):
        feed = [f"/feeds/{feed_name('measured')}"] if role is Role.observer else []
        for path in ("/api/v1/warnings", "/warnings", "/agency", *feed):
            said = asked(app, path, role).text
            assert {at for at, name in names.items() if name in said} == told, (role, path)
        for at, name in names.items():
            for path in (f"/api/v1/warnings/{name}", f"/warnings/{name}", f"/feeds/{cap_name(name, 1)}"):
                assert asked(app, path, role).status_code == (200 if at in told else 404), (role, path)


def issued(app, at, name):
    """Enter a warning of the measured world that was issued in a cycle, with its message."""
    given = {"world": "measured", "simulated": False, "cap_status": "Actual", "issue_time": iso(at)}
    content = example_content(warning_id=name, **given)
    with app.ledger.write() as conn:
        propose_version(conn, content, NOW)
        insert_event(conn, name, 1, state="issued", actor="kim", reason="", at=NOW)
    folder = app.settings.data_dir / "warnings"
    folder.mkdir(exist_ok=True)
    (folder / cap_name(name, 1)).write_text(MESSAGE.format(name=name, sent=cap_time(at)))
    return name


def test_what_is_over_is_shown_and_the_fresh_to_the_desk(app):
    found = [run["id"] for run in asked(app, "/api/v1/runs?world=measured", Role.observer).json()["runs"]]
    assert found == [app.runs[OVER]]
    assert asked(app, f"/api/v1/runs/{app.runs[OVER]}", Role.observer).status_code == 200
    assert asked(app, f"/api/v1/runs/{app.runs[FRESH]}", Role.observer).status_code in (403, 404)
    assert asked(app, f"/api/v1/runs/{app.runs[FRESH]}", Role.reader).status_code == 200
