"""The dust of a run on the bulletin: its sentences in every language."""

from __future__ import annotations

from dataclasses import dataclass

from alerts.bulletin_words import Texts
from alerts.dust_lines import dust_lines, dust_words
from alerts.vocabulary import LANGUAGES
from pipeline.dust_outlook import DustOutlook


@dataclass(frozen=True)
class DustSection:
    """Title, note and lines of the section."""

    title: Texts
    note: Texts
    lines: tuple[Texts, ...]


def dust_section(outlook: DustOutlook | None) -> DustSection | None:
    """Return what the page says of dust; None of a run that stored nothing.

    >>> dust_section(DustOutlook("measured", "", "", "", ())).title["zh"]
    '沙尘'
    """
    if outlook is None:
        return None
    said = {language: dust_lines(outlook, language) for language in LANGUAGES}
    rows = zip(*(said[language] for language in LANGUAGES), strict=True)
    return DustSection(
        title={str(language): str(dust_words(language)["title"]) for language in LANGUAGES},
        note={str(language): str(dust_words(language)["note"]) for language in LANGUAGES},
        lines=tuple(dict(zip(map(str, LANGUAGES), row, strict=True)) for row in rows),
    )
