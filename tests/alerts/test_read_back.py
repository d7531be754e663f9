"""200 random warnings: numbers, times and places are read back out of each language's words.

The readers below are written from the languages' own ways of writing, not from the program's tables.
"""

import re
from datetime import UTC, date, datetime, timedelta
from math import floor
from zoneinfo import ZoneInfo

import pytest

from alerts.short_line import LONGEST
from alerts.vocabulary import LANGUAGES
from alerts.wording import wording
from pipeline.times import parse_instant
from tests.alerts.random_warnings import random_warning

SEEDS = range(200)
NAMES = {
    "en": {"beijing": "Beijing", "seoul": "Seoul"},
    "ko": {"beijing": "베이징", "seoul": "서울"},
    "zh": {"beijing": "北京", "seoul": "首尔"},
}
ZONES = {"beijing": ZoneInfo("Asia/Shanghai"), "seoul": ZoneInfo("Asia/Seoul")}
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()  # noqa: SIM905
WEEKDAYS = {"en": "Mon Tue Wed Thu Fri Sat Sun".split(), "ko": "월화수목금토일", "zh": "一二三四五六日"}  # noqa: SIM905
DATE = {
    "en": r"(?P<w>[A-Z][a-z]{2}) (?P<d>\d{1,2}) (?P<m>[A-Z][a-z]{2})",
    "ko": r"(?P<m>\d{1,2})월 (?P<d>\d{1,2})일\((?P<w>.)\)",
    "zh": r"(?P<m>\d{1,2})月(?P<d>\d{1,2})日（周(?P<w>.)）",
}
AMOUNT = {"en": r"(\d+) µg/m³", "ko": r"(\d+)㎍/㎥", "zh": r"(\d+)微克/立方米"}
MARKS = {"en": r"EXERCISE|TEST", "ko": r"훈련|시험", "zh": r"演练|测试"}


def rounded(value):
    return floor(value + 0.5)


def percents(text):
    """Every probability of a text in per cent; ``<1`` is 0 and ``>99`` is 100."""
    found = re.findall(r"(?<![\d>])(<1|>99|\d{1,2}) ?%", text)
    return [{"<1": 0, ">99": 100}.get(number) if number in ("<1", ">99") else int(number) for number in found]


def shown(probability):
    share = round(100 * probability)
    return 0 if share < 1 else 100 if share > 99 else share


def dates(text, language, year):
    """Every date of a text, the weekday checked against one of the years in question."""
    found = []
    for match in re.finditer(DATE[language], text):
        month = MONTHS.index(match["m"]) + 1 if language == "en" else int(match["m"])
        days = [date(y, month, int(match["d"])) for y in (year - 1, year, year + 1)]
        fitting = [d for d in days if WEEKDAYS[language][d.weekday()] == match["w"]]
        assert fitting, match[0]
        found.append(min(fitting, key=lambda d: abs(d.year - year)))
    return found


def moments(text, language, zone, year):
    """Every date with a clock time, as instants [UTC]; 24:00 is the next midnight."""
    pattern = DATE[language] + r" ?(?P<h>\d\d):(?P<n>\d\d)"
    found = []
    for match in re.finditer(pattern, text):
        day = dates(match[0], language, year)[0]
        local = datetime(day.year, day.month, day.day, tzinfo=zone) + timedelta(
            hours=int(match["h"]), minutes=int(match["n"])
        )
        found.append(local.astimezone(UTC))
    return found


def peak_of(outlook):
    return next(d for d in outlook.days if d.day == outlook.peak_day)


def threshold_of(outlook, background):
    """The level's threshold, or the highest of the country's that is likelier exceeded than not."""
    if outlook.city in background.thresholds:
        return background.thresholds[outlook.city]
    listed = {"seoul": (35, 50, 75, 150), "beijing": (75, 115, 150, 250)}[outlook.city]
    likely = [t for t in listed if peak_of(outlook).probability[str(t)] >= 0.5]
    return max(likely, default=min(listed))


def check_city_line(line, outlook, background, language):
    """Place, date, mean, threshold and probability of one city's line on the first screen."""
    year = int(outlook.peak_day[:4])
    assert line.startswith(NAMES[language][outlook.city])
    assert dates(line, language, year)[0] == date.fromisoformat(outlook.peak_day)
    amounts = [int(n) for n in re.findall(AMOUNT[language], line)]
    if peak_of(outlook).observed_share >= 1:
        assert amounts == [rounded(outlook.peak_mean)]
        return
    threshold = threshold_of(outlook, background)
    assert amounts == [rounded(outlook.peak_mean), threshold]
    assert percents(line) == [shown(peak_of(outlook).probability[str(threshold)])]


def check_times(line, outlook, language):
    """Arrival, its range, end, its range."""
    expected = [outlook.onset, *outlook.onset_range, outlook.end, *outlook.end_range]
    found = moments(line, language, ZONES[outlook.city], int(outlook.onset[:4]))
    assert found == [parse_instant(text) for text in expected], line


def check_subject(text, content, background, language):
    """Level, every city with date, mean and probability, in the order of the content."""
    assert not content.level or content.level in text.subject
    places = [text.subject.index(NAMES[language][c.city]) for c in content.cities]
    assert places == sorted(places)
    if content.kind not in ("alert", "update"):
        return
    assert dates(text.subject, language, int(content.issue_time[:4])) == [
        date.fromisoformat(c.peak_day) for c in content.cities
    ]
    assert [int(n) for n in re.findall(AMOUNT[language], text.subject)] == [
        rounded(c.peak_mean) for c in content.cities
    ]
    open_ones = [c for c in content.cities if peak_of(c).observed_share < 1]
    thresholds = [threshold_of(c, background) for c in open_ones]
    assert [int(n) for n in re.findall(r"P\(>(\d+)\)", text.subject)] == thresholds
    assert percents(text.subject) == [
        shown(peak_of(c).probability[str(t)]) for c, t in zip(open_ones, thresholds, strict=True)
    ]


def check_short(text, content, background, language):
    """At most 70 characters; exercise or not, level, place, day, mean, probability."""
    line = text.short
    assert len(line.encode("utf-16-le")) // 2 <= LONGEST
    assert bool(re.search(MARKS[language], line)) == (content.cap_status != "Actual")
    assert not content.level or content.level in line
    assert all(NAMES[language][c.city] in line for c in content.cities)
    if content.kind not in ("alert", "update"):
        return
    for outlook in content.cities:
        day = date.fromisoformat(outlook.peak_day)
        said = {
            "en": f"{day.day} {MONTHS[day.month - 1]}",
            "ko": f"{day.month}/{day.day}",
            "zh": f"{day.month}月{day.day}日",
        }[language]
        part = line.partition(NAMES[language][outlook.city])[2]
        found = re.match(rf" ?{said} ?(\d+)", part)
        assert found, line
        assert int(found[1]) == rounded(outlook.peak_mean)
        if peak_of(outlook).observed_share < 1 and "%" in line:
            probability = peak_of(outlook).probability[str(threshold_of(outlook, background))]
            assert percents(part)[0] == shown(probability)


def check_table(text, content, language):
    """Every day of every city in the table: date, mean, interval and the probabilities of its thresholds."""
    rows = [r for r in text.details.splitlines() if "P(>" in r]
    days = [(c, d) for c in content.cities for d in c.days]
    assert len(rows) == len(days)
    for row, (outlook, day) in zip(rows, days, strict=True):
        assert dates(row, language, int(day.day[:4])) == [date.fromisoformat(day.day)]
        found = re.search(r"\] (\d+) ?[(（](\d+)[–~～](\d+)[)）]", row)
        assert [int(n) for n in found.groups()] == [rounded(v) for v in (day.mean, day.q10, day.q90)]
        listed = {"seoul": (35, 50, 75, 150), "beijing": (75, 115, 150, 250)}[outlook.city]
        assert percents(row) == [shown(day.probability[str(t)]) for t in listed]


def check_worst(lines, content, language, own):
    """The upper end of the peak day's interval of every city whose peak is still to come."""
    coming = [
        c for c in sorted(content.cities, key=lambda c: c.party != own) if peak_of(c).observed_share < 1
    ]
    if not coming:
        assert not re.search(r"\d{2,}", lines[0])
        return
    for line, outlook in zip(lines, coming, strict=True):
        assert line.startswith(NAMES[language][outlook.city])
        assert int(re.search(AMOUNT[language], line)[1]) == rounded(peak_of(outlook).q90)


def check_own_rule(lines, content, language, own):
    """The probability of the reader's own finding, and the hours of its measures."""
    for rule in [r for r in content.rules if r.city == own]:
        line = next(line for line in lines if percents(line) == [shown(rule.probability)])
        year, zone = int(rule.day[:4]), ZONES[own]
        assert dates(line, language, year)[0] == date.fromisoformat(rule.day)
        if own == "seoul":  # announced by 17:10, in force 06-21 of the next day
            day = datetime.fromisoformat(rule.day).replace(tzinfo=zone)
            hours = [timedelta(hours=17, minutes=10), timedelta(hours=30), timedelta(hours=45)]
            assert moments(line, language, zone, year) == [(day + h).astimezone(UTC) for h in hours]


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
def test_what_200_random_warnings_say_is_what_they_hold(language):
    for seed in SEEDS:
        content, background = random_warning(seed)
        text = wording(content, language, background)
        facts = {fact.key: fact.lines for fact in text.first}
        check_subject(text, content, background, language)
        check_short(text, content, background, language)
        assert facts["telephone"] == (background.telephones[background.party],)
        if content.kind not in ("alert", "update"):
            continue
        ordered = sorted(content.cities, key=lambda c: c.party != background.party)
        for line, outlook in zip(facts["what"], ordered, strict=True):
            check_city_line(line, outlook, background, language)
        for line, outlook in zip(facts["time"], ordered, strict=True):
            check_times(line, outlook, language)
        check_table(text, content, language)
        check_worst(facts["worst"], content, language, background.party)
        check_own_rule(facts["trigger"], content, language, background.party)
        local = [
            parse_instant(t).astimezone(ZONES[background.party])
            for t in (background.next_update, content.expires)
        ]
        assert re.findall(r"\d{4}-\d\d-\d\d \d\d:\d\d", facts["next"][0]) == [
            f"{t:%Y-%m-%d %H:%M}" for t in local
        ]
