"""Clusters against NOAA's own for the same paths, and against a slow joining of pairs."""

import itertools

import numpy as np
import pytest

from forecasting.transport.cluster import cluster, mean_paths
from pipeline.errors import ContractError

WHOLE = 13
"""Points of a path of twelve hours."""


def end_points(path):
    """Return latitude and longitude of the points of a file of one path."""
    lines = path.read_text().splitlines()
    grids = int(lines[0].split()[0])
    starts = int(lines[grids + 1].split()[0])
    rows = [line.split() for line in lines[grids + starts + 3 :]]
    points = np.full((WHOLE, 2), np.nan)
    points[: len(rows)] = [[float(row[9]), float(row[10])] for row in rows]
    return points


@pytest.fixture(scope="module")
def noaa(shared):
    folder = shared / "data" / "trajectory" / "noaa_cluster_example"
    files = sorted(folder.glob("tdump*"))
    points = np.stack([end_points(file) for file in files])
    rows = [line.split() for line in (folder / "CLUSLIST_7").read_text().splitlines()]
    of_file = {row[-1][-13:]: int(row[0]) for row in rows}
    change = np.array([row.split() for row in (folder / "DELPCT").read_text().splitlines()], float)
    end = [row.split() for row in (folder / "CLUSEND").read_text().splitlines()]
    return points, np.array([of_file[f.name] for f in files]), change, {int(n): float(r) for n, r in end}


@pytest.mark.shared
def test_noaas_assignments_are_reproduced(noaa):
    points, theirs, _, _ = noaa
    ours = cluster(points[..., 0], points[..., 1], number=7).labels
    pairs = set(zip(theirs.tolist(), ours.tolist(), strict=True))
    assert len(theirs) == 62
    assert len(pairs) == 8, "seven groups and the path that is too short, one to one"
    assert (0, 0) in pairs


@pytest.mark.shared
def test_noaas_percent_changes_are_reproduced(noaa):
    points, _, change, end = noaa
    found = cluster(points[..., 0], points[..., 1])
    assert found.left.tolist() == change[:, 1].astype(int).tolist()
    np.testing.assert_allclose(found.change, change[:, 2], atol=0.06)
    assert set(found.candidates) == set(end)
    for number, rise in end.items():
        assert found.candidates[number] == pytest.approx(rise, abs=0.5)
    assert found.chosen == 3


def test_a_slow_joining_gives_the_same():
    rng = np.random.default_rng(4)
    latitude = 35 + np.cumsum(rng.normal(0, 1, (14, 6)), axis=1)
    longitude = 178 + np.cumsum(rng.normal(0, 2, (14, 6)), axis=1)
    phi, lam = np.radians(latitude), np.radians(longitude)
    space = np.stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)], -1)

    def variance(members):
        return ((space[members] - space[members].mean(axis=0)) ** 2).sum()

    groups, totals = [[i] for i in range(14)], []
    while len(groups) > 1:
        a, b = min(
            itertools.combinations(groups, 2),
            key=lambda ab: variance(ab[0] + ab[1]) - variance(ab[0]) - variance(ab[1]),
        )
        groups = [g for g in groups if g not in (a, b)] + [a + b]
        totals.append(sum(variance(g) for g in groups))
    expected = 100 * np.diff(totals) / np.array(totals[:-1])
    np.testing.assert_allclose(cluster(latitude, longitude).change, expected, rtol=1e-9)


def test_groups_are_numbered_by_size_and_short_paths_have_none():
    longitude = np.array([[0, 5], [0, -5], [0, -5.1], [0, -5.2], [0, np.nan]], float)
    found = cluster(np.full(longitude.shape, 30.0), longitude, number=2)
    assert found.labels.tolist() == [2, 1, 1, 1, 0]


def test_the_mean_path_lies_among_its_members():
    labels = np.array([1, 1, 2])
    lat, lon = mean_paths(np.array([[10.0], [12.0], [0.0]]), np.array([[5.0], [5.0], [9.0]]), labels)
    assert (lat.round(9).tolist(), lon.round(9).tolist()) == ([[11.0], [0.0]], [[5.0], [9.0]])


@pytest.mark.parametrize("number", [None, 9])
def test_too_few_paths_are_refused(number):
    paths = 2 if number is None else 8
    with pytest.raises(ContractError, match=f"{paths} whole paths"):
        cluster(np.zeros((paths, 3)), np.zeros((paths, 3)), number)
