"""The packaged table of what is removed by age."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from typing import Any


@lru_cache(1)
def retention_table() -> Mapping[str, Mapping[str, Any]]:
    """Return the rules by kind and name, as ``retention.toml`` has them.

    >>> retention_table()["prefect"]["runs"]["days"]
    30
    """
    return tomllib.loads((resources.files("flows") / "retention.toml").read_text("utf-8"))
