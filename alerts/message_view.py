"""What the templates of one language see: every value of a warning written out, on one line, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from alerts.cancel_reasons import cancel_sentence
from alerts.city_view import CityView, LinkView, city_view, link_view
from alerts.content import WarningContent
from alerts.message_changes import changes
from alerts.message_findings import FindingView, findings_view
from alerts.message_words import message_words
from alerts.origin_view import OriginView, origins_view, says_origin
from alerts.own_inputs import with_own_inputs
from alerts.plain_text import one_line
from alerts.stated import NOTHING_STATED, Stated
from alerts.vocabulary import Language, Vocabulary, vocabulary
from pipeline.cities import city
from pipeline.errors import ContractError
from pipeline.names import is_simulated


@dataclass(frozen=True)
class Background:
    """What a message may add to the signed content: the version it replaces, and what its joint level means.

    ``thresholds`` are the day means [ug m-3] by city id at which the policy puts ``content.level``;
    ``party`` is the reader's, which has its own names of some regions and rules of its own; ``telephones``
    are the duty desks' numbers by party, that of an empty party being for all; ``next_update`` is the time
    of the next cycle, and ``listed_from`` the probability [1] from which findings are listed;
    ``taken_over`` are the ids of the cities whose single-city warnings a joint one replaces; ``stated`` is
    our range of the Chinese index and what others forecast of the same days, for mails; ``has_bulletin``
    tells whether the bulletin of the content's run lies here, as that of the other node's run does not.
    """

    previous: WarningContent | None = None
    thresholds: Mapping[str, int] = field(default_factory=dict)
    party: str = ""
    telephones: Mapping[str, str] = field(default_factory=dict)
    next_update: str = ""
    listed_from: float = 0.0
    taken_over: tuple[str, ...] = ()
    stated: Stated = NOTHING_STATED
    has_bulletin: bool = True

    @property
    def telephone(self) -> str:
        """Return the number of the reader's duty desk; empty where none is set."""
        return self.telephones.get(self.party, "") or self.telephones.get("", "")


NO_BACKGROUND: Final = Background()


@dataclass(frozen=True)
class MessageView:
    """Everything that the templates of one language may show."""

    product: str
    kind: str
    exercise: bool
    simulated: bool
    mark: str
    banner: str
    event: str
    product_name: str
    product_note: str
    issuer: str
    kind_name: str
    level: str
    level_name: str
    level_meaning: str
    city_names: str
    cities: tuple[CityView, ...]
    findings: tuple[FindingView, ...]
    links: tuple[LinkView, ...]
    origins: tuple[OriginView, ...]
    changes: tuple[str, ...]
    reason: str
    degraded: str
    calibrated: str
    missing: str
    world: str
    model: str
    warning_id: str
    version: int
    replaced: str
    issued: str
    expires: str
    facts: tuple[tuple[str, str], ...]


def check_labels(content: WarningContent) -> WarningContent:
    """Refuse a content that could be taken for real and is not, or the reverse.

    Raises
    ------
    ContractError
        when ``simulated`` contradicts the world, or a simulated world claims CAP status Actual
    """
    if content.simulated != is_simulated(content.world):
        raise ContractError(f"warning {content.warning_id}: simulated={content.simulated} in {content.world}")
    if content.simulated and content.cap_status == "Actual":
        raise ContractError(f"warning {content.warning_id}: a simulated world is never Actual; use Exercise")
    return content


def mark_of(content: WarningContent) -> str:
    """Return which label a message needs: ``simulated``, ``replay``, ``test``, or empty for a real one."""
    if content.cap_status == "Test" and not content.simulated:
        return "test"
    if content.simulated:
        return "simulated"
    return "replay" if content.cap_status == "Exercise" else ""


def message_view(
    content: WarningContent, language: Language, background: Background = NO_BACKGROUND
) -> MessageView:
    """Return a warning as the templates of a language see it.

    >>> from alerts.examples import example_content
    >>> view = message_view(example_content(), "en")
    >>> view.city_names, view.level_name, view.cities[1].above, view.cities[1].chance
    ('Beijing and Seoul', 'joint level J2', '75 µg/m³', 'likely (73 %)')
    """
    content = with_own_inputs(check_labels(content))
    words = vocabulary(language)
    mark = mark_of(content)
    zones = list(dict.fromkeys(city(c.city).timezone for c in content.cities))
    parties = words.join([words.named("parties", p) for p in content.parties])
    links = () if content.product == "single_city_warning" else content.links
    return MessageView(
        product=content.product,
        kind=content.kind,
        exercise=content.cap_status != "Actual",
        simulated=content.simulated,
        mark=words["marks"][mark] if mark else "",
        banner=words["marks"][f"{mark}_banner"] if mark else "",
        event=words["events"][content.product],
        product_name=words["products"][content.product],
        product_note=words["product_notes"][content.product].format(parties=parties),
        issuer=_issuer(content, parties, language),
        kind_name=words["kinds"][content.kind],
        level=one_line(content.level),
        level_name=words.named("levels", content.level) if content.level else "",
        city_names=words.join([words.city(c.city) for c in content.cities]),
        cities=tuple(city_view(c, words, background.thresholds) for c in content.cities),
        findings=findings_view(content.rules, words),
        links=tuple(link_view(x, words, says_origin(content)) for x in links),
        origins=origins_view(content, words, background.party),
        changes=changes(content, background.previous, words),
        level_meaning=_meaning(background.thresholds, words),
        reason=_reason(content, words),
        degraded=words.phrase(content.degraded),
        calibrated=words.phrase(content.calibrated),
        missing=_missing(content, words),
        world=one_line(content.world),
        model=one_line(content.model_id),
        warning_id=one_line(content.warning_id),
        version=content.version,
        replaced=", ".join(str(r.version) for r in content.references),
        issued=words.instant(content.issue_time, zones),
        expires=words.instant(content.expires, zones),
        facts=_facts(content, words, zones),
    )


def _missing(content: WarningContent, words: Vocabulary) -> str:
    """Return in words which inputs the forecast had to do without."""
    comma: str = words["punctuation"]["comma"]
    return comma.join(words.phrase(name) for name in content.inputs_missing)


def _issuer(content: WarningContent, parties: str, language: Language) -> str:
    """Return who issues what one party says alone; empty for a joint warning."""
    if content.product == "joint_warning":
        return ""
    return str(message_words(language)["issued_by"]).format(parties=parties)


def _reason(content: WarningContent, words: Vocabulary) -> str:
    """Return why a version was written; of a cancellation, what was wrong."""
    if content.kind == "cancel":
        return cancel_sentence(content.reason, words)
    return words.phrase(content.reason)


def _meaning(thresholds: Mapping[str, int], words: Vocabulary) -> str:
    """Return at which day means the joint level stands; empty where that is not given."""
    parts = [f"{words.city(name)} {words.amount(value)}" for name, value in thresholds.items()]
    return str(words["punctuation"]["comma"]).join(parts)


def _facts(content: WarningContent, words: Vocabulary, zones: list[str]) -> tuple[tuple[str, str], ...]:
    """Return the table of identifiers and times."""
    values = {
        "warning": content.warning_id,
        "version": str(content.version),
        "replaces": ", ".join(str(r.version) for r in content.references),
        "issued": words.instant(content.issue_time, zones),
        "data_until": words.instant(content.as_of, zones),
        "expires": "" if content.kind in ("all_clear", "cancel") else words.instant(content.expires, zones),
        "model": content.model_id,
        "run": content.run_id,
        "policy": content.policy_version,
    }
    return tuple((words["message_lines"][key], one_line(value)) for key, value in values.items() if value)
