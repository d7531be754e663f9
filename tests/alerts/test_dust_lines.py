"""What is said of dust, in three languages and on the bulletin."""

import tomllib
from dataclasses import replace

import pytest

from alerts.bulletin import page_of
from alerts.bulletin_data import RunFacts
from alerts.bulletin_example import ISSUE, example_forecast, example_paths, example_stations
from alerts.bulletin_view import make_bulletin
from alerts.dust_lines import dust_lines, dust_words, told_days
from alerts.dust_section import dust_section
from alerts.vocabulary import LANGUAGES, TEMPLATE_FOLDER
from pipeline.cities import all_cities
from pipeline.dust_outlook import VERDICTS, DustDay, DustEvidence, DustOutlook

SIGNS = (
    DustEvidence("upwind", True, 1005.6, "beijing", "2017-05-04T00:00:00Z"),
    DustEvidence("paths", True, 0.75, "", "2017-05-06T00:00:00Z", "X"),
    DustEvidence("cams", True, 180.0, "seoul", "2017-05-06T00:00:00Z", "CAMS"),
    DustEvidence("bulletin", True, None, "seoul", "2017-05-06T00:00:00Z", "kma"),
    DustEvidence("upwind", False, 44.0, "jinan_air", "2017-05-04T00:00:00Z"),
)
PAST = DustDay("seoul", "2017-05-06", -1, "dust", 1.0, 18, 24, 219.3, 359.0, 0.09, True, SIGNS)
AHEAD = DustDay("seoul", "2017-05-08", 1, "none", 0.34, 0, 0, 91.2, 130.0, 0.3, observed=False)
QUIET = replace(AHEAD, day="2017-05-09", lead_day=2, probability=0.09)
BLIND = DustDay("beijing", "2017-05-06", -1, "unknown", None, 0, 4, None, None, None, observed=True)


def outlook(*days):
    return DustOutlook("measured", "2017-05-07T08:00:00Z", "2017-05-07T08:25:00Z", "", days)


def keys_of(table, before=""):
    for key, value in table.items():
        yield from keys_of(value, f"{before}{key}.") if isinstance(value, dict) else [before + key]


def test_the_tables_of_words_have_the_same_keys():
    tables = [
        set(keys_of(tomllib.loads((TEMPLATE_FOLDER / name / "dust.toml").read_text("utf-8"))))
        for name in LANGUAGES
    ]
    assert tables[0] == tables[1] == tables[2]
    assert set(dust_words("en")["verdicts"]) == set(VERDICTS)


def test_what_is_worth_telling():
    told = told_days(outlook(PAST, AHEAD, QUIET, BLIND, replace(PAST, verdict="fine")))
    assert told == (PAST, AHEAD)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_number_and_supporting_sign_is_told(language):
    past, ahead, blind = dust_lines(outlook(PAST, AHEAD, QUIET, BLIND), language)
    for number in ("18", "219", "359", "9", "1006", "75", "180"):
        assert number in past
    assert "44" not in past
    assert "34" in ahead
    everywhere = replace(PAST, evidence=(replace(SIGNS[1], value=1.0),))
    assert "100" in dust_lines(outlook(everywhere), language)[0]
    assert "10" in dust_lines(outlook(QUIET), language)[0]
    assert "2020" in dust_words(language)["note"]
    assert "91" in ahead
    assert dust_words(language)["none"] in ahead
    assert "2" not in blind.replace("PM2.5", "")
    quiet = dust_words(language)["quiet"].split("{chance}")
    (told,) = dust_lines(outlook(QUIET), language)
    assert all(part in told for part in quiet)


def test_the_bulletin_says_it_only_of_runs_that_stored_it():
    paths = example_paths()
    facts = RunFacts("r1", "simulated-7", ISSUE, ISSUE, "m1", "0.1.0")

    def page(dust):
        return page_of(
            make_bulletin(
                None,
                example_forecast(paths),
                paths,
                example_stations(),
                list(all_cities().values()),
                run_facts=replace(facts, dust=dust),
            )
        )

    said = page(outlook(PAST, AHEAD))
    for language in LANGUAGES:
        assert dust_lines(outlook(PAST), language)[0] in said
    assert dust_words("ko")["note"] not in page(None)
    assert dust_section(None) is None


def test_names_of_places_are_escaped():
    sign = replace(SIGNS[0], place="<script>")
    section = dust_section(outlook(replace(PAST, evidence=(sign,))))
    assert "<script>" in section.lines[0]["en"]
    facts = RunFacts("r1", "simulated-7", ISSUE, ISSUE, "m1", "0.1.0")
    paths = example_paths()
    page = page_of(
        make_bulletin(
            None,
            example_forecast(paths),
            paths,
            example_stations(),
            list(all_cities().values()),
            run_facts=replace(facts, dust=outlook(replace(PAST, evidence=(sign,)))),
        )
    )
    assert "<script>" not in page


def test_days_in_a_row_that_are_not_assessable_are_told_by_the_first_and_the_last():
    days = [replace(BLIND, day=f"2017-05-0{n}") for n in (6, 7, 8)]
    assert "Sat 6 May–Mon 8 May" in dust_lines(outlook(*days))[0]
    assert "Sat 6 May and Mon 8 May" in dust_lines(outlook(days[0], days[2]))[0]
