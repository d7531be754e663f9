"""Means over windows of series with gaps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from forecasting.targets import Floats


def window_means(rows: Floats, newest: npt.NDArray[np.int64], windows: Sequence[tuple[int, int]]) -> Floats:
    """Return means of the finite values over windows counted back from each row's newest position.

    Parameters
    ----------
    rows : (series, hour)
    newest : (series,) position of the newest value; −1 gives NaN

    Returns
    -------
    (series, window)

    Examples
    --------
    >>> window_means(np.array([[1.0, 2.0, np.nan, 6.0]]), np.array([3]), [(0, 1), (0, 3), (2, 4)]).tolist()
    [[6.0, 4.0, 1.5]]
    """
    known = np.isfinite(rows)
    pad = ((0, 0), (1, 0))
    total = np.pad(np.cumsum(np.where(known, rows, 0.0), axis=1), pad)
    count = np.pad(np.cumsum(known, axis=1), pad)
    back = np.array(windows)
    high = np.clip(newest[:, None] + 1 - back[None, :, 0], 0, rows.shape[1])
    low = np.clip(newest[:, None] + 1 - back[None, :, 1], 0, rows.shape[1])
    line = np.arange(len(rows))[:, None]
    n = count[line, high] - count[line, low]
    mean = (total[line, high] - total[line, low]) / np.maximum(n, 1)
    return np.where((n > 0) & (newest >= 0)[:, None], mean, np.nan)


def newest_known(rows: Floats, oldest_allowed: int) -> npt.NDArray[np.int64]:
    """Return each row's last finite position, or −1 when it lies before ``oldest_allowed``."""
    known = np.isfinite(rows)
    last = rows.shape[1] - 1 - np.argmax(known[:, ::-1], axis=1)
    return np.where(known.any(axis=1) & (last >= oldest_allowed), last, -1)


def mean_of_known(blocks: Floats) -> Floats:
    """Return the mean over the first axis of what is known; NaN where nothing is."""
    known = np.isfinite(blocks)
    n = known.sum(axis=0)
    return np.where(n > 0, np.where(known, blocks, 0.0).sum(axis=0) / np.maximum(n, 1), np.nan)
