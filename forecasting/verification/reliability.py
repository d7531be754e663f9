"""Reliability of probabilities: table, calibration error with its band, and the parts of the Brier score."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Events = npt.NDArray[np.bool_]

BINS = 10
SIMULATIONS = 1000


def bin_of(probability: Floats) -> Ints:
    """Return the bin of each probability: tenths, each with its lower edge, the last with both.

    >>> bin_of(np.array([0.0, 0.09, 0.1, 0.3, 1.0])).tolist()
    [0, 0, 1, 3, 9]
    """
    return np.clip(np.floor(probability * BINS + 1e-9), 0, BINS - 1).astype(np.int64)


def simulated_events(
    probability: Floats, days: Ints, rng: np.random.Generator, draws: int = SIMULATIONS
) -> Floats:
    """Return events in each bin if outcomes followed the forecast's own probabilities, (draw, bin).

    Rows of one day share one draw of chance, for they share its outcome; so several cycles that speak of
    the same day do not feign a larger sample.

    >>> simulated_events(np.array([0.0, 1.0]), np.arange(2), np.random.default_rng(0), 1).tolist()
    [[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]]
    """
    which = bin_of(probability)
    _, day = np.unique(days, return_inverse=True)
    order = np.argsort(which, kind="stable")
    chance = rng.random((draws, int(day.max(initial=0)) + 1), np.float32)
    happened = chance[:, day[order]] < probability[order].astype(np.float32)
    used, starts = np.unique(which[order], return_index=True)
    counts = np.zeros((draws, BINS))
    if len(used):
        counts[:, used] = np.add.reduceat(happened, starts, axis=1, dtype=np.int32)
    return counts


def reliability_table(probability: Floats, event: Events, simulated: Floats) -> pd.DataFrame:
    """Return for every bin how often the event followed, and how often it would have by calibrated chance.

    Parameters
    ----------
    probability, event : (row,)
    simulated : of :func:`simulated_events`

    Returns
    -------
    a row for each bin that was used: ``bin``, ``n``, ``mean_probability``, ``observed_frequency``, and
    ``band_low`` and ``band_high``, between which the frequency of a perfectly calibrated forecast with the
    same probabilities lies nine times in ten

    References
    ----------
    Bröcker and Smith (2007), https://doi.org/10.1175/WAF993.1 (consistency bars)

    Examples
    --------
    >>> p, e = np.array([0.12, 0.18, 0.95]), np.array([False, True, True])
    >>> table = reliability_table(p, e, simulated_events(p, np.arange(3), np.random.default_rng(0)))
    >>> table[["n", "mean_probability", "observed_frequency"]].values.tolist()
    [[2.0, 0.15, 0.5], [1.0, 0.95, 1.0]]
    """
    which = bin_of(probability)
    n = np.bincount(which, minlength=BINS)
    used = n > 0
    mean = np.bincount(which, probability, BINS)[used] / n[used]
    seen = np.bincount(which, event.astype(float), BINS)[used] / n[used]
    low, high = np.quantile(simulated[:, used] / n[used], [0.05, 0.95], axis=0)
    return pd.DataFrame(
        {
            "bin": np.flatnonzero(used),
            "n": n[used],
            "mean_probability": mean,
            "observed_frequency": seen,
            "band_low": low,
            "band_high": high,
        }
    )


def calibration_error(probability: Floats, event: Events) -> float:
    """Return the mean distance between probability and frequency over the bins, weighted by their rows.

    Also known as expected calibration error (Naeini et al. 2015); NaN without rows.

    >>> round(calibration_error(np.array([0.2, 0.2, 0.8]), np.array([False, True, True])), 6) == round(
    ...     2 / 3 * abs(0.2 - 0.5) + 1 / 3 * abs(0.8 - 1), 6)
    True
    """
    if not len(probability):
        return float("nan")
    gap = np.bincount(bin_of(probability), probability - event, BINS)
    return float(np.abs(gap).sum() / len(probability))


def calibrated_range(probability: Floats, simulated: Floats) -> tuple[float, float, float]:
    """Return 5 %, 50 % and 95 % quantile of the calibration error that a perfect forecast would have.

    Parameters
    ----------
    probability : (row,)
    simulated : of :func:`simulated_events`; chance alone makes the errors

    Examples
    --------
    >>> p = np.full(200, 0.3)
    >>> low, middle, high = calibrated_range(p, simulated_events(p, np.arange(200), np.random.default_rng(1)))
    >>> 0 <= low < middle < high < 0.1
    True
    """
    if not len(probability):
        return (float("nan"),) * 3
    expected = np.bincount(bin_of(probability), probability, BINS)
    errors = np.abs(simulated - expected).sum(axis=1) / len(probability)
    low, middle, high = np.quantile(errors, [0.05, 0.5, 0.95])
    return float(low), float(middle), float(high)


def decomposition(probability: Floats, event: Events) -> dict[str, float]:
    """Split the Brier score: reliability − resolution + uncertainty + what varies within the bins.

    Returns
    -------
    ``reliability``, ``resolution``, ``uncertainty``, ``within_bins`` and ``brier_score``; NaN without rows

    References
    ----------
    Murphy (1973), https://doi.org/10.1175/1520-0450(1973)012<0595:ANVPOT>2.0.CO;2; the term within bins
    after Stephenson et al. (2008), https://doi.org/10.1175/2007WAF2006116.1.

    Examples
    --------
    >>> parts = decomposition(np.array([0.25, 0.25, 0.75, 0.75]), np.array([False, True, True, True]))
    >>> [parts[k] for k in ("reliability", "resolution", "uncertainty", "within_bins")] == [
    ...     0.5 * 0.25**2 + 0.5 * 0.25**2, 0.25**2, 0.75 * 0.25, 0.0]
    True
    """
    names = ("reliability", "resolution", "uncertainty", "within_bins", "brier_score")
    if not len(probability):
        return dict.fromkeys(names, float("nan"))
    which = bin_of(probability)
    n = np.bincount(which, minlength=BINS)
    weight, count = n / n.sum(), np.maximum(n, 1)
    mean = np.bincount(which, probability, BINS) / count
    seen = np.bincount(which, event.astype(float), BINS) / count
    overall = float(event.mean())
    off, missed = probability - mean[which], event - seen[which]
    parts = (
        float((weight * (mean - seen) ** 2).sum()),
        float((weight * (seen - overall) ** 2).sum()),
        overall * (1 - overall),
        float(np.mean(off**2 - 2 * off * missed)),
        float(np.mean((probability - event) ** 2)),
    )
    return dict(zip(names, parts, strict=True))
