"""The version of the installed program, for provenance."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version


def code_version() -> str:
    """Return the version of the installed program and of Python.

    >>> code_version().endswith(f"(python {platform.python_version()})") or code_version() == "unknown"
    True
    """
    try:
        return f"{version('sameair')} (python {platform.python_version()})"
    except PackageNotFoundError:
        return "unknown"
