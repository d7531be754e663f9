"""From settings to the place where something lies."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pipeline.settings import Settings
from pipeline.storage.bucket import Bucket
from pipeline.storage.cache import Cache
from pipeline.storage.objects import ObjectFolder

MEGABYTE: Final = 10**6
OBSERVATIONS: Final = "observations"
FIELDS: Final = "forecast_fields"


def stored_in(settings: Settings, name: str) -> Path | ObjectFolder:
    """Return the folder of the disk, or of object storage, in which a store keeps its files.

    Parameters
    ----------
    name : ``observations`` or ``forecast_fields``

    Examples
    --------
    >>> stored_in(Settings(data_dir=Path("var")), OBSERVATIONS).as_posix()
    'var/observations'
    >>> stored_in(Settings(storage_url="s3://air/seoul"), OBSERVATIONS).shown("measured")
    's3://air/seoul/observations/measured'
    """
    if not settings.storage_url:
        return settings.data_dir / name
    limit = settings.storage_cache_mb * MEGABYTE
    cache = Cache(settings.data_dir / "cache" / "objects", limit) if limit else None
    return ObjectFolder(Bucket.of(settings), name, cache)
