"""The bulletin as PDF: what is written can be read back, who it is for decides what it holds."""

import re
from dataclasses import replace
from datetime import UTC, datetime

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from alerts.bulletin import page_of
from alerts.bulletin_example import example_bulletin
from alerts.bulletin_figures import number, percent
from alerts.bulletin_pdf import bulletin_pdf
from alerts.bulletin_words import named
from alerts.charts import plume_svg
from alerts.dust_section import dust_section
from alerts.edition import Edition, edition_words
from alerts.examples import example_content
from alerts.origin_example import example_panel
from alerts.origin_page import origin_cards
from alerts.pdf_drawing import PLAIN, STYLES
from alerts.pdf_fonts import NOT_FIRST, NOT_LAST, text_width, wrapped
from alerts.pdf_page import FOOT, MARGIN, MM_PER_POINT, Sheet, Title
from alerts.pdf_tables import Cell, Column, table
from alerts.vocabulary import LANGUAGES, vocabulary
from pipeline.dust_outlook import DustDay, DustOutlook
from tests.alerts.random_warnings import random_warning

NAMES = {"seoul": ("Seoul", "서울", "首尔"), "beijing": ("Beijing", "베이징", "北京")}


def bulletin(edition=Edition(signed=True), content="example", **facts):  # noqa: B008 - frozen
    content = example_content() if content == "example" else content
    return example_bulletin(edition, content, **{"origins": example_panel(world="simulated-7"), **facts})


def pages(data):
    document = pdfium.PdfDocument(data)
    return [page.get_textpage().get_text_bounded() for page in document]


def text_of(data):
    return " ".join(" ".join(pages(data)).split())


def squeezed(text):
    return re.sub(r"\s", "", text)


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
def test_what_the_warning_says_can_be_searched_in_every_language(language):
    shown = bulletin()
    said = squeezed(text_of(bulletin_pdf(shown, language)))
    assert squeezed(shown.said["headline"][language]) in said
    for line in shown.said["summary"][language].splitlines():
        assert squeezed(line) in said
    assert squeezed(shown.edition.title[language]) in said


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_three_day_outlook_holds_every_number_and_both_grades(language):
    shown = bulletin()
    said = squeezed(text_of(bulletin_pdf(shown, language)))
    words = vocabulary(language)
    for outlook in shown.outlooks:
        assert outlook.scales[0].rule == outlook.scale.rule
        assert {s.rule for s in outlook.scales} == {"kr.grade", "cn.aqi"}
        # today and three days
        assert len(outlook.forecast_days) == 4
        for row in outlook.forecast_days[1:]:
            chances = "".join(percent(p) for p in row.probability.values())
            grades = "".join(named("bands", s.band_of(row.mean).level)[language] for s in outlook.scales)
            interval = f"{number(row.q10)}–{number(row.q90)}"
            line = f"{words.date(row.day)}{number(row.mean)}{interval}{chances}{grades}"
            assert squeezed(line) in said


@pytest.mark.slow
@pytest.mark.parametrize(("language", "tag"), [("en", "en"), ("ko", "ko-KR"), ("zh", "zh-CN")])
def test_a_document_has_title_language_tags_and_its_fonts_inside(language, tag):
    data = bulletin_pdf(bulletin(), language)
    document = pdfium.PdfDocument(data)
    assert f"/Lang ({tag})".encode() in data
    assert b"/DisplayDocTitle true" in data
    assert bulletin().edition.title[language] in document.get_metadata_value("Title")
    assert pdfium_c.FPDFCatalog_IsTagged(document.raw)
    for kind in (b"/H1", b"/H2", b"/H3", b"/P", b"/Figure"):
        assert kind in data
    # two curves, the map and two maps of paths, each with words for those who do not see them
    assert data.count(b"/Alt ") == 5
    used = re.findall(rb"/BaseFont /(\S+)", data)
    assert used
    assert all(re.match(rb"[A-Z]{6}\+", name) for name in used)
    assert data.count(b"/FontFile2") >= 2
    assert not re.search(rb"/JavaScript|/URI|/Launch|/EmbeddedFile", data)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(9))
def test_whatever_the_warning_nothing_runs_off_a_page_or_into_its_foot(seed):
    content, _ = random_warning(seed)
    shown = bulletin(content=content, world=content.world, calibrated=content.calibrated)
    document = pdfium.PdfDocument(bulletin_pdf(shown, LANGUAGES[seed % 3]))
    for page in document:
        width, _ = page.get_size()
        held = page.get_textpage()
        boxes = [held.get_charbox(i) for i in range(held.count_chars()) if held.get_text_range(i, 1).strip()]
        assert all(left >= 0 and right <= width for left, _, right, _ in boxes)
        # the foot is one line 8 mm above the edge; nothing else stands below the free room
        low = {round(bottom, 0) for _, bottom, _, _ in boxes if bottom < FOOT / MM_PER_POINT - 1}
        assert max(low) - min(low) < 5


def test_headings_stand_in_the_outline():
    document = pdfium.PdfDocument(bulletin_pdf(bulletin(), "en"))
    heads = [mark.get_title() for mark in document.get_toc()]
    assert heads[0] == "Three-day outlook"
    assert set(heads[1:3]) == {"Course of the concentrations", "Region"}
    assert heads[-1] == "Data and model"


def test_the_same_bulletin_gives_the_same_bytes_at_any_time():
    assert bulletin_pdf(bulletin(), "ko") == bulletin_pdf(bulletin(), "ko")
    made = re.search(rb"/CreationDate \((.*?)\)", bulletin_pdf(bulletin(), "ko"))[1]
    assert made.startswith(b"D:20260114080000")


def test_an_exercise_is_marked_on_every_page_and_in_the_title():
    data = bulletin_pdf(bulletin(), "en")
    said = pages(data)
    assert len(said) >= 2
    assert all("SIMULATED – EXERCISE" in page for page in said)
    assert pdfium.PdfDocument(data).get_metadata_value("Title").startswith("[SIMULATED")
    replayed = bulletin_pdf(bulletin(content=None, world="measured", exercise=True), "ko")
    assert all("재현" in page for page in pages(replayed))
    real = text_of(bulletin_pdf(bulletin(content=None, world="measured"), "en"))
    assert "EXERCISE" not in real.replace("SIMULATED – EXERCISE", "", real.count("map"))


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
def test_origin_is_told_only_with_both_signatures(language):
    title = {"en": "Where the air comes from", "ko": "공기의 이동 경로", "zh": "空气来向与路径"}[language]
    hour = {"en": "Hebei: 21 h", "ko": "허베이: 21 h", "zh": "河北: 21 h"}[language]
    signed, unsigned = (text_of(bulletin_pdf(bulletin(Edition(signed=s)), language)) for s in (True, False))
    assert title in signed
    assert hour in signed
    assert hour not in unsigned
    assert edition_words(language)["unsigned"] in unsigned
    assert edition_words(language)["unsigned"] not in signed
    assert squeezed(edition_words(language)["origin_note"]) in squeezed(unsigned)


@pytest.mark.slow
@pytest.mark.parametrize(("city", "other"), [("seoul", "beijing"), ("beijing", "seoul")])
def test_a_citys_own_bulletin_holds_nothing_of_the_other(city, other):
    days = tuple(
        DustDay(c, "2026-01-14", 0, "pm10_event", 1.0, 18, 24, 219.3, 359.0, 0.09, True) for c in NAMES
    )
    shown = bulletin(
        Edition(city),
        None,
        dust=DustOutlook("simulated-7", "", "", "", days),
        inputs_used=(f"{other}.pm2p5.reference", f"{city}.pm2p5.reference"),
        inputs_missing=(f"{other}.pm10.reference",),
        degraded=f"no usable model; forecast without {other} air; {other}.pm10.reference: nothing received",
    )
    both = bulletin()
    foreign = next(o for o in both.outlooks if o.city.id == other)
    page = etree.HTML(page_of(shown))
    for style in page.xpath("//style"):
        style.getparent().remove(style)
    whole = " ".join(page.itertext()) + "".join(page.xpath("//@aria-label"))
    documents = [whole, *(text_of(bulletin_pdf(shown, language)) for language in LANGUAGES)]
    for said in documents:
        assert any(name in said for name in NAMES[city])
        assert not any(name in said for name in NAMES[other])
        for row in foreign.forecast_days:
            assert f"{number(row.q10)}–{number(row.q90)}" not in said
        assert other not in said.lower()


def test_a_citys_own_bulletin_says_which_party_issues_it_and_whether_a_joint_warning_is_in_force():
    said = text_of(bulletin_pdf(bulletin(Edition("seoul"), None), "en"))
    assert "Issued by Seoul." in said
    assert "No warning for Seoul alone from this cycle" in said
    joint = text_of(bulletin_pdf(bulletin(Edition("seoul", in_joint=True), None), "en"))
    assert "A joint warning for Seoul is in force" in joint


def test_a_citys_map_names_seas_as_its_party_does():
    assert "동해" in text_of(bulletin_pdf(bulletin(Edition("seoul"), None), "ko"))
    assert "동해" not in text_of(bulletin_pdf(bulletin(), "ko"))


def test_quiet_times_and_missing_days_are_said():
    shown = bulletin(content=None)
    assert "No joint warning from this run" in text_of(bulletin_pdf(shown, "en"))
    gone = replace(
        shown.outlooks[0], days=tuple(replace(d, mean=float("nan")) for d in shown.outlooks[0].days)
    )
    blind = replace(shown, outlooks=(gone, shown.outlooks[1]))
    said = text_of(bulletin_pdf(blind, "en"))
    assert "cannot be assessed" in said
    assert "nan" not in said.lower().split()


def test_degraded_and_foreign_text_stay_text():
    bad = "(x) Tj ET /Launch \\ <script>𐀀"
    data = bulletin_pdf(bulletin(degraded=bad, model_id=bad, calibrated="c"), "en")
    said = text_of(data)
    assert "Degraded forecast: (x) Tj ET /Launch \\ <script>□" in said
    assert b"/Launch" not in re.sub(rb"stream.*?endstream", b"", data, flags=re.S)


def test_whose_data_came_is_told():
    data = bulletin_pdf(bulletin(credits=(("Beijing (as agreed)", "parties"),)), "en")
    assert "Beijing (as agreed) – for agencies of the parties only" in text_of(data)


def test_dust_is_told():
    day = DustDay("seoul", "2017-05-06", -1, "pm10_event", 1.0, 18, 24, 219.3, 359.0, 0.09, True)
    shown = bulletin(dust=DustOutlook("simulated-7", "", "", "", (day,)))
    assert dust_section(shown.facts.dust).lines[0]["en"][:40] in text_of(bulletin_pdf(shown, "en"))


def test_every_class_of_the_drawings_has_a_look_on_paper():
    shown = bulletin()
    drawings = [plume_svg(o) for o in shown.outlooks] + [shown.map()]
    drawings += [card.map for card in origin_cards(shown.facts.origins)]
    names = {
        name
        for drawing in drawings
        for node in etree.fromstring(str(drawing)).iter()
        for name in (node.get("class") or "").split()
    }
    assert {n for n in names if not n.startswith("only-")} <= set(STYLES) | PLAIN


@given(
    st.text(alphabet="ab한글北京，。（）“” 5%.", max_size=60),
    st.floats(min_value=1.5, max_value=12),
    st.sampled_from(LANGUAGES),
)
def test_lines_lose_nothing_and_are_never_too_long(text, width, language):
    lines = wrapped(text, width, language)
    assert squeezed("".join(lines)) == squeezed(text)
    assert all(text_width(line, language) <= width or len(line) == 1 for line in lines)


def test_no_line_begins_with_a_closing_sign_or_ends_with_an_opening_one():
    text = "预计1月15日日均浓度最高（80%区间118～215微克/立方米）；超过150微克/立方米的可能性中等，请注意。"
    for width in (8, 9, 10, 11, 12.5, 14):
        lines = wrapped(text, width, "zh")
        assert not any(line[0] in NOT_FIRST for line in lines)
        assert not any(line[-1] in NOT_LAST for line in lines)


def test_a_long_table_goes_on_on_the_next_page_with_its_head():
    sheet = Sheet("en", Title("t", "s", "head", "foot", made=datetime(2026, 1, 14, tzinfo=UTC)))
    columns = [Column("Name", 60), Column("Value", 60, "right")]
    table(sheet, columns, [[Cell(f"row {n}"), Cell(str(n))] for n in range(120)])
    said = pages(bytes(sheet.output()))
    assert len(said) == 3
    assert all("Name" in page for page in said)
    assert all(f"row {n}" in " ".join(said) for n in range(120))
    assert sheet.get_x() == MARGIN or sheet.get_y() < sheet.floor
