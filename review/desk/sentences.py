"""The sentences of the desk in a person's language: the question, what silence means, who agrees, doubts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alerts.bulletin_words import named
from alerts.scales import Scale
from alerts.stated import source_name, stated_range
from alerts.vocabulary import Vocabulary, vocabulary
from pipeline.ledger.warnings import VersionRow
from review.desk.doubt import Doubt
from review.desk.grounds import Case
from review.desk.officials import Opinions
from review.desk.pending import Ground, Pending
from review.desk.view import CityView, DeskView
from review.texts import Texts

MINUTES = 60
DAY_MINUTES = 48 * 60
BESIDE = {"absent": "absent", "agrees": "agrees", "expects more": "more", "expects less": "less"}
"""Outcomes of the comparison with the other side's bulletin, by the end of their text's name."""


@dataclass(frozen=True)
class Sentences:
    """Writes what the desk says in one language."""

    t: Texts

    @property
    def words(self) -> Vocabulary:
        """Return the vocabulary of warnings in the language."""
        return vocabulary(self.t.language)

    def question(self, one: Pending) -> str:
        """Return the question that a version puts."""
        product = self.product(one.content.product, one.content.level)
        cities = self.words.join([self.words.city(city.city) for city in one.content.cities])
        is_notice = one.content.product == "notice" and one.content.kind in ("alert", "update")
        asked = "notice" if is_notice else one.content.kind
        return self.t(f"desk.ask_{asked}", product=product, cities=cities)

    def product(self, product: str, level: str) -> str:
        """Return a product by its name, with its joint level."""
        name = str(self.words["products"][product])
        return self.t("desk.with_level", product=name, level=level) if level else name

    def reasons(self, grounds: Iterable[Ground]) -> str:
        """Return on what numbers a question rests: a clause for each city."""
        return self.t("desk.comma").join(self.ground(ground) for ground in grounds)

    def ground(self, ground: Ground) -> str:
        """Return one city's strongest signal."""
        return self.t(
            "desk.ground",
            city=self.words.city(ground.city),
            day=self.words.date(ground.day),
            threshold=ground.threshold,
            chance=self.words.percent(ground.chance),
        )

    def no_question(self, view: DeskView) -> str:
        """Return what the desk says where nothing waits."""
        if view.run is None:
            return self.t("desk.no_run")
        return self.t("desk.nothing_forced" if view.forced else "desk.nothing")

    def signal(self, case: Case) -> str:
        """Return the strongest signal beside what would open a level."""
        opening = self.words.percent(case.ground.opening)
        return self.t("desk.strongest", ground=self.ground(case.ground), opening=opening)

    def forced(self, row: VersionRow) -> str:
        """Return what is in force, without until when."""
        cities = self.words.join([self.words.city(city["city"]) for city in row.content["cities"]])
        product = self.product(row.content["product"], row.content["level"])
        return self.t("desk.forced", product=product, cities=cities)

    def silence(self, one: Pending) -> str:
        """Return what happens if nobody acts."""
        said = self.t(f"desk.silence_{one.silence}", parties=self.parties(one.alone))
        if one.approved and one.silence != "alone":
            said = self.t(
                "desk.and", first=said, second=self.t("desk.approved", parties=self.parties(one.approved))
            )
        return said

    def beside(self, said: Mapping[str, Any]) -> str:
        """Return how the other side's bulletin compared with a text."""
        return self.t(f"desk.beside_{BESIDE.get(said['outcome'], 'open')}")

    def parties(self, parties: Sequence[str]) -> str:
        """Return parties by name."""
        return self.words.join([self.words.named("parties", party) for party in parties])

    def left(self, minutes: int) -> str:
        """Return how much time is left, or how long it has been over.

        >>> from review.texts import texts
        >>> said = Sentences(texts("en"))
        >>> said.left(42), said.left(100), said.left(-78), said.left(60 * 24 * 3)
        ('42 min', '1 h 40 min', '1 h 18 min', '3 d 0 h')
        """
        amount = abs(minutes)
        if amount >= DAY_MINUTES:
            return self.t("desk.days", days=amount // (24 * MINUTES), hours=amount // MINUTES % 24)
        hours, rest = divmod(amount, MINUTES)
        return (
            self.t("desk.hours", hours=hours, minutes=rest) if hours else self.t("desk.minutes", minutes=rest)
        )

    def agreement(self, opinions: Opinions) -> str:
        """Return whether the official forecasts agree."""
        listed = self.t("desk.comma").join(
            f"{source_name(one.source, self.words)} {stated_range(dict(one.stated), self.t.language)}"
            for one in opinions.official
        )
        return self.t(f"desk.official_{opinions.verdict}", listed=listed)

    def doubt(self, doubt: Doubt) -> str:
        """Return why to doubt, with its numbers."""
        return self.t(f"desk.doubt_{doubt.kind}", **{k: self._value(k, v) for k, v in doubt.values.items()})

    def _value(self, name: str, value: Any) -> str:
        if name in ("chance", "opening", "share"):
            return self.words.percent(value)
        if name == "spread":
            return f"{100 * value:.0f}"
        if name == "city":
            return self.words.city(value)
        if name == "inputs":
            return self._inputs(value)
        if name == "sources":
            return self.words.join([source_name(one, self.words) for one in value])
        return f"{value:.0f}" if isinstance(value, float) else str(value)

    def _inputs(self, keys: Sequence[str]) -> str:
        """Return inputs by name, the first three of many."""
        listed = self.t("desk.comma").join(self.words.series(key) for key in keys[:3])
        return self.t("desk.and_more", listed=listed, more=len(keys) - 3) if len(keys) > 3 else listed

    def grade(self, scale: Scale, value: float | None) -> dict[str, str] | None:
        """Return grade and tone of a value on a national scale."""
        band = scale.band_of(value) if value is not None else None
        if band is None:
            return None
        return {"name": named("bands", band.level)[self.t.language], "tone": band.tone}

    def wanting(self, view: DeskView) -> list[str]:
        """Return what is missing or broken, one sentence each; empty where all is well."""
        said = []
        if view.failed and view.last is not None:
            said.append(self.t("desk.wanting_failed", error=view.last.error or "–"))
        if view.cycles_behind and not view.present.own_time:
            said.append(self.t("desk.wanting_late", cycles=view.cycles_behind))
        said += [self._not_assessable(city) for city in view.cities if not city.assessable and view.run]
        if view.run is not None and view.run.degraded:
            said += self.words.phrases(view.run.degraded)
        if view.run is not None and view.run.inputs.get("calibrated"):
            said.append(self.words.phrase(str(view.run.inputs["calibrated"])))
        return said

    def _not_assessable(self, city: CityView) -> str:
        share = self.words.percent(city.air.coverage)
        return self.t("desk.wanting_city", city=self.words.city(city.city.id), share=share)
