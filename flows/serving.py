"""Who keeps the schedule of a data folder: one service at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from pipeline.errors import StorageError


@contextmanager
def serving_alone(data_dir: Path) -> Iterator[None]:
    """Let one service at a time work on a data folder; the lock of a dead one is freed.

    Raises
    ------
    StorageError
        another serves it

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, serving_alone(Path(folder)):
    ...     with serving_alone(Path(folder)):
    ...         pass
    Traceback (most recent call last):
    ...
    pipeline.errors.StorageError: another `sameair serve` keeps the schedule of ...
    """
    folder = data_dir / "prefect"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / "serving.lock", timeout=0):
            yield
    except Timeout:
        raise StorageError(
            f"another `sameair serve` keeps the schedule of {data_dir}; this one does nothing: "
            "leave it to the other, or end that first"
        ) from None
