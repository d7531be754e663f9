"""The bulletins of a run: which files there are, what they may say before and after the signatures."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pypdfium2 as pdfium
import pytest
from typer.testing import CliRunner

from alerts.content import WarningContent
from alerts.edition import Edition, bulletin_of
from alerts.examples import example_content
from alerts.outbox import Issued
from cli.main import app
from flows.bulletin import bulletin_files, bulletin_path, chosen, warnings_of_cycle
from flows.worlds import rewrite_bulletins
from pipeline.files import write_atomic
from pipeline.ledger.runs import current_run
from pipeline.ledger.warnings import VersionRow

WHEN = datetime(2026, 1, 14, 8, tzinfo=UTC)


def row(state, product="joint_warning", cities=("beijing", "seoul")):
    content = example_content()
    content = replace(
        content,
        product=product,
        level=content.level if product == "joint_warning" else "",
        cities=tuple(c for c in content.cities if c.city in cities),
        parties=cities,
    )
    return VersionRow("w", 1, 1, content.to_dict(), "", "", WHEN, WHEN, "run", WHEN, state)


@pytest.mark.parametrize("state", ["draft", "in_review"])
def test_before_the_signatures_only_the_joint_bulletin_shows_a_proposal_and_says_so(state):
    rows = [row(state), row(state, "single_city_warning", ("seoul",))]
    edition, content = chosen(rows, "")
    assert edition == Edition(signed=False)
    assert content.product == "joint_warning"
    assert chosen(rows, "seoul") == (Edition("seoul"), None)


@pytest.mark.parametrize("state", ["issued", "updated"])
def test_a_signed_joint_warning_is_in_the_joint_bulletin_and_only_mentioned_in_a_citys_own(state):
    edition, content = chosen([row(state)], "")
    assert edition.signed
    assert content.product == "joint_warning"
    assert chosen([row(state)], "seoul") == (Edition("seoul", in_joint=True), None)


@pytest.mark.parametrize("state", ["ended", "cancelled"])
def test_a_joint_warning_that_is_over_is_not_said_to_be_in_force(state):
    assert chosen([row(state)], "seoul") == (Edition("seoul"), None)


def test_of_several_versions_the_newest_that_is_signed_is_shown():
    first, second, draft = (
        replace(row(state), version=n, content={**row(state).content, "version": n})
        for n, state in ((1, "updated"), (2, "issued"), (3, "draft"))
    )
    edition, content = chosen([first, second, draft], "")
    assert (edition.signed, content.version) == (True, 2)
    assert chosen([draft], "")[0] == Edition(signed=False)


def test_a_party_shows_its_own_warning_and_the_other_party_does_not():
    rows = [row("issued", "single_city_warning", ("seoul",))]
    edition, content = chosen(rows, "seoul")
    assert content.product == "single_city_warning"
    assert not edition.signed
    assert chosen(rows, "beijing") == (Edition("beijing"), None)
    # one party's signature makes no joint bulletin
    assert not chosen(rows, "")[0].signed
    assert chosen([], "") == (Edition(), None)


def test_a_mail_names_the_bulletin_that_its_readers_may_see():
    joint, own, notice = (
        WarningContent.from_dict(row("issued", product, cities).content)
        for product, cities in (
            ("joint_warning", ("beijing", "seoul")),
            ("single_city_warning", ("seoul",)),
            ("notice", ("beijing",)),
        )
    )
    assert bulletin_of(joint) == f"bulletin-{joint.run_id}.html"
    assert bulletin_of(own) == f"bulletin-{own.run_id}-seoul.html"
    assert bulletin_of(notice) == f"bulletin-{notice.run_id}-beijing.html"


def text_of(path):
    return " ".join(page.get_textpage().get_text_bounded() for page in pdfium.PdfDocument(path.read_bytes()))


@pytest.mark.flows
def test_a_run_writes_every_bulletin_and_the_command_says_where(done, plan):
    with done.ledger.read() as conn:
        run = current_run(conn, plan.world, plan.cycle)
    files = bulletin_files(done, run)
    # the page and a PDF in three languages, of both cities and of each
    assert len(files) == 3 * (1 + 3)
    assert all(file.path.is_file() for file in files)
    first = warnings_of_cycle(done, plan.world, plan.cycle)[0]
    joint = next(text_of(f.path) for f in files if (f.city, f.language) == ("", "en"))
    assert first.warning_id in joint
    assert ("UNSIGNED" in joint) == (first.content["product"] != "joint_warning")
    own = next(text_of(f.path) for f in files if (f.city, f.language) == ("seoul", "en"))
    assert "Beijing" not in own
    before = {file.path: file.path.read_bytes() for file in files}
    asked = ("bulletin", "--world", plan.world, "--city", "joint", "--json")
    result = CliRunner().invoke(app, [*asked, "--data-dir", str(done.settings.data_dir)])
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert [(line["language"], line["kind"]) for line in told] == [
        ("all", "html"),
        ("ko", "pdf"),
        ("zh", "pdf"),
        ("en", "pdf"),
    ]
    assert all(line["path"] in {str(path) for path in before} for line in told)
    assert {path: path.read_bytes() for path in before} == before, "written anew they are the same"


@pytest.mark.flows
def test_issuing_writes_the_bulletins_anew_and_a_fault_there_holds_up_nothing(
    done, plan, monkeypatch, caplog
):
    with done.ledger.read() as conn:
        run = current_run(conn, plan.world, plan.cycle)
    version = warnings_of_cycle(done, plan.world, plan.cycle)[0]
    page = bulletin_path(done, run)
    whole = page.read_bytes()
    page.write_text("old", "utf-8")
    issued = [Issued(version.warning_id, version.version, (), True)]
    written = []

    def noted(path, content):
        written.append(path)
        return write_atomic(path, content)

    monkeypatch.setattr("flows.bulletin.write_atomic", noted)
    rewrite_bulletins(done, issued)
    assert page.read_bytes() == whole
    assert len(written) == 12
    assert written[-1] == page, "a run whose page lies there has all its bulletins, also after a crash"

    def full(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr("flows.bulletin.write_atomic", full)
    rewrite_bulletins(done, issued)
    assert "no space left on device" in caplog.text


def test_what_there_is_not_is_refused(tmp_path):
    for wrong, remedy in ((["--city", "tokyo"], "seoul"), (["--language", "fr"], "zh")):
        result = CliRunner().invoke(app, ["bulletin", *wrong, "--data-dir", str(tmp_path)])
        assert result.exit_code != 0
        assert remedy in str(result.exception)
