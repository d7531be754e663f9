"""Steps that do not stop one another: each is tried, and the first failure is raised at the end."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)


class Steps:
    """Steps of which each is tried whatever became of the one before; the first failure is raised at the end.

    Examples
    --------
    >>> steps = Steps()
    >>> with steps.tried("the page"):
    ...     pass
    >>> steps.settle()
    """

    def __init__(self) -> None:
        self._first: Exception | None = None

    @contextmanager
    def tried(self, what: str) -> Iterator[None]:
        """Keep a failure of this step for the end."""
        try:
            yield
        except Exception as error:
            log.exception("%s failed; what comes after goes on", what)
            self._first = self._first or error

    def settle(self) -> None:
        """Raise the first failure, if any."""
        if self._first is not None:
            raise self._first
