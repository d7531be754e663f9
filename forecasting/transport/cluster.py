"""Groups of paths that run alike: the pair is joined whose union adds least to the total spatial variance.

The distance of two paths is the sum of squared distances of their points of equal age, measured through the
sphere (chords), so that meridians and poles do no harm. The variance of a group is taken about the mean of
its paths' points in space. Joining by the least rise of the total is Ward's method.

References
----------
Draxler et al., HYSPLIT User's Guide, *Trajectory cluster analysis* (spatial variance, percent change);
Ward (1963), https://doi.org/10.1080/01621459.1963.10500845; Stunder (1996),
https://doi.org/10.1175/1520-0450(1996)035<1319:AAOTQO>2.0.CO;2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.cluster.hierarchy import fcluster, linkage

from pipeline.errors import ContractError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

RISES: Final = (30.0, 20.0)
"""Rise of the percent change that ends the joining [%]; the second is tried where the first finds nothing."""

MOST: Final = 20
"""Groups beyond this number are not looked at."""


@dataclass(frozen=True)
class Clusters:
    """Groups of paths.

    Parameters
    ----------
    change : (step,) percent change of the total spatial variance by joining, from the second joining on
    left : (step,) groups that are left after it
    candidates : numbers of groups where joining on would raise the percent change by RISES, and that rise [%]
    chosen : the candidate of the greatest rise; 1 where there is none
    labels : (path,) group of each path, 1 being that of most paths; 0: too short
    """

    change: Floats
    left: Ints
    candidates: dict[int, float]
    chosen: int
    labels: Ints


def cluster(latitude: Floats, longitude: Floats, number: int | None = None) -> Clusters:
    """Group paths by their points; those with an unknown point are in no group.

    Parameters
    ----------
    latitude, longitude : (path, age) [degree], the start at age 0
    number : of groups; None: chosen by the rule

    Raises
    ------
    ContractError
        fewer than three whole paths, or more groups asked for than there are paths

    Examples
    --------
    Two bundles of two paths each:

    >>> longitude = np.array([[0, 1, 2], [0, 1, 2.1], [0, -1, -2], [0, -1, -2.1]], float)
    >>> found = cluster(0 * longitude, longitude, number=2)
    >>> found.labels.tolist(), found.left.tolist()
    ([1, 1, 2, 2], [2, 1])
    """
    whole: npt.NDArray[np.bool_] = np.asarray(np.isfinite(latitude + longitude).all(axis=1))
    paths = int(whole.sum())
    if paths < 3 or (number is not None and not 1 <= number <= paths):
        raise ContractError(f"{paths} whole paths cannot be put into {number or 'several'} groups")
    tree = linkage(_in_space(latitude[whole], longitude[whole]).reshape(paths, -1), "ward")
    total = np.cumsum(tree[:, 2] ** 2 / 2)
    change = _percent(np.diff(total), total[:-1])
    left = np.arange(paths - 2, 0, -1)
    candidates = _candidates(change, left)
    chosen = max(candidates, key=lambda n: candidates[n]) if candidates else 1
    labels = np.zeros(len(whole), np.int64)
    labels[whole] = _by_size(fcluster(tree, number or chosen, "maxclust"))
    return Clusters(change, left, candidates, number or chosen, labels)


def mean_paths(latitude: Floats, longitude: Floats, labels: Ints) -> tuple[Floats, Floats]:
    """Return the mean path of each group, latitude and longitude (group, age) [degree].

    >>> lat, lon = mean_paths(np.zeros((2, 1)), np.array([[179.0], [-177.0]]), np.array([1, 1]))
    >>> lon.round(6).tolist()
    [[-179.0]]
    """
    space = _in_space(latitude, longitude)
    mean = np.stack([space[labels == k].mean(axis=0) for k in range(1, int(labels.max()) + 1)])
    x, y, z = np.moveaxis(mean, -1, 0)
    return np.degrees(np.arctan2(z, np.hypot(x, y))), np.degrees(np.arctan2(y, x))


def _in_space(latitude: Floats, longitude: Floats) -> Floats:
    phi, lam = np.radians(latitude), np.radians(longitude)
    return np.stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)], axis=-1)


def _percent(more: Floats, than: Floats) -> Floats:
    """Return a rise in percent; 0 where there was nothing, as among paths that are the same."""
    return np.asarray(np.divide(100 * more, than, out=np.zeros_like(more), where=than > 1e-12), np.float64)


def _candidates(change: Floats, left: Ints) -> dict[int, float]:
    """Return numbers of groups before a joining that raises the percent change strongly."""
    rise = _percent(np.diff(change), change[:-1])
    before = left[1:] + 1
    for least in RISES:
        found = {int(n): float(r) for n, r in zip(before, rise, strict=True) if r >= least and 1 < n <= MOST}
        if found:
            return found
    return {}


def _by_size(labels: npt.NDArray[np.int32]) -> Ints:
    """Return group numbers by size, the largest first; equal ones by their first path."""
    names, first, counts = np.unique(labels, return_index=True, return_counts=True)
    order = np.lexsort((first, -counts))
    rank = np.empty(len(names), np.int64)
    rank[order] = np.arange(1, len(names) + 1)
    found: Ints = rank[np.searchsorted(names, labels)]
    return found
