"""From an archive to a signed, delivered warning, by commands as forecasters give them in a replay."""

import json
import os
import shutil
import sys
from email import message_from_bytes, policy
from email.utils import parsedate_to_datetime

import pytest

from cli.main import main
from flows.ingest import ingest_archive
from flows.models import models_for
from flows.plan import plan_measured
from flows.run import run_cycle
from flows.workspace import open_workspace
from pipeline.ledger import open_ledger
from pipeline.settings import Settings
from pipeline.times import HOUR, iso, system_clock
from tests.alerts.test_channels import PASSWORD, Mailbox, certificate, server  # noqa: F401
from tests.flows.replay_world import EPISODE, write_archive
from tests.ledger_files import drop_triggers

pytestmark = [pytest.mark.flows, pytest.mark.slow]

AT = iso(EPISODE)
LISTED = 6
"""Recipients of the packaged list who are sent warnings of joint level J2."""

DEADLINE = EPISODE + 4 * HOUR
"""The cycle of 17 KST: four hours to decide (alerts/policy.toml)."""


@pytest.fixture(scope="module")
def drafted(tmp_path_factory, prefect_server):
    """A folder with the archive imported and the cycle of the episode run; its draft waits."""
    folder = tmp_path_factory.mktemp("replay")
    ws = open_workspace(Settings(data_dir=folder / "var"))
    ingest_archive(ws, write_archive(folder / "archive"))
    plan = plan_measured(AT, system_clock(), drill=False)
    models_for(ws, plan.world, plan.as_of)
    run_cycle(ws, plan)
    ws.ledger.close()
    return ws.settings.data_dir


@pytest.fixture
def var(drafted, tmp_path):
    shutil.copytree(drafted, tmp_path / "var")
    return tmp_path / "var"


@pytest.fixture
def sameair(var, monkeypatch, capfd):
    """Run the command line; returns the exit code, standard output (read if JSON), standard error."""

    def call(*arguments, as_json=True):
        words = [*arguments, "--data-dir", str(var), *(["--json"] if as_json else [])]
        monkeypatch.setattr(sys, "argv", ["sameair", *words])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capfd.readouterr()
        return ended.value.code, json.loads(out) if as_json and out else out, err

    return call


@pytest.fixture
def desk(sameair):
    """Decide for a party; returns exit code, answer and error text."""

    def decide(what, party, warning, *more):
        person = {"seoul": "kim", "beijing": "wang"}.get(party, "smith")
        return sameair("warnings", what, warning, "--party", party, "--person", person, *more)

    return decide


@pytest.fixture
def draft(sameair):
    (row,) = sameair("warnings", "list")[1]
    return row["warning"]


def mails(var):
    found = [
        message_from_bytes(p.read_bytes(), policy=policy.default) for p in (var / "outbox").glob("*.eml")
    ]
    return sorted(found, key=lambda m: (parsedate_to_datetime(m["Date"]), m["Message-ID"]))


def states(sameair):
    return {(r["warning"], r["v"]): r["state"] for r in sameair("warnings", "list")[1]}


def test_a_replay_drafts_and_sends_nothing_by_itself(sameair, var, draft):
    (row,) = sameair("warnings", "list")[1]
    assert (row["product"], row["status"], row["state"]) == ("joint_warning", "Exercise", "draft")
    assert row["still to sign"] == "beijing, seoul"
    assert row["decide by"] == iso(DEADLINE)
    assert (row["task"], row["signed by"]) == ("confirm", "officer on call")  # 17 KST of a Sunday
    assert row["re-check"] == iso(EPISODE + 2 * HOUR)  # 19 KST
    assert sameair("issue")[:2] == (0, [])
    assert sameair("deliver")[1]["sent"] == 0
    assert mails(var) == []
    code, lines, _ = sameair("run", "--at", AT, as_json=False)
    assert code == 0
    assert lines.startswith("REPLAY of measurements: an exercise")
    assert f"by nobody yet: sameair warnings approve {draft}" in lines
    assert mails(var) == []


def test_both_parties_approve_and_it_is_sent_once(sameair, desk, var, draft):
    code, first, _ = desk("approve", "seoul", draft)
    assert (code, first["missing"]) == (0, "beijing")
    assert mails(var) == []
    code, second, _ = desk("approve", "beijing", draft[-8:])
    assert (code, second["missing"]) == (0, "")
    assert second["sent"] == f"{LISTED} messages"
    sent = mails(var)
    assert len(sent) == LISTED
    assert all(m["Subject"].startswith("[EXERCISE][JOINT-PM25][J2]") for m in sent)
    assert {parsedate_to_datetime(m["Date"]) for m in sent} == {EPISODE + HOUR}
    assert states(sameair) == {(draft, 1): "issued"}
    code, _, error = desk("approve", "beijing", draft)
    assert code == 4
    assert "is issued" in error
    assert (sameair("issue")[1], sameair("deliver")[1]["sent"]) == ([], 0)
    assert sameair("run", "--at", AT)[1]["warnings"][0]["signed"] == [
        "seoul: approve by kim",
        "beijing: approve by wang",
    ]
    assert len(mails(var)) == LISTED


def test_approved_without_delivery_is_sent_by_the_next_one(sameair, desk, var, draft):
    desk("approve", "seoul", draft, "--no-deliver")
    code, found, _ = desk("approve", "beijing", draft, "--no-deliver", "--at", iso(EPISODE + 3 * HOUR))
    assert code == 0
    assert f"{LISTED} messages" in found["issued"]
    assert "sent" not in found
    assert mails(var) == []
    assert sameair("deliver")[1]["sent"] == LISTED
    assert sameair("deliver")[1]["sent"] == 0


def test_what_one_party_alone_approved_becomes_its_own_warning_after_the_deadline(sameair, desk, var, draft):
    desk("approve", "beijing", draft)
    code, found, _ = sameair("run", "--at", iso(EPISODE + 6 * HOUR))
    assert code == 0
    assert states(sameair)[(draft, 1)] == "expired"
    assert states(sameair)[(f"{draft}-beijing", 1)] == "issued"
    sent = mails(var)
    assert {m["Subject"].partition(" ")[0] for m in sent} == {"[EXERCISE][CITY-PM25][Beijing]"}
    assert len(sent) >= 1
    assert not any("Seoul" in str(m["Subject"]) for m in sent)
    assert [w["state"] for w in found["warnings"] if w["product"] == "joint_warning"] == ["draft"]


def test_nobody_approves_and_nothing_is_ever_sent(sameair, var, draft):
    sameair("run", "--at", iso(EPISODE + 6 * HOUR))
    assert states(sameair)[(draft, 1)] == "expired"
    assert mails(var) == []


def test_an_objection_keeps_a_warning_from_becoming_joint(sameair, desk, var, draft):
    desk("approve", "seoul", draft)
    code, found, _ = desk("object", "beijing", draft, "--reason", "two stations are being calibrated")
    assert code == 0
    assert f"{draft}-seoul v1" in found["issued"]
    assert states(sameair) == {(draft, 1): "rejected", (f"{draft}-seoul", 1): "issued"}
    assert {m["Subject"].partition(" ")[0] for m in mails(var)} == {"[EXERCISE][CITY-PM25][Seoul]"}
    code, _, error = desk("approve", "beijing", draft)
    assert (code, "is rejected" in error) == (4, True)


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("approve", "--party", "tokyo", "--person", "sato"), 2, "there are beijing, seoul"),
        (("approve", "--party", "seoul", "--person", " "), 4, "needs the name of the person"),
        (("approve", "--party", "seoul", "--person", "drill"), 4, "nobody else signs by that name"),
        (("object", "--party", "seoul", "--person", "kim", "--reason", " "), 4, "needs a reason"),
        (("approve", "--party", "seoul", "--person", "kim", "--at", "soon"), 2, "write it like"),
        (("approve", "--party", "seoul", "--person", "kim", "--at", "2019-03-01"), 2, "before the snapshot"),
        (
            ("approve", "--party", "seoul", "--person", "kim", "--at", "2019-03-03T12:01Z"),
            4,
            "was to be reviewed by 2019-03-03T12:00:00Z",
        ),
        (("approve", "--party", "seoul", "--person", "kim", "--version", "9"), 2, "has no version 9"),
        (("end", "--party", "seoul", "--person", "kim", "--reason", "over"), 4, "is not in force"),
    ],
)
def test_what_is_not_allowed_is_refused_in_one_line(sameair, var, draft, words, code, text):
    found, out, error = sameair("warnings", words[0], draft, *words[1:])
    assert (found, out) == (code, "")
    assert error.count("\n") == 1
    assert text in error
    assert states(sameair) == {(draft, 1): "draft"}
    assert mails(var) == []


def test_a_person_of_the_wrong_party_is_refused(sameair, desk, var, draft):
    desk("approve", "seoul", draft)
    desk("object", "beijing", draft, "--reason", "not with us")
    before = len(mails(var))
    code, _, error = desk("end", "beijing", f"{draft}-seoul", "--reason", "over")
    assert code == 4
    assert "beijing is not a party" in error
    assert desk("end", "seoul", f"{draft}-seoul", "--reason", "over")[0] == 0
    code, _, error = desk("approve", "beijing", f"{draft}-seoul")
    assert code == 4
    assert "not beijing's to decide" in error
    assert len(mails(var)) == before


@pytest.mark.parametrize(
    ("what", "tag", "state"), [("end", "ALL-CLEAR", "ended"), ("cancel", "CANCEL", "cancelled")]
)
def test_ending_needs_the_same_signatures_and_answers_the_first_mail(
    sameair, desk, var, draft, what, tag, state
):
    desk("approve", "seoul", draft)
    desk("approve", "beijing", draft)
    first = {m["To"]: m["Message-ID"] for m in mails(var)}
    code, found, _ = desk(what, "seoul", draft, "--reason", "wind has turned to the north")
    assert code == 0
    assert f"sameair warnings approve {draft}" in found["next"]
    assert len(mails(var)) == LISTED
    desk("approve", "seoul", draft)
    assert len(mails(var)) == LISTED
    desk("approve", "beijing", draft)
    last = [m for m in mails(var) if tag in m["Subject"]]
    assert len(last) == LISTED
    assert {m["To"]: m["In-Reply-To"] for m in last} == first
    assert all("wind has turned to the north" in m.get_body(("plain",)).get_content() for m in last)
    assert set(states(sameair).values()) == {state}


def test_a_text_is_shown_as_recipients_read_it_and_marks_who_signed(sameair, desk, draft):
    desk("approve", "seoul", draft)
    for language, word in (("ko", "서울"), ("zh", "首尔"), ("en", "Seoul")):
        found = sameair("warnings", "show", draft, "--language", language)[1]
        assert word in found["text"]
    assert [s.partition(" at ")[0] for s in found["signatures"]] == ["approve by kim for seoul"]
    code, _, error = sameair("warnings", "show", draft, "--language", "fr")
    assert (code, "choose one of ko, zh, en" in error) == (2, True)


def test_the_audit_trail_is_whole_until_somebody_alters_it(sameair, desk, var, draft):
    desk("approve", "seoul", draft)
    desk("approve", "beijing", draft)
    code, found, _ = sameair("audit", "verify")
    assert (code, found["ok"]) == (0, True)
    rows = sameair("audit", "list", "--limit", "100")[1]
    assert len(rows) == found["rows"]
    assert {"warning.approve", "warning.issued", "delivery.sent"} <= {row["action"] for row in rows}
    victim = next(row["seq"] for row in rows if row["action"] == "warning.approve")
    ledger = open_ledger(f"sqlite:///{var / 'ledger.sqlite'}")
    with ledger.write() as conn:
        drop_triggers(conn, "audit")
        conn.exec_driver_sql(f"UPDATE audit SET actor = 'nobody' WHERE seq = {victim}")
    ledger.close()
    code, found, _ = sameair("audit", "verify")
    assert (code, found["ok"], found["first_bad"]) == (6, False, victim)
    code, text, _ = sameair("audit", "verify", as_json=False)
    assert code == 6
    assert "BROKEN" in text


def test_a_cycle_of_which_nothing_was_received_is_degraded_and_calls_nothing_clean(sameair, var):
    """The invented archive ends on 12 March, three days before."""
    code, text, _ = sameair("run", "--at", "2019-03-15T08:00Z", as_json=False)
    assert code == 3
    (line,) = [text for text in text.splitlines() if text.startswith("model")]
    assert "DEGRADED: " in line
    assert "forecast without seoul air, latest" in line
    assert "not assessable: beijing, seoul; nothing was received of the last 24 h" in text
    assert "none: no day exceeds" not in text
    assert sameair("run", "--at", "2019-03-15T08:00Z")[0] == 3
    assert mails(var) == []


@pytest.fixture
def smtp(monkeypatch, certificate):  # noqa: F811
    """Point the settings at a mail server on loopback that asks for STARTTLS and a login."""

    def point(port):
        values = {
            "CHANNEL": "smtp",
            "SMTP_PORT": str(port),
            "SMTP_USER": "sameair",
            "SMTP_PASSWORD": PASSWORD,
            "SMTP_CA_FILE": str(certificate[0]),
            "SMTP_TIMEOUT": "5",
            "MAIL_FROM": "desk@sameair.example",
        }
        for name, value in values.items():
            monkeypatch.setenv(f"SAMEAIR_{name}", value)

    return point


def test_a_mail_server_of_the_settings_gets_the_warning_once(sameair, desk, var, draft, smtp, certificate):  # noqa: F811
    desk("approve", "seoul", draft)
    box = Mailbox({"duty@ecology.beijing.example": "451 4.7.1 try again later"})
    with server(box, certificate, login=True) as port:
        smtp(port)
        code, found, _ = desk("approve", "beijing", draft)
        assert (code, found["sent"]) == (0, f"{LISTED - 1} messages, 1 deferred")
        box.refusals.clear()
        code, counts, _ = sameair("deliver")
        assert (code, counts["sent"], counts["deferred"]) == (0, 1, 0)
        assert sameair("deliver")[1]["sent"] == 0
    assert len(box.mails) == LISTED
    assert len({to for to, _ in box.mails}) == LISTED
    assert all(m["From"].addresses[0].addr_spec == "desk@sameair.example" for m in map(parsed, box.mails))
    assert not (var / "outbox").exists()
    everything = b"".join(p.read_bytes() for p in var.rglob("*") if p.is_file())
    assert PASSWORD.encode() not in everything


def parsed(mail):
    return message_from_bytes(mail[1], policy=policy.default)


def test_a_mail_server_that_is_away_is_said_and_tried_again(sameair, desk, draft, smtp, certificate):  # noqa: F811
    box = Mailbox()
    with server(box, certificate, login=True) as port:
        smtp(port)
    desk("approve", "seoul", draft)
    code, found, _ = desk("approve", "beijing", draft)
    assert code == 0
    assert "0 messages" in found["sent"]
    code, counts, _ = sameair("deliver")
    assert code == 3
    assert counts["down"]
    with server(box, certificate, login=True) as port:
        os.environ["SAMEAIR_SMTP_PORT"] = str(port)
        code, counts, _ = sameair("deliver")
    assert (code, counts["sent"]) == (0, LISTED)
