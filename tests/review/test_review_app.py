"""The review pages on a real server: what they show, and what they never do."""

import json
import shutil
from datetime import timedelta
from urllib.parse import urlsplit

import playwright.sync_api
import pytest
import requests
from lxml import html

from alerts.examples import example_content
from alerts.signoff import Signer, approve
from alerts.warnings import propose_version
from pipeline.dust_outlook import DustDay, DustOutlook
from pipeline.exchange.keys import load_or_create_key
from pipeline.files import write_atomic
from pipeline.ledger.runs import begin_run, fail_run, finish_run, make_current
from pipeline.times import parse_instant
from review.app import create_app
from tests.ledger_files import damage_ledger
from tests.review.running_app import NOW, RunningApp
from tests.review.signed_in import cookies

CYCLE = parse_instant("2026-01-14T08:00Z")
EVIL = "<script>alert(1)</script>\"'<img src=x onerror=alert(2)>"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Desk(RunningApp):
    """A running server over a fresh installation, with the ledger to write into."""

    def __init__(self, folder):
        super().__init__(folder, create_app)

    def get(self, path, jar=None, **kwargs):
        jar = jar or cookies(self.ledger, self.now)
        return requests.get(self.base + path, timeout=120, allow_redirects=False, cookies=jar, **kwargs)

    def text(self, path):
        answer = self.get(path)
        assert answer.status_code == 200, answer.text
        return " ".join(html.fromstring(answer.text).text_content().split())

    def run(self, *, world="simulated-7", current=True, degraded="", products=None, error=""):
        with self.ledger.write() as conn:
            run = begin_run(conn, world=world, cycle=CYCLE, as_of=CYCLE, code_version="0.1", at=CYCLE)
            if error:
                fail_run(conn, run, at=CYCLE, error=error)
                return run
            finish_run(
                conn, run, at=CYCLE, model_id="m1", inputs={}, degraded=degraded, products=products or {}
            )
            if current:
                make_current(conn, run, expected=None)
        return run

    def propose(self, **changes):
        with self.ledger.write() as conn:
            propose_version(conn, example_content(**changes), NOW)

    def approve(self, party):
        signer = Signer(party, "kim", load_or_create_key(self.settings.keys_dir, party))
        with self.ledger.write() as conn:
            approve(conn, example_content().warning_id, 1, signer, NOW)


@pytest.fixture
def desk(tmp_path):
    running = Desk(tmp_path)
    yield running
    running.close()


def test_an_empty_installation_says_so(desk):
    assert "No warning fits." in desk.text("/warnings")


def test_the_read_api_tells_the_dust_of_a_run(desk):
    day = DustDay("seoul", "2026-01-13", -1, "pm10_event", 1.0, 18, 24, 219.3, 359.0, 0.09, observed=True)
    outlook = DustOutlook("simulated-7", "", "", "", (day,))
    path = write_atomic(desk.settings.runs_dir / "d" / "dust.json", json.dumps(outlook.to_dict()).encode())
    run = desk.run(products={"dust": str(path.relative_to(desk.settings.data_dir))})
    answer = desk.get(f"/api/v1/runs/{run}/dust").json()
    assert (answer["simulated"], answer["days"][0]["verdict"]) == (True, "pm10_event")
    assert desk.get("/api/v1/runs/unknown/dust").status_code == 404
    path.write_text("[]")
    assert desk.get(f"/api/v1/runs/{run}/dust").status_code == 404


def test_health_of_a_world(desk):
    desk.run(world="measured", degraded="seoul is late")
    desk.run(world="simulated-7", error="disk full")
    assert "seoul is late" in desk.text("/")
    assert "disk full" in desk.text("/?world=simulated-7")
    found = {w["world"]: w for w in desk.get("/api/v1/health").json()["worlds"]}
    assert found["measured"]["health"] == "degraded"
    assert found["simulated-7"]["health"] == "failed"
    desk.now = CYCLE + timedelta(hours=12)
    assert {w["world"]: w["health"] for w in desk.get("/api/v1/health").json()["worlds"]}[
        "measured"
    ] == "late"


def test_the_api_gives_runs_and_warnings_with_their_world(desk):
    run = desk.run()
    desk.propose()
    rows = desk.get("/api/v1/runs", params={"world": "simulated-7"}).json()["runs"]
    assert [(r["id"], r["is_current"], r["simulated"]) for r in rows] == [(run, True, True)]
    assert desk.get("/api/v1/runs", params={"world": "measured"}).json()["runs"] == []
    (row,) = desk.get("/api/v1/warnings").json()["warnings"]
    assert (row["state"], row["world"], row["cap_status"]) == ("draft", "simulated-7", "Exercise")
    whole = desk.get(f"/api/v1/warnings/{row['warning_id']}").json()
    assert whole["versions"][0]["content"]["level"] == "J2"
    assert whole["versions"][0]["unsigned"] == ["beijing", "seoul"]
    assert desk.get("/api/v1/warnings/nothing").status_code == 404
    assert desk.get("/api/v1/runs", params={"limit": 0}).status_code == 422


def test_pages_only_read(desk):
    for path in ("/", "/operations/runs", "/warnings", "/api/v1/runs"):
        for method in ("post", "put", "delete", "patch"):
            assert getattr(requests, method)(desk.base + path, timeout=120).status_code == 405


def test_a_bulletin_is_served_from_the_folder_of_runs_only(desk, tmp_path):
    folder = desk.settings.runs_dir / "r"
    folder.mkdir(parents=True)
    (folder / "bulletin.html").write_text("<!doctype html><p>bulletin", "utf-8")
    (tmp_path / "secret.html").write_text("secret", "utf-8")
    (folder / "link.html").symlink_to(tmp_path / "secret.html")
    good = desk.run(products={"bulletin": str(folder / "bulletin.html")})
    answer = desk.get(f"/runs/{good}/bulletin")
    assert "bulletin" in answer.text
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    beside = desk.run(current=False, products={"forecast": "runs/r/forecast.nc"})
    assert desk.get(f"/runs/{beside}/bulletin").status_code == 404
    (folder / f"bulletin-{beside}.html").write_text("<!doctype html><p>beside", "utf-8")
    assert "beside" in desk.get(f"/runs/{beside}/bulletin").text
    (folder / f"bulletin-{beside}-seoul-ko.pdf").write_bytes(b"%PDF-1")
    paper = desk.get(f"/runs/{beside}/bulletin?city=seoul&language=ko")
    assert (paper.content, paper.headers["Content-Type"]) == (b"%PDF-1", "application/pdf")
    for query in ("city=tokyo", "language=../x", "city=../r/bulletin", "language=ko"):
        assert desk.get(f"/runs/{beside}/bulletin?{query}").status_code == 404
    relative = desk.run(current=False, products={"bulletin": "runs/r/bulletin.html"})
    assert desk.get(f"/runs/{relative}/bulletin").status_code == 200
    for path in (
        tmp_path / "secret.html",
        folder / "link.html",
        "runs/../secret.html",
        "/etc/passwd",
        folder,
    ):
        bad = desk.run(current=False, products={"bulletin": str(path)})
        answer = desk.get(f"/runs/{bad}/bulletin")
        assert answer.status_code == 404, path
        assert "secret" not in answer.text.replace("secret.html", "")
    assert desk.get("/runs/unknown/bulletin").status_code == 404
    assert desk.get("/static/..%2f..%2fapp.py").status_code == 404


def test_security_headers_are_on_every_answer(desk):
    for path in (
        "/",
        "/api/v1/runs",
        "/static/review.css",
        "/nothing",
        "/static/fonts/noto-sans-kr-400.woff2",
    ):
        headers = desk.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe-inline" not in policy
        assert "script-src 'self'" in policy or "script-src" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"


def test_another_host_name_is_refused(desk):
    assert desk.get("/", headers={"Host": "evil.example"}).status_code == 400


def test_foreign_text_is_escaped_everywhere(desk):
    desk.run(world="simulated-7", degraded=EVIL)
    desk.run(world="simulated-7", error=EVIL)
    desk.propose(model_id=EVIL, degraded=EVIL, policy_version=EVIL)
    with desk.ledger.write() as conn:
        key = load_or_create_key(desk.settings.keys_dir, "seoul")
        approve(conn, example_content().warning_id, 1, Signer("seoul", EVIL, key), NOW)
    for path in (
        "/",
        "/operations/runs",
        "/warnings",
        f"/warnings/{example_content().warning_id}",
        f"/warnings/{EVIL}",
    ):
        text = desk.get(path).text
        assert "<script>" not in text
        assert "<img" not in text
    assert EVIL.split("<img")[0] in desk.text(f"/warnings/{example_content().warning_id}")


def test_fonts_are_served_from_here(desk):
    assert desk.get("/static/fonts/noto-sans-sc-600.woff2").content[:4] == b"wOF2"
    assert desk.get("/static/fonts/other.woff2").status_code == 404


def test_a_damaged_ledger_is_said_without_a_trace(desk):
    jar = cookies(desk.ledger, desk.now)
    desk.ledger.engine.dispose()
    damage_ledger(desk.settings.data_dir / "ledger.sqlite")
    answer = desk.get("/", jar)
    assert answer.status_code == 503
    assert "Traceback" not in answer.text


@pytest.mark.slow
def test_a_browser_asks_nobody_else_and_complains_about_nothing(desk, tmp_path):
    if CHROMIUM is None:
        pytest.skip("needs the program chromium")
    desk.run()
    desk.propose()
    flags = """
    --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
    --disable-component-update --disable-sync
    """.split()  # noqa: SIM905
    asked, complaints = set(), []
    with playwright.sync_api.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=CHROMIUM, args=flags)
        context = browser.new_context()
        jar = cookies(desk.ledger, desk.now)
        context.add_cookies([{"name": n, "value": v, "url": desk.base} for n, v in jar.items()])
        page = context.new_page()
        page.on("request", lambda request: asked.add(urlsplit(request.url).netloc))
        page.on("console", lambda message: complaints.append(message.text))
        page.goto(f"{desk.base}/warnings/{example_content().warning_id}")
        assert "联合预警" in page.content()
        browser.close()
    assert complaints == []
    assert asked == {urlsplit(desk.base).netloc}
