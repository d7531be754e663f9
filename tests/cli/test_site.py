"""The pages of docs/ as a site: complete, without dead links, and asking nobody else for anything."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
FETCHING = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src", "video": "src"}
NOT_FETCHED = {"canonical", "index", "search", "next", "prev", "author"}
FOREIGN_STYLE = re.compile(r"@import|url\(\s*['\"]?(?:https?:)?//")


class Page(HTMLParser):
    """What one page fetches, links to and can be linked to at."""

    def __init__(self, text: str) -> None:
        """Read the whole text of the page."""
        super().__init__()
        self.fetched: list[str] = []
        self.linked: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Sort the addresses of one element."""
        found = {name: value for name, value in attrs if value}
        if "id" in found:
            self.anchors.add(found["id"])
        if tag in FETCHING and FETCHING[tag] in found and found.get("rel") not in NOT_FETCHED:
            self.fetched.append(found[FETCHING[tag]])
        if tag == "a" and "href" in found:
            self.linked.append(found["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Page]:
    """Every page of the built site by its file."""
    out = tmp_path_factory.mktemp("site") / "html"
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", str(DOCS), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {path: Page(path.read_text()) for path in out.rglob("*.html")}


def test_every_page_is_named_once_in_the_index() -> None:
    trees = re.findall(r"```\{toctree\}\n(.*?)```", (DOCS / "index.md").read_text(), re.DOTALL)
    captions = [re.search(r":caption: (.*)", tree)[1] for tree in trees]  # type: ignore[index]
    named = [line for tree in trees for line in tree.splitlines() if line and not line.startswith(":")]
    assert captions == ["Tutorials", "How-to", "Reference", "Explanation"]
    assert sorted(named) == sorted(path.stem for path in DOCS.glob("*.md") if path.stem != "index")


@pytest.mark.slow
def test_pages_fetch_nothing_from_elsewhere(site: dict[Path, Page]) -> None:
    foreign = [
        (path.name, url) for path, page in site.items() for url in page.fetched if urlsplit(url).netloc
    ]
    assert foreign == []
    root = next(path.parent for path in site if path.name == "index.html")
    assert [path.name for path in root.rglob("*.css") if FOREIGN_STYLE.search(path.read_text())] == []


@pytest.mark.slow
def test_no_link_between_pages_is_dead(site: dict[Path, Page]) -> None:
    dead = [
        (path.name, url) for path, page in site.items() for url in page.linked if not leads(site, path, url)
    ]
    assert dead == []


def leads(site: dict[Path, Page], path: Path, url: str) -> bool:
    """Whether a link leads to a place that the site has; links to elsewhere are not followed."""
    parts = urlsplit(url)
    if parts.scheme or parts.netloc:
        return True
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not parts.fragment or target not in site:
        return target.is_file()
    return unquote(parts.fragment) in site[target].anchors
