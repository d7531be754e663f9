"""Origins from a run's file to what it says: bulletin, summary, and joint warnings alone."""

import re
from dataclasses import replace
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from alerts.content import WarningContent
from alerts.origin_note import origin_notes
from flows import assess
from flows.assess import propose_warnings
from flows.delivering import deliver
from flows.issue import cap_path, issue_approved
from flows.links import links_of_run
from flows.origins import origins_of_run
from flows.signing import approve_drill, drafts_of_drill
from flows.summary import summary_lines, summary_of
from pipeline.ledger.runs import current_run
from pipeline.ledger.warnings import list_versions

pytestmark = [pytest.mark.flows, pytest.mark.slow]
TITLES = ("Where the air comes from", "공기의 이동 경로", "空气来向与路径")


def run_of(ws, plan):
    with ws.ledger.read() as conn:
        return current_run(conn, plan.world, plan.cycle)


def contents(ws, plan):
    with ws.ledger.read() as conn:
        return [WarningContent.from_dict(row.content) for row in list_versions(conn, plan.world)]


def texts_of(ws):
    mails = [
        message_from_bytes(p.read_bytes(), policy=policy.default)
        for p in ws.settings.outbox_dir.glob("*.eml")
    ]
    found = {}
    for mail in mails:
        bodies = [mail.get_body((kind,)).get_content() for kind in ("plain", "html")]
        found.setdefault(mail["X-Sameair-Warning"], []).extend(bodies)
    return found


def test_a_run_tells_its_origins_on_the_bulletin_and_in_the_summary(done, plan):
    panel = origins_of_run(done, run_of(done, plan))
    assert not panel.missing
    found = summary_of(done, plan)
    lines = [line for line in summary_lines(found) if line.startswith("origin")]
    assert [line.split()[1] for line in lines] == ["Beijing", "Seoul"]
    assert all(re.search(r"local \d+ of 24 h \((stagnant|moderate|ventilated)\)", line) for line in lines)
    page = Path(found["products"]["bulletin"]).read_text("utf-8")
    assert all(title in page for title in TITLES)
    assert page.count('class="air-path"') == sum(len(city.paths) for city in panel.cities)


def test_what_was_sent_tells_origins_only_where_both_parties_signed(done, plan):
    said = {content.warning_id: content for content in contents(done, plan)}
    for warning_id, texts in texts_of(done).items():
        is_joint = said[warning_id].product == "joint_warning"
        assert bool(said[warning_id].origins) == is_joint
        assert all((title in text) == is_joint for title in TITLES for text in texts)


def test_a_joint_warning_carries_the_origins_of_its_run_to_its_recipients(done, plan, monkeypatch):
    def agreeing(*given):
        told = {
            "lift": 1.8,
            "p_value": 0.01,
            "joint_probability": 0.6,
            "path_share": 0.6,
            "confidence": "weak",
        }
        return [replace(links_of_run(*given)[0], **told)]

    monkeypatch.setattr(assess, "links_of_run", agreeing)
    run = run_of(done, plan)
    proposal, _ = propose_warnings(done, run.id)
    drafts = drafts_of_drill(done, plan.world, plan.cycle)
    approve_drill(done, drafts, plan.as_of)
    issue_approved(done, plan.world, plan.as_of)
    deliver(done, plan.world, lambda: plan.as_of)
    joint = next(c for c in contents(done, plan) if c.product == "joint_warning")
    assert joint.origins == origin_notes(origins_of_run(done, run))
    assert all(title in text for title in TITLES for text in texts_of(done)[joint.warning_id])
    xml = cap_path(done, joint.warning_id, joint.version).read_text("utf-8")
    assert xml.count("<valueName>sameair:seoul:origin</valueName>") == 3
    assert proposal.episodes
