"""Whose bulletin a document is: of both cities for both parties, or of one party's city alone."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

from alerts.bulletin_words import Texts, each
from alerts.content import WarningContent
from alerts.vocabulary import LANGUAGES, TEMPLATE_FOLDER
from pipeline.cities import City, all_cities
from pipeline.dust_outlook import DustOutlook


@dataclass(frozen=True)
class Edition:
    """What a document holds and who stands behind it.

    Parameters
    ----------
    city : id of the one city that a party speaks of; empty for the joint bulletin of all cities
    signed : of the joint one: both parties signed the warning that it shows; only then is it for others than
        the forecasters, and only then does it say where the air comes from
    in_joint : of a city's own: a joint warning that both signed speaks of the city
    """

    city: str = ""
    signed: bool = False
    in_joint: bool = False

    @property
    def party(self) -> str:
        """Return the party that issues a city's own bulletin; empty for the joint one."""
        return all_cities()[self.city].party if self.city else ""

    @property
    def says_origin(self) -> bool:
        """Tell whether the document may say where the air comes from, and show links between cities."""
        return not self.city and self.signed

    def of(self, cities: Sequence[City]) -> list[City]:
        """Return the cities of which the document speaks.

        >>> [c.id for c in Edition("seoul").of(list(all_cities().values()))]
        ['seoul']
        """
        return [c for c in cities if self.city in ("", c.id)]

    def keeps(self, series: str) -> bool:
        """Tell whether the document may name an input series ``city.quantity.role`` or a city.

        >>> Edition("seoul").keeps("beijing.pm2p5.reference"), Edition("seoul").keeps("seoul")
        (False, True)
        """
        place = series.partition(".")[0]
        return not self.city or place == self.city or place not in all_cities()

    def degraded(self, why: str) -> Texts | None:
        """Return why a forecast is degraded; None where it is not.

        What a city's own bulletin does not speak of is named only as lying elsewhere.

        >>> Edition("seoul").degraded("no usable model; forecast without beijing air")["en"]
        'no usable model; an input from outside the city is missing'
        """
        others = {c for c in all_cities() if self.city not in ("", c)}
        parts = [part.strip() for part in why.split(";") if part.strip()]
        own = [part for part in parts if not any(other in part.lower() for other in others)]
        if not parts:
            return None
        said = [each(lambda v: v.phrase("; ".join(own)))] * bool(own)
        said += [edition_texts("elsewhere")] * (len(own) < len(parts))
        return each(lambda v: str(v["punctuation"]["semicolon"]).join(one[v.language] for one in said))

    def dust(self, outlook: DustOutlook | None) -> DustOutlook | None:
        """Return what is said of dust in the cities of the document."""
        if outlook is None or not self.city:
            return outlook
        return replace(outlook, days=outlook.of(self.city))

    @property
    def title(self) -> Texts:
        """Return the document's name."""
        return (
            edition_texts("city_title", city=_name(self.city)) if self.city else edition_texts("joint_title")
        )

    @property
    def standing(self) -> Texts:
        """Return who stands behind the document, and what may be done with it."""
        if self.city:
            return edition_texts("city_note", city=_name(self.city))
        return edition_texts("signed_note" if self.signed else "unsigned_note")

    def silence(self) -> tuple[Texts, Texts]:
        """Return headline and note of a city's own bulletin that has no warning of its own.

        >>> Edition("seoul", in_joint=True).silence()[0]["en"]
        'A joint warning for Seoul is in force'
        """
        key = "city_joint" if self.in_joint else "city_none"
        return edition_texts(key, city=_name(self.city)), edition_texts(f"{key}_note", city=_name(self.city))


JOINT: Final = Edition()


def bulletin_name(run_id: str, city: str = "", language: str = "") -> str:
    """Return the name of a bulletin's file: the page, or with a language the PDF in it.

    >>> bulletin_name("r1"), bulletin_name("r1", "seoul", "ko")
    ('bulletin-r1.html', 'bulletin-r1-seoul-ko.pdf')
    """
    stem = "-".join(part for part in ("bulletin", run_id, city, language) if part)
    return f"{stem}.pdf" if language else f"{stem}.html"


def bulletin_of(content: WarningContent) -> str:
    """Return the name of the page that goes with a warning: the joint one, or the issuing city's own.

    >>> from alerts.examples import example_content
    >>> bulletin_of(example_content(run_id="r1"))
    'bulletin-r1.html'
    """
    own = content.product != "joint_warning" and len(content.cities) == 1
    return bulletin_name(content.run_id, content.cities[0].city if own else "")


def edition_texts(key: str, **values: object) -> Texts:
    """Return one text in every language; a value that is itself Texts goes in language by language.

    >>> edition_texts("outlook_title")["ko"]
    '3일 전망'
    """
    return {
        str(language): edition_words(language)[key].format(
            **{k: v[language] if isinstance(v, Mapping) else v for k, v in values.items()}
        )
        for language in LANGUAGES
    }


@cache
def edition_words(language: str) -> dict[str, Any]:
    """Return the words about editions in one language.

    >>> edition_words("zh")["scale_short"]["kr.grade"]
    '韩国'
    """
    return tomllib.loads((TEMPLATE_FOLDER / language / "edition.toml").read_text("utf-8"))


def scale_short(rule: str) -> Texts:
    """Return whose scale a rule's is, in a word.

    >>> scale_short("cn.aqi")["en"]
    'China'
    """
    return {str(language): edition_words(language)["scale_short"][rule] for language in LANGUAGES}


def _name(city_id: str) -> Texts:
    return each(lambda v: v.city(city_id))
