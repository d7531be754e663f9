"""How alike two situations are: a linear kernel that knows the season, and a Gaussian one, added."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float32]
Halves = npt.NDArray[np.float16]

LINEAR, GAUSSIAN, CONSTANT = 0.1, 0.5, 1.0
"""Weights of the linear kernel, the Gaussian kernel and the free constant, see docs/model.md for the table
behind this choice; the two kernels together did better than either, at every lead."""

GAMMA = 0.7
"""Width of the Gaussian kernel: situations at the median distance are exp(−GAMMA) alike."""

SEASON_SHARE = 0.25
"""Part of the linear kernel that may have other coefficients in winter than in summer."""

BLOCK = 128
"""Rows of a kernel that are made of products together, so that they stay in the processor's cache."""

LARGEST = 4.0
"""Standard deviations beyond which a feature counts no further."""


@dataclass(frozen=True)
class Scaling:
    """Mean and spread of every column in training, by which situations are standardised.

    Parameters
    ----------
    mean, spread : (column,) in the units of the columns
    """

    mean: npt.NDArray[np.float32]
    spread: npt.NDArray[np.float32]

    def apply(self, values: Matrix) -> Matrix:
        """Return standardised columns; what is unknown counts as its mean, what is extreme as LARGEST.

        Examples
        --------
        >>> scaling = Scaling(np.array([10.0], np.float32), np.array([2.0], np.float32))
        >>> scaling.apply(np.array([[12.0], [np.nan], [99.0]], np.float32)).ravel().tolist()
        [1.0, 0.0, 4.0]
        """
        z = (values - self.mean) / self.spread
        return np.clip(np.where(np.isfinite(z), z, 0.0), -LARGEST, LARGEST).astype(np.float32)


def scaling_of(values: Matrix) -> Scaling:
    """Return the scaling of training situations (issue, column); a constant column is switched off."""
    known = np.isfinite(values)
    count = np.maximum(known.sum(axis=0), 1)
    filled = np.where(known, values, 0.0).astype(np.float64)
    mean = filled.sum(axis=0) / count
    variance = (np.where(known, filled - mean, 0.0) ** 2).sum(axis=0) / count
    spread = np.where(variance > 1e-10, np.sqrt(variance), np.inf)
    return Scaling(mean.astype(np.float32), spread.astype(np.float32))


@dataclass(frozen=True)
class Gram:
    """Kernel of one city: which columns count how much, and the sizes that make it comparable.

    Parameters
    ----------
    weights : (column,) factor of every standardised column
    season : position of the column with the annual cosine
    length, distance : mean squared length and median squared distance of weighted training situations
    own : (column,) factor of the columns whose coefficients are all but free, see ``weights.own_factors``;
        empty where there are none
    """

    weights: npt.NDArray[np.float32]
    season: int
    length: float
    distance: float
    own: npt.NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))

    def between(self, one: Matrix | Floats | Halves, other: Matrix | Halves) -> Floats:
        """Return the kernel of standardised situations, (row of one, row of other).

        Only the columns that count are read; those kept in half precision are brought to single first.

        ``c + LINEAR <a,b> (1 + SEASON_SHARE s_a s_b) / length + GAUSSIAN exp(-GAMMA |a-b|² / distance)
        + <own a, own b>``
        """
        used, free = np.flatnonzero(self.weights), np.flatnonzero(self.own)
        a = _single(one[:, used]) * self.weights[used]
        b = a if one is other else _single(other[:, used]) * self.weights[used]
        products = a @ b.T
        length = np.einsum("ij,ij->i", b, b, dtype=np.float64)
        own, others = (x[:, free].astype(np.float64) * self.own[free] for x in (one, other))
        found = np.empty((len(one), len(other)))
        for first in range(0, len(one), BLOCK):
            rows = slice(first, first + BLOCK)
            product = products[rows].astype(np.float64)
            squared = np.einsum("ij,ij->i", a[rows], a[rows], dtype=np.float64)[:, None] + length
            squared -= 2.0 * product
            np.maximum(squared, 0.0, out=squared)
            squared *= -GAMMA / self.distance
            np.exp(squared, out=squared)
            squared *= GAUSSIAN
            season = np.multiply.outer(
                _single(one[rows, self.season]) * (SEASON_SHARE * LINEAR / self.length),
                _single(other[:, self.season]),
            )
            season += LINEAR / self.length
            product *= season
            product += squared
            product += CONSTANT
            if len(free):
                product += own[rows] @ others.T
            found[rows] = product
        return found

    def without_own(self) -> Gram:
        """Return the kernel that tells how alike situations are as a whole, whatever was read last."""
        return replace(self, own=np.zeros(0, np.float32))

    def of(self, z: Matrix | Halves, left: npt.NDArray[np.bool_]) -> Gram:
        """Return the kernel of some of the columns only, for their standardised situations."""
        own = self.own[left] if len(self.own) else self.own
        return gram_of(z, self.weights[left], int(left[: self.season].sum()), own)


def gram_of(
    z: Matrix | Halves,
    weights: npt.NDArray[np.float32],
    season: int,
    own: npt.NDArray[np.float32] | None = None,
) -> Gram:
    """Return the kernel for standardised training situations (issue, column)."""
    a = _single(z[:, weights != 0]) * weights[weights != 0]
    squared = np.einsum("ij,ij->i", a, a, dtype=np.float64)
    factor = 1.0 + SEASON_SHARE * z[:, season].astype(np.float64) ** 2
    some = a[:: max(1, len(a) // 600)].astype(np.float64)
    far = (some**2).sum(axis=1)[:, None] + (some**2).sum(axis=1)[None, :] - 2.0 * some @ some.T
    upper = far[np.triu_indices(len(some), 1)]
    distance = float(np.median(upper)) if len(upper) else 1.0
    length = max(float((squared * factor).mean()), 1e-9)
    free = np.zeros(0, np.float32) if own is None else own
    return Gram(weights, season, length, max(distance, 1e-9), free)


def _single(values: Matrix | Floats | Halves) -> Matrix | Floats:
    """Return values of at least single precision; of half precision the same numbers."""
    return values.astype(np.float32) if values.dtype == np.float16 else values  # type: ignore[return-value]
