"""The joint report tells what was forecast and measured, no more, alike in three languages, page and PDF."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from importlib import resources

import numpy as np
import pandas as pd
import pypdfium2
import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from alerts.episode_scores import Measured
from alerts.vocabulary import LANGUAGES
from cli.commands import report as command
from flows.joint_report import due
from flows.joint_report.document import Figure, Points, Table
from flows.joint_report.episodes import Side, Told, episodes_of
from flows.joint_report.files import files_of, stem_of
from flows.joint_report.findings import _verdict, shown_keys
from flows.joint_report.gather import Asked, joint_report
from flows.joint_report.page import page_of
from flows.joint_report.pdf import pdf_of
from flows.joint_report.period import Period, entries_of, month_of, season_of
from flows.joint_report.sections import document_of
from flows.joint_report.words import words_of
from flows.verification import truth_panel, whole_truth
from forecasting.verification.score_tables import Options
from pipeline.errors import UsageError
from pipeline.names import PM_THRESHOLDS
from pipeline.season import calendar_of
from pipeline.times import local_day_bounds
from tests.flows.archive_world import NOW, open_imported, write_archive
from tests.forecasting.verification_cases import rows_of

MONTH = month_of("2018-08")
FEW = Options(draws=20)
SURE, UNSURE = 0.9, 0.2
WORDS = {
    language: tomllib.loads(
        (resources.files("flows.joint_report") / f"words_{language}.toml").read_text("utf-8")
    )
    for language in LANGUAGES
}


@pytest.fixture(scope="module")
def ws(tmp_path_factory):
    return open_imported(tmp_path_factory.mktemp("world"), 66)


@pytest.fixture(scope="module")
def means(ws):
    truth = whole_truth(truth_panel(ws, "measured"), "pm2p5", pd.Timestamp("2018-09-02T00Z"))
    daily = truth[truth["target"] == "daily"]
    return {city: part.set_index("valid_end")["observed"] for city, part in daily.groupby("city")}


@pytest.fixture(scope="module")
def hindcast(means, tmp_path_factory):
    """Our forecast gives 0.9 to what happens and 0.2 to the rest; the others always 0.5."""
    parts = []
    for city, seen in means.items():
        first = pd.Timestamp(
            local_day_bounds(date(2018, 8, 1), f"Asia/{'Seoul' if city == 'seoul' else 'Shanghai'}")[1]
        )
        days = seen[first:][:31]
        event = days.to_numpy()[:, None] > np.array(PM_THRESHOLDS)
        for model in ("sameair", "persistence", "climatology"):
            chance = np.where(event, SURE, UNSURE) if model == "sameair" else np.full(event.shape, 0.5)
            parts.append(rows_of(model, chance, days.to_numpy() + 3.0, city=city, lead=1, first=first))
    folder = tmp_path_factory.mktemp("hindcast")
    pd.concat(parts, ignore_index=True).to_parquet(folder / "predictions.parquet")
    said = {"from": "2018-07-31", "train_until": "2018-07-30", "weather": "observed", "caveats": []}
    (folder / "scores.json").write_text(json.dumps({"hindcast": said}), "utf-8")
    return folder


@pytest.fixture(scope="module")
def report(ws, hindcast):
    return joint_report(ws, Asked(MONTH, hindcast=hindcast, options=FEW))


@pytest.fixture(scope="module")
def empty(ws):
    return joint_report(ws, Asked(month_of("2018-07"), options=FEW))


def test_scores_are_those_of_the_arithmetic(report, means):
    for city, threshold in (("seoul", 35), ("beijing", 75)):
        august = [v for at, v in means[city].items() if "2018-08-01T14" < at.isoformat() < "2018-09-01T00"]
        events = sum(v > threshold for v in august)
        known = report["outcome"][city]
        assert (known["measured"], known["above"][str(threshold)]) == (31, events)
        assert known["mean"] == pytest.approx(sum(august) / 31, abs=0.005)
        rows = report["scores"]["exceedance"]
        (row,) = [r for r in rows if (r["city"], r["model"], r["threshold"]) == (city, "sameair", threshold)]
        assert (row["n"], row["hits"], row["misses"], row["false"]) == (31, events, 0, 0)
        assert row["quiet"] == 31 - events
        brier = (events * (1 - SURE) ** 2 + (31 - events) * UNSURE**2) / 31
        assert row["brier_score"]["value"] == pytest.approx(brier, abs=5e-5)
        assert row["bss_climatology"]["value"] == pytest.approx(1 - brier / 0.25, abs=5e-5)
        (error,) = [r for r in report["scores"]["continuous"] if (r["city"], r["model"]) == (city, "sameair")]
        assert (error["bias"]["value"], error["rmse"]["value"]) == (3.0, 3.0)


def test_the_report_names_what_it_rests_on(report, empty):
    assert report["source"]["kind"] == "hindcast"
    assert report["caveats"] == ["from_hindcast"]
    assert report["as_of"] == "2018-09-10T16:00:00Z"
    assert empty["caveats"] == ["nothing_forecast"]
    assert {one["key"] for one in empty["findings"]} == {"found_outcome"}
    assert empty["scores"]["exceedance"] == []
    assert "nothing is scored" in page_of(document_of(empty, words_of("en")), empty, words_of("en"))


@pytest.mark.slow
def test_what_came_after_the_instant_changes_no_byte(ws, hindcast, report, tmp_path):
    rows = pd.DataFrame(
        {
            "station": "archive:seoul_city_3h_trailing",
            "quantity": "pm2p5",
            "time": pd.date_range("2018-08-04T18", periods=8, freq="3h", unit="ns"),
            "value": 300.0,
            "qc": 0,
        }
    )
    ws.store.append(rows, source="later", world="measured")
    again = joint_report(ws, Asked(MONTH, hindcast=hindcast, options=FEW))
    assert dict(files_of(again, ("zh",))) == dict(files_of(report, ("zh",)))
    after = replace(ws, clock=lambda: NOW + timedelta(hours=1))
    now = joint_report(after, Asked(MONTH, as_of=NOW + timedelta(minutes=1), hindcast=hindcast, options=FEW))
    assert now["outcome"]["seoul"]["highest"] == 300.0
    with pytest.raises(UsageError, match="lies in the future"):
        joint_report(ws, Asked(MONTH, as_of=NOW + timedelta(days=1)))
    with pytest.raises(UsageError, match="had not begun"):
        joint_report(ws, Asked(MONTH, as_of=datetime(2018, 7, 1, tzinfo=UTC)))


@pytest.mark.slow
def test_one_side_without_data_is_named_and_the_other_told(tmp_path):
    from flows.ingest import ingest_archive
    from flows.workspace import open_workspace
    from pipeline.settings import Settings

    folder = write_archive(tmp_path / "archive", 66)
    (folder / "pm25" / "beijing_city.parquet").unlink()
    ws = open_workspace(Settings(data_dir=tmp_path / "var"), lambda: NOW)
    ingest_archive(ws, folder)
    found = joint_report(ws, Asked(MONTH, options=FEW))
    assert found["outcome"]["beijing"]["measured"] == 0
    assert found["outcome"]["seoul"]["measured"] == 31
    for language, word in (
        ("en", "Nothing measured is stored of: Beijing"),
        ("ko", "베이징"),
        ("zh", "北京"),
    ):
        words = words_of(language)
        assert any(word in caveat for caveat in document_of(found, words).caveats)
        assert pdf_of(document_of(found, words), found, words)[:5] == b"%PDF-"


def test_the_languages_have_the_same_words_fields_and_structure(report):
    def fields(table):
        return {
            k: fields(v) if isinstance(v, dict) else sorted(re.findall(r"{(\w+)}", str(v)))
            for k, v in table.items()
        }

    assert all(fields(WORDS[language]) == fields(WORDS["en"]) for language in LANGUAGES)
    assert all(key in WORDS["en"] for key in shown_keys())
    shapes = []
    for language in LANGUAGES:
        document = document_of(report, words_of(language))
        blocks = [block for section in document.sections for block in section.blocks]
        sizes = [len(b.rows) for b in blocks if isinstance(b, Table)]
        points = [len(b.lines) for b in blocks if isinstance(b, Points)]
        shapes.append(([type(b) for b in blocks], sizes, points))
    assert shapes[0] == shapes[1] == shapes[2]


PROPER = {
    "sameair", "archive", "beijing", "city", "seoul", "measured", "CRPS", "RMSE", "Noto", "Sans", "Open",
    "Font", "License",
}  # fmt: skip


@pytest.mark.parametrize("language", ["ko", "zh"])
def test_no_english_is_left_where_another_language_is_spoken(report, language):
    document = document_of(report, words_of(language))
    text = [
        document.title,
        document.subtitle,
        *document.caveats,
        *(v for pair in document.facts for v in pair),
    ]
    for section in document.sections:
        text.append(section.title)
        for block in section.blocks:
            if isinstance(block, str):
                text.append(block)
            elif isinstance(block, Table):
                text += [block.title, *block.columns, *(c for row in block.rows for c in row)]
            elif isinstance(block, Figure):
                text.append(block.caption)
    found = {w for line in text for w in re.findall(r"[A-Za-z]{4,}", line)}
    assert found <= PROPER | {w for w in found if w.startswith("HJ")}


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "ko", "zh"])
def test_the_pdf_holds_the_numbers_of_the_page(report, language):
    words = words_of(language)
    document = document_of(report, words)
    page = page_of(document, report, words)
    assert not re.search(r"https?://|<script|<link|url\((?!data:)|src=\"", page)
    held = pypdfium2.PdfDocument(pdf_of(document, report, words))
    told = "".join(held[n].get_textpage().get_text_range() for n in range(len(held)))
    told = re.sub(r"\s", "", told)
    tables = [b for s in document.sections for b in s.blocks if isinstance(b, Table)]
    cells = {c for table in tables for row in table.rows for c in row if re.search(r"\d", c)}
    assert len(cells) > 100
    assert [c for c in cells if re.sub(r"\s", "", c) not in told] == []
    assert all(
        f"<figcaption>{words.say('figure_word', n=n + 1)}" in page for n in range(len(document.figures()))
    )
    assert page.count('<th scope="col">') == sum(len(t.columns) for t in tables)
    assert page.count("aria-label=") >= len(document.figures()) + len(tables)


@pytest.mark.slow
def test_a_simulated_world_is_marked_wherever_the_report_is_shown(report):
    world = {**report, "world": "simulated-5", "simulated": True, "caveats": ["simulated", "from_hindcast"]}
    assert stem_of(world) == "joint-month-2018-08-simulated-5-hindcast"
    for language in LANGUAGES:
        words = words_of(language)
        document = document_of(world, words)
        mark = words.say("simulated_mark")
        assert mark in page_of(document, world, words)
        held = pypdfium2.PdfDocument(pdf_of(document, world, words))
        assert all(mark in held[n].get_textpage().get_text_range() for n in range(len(held)))
        assert words.say("caveat_simulated") in document.caveats


DAY0 = date(2019, 12, 1)


def nobody(*_):
    """Nobody warned of anything."""


def told(day, hours, p, mean=40.0):
    """A forecast issued so many hours before a day of Seoul begins."""
    begins = local_day_bounds(DAY0 + timedelta(days=day), "Asia/Seoul")[0]
    spread = [mean + s for s in (-20.0, -10.0, 10.0, 20.0)]
    return Told(begins - timedelta(hours=hours), begins, DAY0 + timedelta(days=day), 1, p, mean, *spread)


def side(values, *said):
    means = {DAY0 + timedelta(days=n): float(v) for n, v in enumerate(values)}
    ordered = tuple(sorted(said, key=lambda one: one.issue))
    return Side(Measured("seoul", "Asia/Seoul", 50, 36, means), ordered, {}, frozenset())


PERIOD = Period("month", "2019-12", DAY0, date(2019, 12, 31))


def test_an_episode_is_hit_late_missed_or_unknown_by_what_was_said_before_it_began():
    known = side(
        [20, 60, 20, 20, 70, 20, 20, 80, 20, 20, 90, 20],
        told(1, 31, 0.6), told(1, 7, 0.3),
        told(4, 7, 0.4), told(4, -5, 0.8),
        told(7, 7, 0.1, mean=40.0),
    )  # fmt: skip
    found = episodes_of(known, PERIOD, nobody)
    assert [e["outcome"] for e in found["episodes"]] == ["hit", "late", "missed", "unknown"]
    assert [e["lead_hours"] for e in found["episodes"]] == [31.0, None, None, None]
    assert found["counts"] == {"hit": 1, "late": 1, "missed": 1, "unknown": 1, "false": 0}
    missed = found["episodes"][2]["why"]
    assert missed[0] == {"key": "why_highest", "p": 0.1, "lead": 1}
    assert missed[1]["key"] == "why_above"
    assert (missed[1]["value"], missed[1]["low"], missed[1]["high"]) == (80.0, 20.0, 60.0)


def test_a_stretch_forecast_in_vain_is_one_and_counts_only_where_all_was_measured():
    said = [told(1, 7, 0.6), told(2, 7, 0.7), told(5, 7, 0.9), told(30, 7, 0.9)]
    found = episodes_of(side([20] * 8, *said), PERIOD, nobody)
    assert [(one["first_day"], one["days"]) for one in found["false"]] == [
        ("2019-12-02", 2),
        ("2019-12-06", 1),
    ]
    assert found["false"][0]["highest"] == 20.0
    measured = side([20, 20, 60, 20, 20, 20], *said[:2])
    assert episodes_of(measured, PERIOD, nobody)["false"] == []


@given(st.floats(-1, 1), st.floats(-1, 1), st.floats(-1, 1))
def test_no_finding_claims_more_than_its_interval(a, b, c):
    low, value, high = sorted((a, b, c))
    key = _verdict("found_skill", {"value": value, "low": low, "high": high}, {})["key"]
    assert key == (
        "found_skill_better" if low > 0 else "found_skill_worse" if high < 0 else "found_skill_open"
    )
    assert _verdict("found_skill", {"value": value, "low": None, "high": None}, {})["key"].endswith("unknown")


def test_few_days_above_bear_no_finding_on_skill(report):
    for city, (main, *_) in report["thresholds"].items():
        keys = {one["key"] for one in report["findings"] if one["city"] == city}
        few = report["outcome"][city]["above"][str(main)] < 10
        assert ("found_too_few" in keys) == few
        assert any(key.startswith("found_skill") for key in keys) != few


def test_both_sides_calendars_stand_in_a_season():
    season = season_of("2019-20", calendar_of())
    assert (season.first.isoformat(), season.last.isoformat()) == ("2019-12-01", "2020-03-31")
    assert {entry["party"] for entry in entries_of(calendar_of(), season)} == {"seoul", "beijing"}
    for text in ("2019", "2019-21", "x"):
        with pytest.raises(UsageError, match="--season"):
            season_of(text, calendar_of())


def test_a_report_is_due_once_and_only_where_there_were_runs(ws, monkeypatch):
    at = datetime(2018, 9, 12, tzinfo=UTC)
    assert due.reports_if_due(ws, at) == []
    monkeypatch.setattr(due, "runs_in", lambda _ws, _world, start, _end: start.year == 2018 and [start])
    assert due.reports_if_due(ws, at - timedelta(days=3)) == ["joint-month-2018-07"]
    assert due.reports_if_due(ws, at - timedelta(days=3)) == []


@pytest.fixture
def app():
    made = typer.Typer()
    command.register(made)
    made.command("other")(lambda: None)
    return made


def test_the_command_writes_everything_at_once(app, ws, tmp_path):
    data = ["--data-dir", str(ws.settings.data_dir), "--out", str(tmp_path)]
    result = CliRunner().invoke(app, ["report", "--month", "2018-07", "--lang", "ko", *data, "--json"])
    assert result.exit_code == 0, result.output
    names = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert set(json.loads(result.stdout)["files"]) == names
    assert {
        f"joint-month-2018-07/joint-month-2018-07{end}" for end in (".ko.html", ".ko.pdf", ".json")
    } <= names
    figure = (tmp_path / "joint-month-2018-07" / "figures" / "course-seoul.ko.svg").read_text("utf-8")
    assert figure.startswith("<svg xmlns=")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "name one period"),
        (["--month", "2019-13"], "is no month"),
        (["--month", "2019-03", "--season", "2019-20"], "name one period"),
        (["--month", "2019-03", "--lang", "fr"], "there are en, ko, zh"),
        (["--month", "2019-03", "--without", "x"], "name the one with all data"),
        (["--month", "2019-03", "--as-of", "soon"], "--as-of soon"),
        (["--month", "2019-03", "--hindcast", "nothing"], "holds no predictions.parquet"),
    ],
)
def test_wrong_use_is_one_line_that_says_what_to_do(app, ws, arguments, words):
    with pytest.raises(UsageError, match=words):
        CliRunner().invoke(
            app,
            ["report", *arguments, "--data-dir", str(ws.settings.data_dir)],
            catch_exceptions=False,
        )
