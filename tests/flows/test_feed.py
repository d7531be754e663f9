"""The Atom feed: what was issued and nothing else, newest first, in archives that never change."""

from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pytest
from lxml import etree

from alerts.areas import city_area
from alerts.cap import CapHeader, build_cap
from alerts.examples import example_content
from alerts.feed import ATOM, build_feed, cap_name, feed_entry, feed_name
from alerts.identifiers import alert_identifier
from alerts.warnings import advance, open_review, propose_version
from flows.desk import Decision, approve_version
from flows.feed import refresh_feed
from flows.workspace import open_workspace
from pipeline.cities import city
from pipeline.errors import ContractError
from pipeline.settings import Settings
from pipeline.times import iso, parse_instant

NOW = parse_instant("2026-01-14T08:20Z")
CONTENT = example_content()
WORLD = CONTENT.world
NS = {"a": ATOM, "fh": "http://purl.org/syndication/history/1.0"}
NONE = pd.DataFrame({"city": [], "latitude": [], "longitude": []})
AREAS = {name: city_area(city(name), NONE) for name in ("seoul", "beijing")}


@pytest.fixture
def ws(tmp_path):
    workspace = open_workspace(Settings(data_dir=tmp_path), clock=lambda: NOW)
    yield workspace
    workspace.ledger.close()


def feed(ws, archive=0):
    return etree.fromstring((ws.warnings_dir / feed_name(WORLD, archive)).read_bytes())


def ids(document):
    return document.xpath("a:entry/a:id/text()", namespaces=NS)


def link(node, relation):
    return next(iter(node.xpath(f"a:link[@rel='{relation}']/@href", namespaces=NS)), None)


def put(ws, name, at, **changes):
    """Enter an issued warning with its CAP file, as issuing leaves it."""
    content = replace(CONTENT, warning_id=name, **changes)
    with ws.ledger.write() as conn:
        propose_version(conn, content, at)
        row = open_review(conn, name, 1, "kim", at)
        advance(conn, row, "issued", actor="run", reason="signed", at=at)
    xml = build_cap(content, CapHeader("desk@seoul.example", at, "desk"), AREAS)
    ws.warnings_dir.mkdir(exist_ok=True)
    (ws.warnings_dir / cap_name(name, 1)).write_bytes(xml)
    return xml


def test_issuing_puts_a_marked_entry_with_its_link_into_the_feed(ws):
    with ws.ledger.write() as conn:
        propose_version(conn, CONTENT, NOW)
        propose_version(conn, replace(CONTENT, warning_id="w-draft"), NOW)
    for party in ("seoul", "beijing"):
        approve_version(ws, CONTENT.warning_id, 1, Decision(party, "kim", deliver=False))
    document = feed(ws)
    assert ids(document) == [alert_identifier(CONTENT.warning_id, 1)], "no drafts"
    entry = document.find("a:entry", NS)
    assert entry.findtext("a:title", namespaces=NS).startswith("[EXERCISE] ")
    assert entry.findtext("a:updated", namespaces=NS) == document.findtext("a:updated", namespaces=NS)
    terms = {(c.get("scheme").rpartition(":")[2], c.get("term")) for c in entry.findall("a:category", NS)}
    assert {("level", "J2"), ("city", "seoul"), ("city", "beijing"), ("status", "Exercise")} <= terms
    assert {("type", "Alert"), ("product", "joint_warning")} <= terms
    assert len(entry.findtext("a:summary", namespaces=NS).splitlines()) == 4, "three headlines and the note"
    assert (ws.warnings_dir / link(entry, "alternate")).read_bytes().startswith(b"<?xml")
    assert refresh_feed(ws, WORLD) is False, "nothing new"


def test_a_feed_that_a_crash_left_behind_is_made_good(ws):
    put(ws, "w-1", NOW)
    assert refresh_feed(ws, WORLD)
    put(ws, "w-2", NOW + timedelta(hours=1))
    assert ids(feed(ws)) == [alert_identifier("w-1", 1)]
    assert refresh_feed(ws, WORLD)
    assert ids(feed(ws)) == [alert_identifier("w-2", 1), alert_identifier("w-1", 1)], "newest first"
    (ws.warnings_dir / feed_name(WORLD)).write_bytes(b"half")
    assert refresh_feed(ws, WORLD)
    assert not refresh_feed(ws, "measured")
    assert not (ws.warnings_dir / feed_name("measured")).exists(), "worlds do not mix"


def test_references_name_the_sender_that_an_earlier_message_had(ws):
    with ws.ledger.write() as conn:
        propose_version(conn, CONTENT, NOW)
    for party in ("seoul", "beijing"):
        approve_version(ws, CONTENT.warning_id, 1, Decision(party, "kim", deliver=False))
    moved = replace(ws, settings=ws.settings.model_copy(update={"mail_from": "new@desk.example"}))
    later = {name: "2026-01-14T14:00:00Z" for name in ("issue_time", "as_of")}
    second = replace(CONTENT, level="J3", review_deadline="2026-01-14T16:00:00Z", **later)
    with ws.ledger.write() as conn:
        propose_version(conn, second, parse_instant("2026-01-14T14:10Z"))
    for party in ("seoul", "beijing"):
        approve_version(moved, CONTENT.warning_id, 2, Decision(party, "kim", deliver=False))
    root = etree.fromstring((ws.warnings_dir / cap_name(CONTENT.warning_id, 2)).read_bytes())
    assert root.findtext("{*}sender") == "new@desk.example"
    assert root.findtext("{*}references").startswith(f"{ws.settings.mail_from},urn:uuid:")


def test_a_lost_message_is_left_out_and_said_in_the_log(ws, caplog):
    put(ws, "w-1", NOW)
    put(ws, "w-2", NOW + timedelta(hours=1))
    (ws.warnings_dir / cap_name("w-1", 1)).unlink()
    refresh_feed(ws, WORLD)
    assert ids(feed(ws)) == [alert_identifier("w-2", 1)]
    assert "the feed lacks w-1-v1.cap.xml" in caplog.text


def test_old_entries_move_into_archives_that_do_not_change(ws, monkeypatch):
    monkeypatch.setattr("flows.feed.PAGE", 2)
    wanted = []
    for number in range(5):
        put(ws, f"w-{number}", NOW + timedelta(hours=number))
        wanted.insert(0, alert_identifier(f"w-{number}", 1))
        refresh_feed(ws, WORLD)
    assert ids(feed(ws)) == wanted[:2]
    first = (ws.warnings_dir / feed_name(WORLD, 1)).read_bytes()
    found, document, names = [], feed(ws), []
    while document is not None:
        found += [i for i in ids(document) if i not in found]
        previous = link(document, "prev-archive")
        names.append(link(document, "self"))
        document = etree.parse(ws.warnings_dir / previous).getroot() if previous else None
    assert found == wanted, "following the links finds everything once"
    assert names == [feed_name(WORLD), feed_name(WORLD, 2), feed_name(WORLD, 1)]
    archive = feed(ws, 1)
    assert archive.find("fh:archive", NS) is not None
    assert link(archive, "current") == feed_name(WORLD)
    assert archive.findtext("a:id", namespaces=NS) == feed(ws).findtext("a:id", namespaces=NS)
    put(ws, "w-9", NOW + timedelta(hours=9))
    refresh_feed(ws, WORLD)
    assert (ws.warnings_dir / feed_name(WORLD, 1)).read_bytes() == first


def test_evil_text_stays_text(ws):
    xml = put(ws, "w-1", NOW, kind="alert", degraded="<b>&amp;</b>]]>")
    entry = feed_entry(xml.replace(b"SIMULATED EXERCISE", b"&lt;script&gt;"), "x&y.cap.xml")
    again = etree.fromstring(build_feed([entry], head_of("w")))
    assert "<script>" in again.findtext("a:entry/a:title", namespaces=NS)
    assert link(again.find("a:entry", NS), "alternate") == "x&y.cap.xml"
    for broken in (b"<alert/>", b"", b"<feed/>"):
        with pytest.raises(ContractError, match="no CAP message"):
            feed_entry(broken, "x.xml")


def head_of(world):
    from alerts.feed import FeedHead

    return FeedHead(world, "desk@seoul.example")


def test_what_is_actual_bears_no_mark():
    content = replace(CONTENT, world="measured", simulated=False, cap_status="Actual")
    entry = feed_entry(build_cap(content, CapHeader("a@b", NOW, "desk"), AREAS), "x.cap.xml")
    assert not entry.title.startswith("[")
    assert iso(entry.sent) == "2026-01-14T08:20:00Z"
