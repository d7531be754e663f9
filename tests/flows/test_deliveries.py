"""Who has what: links in mails that acknowledge, and acknowledging by telephone."""

import re
from datetime import timedelta
from email import message_from_bytes, policy

import pytest

from alerts.acknowledge import acknowledge, read_token
from alerts.examples import example_content
from alerts.warnings import propose_version
from flows.deliveries import acknowledge_for, listed_deliveries
from flows.desk import Decision, approve_version
from flows.workspace import open_workspace
from pipeline.errors import ReviewError, UsageError
from pipeline.exchange.keys import load_or_create_secret
from pipeline.ledger.audit import verify_audit
from pipeline.settings import Settings
from pipeline.times import parse_instant

NOW = parse_instant("2026-01-14T08:20Z")
CONTENT = example_content()


@pytest.fixture
def ws(tmp_path):
    settings = Settings(data_dir=tmp_path, acknowledge_url="https://alerts.example/x/")
    workspace = open_workspace(settings, clock=lambda: NOW)
    with workspace.ledger.write() as conn:
        propose_version(conn, CONTENT, NOW)
    for party in ("seoul", "beijing"):
        approve_version(workspace, CONTENT.warning_id, 1, Decision(party, "kim"))
    yield workspace
    workspace.ledger.close()


def links(ws):
    """Return the link in every mail that was sent, by recipient."""
    found = {}
    for path in sorted(ws.settings.outbox_dir.glob("*.eml")):
        mail = message_from_bytes(path.read_bytes(), policy=policy.default)
        plain = mail.get_body(("plain",)).get_content()
        urls = set(re.findall(r"https://alerts\.example/x(/acknowledge/\S+)", plain))
        assert len(urls) == 1
        assert plain.count(next(iter(urls))) == 3, "once in each language"
        assert f'href="https://alerts.example/x{next(iter(urls))}"' in mail.get_body(("html",)).get_content()
        found[mail["X-Sameair-Recipient"]] = urls.pop()
    return found


def test_each_mail_holds_its_own_link_and_the_link_acknowledges(ws):
    urls = links(ws)
    assert len(urls) == len(set(urls.values())) == 6
    assert len(listed_deliveries(ws, only_open=True)) == 6
    token = urls["seoul-air-policy"].rpartition("/")[2]
    receipt = read_token(load_or_create_secret(ws.settings.keys_dir, "links"), token, NOW)
    assert receipt.expires == max(parse_instant(CONTENT.expires), NOW) + timedelta(hours=24)
    with ws.ledger.write() as conn:
        acknowledge(conn, receipt, NOW)
    rows = {r["recipient"]: r for r in listed_deliveries(ws)}
    assert rows["seoul-air-policy"]["acknowledged"] == "2026-01-14T08:20:00Z"
    assert rows["seoul-air-policy"]["by"] == "link"
    assert [r["recipient"] for r in rows.values() if r["acknowledged"]] == ["seoul-air-policy"]
    assert len(listed_deliveries(ws, only_open=True)) == 5
    assert "@" not in str(list(rows.values()))
    with ws.ledger.read() as conn:
        assert verify_audit(conn).ok


def test_a_telephone_call_is_entered_once(ws):
    first = acknowledge_for(ws, CONTENT.warning_id, None, "seoul-air-policy", "Kim")
    assert acknowledge_for(ws, CONTENT.warning_id, 1, "seoul-air-policy", "Lee") == first
    assert first["by"] == "Kim"
    with pytest.raises(ReviewError, match="does not go to nobody"):
        acknowledge_for(ws, CONTENT.warning_id, 1, "nobody", "Kim")
    with pytest.raises(UsageError, match="--person"):
        acknowledge_for(ws, CONTENT.warning_id, 1, "seoul-air-policy", " ")
    with pytest.raises(UsageError, match="unknown"):
        listed_deliveries(ws, warning_id="nonsense")


@pytest.mark.parametrize(
    "url", ["http://alerts.example", "https://a b", "ftp://x", "https://x/?q", "javascript:1"]
)
def test_links_lead_over_tls_only(tmp_path, url):
    with pytest.raises(ValueError, match="acknowledge_url"):
        Settings(data_dir=tmp_path, acknowledge_url=url)


def test_without_an_address_there_is_no_link(tmp_path):
    from flows.links_sent import links_of

    workspace = open_workspace(Settings(data_dir=tmp_path), clock=lambda: NOW)
    assert links_of(workspace)(CONTENT, "seoul-air-policy") == ""
    assert not (tmp_path / "keys").exists()
    workspace.ledger.close()
