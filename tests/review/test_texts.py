"""The words of the pages: each there in every language, filled in alike, translated, and used."""

import re
import string
import tomllib
from functools import cache
from pathlib import Path

import pytest

from alerts.vocabulary import LANGUAGES
from review.texts import preferred

REVIEW = Path(__file__).parents[2] / "review"
PAGES = sorted(f.stem for f in (REVIEW / "texts/en").glob("*.toml"))
SCRIPT = {"ko": re.compile("[가-힣]"), "zh": re.compile("[一-鿿]")}
SAME_EVERYWHERE = re.compile(
    r"(?:English|한국어|中文|[A-Z][A-Za-z]*[A-Z0-9][A-Za-z0-9.]*|CAMS|CNEMC|AirKorea|sameair|µg|UTC|PM2\.5|\b[A-Za-z]\b|\W|\d)*"
)
"""What needs no translation: names, abbreviations, units, signs, places to fill in."""


@cache
def words(language, name):
    return tomllib.loads((REVIEW / "texts" / language / f"{name}.toml").read_text("utf-8"))


@cache
def sources():
    kinds = (".py", ".j2")
    return "\n".join(f.read_text("utf-8") for f in sorted(REVIEW.rglob("*")) if f.suffix in kinds)


def fields(text):
    return sorted((field, spec) for _, field, spec, _ in string.Formatter().parse(text) if field is not None)


@pytest.mark.parametrize("name", PAGES)
def test_every_language_has_the_same_words_with_the_same_places_to_fill_in(name):
    for language in LANGUAGES:
        assert words(language, name).keys() == words("en", name).keys(), language
        for key, text in words(language, name).items():
            assert text.strip(), (language, key)
            said = sorted({field for field, _ in fields(text)})
            assert said == sorted({field for field, _ in fields(words("en", name)[key])}), (language, key)


def test_no_language_has_a_page_more():
    for language in LANGUAGES:
        assert sorted(f.stem for f in (REVIEW / "texts" / language).glob("*.toml")) == PAGES


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_left_in_english(name):
    for language, script in SCRIPT.items():
        for key, text in words(language, name).items():
            bare = re.sub(r"\{[^}]*\}", "", text)
            assert script.search(bare) or SAME_EVERYWHERE.fullmatch(bare), f"{language}/{name}.{key}: {text}"


@pytest.mark.parametrize("name", PAGES)
def test_every_word_is_used(name):
    """Used is what is named whole, or by its beginning, as in ``t("account.role_" ~ role)``."""
    named = set(re.findall(rf"[\"'{{]{name}\.([a-z0-9_.]*)", sources()))
    begun = tuple(n for n in named if n == "" or n.endswith("_"))
    unused = [key for key in words("en", name) if key not in named and not key.startswith(begun)]
    assert not unused


def test_every_word_that_is_named_is_there():
    known = {f"{name}.{key}" for name in PAGES for key in words("en", name)}
    named = set(re.findall(r"\bt\(\s*[\"']([a-z_]+\.[a-z0-9_]+)[\"']\s*[,)]", sources()))
    assert named
    assert not named - known


def test_the_browsers_languages_are_weighed():
    assert [preferred(h) for h in ("en;q=0.2,ko;q=0.9", "zh-Hant-TW", "xx", "ko;q=x,zh;q=0.1")] == [
        "ko",
        "zh",
        "en",
        "zh",
    ]
