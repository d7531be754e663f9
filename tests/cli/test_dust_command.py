"""What ``sameair dust`` says below its table, and what it refuses."""

from datetime import date, timedelta

from typer.testing import CliRunner

from cli.commands.dust import _lines
from cli.main import app
from pipeline.dust_outlook import DustDay


def days(first, last, coarse=(), unknown=()):
    """Judged days of Seoul; all others are without dust."""
    found = []
    for n in range((last - first).days + 1):
        day = (first + timedelta(days=n)).isoformat()
        verdict = "pm10_event" if day in coarse else "unknown" if day in unknown else "none"
        found.append(DustDay("seoul", day, 0, verdict, None, 9, 24, 200.0, 300.0, 0.2, observed=True))
    return found


def test_what_was_reported_stands_beside_what_was_found():
    year = days(date(2020, 1, 1), date(2020, 12, 31), ["2020-04-22", "2020-05-11"], ["2020-02-22"])
    assert _lines(year, measured=True) == [
        "366 days, 1 of them not assessable; 2 events",
        "2 days with coarse particles from 2020-01-01 to 2020-10-20 (1 not assessable); "
        "3 days of dust were reported",
    ]
    assert len(_lines(year, measured=False)) == 1
    spring = days(date(2018, 4, 1), date(2018, 4, 30), ["2018-04-06"])
    assert _lines(spring, measured=True)[1:] == [
        "found 1 of 2 days on which dust was reported; not: 2018-04-15"
    ]


def test_what_makes_no_sense_is_refused(tmp_path):
    def said(*arguments):
        result = CliRunner().invoke(app, ["dust", "--data-dir", str(tmp_path), *arguments])
        return str(result.exception)

    assert "this is no day" in said("--from", "May", "--to", "2017-05-02")
    assert "there are none and surrogate" in said(
        "--from", "2017-05-01", "--to", "2017-05-02", "--winds", "x"
    )
    assert "nothing is stored" in said("--from", "2017-05-01", "--to", "2017-05-02")
    assert "lies before" in said("--from", "2017-05-03", "--to", "2017-05-02")
