"""Which formats of published files there are, and which one a file has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ingest.published import airkorea_xls, prsa, quotsoft, seoul_tsv, stateair
from ingest.published.table import FileTable

HEAD: Final = 8192
"""How many bytes tell a format [bytes]."""


@dataclass(frozen=True)
class Format:
    """One format: its name, how it is told from others by file name and first bytes, and its reader."""

    name: str
    recognises: Callable[[str, bytes], bool]
    read: Callable[[bytes, str], FileTable]


FORMATS: Final = (
    Format("quotsoft", quotsoft.recognises, quotsoft.read),
    Format("stateair", stateair.recognises, stateair.read),
    Format("uci-prsa", prsa.recognises, prsa.read),
    Format("seoul-tsv", seoul_tsv.recognises, seoul_tsv.read),
    Format("airkorea-xls", airkorea_xls.recognises, airkorea_xls.read),
)


def format_of(name: str, head: bytes) -> Format | None:
    """Return the format of a file by its name and first bytes, None for an unknown one.

    >>> format_of("china_sites_20190303.csv", b"date,hour,type,1001A").name
    'quotsoft'
    >>> format_of("holiday.jpg", bytes(16)) is None
    True
    """
    return next((f for f in FORMATS if f.recognises(name, head[:HEAD])), None)
