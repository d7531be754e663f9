"""What was wrong with a cancelled warning: a catalogue of sentences in each language, and a note."""

from __future__ import annotations

from alerts.message_words import message_words
from alerts.plain_text import one_line
from alerts.vocabulary import Language, Vocabulary
from pipeline.errors import UsageError

RECORDED: Language = "en"
"""The language in which a reason stands in the signed content; it is read back from there."""


def cancel_reasons() -> dict[str, str]:
    """Return the catalogue: key and sentence as recorded.

    >>> cancel_reasons()["duplicate"]
    'The same warning had been sent twice.'
    """
    return dict(message_words(RECORDED)["cancel_reasons"])


def recorded_reason(key: str, note: str = "") -> str:
    """Return the reason as the content records it: the catalogue's sentence, and what a person noted.

    Without a key the note stands alone, in the language in which it was written.

    Raises
    ------
    UsageError
        when there is no such key, or both are empty

    Examples
    --------
    >>> recorded_reason("sent_by_mistake", "test key pressed")
    'The warning was sent by mistake. test key pressed'
    """
    known, said = cancel_reasons(), one_line(note)
    if key and key not in known:
        raise UsageError(f"--because {key}: choose one of {', '.join(known)}")
    if not said and key in ("", "other"):
        raise UsageError("say what was wrong, with --because or --reason; recipients will read it")
    return " ".join(part for part in (known.get(key, ""), said) if part)


def cancel_sentence(reason: str, words: Vocabulary) -> str:
    """Return in one language what was wrong; a person's note is shown as it was written.

    >>> from alerts.vocabulary import vocabulary
    >>> cancel_sentence(recorded_reason("duplicate"), vocabulary("zh"))
    '错误所在：同一预警重复发出。'
    >>> cancel_sentence("wrong station list", vocabulary("en"))
    'What was wrong: wrong station list'
    """
    said, own = one_line(reason), message_words(words.language)
    if not said:
        return ""
    key = next((k for k, sentence in cancel_reasons().items() if said.startswith(sentence)), "")
    if not key:
        return str(own["cancel"]["sentence"]).format(why=said)
    sentence = str(own["cancel"]["sentence"]).format(why=own["cancel_reasons"][key])
    note = said.removeprefix(cancel_reasons()[key]).strip()
    return " ".join([sentence, own["cancel"]["said"].format(text=note)]) if note else sentence
