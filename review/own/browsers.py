"""What a browser calls itself, short enough to recognise it by."""

from __future__ import annotations

import re
from typing import Final

BROWSERS: Final = (
    ("Edge", r"Edg(?:A|iOS)?/(\d+)"),
    ("Samsung Internet", r"SamsungBrowser/(\d+)"),
    ("Whale", r"Whale/(\d+)"),
    ("Opera", r"OPR/(\d+)"),
    ("Firefox", r"(?:Firefox|FxiOS)/(\d+)"),
    ("Chrome", r"(?:Chrome|CriOS)/(\d+)"),
    ("Safari", r"Version/(\d+).*Safari/"),
)
SYSTEMS: Final = (
    ("Android", "Android"),
    ("iOS", "iPhone|iPad"),
    ("Windows", "Windows NT"),
    ("macOS", "Mac OS X"),
    ("Linux", "Linux|X11"),
)
LONGEST: Final = 60


def browser_name(agent: str) -> str:
    """Return browser and system of a ``User-Agent``, its beginning if it is none of those, or nothing.

    >>> browser_name("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
    'Firefox 140 · Linux'
    >>> browser_name("curl/8.14.1"), browser_name("")
    ('curl/8.14.1', '')
    """
    named = ((name, re.search(pattern, agent)) for name, pattern in BROWSERS)
    browser = next((f"{name} {found[1]}" for name, found in named if found), "")
    system = next((name for name, pattern in SYSTEMS if re.search(pattern, agent)), "")
    return f"{browser} · {system}" if browser and system else agent[:LONGEST]
