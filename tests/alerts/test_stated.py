"""What was stated of the days ahead: in documents, as far as the mark of its source lets readers see it."""

import re
from datetime import date

import pytest

from alerts.bulletin import page_of
from alerts.bulletin_example import example_bulletin
from alerts.bulletin_pdf import bulletin_pdf
from alerts.edition import Edition
from alerts.examples import example_content
from alerts.mail_body import BodyOf, SenderLine, build_bodies
from alerts.message_view import Background
from alerts.stated import Stated, other_lines, stated_sections, stated_words
from pipeline.times import parse_instant

OWN = {
    "seoul": {
        "rows": [
            {"pollutant": "aqi", "date": "2026-02-28", "low": 82, "high": 114, "primary": "PM2.5"},
            {"pollutant": "aqi", "date": "2026-03-01", "low": 20, "high": 44, "primary": ""},
            {"pollutant": "pm2p5", "date": "2026-03-01", "low": 10, "high": 20},
        ]
    }
}
MEMBERS = [
    {"source": "airkorea", "low": 35.5, "high": 75.5},
    {"source": "exchange:sameair-beijing", "low": 0.0, "high": 115.5},
    {"source": "open_meteo.cams", "low": 43.1, "high": 44.1},
    {"source": "somebody<b>", "low": 35.5, "high": None},
]
STATED = Stated(OWN, ({"city": "seoul", "day": "2026-02-28", "members": MEMBERS},))


def shown(edition):
    return stated_sections(STATED, edition)


def test_the_joint_document_shows_both_and_only_sources_with_a_mark():
    index, others = shown(Edition())
    assert [line["en"] for line in index.lines] == [
        "Seoul, Sat 28 Feb: AQI 82 to 114, good to light; primary pollutant PM2.5",
        "Seoul, Sun 1 Mar: AQI 20 to 44, excellent",
    ]
    (line,) = others.lines
    assert line["en"] == "Seoul, Sat 28 Feb: AirKorea 36 to 75; other side (Beijing) up to 115; CAMS 44"
    assert "somebody" not in str(others)
    assert "KOGL" in others.note["ko"]


def test_a_citys_own_document_shows_what_is_public_and_nothing_of_other_cities():
    _, others = shown(Edition("seoul"))
    assert [line["zh"].partition("：")[2] for line in others.lines] == ["CAMS 44"]
    assert "AirKorea" not in others.note["en"]
    assert shown(Edition("beijing")) == ()


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "ko", "zh"])
def test_page_and_pdf_tell_them(language):
    bulletin = example_bulletin(stated=STATED)
    page = page_of(bulletin)
    assert stated_words(language)["index_title"] in page
    assert re.search(r"AQI 82.{1,5}114", page)
    assert bulletin_pdf(bulletin, language)[:5] == b"%PDF-"


def test_the_words_have_the_same_keys_in_every_language():
    keys = [(set(stated_words(la)), set(stated_words(la)["sources"])) for la in ("en", "ko", "zh")]
    assert keys[0] == keys[1] == keys[2]


def test_names_that_nobody_knows_are_shown_as_they_are_on_one_line():
    day = {"city": "seoul", "day": date(2026, 2, 28).isoformat(), "members": [MEMBERS[3]]}
    assert other_lines([day], "en") == ["Seoul, Sat 28 Feb: somebody<b> above 35"]


def bodies(content):
    of = BodyOf(("en", "ko"), "seoul", parse_instant("2026-01-14T08:40Z"), False, "")
    return build_bodies(content, SenderLine("a@b", "desk", ""), Background(stated=STATED), of)


def test_a_letter_tells_them_of_its_cities_as_far_as_its_readers_may_see_them():
    joint = bodies(example_content())
    for body in (joint.plain, joint.html):
        assert "Seoul, Sat 28 Feb: AQI 82 to 114, good to light" in body
        assert "AirKorea 36 to 75" in body
        assert "somebody" not in body
    own = [c for c in example_content().cities if c.city == "seoul"]
    single = bodies(example_content(product="single_city_warning", cities=tuple(own), parties=("seoul",)))
    assert "CAMS 44" in single.plain
    assert "AirKorea 36" not in single.plain
    ended = bodies(example_content(kind="all_clear"))
    assert "AQI 82" not in ended.plain
