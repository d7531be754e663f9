"""The list of sources: what each adds, and the feeds that an installation has of them."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Final

from pydantic import SecretStr

from ingest.feeds import About, Feed, SourceConfig

MODULES: Final = {
    "airkorea": "ingest.airkorea",
    "seoul": "ingest.seoul",
    "cnemc": "ingest.cnemc",
    "exchange": "ingest.exchange.feed",
    "openaq": "ingest.openaq",
    "open_meteo": "ingest.open_meteo",
    "kma": "ingest.kma",
    "ecmwf": "ingest.ecmwf",
}
"""Where each source is read; every module has ABOUT and feeds(config)."""

ANY_KEY: Final = SecretStr("none")
"""Stands for a key where nothing is asked of a real service."""
_NO_FOLDER: Final = Path("nowhere")


def all_feeds(configs: Mapping[str, SourceConfig]) -> list[Feed]:
    """Return the feeds of every source; a source that needs a key and has none has no feed.

    Parameters
    ----------
    configs : by source; one that is not named is asked at its published address without a key
    """
    return [
        feed
        for name, module in _modules().items()
        for feed in module.feeds(configs.get(name, SourceConfig()))
    ]


def readers() -> dict[str, Feed]:
    """Return every feed by its name, only for reading answers: its address and key are none."""
    configs = {name: SourceConfig(key=ANY_KEY, folder=_NO_FOLDER) for name in MODULES}
    return {feed.name: feed for feed in all_feeds(configs)}


def abouts() -> list[About]:
    """Return what a person must know of each source."""
    return [module.ABOUT for module in _modules().values()]


def _modules() -> dict[str, ModuleType]:
    found = {}
    for name, path in MODULES.items():
        try:
            module = importlib.import_module(path)
        except ModuleNotFoundError:
            continue
        if hasattr(module, "feeds"):
            found[name] = module
    return found
