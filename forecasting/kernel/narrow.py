"""A fit cut down to what some kernels read, so that asking it of one city costs no more with more cities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from forecasting.kernel.gram import Gram
from forecasting.kernel.hour import HourModel, fewer
from forecasting.outputs import Ints


def narrowed(fitted: HourModel, keys: Sequence[str], columns: int) -> tuple[HourModel, Ints]:
    """Return a fit that predicts the outputs of some kernels from shorter situations: the same numbers.

    Where they read at least half of the columns nothing is gained, and the fit itself is returned.

    Parameters
    ----------
    columns : length of a situation of the fit

    Returns
    -------
    the fit, and the positions in the situation (column,) that it reads
    """
    grams = {key: fitted.grams[key] for key in keys}
    used = np.zeros(len(fitted.kept), bool)
    for gram in grams.values():
        used |= gram.weights != 0
        used[gram.season] = True
        if len(gram.own):
            used |= gram.own != 0
    if 2 * used.sum() >= len(used):
        return fitted, np.arange(columns)
    base = fewer(fitted, used)
    read = np.unique(np.concatenate([base.kept, fitted.covariates, fitted.level[fitted.level >= 0]]))
    slim = replace(
        base,
        kept=np.searchsorted(read, base.kept),
        whole=base.z,
        left=np.arange(len(base.kept)),
        grams={key: _of(gram, used) for key, gram in grams.items()},
        covariates=np.searchsorted(read, fitted.covariates),
        level=np.where(fitted.level >= 0, np.searchsorted(read, fitted.level), -1),
    )
    return slim, read


def _of(gram: Gram, used: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Gram:
    own = gram.own[used] if len(gram.own) else gram.own
    return replace(gram, weights=gram.weights[used], own=own, season=int(used[: gram.season].sum()))
