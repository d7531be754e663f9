"""The bulletin as PDF, one document a language: what matters first, then days, curves, map, rules, data."""

from __future__ import annotations

import math

from alerts.bulletin_data import SHOWN_THRESHOLDS, DayRow, Outlook
from alerts.bulletin_figures import number, percent
from alerts.bulletin_pdf_end import write_end
from alerts.bulletin_view import Bulletin
from alerts.bulletin_words import Texts, each, named, texts
from alerts.charts import plume_svg
from alerts.edition import edition_texts, scale_short
from alerts.pdf_drawing import STYLES, draw, height_of
from alerts.pdf_page import ACCENT, BODY, INK, MARGIN, RULE, SMALL, SOFT, Sheet, Title, Type
from alerts.pdf_tables import Cell, Column, table
from alerts.plain_text import one_line
from alerts.scales import Scale
from alerts.vocabulary import Language

LEVEL, BIG, NAME = Type(26, True, ACCENT), Type(19, True), Type(11, True)
HEADLINE, TITLE = Type(11.5, True), Type(15, True)
WARNING_INK = "#8a5a00"
HEAT = (59, 74, 154)
HEAT_SHARE = (0.0, 0.10, 0.18, 0.26, 0.34, 0.42, 0.54, 0.72, 0.82, 0.92, 1.0)
"""How strong a probability's ground is, by tenths."""
WHITE_FROM = 7
CURVE_HEIGHT = 140
"""Of a drawing that is 760 wide [px]."""
CURVE_ROOM = 40.0
"""What a curve with its name takes [mm]."""
GAP = 4.0
"""Between two cards side by side [mm]."""


def bulletin_pdf(shown: Bulletin, language: Language) -> bytes:
    """Return a bulletin in one language as PDF; the same bulletin gives the same bytes.

    Where the air comes from stands in it only if both parties signed: a PDF is easily passed on.

    Examples
    --------
    >>> from alerts.bulletin_example import example_bulletin
    >>> bulletin_pdf(example_bulletin(), "ko")[:5]
    b'%PDF-'
    """
    sheet = Sheet(language, _title(shown, language))
    _head(sheet, shown)
    _lead(sheet, shown)
    _cards(sheet, shown)
    _days(sheet, shown)
    fits = sheet.get_y() + 19 + CURVE_ROOM * len(shown.outlooks) <= sheet.floor
    for write in (_curves, _region) if fits else (_region, _curves):
        write(sheet, shown)
    write_end(sheet, shown)
    return bytes(sheet.output())


def _title(shown: Bulletin, language: Language) -> Title:
    facts = shown.facts
    name = shown.edition.title[language]
    alarm = ""
    if facts.simulated or facts.exercise:
        key = "simulated" if facts.simulated else "replay"
        alarm = f"{texts(key)[language]} – {texts(f'{key}_note')[language]}"
    issue = each(lambda v: v.instant(facts.issue_time, shown.zones))[language]
    return Title(
        title=f"{f'[{texts(key)[language]}] ' if alarm else ''}{name} – {issue}",
        subject=shown.said["headline"][language],
        head=f"{name} · {issue}",
        foot=f"sameair · {one_line(facts.run_id)} · {texts('disclaimer')[language]}",
        alarm=alarm,
        made=facts.issue_time,
    )


def _head(sheet: Sheet, shown: Bulletin) -> None:
    """Write the name of the document, when it was made, and who stands behind it."""
    said, edition = sheet.language, shown.edition
    sheet.paragraph(edition.title[said], TITLE, "H1", after=0.4)
    issue = each(lambda v: v.instant(shown.facts.issue_time, shown.zones))[said]
    sheet.paragraph(f"{texts('issue')[said]} {issue}", Type(8.5, colour=SOFT), after=1.0)
    unsigned = not edition.city and not edition.signed
    mark = f"{edition_texts('unsigned')[said]}. " if unsigned else ""
    kind = Type(8.5, unsigned, WARNING_INK if unsigned else SOFT)
    sheet.paragraph(mark + edition.standing[said], kind, "Note", after=2.0)


def _lead(sheet: Sheet, shown: Bulletin) -> None:
    """Write the joint level and what the warning says; in quiet times that there is none."""
    said, content = sheet.language, shown.content
    top, left = sheet.get_y(), MARGIN + 4.0
    if not shown.edition.city:
        level = content.level if content and content.level else "–"
        with sheet.tagged("P"):
            sheet.text_at(MARGIN + 15, top + 9.5, level, LEVEL, "middle")
            sheet.text_at(MARGIN + 15, top + 14.0, texts("joint_level")[said], SMALL, "middle")
        left = MARGIN + 30.0
    wide = sheet.w - MARGIN - left
    y = sheet.block(left, top, wide, shown.said["headline"][said], HEADLINE, "H2") + 0.8
    body = shown.said["summary"][said]
    if not shown.assessable:
        body += "\n" + texts("assess_note")[said]
    for line in body.splitlines():
        y = sheet.block(left, y, wide, line, BODY)
    if content is not None:
        name = one_line(content.warning_id)
        version = texts("version", number=content.version)[said]
        y = sheet.block(left, y + 0.6, wide, f"{texts('warning')[said]} {name}, {version}", SMALL)
    y = max(y, top + 16.0 if not shown.edition.city else y)
    sheet.box(MARGIN, top - 0.5, 1.0, y - top + 1.0, fill=ACCENT if content else RULE)
    sheet.set_y(y + 3.0)


def _cards(sheet: Sheet, shown: Bulletin) -> None:
    """Write each city's worst day, two side by side."""
    height = 27.0
    for first in range(0, len(shown.outlooks), 2):
        cities = shown.outlooks[first : first + 2]
        abreast = min(len(shown.outlooks), 2)
        wide = (sheet.inner - GAP * (abreast - 1)) / abreast
        if first and sheet.get_y() + height > sheet.floor:
            sheet.add_page()
        top = sheet.get_y()
        for place, outlook in enumerate(cities):
            _card(sheet, outlook, MARGIN + place * (wide + GAP), top, wide, height)
        sheet.set_y(top + height + 1.0)


def _card(sheet: Sheet, outlook: Outlook, x: float, y: float, wide: float, height: float) -> None:
    said, worst = sheet.language, outlook.worst
    sheet.box(x, y, wide, height, fill="#ffffff", line=RULE)
    with sheet.tagged("H3"):
        sheet.text_at(x + 3, y + 6, each(lambda v: v.city(outlook.city.id))[said], NAME)
    if worst is None:
        sheet.block(x + 3, y + 9, wide - 6, texts("assess_note")[said], SMALL)
        return
    day = each(lambda v: v.date(worst.day))
    with sheet.tagged("P"):
        sheet.text_at(x + 3, y + 10.2, f"{texts('peak')[said]} {texts('on_day', date=day)[said]}", SMALL)
        used = sheet.text_at(x + 3, y + 17.6, number(worst.mean), BIG)
        sheet.text_at(x + 4.2 + used, y + 17.6, each(lambda v: v["unit"])[said], SMALL)
        low_high = texts("interval80", low=number(worst.q10), high=number(worst.q90))[said]
        sheet.text_at(x + 3, y + 21.4, low_high, SMALL)
        _grades(sheet, outlook, worst, x + 3, y + 25.0)
    with sheet.tagged("P"):
        sheet.text_at(x + wide - 3, y + 6, texts("chance_above")[said], SMALL, "right")
        edges = [int(b.lower) for b in outlook.scale.bands[1:] if b.lower in SHOWN_THRESHOLDS]
        for line, edge in enumerate(edges):
            shown = f"{edge} µg/m³   {percent(worst.probability[edge])} %"
            sheet.text_at(x + wide - 3, y + 10.2 + 3.6 * line, shown, Type(7.6), "right")


def _grades(sheet: Sheet, outlook: Outlook, row: DayRow, x: float, y: float) -> None:
    """Write a day's grade on both national scales in a line."""
    for scale in outlook.scales:
        text, swatch = grade_text(scale, row)
        x += sheet.text_at(x, y, f"{scale_short(scale.rule)[sheet.language]} ", SMALL)
        if swatch:
            sheet.box(x, y - 1.8, 2.0, 2.0, fill=swatch, line="#777777")
            x += 2.8
        x += sheet.text_at(x, y, text[sheet.language], Type(7.6, True)) + 4.0


def grade_text(scale: Scale, row: DayRow) -> tuple[Texts, str]:
    """Return a day's grade on a national scale with its colour; a dash without a colour where it has none."""
    band = scale.band_of(row.mean)
    if band is None:
        return each(lambda _: "–"), ""
    return named("bands", band.level), str(STYLES[f"tone-{band.tone}"]["fill"])


def _days(sheet: Sheet, shown: Bulletin) -> None:
    """Write the outlook: for each city and day both grades, mean, interval and probabilities."""
    said = sheet.language
    sheet.heading(edition_texts("outlook_title")[said], keep=42)
    note = edition_texts("outlook_note", members=shown.members)[said]
    if any(o.later for o in shown.outlooks):
        note += " " + texts("later_note")[said]
    sheet.paragraph(note, SMALL)
    for outlook in shown.outlooks:
        sheet.room(34)
        sheet.paragraph(each(lambda v, o=outlook: v.city(o.city.id))[said], Type(9, True), "H3", after=0.2)  # type: ignore[misc]
        columns = [
            Column(texts("day")[said], 44),
            Column(texts("mean")[said], 12, "right"),
            Column(texts("interval")[said], 20, "right"),
            *(Column(f">{edge}", 8.6, "middle") for edge in SHOWN_THRESHOLDS),
            *(Column(scale_short(scale.rule)[said], 20.5) for scale in outlook.scales),
        ]
        rows = [_day_row(sheet, outlook, row) for row in (*outlook.forecast_days, *outlook.later)]
        table(sheet, columns, rows)


def _day_row(sheet: Sheet, outlook: Outlook, row: DayRow) -> list[Cell]:
    said = sheet.language
    day = each(lambda v: v.date(row.day))[said]
    if row in outlook.later:
        day += f" ({texts('later')[said]})"
    elif row.observed_share > 0:
        day += f" ({texts('measured_share')[said]} {100 * row.observed_share:.0f} %)"
    grades = [grade_text(scale, row) for scale in outlook.scales]
    return [
        Cell(day),
        Cell(number(row.mean), bold=True),
        Cell(f"{number(row.q10)}–{number(row.q90)}" if math.isfinite(row.mean) else "–"),
        *(_chance(row.probability[edge]) for edge in SHOWN_THRESHOLDS),
        *(Cell(text[said], swatch=swatch) for text, swatch in grades),
    ]


def _chance(probability: float) -> Cell:
    """Return a probability on a ground that grows with it."""
    if not math.isfinite(probability):
        return Cell("–", colour=SOFT)
    step = math.floor(probability * 10)
    share = HEAT_SHARE[step]
    ground = "#" + "".join(f"{round(255 + share * (c - 255)):02x}" for c in HEAT)
    return Cell(percent(probability), ground if step else "", colour="#ffffff" if step >= WHITE_FROM else INK)


def _curves(sheet: Sheet, shown: Bulletin) -> None:
    """Draw each city's curve over the whole width."""
    said = sheet.language
    for place, outlook in enumerate(shown.outlooks):
        drawing = plume_svg(outlook, width=760, height=CURVE_HEIGHT)
        if place == 0:
            sheet.heading(texts("outlook")[said], keep=CURVE_ROOM + 6)
            sheet.paragraph(texts("outlook_note")[said], SMALL)
        sheet.room(CURVE_ROOM)
        city = each(lambda v, o=outlook: v.city(o.city.id))  # type: ignore[misc]
        scale = f"{named('scales', outlook.scale.rule)[said]} ({outlook.scale.version})"
        sheet.paragraph(
            f"{city[said]} · {texts('local_time')[said]} · {scale}", Type(8, True), "H3", after=0.2
        )
        alt = texts("plume_alt", city=city, scale=named("scales", outlook.scale.rule))[said]
        height = draw(sheet, drawing, MARGIN, sheet.get_y(), sheet.inner, alt)
        sheet.set_y(sheet.get_y() + height + 1.5)
    _legend(sheet)


def _legend(sheet: Sheet) -> None:
    """Say what the lines of the curves are."""
    said = sheet.language
    parts = [texts(key)[said] for key in ("observed", "median", "band50", "band80", "band90", "daymean")]
    colours = ("#000000", "#4a6fa5", "#8fa6c8", "#bccbe0", "#dde5f0", "#a02f17")
    sheet.room(5)
    x, y = MARGIN, sheet.get_y() + 2.6
    with sheet.tagged("P"):
        for text, colour in zip(parts, colours, strict=True):
            sheet.box(x, y - 1.6, 5.0, 1.4, fill=colour)
            x += 6.2 + sheet.text_at(x + 6.2, y, text, SMALL) + 4.5
    sheet.set_y(y + 1.5)


def _region(sheet: Sheet, shown: Bulletin) -> None:
    """Draw the map, and beside it what is known of a link between the cities."""
    said = sheet.language
    wide, drawing = 88.0, shown.map()
    sheet.heading(texts("map")[said], keep=height_of(drawing, wide))
    top = sheet.get_y()
    height = draw(sheet, drawing, MARGIN, top, wide, texts("map_alt")[said])
    left = MARGIN + wide + 6.0
    room = sheet.w - MARGIN - left
    y = sheet.block(left, top, room, texts("map_value")[said], SMALL) + 1.0
    hull = any(area.is_hull for area in shown.areas)
    y = sheet.block(left, y, room, texts("map_note" if hull else "map_note_outline")[said], SMALL) + 2.5
    if not shown.edition.city:
        y = sheet.block(left, y, room, texts("link")[said], Type(9, True), "H3") + 0.5
        for line in link_lines(shown, said):
            y = sheet.block(left, y, room, line, Type(7.8)) + 0.8
    sheet.set_y(max(top + height, y) + 1.0)


def link_lines(shown: Bulletin, language: Language) -> list[str]:
    """Return what is said of each link between the cities; that none is claimed where there is none."""
    lines = []
    for link in shown.links:
        ends = {
            "upwind": each(lambda v, x=link.upwind: v.city(x)),  # type: ignore[misc]
            "downwind": each(lambda v, x=link.downwind: v.city(x)),  # type: ignore[misc]
        }
        said = texts(
            "link_text", **ends, hours=f"{link.lag_hours:g}", lift=f"{link.lift:.1f}", number=link.sample_size
        )
        lines.append(said[language])
        if link.confidence:
            lines.append(texts("link_confidence", word=named("confidence", link.confidence))[language])
        if link.path_share is not None and shown.edition.says_origin:
            share = f"{100 * link.path_share:.0f}"
            lines.append(texts("link_paths", **ends, share=share)[language])
    lines.append(texts("link_note" if shown.links else "link_none")[language])
    return lines
