"""Every language uses the glossary's terms, leaves nothing untranslated, and no words that assign blame."""

import re
import tomllib
from pathlib import Path

import pytest

from alerts.glossary import forbidden, glossary, glossary_page
from alerts.vocabulary import LANGUAGES, TEMPLATE_FOLDER
from alerts.wording import wording
from tests.alerts.random_warnings import random_warning

NAMES = r"(?<![A-Za-z])(sameair|Natural Earth|SIL Open Font License|Webhook|Open-Meteo|Noto Sans)(?![A-Za-z])"
"""Proper names that are the same in every language."""


def leaves(table, prefix):
    """Every text of a nested table by its path."""
    for key, value in table.items():
        path = f"{prefix}/{key}"
        if isinstance(value, dict):
            yield from leaves(value, path)
        else:
            yield path, " ".join(value) if isinstance(value, list) else str(value)


def texts(language):
    """Every text of a language: of its tables by key, of its templates by file and line."""
    found = {}
    for file in sorted((TEMPLATE_FOLDER / language).iterdir(), key=lambda f: f.name):
        if file.name.endswith(".toml"):
            found |= dict(leaves(tomllib.loads(file.read_text("utf-8")), file.name))
        elif file.name.endswith(".j2"):
            said = re.sub(r"{[{%].*?[%}]}", " ", file.read_text("utf-8"))
            found[file.name] = said
    return found


ALL = {language: texts(language) for language in LANGUAGES}


def holds(text, forms):
    """Tell whether a text holds a form as whole words; Korean and Chinese words take endings."""
    return any(
        re.search(rf"(?<![A-Za-z]){re.escape(f)}(?![A-Za-z])" if f.isascii() else re.escape(f), text, re.I)
        for f in forms
    )


def test_all_languages_have_the_same_files_and_keys():
    assert set(ALL["ko"]) == set(ALL["zh"]) == set(ALL["en"])


@pytest.mark.parametrize("language", ["ko", "zh"])
@pytest.mark.parametrize("term", glossary(), ids=lambda term: term.forms["en"][0])
def test_a_term_is_said_alike_wherever_it_stands(language, term):
    places = [path for path, text in ALL["en"].items() if holds(text, term.forms["en"])]
    assert places, "no text uses this term: take it out of the glossary"
    assert not [path for path in places if not holds(ALL[language][path], term.forms[language])]


@pytest.mark.parametrize("language", ["ko", "zh"])
def test_no_text_is_left_untranslated(language):
    for path, text in ALL[language].items():
        bare = re.sub(NAMES, " ", re.sub(r"{\w*}|https?://\S+", " ", text))
        left = re.findall(r"(?<![A-Za-z])(?:[a-z]{3,}|Seoul|Beijing|Korea|China)(?![A-Za-z])", bare)
        assert not left, (path, text)


def test_the_page_is_that_of_the_file():
    page = Path(__file__).parents[2] / "docs" / "glossary.md"
    assert page.read_text("utf-8") == glossary_page(), "run make docs"


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_blames_and_none_tells_what_stays_between_the_parties(language):
    words = forbidden(language)
    for path, text in ALL[language].items():
        assert not [w for w in words if w.lower() in text.lower()], path
    for seed in range(60):
        content, background = random_warning(seed)
        text = wording(content, language, background)
        lines = [line for fact in text.first for line in fact.lines]
        whole = "\n".join(
            [text.subject, text.headline, text.short, text.description, text.instruction, *lines]
        )
        assert not [w for w in words if w.lower() in whole.lower()], seed


@pytest.mark.parametrize("language", LANGUAGES)
def test_mails_and_bulletins_name_grades_and_the_bulletin_alike(language):
    tables = {
        name: tomllib.loads((TEMPLATE_FOLDER / language / f"{name}.toml").read_text("utf-8"))
        for name in ("words", "bulletin", "edition")
    }
    for level, name in tables["bulletin"]["bands"].items():
        stem = name[:4] if language == "en" else name
        assert stem in tables["words"]["rule_levels"][level], level
    label = tables["words"]["labels"]["bulletin"].split(" ", 1 if language == "en" else 0)[-1]
    assert label in tables["edition"]["city_title"]
