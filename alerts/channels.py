"""How a finished message leaves: into a folder (the default), to a mail server, or to a webhook.

A channel sends one message to one address and says what came of it as an :class:`Outcome`; it never raises
for what a server or disk does. Whether a message that was under way at a crash has left is asked with
``has_sent``: the folder knows, a mail server cannot (SMTP has no idempotency).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkstemp
from typing import Literal, Protocol

OutcomeKind = Literal["sent", "retry", "failed", "unknown", "down"]


@dataclass(frozen=True)
class Outcome:
    """What came of one attempt.

    ``sent``: accepted. ``retry``: refused for now. ``failed``: refused for good. ``unknown``: the connection
    broke after the message was given and before the answer. ``down``: the channel itself does not work, so
    the next message would fare no better. ``code`` is the SMTP reply code, where there was one.
    """

    kind: OutcomeKind
    detail: str = ""
    code: int | None = None


@dataclass(frozen=True)
class Envelope:
    """One message to one address; ``name`` is the outbox id, also good as a file name."""

    name: str
    address: str
    message_id: str
    payload: bytes
    recipient: str = ""


class Channel(Protocol):
    """Something that takes messages."""

    name: str

    def send(self, envelope: Envelope) -> Outcome:
        """Try once to hand a message over."""

    def has_sent(self, envelope: Envelope) -> bool | None:
        """Tell whether a message left in an earlier, interrupted attempt; None if that cannot be known."""

    def close(self) -> None:
        """Let go of connections; sending again opens them anew."""


class FolderChannel:
    """Writes real ``.eml`` files into a folder, one per message, and a line about each into ``index.jsonl``.

    A file appears whole or not at all and is never overwritten, so it says by itself that it was sent.

    >>> from tempfile import TemporaryDirectory
    >>> envelope = Envelope("w.v1.seoul", "duty@seoul.example", "<w.v1.seoul@x.invalid>", b"Subject: x")
    >>> with TemporaryDirectory() as folder:
    ...     channel = FolderChannel(Path(folder))
    ...     print(channel.has_sent(envelope), channel.send(envelope).kind, channel.has_sent(envelope))
    False sent True
    """

    name = "folder"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._noted: set[str] = set()
        self._read_to = 0

    def send(self, envelope: Envelope) -> Outcome:
        """Put the message into the folder; a message that lies there already counts as sent."""
        path = self._path(envelope)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._place(path, envelope.payload)
            self._note(envelope)
        except OSError as error:
            return Outcome("down", f"{self.folder}: {error.strerror or error}")
        return Outcome("sent", path.name)

    def has_sent(self, envelope: Envelope) -> bool | None:
        """Tell whether the file is there, and complete its line in the index."""
        if not self._path(envelope).exists():
            return False
        self._note(envelope)
        return True

    def close(self) -> None:
        """Nothing is kept open."""

    def _path(self, envelope: Envelope) -> Path:
        """Return the file of a message."""
        return self.folder / f"{envelope.name}.eml"

    def _place(self, path: Path, payload: bytes) -> None:
        """Make the file appear whole, unless it is there."""
        handle, temporary = mkstemp(dir=self.folder, prefix=".")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(payload)
                file.flush()
                os.fsync(file.fileno())
            path.hardlink_to(temporary)
        except FileExistsError:
            return
        finally:
            Path(temporary).unlink(missing_ok=True)

    def _note(self, envelope: Envelope) -> None:
        """Append the message to the index, once; the index holds no address."""
        index = self.folder / "index.jsonl"
        name = f"{envelope.name}.eml"
        if name in self._listed(index):
            return
        entry = {"file": name, "recipient": envelope.recipient, "message_id": envelope.message_id}
        line = json.dumps(entry, ensure_ascii=False, sort_keys=True) + "\n"
        handle = os.open(index, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(handle, line.encode())
        finally:
            os.close(handle)

    def _listed(self, index: Path) -> set[str]:
        """Return the files that the index names; only what was added since is read again."""
        if index.exists():
            with index.open("rb") as file:
                file.seek(self._read_to)
                *lines, _rest = file.read().split(b"\n")
            self._noted.update(_named(line) for line in lines)
            self._read_to += sum(len(line) + 1 for line in lines)
        return self._noted


def _named(line: bytes) -> str:
    """Return the file that a line of the index names; nothing for a line that was torn.

    >>> _named(b'{"file": "a.eml"}'), _named(b'{"fi')
    ('a.eml', '')
    """
    try:
        return str(json.loads(line)["file"])
    except (ValueError, KeyError, TypeError):
        return ""


class ChannelPool:
    """Several channels of one kind, so that as many messages as there are threads can be under way.

    Each thread has a channel to itself for as long as it sends; one that is free is used again.
    """

    def __init__(self, make: Callable[[], Channel]) -> None:
        self._make = make
        self._free = [make()]
        self.name = self._free[0].name

    def send(self, envelope: Envelope) -> Outcome:
        """Try once to hand a message over, on a channel that is free."""
        channel = self._take()
        try:
            return channel.send(envelope)
        finally:
            self._free.append(channel)

    def has_sent(self, envelope: Envelope) -> bool | None:
        """Tell whether a message left in an earlier, interrupted attempt; None if that cannot be known."""
        channel = self._take()
        try:
            return channel.has_sent(envelope)
        finally:
            self._free.append(channel)

    def close(self) -> None:
        """Let go of the connections of all channels."""
        for channel in self._free:
            channel.close()

    def _take(self) -> Channel:
        try:
            return self._free.pop()
        except IndexError:
            return self._make()
