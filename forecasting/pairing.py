"""Which member of the PM10 forecast goes with which of PM2.5: the two are forecast apart."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from forecasting.transport.dust_ahead import TOGETHER

Floats = npt.NDArray[np.float64]
GOLDEN = (np.sqrt(5.0) - 1) / 2


def couple(pm10: Floats, pm2p5: Floats, together: float = TOGETHER) -> npt.NDArray[np.int64]:
    """Return, for every member of PM2.5, the member of PM10 that goes with it; each is taken once.

    Parameters
    ----------
    pm10, pm2p5 : as many members of each (member, interval) [ug m-3]; NaN is left out of the means
    together : correlation of the normal scores of both means [1]

    Notes
    -----
    A Gaussian copula of the ranks of the means over all intervals. What is not shared comes from a Kronecker
    sequence (multiples of the golden ratio), so the same samples are always coupled in the same way.

    Examples
    --------
    >>> high = np.array([[30.0], [10.0], [20.0]])
    >>> couple(2 * high, high, together=1.0).tolist()
    [0, 1, 2]
    """
    own, other = (np.argsort(np.nanmean(v, axis=1), kind="stable") for v in (pm2p5, pm10))
    count = len(own)
    ranks = np.arange(count)
    shared = ndtri((ranks + 0.5) / count)
    apart = ndtri(np.clip((ranks * GOLDEN + 0.5) % 1.0, 1e-6, 1 - 1e-6))
    drawn = np.argsort(np.argsort(together * shared + np.sqrt(1 - together**2) * apart, kind="stable"))
    order = np.empty(count, dtype=np.int64)
    order[own] = other[drawn]
    return order
