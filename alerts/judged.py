"""What an evaluator of a rule finds: the level that every path reaches, or why that cannot be told."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Levels = npt.NDArray[np.int64]


class Undecidable(Exception):
    """The data cannot decide a rule; the text says why and goes into the finding."""


@dataclass(frozen=True)
class Judged:
    """Level number of every path, what the numbers rest on, and what a reader must know."""

    levels: Levels
    basis: str
    quantities: tuple[str, ...]
    note: str = ""
