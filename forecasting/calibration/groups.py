"""Groups of outputs: whose errors are pooled with whose, from a bin of lead to a city to everything."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Groups:
    """A tree of outputs with three levels: group, family, everything.

    Parameters
    ----------
    group : (output,) number of the group, 0 … ; for example city, quantity and bin of lead
    family : (group,) number of the family of each group; for example city and quantity
    """

    group: Ints
    family: Ints

    @property
    def count(self) -> int:
        """Return how many groups there are."""
        return len(self.family)

    @property
    def families(self) -> int:
        """Return how many families there are."""
        return int(self.family.max(initial=-1)) + 1


def groups_of(*labels: npt.ArrayLike) -> Groups:
    """Give outputs the numbers of their groups by labels.

    Parameters
    ----------
    labels : arrays (output,), coarse ones first; outputs that agree in all are a group, groups that agree
        in all but the last are a family

    Examples
    --------
    >>> tree = groups_of(["seoul", "seoul", "beijing"], [1, 2, 1])
    >>> tree.group.tolist(), tree.family.tolist()
    ([1, 2, 0], [0, 1, 1])
    """
    keys = np.array(list(zip(*(np.asarray(a).astype(str) for a in labels), strict=True)), dtype=str)
    unique, group = np.unique(keys, axis=0, return_inverse=True)
    _, family = np.unique(unique[:, :-1], axis=0, return_inverse=True)
    return Groups(group.reshape(-1).astype(np.int64), family.reshape(-1).astype(np.int64))
