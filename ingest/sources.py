"""The list of sources: what each adds, and the feeds that an installation has of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Final

from pydantic import SecretStr

from ingest import airkorea, cnemc, ecmwf, kma, open_meteo, openaq, seoul
from ingest.exchange import feed as exchange
from ingest.feeds import About, Feed, SourceConfig

MODULES: Final[Mapping[str, ModuleType]] = {
    "airkorea": airkorea,
    "seoul": seoul,
    "cnemc": cnemc,
    "exchange": exchange,
    "openaq": openaq,
    "open_meteo": open_meteo,
    "kma": kma,
    "ecmwf": ecmwf,
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
        feed for name, module in MODULES.items() for feed in module.feeds(configs.get(name, SourceConfig()))
    ]


def readers() -> dict[str, Feed]:
    """Return every feed by its name, only for reading answers: its address and key are none."""
    configs = {name: SourceConfig(key=ANY_KEY, folder=_NO_FOLDER) for name in MODULES}
    return {feed.name: feed for feed in all_feeds(configs)}


def abouts() -> list[About]:
    """Return what a person must know of each source."""
    return [module.ABOUT for module in MODULES.values()]
