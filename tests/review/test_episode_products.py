"""Products of a run on the episode's page: foreign text stays text; damaged or foreign files are no proof."""

import hashlib

import pytest
import requests

from alerts.origin_example import example_panel
from tests.review.episode_world import DAY, EVIL, EpisodeWorld, combined, everything, evidence, reasons
from tests.review.signed_in import cookies

NAMES = ("evidence", "reasons", "combined", "origins")
FOREIGN = "from elsewhere"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """An installation with the air of Seoul."""
    running = EpisodeWorld(tmp_path_factory.mktemp("products"))
    running.place("seoul")
    running.air("seoul", value=48.0)
    yield running
    running.close()


def page(world, number, products):
    """The page of an episode of a world of its own whose run names these files as its products."""
    name, episode = f"simulated-{number}", f"seoul-{number}"
    run = world.run(world=name, chance=0.55, products=products)
    world.episode(run, world=name, episode=episode)
    jar = cookies(world.ledger, world.now)
    answer = requests.get(f"{world.base}/episodes/{episode}?day={DAY}&threshold=50", timeout=120, cookies=jar)
    assert answer.status_code == 200, answer.text
    return answer.text


def spoiled(monkeypatch, change):
    """Let the files of products be spoiled as they are stored."""
    store = EpisodeWorld.store

    def stored(self, name, cycle, document):
        where = store(self, name, cycle, document)
        return change(name, self.settings.data_dir / where) or where

    monkeypatch.setattr(EpisodeWorld, "store", stored)


def foreign():
    """Products that say that they are from elsewhere."""
    told = example_panel(kind="none", missing=FOREIGN).to_dict()
    return {
        "evidence": evidence(),
        "reasons": reasons(FOREIGN),
        "combined": combined(FOREIGN),
        "origins": told,
    }


def test_what_winds_and_panels_are_called_stays_text(world):
    for number, told in ((1, {"kind": "surrogate", "winds": EVIL}), (2, {"kind": "none", "missing": EVIL})):
        text = page(world, number, {**everything(), "origins": example_panel(**told).to_dict()})
        assert EVIL not in text
        assert "air-path" not in text


@pytest.mark.parametrize("way", ["link", "path"])
def test_files_outside_of_the_runs_are_not_read(world, monkeypatch, tmp_path, way):
    plain = page(world, f"3{way}", foreign())
    assert FOREIGN in plain, "read where it lies among the runs"

    def moved(name, path):
        outside = world.settings.data_dir / f"{way}-{name}.json"
        outside.write_bytes(path.read_bytes())
        path.unlink()
        if way == "link":
            path.symlink_to(outside)
            return ""
        return f"runs/../{outside.name}"

    spoiled(monkeypatch, moved)
    text = page(world, f"4{way}", foreign())
    assert FOREIGN not in text
    for part in ("No reasons are stored of this day", "This run stored no record of such forecasts"):
        assert part in text


@pytest.mark.parametrize(
    "written",
    [
        b"",
        b"[]",
        b'{"version": 1}',
        b'{"version": 1, "cities": [{"city": "seoul"}]}',
        b'{"version": 2, "cities": [{"city": "seoul"}]}',
        b'{"version": 99}',
        b"\xff\x00",
        None,
    ],
)
def test_a_damaged_or_missing_file_is_said_to_be_missing(world, monkeypatch, written):
    def damaged(_name, path):
        path.unlink()
        if written is not None:
            path.write_bytes(written)

    spoiled(monkeypatch, damaged)
    number = hashlib.sha256(repr(written).encode()).hexdigest()[:8]
    text = page(world, number, everything())
    for part in (
        "No reasons are stored of this day",
        "This run stored no record of such forecasts",
        "Nobody else had stated anything about these days",
    ):
        assert part in text
