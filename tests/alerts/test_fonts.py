"""Every character that the program may show is in the subset fonts."""

import io

import pytest
from fontTools.ttLib import TTFont

from alerts.examples import example_content, example_update
from alerts.fonts import FAMILIES, FOLDER, WEIGHTS, font_bytes, font_face_css
from alerts.fonts.build_subset import is_han, repository_characters
from alerts.vocabulary import LANGUAGES
from alerts.wording import wording

pytest.importorskip("brotli", reason="needs brotli to read WOFF2")
FILES = [(package, weight) for package in FAMILIES.values() for weight in WEIGHTS]


def covered(weight):
    return {
        chr(code)
        for package in FAMILIES.values()
        for code in TTFont(io.BytesIO(font_bytes(package, weight))).getBestCmap()
    }


@pytest.mark.parametrize("weight", WEIGHTS)
def test_every_character_of_the_repositorys_texts_has_a_glyph(weight):
    missing = sorted(repository_characters() - covered(weight))
    assert not missing, f"no glyph for {missing}; run `make fonts`"


@pytest.mark.parametrize("weight", WEIGHTS)
def test_messages_and_their_numbers_have_glyphs(weight):
    contents = [example_content(), example_update(example_content()), example_content(degraded="late input")]
    texts = [wording(c, language) for c in contents for language in LANGUAGES]
    shown = set("".join(t.description + t.instruction + t.subject for t in texts)) - {"\n"}
    assert not shown - covered(weight)


def test_the_test_would_notice_a_missing_glyph():
    assert "\N{LINEAR B SYLLABLE B008 A}" not in covered(400)


@pytest.mark.parametrize(("package", "weight"), FILES)
def test_files_are_small_and_hold_real_outlines(package, weight):
    data = font_bytes(package, weight)
    assert len(data) < 300_000
    font = TTFont(io.BytesIO(data))
    sample = "北" if package.endswith("sc") else "서"
    glyph = font["glyf"][font.getBestCmap()[ord(sample)]]
    assert glyph.numberOfContours > 0


def test_faces_divide_the_scripts():
    kr, sc = (
        {chr(c) for c in TTFont(io.BytesIO(font_bytes(p, 400))).getBestCmap()} for p in FAMILIES.values()
    )
    assert not any(is_han(c) for c in kr)
    assert "A" in kr
    assert "A" not in sc


def test_licences_are_kept():
    for package in FAMILIES.values():
        assert "SIL OPEN FONT LICENSE Version 1.1" in (FOLDER / f"OFL-{package}.txt").read_text("utf-8")


def test_css_holds_the_fonts_and_no_address():
    css = font_face_css()
    assert css.count("data:font/woff2;base64,") == len(FILES)
    assert "http" not in css.replace("data:font/woff2;base64,", "")[:200]
