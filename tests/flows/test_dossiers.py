"""A joint dossier: the same from the same, in versions, with findings of both parties and dissent kept."""

from __future__ import annotations

import io
import re
import tomllib
import zipfile
from dataclasses import replace
from datetime import timedelta
from importlib import resources

import pytest
import sqlalchemy as sa

from alerts.vocabulary import LANGUAGES
from flows.dossier import build_dossier, build_due, listed_dossiers, newest_dossier, overdue_lines, status_of
from flows.dossier_paper import dossier_paper, write_dossier
from flows.dossier_subjects import measured_days, subjects_of
from flows.findings import answer_finding, close_dossier, findings_of, propose_finding
from flows.forum_pack import forum_pack
from flows.papers import page_of, pdf_of, text_of
from flows.said import Speaker
from pipeline.errors import ReviewError, UsageError
from pipeline.ledger.season_tables import joint_documents, party_statements
from pipeline.times import parse_instant
from tests.flows.archive_world import NOW, open_imported

KIM, LI = Speaker("seoul", "Kim <b>"), Speaker("beijing", "Li")
SINCE, UNTIL = parse_instant("2018-09-01"), parse_instant("2018-12-01")
WORLD = "measured"


@pytest.fixture(scope="module")
def ws(tmp_path_factory):
    ws = open_imported(tmp_path_factory.mktemp("dossiers"), days=160)
    yield ws
    ws.ledger.close()


@pytest.fixture(scope="module")
def first(ws):
    return build_due(ws, WORLD, SINCE, UNTIL)[0]


def test_every_run_of_days_above_the_threshold_has_one_dossier(ws):
    found = subjects_of(ws, WORLD, SINCE, UNTIL, NOW)
    means = measured_days(ws, WORLD, SINCE - timedelta(days=50), UNTIL + timedelta(days=50), NOW)
    assert {one.city for one in found} == {"seoul", "beijing"}
    for city, threshold in (("seoul", 50), ("beijing", 75)):
        mine = {day for one in found if one.city == city for day in one.days}
        ends = {day for one in found if one.city == city for day in (one.first, one.last)}
        above = {d for d, mean in means[city].items() if mean > threshold}
        inside = {d for d in above if SINCE.date() <= d < UNTIL.date()}
        assert inside <= mine
        assert ends <= above
    assert all(one.observed and not one.episodes for one in found)


def test_an_episode_is_the_same_whichever_part_of_it_is_asked_for(ws):
    long = max(subjects_of(ws, WORLD, SINCE, UNTIL, NOW), key=lambda one: len(one.days))
    assert len(long.days) > 2
    middle = long.onset + (long.end - long.onset) / 2
    assert long in subjects_of(ws, WORLD, middle, middle + timedelta(hours=1), NOW)


def test_the_same_instant_gives_the_same_bytes_and_a_later_one_no_new_version(ws, first):
    again = build_dossier(ws, WORLD, first.subject, parse_instant(first.content["as_of"]))
    later = build_dossier(ws, WORLD, first.subject, NOW - timedelta(days=30))
    assert (again.version, later.version, later.digest) == (first.version, first.version, first.digest)
    findings, status = findings_of(ws, WORLD, first.subject), status_of(ws, first, NOW)
    papers = [dossier_paper(first, findings, status, "ko") for _ in range(2)]
    assert pdf_of(papers[0]) == pdf_of(papers[1])


def test_nothing_received_later_is_in_it(ws, first):
    end = parse_instant(first.content["end"])
    with pytest.raises(UsageError, match="has ended by"):
        build_dossier(ws, WORLD, first.subject, end)


def test_a_dissent_is_kept_beside_the_finding_and_beside_a_later_agreement(ws):
    subject = build_due(ws, WORLD, SINCE, UNTIL)[1].subject
    made = propose_finding(ws, WORLD, subject, KIM, "the wind turned\ntoo early")
    with pytest.raises(ReviewError, match="another party answers"):
        answer_finding(ws, WORLD, made["finding"], KIM, "agree")
    with pytest.raises(UsageError, match="--text is empty"):
        answer_finding(ws, WORLD, made["finding"], LI, "dissent")
    answer_finding(ws, WORLD, made["finding"], LI, "dissent", "it did <i>not</i>")
    (one,) = findings_of(ws, WORLD, subject)
    assert (one["stands"], one["text"], one["whole"]) == ("dissent", "the wind turned too early", True)
    later = replace(ws, clock=lambda: NOW + timedelta(hours=1))
    answer_finding(later, WORLD, made["finding"], LI, "agree", "after new data")
    (one,) = findings_of(ws, WORLD, subject)
    assert [a["text"] for a in one["answers"]] == ["it did <i>not</i>", "after new data"]
    assert one["stands"] == "agreed"
    row = newest_dossier(ws, WORLD, subject)
    page = page_of(dossier_paper(row, [one], status_of(ws, row, NOW), "en"))
    assert "it did &lt;i&gt;not&lt;/i&gt;" in page
    assert "<i>" not in page
    assert "Kim" not in text_of(dossier_paper(row, [one], status_of(ws, row, NOW), "en", names=False))


def test_it_is_closed_when_both_signed_the_newest_text_and_every_finding_is_answered(ws):
    row = build_due(ws, WORLD, SINCE, UNTIL)[2]
    assert status_of(ws, row, NOW)["status"] == "open"
    made = propose_finding(ws, WORLD, row.subject, LI, "stations were thin")
    with pytest.raises(ReviewError, match="agree or dissent first"):
        close_dossier(ws, WORLD, row.subject, KIM, row.digest)
    close_dossier(ws, WORLD, row.subject, LI, row.digest)
    assert status_of(ws, row, NOW)["status"] == "in review"
    answer_finding(ws, WORLD, made["finding"], KIM, "agree")
    close_dossier(ws, WORLD, row.subject, KIM, "0" * 64)
    assert status_of(ws, row, NOW)["status"] == "in review"
    close_dossier(ws, WORLD, row.subject, KIM, row.digest)
    standing = status_of(ws, row, NOW)
    assert (standing["status"], standing["overdue"]) == ("closed", False)


def test_what_is_late_is_told_until_it_is_closed(ws, first):
    rows = listed_dossiers(ws, WORLD, SINCE, UNTIL)
    late = {row["dossier"] for row in rows if row["overdue"]}
    assert first.subject in late
    assert {row["dossier"] for row in rows if row["status"] == "closed"}.isdisjoint(late)
    assert len(overdue_lines(rows)) == len(late)
    due = parse_instant(first.content["end"]) + timedelta(days=7)
    assert parse_instant(first.content["due"]) == due
    assert not status_of(ws, first, due)["overdue"]


def test_what_was_said_or_built_cannot_be_changed(ws, first):
    for table in (joint_documents, party_statements):
        with pytest.raises(sa.exc.IntegrityError), ws.ledger.write() as conn:
            conn.execute(sa.delete(table))


def test_a_node_speaks_for_its_own_party_alone(ws, first):
    settings = ws.settings.model_copy(update={"party": "beijing"})
    with pytest.raises(ReviewError, match="signs for beijing alone"):
        propose_finding(replace(ws, settings=settings), WORLD, first.subject, KIM, "x")


def test_the_files_are_in_three_languages(ws, first, tmp_path):
    files = write_dossier(first, [], status_of(ws, first, NOW), tmp_path)
    suffixes = {".json", *(f".{lang}.{kind}" for lang in LANGUAGES for kind in ("html", "txt", "pdf"))}
    assert {name.removeprefix(f"dossier-{first.subject}-v1") for name in files} == suffixes


def test_the_three_languages_have_the_same_words_and_fields():
    table = tomllib.loads((resources.files("flows") / "dossier_words.toml").read_text("utf-8"))
    fields = {
        lang: {key: set(re.findall(r"{(\w+)}", text)) for key, text in table[lang].items()} for lang in table
    }
    assert set(table) == set(LANGUAGES)
    assert fields["ko"] == fields["en"] == fields["zh"]


@pytest.mark.slow
def test_a_pack_names_nobody_and_leaves_out_what_is_for_the_parties_alone(ws, first, monkeypatch):
    propose_finding(ws, WORLD, first.subject, Speaker("seoul", "Hong Gildong"), "an open question")
    span = (parse_instant(first.content["onset"]), parse_instant(first.content["end"]))
    content, left = forum_pack(ws, WORLD, *span)
    assert forum_pack(ws, WORLD, *span)[0] == content
    with zipfile.ZipFile(io.BytesIO(content)) as pack:
        names = set(pack.namelist())
        texts = {name: pack.read(name).decode() for name in names if not name.endswith(".pdf")}
    assert {f"{lang}/summary.pdf" for lang in LANGUAGES} <= names
    assert f"en/{first.subject}.html" in names
    assert not left
    assert not any("Hong" in text for text in texts.values())
    assert "an open question" in texts["en/summary.txt"]
    mark = {"source": "party.beijing.x", "attribution": "X", "licence": "L", "redistribution": "parties"}
    closed = replace(first, content={**first.content, "data": [mark]})
    monkeypatch.setattr("flows.forum_pack.newest_documents", lambda *_args: [closed])
    content, left = forum_pack(ws, WORLD, *span, public=True)
    assert left == [first.subject]
    with zipfile.ZipFile(io.BytesIO(content)) as pack:
        assert not any(first.subject in name for name in pack.namelist())
