"""Kernel ridge regression of many outputs at once, with errors that every part of the past made unseen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import lapack

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MARGIN = np.timedelta64(5, "D").astype("timedelta64[ns]")
"""Issues this close to a held-out block are held out with it: their forecasts reach into it."""

FEWEST_BLOCKS = 6


@dataclass(frozen=True)
class Inverse:
    """The inverse of K + penalty I as the product W' W, of which only what is asked for is computed.

    Parameters
    ----------
    root : (row, row) W, lower triangular: the inverse of the Cholesky factor
    """

    root: Floats

    def __matmul__(self, right: Floats) -> Floats:
        """Return the product with (row, column)."""
        return np.asarray(self.root.T @ (self.root @ right), np.float64)

    def times(self, rows: Ints, right: Floats) -> Floats:
        """Return the product with a matrix that is 0 but for some rows."""
        return np.asarray(self.root.T @ (self.root[:, rows] @ right), np.float64)

    def block(self, rows: Ints) -> Floats:
        """Return the part of some ascending rows and the same columns."""
        part = self.root[rows[0] :, rows] if len(rows) else self.root[:, rows]
        return np.asarray(part.T @ part, np.float64)


def inverse(kernel: Floats, penalty: float) -> Inverse:
    """Return (K + penalty I)^-1 of a symmetric positive kernel.

    Examples
    --------
    >>> inverse(np.array([[1.0, 0.5], [0.5, 1.0]]), 1.0).block(np.arange(2)).round(4).tolist()
    [[0.5333, -0.1333], [-0.1333, 0.5333]]
    """
    ridge = np.array(kernel.T, np.float64, order="F", copy=True)
    ridge[np.diag_indices_from(ridge)] += penalty
    factor, failed = lapack.dpotrf(ridge, lower=1, overwrite_a=1, clean=1)
    root, bad = lapack.dtrtri(factor, lower=1, overwrite_c=1)
    if failed or bad:
        raise np.linalg.LinAlgError("the kernel is not positive definite")
    return Inverse(root)


def coefficients(inverted: Inverse, truth: Floats) -> Floats:
    """Solve for the coefficients of every output; unknown truths do not count.

    An unknown truth is filled with what the fit of the others says of it, which leaves its row the
    coefficient 0: the fit is that of the known rows alone.

    Parameters
    ----------
    inverted : (row, row) from ``inverse``
    truth : (row, output), NaN where unknown

    Returns
    -------
    (row, output), 0 where the truth is unknown

    Examples
    --------
    >>> inv = inverse(np.array([[1.0, 0.5], [0.5, 1.0]]), 1.0)
    >>> coefficients(inv, np.array([[4.0], [np.nan]])).round(6).ravel().tolist()
    [2.0, 0.0]
    """
    unknown = ~np.isfinite(truth)
    solved: Floats = inverted @ np.where(unknown, 0.0, truth)
    gaps = np.flatnonzero(unknown.any(axis=0))
    patterns, member = np.unique(np.packbits(unknown[:, gaps], axis=0), axis=1, return_inverse=True)
    for k in range(patterns.shape[1] if len(gaps) else 0):
        columns = gaps[member.ravel() == k]
        rows = np.flatnonzero(unknown[:, columns[0]])
        filled = np.linalg.solve(inverted.block(rows), solved[np.ix_(rows, columns)])
        solved[:, columns] -= inverted.times(rows, filled)
        solved[np.ix_(rows, columns)] = 0.0
    return solved


def held_out_errors(inverted: Inverse, solved: Floats, blocks: Sequence[tuple[Ints, Ints]]) -> Floats:
    """Return truth minus forecast for every row, forecast by a fit that never saw the row's block.

    Removing block B from kernel ridge regression leaves errors ((K + pI)^-1)_BB^-1 a_B, where ``a`` are the
    coefficients of the whole fit: no fit has to be repeated (Rasmussen & Williams 2006, section 5.4.2, for
    blocks).

    Parameters
    ----------
    inverted, solved : of the whole fit
    blocks : pairs of (rows held out together, those of them whose errors are kept), ascending

    Examples
    --------
    >>> k = np.array([[2.0, 1.0], [1.0, 2.0]])
    >>> inv, y = inverse(k, 1.0), np.array([[3.0], [2.0]])
    >>> one, two = np.array([0]), np.array([1])
    >>> held_out_errors(inv, inv @ y, [(one, one), (two, two)]).round(6)
    array([[2.333333],
           [1.      ]])
    """
    errors = np.full(solved.shape, np.nan)
    for out, kept in blocks:
        if len(kept):
            found = np.linalg.solve(inverted.block(out), solved[out])
            errors[kept] = found[np.searchsorted(out, kept)]
    return errors


def year_blocks(issues: npt.NDArray[np.datetime64]) -> list[tuple[Ints, Ints]]:
    """Return whole calendar years to hold out, with MARGIN about them; shorter blocks for a short past.

    Parameters
    ----------
    issues : (row,) ascending instants

    Returns
    -------
    pairs of (rows held out together, rows of the block itself)
    """
    years = issues.astype("M8[Y]").astype(np.int64)
    label = years - years.min() if len(issues) else years
    if len(np.unique(label)) < FEWEST_BLOCKS - 2:
        span = (issues - issues[:1]) / np.timedelta64(1, "D")
        width = max(float(span.max(initial=1.0)) / FEWEST_BLOCKS, 1.0)
        label = np.minimum(span // width, FEWEST_BLOCKS - 1).astype(np.int64)
    found = []
    for one in np.unique(label):
        kept = np.flatnonzero(label == one)
        near = (issues >= issues[kept[0]] - MARGIN) & (issues <= issues[kept[-1]] + MARGIN)
        found.append((np.flatnonzero(near), kept))
    return found
