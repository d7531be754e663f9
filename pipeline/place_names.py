"""What cities and the places around them are called in the three languages of the programme."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources

from pipeline.cities import all_cities
from pipeline.surroundings import all_places


def name_of(place: str, language: str) -> str:
    """Return the name of a city or place in a language; its English one where none is known.

    >>> name_of("beijing", "ko"), name_of("jinan_air", "zh"), name_of("unheard_of", "en")
    ('베이징', '济南', 'unheard_of')
    """
    cities, places = all_cities(), all_places()
    if place in cities:
        return cities[place].name[language]
    english = places[place].name if place in places else place
    return _place_names().get(language, {}).get(english, english)


@cache
def _place_names() -> dict[str, dict[str, str]]:
    file = resources.files("pipeline") / "place_names.toml"
    return tomllib.loads(file.read_text("utf-8"))
