"""The page of equations: its examples, which set the arithmetic beside the code, come out as they say."""

import doctest
import importlib
import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "science.md"


def test_every_example_of_the_page_comes_out_as_it_says():
    done = doctest.testfile(str(PAGE), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert done.attempted > 40
    assert done.failed == 0


def test_everything_in_the_code_that_the_page_names_exists():
    named = re.findall(r"`(\w[\w/]*)\.py(?::([\w.]+))?`", PAGE.read_text("utf-8"))
    assert len(named) > 20
    for path, inside in named:
        found = importlib.import_module(path.replace("/", "."))
        for part in inside.split(".") if inside else ():
            found = getattr(found, part)


def test_every_part_with_an_equation_has_an_example_that_calls_the_code():
    parts = re.split(r"^## ", PAGE.read_text("utf-8"), flags=re.MULTILINE)[1:]
    with_equation = {part.splitlines()[0]: part for part in parts if "$$" in part}
    assert len(with_equation) >= 10
    without = [name for name, part in with_equation.items() if "```pycon" not in part]
    assert not without


def test_every_reference_is_used_and_every_use_has_a_reference():
    text, listed = PAGE.read_text("utf-8").split("## References")
    names = re.findall(r"^- (\w+)[^(]*\((\d{4})\)", listed, re.MULTILINE)
    assert len(names) > 8
    assert [n for n, year in names if not re.search(rf"{n}[^()]*\(?{year}", text)] == []
    author = r"([A-ZÀ-Þ][\wöé]+)(?: et al\.| and \w+|, \w+ and \w+)?"
    used = set(re.findall(author + r" \(?((?:19|20)\d\d)\b", text))
    assert used <= {*names, ("Politis", "1992")}
