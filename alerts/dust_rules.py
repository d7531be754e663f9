"""The evaluators of dust: national criteria on PM10 of paths with coarse particles, and what dust leaves out.

They read the dust paths of a run (``pipeline.dust_outlook.DUST_CONTRACT``). A path counts on a day only if
its particles are coarse that day; whether they come from where dust is raised stands in the note.
"""

from __future__ import annotations

from datetime import date
from typing import Final

import numpy as np
import numpy.typing as npt
import xarray as xr

from alerts.aqi import iaqi, round_half_up, settle
from alerts.judged import Judged, Undecidable
from alerts.rule_series import too_few
from alerts.rules import Rule, rule
from pipeline.cities import City
from pipeline.dust_outlook import VERDICTS
from pipeline.paths import day_means
from pipeline.times import NS_HOUR, local_day_bounds, to_ns

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

COARSE_AT: Final = 0.5
"""Intervals are left out of heavy pollution where coarse particles are this likely [1]."""

LEFT_OUT: Final = "hours of dust left out"


def dust_warning(rule: Rule, dust: xr.Dataset, city: City, day: date) -> Judged:
    """Judge the dust advisory and warning: hourly PM10 at or above each criterion for two hours running."""
    dusty, note = _dusty(dust, city, day)
    levels = np.zeros(len(dusty), dtype=np.int64)
    for number, at in enumerate(rule.parameters["criteria"], start=1):
        levels[dusty & _held(dust, city, day, dusty, at, int(rule.parameters["expected_hours"]))] = number
    return Judged(levels, _basis(dust, city, day), ("pm10",), note)


def dust_crisis(rule: Rule, dust: xr.Dataset, city: City, day: date) -> Judged:
    """Judge the four steps of the dust crisis alert by their concentrations, the highest that holds."""
    p = rule.parameters
    dusty, note = _dusty(dust, city, day)
    levels = np.zeros(len(dusty), dtype=np.int64)
    mean = _day_mean(rule, dust, city, day)
    levels[dusty & (round_half_up(mean) > p["attention_day_mean_gt"])] = 1
    levels[dusty & _held(dust, city, day, dusty, p["caution_ge"], int(p["caution_hours"]))] = 2
    levels[dusty & _held(dust, city, day, dusty, p["alert_ge"], int(p["alert_hours"]))] = 3
    for alternative in p["serious"]:
        levels[dusty & _lasted(dust, city, day, alternative["ge"], int(alternative["hours"]))] = 4
    return Judged(levels, _basis(dust, city, day), ("pm10",), note)


def dust_notice(rule: Rule, dust: xr.Dataset, city: City, day: date) -> Judged:
    """Judge whether dust is worth a notice: coarse particles, and the daily index of PM10 above a value."""
    dusty, note = _dusty(dust, city, day)
    index = iaqi(_day_mean(rule, dust, city, day), "pm10", _table(day))
    met = dusty & (index > rule.parameters["iaqi_gt"])
    return Judged(met.astype(np.int64), _basis(dust, city, day), ("pm10",), note)


def without_dust(paths: xr.Dataset, dust: xr.Dataset, city: City) -> tuple[xr.Dataset, bool]:
    """Return paths without the PM2.5 of a city's hours of dust, and whether any was left out.

    An hour is left out where coarse particles are likely on a day that was judged dust; coarse particles of
    unknown origin stay, so that no heavy pollution is missed on a guess.

    Examples
    --------
    >>> from pipeline.cities import city
    >>> grid = np.array(["2017-05-04T01", "2017-05-04T02"], "M8[ns]")
    >>> paths = xr.Dataset({"pm2p5": (("realization", "city", "time"), [[[438.0, 40.0]]])},
    ...                    {"city": ["beijing"], "time": grid})
    >>> dust = xr.Dataset({"coarse": (("city", "time"), [[1.0, 0.0]]),
    ...                    "verdict": (("city", "day"), [["dust"]])},
    ...     {"city": ["beijing"], "time": grid, "day": np.array(["2017-05-04"], "M8[ns]")})
    >>> left, any_left_out = without_dust(paths, dust, city("beijing"))
    >>> left["pm2p5"].values.tolist(), any_left_out
    ([[[nan, 40.0]]], True)
    """
    if city.id not in dust["city"].values or city.id not in paths["city"].values:
        return paths, False
    own = dust.sel(city=city.id)
    days = own["day"].to_numpy()[own["verdict"].to_numpy().astype(str) == "dust"]
    times = own["time"].to_numpy()
    inside = np.zeros(len(times), dtype=bool)
    for stamp in days:
        start, end = _bounds(city, date.fromisoformat(str(stamp)[:10]))
        inside |= (times > start) & (times <= end)
    hours = times[inside & (own["coarse"].to_numpy() >= COARSE_AT)]
    here = paths["city"] == city.id
    at = paths["time"].isin(hours)
    names = [str(v) for v in paths.data_vars if str(v).startswith("pm2p5")]
    left = {name: paths[name].where(~(here & at)) for name in names}
    return paths.assign(left), bool(at.any())


def _dusty(dust: xr.Dataset, city: City, day: date) -> tuple[Flags, str]:
    """Return which paths have coarse particles on a day, and what the day's verdict says of their origin."""
    stamp = np.datetime64(day, "ns")
    if "dusty" not in dust or city.id not in dust["city"].values or stamp not in dust["day"].values:
        raise Undecidable("nothing is known of dust on this day")
    own = dust.sel(city=city.id, day=stamp)
    verdict = str(own["verdict"].item())
    if verdict == "unknown":
        raise Undecidable("nothing is known of dust on this day")
    note = VERDICTS["pm10_event"] if verdict == "pm10_event" else ""
    return own["dusty"].to_numpy().astype(bool), note


def _held(dust: xr.Dataset, city: City, day: date, asked: Flags, at: float, hours: int) -> Flags:
    """Tell which paths have ``hours`` hours running at or above a value within a local day.

    Means over several hours cannot show that, but they can rule it out: within one interval of length s such
    hours hold its mean at or above ``hours`` · value / s, across two of them each at or above value / s.

    Raises
    ------
    Undecidable
        some of the paths asked for cannot be ruled out
    """
    values, step = _part(dust, city, day)
    if step == 1:
        return _run(values >= at, hours)
    possible = (values >= hours * at / step).any(axis=1) | _run(values >= at / step, 2)
    if (possible & asked).any():
        raise Undecidable(f"{step}-h means cannot tell whether {at:g} ug m-3 lasts {hours} h")
    return np.zeros(len(values), dtype=bool)


def _lasted(dust: xr.Dataset, city: City, day: date, at: float, hours: int) -> Flags:
    """Tell which paths are at or above a value in a run of ``hours`` hours that touches the day."""
    step = _step(dust, city)
    start, end = _bounds(city, day)
    times = dust["time"].to_numpy()
    reach = np.timedelta64(hours * NS_HOUR, "ns")
    wide = (times > start - reach) & (times <= end + reach) & (times.astype("int64") % (step * NS_HOUR) == 0)
    values = _values(dust, city)[:, wide]
    return _run(values >= at, hours // step)


def _run(over: Flags, length: int) -> Flags:
    run = np.zeros(len(over), dtype=np.int64)
    longest = run.copy()
    for column in over.T:
        run = np.where(column, run + 1, 0)
        longest = np.maximum(longest, run)
    found: Flags = longest >= length
    return found


def _day_mean(rule: Rule, dust: xr.Dataset, city: City, day: date) -> Floats:
    means = day_means(dust, city, "pm10", rule.minimum_coverage)
    at = np.flatnonzero(means["day"].values == np.datetime64(day))
    if not len(at) or not bool(means["complete"].values[at[0]]):
        raise Undecidable(too_few(rule, "pm10"))
    return settle(means["day_mean"].values[:, at[0]])


def _part(dust: xr.Dataset, city: City, day: date) -> tuple[Floats, int]:
    step = _step(dust, city)
    start, end = _bounds(city, day)
    times = dust["time"].to_numpy()
    inside = (times > start) & (times <= end) & (times.astype("int64") % (step * NS_HOUR) == 0)
    return _values(dust, city)[:, inside], step


def _values(dust: xr.Dataset, city: City) -> Floats:
    found: Floats = dust["pm10"].sel(city=city.id).transpose("realization", "time").to_numpy()
    return found


def _step(dust: xr.Dataset, city: City) -> int:
    spec = city.spec("pm10", "reference", str(dust.attrs.get("world", "measured")))
    return spec.interval_hours if spec else 1


def _basis(dust: xr.Dataset, city: City, day: date) -> str:
    start, end = _bounds(city, day)
    times = dust["time"].to_numpy()
    inside = (times > start) & (times <= end) & np.isfinite(_values(dust, city)).all(axis=0)
    measured = dust["is_observed"].sel(city=city.id).to_numpy()[inside]
    if measured.all():
        return "observed"
    return "mixed" if measured.any() else "forecast"


def _bounds(city: City, day: date) -> tuple[np.datetime64, np.datetime64]:
    start, end = local_day_bounds(day, city.timezone)
    return to_ns(start), to_ns(end)


def _table(day: date) -> Rule:
    return rule("cn.aqi", day)
