"""A warning in Korean, Chinese and English: a function of its content alone, so rendering can be repeated."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from alerts.content import WarningContent
from alerts.first_screen import LAST_WORDS, Fact, first_screen, scale_lines
from alerts.message_view import NO_BACKGROUND, Background, MessageView, message_view
from alerts.origin_view import origin_words
from alerts.short_line import short_line
from alerts.vocabulary import Language, vocabulary

PARTS = ("subject", "headline", "summary", "evidence", "instruction", "acknowledge")
"""Templates that every language has."""


@dataclass(frozen=True)
class Text:
    """One language's text of one version; plain text, paragraphs on lines of their own.

    ``subject`` and ``headline`` are one line; ``summary``, ``evidence`` and ``instruction`` one statement a
    line; ``description`` is the whole message without instruction, as CAP carries it, ``details`` its tables
    and evidence. ``first`` is the first screen of a mail, ``short`` a line for text messages.
    """

    language: Language
    subject: str
    headline: str
    banner: str
    summary: str
    description: str
    evidence: str
    instruction: str
    acknowledge: str
    view: MessageView
    details: str
    first: tuple[Fact, ...]
    short: str

    @property
    def last_word(self) -> bool:
        """Tell whether the message ends a warning."""
        return self.view.kind in LAST_WORDS


@cache
def environment() -> Environment:
    """Return the template environment: unknown names are errors, HTML templates escape every value."""
    return Environment(
        loader=PackageLoader("alerts", "templates"),
        undefined=StrictUndefined,
        autoescape=select_autoescape(enabled_extensions=("html.j2",), default=False),
        trim_blocks=True,
        lstrip_blocks=True,
    )


def wording(content: WarningContent, language: Language, background: Background = NO_BACKGROUND) -> Text:
    """Return a warning in one language.

    Parameters
    ----------
    content : what is said; concentrations [ug m-3]
    language : ``ko``, ``zh`` or ``en``
    background : the version that is replaced and the meaning of the joint level

    Raises
    ------
    ContractError
        when a simulated world would be shown as real

    Examples
    --------
    >>> from alerts.examples import example_content
    >>> wording(example_content(), "en").headline
    'SIMULATED EXERCISE: PM2.5 joint early warning issued for Beijing and Seoul (joint level J2)'
    >>> wording(example_content(), "ko").headline
    '[모의훈련] 베이징·서울 초미세먼지(PM2.5) 공동 조기경보 발표(공동 단계 J2)'
    """
    view = message_view(content, language, background)
    parts = {name: render(f"{language}/{name}.j2", language, view=view) for name in PARTS}
    words = vocabulary(language)
    first = first_screen(content, background, words, view.reason)
    beside = {"scales": scale_lines(content, words), "first": first}
    parts["details"] = render("details.txt.j2", language, view=view, parts=parts)
    return Text(
        language=language,
        banner=view.banner,
        description=render("description.txt.j2", language, view=view, parts=parts, **beside),
        view=view,
        first=first,
        short=short_line(content, language, background),
        **parts,
    )


def render(name: str, language: Language, **context: object) -> str:
    """Render a template of one language; runs of blank lines become one.

    ``view`` is seen as ``m``, ``parts`` as ``t``, the words as ``w``, those about origin as ``o``.
    """
    values = {
        "m": context.pop("view", None),
        "t": context.pop("parts", None),
        "w": vocabulary(language).table,
        "o": origin_words(language),
        **context,
    }
    text = environment().get_template(name).render(**values)
    return re.sub(r"\n{3,}", "\n\n", text).strip()
