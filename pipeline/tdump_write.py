"""NOAA's ``tdump`` as text: the columns of HYSPLIT's present format, whatever was read."""

from __future__ import annotations

from typing import Final

import numpy as np

from pipeline.errors import ContractError
from pipeline.tdump import NAME_WIDTH, Tdump, TdumpPoint

ID_WIDTH: Final = 4
"""Names of models have four characters, set to the right of a column of eight."""
WIDEST: Final = 99_999
"""The largest number of a column of six characters that stays apart from its neighbour."""


def format_tdump(said: Tdump) -> str:
    """Return the text of a tdump; reading it gives the same again, to its decimals.

    Raises
    ------
    ContractError
        more trajectories than the columns hold

    Examples
    --------
    >>> from pipeline.tdump import MetGrid, TdumpStart, parse_tdump
    >>> hour = np.datetime64("2026-02-13T13", "ns")
    >>> one = Tdump((MetGrid("GFSQ", hour, 0),), "BACKWARD", "OMEGA",
    ...     (TdumpStart(hour, 37.5, 127.0, 850.0),), ("PRESSURE",),
    ...     (TdumpPoint(1, 1, hour, 0, 0.0, 37.5, 127.0, 850.0, (909.2,)),))
    >>> print(format_tdump(one))  # doctest: +NORMALIZE_WHITESPACE
         1     1
        GFSQ    26     2    13    13     0
         1 BACKWARD OMEGA
        26     2    13    13   37.500  127.000   850.0
         1 PRESSURE
         1     1    26     2    13    13     0     0     0.0   37.500  127.000    850.0    909.2
    >>> parse_tdump(format_tdump(one), "x") == one
    True
    """
    if len(said.starts) > WIDEST:
        raise ContractError(f"a tdump holds at most {WIDEST} trajectories, not {len(said.starts)}")
    n = said.decimals
    lines = [f"{len(said.grids):6d}{n:6d}"]
    lines += [f"{g.name[:NAME_WIDTH].ljust(ID_WIDTH):>8s}{_hour(g.time)}{g.forecast:6d}" for g in said.grids]
    lines.append(f"{len(said.starts):6d} {said.direction:<8s} {said.vertical[:NAME_WIDTH]:<8s}")
    lines += [
        f"{_hour(s.time)}{s.latitude:9.3f}{s.longitude:9.3f}{s.height:{6 + 2 * n}.{n}f}" for s in said.starts
    ]
    names = "".join(f" {name[:NAME_WIDTH]:<8s}" for name in said.diagnostics)
    lines.append(f"{len(said.diagnostics):6d}{names}")
    lines += [_point(point, n) for point in said.points]
    return "\n".join(lines) + "\n"


def _hour(time: np.datetime64) -> str:
    """Return year (two digits), month, day and hour in columns of six."""
    text = np.datetime_as_string(time, "h")
    return "".join(f"{int(part):6d}" for part in (text[2:4], text[5:7], text[8:10], text[11:13]))


def _point(point: TdumpPoint, n: int) -> str:
    minute = int(np.datetime_as_string(point.time, "m")[14:16])
    numbers = f"{point.trajectory:6d}{point.grid:6d}{_hour(point.time)}{minute:6d}{point.forecast:6d}"
    place = f"{point.age:8.{n}f}{point.latitude:9.3f}{point.longitude:9.3f}{point.height:{8 + n}.{n}f}"
    return numbers + place + "".join(f" {value:{7 + n}.{n}f}" for value in point.diagnostics)
