"""The live sources of an installation: their settings, their feeds, and the session they are asked by."""

from __future__ import annotations

from pydantic import SecretStr

from flows.workspace import Workspace
from ingest.feeds import Feed, SourceConfig
from ingest.simulated.loading import simulated_feeds
from ingest.sources import MODULES, all_feeds
from pipeline.forecast_store import ForecastStore
from pipeline.http import PoliteHttp
from pipeline.http_session import new_session
from pipeline.names import is_simulated
from pipeline.settings import Settings
from pipeline.storage.opening import FIELDS, stored_in

EXCHANGE = "exchange"
"""The source that is a folder: it is looked into also where no service may be asked."""


def source_configs(settings: Settings) -> dict[str, SourceConfig]:
    """Return what the settings say of each source.

    >>> configs = source_configs(Settings(kma_key=SecretStr("k"), source_urls={"cnemc": "https://relay"}))
    >>> configs["kma"].key, configs["cnemc"].base_url
    (SecretStr('**********'), 'https://relay')
    """
    keys = {
        "airkorea": settings.airkorea_key,
        "seoul": settings.seoul_key,
        "openaq": settings.openaq_key,
        "kma": settings.kma_key,
    }
    configs = {
        name: SourceConfig(keys.get(name, SecretStr("")), settings.source_urls.get(name, ""))
        for name in MODULES
    }
    configs[EXCHANGE] = SourceConfig(
        base_url=settings.exchange_sftp,
        folder=settings.inbox_dir,
        key_file=settings.exchange_sftp_key,
        known_hosts=settings.exchange_sftp_known_hosts,
    )
    return configs


def feeds_of(ws: Workspace, world: str) -> list[Feed]:
    """Return the feeds of a world that this installation asks, switched-off sources left out."""
    if is_simulated(world):
        return simulated_feeds()
    found = all_feeds(source_configs(ws.settings))
    return [feed for feed in found if feed.source not in ws.settings.sources_off]


def http_of(ws: Workspace) -> PoliteHttp:
    """Return the one session through which all services are asked."""
    return PoliteHttp(new_session(ws.settings.source_ca_file), ws.ledger, ws.clock)


def forecasts_of(ws: Workspace) -> ForecastStore:
    """Return the store of other agencies' forecast fields."""
    return ForecastStore(stored_in(ws.settings, FIELDS), ws.ledger, ws.clock)
