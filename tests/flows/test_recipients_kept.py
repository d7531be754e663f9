"""Recipients in the ledger: imported, verified, on leave, erased; and nowhere but there are they named."""

import json
import logging
import socket
from dataclasses import replace
from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from alerts.examples import example_content
from alerts.recipients import load_recipients
from alerts.warnings import propose_version
from flows.deliveries import listed_deliveries
from flows.delivering import channel_of
from flows.desk import Decision, approve_version
from flows.recipient_changes import change_recipient, import_list, set_leave
from flows.recipient_removal import remove_recipient
from flows.recipient_verification import confirm_code, send_verification
from flows.recipients import listed_recipients, recipients_of
from flows.workspace import open_workspace
from pipeline.errors import PolicyError, ReviewError, UsageError
from pipeline.ledger.audit import newest_rows, verify_audit
from pipeline.ledger.recipients import read_recipients
from pipeline.ledger.warning_tables import outbox
from pipeline.settings import Settings
from pipeline.times import parse_instant

NOW = parse_instant("2026-01-14T08:20Z")
CONTENT = example_content()
ROWS = """id,party,email,languages,cities,minimum_level,channel,webhook,name_ko,name_zh,name_en
kim-desk,seoul,minsu.kim@air.seoul.kr,ko;en,seoul,J1,,,김민수 주무관,金民秀,Minsu Kim
lee-desk,seoul,jieun.lee@air.seoul.kr,ko,seoul,J3,email,https://hook.seoul.kr/in,이지은,李智恩,Jieun Lee
wang-desk,beijing,wang.fang@air.beijing.cn,zh,beijing;seoul,J1,,,왕팡,王芳,Wang Fang
"""
PERSONAL = ("minsu", "kim@", "Minsu", "김민수", "金民秀", "kim-desk")


@pytest.fixture
def ws(tmp_path):
    workspace = open_workspace(Settings(data_dir=tmp_path / "data"), clock=lambda: NOW)
    yield workspace
    workspace.ledger.close()


def at(ws, instant):
    return replace(ws, clock=lambda: instant)


def import_rows(ws, text=ROWS, name="list.csv"):
    path = ws.settings.data_dir.parent / name
    path.write_text(text, "utf-8")
    return import_list(ws, path, "operator")


def handles(ws, instant=NOW):
    with ws.ledger.read() as conn:
        names = {row.id: contact.handle for row, contact in read_recipients(conn)}
    return {names[r.id]: r for r in recipients_of(ws, instant)}


def verify(ws, who):
    """Ask, read the code from the mail, and enter it."""
    send_verification(ws, who, channel_of(ws.settings), "operator")
    newest = max(ws.settings.outbox_dir.glob("verify.*.eml"), key=lambda p: p.stat().st_mtime_ns)
    from email import message_from_bytes, policy

    text = message_from_bytes(newest.read_bytes(), policy=policy.default).get_content()
    code = next(line.split()[-1] for line in text.splitlines() if "telephone" in line)
    return confirm_code(ws, who, f" {code.lower()} ", "operator")


def dump(ws):
    """Return every value of the ledger by table."""
    with ws.ledger.read() as conn:
        names = sa.inspect(conn).get_table_names()
        return {n: repr(conn.execute(sa.text(f'SELECT * FROM "{n}"')).all()) for n in names}


def files_with(ws, needle):
    raw = needle.encode()
    found = [p for p in ws.settings.data_dir.rglob("*") if p.is_file() and raw in p.read_bytes()]
    return sorted(p.relative_to(ws.settings.data_dir).as_posix() for p in found)


def issued(ws, content=CONTENT):
    with ws.ledger.write() as conn:
        propose_version(conn, content, NOW)
    for party in ("seoul", "beijing"):
        approve_version(ws, content.warning_id, 1, Decision(party, "operator"))


def test_until_something_is_imported_the_file_counts(ws):
    assert recipients_of(ws, NOW) == load_recipients()
    assert {row["address"] for row in listed_recipients(ws, NOW)} == {"from a file, not verified"}
    import_rows(ws)
    assert set(handles(ws)) == {"kim-desk", "lee-desk", "wang-desk"}
    for name in ("kim-desk", "lee-desk", "wang-desk"):
        remove_recipient(ws, name, "operator")
    assert recipients_of(ws, NOW) == ()
    assert listed_recipients(ws, NOW) == []


def test_an_import_is_repeated_without_effect_and_faulty_ones_change_nothing(ws):
    first = import_rows(ws)
    assert (first["added"], first["changed"], first["unchanged"]) == (3, 0, 0)
    before = dump(ws)
    again = import_rows(ws)
    assert (again["added"], again["changed"], again["unchanged"]) == (0, 0, 3)
    assert dump(ws) == before
    bad = ROWS.replace("J1,,,김", "J2,,,김").replace("wang.fang@air.beijing.cn", "nonsense")
    with pytest.raises(PolicyError, match="line 4: email is not a plain") as caught:
        import_rows(ws, bad)
    assert "nonsense" not in str(caught.value)
    stranger = ROWS.splitlines()[0] + "\n" + ROWS.splitlines()[1].replace("kim-desk", "new-desk") + "\n"
    with pytest.raises(UsageError, match="new-desk: its email is that of kim-desk") as caught:
        import_rows(ws, stranger)
    assert "@" not in str(caught.value)
    assert dump(ws) == before


def test_two_may_change_places_in_one_list(ws):
    import_rows(ws)
    swapped = ROWS.replace("minsu.kim@", "x@").replace("jieun.lee@", "minsu.kim@").replace("x@", "jieun.lee@")
    assert import_rows(ws, swapped)["changed"] == 2
    assert handles(ws)["kim-desk"].email == "jieun.lee@air.seoul.kr"


def test_ids_are_random_and_say_nothing(ws, tmp_path):
    import_rows(ws)
    other = open_workspace(Settings(data_dir=tmp_path / "other"), clock=lambda: NOW)
    import_list(other, ws.settings.data_dir.parent / "list.csv", "operator")
    mine, theirs = ({r.id for r in recipients_of(w, NOW)} for w in (ws, other))
    other.ledger.close()
    assert not mine & theirs
    assert all(name.startswith("r-") and len(name) == 14 for name in mine)


def test_only_a_code_of_the_present_address_verifies(ws):
    import_rows(ws)
    assert not handles(ws)["kim-desk"].verified
    assert verify(ws, "kim-desk")["verified"] == "2026-01-14T08:20:00Z"
    assert handles(ws)["kim-desk"].verified
    assert import_rows(ws)["unchanged"] == 3
    assert handles(ws)["kim-desk"].verified
    changed = change_recipient(ws, "kim-desk", {"email": "m.kim@air.seoul.kr"}, "operator")
    assert "recipients verify kim-desk" in changed["next"]
    assert not handles(ws)["kim-desk"].verified
    for code in ("", "AAAA-AAAA", "ÄÖ"):
        with pytest.raises(UsageError, match="no code of kim-desk"):
            confirm_code(ws, "kim-desk", code, "operator")
    week = at(ws, NOW + timedelta(days=7))
    send_verification(ws, "lee-desk", channel_of(ws.settings), "operator")
    with pytest.raises(UsageError, match="no code of lee-desk"):
        verify_code_of(ws, "kim-desk", "lee-desk")
    assert verify_code_of(week, "lee-desk", "lee-desk")
    assert handles(ws)["lee-desk"].verified


def verify_code_of(ws, source, who):
    """Enter the code that another recipient, or the same one some days ago, was told."""
    from alerts.verify_address import code_of
    from flows.recipients import find_recipient
    from pipeline.exchange.keys import load_or_create_secret

    with ws.ledger.read() as conn:
        _, contact = find_recipient(conn, source)
    code = code_of(load_or_create_secret(ws.settings.keys_dir, "links"), contact, NOW)
    return confirm_code(ws, who, code, "operator")


def test_a_webhook_is_verified_with_the_address(ws):
    import_rows(ws)
    verify(ws, "lee-desk")
    change_recipient(ws, "lee-desk", {"webhook": "https://hook.seoul.kr/other"}, "operator")
    assert not handles(ws)["lee-desk"].verified
    with pytest.raises(UsageError, match="webhook must be an https address"):
        change_recipient(ws, "lee-desk", {"webhook": "", "channel": "webhook"}, "operator")


def test_settings_of_a_recipient(ws):
    import_rows(ws)
    verify(ws, "kim-desk")
    changes = {"languages": ["en"], "minimum_level": "J2", "agency": {"en": "Night desk"}}
    assert change_recipient(ws, "kim-desk", changes, "operator")["changed"] == sorted(changes)
    found = handles(ws)["kim-desk"]
    assert (found.languages, found.minimum_level, found.verified) == (("en",), "J2", True)
    assert found.agency == {"ko": "김민수 주무관", "zh": "金民秀", "en": "Night desk"}
    assert change_recipient(ws, "kim-desk", changes, "operator")["changed"] == []
    assert change_recipient(ws, found.id, {"minimum_level": "J1"}, "operator")["changed"]
    for field, value in (
        ("minimum_level", "J9"),
        ("cities", ["tokyo"]),
        ("email", "minsu"),
        ("languages", []),
    ):
        with pytest.raises(UsageError, match=field):
            change_recipient(ws, "kim-desk", {field: value}, "operator")
    with pytest.raises(UsageError, match="say what is to be changed"):
        change_recipient(ws, "kim-desk", {}, "operator")
    with pytest.raises(UsageError, match="no recipient nobody"):
        change_recipient(ws, "nobody", {"minimum_level": "J2"}, "operator")


def test_who_is_on_leave_is_replaced_by_the_deputy_for_whole_local_days(ws):
    import_rows(ws)
    days = (date(2026, 1, 20), date(2026, 1, 21))
    with pytest.raises(UsageError, match="first run `sameair recipients verify lee-desk`"):
        set_leave(ws, "kim-desk", days, "lee-desk", "operator")
    verify(ws, "lee-desk")
    told = set_leave(ws, "kim-desk", days, "lee-desk", "operator")
    assert told["leave"] == "2026-01-19T15:00:00Z to 2026-01-21T15:00:00Z"
    assert told["look at"] == []
    start, until = parse_instant("2026-01-19T15:00Z"), parse_instant("2026-01-21T15:00Z")
    second = timedelta(seconds=1)
    for instant in (start - second, until):
        assert handles(ws, instant)["lee-desk"].minimum_level == "J3"
        assert "kim-desk" in handles(ws, instant)
    for instant in (start, until - second):
        found = handles(ws, instant)
        assert "kim-desk" not in found
        assert found["lee-desk"].minimum_level == "J1"
        assert found["lee-desk"].stands_for == (handles(ws)["kim-desk"].id,)
    set_leave(ws, "kim-desk", None, "", "operator")
    assert "kim-desk" in handles(ws, start)


def test_a_leave_without_deputy_says_who_is_left_alone(ws):
    import_rows(ws)
    days = (date(2026, 1, 20), date(2026, 1, 21))
    set_leave(ws, "lee-desk", days, "", "operator")
    told = set_leave(ws, "kim-desk", days, "", "operator")
    assert told["deputy"].startswith("none")
    assert told["look at"] == ["from 2026-01-19T15:00:00Z on nobody of seoul would be told of seoul"]
    for wrong, why in (
        ((date(2026, 1, 21), date(2026, 1, 20)), "--to is before --from"),
        ((date(2025, 1, 1), date(2025, 1, 2)), "is over"),
    ):
        with pytest.raises(UsageError, match=why):
            set_leave(ws, "kim-desk", wrong, "", "operator")
    for deputy in ("kim-desk", "wang-desk"):
        with pytest.raises(UsageError, match="another recipient of seoul"):
            set_leave(ws, "kim-desk", days, deputy, "operator")


def test_deputies_that_name_each_other_end_nowhere(ws):
    import_rows(ws)
    for name in ("kim-desk", "lee-desk"):
        verify(ws, name)
    days = (date(2026, 1, 20), date(2026, 1, 21))
    set_leave(ws, "kim-desk", days, "lee-desk", "operator")
    set_leave(ws, "lee-desk", days, "kim-desk", "operator")
    assert set(handles(ws, parse_instant("2026-01-20T00:00Z"))) == {"wang-desk"}


def test_a_node_may_deliver_for_one_party_only(ws):
    import_rows(ws)
    settings = ws.settings.model_copy(update={"deliver_for": ("beijing",)})
    assert set(handles(replace(ws, settings=settings))) == {"wang-desk"}


def test_names_and_addresses_stand_nowhere_but_in_their_table_and_mails(ws, caplog):
    for name in ("alerts", "flows", "pipeline", "urllib3"):
        caplog.set_level(logging.DEBUG, logger=name)
    import_rows(ws)
    verify(ws, "kim-desk")
    change_recipient(ws, "kim-desk", {"minimum_level": "J2"}, "operator")
    issued(ws)
    rows = dump(ws)
    for needle in PERSONAL:
        assert {table for table, text in rows.items() if needle in text} <= {"recipient_contacts"}, needle
        assert needle not in caplog.text
        places = {path.split("/")[0] for path in files_with(ws, needle)}
        assert places <= {"ledger.sqlite", "ledger.sqlite-wal", "messages", "outbox"}, (needle, places)
    assert "minsu" in rows["recipient_contacts"]
    assert "''" in rows["outbox"]
    with ws.ledger.read() as conn:
        text = json.dumps(newest_rows(conn, 1000), default=str, ensure_ascii=False)
    assert not [needle for needle in PERSONAL if needle in text]


class Refusing:
    """A mail server that names the mailbox it refuses, as most do."""

    async def handle_RCPT(self, server, session, envelope, address, options):
        local = address.partition("@")[0]
        return f"550 5.1.1 <{address}>: no user {local.upper()} here"


def test_what_a_mail_server_says_of_an_address_is_not_kept(ws, caplog):
    from aiosmtpd.controller import Controller

    from flows.delivering import deliver

    import_rows(ws)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Controller(Refusing(), hostname="127.0.0.1", port=port)
    server.start()
    try:
        mail = {"channel": "smtp", "smtp_host": "127.0.0.1", "smtp_port": port, "smtp_starttls": False}
        refused = replace(ws, settings=ws.settings.model_copy(update=mail))
        issued(refused)
        deliver(refused, CONTENT.world, lambda: NOW)
        with pytest.raises(ReviewError, match="did not leave") as caught:
            send_verification(refused, "kim-desk", channel_of(refused.settings), "operator")
    finally:
        server.stop()
    assert {row["state"] for row in listed_deliveries(ws)} == {"failed"}
    assert "5.1.1" in " ".join(row["trouble"] for row in listed_deliveries(ws))
    for needle in ("minsu", "MINSU", "wang.fang"):
        assert needle not in caplog.text + str(caught.value) + str(listed_deliveries(ws))
        assert {t for t, text in dump(ws).items() if needle in text} <= {"recipient_contacts"}


def test_after_erasing_nothing_names_the_recipient_and_the_trail_is_whole(ws):
    import_rows(ws)
    verify(ws, "kim-desk")
    issued(ws)
    name = handles(ws)["kim-desk"].id
    sent = {row["recipient"]: row for row in listed_deliveries(ws)}
    assert len(sent) == 2
    assert files_with(ws, "minsu.kim@")
    told = remove_recipient(ws, "kim-desk", "operator")
    assert told["removed"] == [name]
    assert told["files erased"] >= 3
    assert f"how warning {CONTENT.warning_id} ends" in " ".join(told["look at"])
    for needle in (*PERSONAL, "minsu.kim@air.seoul.kr"):
        assert files_with(ws, needle) == [], needle
        assert [table for table, text in dump(ws).items() if needle in text] == []
    with ws.ledger.read() as conn:
        assert verify_audit(conn).ok
    rows = [row for row in listed_deliveries(ws) if "erased" in row["recipient"]]
    assert [row["state"] for row in rows] == ["sent"]
    assert files_with(ws, "wang.fang@")
    assert remove_recipient(ws, name, "operator")["files erased"] == 0
    with pytest.raises(UsageError, match="nobody is known as kim-desk"):
        remove_recipient(ws, "kim-desk", "operator")
    assert import_rows(ws)["added"] == 1
    assert handles(ws)["kim-desk"].id != name


def test_addresses_that_earlier_versions_wrote_down_are_erased_too(ws):
    import_rows(ws)
    name = handles(ws)["kim-desk"].id
    issued(ws)
    index, message = ws.settings.outbox_dir / "index.jsonl", f"{CONTENT.warning_id}.v1.{name}"
    others = {"file": "x.eml", "to": "other@x.example"}
    lines = [json.dumps(e) for e in ({"file": f"{message}.eml", "to": "minsu.kim@air.seoul.kr"}, others)]
    index.write_text("\n".join(lines) + "\n")
    with ws.ledger.write() as conn:
        said = "550 <minsu.kim@air.seoul.kr> unknown"
        conn.execute(
            sa.update(outbox)
            .where(outbox.c.id == message)
            .values(address="minsu.kim@air.seoul.kr", last_error=said)
        )
    remove_recipient(ws, "kim-desk", "operator")
    assert files_with(ws, "minsu") == []
    assert [json.loads(line)["to"] for line in index.read_text().splitlines()] == ["", "other@x.example"]


@pytest.mark.ledger
@pytest.mark.slow
def test_a_mail_that_a_crash_left_behind_is_erased_too(ws):
    import_rows(ws)
    issued(ws)
    name = handles(ws)["kim-desk"].id
    stray = ws.settings.data_dir / "messages" / "aa" / "aa11.eml"
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(f"To: minsu.kim@air.seoul.kr\r\nX-Sameair-Recipient: {name}\r\n\r\nx".encode())
    other = stray.with_name("aa22.eml")
    other.write_bytes(f"X-Sameair-Recipient: {name}0\r\n\r\nx".encode())
    remove_recipient(ws, "kim-desk", "operator")
    assert not stray.exists()
    assert other.exists()


def test_what_waits_for_an_erased_recipient_is_not_sent(ws):
    from flows.delivering import deliver

    import_rows(ws)
    settings = ws.settings.model_copy(update={"channel": "smtp", "smtp_port": 1, "smtp_starttls": False})
    refused = replace(ws, settings=settings)
    issued(refused)
    deliver(refused, CONTENT.world, lambda: NOW)
    remove_recipient(ws, "kim-desk", "operator")
    later = NOW + timedelta(hours=1)
    deliver(at(ws, later), CONTENT.world, lambda: later)
    states = {row["recipient"][:6]: row["state"] for row in listed_deliveries(ws)}
    assert states == {"wang-d": "sent", "erased": "failed"}
    assert files_with(ws, "minsu.kim@") == []


@pytest.mark.slow
def test_removing_who_stood_in_a_file_only_erases_what_was_kept(ws):
    issued(ws)
    assert files_with(ws, "air-policy@seoul.example")
    told = remove_recipient(ws, "seoul-air-policy", "operator")
    assert told["files erased"] == 2
    assert files_with(ws, "air-policy@seoul.example") == []


def test_unverified_addresses_receive_exercises_and_nothing_in_earnest(ws):
    import_rows(ws)
    verify(ws, "wang-desk")
    live = replace(CONTENT, simulated=False, cap_status="Actual", world="measured")
    issued(ws, live)
    with ws.ledger.read() as conn:
        names = {row.id: contact.handle for row, contact in read_recipients(conn)}
    from pipeline.ledger.deliveries import read_outbox

    with ws.ledger.read() as conn:
        assert [names[row.recipient] for row in read_outbox(conn)] == ["wang-desk"]


def test_what_waits_goes_to_a_changed_address_only_when_that_is_verified(ws):
    from flows.delivering import deliver

    import_rows(ws)
    verify(ws, "wang-desk")
    verify(ws, "kim-desk")
    live = replace(CONTENT, simulated=False, cap_status="Actual", world="measured")
    settings = ws.settings.model_copy(update={"channel": "smtp", "smtp_port": 1, "smtp_starttls": False})
    issued(replace(ws, settings=settings), live)
    change_recipient(ws, "kim-desk", {"email": "new.kim@air.seoul.kr"}, "operator")
    later = NOW + timedelta(minutes=9)
    deliver(at(ws, later), "measured", lambda: later)
    states = {row["recipient"]: (row["state"], row["trouble"]) for row in listed_deliveries(ws)}
    assert states["wang-desk"] == ("sent", "")
    assert states["kim-desk"] == ("pending", "its present address is not verified")
    verify(at(ws, later), "kim-desk")
    later += timedelta(hours=1)
    deliver(at(ws, later), "measured", lambda: later)
    assert {row["state"] for row in listed_deliveries(ws)} == {"sent"}


def test_the_operator_is_told_names_but_the_ledger_keeps_none(ws):
    from flows.worlds import deliver_everywhere

    import_rows(ws)
    verify(ws, "wang-desk")
    verify(ws, "kim-desk")
    live = replace(CONTENT, simulated=False, cap_status="Actual", world="measured")
    issued(ws, live)
    with ws.ledger.write() as conn:
        conn.execute(sa.update(outbox).values(state="failed"))
    settings = ws.settings.model_copy(update={"operator_address": "operator@sameair.example"})
    told = replace(ws, settings=settings)
    deliver_everywhere(told, "measured")
    assert "kim-desk" not in dump(ws)["operator_notices"]
    assert len(files_with(ws, "kim-desk")) > 0
    remove_recipient(told, "kim-desk", "operator")
    assert [f for f in files_with(ws, "kim-desk") if "ledger" not in f] == []
    deliver_everywhere(told, "measured")
    assert "1 failed" in dump(ws)["operator_notices"] or "no more" in dump(ws)["operator_notices"]
    newest = sorted(ws.settings.outbox_dir.glob("operator.*.eml"))
    assert all("r-" not in path.read_text("utf-8").partition("\n\n")[2] for path in newest)


def test_the_operator_is_told_of_a_warning_that_goes_to_nobody(ws):
    from flows.delivery_alarm import delivery_conditions

    import_rows(ws)
    live = replace(CONTENT, simulated=False, cap_status="Actual", world="measured")
    issued(ws, live)
    (told,) = delivery_conditions(ws, "measured", NOW)
    assert told.state == "nobody"
    assert "no recipient with a verified address" in told.text


def test_a_list_that_cannot_be_read_is_told_and_holds_up_nothing_else(ws, tmp_path):
    from flows.delivery_alarm import delivery_conditions
    from flows.worlds import deliver_everywhere, issue_everywhere

    settings = ws.settings.model_copy(update={"recipients_file": tmp_path / "none.toml"})
    broken = replace(ws, settings=settings)
    with ws.ledger.write() as conn:
        propose_version(conn, CONTENT, NOW)
    approve_version(broken, CONTENT.warning_id, 1, Decision("seoul", "operator"))
    with pytest.raises(PolicyError):
        approve_version(broken, CONTENT.warning_id, 1, Decision("beijing", "operator"))
    assert issue_everywhere(broken) == []
    assert deliver_everywhere(broken).failed == []
    (told,) = delivery_conditions(broken, CONTENT.world, NOW)
    assert told.state == "unreadable"
    assert len(issue_everywhere(ws)) == 1
