"""The ways to the other nodes, as the settings name them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from flows.node import Node, node_of
from flows.workspace import Workspace, open_workspace
from pipeline.errors import UsageError
from pipeline.exchange.arrivals import Receiver
from pipeline.exchange.transports.folder import folder_transport
from pipeline.exchange.transports.transport import Route, Transport
from pipeline.settings import Settings

SETTING: Final = "SAMEAIR_EXCHANGE_LINKS"


def links_of(ws: Workspace, node: Node, peer: str) -> list[Transport]:
    """Return the transports to a peer, in the order of the settings; none where it has no address.

    Raises UsageError where an address cannot be understood.
    """
    return [_link(ws, node, peer, address) for address in ws.settings.exchange_links.get(peer, "").split()]


def receiver_of(settings: Settings) -> Callable[[], Receiver] | None:
    """Return what tells who takes envelopes, with the keys that count at each call; None without a party."""
    if not settings.party:
        return None
    ws = open_workspace(settings)

    def now() -> Receiver:
        node = node_of(ws)
        if node is None:
            raise UsageError("name this node's own party as SAMEAIR_PARTY to exchange envelopes")
        return node.receiver

    now()
    return now


def _link(ws: Workspace, node: Node, peer: str, address: str) -> Transport:
    """Return the transport of one address."""
    route, scheme = Route(node.party, peer), urlsplit(address).scheme
    if scheme == "https" or (scheme == "http" and urlsplit(address).hostname in ("127.0.0.1", "localhost")):
        from pipeline.exchange.transports.https import https_transport

        return https_transport(address, route, node.sender.key, ws.settings.exchange_links_ca_file, ws.clock)
    if scheme == "sftp":
        from pipeline.exchange.transports.sftp import sftp_transport
        from pipeline.sftp_session import Login

        key, hosts = ws.settings.exchange_links_key, ws.settings.exchange_links_known_hosts
        return sftp_transport(Login(f"exchange with {peer} by SFTP", address, SETTING, key, hosts), route)
    if scheme in ("", "file"):
        return folder_transport(Path(urlsplit(address).path if scheme else address), route)
    raise UsageError(
        f"{SETTING}: {scheme}:// of {peer} is no way for envelopes; give a folder, sftp:// or https://"
    )
