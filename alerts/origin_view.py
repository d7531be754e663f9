"""Where the air comes from, in one language: regions, local air beside arrival, readings upwind."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from typing import Any

from alerts.content import WarningContent
from alerts.origin_note import OriginNote
from alerts.plain_text import one_line
from alerts.vocabulary import TEMPLATE_FOLDER, Vocabulary
from pipeline.cities import all_cities, city
from pipeline.errors import PolicyError
from pipeline.origin_panel import RegionHours, UpwindReading, Window
from pipeline.place_names import name_of
from pipeline.regions import region_name


@dataclass(frozen=True)
class RegionRow:
    """One region of a table: its name, mean time [h], the range of 80 % of the paths, and paths over it."""

    name: str
    hours: str
    span: str
    share: str


@dataclass(frozen=True)
class OriginView:
    """One city's origin as the templates of a language see it; ``regions`` says what ``rows`` hold."""

    city: str
    arriving: str
    rows: tuple[RegionRow, ...]
    regions: str
    local: str
    windows: tuple[str, ...]
    upwind: str
    method: str

    @property
    def lines(self) -> tuple[str, ...]:
        """Return the statements one after the other, local air right behind the regions."""
        return tuple(line for line in (self.regions, self.local, *self.windows, self.upwind) if line)


@cache
def origin_words(language: str) -> dict[str, Any]:
    """Return the words about the origin of air in one language.

    >>> origin_words("ko")["title"]
    '공기의 이동 경로'
    """
    return tomllib.loads((TEMPLATE_FOLDER / language / "origin.toml").read_text("utf-8"))


def says_origin(content: WarningContent) -> bool:
    """Tell whether a content may say where air comes from: if both parties sign it and the warning stands.

    >>> from alerts.examples import example_content
    >>> says_origin(example_content()), says_origin(example_content(parties=("seoul",)))
    (True, False)
    """
    is_joint = content.product == "joint_warning" and len(set(content.parties)) > 1
    return is_joint and content.kind in ("alert", "update")


def origins_view(content: WarningContent, words: Vocabulary, party: str = "") -> tuple[OriginView, ...]:
    """Return the origins that a content may state, regions named as the reader's party names them."""
    return tuple(origin_view(o, words, party) for o in content.origins) if says_origin(content) else ()


def origin_view(note: OriginNote, words: Vocabulary, party: str = "") -> OriginView:
    """Return one city's origin in words.

    Examples
    --------
    >>> from alerts.origin_example import example_panel
    >>> from alerts.origin_note import origin_notes
    >>> from alerts.vocabulary import vocabulary
    >>> note = origin_notes(example_panel())[1]
    >>> origin_view(note, vocabulary("en")).local
    'Local air: within 75 km of Seoul for 9 h (4–15) of the 24 h before arrival; some local accumulation.'
    >>> [origin_view(note, vocabulary("ko"), party).rows[0].name for party in ("", "seoul")]
    ['황해', '서해']
    """
    said, zone = origin_words(words.language), city(note.city).timezone
    rows = tuple(region_row(r, words, party) for r in note.regions)
    upwind = [_reading(u, words, zone) for u in note.upwind]
    return OriginView(
        city=words.city(note.city),
        arriving=said["arriving"].format(
            city=words.city(note.city), period=words.period(*note.arrivals, zone)
        ),
        rows=rows,
        regions=_regions(note, rows, words),
        local=_local(note, words),
        windows=tuple(_window(w, words, zone, party) for w in note.windows),
        upwind=said["upwind"].format(list=said["separator"].join(upwind)) if upwind else "",
        method=said["method"].format(
            winds=words.phrase(note.winds), method=words.phrase(note.method), spread=words.phrase(note.spread)
        ),
    )


def region_row(region: RegionHours, words: Vocabulary, party: str = "") -> RegionRow:
    """Return a region's hours as a row of a table."""
    return RegionRow(
        named_place(region.region, words, party),
        words.number(region.hours),
        words.span(region.low, region.high),
        path_share(region.share_of_paths, words),
    )


def path_share(share: float, words: Vocabulary) -> str:
    """Return a counted share of paths [1] in per cent; unlike a probability it may be all of them.

    >>> from alerts.vocabulary import vocabulary
    >>> path_share(1.0, vocabulary("en")), path_share(0.644, vocabulary("ko"))
    ('100 %', '64%')
    """
    return f"{round(100 * share)}{' %' if words.language == 'en' else '%'}"


def named_place(place: str, words: Vocabulary, party: str = "") -> str:
    """Return the name of a region, city or place of measurement; an unknown id is shown as it is.

    >>> from alerts.vocabulary import vocabulary
    >>> [named_place(p, vocabulary("zh")) for p in ("hebei", "seoul", "jinan_air", "<x>")]
    ['河北', '首尔', '济南', '<x>']
    """
    if place in all_cities():
        return words.city(place)
    try:
        return region_name(place, words.language, party or None)
    except PolicyError:
        return one_line(name_of(place, words.language))


def _regions(note: OriginNote, rows: tuple[RegionRow, ...], words: Vocabulary) -> str:
    said = origin_words(words.language)
    listed = said["separator"].join(
        said["region"].format(name=row.name, hours=row.hours, range=row.span) for row in rows
    )
    line = said["regions" if rows else "no_regions"]
    line = line.format(hours=words.number(note.hours), members=note.members, list=listed)
    return str(line + (said["lost"].format(number=note.lost) if note.lost else ""))


def _local(note: OriginNote, words: Vocabulary) -> str:
    said, local = origin_words(words.language), note.local
    name = words.city(note.city)
    if local.word == "unknown":
        return str(said["local_unknown"].format(city=name))
    return str(
        said["local"].format(
            city=name,
            km=words.number(local.within_km),
            hours=words.number(local.hours),
            range=words.span(local.low, local.high),
            word=said["local_words"].get(local.word, one_line(local.word)),
        )
    )


def _window(window: Window, words: Vocabulary, zone: str, party: str) -> str:
    return str(
        origin_words(words.language)["window"].format(
            place=named_place(window.place, words, party),
            period=words.period(window.first, window.last, zone),
            lag=words.number(window.lag_hours),
            share=path_share(window.share, words),
        )
    )


def _reading(reading: UpwindReading, words: Vocabulary, zone: str) -> str:
    """Return what was measured as the paths passed, else the newest value there."""
    passed = reading.value is not None
    return str(
        origin_words(words.language)["passed" if passed else "ahead"].format(
            place=named_place(reading.place, words),
            quantity=words.named("quantities", reading.quantity),
            value=words.amount(reading.value if passed else reading.latest),
            moment=words.moment(reading.passed_at if passed else reading.latest_at, zone),
            hours=words.number(reading.hours_before),
        )
    )
