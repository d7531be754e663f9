"""Digests: when they are due, and what they say in three languages."""

from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.digest import DigestTerms, Item, digest_mail, digest_words, is_for, newest_due
from alerts.examples import example_content
from alerts.recipients import load_recipients
from alerts.short_line import short_line
from alerts.vocabulary import LANGUAGES
from pipeline.ledger.digests import IssuedVersion

TERMS = DigestTerms(time(18), ZoneInfo("Asia/Seoul"), "desk@sameair.example", "duty desk", Path())
NOW = datetime(2026, 1, 14, 9, tzinfo=UTC)
LOW = example_content(level="J1", simulated=False, world="measured", cap_status="Test")
ITEM = Item(IssuedVersion(LOW.warning_id, 1, NOW), LOW)


def test_all_languages_have_the_same_words():
    first, *others = (digest_words(language) for language in LANGUAGES)
    assert all(other.keys() == first.keys() for other in others)


@given(st.integers(0, 1_500_000))
def test_the_newest_due_time_is_that_of_today_or_yesterday(minutes):
    now = NOW + timedelta(minutes=minutes)
    due = newest_due(TERMS, now)
    assert due <= now < due + timedelta(days=1)
    assert due.astimezone(TERMS.zone).time() == time(18)


@pytest.mark.parametrize("number", range(6))
def test_a_digest_speaks_the_languages_of_its_reader(number):
    recipient = load_recipients()[number]
    mail = digest_mail([ITEM], recipient, TERMS, NOW, "<a@sameair.invalid>")
    body = mail.get_content()
    for language in LANGUAGES:
        assert (short_line(LOW, language) in body) == (language in recipient.languages)
    assert digest_words(recipient.languages[0])["subject"].format(count=1) in mail["Subject"]
    assert mail["Auto-Submitted"] == "auto-generated"
    assert "{" not in body


def test_only_what_lies_below_the_level_is_in_a_digest():
    high = next(r for r in load_recipients() if r.minimum_level != "J1")
    low = next(r for r in load_recipients() if r.minimum_level == "J1" and r.party == high.party)
    assert is_for(ITEM, high)
    assert not is_for(ITEM, low)
