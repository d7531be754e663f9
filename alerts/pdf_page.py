"""A page of a PDF: text in three languages, lines, boxes, and tags that a screen reader follows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from fpdf import FPDF, ViewerPreferences

from alerts.pdf_fonts import font_file, runs, text_width, wrapped
from alerts.vocabulary import Language

MM_PER_POINT: Final = 25.4 / 72
MARGIN: Final = 12.0
"""Around the page [mm]."""
FOOT: Final = 15.0
"""Room kept free at the lower edge [mm]."""
LEADING: Final = 1.42
"""From line to line, as a multiple of the letters' size."""
INK, SOFT, RULE, ACCENT = "#1b2026", "#59636e", "#dfe3e6", "#3b4a9a"
Tag = Literal["H1", "H2", "H3", "P", "Table", "Figure", "Note"]
Align = Literal["left", "middle", "right"]


@dataclass(frozen=True)
class Type:
    """How letters look: size [point], weight and colour."""

    size: float = 8.5
    bold: bool = False
    colour: str = INK

    @property
    def mm(self) -> float:
        """Return the size [mm]."""
        return self.size * MM_PER_POINT

    @property
    def line(self) -> float:
        """Return the height of a line [mm]."""
        return self.mm * LEADING


BODY, SMALL, HEAD = Type(), Type(7.2, colour=SOFT), Type(10.5, bold=True)


@dataclass(frozen=True)
class Title:
    """What stands in a document's properties, at the head and at the foot of each page."""

    title: str
    subject: str
    head: str
    foot: str
    alarm: str = ""
    made: datetime | None = None


class Sheet(FPDF):
    """An A4 document in one language; the same calls with the same instant give the same bytes.

    Examples
    --------
    >>> from datetime import UTC
    >>> sheet = Sheet("en", Title("t", "s", "h", "f", made=datetime(2026, 1, 14, tzinfo=UTC)))
    >>> sheet.paragraph("Seoul 서울 首尔")
    >>> bytes(sheet.output())[:5]
    b'%PDF-'
    """

    def __init__(self, language: Language, said: Title) -> None:
        super().__init__(orientation="portrait", unit="mm", format="A4")
        self.language: Language = language
        self.said = said
        self.set_auto_page_break(False)
        self.set_margins(MARGIN, MARGIN, MARGIN)
        self.c_margin = 0.0
        self.set_lang({"zh": "zh-CN", "ko": "ko-KR", "en": "en"}[language])
        self.set_title(said.title)
        self.set_subject(said.subject)
        self.set_author("sameair")
        self.set_creator("sameair")
        self.set_creation_date(said.made)
        self.viewer_preferences = ViewerPreferences(display_doc_title=True)
        self.add_page()

    @property
    def inner(self) -> float:
        """Return the width between the margins [mm]."""
        return float(self.epw)

    @property
    def floor(self) -> float:
        """Return where a page's content ends [mm]."""
        return float(self.h) - FOOT

    def header(self) -> None:
        """Write what every page bears: the alarm of an exercise, and from the second on what it is."""
        with self._artifact():
            if self.said.alarm:
                self.box(0, 0, self.w, 8.5, fill="#fff3d6")
                self.text_at(self.w / 2, 5.6, self.said.alarm, Type(9, True, "#8a5a00"), "middle")
            if self.page_no() > 1:
                self.text_at(MARGIN, MARGIN + 2, self.said.head, SMALL)
        self.set_xy(MARGIN, MARGIN + (6.0 if self.page_no() > 1 else 0.0))

    def footer(self) -> None:
        """Write what a page belongs to, and its number."""
        with self._artifact():
            y = self.h - 8.0
            self.rule(MARGIN, y - 4, self.w - MARGIN)
            self.text_at(MARGIN, y, self.said.foot, SMALL)
            self.text_at(self.w - MARGIN, y, str(self.page_no()), SMALL, "right")

    def text_at(self, x: float, y: float, text: str, kind: Type = BODY, align: Align = "left") -> float:
        """Write one line whose base is at y; returns its width [mm]."""
        wide = self.width_of(text, kind)
        x -= {"left": 0.0, "middle": wide / 2, "right": wide}[align]
        self.set_text_color(kind.colour)
        for face, part in runs(text, self.language):
            self._use(face, kind)
            self.text(x, y, part)
            x += text_width(part, self.language, bold=kind.bold) * kind.mm
        return wide

    def width_of(self, text: str, kind: Type = BODY) -> float:
        """Return how wide a line is [mm]."""
        return text_width(text, self.language, bold=kind.bold) * kind.mm

    def lines_of(self, text: str, width: float, kind: Type = BODY) -> list[str]:
        """Return the lines of a text in a column of a width [mm]."""
        return wrapped(text, width / kind.mm, self.language, bold=kind.bold)

    def block(self, x: float, y: float, width: float, text: str, kind: Type = BODY, tag: Tag = "P") -> float:
        """Write a text in a column from y down; returns where it ends [mm]."""
        with self.tagged(tag):
            for number, line in enumerate(self.lines_of(text, width, kind)):
                self.text_at(x, y + kind.mm * 1.02 + number * kind.line, line, kind)
        return y + len(self.lines_of(text, width, kind)) * kind.line

    def paragraph(self, text: str, kind: Type = BODY, tag: Tag = "P", after: float = 1.2) -> None:
        """Write a text over the whole width where the page stands, on a new page where it does not fit."""
        height = len(self.lines_of(text, self.inner, kind)) * kind.line
        self.room(height)
        self.set_y(self.block(MARGIN, self.get_y(), self.inner, text, kind, tag) + after)

    def heading(self, text: str, *, keep: float = 20.0) -> None:
        """Write the head of a section, which keeps so much of what follows beside it [mm]."""
        self.room(HEAD.line + 3.0 + keep)
        self.set_y(self.get_y() + 3.0)
        self.start_section(text)
        self.paragraph(text, HEAD, "H2", after=0.8)

    def room(self, height: float) -> None:
        """Begin a new page where so much does not fit any more [mm]."""
        if self.get_y() + height > self.floor:
            self.add_page()

    def box(self, x: float, y: float, width: float, height: float, *, fill: str, line: str = "") -> None:
        """Fill a rectangle, and draw its edge where a colour for it is given."""
        self.set_fill_color(fill)
        self.set_line_width(0.2)
        if line:
            self.set_draw_color(line)
        self.rect(x, y, width, height, style="DF" if line else "F")

    def rule(self, x: float, y: float, right: float, colour: str = RULE) -> None:
        """Draw a thin line across."""
        self.set_draw_color(colour)
        self.set_line_width(0.2)
        self.line(x, y, right, y)

    def in_points(self, x: float, y: float) -> str:
        """Return a place [mm] as a PDF writes it."""
        return f"{x * self.k:.2f} {(self.h - y) * self.k:.2f}"

    def write_path(self, operations: Sequence[str]) -> None:
        """Draw a path of a PDF's own operations in the colours and line that are set."""
        self._out(" ".join(operations))

    @contextmanager
    def tagged(self, kind: Tag, alt: str = "") -> Iterator[None]:
        """Mark what is written inside as one piece of the document; ``alt`` says what a figure shows."""
        number = self.struct_builder.next_mcid_for_page(self.page)
        _, parents = self.struct_builder.add_marked_content(
            page_number=self.page, struct_type=f"/{kind}", mcid=number, alt_text=alt or None
        )
        self.pages[self.page].struct_parents = parents
        self._out(f"/{kind} <</MCID {number}>> BDC")
        yield
        self._out("EMC")

    def _use(self, face: str, kind: Type) -> None:
        """Set the font; it is read when it is first needed, for reading one takes as long as a page."""
        style = "B" if kind.bold else ""
        if f"{face}{style}" not in self.fonts:
            self.add_font(face, style, font_file(face, bold=kind.bold))
        self.set_font(face, style, kind.size)

    @contextmanager
    def _artifact(self) -> Iterator[None]:
        """Mark what is written inside as no part of the document's text."""
        self._out("/Artifact BMC")
        yield
        self._out("EMC")


def column_edges(left: float, widths: Sequence[float]) -> list[float]:
    """Return where columns begin, and the right edge of the last [mm].

    >>> column_edges(12.0, [10.0, 5.0])
    [12.0, 22.0, 27.0]
    """
    edges = [left]
    for width in widths:
        edges.append(edges[-1] + width)
    return edges
