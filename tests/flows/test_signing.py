"""What a drill signs: the exercise that its cycle proposed, and nothing else that waits for people."""

from dataclasses import replace

from alerts.examples import example_content
from alerts.warnings import propose_version
from flows.signing import approve_drill, drafts_of_drill
from flows.workspace import open_workspace
from pipeline.ledger.warnings import read_signatures
from pipeline.settings import Settings
from pipeline.times import parse_instant

CONTENT = replace(example_content(), world="measured", simulated=False)


def test_a_drill_signs_its_own_drafts_and_nothing_in_earnest(tmp_path):
    ws = open_workspace(Settings(data_dir=tmp_path))
    at = parse_instant(CONTENT.as_of)
    waiting = {
        "live": (replace(CONTENT, cap_status="Actual"), "run"),
        "test": (replace(CONTENT, cap_status="Test"), "run"),
        "person": (CONTENT, "kim"),
        "later": (replace(CONTENT, issue_time="2026-01-14T14:00:00Z"), "run"),
        "drill": (CONTENT, "run"),
    }
    with ws.ledger.write() as conn:
        for name, (content, actor) in waiting.items():
            propose_version(conn, replace(content, warning_id=f"w-{name}"), at, actor=actor)
    drafts = drafts_of_drill(ws, "measured", parse_instant(CONTENT.issue_time))
    assert [row.warning_id for row in drafts] == ["w-drill"]
    approve_drill(ws, drafts, at)
    with ws.ledger.read() as conn:
        signed = {name: len(read_signatures(conn, f"w-{name}", 1)) for name in waiting}
    assert signed == {"live": 0, "test": 0, "person": 0, "later": 0, "drill": 2}
    ws.ledger.close()
