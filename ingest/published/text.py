"""Text tables from bytes: rows, columns by name, numbers; what cannot be read is named, never guessed."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ingest.published.table import LARGEST, LeftOut, Values, bad

Texts = npt.NDArray[np.object_]


def rows_of(
    payload: bytes, name: str, *, delimiter: str = ",", encoding: str = "utf-8-sig"
) -> list[list[str]]:
    r"""Return the rows of a delimited text file as text.

    Raises
    ------
    BadPayload
        the bytes are no text of that encoding, or quotes do not close

    Examples
    --------
    >>> rows_of('a,"b,c"\n1,2\n'.encode(), "x.csv")
    [['a', 'b,c'], ['1', '2']]
    """
    try:
        text = payload.decode(encoding)
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except (UnicodeDecodeError, csv.Error) as error:
        raise bad(name, f"is no table of text ({error})") from error


def columns_of(
    header: Sequence[str], rows: Sequence[Sequence[str]], left_out: LeftOut, first_line: int = 2
) -> dict[str, Texts]:
    """Return the columns of a table by name; rows of another length are left out, blank lines are ignored.

    Raises
    ------
    BadPayload
        two columns have the same name

    Examples
    --------
    >>> found = LeftOut("x.csv")
    >>> {k: v.tolist() for k, v in columns_of(["a", "b"], [["1", "2"], ["3"], []], found).items()}
    {'a': ['1'], 'b': ['2']}
    >>> found.count
    1
    """
    names = [name.strip() for name in header]
    if len(set(names)) < len(names):
        raise bad(left_out.name, "two columns have the same name")
    kept = []
    for line, row in enumerate(rows, first_line):
        if len(row) == len(names):
            kept.append(row)
        elif any(cell.strip() for cell in row):
            left_out.add(f"row {line}", f"has {len(row)} cells, not {len(names)}", count=len(row))
    table = np.array(kept, dtype=object).reshape(len(kept), len(names))
    return {name: table[:, at] for at, name in enumerate(names)}


def needed(columns: Mapping[str, Texts], names: Collection[str], name: str) -> None:
    """Refuse a table that lacks a column.

    >>> needed({"a": np.array([], object)}, ["a"], "x.csv")
    """
    lacking = [n for n in names if n not in columns]
    if lacking:
        raise bad(name, f"lacks the columns {lacking}", field=str(lacking[0]))


def numbers(texts: Texts, field: str, left_out: LeftOut, missing: Collection[str] = ("",)) -> Values:
    """Return texts as numbers: NaN for missing marks, and for what is no number or beyond LARGEST, left out.

    >>> found = LeftOut("x.csv")
    >>> numbers(np.array(["35", " NA", "abc"], object), "PM2.5", found, {"NA"}), found.count
    (array([35., nan, nan]), 1)
    """
    series: pd.Series[Any] = pd.Series(texts, dtype=object).astype(str).str.strip()
    absent = series.isin(list(missing)).to_numpy()
    found = pd.to_numeric(series.where(~absent, None), errors="coerce").to_numpy(dtype="float64", copy=True)
    wrong = ~absent & ~(np.abs(found) < LARGEST)
    for at in np.flatnonzero(wrong)[:5].tolist():
        left_out.add(f"value {at + 1}", f"{series.iloc[at][:40]!r} is no number", field)
    left_out.count += max(int(wrong.sum()) - 5, 0)
    found[wrong] = np.nan
    return found


def coded(texts: Texts) -> tuple[npt.NDArray[np.int32], list[str]]:
    """Return positions among the distinct texts, and these.

    >>> coded(np.array(["b", "a", "b"], object))
    (array([0, 1, 0], dtype=int32), ['b', 'a'])
    """
    codes, names = pd.factorize(pd.Series(texts, dtype=object))
    return codes.astype(np.int32), [str(n) for n in names]
