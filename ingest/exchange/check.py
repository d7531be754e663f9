"""Reading exchange files only to say what they hold and what is wrong with them; for those who write them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from ingest.exchange.inbox import LARGEST, files_in
from ingest.exchange.parse import parse_exchange
from pipeline.errors import SourceError, UsageError
from pipeline.files import reason


class Checked(NamedTuple):
    """What one file holds, and what is wrong with it."""

    file: str
    bulletins: int = 0
    values: int = 0
    stations: int = 0
    complaints: tuple[str, ...] = ()


def check_files(paths: Iterable[Path], now: datetime) -> list[Checked]:
    """Return of each file how much of it reads and every complaint; folders stand for the files in them.

    Raises
    ------
    UsageError
        a file cannot be opened

    Examples
    --------
    >>> import tempfile
    >>> from datetime import UTC
    >>> path = Path(tempfile.mkdtemp()) / "forecast.csv"
    >>> _ = path.write_text("#format,sameair-exchange")
    >>> check_files([path], datetime(2026, 1, 15, tzinfo=UTC))[0].complaints
    ('the file has no #end line; it was cut off (field #end)',)
    """
    found = [file for path in paths for file in (files_in(path) if path.is_dir() else [path])]
    return [_checked(path, now) for path in found]


def _checked(path: Path, now: datetime) -> Checked:
    try:
        if path.stat().st_size > LARGEST:
            return Checked(path.name, complaints=(f"larger than {LARGEST // 2**20} MiB",))
        parsed = parse_exchange(path.read_bytes(), now)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {reason(error)}") from error
    except SourceError as error:
        return Checked(path.name, complaints=(_said(error),))
    complaints = tuple(_said(error) for error in parsed.left_out)
    return Checked(
        path.name, len(parsed.bulletins), len(parsed.observations), len(parsed.stations), complaints
    )


def _said(error: SourceError) -> str:
    return error.what + (f" (field {error.field})" if error.field else "")
