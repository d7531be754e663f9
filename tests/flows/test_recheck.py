"""The timetable kept: drafts beside the other side's bulletin, and what is not confirmed by the decision."""

from dataclasses import replace
from datetime import timedelta

import pytest

from alerts.beside import compared, outcome_of
from alerts.examples import example_content
from alerts.fallback import settle_overdue
from alerts.policy import PACKAGED_POLICY, load_policy
from alerts.warnings import advance, open_review, propose_version
from flows.desk_views import listed, shown
from flows.doctor import local_checks
from flows.recheck import decision_conditions, keep_timetable, recheck_warnings
from flows.status import status_of
from flows.workspace import open_workspace
from ingest.exchange.parse import parse_exchange
from pipeline.bulletins import append_bulletins
from pipeline.ledger.audit import rows_about, verify_audit
from pipeline.ledger.episodes import EpisodeRevision, open_episode, revise_episode
from pipeline.ledger.runs import begin_run, finish_run, make_current
from pipeline.ledger.warnings import list_versions
from pipeline.settings import Settings
from pipeline.times import iso, parse_instant
from tests.ingest.toy_source import Clock

NOON, CONFIRMS = "2026-01-14T02:00:00Z", "2026-01-14T08:00:00Z"
"""The cycles of 11 and 17 KST; the decision of 17:10 KST is that of 08:10 UTC."""

POLICY = load_policy()


@pytest.fixture
def clock():
    return Clock(parse_instant("2026-01-14T08:02Z"))


@pytest.fixture
def ws(tmp_path, clock):
    settings = Settings(data_dir=tmp_path / "var", operator_address="operator@desk.example")
    made = open_workspace(settings, clock)
    yield made
    made.ledger.close()


def joint(issue=CONFIRMS, deadline="2026-01-14T12:00:00Z", **more):
    """A joint draft of a live cycle under a policy that is not agreed yet."""
    return example_content(
        world="measured",
        simulated=False,
        cap_status="Test",
        issue_time=issue,
        as_of=iso(parse_instant(issue) + timedelta(minutes=2)),
        review_deadline=deadline,
        origins=(),
        **more,
    )


def file(ws, content, at):
    with ws.ledger.write() as conn:
        return propose_version(conn, content, parse_instant(at))


def bulletin(rows, issued="2026-01-14T18:00:00+08:00"):
    lines = [f"110000,北京,{day},pm2p5,ug m-3,{value}" for day, value in rows]
    text = "\n".join(
        [
            "#format,sameair-exchange",
            "#version,1.0",
            "#kind,forecast",
            "#sender,cnemc",
            f"#issued_at,{issued}",
            "#timezone,Asia/Shanghai",
            "city,city_name,date,pollutant,unit,value",
            *lines,
            f"#end,{len(lines)}",
        ]
    )
    return parse_exchange(text.encode()).bulletins


def arrive(ws, rows, at, **more):
    with ws.ledger.write() as conn:
        append_bulletins(conn, bulletin(rows, **more), world="measured", now=parse_instant(at))


def ran(ws, cycle, at):
    """A cycle that has run, by hand."""
    with ws.ledger.write() as conn:
        run = begin_run(
            conn,
            world="measured",
            cycle=parse_instant(cycle),
            as_of=parse_instant(at),
            code_version="1",
            at=parse_instant(at),
        )
        run_id = getattr(run, "id", run)
        finish_run(conn, run_id, at=parse_instant(at), model_id="m", inputs={}, degraded="", products={})
        make_current(conn, run_id, expected=None)


def mails(ws):
    return [p.read_text("utf-8") for p in sorted(ws.settings.outbox_dir.rglob("*operator*")) if p.is_file()]


@pytest.mark.parametrize(
    ("days", "outcome"),
    [
        ({"2026-01-15": 160, "2026-01-16": 120}, "agrees"),
        ({"2026-01-15": 60, "2026-01-16": 120}, "expects less"),
        ({"2026-01-15": 160, "2026-01-17": 90}, "expects more"),
        ({"2026-01-15": 60, "2026-01-17": 90}, "differs by day"),
        ({"2026-01-24": 60}, "not comparable"),
    ],
)
def test_a_bulletin_is_compared_day_by_day_with_what_we_expect(days, outcome):
    """Of Beijing we expect 15 and 16 January above 75 ug m-3 and 17 January not (alerts.examples)."""
    assert outcome_of(compared(joint(), bulletin(days.items()), POLICY)) == outcome


def test_a_draft_is_looked_at_again_once_when_the_bulletin_arrives(ws, clock):
    filed = file(ws, joint(), "2026-01-14T08:02Z")
    assert recheck_warnings(ws, "measured", clock()) == []
    arrive(ws, [("2026-01-15", 60)], "2026-01-14T10:03Z")
    clock.now = parse_instant("2026-01-14T10:05Z")
    (found,) = recheck_warnings(ws, "measured", clock())
    assert (found["warning"], found["outcome"]) == (filed.warning_id, "expects less")
    assert recheck_warnings(ws, "measured", clock()) == []
    (row,) = listed(ws)
    assert row["other side"] == "expects less"
    arrive(ws, [("2026-01-15", 160)], "2026-01-14T10:20Z", issued="2026-01-14T18:15:00+08:00")
    clock.now = parse_instant("2026-01-14T10:25Z")
    assert [one["outcome"] for one in recheck_warnings(ws, "measured", clock())] == ["agrees"]
    with ws.ledger.read() as conn:
        assert len(rows_about(conn, filed.warning_id, "warning.recheck")) == 2
        assert verify_audit(conn).ok


def test_absence_is_stated_once_at_the_hour_of_the_policy_and_undone_when_it_comes(ws, clock):
    file(ws, joint(), "2026-01-14T08:02Z")
    clock.now = parse_instant("2026-01-14T09:59Z")
    assert recheck_warnings(ws, "measured", clock()) == []
    clock.now = parse_instant("2026-01-14T10:00Z")
    assert [one["outcome"] for one in recheck_warnings(ws, "measured", clock())] == ["absent"]
    clock.now = parse_instant("2026-01-14T10:30Z")
    assert recheck_warnings(ws, "measured", clock()) == []
    arrive(ws, [("2026-01-15", 160)], "2026-01-14T10:40Z")
    clock.now = parse_instant("2026-01-14T10:45Z")
    assert [one["outcome"] for one in recheck_warnings(ws, "measured", clock())] == ["agrees"]


def test_the_operator_is_told_of_a_joint_draft_that_is_not_signed_by_the_decision(ws, clock):
    filed = file(ws, joint(), "2026-01-14T08:02Z")
    ran(ws, CONFIRMS, "2026-01-14T08:02Z")
    clock.now = parse_instant("2026-01-14T08:09Z")
    assert keep_timetable(ws, "measured") == 0
    clock.now = parse_instant("2026-01-14T08:10Z")
    assert keep_timetable(ws, "measured") == 1
    assert keep_timetable(ws, "measured") == 0, "once"
    (mail,) = mails(ws)
    assert filed.warning_id in mail
    assert "17:10" in mail
    clock.now = parse_instant("2026-01-20T08:10Z")  # it is over: its validity has ended
    assert keep_timetable(ws, "measured") == 1


def test_a_confirming_run_that_is_missing_is_told_until_it_has_run(ws, clock):
    """The draft of noon still waits, here with a longer deadline than the packaged one."""
    file(ws, joint(issue=NOON), "2026-01-14T02:20Z")
    with ws.ledger.write() as conn:
        (row,) = list_versions(conn, "measured")
        approved = open_review(
            conn, row.warning_id, row.version, "seoul.kim", parse_instant("2026-01-14T03:00Z")
        )
        advance(
            conn, approved, "issued", actor="run", reason="approved", at=parse_instant("2026-01-14T03:00Z")
        )
    clock.now = parse_instant("2026-01-14T08:09Z")
    assert decision_conditions(ws, "measured", clock()) == []
    clock.now = parse_instant("2026-01-14T08:12Z")
    (late,) = decision_conditions(ws, "measured", clock())
    assert "confirms or updates it before 17:10 has not run" in late.text
    ran(ws, CONFIRMS, "2026-01-14T08:13Z")
    (well,) = decision_conditions(ws, "measured", clock())
    assert well.severity == 0


def test_what_expired_unsigned_is_told_at_the_decision(ws, clock):
    file(ws, joint(issue=NOON, deadline="2026-01-14T07:30:00Z"), "2026-01-14T02:20Z")
    clock.now = parse_instant("2026-01-14T08:10Z")
    with ws.ledger.write() as conn:
        settle_overdue(conn, parse_instant("2026-01-14T07:31Z"), world="measured")
    (expired,) = decision_conditions(ws, "measured", clock())
    assert "expired unsigned" in expired.text


def test_minutes_to_the_decision_are_shown_where_a_draft_waits(ws, clock):
    file(ws, joint(), "2026-01-14T08:02Z")
    clock.now = parse_instant("2026-01-14T08:03Z")
    assert listed(ws)[0]["decision"] == "17:10: 7 min left"
    assert status_of(ws)["warnings"][0]["decision"] == "17:10: 7 min left"
    clock.now = parse_instant("2026-01-14T08:40Z")
    assert listed(ws)[0]["decision"] == "17:10: 30 min ago"


def test_exercises_are_compared_with_nothing_and_alarm_nobody(ws, clock):
    file(ws, replace(joint(), cap_status="Exercise"), "2026-01-14T08:02Z")
    clock.now = parse_instant("2026-01-14T10:30Z")
    assert recheck_warnings(ws, "measured", clock()) == []
    assert decision_conditions(ws, "measured", clock()) == []


def test_the_doctor_says_that_no_holidays_are_entered_for_this_year(ws, clock, tmp_path):
    def duty(workspace):
        return next(check for check in local_checks(workspace) if check.subject == "duty")

    assert duty(ws).verdict == "warning"
    assert "no holiday of 2026" in duty(ws).found
    text = PACKAGED_POLICY.read_text("utf-8").replace("holidays = []", 'holidays = ["2026-02-17"]')
    (tmp_path / "policy.toml").write_text(text, "utf-8")
    settings = Settings(data_dir=tmp_path / "var", policy_file=tmp_path / "policy.toml")
    entered = open_workspace(settings, clock)
    assert duty(entered).verdict == "ok"
    clock.now = parse_instant("2027-01-02T00:00Z")
    assert duty(entered).verdict == "warning"
    entered.ledger.close()


def test_the_desk_says_of_which_episode_one_was_a_part(ws):
    filed = file(ws, joint(), "2026-01-14T08:02Z")
    assert shown(ws, filed.warning_id, None, "en")["episodes"] == []
    episode_id = joint().cities[0].episode_id
    said = {"revisions": [{"split_from": "beijing-01KEX0000000000000000000A1"}]}
    at = parse_instant("2026-01-14T08:02Z")
    with ws.ledger.write() as conn:
        open_episode(conn, episode_id, world="measured", city="beijing", quantity="pm2p5", at=at)
        revise_episode(conn, episode_id, EpisodeRevision("r", "open", at, at, said), at)
    (line,) = shown(ws, filed.warning_id, None, "en")["episodes"]
    assert line == f"{episode_id}: split from beijing-01KEX0000000000000000000A1"
