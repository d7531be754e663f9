"""The parts of a report in the words of one language, in the order of reading."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flows.joint_report.document import Block, Document, Figure, Head, Points, Section, table_of
from flows.joint_report.drawings import course_svg
from flows.joint_report.sections_data import credits_part, quality_part, timeliness_part
from flows.joint_report.sections_episodes import episodes_part, issued_part, lead_part
from flows.joint_report.sections_scores import beside_part, calibration_part, continuous_part, scores_part
from flows.joint_report.words import Words

Report = Mapping[str, Any]
REFERENCES: Final = (
    "Brier (1950), Monthly Weather Review 78, 1–3",
    "Murphy (1973), Journal of Applied Meteorology 12, 595–600",
    "Künsch (1989), Annals of Statistics 17, 1217–1241",
    "Politis and Romano (1992), in: Exploring the Limits of Bootstrap, Wiley",
    "Mason and Graham (2002), Quarterly Journal of the Royal Meteorological Society 128, 2145–2166",
    "Gneiting and Raftery (2007), Journal of the American Statistical Association 102, 359–378",
    "Bröcker and Smith (2007), Weather and Forecasting 22, 651–661",
    "Jolliffe and Stephenson (2012), Forecast Verification, Wiley",
)
"""Titles of works are proper names, the same in every language."""

METHOD: Final = ("rows", "truth", "counts", "intervals", "baselines", "episodes", "lead", "few")
LIMITS: Final = ("one_period", "many", "same_air", "decisions", "cause", "health", "measures")
TERMS: Final = (
    "pod", "far", "csi", "frequency_bias", "brier_score", "skill", "roc_area", "rmse", "bias", "crps",
    "coverage", "lead_day", "interval", "persistence", "climatology", "trend", "episode",
)  # fmt: skip


def document_of(report: Report, words: Words) -> Document:
    """Return a report in one language."""
    name = _name(report, words)
    return Document(
        title=words.say(f"title_{report['kind']}", name=name),
        subtitle=words.say("subtitle", first=words.day(report["first"]), last=words.day(report["last"])),
        facts=_facts(report, words),
        caveats=_caveats(report, words),
        sections=(
            _findings(report, words),
            _period(report, words),
            scores_part(report, words),
            calibration_part(report, words),
            continuous_part(report, words),
            beside_part(report, words),
            episodes_part(report, words),
            issued_part(report, words),
            lead_part(report, words),
            timeliness_part(report, words),
            quality_part(report, words),
            _rules(report, words),
            _method(report, words),
            _listed("limits", LIMITS, words),
            _glossary(words),
            credits_part(report, words),
            _signatures(report, words),
        ),
    )


def _name(report: Report, words: Words) -> str:
    if report["kind"] == "season":
        return str(report["name"]).replace("-", "/")
    year, month = report["name"].split("-")
    return words.say("month_name", year=int(year), month=words.table["months"][int(month) - 1])


def _facts(report: Report, words: Words) -> tuple[tuple[str, str], ...]:
    source = report["source"]
    told = {"issues": source.get("issues", 0), "runs": source.get("runs", 0), "live": source.get("live", 0)}
    parties = words.names.join([words.party(p) for p in report["parties"]])
    status = words.say("status_draft") if not report["signed"] else words.say("status_signed")
    found = [
        (words.say("fact_parties"), parties),
        (words.say("fact_period"), words.days(report["first"], report["last"])),
        (words.say("fact_as_of"), words.instant(report["as_of"])),
        (words.say("fact_source"), words.say(f"source_{source['kind']}", **told)),
        (
            words.say("fact_world"),
            words.say("world_simulated" if report["simulated"] else "world_measured", world=report["world"]),
        ),
        (words.say("fact_policy"), report["policy"]["version"]),
        (words.say("fact_status"), status),
    ]
    return tuple(found)


def _caveats(report: Report, words: Words) -> tuple[str, ...]:
    found = [words.say(f"caveat_{key}", **_of_source(report, words)) for key in report["caveats"]]
    if not report["over"]:
        found.append(words.say("caveat_running", until=words.instant(report["as_of"])))
    unmeasured = [words.city(c) for c, known in report["outcome"].items() if not known["measured"]]
    if unmeasured:
        found.append(words.say("caveat_unmeasured", cities=words.names.join(unmeasured)))
    return tuple(found)


def _of_source(report: Report, words: Words) -> dict[str, object]:
    source = report["source"]
    until = source.get("train_until")
    lacking = source.get("without_air_of")
    return {
        "until": words.day(until) if until else "–",
        "runs": source.get("runs", 0),
        "live": source.get("live", 0),
        "city": words.city(lacking) if lacking else "–",
    }


def _findings(report: Report, words: Words) -> Section:
    blocks: list[Block] = [words.say("findings_note", needed=10)]
    for city in report["thresholds"]:
        mine = [one for one in report["findings"] if one["city"] == city]
        blocks += [Head(words.city(city)), Points(tuple(finding_text(one, words) for one in mine))]
    return Section(words.say("findings"), tuple(blocks))


def finding_text(one: Mapping[str, Any], words: Words) -> str:
    """Return a finding as a sentence."""
    told: dict[str, object] = {k: v for k, v in one.items() if k not in ("key", "measure")}
    told["city"] = words.city(one["city"])
    for name in ("mean", "highest"):
        if name in one:
            told[name] = words.number(one[name], 0)
    if "highest_day" in one:
        told["highest_day"] = words.day(one["highest_day"])
    if "other" in one:
        told["other"] = words.city(one["other"])
    digits = 1 if one["key"].startswith("found_lead") else 2
    for name in ("measure", "pod", "far"):
        if name in one:
            told[name] = words.within(one[name], digits)
    return words.say(one["key"], **told)


def _period(report: Report, words: Words) -> Section:
    columns = ("city", "days_measured", "mean", "highest", "days_above", "years_before")
    rows = []
    for city, known in report["outcome"].items():
        above = [f">{t}: {n}" for t, n in known["above"].items()]
        before = [
            f"{b['first'][:4]}: {words.number(b['mean'], 0)} ({b['measured']})"
            for b in known["before"]
            if b["measured"]
        ]
        highest = (
            "–"
            if known["highest"] is None
            else f"{words.number(known['highest'], 0)} ({words.day(known['highest_day'])})"
        )
        cells = (
            words.city(city),
            f"{known['measured']}/{known['days']}",
            words.number(known["mean"], 1),
            highest,
        )
        rows.append((*cells, words.names.join(above), words.names.join(before) or "–"))
    blocks: list[Block] = [
        words.say("period_note"),
        table_of(words.say("outcome"), [words.say(f"column_{c}") for c in columns], rows, words, (3, 4, 5)),
    ]
    for city, known in report["outcome"].items():
        if known["measured"]:
            svg = course_svg(report, city, words)
            blocks.append(Figure(f"course-{city}", svg, words.say("figure_course", city=words.city(city))))
    return Section(words.say("period"), (*blocks, _calendar(report, words)))


def _calendar(report: Report, words: Words) -> Block:
    entries = report["calendar"]["entries"]
    rows = [
        (
            e["names"][words.language],
            words.party(e["party"]),
            words.days(e["first"], e["last"]),
            words.of("marks", e["mark"]),
        )
        for e in entries
    ]
    columns = [words.say(f"column_{c}") for c in ("entry", "party", "days", "mark")]
    return table_of(
        words.say("calendar", version=report["calendar"]["version"]), columns, rows, words, (0, 2)
    )


def _rules(report: Report, words: Words) -> Section:
    rows = [(words.rule(r["id"]), r["version"], words.of("marks", r["evidence"])) for r in report["rules"]]
    columns = [words.say(f"column_{c}") for c in ("rule", "version", "mark")]
    agreed = report["policy"]["agreed_by"]
    note = (
        words.say("policy_agreed", list=words.names.join([words.party(p) for p in agreed]))
        if agreed
        else words.say("policy_open")
    )
    title = words.say("rules_in_force", day=words.day(report["last"]))
    return Section(
        words.say("rules"), (words.say("rules_note"), note, table_of(title, columns, rows, words, (0, 1)))
    )


def _method(report: Report, words: Words) -> Section:
    told = {"draws": report["draws"], "seed": report["seed"], "needed": 10}
    lines = tuple(words.table["method_parts"][key].format(**told) for key in METHOD)
    return Section(words.say("method"), (Points(lines), Head(words.say("references")), Points(REFERENCES)))


def _listed(key: str, parts: tuple[str, ...], words: Words) -> Section:
    return Section(words.say(key), (Points(tuple(str(words.table[f"{key}_parts"][part]) for part in parts)),))


def _glossary(words: Words) -> Section:
    rows = [(words.of("terms", term), words.of("meanings", term)) for term in TERMS]
    columns = [words.say("column_term"), words.say("column_meaning")]
    return Section(
        words.say("glossary"), (table_of(words.say("glossary_table"), columns, rows, words, (1,)),)
    )


def _signatures(report: Report, words: Words) -> Section:
    rows = [(words.party(p), words.say("not_signed"), "", "") for p in report["parties"]]
    columns = [words.say(f"column_{c}") for c in ("party", "signature", "name", "date")]
    return Section(
        words.say("signatures"),
        (
            words.say("signatures_note"),
            table_of(words.say("signatures_table"), columns, rows, words, (1, 2, 3)),
        ),
    )
