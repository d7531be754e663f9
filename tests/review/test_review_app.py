"""The review pages on a real server: what they show, and what they never do."""

import json
import shutil
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit

import playwright.sync_api
import pytest
import requests
from lxml import html

from alerts.examples import example_content
from alerts.origin_example import example_panel
from alerts.signoff import Signer, approve
from alerts.warnings import propose_version
from forecasting.reasons.stored import write_reasons
from pipeline.dust_outlook import DustDay, DustOutlook
from pipeline.exchange.keys import load_or_create_key
from pipeline.files import write_atomic
from pipeline.ledger.deliveries import OutboxRow, insert_outbox
from pipeline.ledger.runs import begin_run, fail_run, finish_run, make_current
from pipeline.times import parse_instant
from review.app import create_app
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
        return requests.get(self.base + path, timeout=20, allow_redirects=False, cookies=jar, **kwargs)

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
    assert "No runs." in desk.text("/runs")
    assert "No warnings." in desk.text("/warnings")


def test_the_warning_page_shows_content_life_signatures_and_deliveries(desk):
    desk.propose()
    desk.approve("beijing")
    identity = example_content().warning_id
    row = OutboxRow(
        id="o1", warning_id=identity, version=1, recipient="seoul-met", address="secret@example.org",
        message_id="<1@x>", payload_digest="d", expires=NOW, created_at=NOW, next_attempt_at=NOW,
    )  # fmt: skip
    with desk.ledger.write() as conn:
        insert_outbox(conn, [row])
    said = desk.text(f"/warnings/{identity}")
    for part in (
        "공동 조기경보",
        "联合预警",
        "joint early warning",
        "approve for beijing",
        "kim",
        "seoul-met",
    ):
        assert part in said
    assert "in review" in said
    assert "secret@example.org" not in said
    assert identity in desk.text("/warnings")


def reasons(city, text):
    """Reasons of one city, its only named input saying ``text``."""
    moved = {"input": "a.b", "effect": 9.0, "named": True, "text": dict.fromkeys(("en", "ko", "zh"), text)}
    day = {"lead_day": 1, "date": "2026-01-15", "usual": 30.0, "median": 40.0, "moved": [moved], "rest": 1.0}
    alike = {"shown": [], "counted": {}, "exceeded": {}, "like_none": True}
    days = [{**day, "rest_inputs": 3, "recent_errors": 0.0}]
    one = {"city": city, "days": days, "analogs": alike, "what_if": None}
    return {"version": 2, "cities": [one]}


def test_the_warning_page_says_why_the_forecast_says_so(desk, tmp_path):
    folder = desk.settings.runs_dir / "r"
    write_reasons(reasons("seoul", f"Jinan 140 {EVIL}"), folder / "reasons.json")
    run = desk.run(products={"reasons": str((folder / "reasons.json").relative_to(desk.settings.data_dir))})
    desk.propose(run_id=run)
    page = f"/warnings/{example_content().warning_id}"
    assert "Jinan 140 <script>" in desk.text(page)
    assert "+9" in desk.text(page)
    assert "nothing in the past resembles this situation" in desk.text(page)
    text = desk.get(page).text
    assert "<script" not in text
    assert "<img" not in text
    (folder / "reasons.json").write_text('{"version": 1}')
    assert "Why the forecast" not in desk.text(page)
    (folder / "reasons.json").unlink()
    outside = write_reasons(reasons("seoul", "from elsewhere"), tmp_path / "outside.json")
    (folder / "reasons.json").symlink_to(outside)
    assert "from elsewhere" not in desk.text(page)


def test_the_warning_page_shows_what_others_stated_of_the_same_days(desk):
    member = {"source": "exchange:beijing", "low": 35.5, "high": 75.5, "received_at": "2026-01-14T07:00:00Z"}
    heard = {**member, "weight": 0.4, "cases": 90, "not_heard": ""}
    not_heard = {**member, "source": EVIL, "weight": 0.0, "cases": 3, "not_heard": "3 of 30 days judged"}
    figures = {"alone": {"median": 41.0}, "combined": {"median": 47.0}}
    day = {"city": "seoul", "lead_day": 1, "day": "2026-01-15", "members": [heard, not_heard], **figures}
    absurd = {"source": "airkorea", "key": "one", "why": "low 95 and high 70 are not in order"}
    document = {"version": 1, "mode": "beside", "days": [day], "left_out": [absurd]}
    path = write_atomic(desk.settings.runs_dir / "c" / "combined.json", json.dumps(document).encode())
    desk.propose(run_id=desk.run(products={"combined": str(path.relative_to(desk.settings.data_dir))}))
    page = f"/warnings/{example_content().warning_id}"
    said = desk.text(page)
    assert "other side (Beijing)" in said
    for part in ("36 to 75", "weight 0.40, by 90 days", "no: 3 of 30 days judged", "None of it is part"):
        assert part in said
    assert "left out, for it cannot be: low 95" in said
    assert "<script" not in desk.get(page).text
    path.write_text("[]")
    assert "Forecasts of others" not in desk.text(page)


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


def origins(desk, panel):
    """The id of a run that stored a panel."""
    folder = desk.settings.runs_dir / "o"
    path = write_atomic(folder / "origins.json", json.dumps(panel.to_dict()).encode())
    return desk.run(products={"origins": str(path.relative_to(desk.settings.data_dir))})


def test_the_warning_page_shows_where_the_air_comes_from_of_single_cities_too(desk):
    run = origins(desk, example_panel())
    alone = {"product": "single_city_warning", "level": "", "parties": ("seoul",)}
    desk.propose(run_id=run, cities=example_content().cities[1:], **alone)
    page = f"/warnings/{example_content().warning_id}"
    said = desk.text(page)
    assert "Where the air comes from" in said
    assert "only with the signatures of both parties" in said
    assert "within 75 km of Seoul for 9 h" in said
    assert "no share of the pollution" in said
    assert "SIMULATED – EXERCISE" in said
    tree = html.fromstring(desk.get(page).text)
    first = tree.xpath("//div[@class='origins']//tbody/tr")[0]
    cells = [" ".join(cell.text_content().split()) for cell in first.xpath("./td")]
    assert cells == ["Yellow Sea 황해 黄海", "16 h", "8–26 h", "94 %"]
    paths = tree.xpath("//*[contains(@class, 'air-path') and local-name() = 'path']")
    assert len(paths) == len(example_panel().cities[1].paths)
    assert "air arriving" not in " ".join(a.text_content() for a in tree.xpath("//*[@class='text']"))
    answer = desk.get(f"/api/v1/runs/{run}/origins").json()
    assert answer["simulated"]
    assert [c["city"] for c in answer["cities"]] == ["beijing", "seoul"]
    assert desk.get("/api/v1/runs/unknown/origins").status_code == 404


def test_paths_of_estimated_winds_are_never_drawn_and_what_is_missing_is_said(desk):
    page = f"/warnings/{example_content().warning_id}"
    run = origins(desk, example_panel(kind="surrogate", winds=EVIL))
    desk.propose(run_id=run, origins=())
    assert "estimated from sea-level pressure" in desk.text(page)
    text = desk.get(page).text
    assert "air-path" not in text
    assert "<script" not in text
    origins(desk, example_panel(kind="none", missing="no winds " + EVIL))
    assert "not known for this run: no winds <script>" in desk.text(page)
    assert "<script" not in desk.get(page).text
    (desk.settings.runs_dir / "o" / "origins.json").write_text("[]")
    assert "Where the air comes from" not in desk.text(page)


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
    for path in ("/", "/runs", "/warnings", "/api/v1/runs"):
        for method in ("post", "put", "delete", "patch"):
            assert getattr(requests, method)(desk.base + path, timeout=20).status_code == 405


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
    for path in ("/", "/runs", "/warnings", f"/warnings/{example_content().warning_id}", f"/warnings/{EVIL}"):
        text = desk.get(path).text
        assert "<script" not in text
        assert "<img" not in text
    assert EVIL.split("<img")[0] in desk.text(f"/warnings/{example_content().warning_id}")


def test_fonts_are_served_from_here(desk):
    assert desk.get("/static/fonts/noto-sans-sc-600.woff2").content[:4] == b"wOF2"
    assert desk.get("/static/fonts/other.woff2").status_code == 404


def test_a_damaged_ledger_is_said_without_a_trace(desk):
    jar = cookies(desk.ledger, desk.now)
    desk.ledger.engine.dispose()
    path = desk.settings.data_dir / "ledger.sqlite"
    for file in path.parent.glob("ledger.sqlite*"):
        file.write_bytes(b"not a database" * 400)
    answer = desk.get("/", jar)
    assert answer.status_code == 503
    assert "Traceback" not in answer.text


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


def test_a_content_of_a_later_version_keeps_the_earlier_one_on_the_page(desk):
    desk.propose()
    with desk.ledger.write() as conn:
        later = replace(example_content(), issue_time="2026-01-14T14:00:00Z", level="J3")
        propose_version(conn, replace(later, as_of=NOW.strftime("%Y-%m-%dT%H:%M:%SZ")), NOW)
    said = desk.text(f"/warnings/{example_content().warning_id}")
    assert "revision 2" in said
    assert "J3" in said
