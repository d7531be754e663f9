"""The bulletin page: complete, self-contained, labelled, harmless, and shown without any request."""

import re
import shutil
import subprocess
import tomllib
from dataclasses import replace
from urllib.parse import urlsplit

import numpy as np
import pytest
from lxml import html

from alerts.bulletin import page_of
from alerts.bulletin_data import RunFacts
from alerts.bulletin_example import ISSUE, example_forecast, example_paths, example_stations
from alerts.bulletin_view import make_bulletin
from alerts.edition import Edition
from alerts.examples import example_content, example_update
from alerts.origin_example import example_panel
from alerts.vocabulary import LANGUAGES, TEMPLATE_FOLDER
from pipeline.cities import all_cities
from pipeline.errors import ContractError

CITIES = [all_cities()["beijing"], all_cities()["seoul"]]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = """
--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
--disable-component-update --disable-sync --hide-scrollbars --virtual-time-budget=4000
--disable-features=NetworkTimeServiceQuerying,OptimizationHints,MediaRouter
""".split()  # noqa: SIM905
BROWSERS_OWN = ("clients2.google.com", "update.googleapis.com", "accounts.google.com")
"""Hosts that the browser asks for itself, whatever page it shows."""


def facts(**changes):
    given = {
        "run_id": "01KEXRVN000000000000000001",
        "world": "simulated-7",
        "issue_time": ISSUE,
        "as_of": ISSUE,
        "model_id": "gbm-1",
        "code_version": "0.1.0",
        "origins": example_panel(world=changes.get("world", "simulated-7")),
    }
    return RunFacts(**{**given, **changes})


def page(content="example", *, scale=1.0, paths=None, stations=None, **changes):
    given = example_content() if content == "example" else content
    run = facts(**changes)
    drawn = paths if paths is not None else example_paths(scale=scale, world=run.world)
    stations = example_stations() if stations is None else stations
    return page_of(make_bulletin(given, example_forecast(drawn), drawn, stations, CITIES, run_facts=run))


def text_of(document):
    tree = html.fromstring(document)
    for style in tree.xpath("//style"):
        style.drop_tree()
    return " ".join(tree.text_content().split())


@pytest.mark.parametrize("name", ["bulletin.toml", "edition.toml"])
def test_the_three_tables_of_words_have_the_same_keys(name):
    tables = [tomllib.loads((TEMPLATE_FOLDER / lang / name).read_text("utf-8")) for lang in LANGUAGES]

    def keys(table):
        return {k: sorted(v) if isinstance(v, dict) else None for k, v in table.items()}

    def places(table):
        return {k: sorted(re.findall(r"{(\w+)}", v)) for k, v in table.items() if isinstance(v, str)}

    assert keys(tables[0]) == keys(tables[1]) == keys(tables[2])
    assert places(tables[0]) == places(tables[1]) == places(tables[2])


def test_a_warning_is_said_in_three_languages_with_numbers():
    said = text_of(page())
    assert "[모의훈련] 베이징·서울 초미세먼지(PM2.5) 공동 조기경보 발표(공동 단계 J2)" in said
    assert "联合等级J2" in said
    assert "joint level J2" in said
    assert "매우나쁨" in said
    assert "重度污染" in said
    assert "01KEXRVN000000000000000001" in said


def test_a_simulated_page_is_marked_in_all_languages_and_in_its_title():
    document = page()
    for mark in ("모의 훈련", "模拟演练", "SIMULATED – EXERCISE"):
        assert mark in text_of(document)
    assert html.fromstring(document).findtext(".//title").startswith("[SIMULATED")


def test_a_replay_is_marked_and_a_real_run_is_not():
    replay = text_of(page(None, world="measured", exercise=True))
    assert "REPLAY – EXERCISE" in replay
    real = text_of(page(None, world="measured"))
    assert "REPLAY" not in real
    assert "SIMULATED" not in real


def test_a_simulated_content_cannot_be_shown_as_actual():
    with pytest.raises(ContractError):
        page(example_content(cap_status="Actual", simulated=True))


def test_quiet_times_are_said_calmly():
    said = text_of(page(None, scale=0.05))
    assert "No joint warning from this run" in said
    assert "이번 예측에 따른 공동 경보 없음" in said
    assert "本次预报无联合预警" in said


def test_degraded_inputs_are_named():
    said = text_of(page(degraded="observations of seoul are 5 h late", inputs_missing=("weather",)))
    assert "Degraded forecast" in said
    assert "observations of seoul are 5 h late" in said
    assert "weather" in said
    assert "All inputs were there" not in said


def test_whose_data_came_is_told_with_what_may_be_done_with_them():
    given = (("Beijing <b>monitoring</b> (as agreed)", "parties"), ("Anybody (KOGL)", "public"))
    said = text_of(page(credits=given))
    assert "Data of other parties" in said
    assert "Beijing <b>monitoring</b> (as agreed)" in said
    assert "Anybody (KOGL)" in said
    assert said.count("for agencies of the parties only") == 1
    assert "Data of other parties" not in text_of(page())


def test_a_day_without_enough_values_is_not_called_clean():
    paths = example_paths()
    paths["pm2p5"].values[:, 1, -40:] = float("nan")
    document = page(None, paths=paths)
    assert "cannot be assessed" in text_of(document)
    last = html.fromstring(document).xpath("//table[contains(@class,'outlook-table')]")[1].xpath(".//tr")[-1]
    assert "–" in last.text_content()
    assert "nan" not in text_of(document).lower().split()


def test_numbers_of_the_table_are_those_of_the_forecast():
    paths = example_paths()
    table = html.fromstring(page(paths=paths)).xpath("//table[contains(@class,'outlook-table')]")[0]
    cells = [c.text_content() for c in table.xpath(".//tbody/tr")[1].xpath("./td")]
    day = example_forecast(paths)["probability_of_day_mean_exceedance"].sel(city="beijing", lead_day=1)
    expected = round(100 * float(day.sel(threshold=115)))
    assert cells[3 + 5] == str(expected)  # 15, 35, 50, 60, 75, then 115


def test_joint_level_stands_beside_the_national_scales_and_is_not_equated():
    said = text_of(page())
    assert "It is not a national level, and neither national scale equals the other." in said
    assert "어느 나라의 단계와도 같지 않으며" in said
    assert "不等同于任何国家的等级" in said


def test_everything_is_inside_the_file():
    document = page()
    tree = html.fromstring(document)
    assert not tree.xpath("//script | //img | //iframe | //object | //link[@rel='stylesheet']")
    addresses = tree.xpath(
        "//@src | //@href | //@xlink:href", namespaces={"xlink": "http://www.w3.org/1999/xlink"}
    )
    assert set(addresses) <= {"data:,"}
    assert "@import" not in document
    assert set(re.findall(r"url\(([a-z]+):", document)) == {"data"}
    assert len(document.encode()) < 1_000_000


def test_foreign_text_cannot_become_markup():
    bad = "<script>alert(1)</script>\"'&{{7*7}}"
    content = example_content(model_id=bad, reason=bad, policy_version=bad, degraded=bad)
    document = page(
        content, model_id=bad, run_id=bad, degraded=bad, inputs_missing=(bad,), inputs_used=(bad,)
    )
    assert "<script" not in document
    assert "49" not in re.findall(r"{{.*?}}", document)
    assert bad in text_of(document)


def test_the_map_says_that_it_shows_no_borders_and_licences_are_named():
    said = text_of(page())
    assert "Natural Earth" in said
    assert "The map shows the coast; no borders are drawn." in said
    assert "지도에는 해안선만 그리며 경계선은 그리지 않음" in said
    assert "地图只画海岸线，不画任何界线" in said
    assert "buffered hulls of the stations" in said
    assert "SIL Open Font License" in said


def test_without_stations_the_page_still_comes():
    assert "Beijing" in text_of(page(stations=example_stations().iloc[:0]))


def test_where_the_air_comes_from_is_shown_with_local_air_beside_it():
    tree = html.fromstring(page())
    assert len(tree.xpath("//div[@class='origin']")) == 2
    for card, city in zip(tree.xpath("//div[@class='origin']"), example_panel().cities, strict=True):
        rows = card.xpath(".//tbody/tr")
        hours = [row.xpath("./td[2]")[0].text_content() for row in rows]
        told = sorted((r.hours for r in city.regions if r.hours >= 1), reverse=True)[:5]
        assert hours == [f"{int(h + 0.5)} h" for h in told]
        (local,) = card.xpath(".//p[@class='local']")
        assert f"{int(city.local.hours + 0.5)} h" in local.text_content()
    said = text_of(page())
    assert "no share of the pollution" in said
    assert "only with the signatures of both parties" in said
    assert "only with the signatures of both parties" in text_of(page(None))
    assert "only with the signatures of both parties" not in text_of(page(edition=Edition(signed=True)))


@pytest.mark.parametrize(("share", "said"), [(0.0, "0 % of the paths to"), (0.64, "64 % of the paths to")])
def test_a_link_says_how_many_paths_support_it_also_where_none_does(share, said):
    content = example_content()
    links = tuple(replace(x, path_share=share, confidence="") for x in content.links)
    assert said in text_of(page(replace(content, links=links)))
    unknown = tuple(replace(x, path_share=None) for x in content.links)
    assert "of the paths to" not in text_of(page(replace(content, links=unknown)))


def test_a_run_without_winds_says_so_and_an_old_run_nothing():
    bare = example_panel(kind="none", missing="no gridded winds are stored of these days", cities=())
    assert "Where the air comes from" not in text_of(page(origins=None))
    drawn = page(origins=replace(bare, cities=example_panel().cities))
    assert "not known for this run: no gridded winds" in text_of(drawn)
    assert 'class="air-path"' not in drawn


def test_update_and_all_clear_are_said():
    assert "updated" in text_of(page(example_update(example_content())))
    cleared = example_update(example_content(), kind="all_clear", level="")
    assert "SIMULATED EXERCISE" in text_of(page(cleared))


def test_same_inputs_give_the_same_page():
    assert page() == page()


@pytest.fixture
def chromium():
    if CHROMIUM is None:
        pytest.skip("needs the program chromium")
    return CHROMIUM


def browse(program, tmp_path, document, *more):
    file = tmp_path / "bulletin.html"
    file.write_text(document, "utf-8")
    log = tmp_path / "net.json"
    command = [
        program, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", f"--log-net-log={log}",
        "--enable-logging=stderr", *more, file.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return done, log.read_text("utf-8") if log.exists() else ""


def asked_of_servers(log):
    urls = set(re.findall(r'"url":"((?:https?|wss?)://[^"]+)"', log))
    return {u for u in urls if urlsplit(u).hostname not in BROWSERS_OWN}


@pytest.mark.slow
def test_a_browser_shows_it_without_any_request_or_complaint(chromium, tmp_path):
    done, log = browse(chromium, tmp_path, page(), "--dump-dom")
    assert done.returncode == 0
    assert "베이징" in done.stdout
    assert "CONSOLE" not in done.stderr
    assert not asked_of_servers(log)


def test_a_request_would_be_noticed(chromium, tmp_path):
    document = '<!doctype html><img src="http://127.0.0.1:9/x.png"><script>console.error("loud")</script>'
    done, log = browse(chromium, tmp_path, document, "--dump-dom")
    assert asked_of_servers(log) == {"http://127.0.0.1:9/x.png"}
    assert "CONSOLE" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("width", [500, 1220])
def test_nothing_is_wider_than_the_window(chromium, tmp_path, width):
    probe = "<script>document.title=document.documentElement.scrollWidth+'/'+innerWidth</script></body>"
    document = page().replace("</body>", probe)
    document = re.sub(r'<meta http-equiv="Content-Security-Policy".*?>', "", document)
    done, _ = browse(chromium, tmp_path, document, "--dump-dom", f"--window-size={width},900")
    wide, window = map(int, re.search(r"<title>(\d+)/(\d+)</title>", done.stdout).groups())
    assert wide <= window


def test_days_beyond_the_forecast_are_shown_as_an_outlook_and_nowhere_else():
    drawn = example_paths(scale=1.0, world="simulated-7")
    members = np.full((drawn.sizes["realization"], drawn.sizes["city"], 2), 61.0)
    members[:, -1, 1] = np.nan
    dims = ("realization", "city", "outlook_day")
    with_outlook = drawn.assign(outlook_pm2p5=(dims, members)).assign_coords(outlook_day=[4, 5])
    before, after = (html.fromstring(page(paths=p)) for p in (drawn, with_outlook))
    rows = [len(d.xpath("//table[contains(@class, 'outlook-table')]/tbody/tr")) for d in (before, after)]
    # two days of one city, one of the other
    assert rows[1] - rows[0] == 2 + 1
    added = after.xpath("//table[contains(@class, 'outlook-table')]//tr[contains(td[1]/small, 'later day')]")
    assert [r.xpath("td[contains(@class, 'now')]")[0].text_content() for r in added] == ["61"] * 3
    assert "later day" not in text_of(page(paths=drawn))
