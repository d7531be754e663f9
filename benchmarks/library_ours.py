"""Our contestant: a kernel regression for all leads of a station, with calibrated errors of unseen years."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.library_scene import ISSUE_HOUR, LAGS, LEVELS, WINDOWS, Floats, Outcome, Stations, timed
from forecasting.calibration.adaptive import Adjustment, Past, adapt, unadjusted
from forecasting.calibration.calibrator import fit_calibration
from forecasting.calibration.groups import groups_of
from forecasting.calibration.quantiles import Distribution, Shape
from forecasting.calibration.spread import Spread
from forecasting.kernel.hour import Beside, HourModel, Rows, fit_hour
from forecasting.kernel.weights import HOLIDAYS, OWN_LATEST, SEASON
from forecasting.learning import LEAD_EDGES
from forecasting.outputs import Outputs
from forecasting.targets import Target
from pipeline.threads import single_threaded

CALENDAR = (SEASON, SEASON, HOLIDAYS, HOLIDAYS)
COVARIATES = np.array([0, 1])
RECEIPT = np.timedelta64(1, "h")


@dataclass(frozen=True)
class Learned:
    """The regression, its spread and shape, and the errors of years that it was blind to."""

    fitted: HourModel
    spread: Spread
    shape: Shape
    past: Past

    def say(self, at: npt.NDArray[np.int64], stations: Stations, later: Past | None) -> Distribution:
        """Forecast issues; with the errors of all issues, those known by each issue adjust it."""
        values = stations.situations(at)[1]
        centre = self.fitted.predict(values)
        scale = self.spread.scale(centre, values[:, COVARIATES].astype(np.float64))
        adjustment: Adjustment = unadjusted(*centre.shape)
        if later is not None:
            adjustment = adapt(later, self.shape.groups, self.shape.half_width, stations.times[at])
        return Distribution(self.shape, centre, scale, adjustment)


def outputs_for(stations: Stations) -> Outputs:
    """Return every lead of every station, station by station."""
    targets = tuple(Target(n, "pm2p5", "reference", 1, "Asia/Shanghai") for n in stations.names)
    which = np.repeat(np.arange(len(targets)), stations.leads)
    end = np.tile(np.arange(1, stations.leads + 1), len(targets))
    return Outputs(targets, which, end - 1, end, np.full(len(end), -1))


def flat(values: Floats) -> Floats:
    """Return (issue, lead, station) as (issue, output)."""
    return values.transpose(0, 2, 1).reshape(len(values), -1)


def learn(stations: Stations) -> Learned:
    """Learn from the raw series: situations, regression of all leads, spread and shape of held-out errors."""
    at = stations.issues(test=False)
    names, values = stations.situations(at)
    outputs, issues = outputs_for(stations), stations.times[at]
    rows = Rows(ISSUE_HOUR, issues, values, flat(stations.truth(at)).astype(np.float32), outputs)
    weights, own = {}, {}
    for s, name in enumerate(stations.names):
        begin = len(CALENDAR) + s * (len(LAGS) + len(WINDOWS))
        weights[name] = np.zeros(len(names), np.float32)
        weights[name][: len(CALENDAR)] = CALENDAR
        weights[name][begin : begin + len(LAGS) + len(WINDOWS)] = 1.0
        own[name] = np.zeros(len(names), np.float32)
        own[name][begin : begin + sum(lag <= 12 for lag in LAGS)] = OWN_LATEST
    beside = Beside(COVARIATES, np.full(len(outputs.end), -1), own=own)
    keys = [stations.names[t] for t in outputs.target]
    fitted = fit_hour(rows, keys, list(enumerate(names)), weights, beside)
    known = issues[:, None] + outputs.end * np.timedelta64(1, "h") + RECEIPT
    groups = groups_of(keys, np.searchsorted(LEAD_EDGES, outputs.end, side="left"))
    covariates = values[:, COVARIATES].astype(np.float64)
    errors = Past(issues, fitted.errors.astype(np.float64), known)
    spread, shape = fit_calibration(errors, fitted.held_out(), covariates, groups)
    z = errors.z / spread.scale(fitted.held_out(), covariates)
    return Learned(fitted, spread, shape, Past(issues, z, known))


def with_later(learned: Learned, stations: Stations) -> Past:
    """Return the errors of training and of the issues after it, each with the hour at which it was known."""
    at = stations.issues(test=True)
    said = learned.say(at, stations, None)
    z = (flat(stations.truth(at)) - said.centre) / said.scale
    issues = stations.times[at]
    known = issues[:, None] + learned.fitted.outputs.end * np.timedelta64(1, "h") + RECEIPT
    old = learned.past
    return Past(*(np.concatenate(pair) for pair in ((old.issues, issues), (old.z, z), (old.known, known))))


def ours(stations: Stations) -> list[Outcome]:
    """Train and forecast every issue of the test, with the calibration frozen and following known errors."""
    return single_threaded(_ours, stations)


def _ours(stations: Stations) -> list[Outcome]:
    learned, wall, cpu = timed(lambda: learn(stations))
    at = stations.issues(test=True)
    found = []
    for name, later in (("sameair, frozen", None), ("sameair, following", with_later(learned, stations))):
        times = [timed(lambda p=later: quantiles(learned, at[-1:], stations, p))[2] for _ in range(9)]
        took = float(np.median(times))
        said = quantiles(learned, at, stations, later)
        found.append(Outcome(name, wall, cpu, took, said, "all leads in one solution; held-out by years"))
    return found


def quantiles(learned: Learned, at: npt.NDArray[np.int64], stations: Stations, later: Past | None) -> Floats:
    """Return the quantiles of issues, (issue, lead, station, level)."""
    found = learned.say(at, stations, later).quantiles(LEVELS)
    return found.reshape(len(at), len(stations.names), stations.leads, -1).transpose(0, 2, 1, 3)
