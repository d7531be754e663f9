"""Listening: on loopback unless told otherwise, and beyond it only where TLS keeps what is typed secret."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from pipeline.errors import UsageError
from pipeline.ledger import open_ledger
from pipeline.settings import Settings
from pipeline.times import Clock, system_clock
from review.accounts.book import first_links, welcome_path
from review.app import create_app, create_public_app
from review.doing import Doing, Operating
from review.exchange_api import ReceiverOf
from review.monitoring import create_monitor_app
from review.security import LOOPBACK_HOSTS

MOST_CONNECTIONS: Final = 200
"""Connections at once; further ones are answered 503."""


@dataclass(frozen=True)
class Listening:
    """Where to listen, and who keeps it secret.

    ``tls`` names the files of a certificate chain and its private key; ``behind`` is the address of a web
    server in front that speaks TLS, which is believed when it says from where somebody came. Without
    either it is plain HTTP.
    """

    host: str = "127.0.0.1"
    port: int = 8765
    tls: tuple[Path, Path] | None = None
    behind: str = ""

    @property
    def is_loopback(self) -> bool:
        """Tell whether nobody but this machine reaches it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def base(self, settings: Settings) -> str:
        """Return the address under which people reach it.

        >>> Listening().base(Settings()), Listening("::1", 9000).base(Settings())
        ('http://127.0.0.1:8765', 'http://[::1]:9000')
        """
        host = f"[{self.host}]" if ":" in self.host else self.host
        return settings.review_url or f"{'https' if self.tls else 'http'}://{host}:{self.port}"

    def check(self, settings: Settings) -> None:
        """Refuse to send passwords and cookies in the clear.

        Raises
        ------
        UsageError
            beyond loopback without TLS, or behind a web server whose address nobody has named

        Examples
        --------
        >>> Listening("0.0.0.0").check(Settings())
        Traceback (most recent call last):
        ...
        pipeline.errors.UsageError: 0.0.0.0 is reached from other machines; give --certificate and ...
        """
        if not (self.is_loopback or self.tls or self.behind):
            raise UsageError(
                f"{self.host} is reached from other machines; give --certificate and --private-key, or"
                " --behind ADDRESS of the web server that speaks TLS in front"
            )
        if self.behind and not settings.review_url.startswith("https:"):
            raise UsageError("behind a web server, set SAMEAIR_REVIEW_URL to its https:// address")

    def hosts(self, settings: Settings) -> tuple[str, ...]:
        """Return the names under which it answers: this machine's, and those that it was given."""
        given = {urlsplit(settings.review_url).hostname or "", self.host} - {"", "0.0.0.0", "::"}  # noqa: S104
        named = {f"[{name}]" if ":" in name else name for name in given}
        return tuple(sorted({*LOOPBACK_HOSTS, *named}))

    def options(self) -> dict[str, Any]:
        """Return how the server is started."""
        certificate, key = self.tls or (None, None)
        return {
            "host": self.host,
            "port": self.port,
            "server_header": False,
            "log_level": "warning",
            "log_config": None,
            "limit_concurrency": MOST_CONNECTIONS,
            "ssl_certfile": certificate,
            "ssl_keyfile": key,
            "proxy_headers": bool(self.behind),
            "forwarded_allow_ips": self.behind or None,
        }


def serve(
    settings: Settings,
    listening: Listening,
    *,
    public: bool = False,
    receiver_of: ReceiverOf | None = None,
    doing: Doing | None = None,
) -> None:
    """Serve the pages, or only what is public, until interrupted."""
    import uvicorn

    if public:
        app = create_public_app(settings, receiver_of=receiver_of)
    else:
        listening.check(settings)
        app = create_app(settings, allowed_hosts=listening.hosts(settings), doing=doing)
    uvicorn.run(app, **listening.options())


def serve_monitor(settings: Settings, listening: Listening, operating: Operating) -> None:
    """Serve health, readiness and figures to this machine's own watchers until interrupted.

    Raises
    ------
    UsageError
        it would be reached from other machines
    """
    import uvicorn

    if not listening.is_loopback:
        raise UsageError(
            f"{listening.host} is reached from other machines; take /metrics of `sameair review`"
        )
    uvicorn.run(create_monitor_app(settings, operating), **listening.options())


def first_addresses(settings: Settings, base: str, clock: Clock = system_clock) -> dict[str, str]:
    """Return the link with which a party's first operator sets a password, by party; none once there is one.

    A party's node has an operator of that party, a node of all parties one of each.
    """
    ledger = open_ledger(settings.ledger)
    try:
        with ledger.write() as conn:
            tokens = first_links(conn, settings.party, clock())
    finally:
        ledger.close()
    return {party: base + welcome_path(token) for party, token in tokens.items()}
