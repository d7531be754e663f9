"""The mail server of an accelerated year: it can be away, refuse, hang up, and remembers everything."""

import asyncio
import os
import random
import signal
import socket
from dataclasses import dataclass
from email import message_from_bytes, policy

from aiosmtpd.controller import Controller

OPERATOR = "duty@node.example"


@dataclass(frozen=True)
class Taken:
    """A mail that arrived: when in true time, whether its sender heard so, and what an operator reads."""

    message_id: str
    to: str
    at: object
    told: bool
    text: str


class Post:
    """Says what the year's faults make it say; what it took has arrived, whatever the sender heard."""

    def __init__(self, seed):
        self.mode, self.at, self.taken, self.refused = "", None, [], []
        self.rng, self.deadly, self.kill = random.Random(seed), None, lambda: None
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self._server = None

    def set(self, mode, at):
        """Let this be wrong from now on; a server that refuses connections is not there."""
        self.mode, self.at = mode, at
        if mode == "refused":
            self.stop()
        elif self._server is None:
            self._server = Controller(self, hostname="127.0.0.1", port=self.port)
            self._server.start()

    def stop(self):
        """Take the server away."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    async def handle_MAIL(self, _server, _session, envelope, address, options):
        """Take a sender, or close down."""
        if self.mode == "421":
            return "421 closing down"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(self, _server, _session, envelope, address, _options):
        """Take a recipient, or refuse for now or for good."""
        if self.mode in ("4xx", "5xx"):
            self.refused.append((address, self.at, self.mode))
            return "451 try again later" if self.mode == "4xx" else "550 no such user here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, _session, envelope):
        """Take a mail; hang up before or after, or kill who sends it, as the faults are."""
        hangs_up = self.mode == "hangs up"
        if self.deadly is not None:
            self.deadly -= 1
        dies = self.deadly is not None and self.deadly < 0
        if not (hangs_up and self.rng.random() < 0.5):
            self._take(envelope, told=not (hangs_up or dies))
        if dies:
            self.deadly = None
            self.kill()
        if hangs_up or dies:
            server.transport.abort()
            await asyncio.sleep(0)
        return "250 taken"

    def _take(self, envelope, *, told):
        message = message_from_bytes(envelope.content, policy=policy.default)
        for to in envelope.rcpt_tos:
            text = message.get_content() if to == OPERATOR else ""
            self.taken.append(Taken(message["Message-ID"], to, self.at, told, text))


def kill_all(pids):
    """Kill processes as `kill -9` does."""
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
