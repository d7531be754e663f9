"""What a dossier shows of decisions: life of every version, signatures, deliveries, questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from flows.dossier_words import cut, minute, table_of
from flows.exchange_month_words import Words
from flows.papers import PaperTable, Part

Plain = Mapping[str, Any]

DASH: Final = "–"


def decisions_part(said: Plain, words: Words, *, names: bool) -> Part:
    """Return what was drafted, decided, sent and acknowledged, and what was asked."""
    say, versions = words.say, said["decisions"]
    if not versions:
        return Part(say("decisions"), (say("no_decisions"), *_questions(said, words)), _others(said, words))
    tables = (
        _life(versions, words, names=names),
        _signatures(versions, words, names=names),
        _deliveries(versions, words),
        *_others(said, words),
    )
    lines = (() if names else (say("no_names"),)) + _questions(said, words)
    return Part(say("decisions"), lines, tables)


def _life(versions: Sequence[Plain], words: Words, *, names: bool) -> PaperTable:
    rows = [
        (
            _version(v),
            words.names.named("products", v["product"]),
            v["level"] or DASH,
            _state(e["state"], words),
            minute(e["at"]),
            _who(e["by"], names=names),
            cut(e["reason"]) or DASH,
        )
        for v in versions
        for e in v["life"]
    ]
    heads = ("warning", "product", "level", "state", "at", "who", "why")
    return table_of(words.say("life"), [words.say(h) for h in heads], rows, words)


def _signatures(versions: Sequence[Plain], words: Words, *, names: bool) -> PaperTable:
    rows = [
        (
            _version(v),
            words.party(s["party"]),
            cut(s["person"]) if names else DASH,
            s["decision"],
            minute(s["at"]),
            cut(s["reason"]) or DASH,
            s["screen"][:12] or DASH,
        )
        for v in versions
        for s in v["signatures"]
    ]
    heads = ("warning", "source", "who", "decision", "at", "why", "screen")
    return table_of(words.say("signatures"), [words.say(h) for h in heads], rows, words)


def _deliveries(versions: Sequence[Plain], words: Words) -> PaperTable:
    rows = [
        (
            _version(v),
            str(v["deliveries"]["messages"]),
            ", ".join(f"{name} {n}" for name, n in v["deliveries"]["states"].items()),
            str(v["deliveries"]["acknowledged"]),
        )
        for v in versions
        if v["deliveries"]["messages"]
    ]
    heads = ("warning", "messages", "sent_states", "acknowledged")
    return table_of(words.say("deliveries"), [words.say(h) for h in heads], rows, words)


def _version(version: Plain) -> str:
    return f"…{version['warning'][-6:]} v{version['version']}"


def _state(state: str, words: Words) -> str:
    return str(words.table.get(f"state_{state}", state))


def _who(actor: str, *, names: bool) -> str:
    """Return who entered a state; the program itself has names of its own, a person only where wanted."""
    return cut(actor) if names or actor in ("run", "program", "drill") else DASH


def _others(said: Plain, words: Words) -> tuple[PaperTable, ...]:
    say = words.say
    rows = [
        (
            words.party(r["text of"]),
            words.names.named("products", r["product"]),
            r["level"] or DASH,
            minute(r["onset"]),
        )
        for r in said["others"]
    ]
    heads = (say("source"), say("product"), say("level"), say("at"))
    return (table_of(say("others"), heads, rows, words),) if rows else ()


def _questions(said: Plain, words: Words) -> tuple[str, ...]:
    lines = []
    for q in said["consultation"]:
        asker, other = words.party(q["asker"]), words.party(q["asked"])
        lines.append(words.say("asked", at=minute(q["at"]), asker=asker, other=other, text=cut(q["text"])))
        answer = {"at": minute(q["answered"]), "other": other, "text": cut(q["answer"])}
        lines.append(words.say("answered", **answer) if q["answered"] else words.say("unanswered"))
    return tuple(lines)
