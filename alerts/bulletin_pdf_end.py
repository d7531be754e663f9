"""The last part of a bulletin's PDF: origin where signed, dust, national criteria, data, licences."""

from __future__ import annotations

from alerts.bulletin_figures import percent
from alerts.bulletin_view import Bulletin
from alerts.bulletin_words import Texts, each, named, texts
from alerts.content import RuleFinding, WarningContent
from alerts.edition import edition_texts
from alerts.origin_page import OriginCard, origin_cards
from alerts.origin_view import says_origin
from alerts.path_map import origin_texts
from alerts.pdf_drawing import STYLES, draw, height_of
from alerts.pdf_page import BODY, MARGIN, SMALL, Sheet, Type
from alerts.pdf_tables import Cell, Column, facts, table
from alerts.plain_text import one_line

MAP_WIDTH = 84.0
"""Of a map of paths [mm]."""


def write_end(sheet: Sheet, shown: Bulletin) -> None:
    """Write what a reader looks up: origin, statements, dust, criteria, inputs and licences."""
    _origin(sheet, shown)
    _told(sheet, shown)
    if shown.content is not None:
        _criteria(sheet, shown, shown.content)
    _quality(sheet, shown)
    sheet.paragraph(texts("licence_text")[sheet.language], SMALL)


def _origin(sheet: Sheet, shown: Bulletin) -> None:
    """Write where the air comes from, if both parties signed that."""
    said, content = sheet.language, shown.content
    if shown.edition.city:
        return
    if not (shown.edition.says_origin and content is not None and says_origin(content)):
        sheet.paragraph(edition_texts("origin_note")[said], SMALL)
        return
    cards = [c for c in origin_cards(shown.facts.origins, said) if not c.missing]
    if not cards:
        return
    sheet.heading(
        origin_texts("title")[said], keep=height_of(cards[0].map, MAP_WIDTH) if cards[0].map else 40
    )
    for card in cards:
        _origin_card(sheet, card)
    _hours(sheet, cards[0].marks)
    if cards[0].method:
        sheet.paragraph(f"{cards[0].method[said]} {origin_texts('map_note')[said]}", SMALL)


def _origin_card(sheet: Sheet, card: OriginCard) -> None:
    said = sheet.language
    name = (card.arriving or card.city)[said]
    left, room = MARGIN, sheet.inner
    if card.map:
        left, room = MARGIN + MAP_WIDTH + 5, sheet.inner - MAP_WIDTH - 5
    lines = [(name, Type(9, True), 0.0)]
    lines += [(f"{r.name[said]}: {r.hours[said]} h ({r.span[said]} h)", Type(7.8), 0.3) for r in card.rows]
    lines += [(text[said], Type(7.8, place == 0), 0.8) for place, text in enumerate(card.lines)]
    if card.surrogate:
        lines.append((card.surrogate[said], SMALL, 0.8))
    tall = sum(len(sheet.lines_of(text, room, kind)) * kind.line + gap for text, kind, gap in lines)
    sheet.room(max(tall, height_of(card.map, MAP_WIDTH) if card.map else 0.0) + 2.5)
    top = y = sheet.get_y()
    bottom = top + draw(sheet, card.map, MARGIN, top, MAP_WIDTH, name) if card.map else top
    for place, (text, kind, gap) in enumerate(lines):
        y = sheet.block(left, y + gap, room, text, kind, "P" if place else "H3")
    sheet.set_y(max(y, bottom) + 2.5)


def _hours(sheet: Sheet, marks: tuple[int, ...]) -> None:
    """Say how many hours before arrival the dots on the paths mark."""
    if not marks:
        return
    sheet.room(5)
    x, y = MARGIN, sheet.get_y() + SMALL.mm
    with sheet.tagged("P"):
        x += sheet.text_at(x, y, f"{origin_texts('marks')[sheet.language]}:", SMALL) + 2
        for hour in marks:
            sheet.box(x, y - 1.8, 1.8, 1.8, fill=str(STYLES[f"hour-{hour}"]["fill"]))
            x += 2.6 + sheet.text_at(x + 2.6, y, str(hour), SMALL) + 4
    sheet.set_y(y + 1.6)


def _told(sheet: Sheet, shown: Bulletin) -> None:
    """Write our range of the index, what others had stated, and what is said of dust."""
    for section in (*shown.stated, shown.dust):
        if section is not None:
            sheet.heading(section.title[sheet.language])
            for line in section.lines:
                sheet.paragraph(line[sheet.language], BODY, after=0.6)
            sheet.paragraph(section.note[sheet.language], SMALL)


def _criteria(sheet: Sheet, shown: Bulletin, content: WarningContent) -> None:
    """Write the joint level beside the findings of the national criteria."""
    said = sheet.language
    sheet.heading(texts("levels_title")[said], keep=30)
    sheet.paragraph(texts("levels_note")[said], SMALL)
    columns = [
        Column(texts("day")[said], 24),
        Column(texts("national")[said], 57),
        Column(texts("finding")[said], 34),
        Column(texts("probability")[said], 18, "right"),
        Column(texts("basis_head")[said], 53),
    ]
    rows = []
    if not shown.edition.city:
        level = named("levels", content.level) if content.level else texts("joint_none")
        policy = f"{texts('policy')[said]} {one_line(content.policy_version)}"
        rows.append(
            [
                Cell("–"),
                Cell(texts("joint_level")[said]),
                Cell(level[said], bold=True),
                Cell("–"),
                Cell(policy),
            ]
        )
    rows += [_finding(sheet, found) for found in content.rules if shown.edition.keeps(found.city)]
    table(sheet, columns, rows, size=7.4)
    if not content.rules:
        sheet.paragraph(texts("no_findings")[said], SMALL)


def _finding(sheet: Sheet, found: RuleFinding) -> list[Cell]:
    said = sheet.language
    city = each(lambda v: v.city(found.city))[said]
    undecidable = texts("undecidable")
    level = named("rule_levels", found.level) if found.level else undecidable
    chance = undecidable[said] if found.probability is None else f"{percent(found.probability)} %"
    basis: list[Texts] = [named("basis", found.basis), named("evidence", found.evidence)]
    basis.append(each(lambda v: v.phrase(found.note)))
    return [
        Cell(each(lambda v: v.date(found.day))[said]),
        Cell(f"{city} · {named('rules', found.rule)[said]} ({one_line(found.version)})"),
        Cell(level[said]),
        Cell(chance),
        Cell(" · ".join(part[said] for part in basis if part[said])),
    ]


def _quality(sheet: Sheet, shown: Bulletin) -> None:
    """Write on which data and model the bulletin rests."""
    said, run = sheet.language, shown.facts
    sheet.heading(texts("quality")[said], keep=26)
    if shown.degraded:
        sheet.paragraph(f"{texts('degraded')[said]}: {shown.degraded[said]}", Type(8.5, True, "#8a5a00"))
    elif not run.inputs_missing:
        sheet.paragraph(texts("complete")[said])
    if run.calibrated:
        sheet.paragraph(each(lambda v: v.phrase(run.calibrated))[said], Type(8.5, True))
    counts = "; ".join(
        f"{each(lambda v, c=city: v.city(c))[said]}: {texts('stations_value', number=count)[said]}"  # type: ignore[misc]
        for city, count in shown.station_counts.items()
    )
    missing = ", ".join(each(lambda v, n=name: v.phrase(n))[said] for name in run.inputs_missing)  # type: ignore[misc]
    received = "; ".join(
        one_line(who) + ("" if use == "public" else f" – {texts('received_use')[said]}")
        for who, use in run.credits
    )
    world = texts("world_simulated" if run.simulated else "world_measured")[said]
    facts(
        sheet,
        [
            (texts("world")[said], f"{world} ({one_line(run.world)})"),
            (texts("stations")[said], counts),
            (texts("missing")[said], missing),
            (texts("received")[said], received),
            (texts("known")[said], each(lambda v: v.instant(run.as_of, shown.zones))[said]),
            (texts("model")[said], one_line(run.model_id)),
            (texts("run")[said], one_line(run.run_id)),
            (texts("code")[said], f"sameair {one_line(run.code_version)}"),
        ],
    )
