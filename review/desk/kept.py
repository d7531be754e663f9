"""What was read or made before, kept by what it depends on."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Held = TypeVar("Held")


class Kept(Generic[Held]):
    """The newest ``most`` answers by key; one that many ask for at once is made once.

    >>> made = []
    >>> kept = Kept(most=1)
    >>> [kept.get(key, lambda: made.append(1) or len(made)) for key in ("a", "a", "b", "a")]
    [1, 1, 2, 3]
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._held: OrderedDict[Hashable, Held] = OrderedDict()
        self._making: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Held]) -> Held:
        """Return what is kept under a key, or make and keep it."""
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key]
            making = self._making.setdefault(key, threading.Lock())
        with making:
            with self._lock:
                if key in self._held:
                    return self._held[key]
            try:
                found = make()
            finally:
                with self._lock:
                    self._making.pop(key, None)
            with self._lock:
                self._held[key] = found
                while len(self._held) > self.most:
                    self._held.popitem(last=False)
            return found
