"""Everything that a rule can say is said in three languages."""

import re
import tomllib
from datetime import date, timedelta
from functools import cache

import numpy as np
import pytest

from alerts.rule_engine import findings
from alerts.rules import all_rules
from alerts.vocabulary import LANGUAGES, TEMPLATE_FOLDER, vocabulary
from tests.alerts.rule_cases import BEIJING, SEOUL, paths_of

DAYS = [date(2014, 6, 1), date(2018, 4, 2), date(2020, 1, 10), date(2026, 3, 2)]
LATIN = re.compile(r"[A-Za-z]{3,}")
NAMES = {"AQI", "CAI", "Asia", "Seoul", "Shanghai", "AirKorea"}


def table(language):
    return tomllib.loads((TEMPLATE_FOLDER / language / "rules.toml").read_text("utf-8"))


def test_the_three_tables_have_the_same_keys():
    keys = [{(name, key) for name, words in table(one).items() for key in words} for one in LANGUAGES]
    assert keys[0] == keys[1] == keys[2]


def test_placeholders_of_a_phrase_are_those_of_its_key():
    for language in LANGUAGES:
        for key, said in table(language)["phrases"].items():
            assert set(re.findall(r"{(\w+)}", said)) == set(re.findall(r"{(\w+)}", key)), (language, key)


@cache
def said():
    """Notes of all rules on whole, short, sparse and three-hourly paths."""
    notes = set()
    for day in DAYS:
        for place in (SEOUL, BEIJING):
            first = day - timedelta(days=3)
            whole = {"pm2p5": [120.0] * 7, "pm10": [200.0] * 7}
            cases = [
                paths_of(place, first, 7, **whole),
                paths_of(place, first, 7, pm2p5=[60.0] * 7),
                paths_of(place, first, 4, pm2p5=[60.0] * 4),
                paths_of(place, first, 7, world="measured", **whole),
                paths_of(place, first, 7, world="measured", pm2p5=[60.0] * 7, pm2p5_hourly=[55.0] * 7),
                paths_of(place, first, 7, hourly=np.where(np.arange(168) % 3, np.nan, 60.0)),
            ]
            for paths in cases:
                notes |= {f.note for f in findings(paths, [place], [day], everything=True)}
    timetables = {r.note for r in all_rules() if not r.levels}  # stand in no message
    return sorted(n for n in notes if n and not any(t and t in n for t in timetables))


@pytest.mark.slow
@pytest.mark.parametrize("language", ["ko", "zh"])
def test_what_a_finding_notes_leaves_no_english_word(language):
    words = vocabulary(language)
    left = {
        phrase: rest
        for note in said()
        for phrase in words.phrases(note)
        if (rest := set(LATIN.findall(phrase)) - NAMES)
    }
    assert not left


@pytest.mark.parametrize("language", ["ko", "zh"])
def test_a_reason_that_holds_numbers_leaves_no_word_before_it_in_english(language):
    words = vocabulary(language)
    (said,) = words.phrases("not decidable: 3-h means cannot tell whether 300 ug m-3 lasts 2 h")
    head, why = said.split(str(words.table["punctuation"]["colon"]))
    assert head == words.phrase("not decidable")
    assert why == words.phrase("3-h means cannot tell whether 300 ug m-3 lasts 2 h")
    assert not set(said.replace("µg/m³", "")) & set("abcdefghijklmnopqrstuvwxyz")
