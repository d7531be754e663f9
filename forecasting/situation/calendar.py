"""Columns of the calendar: the season, the great holidays, and the months of heating."""

from __future__ import annotations

from datetime import date
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.targets import day_of_year

Times = npt.NDArray[np.datetime64]
Floats = npt.NDArray[np.float64]

FIRST_YEAR: Final = 2013
# fmt: off
_MONTH_AND_DAY: Final = (
    210, 131, 219, 208, 128, 216, 205, 125, 212, 201, 122, 210,
    129, 217, 206, 126, 213, 203, 123, 211, 131, 219, 208,
)
# fmt: on
LUNAR_NEW_YEAR: Final = tuple(
    date(year, both // 100, both % 100) for year, both in enumerate(_MONTH_AND_DAY, FIRST_YEAR)
)
"""New year of the Chinese calendar. It begins on the day (UTC+8) of the new moon whose month holds the sun's
passage of 330 degrees of longitude (H. Aslaksen, The Mathematics of the Chinese Calendar, 2010); in these
years that is the first new moon from 21 January on, which a test computes after Meeus. Korea's, in UTC+9, is
a day later in 2027 and 2028. In years beyond the table no holiday is told."""

NATIONAL_DAY: Final = (10, 1)
HOLIDAY_REACH: Final = 15
"""Days before and after a holiday in which its columns differ from 0."""

HEATING: Final = ((11, 15), (3, 15))
"""First and last day of public heating in Beijing."""

CALENDAR_ZONE: Final = np.timedelta64(8, "h")
"""East of Greenwich; dates of the calendar are those of Beijing."""

HARMONICS: Final = ("annual_sine", "annual_cosine", "half_annual_sine", "half_annual_cosine")
ENTRIES: Final = (
    *HARMONICS,
    "lunar_new_year_near",
    "lunar_new_year_side",
    "national_day_near",
    "national_day_side",
    "heating_season",
)


def calendar_values(issues: Times) -> Floats:
    """Return the calendar of issues.

    Parameters
    ----------
    issues : (n,) [UTC]

    Returns
    -------
    (n, 9) in the order of ``ENTRIES``: harmonics of the year, then for each holiday 1 on the day, falling
    to 0 within 15 days, and the same with the sign of before (−) or after (+), then 1 while there is heating

    Examples
    --------
    >>> row = calendar_values(np.array(["2020-01-22T08"], "M8[ns]"))[0]
    >>> row[4:].tolist()
    [0.8, -0.8, 0.0, 0.0, 1.0]
    """
    local: Times = np.add(np.asarray(issues, "M8[ns]"), CALENDAR_ZONE)
    days = local.astype("M8[D]")
    angle = 2 * np.pi * day_of_year(local) / 365.25
    columns = [wave(order * angle) for order in (1, 2) for wave in (np.sin, np.cos)]
    years = days.astype("M8[Y]").astype(np.int64) + 1970
    national = np.array([f"{year}-{NATIONAL_DAY[0]:02}-{NATIONAL_DAY[1]:02}" for year in years], "M8[D]")
    nearest = (days - national).astype(np.float64)
    for distance in (_distance(days, np.array(LUNAR_NEW_YEAR, "M8[D]")), nearest):
        near = np.maximum(0.0, 1 - np.abs(distance) / HOLIDAY_REACH)
        columns += [near, np.sign(distance) * near + 0.0]
    columns.append(_heating(days).astype(np.float64))
    return np.column_stack(columns)


def _distance(days: Times, holidays: Times) -> Floats:
    """Return days since the nearest holiday, negative before it."""
    after = np.clip(np.searchsorted(holidays, days, side="right"), 1, len(holidays) - 1)
    since, until = (days - holidays[after - 1]).astype(np.int64), (holidays[after] - days).astype(np.int64)
    return np.where(np.abs(since) <= np.abs(until), since, -until).astype(np.float64)


def _heating(days: Times) -> npt.NDArray[np.bool_]:
    months = days.astype("M8[M]")
    month = months.astype(np.int64) % 12 + 1
    day = (days - months.astype("M8[D]")).astype(np.int64) + 1
    number = 100 * month + day
    (first_month, first_day), (last_month, last_day) = HEATING
    return np.asarray((number >= 100 * first_month + first_day) | (number <= 100 * last_month + last_day))
