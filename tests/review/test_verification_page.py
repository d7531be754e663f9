"""The verification page: what it shows are the kept scores; to whom, and what it says without any."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
import requests
from lxml import html

from forecasting.verification.kept import keep, table_of
from forecasting.verification.pairs import groups
from forecasting.verification.reviewed import REVIEWED, reviewed_rows
from forecasting.verification.score_tables import Options
from forecasting.verification.tables import verify
from pipeline.ledger.model_reports import append_report
from pipeline.ledger.models import register_model
from pipeline.ledger.runs import begin_run, finish_run, make_current
from pipeline.times import parse_instant
from review.accounts.roles import Role
from review.app import create_app
from review.verification.choice import Choice
from tests.forecasting.verification_cases import rows_of, truth_of
from tests.review.browsing import browsing
from tests.review.running_app import RunningApp
from tests.review.signed_in import cookies

LAST = parse_instant("2019-06-28T08:00Z")
NOW = parse_instant("2019-07-10T00:00Z")
FEW = Options(draws=20)
DAYS = 120


def scores():
    """Tables of 120 days of Seoul from March on, the warning in force on every fourth."""
    rng = np.random.default_rng(3)
    seen = rng.gamma(4, 12, DAYS)
    parts = []
    for lead in (1, 2):
        for model, share in (("sameair", 0.7), ("persistence", 0.3), ("climatology", 0.05)):
            chance = share * (seen > 50) + (1 - share) * 0.4
            parts.append(rows_of(model, chance, share * seen + (1 - share) * 45, lead=lead))
    rows, truth = pd.concat(parts), truth_of(seen)
    found = verify(rows, truth, "pm2p5", grades={}, options=FEW)
    warned = {"Exercise": lambda city, issue, day: day % 4 == 0}
    reviewed = reviewed_rows(list(groups(rows, truth)), warned, {"seoul": 50}, FEW)
    return {"pm2p5": {**found, "reviewed": pd.DataFrame(reviewed)}}


FACTS = {
    "first_issue": "2019-03-01T08:00:00Z", "last_issue": "2019-06-28T08:00:00Z", "issues": 120, "runs": 120,
    "measured_as_of": "2019-07-01T00:00:00Z", "draws": 20, "seed": 0, "caveats": [], "live": 100,
    "model_ids": ["kernel-<b>1"], "made_at": "2019-07-01T00:00:00Z",
}  # fmt: skip


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    running = RunningApp(tmp_path_factory.mktemp("room"), create_app)
    running.now = NOW
    for world in ("measured", "simulated-3"):
        with running.ledger.write() as conn:
            run = begin_run(conn, world=world, cycle=LAST, as_of=LAST, code_version="1", at=LAST)
            finish_run(conn, run, at=LAST, model_id="m", inputs={}, degraded="", products={})
            make_current(conn, run, expected=None)
    keep(running.settings.verification_dir / "measured", "runs", scores(), FACTS)
    yield running
    running.close()


def get(room, query="", **who):
    jar = cookies(room.ledger, room.now, **who)
    return requests.get(f"{room.base}/verification{query}", cookies=jar, timeout=120, allow_redirects=False)


def kept(room):
    folder = next((room.settings.verification_dir / "measured" / "runs").iterdir())
    return table_of(folder, "pm2p5", "exceedance"), table_of(folder, "pm2p5", "reviewed")


def rows_shown(page):
    tree = html.fromstring(page)
    return {
        " ".join(row.xpath("th")[0].text_content().split()): [
            (cell.text or "").strip() for cell in row.xpath("td")
        ]
        for row in tree.xpath("//table[contains(@class, 'scores')]/tbody/tr")
    }


def test_the_page_shows_the_kept_scores_of_what_was_chosen(room):
    table, reviewed = kept(room)
    answer = get(room, "?city=seoul&threshold=50&lead=D%2B2&of=MAM")
    assert answer.status_code == 200
    shown = rows_shown(answer.text)
    assert list(shown) == ["sameair", "climatology", "persistence", "reviewed warning exercise"]
    wanted = (table["lead"] == "D+2") & (table["of"] == "MAM") & (table["threshold"] == 50)
    for row in table[wanted].to_dict("records"):
        cells = shown[row["model"]]
        assert cells[:3] == [f"{row[name]:.0f}" for name in ("n", "events", "said")]
        values = [row[name] for name in ("pod", "far", "csi")]
        expected = ["–" if np.isnan(v) else f"{v:.2f}" for v in values]
        assert cells[3:6] == expected
    mine = reviewed[(reviewed["lead"] == "D+2") & (reviewed["of"] == "MAM") & (reviewed["model"] == REVIEWED)]
    assert shown["reviewed warning exercise"][2] == f"{mine.iloc[0]['said']:.0f}"


def test_every_figure_has_its_numbers_as_a_table(room):
    tree = html.fromstring(get(room).text)
    ids = tree.xpath("//figure/@id")
    assert ids == ["by-lead", "by-season", "reliability", "roc"]
    for figure in tree.xpath("//figure"):
        assert figure.xpath(".//details//tbody/tr")
    for name in ("by-lead", "roc"):
        assert "reviewed warning (exercise)" in tree.get_element_by_id(name).text_content()


def test_every_filter_is_a_link_that_leads_to_a_page(room):
    tree = html.fromstring(get(room).text)
    links = sorted(set(tree.xpath("//div[contains(@class, 'filter')]//a/@href")))
    assert len(links) > 10
    for link in links[::4]:
        jar = cookies(room.ledger, room.now)
        assert requests.get(room.base + link, cookies=jar, timeout=120).status_code == 200


def test_what_there_is_not_is_taken_as_not_asked_for(room):
    answer = get(room, "?city=<script>&threshold=7&lead=x&of=y&measure=z&source=q&quantity=p")
    assert answer.status_code == 200
    assert "<script>&" not in answer.text
    assert next(iter(rows_shown(answer.text))) == "sameair"
    assert get(room, "?world=measured-2").status_code == 404


def test_foreign_names_are_escaped_and_late_runs_are_told(room):
    page = get(room).text
    assert "kernel-&lt;b&gt;1" in page
    assert "20 of 120 runs were made after the time" in page


def test_without_scores_the_page_says_what_to_do_and_what_training_found(room):
    score = {"city": "seoul", "lead_day": 1, "n": 40}
    score |= {f"{k}{e}": 1.5 for k in ("rmse", "crps", "coverage_80") for e in ("", "_low", "_high")}
    with room.ledger.write() as conn:
        register_model(
            conn,
            model_id="kernel-1",
            world="simulated-3",
            quantity="pm2p5",
            data_until=LAST,
            trained_at=LAST,
            purpose="operational",
            path="m",
            digest="d",
            details={},
        )
        append_report(conn, "kernel-1", "validation", {"scores": [score]}, at=LAST)
    page = get(room, "?world=simulated-3").text
    assert "sameair verify --runs --keep --world simulated-3" in page
    assert "kernel-1" in page
    assert "Simulated" in page


def test_an_observer_sees_scores_only_after_the_embargo(room):
    assert get(room, role=Role.observer).status_code == 200
    room.now = LAST + timedelta(days=6)
    try:
        page = get(room, role=Role.observer).text
        assert "embargo" in page
        assert not rows_shown(page)
        assert rows_shown(get(room).text)
    finally:
        room.now = NOW


def test_an_agency_has_no_business_here(room):
    assert get(room, role=Role.agency).status_code == 403


def test_a_choice_is_an_address_and_back(room):
    choice = Choice("measured", "runs", "pm2p5", "seoul", 50, "D+1", "MAM", "pod")
    assert choice.path(lead="D+2").endswith("threshold=50&lead=D%2B2&of=MAM&measure=pod")


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "ko", "zh"])
def test_the_page_in_a_real_browser(room, language):
    with browsing(room) as browser:
        for width, dark in ((1280, False), (390, True)):
            with browser.page("/verification", width=width, dark=dark, language=language) as page:
                assert page.evaluate("document.documentElement.scrollWidth") <= width
                page.locator(".filter a", has_text="D+2").first.click()
                assert "lead=D%2B2" in page.url
                assert page.locator(".filter a[aria-current]", has_text="D+2").count() == 1
                browser.picture(page, f"verification-{language}-{width}")
        assert browser.complaints == []
