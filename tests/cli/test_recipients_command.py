"""``sameair recipients`` from the command line: what is printed, what is refused, and no address in it."""

import json
import re
from email import message_from_bytes, policy

import pytest
from typer.testing import CliRunner

from cli.main import app
from pipeline.errors import PolicyError, UsageError

LIST = """[[recipient]]
id = "night-desk"
agency = { ko = "야간 당직", zh = "夜班值班室", en = "Night desk" }
party = "seoul"
email = "night@air.seoul.kr"
languages = ["en", "ko"]
cities = ["seoul"]
minimum_level = "J1"

[[recipient]]
id = "day-desk"
agency = { ko = "주간 당직", zh = "白班值班室", en = "Day desk" }
party = "seoul"
email = "day@air.seoul.kr"
languages = ["ko"]
cities = ["seoul"]
minimum_level = "J2"
"""


@pytest.fixture
def call(tmp_path, monkeypatch):
    monkeypatch.setenv("SAMEAIR_DATA_DIR", str(tmp_path / "data"))
    (tmp_path / "list.toml").write_text(LIST, "utf-8")
    runner = CliRunner()

    def run(*words, code=0):
        result = runner.invoke(app, ["recipients", *words])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        return result.output

    run.folder = tmp_path
    run("import", str(tmp_path / "list.toml"))
    return run


@pytest.mark.slow
def test_a_recipient_from_import_to_removal(call):
    assert "@" not in call("list")
    assert "night@air.seoul.kr" in call("list", "--addresses")
    asked = json.loads(call("verify", "night-desk", "--json"))
    assert asked["link"] is False
    (mail,) = (call.folder / "data" / "outbox").glob("verify.*.eml")
    message = message_from_bytes(mail.read_bytes(), policy=policy.default)
    text = message.get_content()
    assert message["To"] == "Night desk <night@air.seoul.kr>"
    assert text.index("Please confirm") < text.index("확인해 주십시오") < text.index("确认")
    code = re.search(r"[A-Z2-7]{4}-[A-Z2-7]{4}", text)[0]
    assert text.count(code) == 3
    assert "http" not in text
    assert "night-desk" in call("verify", "night-desk", "--code", code)
    told = call("leave", "day-desk", "--from", "2099-08-03", "--to", "2099-08-14", "--deputy", "night-desk")
    assert "2099-08-02T15:00:00Z to 2099-08-14T15:00:00Z" in told
    assert "deputy night-desk" in call("list")
    assert "none" in call("leave", "day-desk")
    call(
        "set", "day-desk", "--level", "J3", "--language", "zh", "--language", "ko", "--name", "en=Desk by day"
    )
    rows = {row["name"]: row for row in json.loads(call("list", "--addresses", "--json"))}
    assert (rows["day-desk"]["from level"], rows["day-desk"]["languages"]) == ("J3", "zh ko")
    assert rows["day-desk"]["en"] == "Desk by day"
    assert rows["night-desk"]["address"].startswith("verified 20")
    assert "nobody of seoul" not in call("remove", "day-desk")
    assert "nobody of seoul" not in call("remove", "night-desk"), "it has no recipients at all any more"
    assert "recipients: none" in call("list")


def test_the_mail_holds_a_link_where_there_is_a_page(call, monkeypatch):
    monkeypatch.setenv("SAMEAIR_ACKNOWLEDGE_URL", "https://alerts.example/x/")
    assert json.loads(call("verify", "night-desk", "--json"))["link"] is True
    (mail,) = (call.folder / "data" / "outbox").glob("verify.*.eml")
    text = message_from_bytes(mail.read_bytes(), policy=policy.default).get_content()
    links = re.findall(r"^https://alerts\.example/x/verify/\S+$", text.replace("\r", ""), re.MULTILINE)
    assert len(links) == 3
    assert len(set(links)) == 1


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("set", "night-desk"), "say what is to be changed"),
        (("set", "night-desk", "--name", "Night"), "en=Air quality desk"),
        (("set", "night-desk", "--email", "day@air.seoul.kr"), "its email is that of day-desk"),
        (("set", "night-desk", "--city", "tokyo"), "cities must be some of"),
        (("leave", "night-desk", "--from", "2099-08-03"), "both --from and --to"),
        (("leave", "night-desk", "--from", "3 August", "--to", "2099-08-03"), "--from 3 August"),
        (("verify", "night-desk", "--code", "x"), "no code of night-desk"),
        (("verify", "night-desk", "--code", ""), "no code of night-desk"),
        (("remove", "nobody"), "nobody is known as nobody"),
    ],
)
def test_what_makes_no_sense_is_refused(call, words, why):
    with pytest.raises(UsageError, match=why) as caught:
        call(*words)
    assert "@" not in str(caught.value)


def test_a_faulty_list_is_refused_whole(call):
    path = call.folder / "bad.toml"
    path.write_text(LIST.replace('"J2"', '"J5"').replace("night-desk", "new-desk"), "utf-8")
    with pytest.raises(PolicyError, match="line 17: minimum_level"):
        call("import", str(path))
    assert "new-desk" not in call("list")


def test_a_mail_that_does_not_leave_is_told(call, monkeypatch):
    from pipeline.errors import ReviewError

    monkeypatch.setenv("SAMEAIR_CHANNEL", "smtp")
    monkeypatch.setenv("SAMEAIR_SMTP_PORT", "1")
    monkeypatch.setenv("SAMEAIR_SMTP_STARTTLS", "false")
    with pytest.raises(ReviewError, match="did not leave"):
        call("verify", "night-desk")
