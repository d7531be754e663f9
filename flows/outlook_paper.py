"""The weekly joint outlook as page, text, PDF and mail, in every language."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from typing import Any, Final

from alerts.plain_text import one_line
from alerts.vocabulary import LANGUAGES, Language
from flows.dossier_words import cut, minute, season_words, table_of
from flows.exchange_month_words import Words
from flows.papers import FORMS, Paper, PaperTable, Part, page_of, text_of
from pipeline.files import write_atomic
from pipeline.ledger.season import DocumentRow
from pipeline.times import parse_instant

Plain = Mapping[str, Any]
DASH: Final = "–"


def outlook_paper(row: DocumentRow, missing: Sequence[str], language: Language) -> Paper:
    """Return an outlook in one language; ``missing`` are the parties that have not signed it off."""
    words, said = season_words(language), row.content
    names = words.names.join([words.party(p) for p in missing])
    caveats = [words.say("simulated")] * said["simulated"]
    caveats += [words.say("o_draft", missing=names)] * bool(missing)
    caveats.append(words.say("o_no_warning"))
    facts = {"cycle": minute(said["cycle"]), "as_of": minute(said["as_of"]), "world": one_line(said["world"])}
    return Paper(
        language=language,
        title=words.say("o_title", day=said["due"][:10]),
        lines=(words.say("o_subtitle", version=row.version, **facts), *_season(said, words)),
        caveats=tuple(caveats),
        parts=(*(_city(city, words) for city in said["cities"]), _doubt(said, words)),
        note=words.say("note", id=said["outlook"], version=row.version, digest=row.digest[:16]),
        made=parse_instant(said["as_of"]),
        alarm=words.say("simulated") if said["simulated"] else "",
    )


def _season(said: Plain, words: Words) -> Iterator[str]:
    if said["season_active"]:
        yield words.say("o_season", winter=said["winter"])
    for row in said["calendar"]:
        name = one_line(row["names"][words.names.language])
        mark = words.say("o_unverified") if row["mark"] == "unverified" else ""
        yield words.say("o_row", party=words.party(row["party"]), name=name, to=row["to"], mark=mark)


def _city(city: Plain, words: Words) -> Part:
    tables = (_ahead(city, words), _stated(city, words), _later(city, words), _last_week(city, words))
    return Part(words.names.city(city["city"]), (), tables)


def _ahead(city: Plain, words: Words) -> PaperTable:
    say = words.say
    levels = [c["threshold"] for c in city["ahead"][0]["chances"]] if city["ahead"] else []
    rows = [
        (
            words.names.date(d["day"]),
            f"D+{d['lead_day']}",
            f"{d['mean']:.0f}",
            f"{d['q10']:.0f}–{d['q90']:.0f}",
            *(words.names.percent(c["probability"]) for c in d["chances"]),
            _came(d["chances"], words),
        )
        for d in city["ahead"]
    ]
    above = [say("probability", threshold=t) for t in levels]
    heads = (say("day"), say("lead_day"), say("mean"), say("range80"), *above, say("o_like"))
    return table_of(say("o_ahead"), heads, rows, words)


def _came(chances: Sequence[Plain], words: Words) -> str:
    """Return how many forecasts like the one above the lowest threshold came true."""
    first = chances[0] if chances else {}
    return words.say("o_came", came=first["came"], like=first["like"]) if first.get("like") else DASH


def _stated(city: Plain, words: Words) -> PaperTable:
    say = words.say
    rows = [
        (
            cut(s["source"]),
            words.names.date(s["day"]),
            f"{s['low']:.0f}–{_open(s['high'])}",
            minute(s["received"]),
        )
        for s in city["stated"]
    ]
    return table_of(say("o_stated"), (say("source"), say("day"), say("mean"), say("received")), rows, words)


def _open(high: float | None) -> str:
    return "" if high is None else f"{high:.0f}"


def _later(city: Plain, words: Words) -> PaperTable:
    say = words.say
    rows = [
        (
            words.names.date(d["day"]),
            words.names.percent(d["share"]),
            DASH if d["median"] is None else f"{d['median']:.0f}",
            str(d["days"]),
        )
        for d in city["later"]
    ]
    threshold = city["later"][0]["threshold"] if city["later"] else ""
    heads = (say("day"), say("probability", threshold=threshold), say("o_median"), say("o_days"))
    return table_of(say("o_later"), heads, rows, words)


def _last_week(city: Plain, words: Words) -> PaperTable:
    say = words.say
    answer = {True: say("yes"), False: say("no"), None: DASH}
    rows = [
        (
            words.names.date(d["day"]),
            DASH if d["mean"] is None else f"{d['mean']:.0f}",
            answer[d["above"]],
            words.names.percent(d["probability"]),
            answer[d["warned"]],
        )
        for d in city["last_week"]
    ]
    threshold = city["last_week"][0]["threshold"] if city["last_week"] else ""
    above = say("probability", threshold=threshold)
    heads = (say("day"), say("mean"), above, say("o_day_before"), say("o_warned"))
    return table_of(say("o_last_week"), heads, rows, words)


def _doubt(said: Plain, words: Words) -> Part:
    lines = [words.say("o_doubt"), words.say("o_climatology")]
    lines += [words.say("o_degraded", why=cut(said["degraded"]))] * bool(said["degraded"])
    return Part(words.say("o_uncertainty"), tuple(lines))


def outlook_file(row: DocumentRow, missing: Sequence[str], language: Language, kind: str) -> bytes:
    """Return an outlook as ``html``, ``txt`` or ``pdf`` in one language, or as ``json``; else KeyError."""
    if kind == "json":
        data = {**row.content, "version": row.version, "digest": row.digest, "not_signed_by": list(missing)}
        return f"{json.dumps(data, indent=1, ensure_ascii=False, sort_keys=True)}\n".encode()
    return FORMS[kind](outlook_paper(row, missing, language))


def write_outlook(row: DocumentRow, missing: Sequence[str], out: Path) -> dict[str, Path]:
    """Write an outlook as page, text and PDF in every language, and as JSON."""
    stem = f"outlook-{row.subject}-v{row.version}"
    found = {f"{stem}.json": outlook_file(row, missing, "en", "json")}
    for language in LANGUAGES:
        paper = outlook_paper(row, missing, language)
        found |= {f"{stem}.{language}.{kind}": form(paper) for kind, form in FORMS.items()}
    return {name: write_atomic(out / name, content) for name, content in found.items()}


def outlook_mail(row: DocumentRow, sender: str, to: str) -> EmailMessage:
    """Return the mail of an outlook that every party signed: all languages as text, a page of each beside."""
    papers = [outlook_paper(row, (), language) for language in LANGUAGES]
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"] = sender, to
    message["Subject"] = one_line(" / ".join(paper.title for paper in papers))
    message["Date"] = format_datetime(row.at)
    message["Message-ID"] = f"<{row.subject}.{row.digest[:16]}.{row.world}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content("\n\n".join(text_of(paper) for paper in papers))
    for paper in papers:
        name = f"{row.subject}.{paper.language}.html"
        message.add_attachment(page_of(paper).encode(), maintype="text", subtype="html", filename=name)
    return message
