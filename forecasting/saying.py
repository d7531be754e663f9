"""What a model says of issues: the variant for what is there, adjusted by the errors known by then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from forecasting.calibration.adaptive import Adjustment, Past, adapt, unadjusted
from forecasting.calibration.quantiles import Distribution
from forecasting.model import MISSING_BELOW, WILDEST, Calibrated, Model, calibrated_without, missing_of
from forecasting.outputs import Outputs, read_record, truth_of
from forecasting.situation_memory import Read
from forecasting.targets import Floats
from forecasting.weather_ahead import AHEAD, AS_USUAL, Manner, Source, situations_of
from forecasting.weather_doubt import with_doubt
from forecasting.weather_table import WeatherTable, learned_from
from pipeline.asof import AsOfPanel
from pipeline.times import from_ns, to_ns

Times = npt.NDArray[np.datetime64]

LOOK_BACK = np.timedelta64(300, "D").astype("timedelta64[ns]")
"""Of errors that training did not hold, those of so many days before an issue's month count and those since:
no more is read for a live forecast, and a hindcast must use the same."""

DAY = np.timedelta64(24, "h").astype("timedelta64[ns]")


@dataclass(frozen=True)
class Said:
    """What the model says of issues at one hour of the day, before observations replace what is known.

    Parameters
    ----------
    outputs : the columns
    distribution : of ln(c + 5), (issue, output)
    usable : (output,) whether the model may speak of an output
    missing : for every issue the groups of inputs that it did without
    """

    outputs: Outputs
    distribution: Distribution
    usable: npt.NDArray[np.bool_]
    missing: tuple[tuple[str, ...], ...]

    def one(self, row: int) -> Distribution:
        """Return the distribution of one issue, (1, output)."""
        return self.part(slice(row, row + 1))

    def part(self, rows: slice) -> Distribution:
        """Return the distribution of some issues, (issue, output)."""
        whole = self.distribution
        kept = Adjustment(whole.adjustment.shift[rows], whole.adjustment.stretch[rows])
        return Distribution(whole.shape, whole.centre[rows], whole.scale[rows], kept)


def missing_groups(model: Model, hour: int, values: npt.NDArray[np.float32]) -> list[tuple[str, ...]]:
    """Return for every situation the groups of inputs of which less than half is known.

    Columns that less than half of the training knew, such as a station of one year, do not count.
    """
    kept = model.hours[hour].best.fitted.kept
    usual = model.seen[kept] >= MISSING_BELOW
    return missing_of(_groups(model, hour), usual, np.isfinite(values[:, kept]))


def _groups(model: Model, hour: int) -> list[str]:
    """Return the group of every column that an hour's regression uses."""
    return [model.recipe.columns[i].group for i in model.hours[hour].best.fitted.kept]


def _speaks(model: Model, hour: int, values: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Tell for which situations a model that reads the weather ahead is asked: where nothing is missing."""
    if model.weather != AHEAD:
        return np.ones(len(values), bool)
    return np.array([not groups for groups in missing_groups(model, hour, values)], bool)


def knows_ahead(
    model: Model, panel: AsOfPanel, issues: Times, as_of: datetime | None, ahead: Source | None
) -> npt.NDArray[np.bool_]:
    """Tell for which issues all that a model reads is there, the weather of all days ahead included.

    Others are better forecast by the model without weather ahead, which is quick to solve without an input.
    """
    found = np.ones(len(issues), bool)
    hours = issues.astype("M8[h]").astype(np.int64) % 24
    for hour in (int(h) for h in np.unique(hours) if int(h) in model.hours):
        mine = np.flatnonzero(hours == hour)
        values = situations_of(panel, model.recipe, issues[mine], as_of, ahead)
        found[mine] = _speaks(model, hour, values)
    return found


def variant(model: Model, hour: int, missing: tuple[str, ...]) -> Calibrated:
    """Return one hour of the model, solved again without some groups of inputs, from the same training."""
    known = model.hours[hour]
    if not missing:
        return known.best
    return known.variants.get(missing) or _variant(_Key(model, hour), missing)


@dataclass(frozen=True)
class _Key:
    """A model and an hour, equal when the model's id is."""

    model: Model
    hour: int

    def __eq__(self, other: object) -> bool:
        """Compare ids and hours."""
        return isinstance(other, _Key) and (self.model.model_id, self.hour) == (
            other.model.model_id,
            other.hour,
        )

    def __hash__(self) -> int:
        """Hash the id and the hour."""
        return hash((self.model.model_id, self.hour))


@lru_cache(maxsize=24)
def _variant(key: _Key, missing: tuple[str, ...]) -> Calibrated:
    return calibrated_without(key.model.hours[key.hour], _groups(key.model, key.hour), missing)


def predict(
    model: Model, hour: int, values: npt.NDArray[np.float32]
) -> tuple[Floats, Floats, list[tuple[str, ...]]]:
    """Return centre and scale (issue, output) and the missing groups of every situation at one hour."""
    missing = missing_groups(model, hour, values)
    shape = (len(values), len(model.hours[hour].outputs.end))
    centre, scale = np.empty(shape), np.empty(shape)
    for pattern in dict.fromkeys(missing):
        rows = np.flatnonzero([m == pattern for m in missing])
        centre[rows], scale[rows] = variant(model, hour, pattern).predict(values[rows])
    return centre, scale, missing


def say(
    model: Model,
    panel: AsOfPanel,
    issues: Times,
    as_of: datetime | None = None,
    manner: Manner = AS_USUAL,
    read: Read = situations_of,
) -> Said:
    """Forecast issues at one hour of the day, each from what it knew.

    Parameters
    ----------
    panel : series with all versions
    issues : (issue,) ascending, all at the same hour, of which the model knows
    as_of : for a single issue: the instant of its snapshot, if that is not the issue itself
    manner : whether errors that were known by then shift and stretch the distribution, and what tells the
        weather ahead; without that a model that reads it is solved again without
    read : tells situations

    Raises
    ------
    KeyError
        the model was not trained for this hour of the day
    """
    hour = int(issues[0].astype("M8[h]").astype(np.int64) % 24)
    known = model.hours[hour]
    first = (issues.astype("M8[M]") - LOOK_BACK).astype("M8[ns]")
    earlier = _earlier(model, hour, first.min(), issues[-1]) if manner.adaptive else issues[:0]
    every, values, counts = _told(model, panel, issues, earlier, as_of, manner, read)
    centre, scale, missing = predict(model, hour, values)
    scale = with_doubt(model, panel, every, scale, manner.ahead)
    later = _errors(model, panel, every[counts], centre[counts], scale[counts], issues)
    asked = slice(len(every) - len(issues), None)
    centre, scale, shape = centre[asked], scale[asked], known.best.shape
    adjustment = unadjusted(*centre.shape)
    at = issues if as_of is None else np.array([to_ns(as_of)])
    for begin in np.unique(first) if manner.adaptive else ():
        mine = np.flatnonzero(first == begin)
        past = _joined(known.past, later, begin)
        one = adapt(past, shape.groups, shape.half_width, at[mine])
        adjustment.shift[mine], adjustment.stretch[mine] = one.shift, one.stretch
    said = Distribution(shape, centre, scale, adjustment)
    return Said(known.outputs, said, known.usable, tuple(missing[asked]))


def _earlier(model: Model, hour: int, first: np.datetime64, last: np.datetime64) -> Times:
    """Return the issues from an instant until before another whose errors training did not hold.

    They are the issues after training and, of a model that was not to learn a year, those of that year.
    """
    clock = first.astype("M8[D]") + np.timedelta64(hour, "h")
    found = np.arange(clock, last, DAY).astype("M8[ns]")
    return found[_untaught(model, hour, found)]


def _told(
    model: Model,
    panel: AsOfPanel,
    issues: Times,
    earlier: Times,
    as_of: datetime | None,
    manner: Manner,
    read: Read,
) -> tuple[Times, npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Return earlier issues followed by those asked for, their situations, and whose errors count, in order.

    Of a model that reads the weather ahead only those that knew it count.
    """
    hour = int(issues[0].astype("M8[h]").astype(np.int64) % 24)
    new = earlier if as_of is not None else earlier[~np.isin(earlier, issues)]
    every = np.concatenate([new, issues])
    if as_of is None:
        values = read(panel, model.recipe, every, None, manner.ahead)
    else:
        before = read(panel, model.recipe, new, None, manner.ahead)
        values = np.concatenate([before, read(panel, model.recipe, issues, as_of, manner.ahead)])
    counts = np.isin(every, earlier) & _speaks(model, hour, values)
    if isinstance(manner.ahead, WeatherTable):
        counts &= learned_from(every)
    kept = counts | (np.arange(len(every)) >= len(new))
    every, values, order = every[kept], values[kept], np.flatnonzero(counts[kept])
    return every, values, order[np.argsort(every[order], kind="stable")]


def _errors(
    model: Model, panel: AsOfPanel, issues: Times, centre: Floats, scale: Floats, asked: Times
) -> Past:
    """Return the standardised errors of some issues before the last of those asked for."""
    outputs = model.hours[int(asked[0].astype("M8[h]").astype(np.int64) % 24)].outputs
    if not len(issues):
        blank = (0, len(outputs.end))
        return Past(issues, np.zeros(blank), np.empty(blank, "M8[ns]"))
    record = read_record(panel, model.targets, from_ns(issues[0] - DAY), from_ns(asked[-1]))
    truth = truth_of(record, outputs, issues)
    return Past(issues, np.clip((truth.logs - centre) / scale, -WILDEST, WILDEST), truth.known)


def _untaught(model: Model, hour: int, issues: Times) -> npt.NDArray[np.bool_]:
    """Tell which issues lie after training, or in a year that was left out and were not learned from."""
    taught = model.hours[hour].past.issues
    years = issues.astype("M8[Y]").astype(np.int64) + 1970
    left_out = np.isin(years, model.leave_out_years) & ~np.isin(issues, taught)
    return np.asarray((issues > taught[-1]) | left_out, bool)


def _joined(before: Past, after: Past, begin: np.datetime64) -> Past:
    """Return the errors of the training, and others since an instant.

    >>> import numpy as np
    >>> a = Past(np.array(["2020-01-01"], "M8[ns]"), np.zeros((1, 1)), np.array([["2020-01-02"]], "M8[ns]"))
    >>> len(_joined(a, Past(a.issues + np.timedelta64(2, "D"), a.z, a.known), a.issues[0] + DAY).issues)
    2
    """
    later = after.issues >= begin
    return Past(
        np.concatenate([before.issues, after.issues[later]]),
        np.concatenate([before.z, after.z[later]]),
        np.concatenate([before.known, after.known[later]]),
    )
