"""A link between two nodes that can be cut: it carries bytes of TCP connections and looks at none."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Final

CHUNK: Final = 16384
POLL_S: Final = 0.2
"""How often a listening thread looks whether the link is being taken down [s]."""


class Link:
    """Carries connections from a port of its own to another; while it is cut every one of them breaks.

    ``cut_after`` lets so many more bytes through in either direction and then cuts by itself.
    """

    def __init__(self, target: int) -> None:
        self.target, self.cut_after = target, 0
        self._is_cut, self._closing = False, False
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(POLL_S)
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    @property
    def is_cut(self) -> bool:
        """Tell whether the link is cut."""
        return self._is_cut

    def cut(self) -> None:
        """Cut the link: what is under way ends in the middle, what is new is refused."""
        self._is_cut = True
        with self._lock:
            for one in self._open:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """Let bytes through again."""
        self._is_cut, self.cut_after = False, 0

    def close(self) -> None:
        """Take the link down."""
        self._closing = True
        self.cut()
        self._thread.join()
        self._listener.close()

    def _listen(self) -> None:
        while not self._closing:
            try:
                near, _ = self._listener.accept()
            except TimeoutError:
                continue
            if self._is_cut:
                near.close()
            else:
                threading.Thread(target=self._join, args=(near,), daemon=True).start()

    def _join(self, near: socket.socket) -> None:
        """Carry one connection until either side ends it."""
        near.settimeout(None)
        try:
            far = socket.create_connection(("127.0.0.1", self.target))
        except OSError:
            near.close()
            return
        pair = (near, far)
        with self._lock:
            self._open.update(pair)
        back = threading.Thread(target=self._carry, args=(far, near), daemon=True)
        back.start()
        self._carry(near, far)
        back.join()
        with self._lock:
            self._open.difference_update(pair)
        for one in pair:
            one.close()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while not self._is_cut and (data := source.recv(CHUNK)):
                sink.sendall(self._let_through(data))
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _let_through(self, data: bytes) -> bytes:
        """Return as much of some bytes as may pass, cutting the link where that is not all."""
        if not self.cut_after:
            return data
        passed = data[: self.cut_after]
        self.cut_after -= len(passed)
        if not self.cut_after:
            self._is_cut = True
        return passed
