"""CAP 1.2 messages (OASIS, 2010-07-01): one ``info`` per language, the same event and areas in each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from lxml import etree

from alerts.areas import Area
from alerts.cap_check import CAP_NAMESPACE, check_cap
from alerts.cap_grades import certainty, severity, urgency
from alerts.city_view import SHOWN_THRESHOLDS
from alerts.content import CityOutlook, Reference, WarningContent
from alerts.identifiers import alert_identifier
from alerts.message_view import NO_BACKGROUND, Background, check_labels
from alerts.message_words import contact_line
from alerts.origin_note import OriginNote
from alerts.origin_view import says_origin
from alerts.own_inputs import with_own_inputs
from alerts.plain_text import one_line
from alerts.vocabulary import LANGUAGES, Language, vocabulary
from alerts.wording import Text, wording
from pipeline.cities import city
from pipeline.errors import ContractError
from pipeline.times import parse_instant, to_utc

Scope = Literal["Public", "Restricted"]
LAST_WORD: Final = timedelta(hours=24)
"""How long an all-clear or a cancellation stays valid after it was sent; own choice."""
_NAMESPACES: Final[Any] = {None: CAP_NAMESPACE}
_MESSAGE_TYPES: Final = {"alert": "Alert", "update": "Update", "all_clear": "Update", "cancel": "Cancel"}
_RESPONSES: Final = {
    "alert": ("Prepare", "Monitor"),
    "update": ("Prepare", "Monitor"),
    "all_clear": ("AllClear",),
    "cancel": ("None",),
}


@dataclass(frozen=True)
class CapHeader:
    """Who sends a CAP message, when, and to whom.

    ``sender`` has neither spaces nor commas (an e-mail address is usual); ``web`` is an absolute address of
    the bulletin. No recipient is named: the message goes to all of them and stays. ``replaces`` are messages
    of other warnings that end with this one, such as single-city warnings that it takes over; ``senders``
    names, by identifier, who sent an earlier message where that was another sender.
    """

    sender: str
    sent: datetime
    contact: str
    web: str | None = None
    scope: Scope = "Restricted"
    replaces: tuple[Reference, ...] = ()
    senders: Mapping[str, str] = field(default_factory=dict)


def build_cap(
    content: WarningContent,
    header: CapHeader,
    areas: Mapping[str, Area],
    background: Background = NO_BACKGROUND,
) -> bytes:
    """Return one version of a warning as a CAP 1.2 message that has passed ``alerts.cap_check.check_cap``.

    Status is ``content.cap_status``; an all-clear is an Update whose response type is AllClear. References
    name every earlier version in ``content.references`` and what it replaces; a first version that replaces
    something is an Update too. Urgency, severity and certainty follow
    :mod:`alerts.cap_grades`, which is an own proposal and no official mapping. The same arguments give the
    same bytes.

    Parameters
    ----------
    content : what is said; concentrations [ug m-3]
    header : sender, time of sending, contact
    areas : area of each city id of the content, with (latitude, longitude) in degrees
    background : the version that is replaced and the meaning of the joint level

    Raises
    ------
    ContractError
        when a city has no area, a simulated world is called Actual, or the message breaks a rule of CAP

    Examples
    --------
    >>> import pandas as pd
    >>> from alerts.areas import city_area
    >>> from alerts.examples import example_content
    >>> from pipeline.times import parse_instant
    >>> none = pd.DataFrame({"city": [], "latitude": [], "longitude": []})
    >>> areas = {name: city_area(city(name), none) for name in ("seoul", "beijing")}
    >>> header = CapHeader("desk@seoul.example", parse_instant("2026-01-14T08:40Z"), "duty desk")
    >>> xml = build_cap(example_content(), header, areas)
    >>> [line.strip() for line in xml.decode().splitlines() if "<sent>" in line or "<status>" in line]
    ['<sent>2026-01-14T08:40:00-00:00</sent>', '<status>Exercise</status>']
    """
    check_labels(content)
    alert = etree.Element(_tag("alert"), nsmap=_NAMESPACES)
    _add(alert, "identifier", alert_identifier(content.warning_id, content.version))
    _add(alert, "sender", header.sender)
    _add(alert, "sent", cap_time(header.sent))
    _add(alert, "status", content.cap_status)
    references = (*header.replaces, *content.references)
    kind = _MESSAGE_TYPES[content.kind]
    _add(alert, "msgType", "Update" if references and kind == "Alert" else kind)
    _add(alert, "source", one_line(f"sameair run {content.run_id}"))
    _add(alert, "scope", header.scope)
    if header.scope == "Restricted":
        _add(alert, "restriction", _restriction(content))
    _add(alert, "note", _note(content))
    if references:
        _add(alert, "references", _references(references, header))
    for language in LANGUAGES:
        _add_info(alert, wording(content, language, background), (content, header, areas))
    etree.indent(alert)
    return check_cap(bytes(etree.tostring(alert, xml_declaration=True, encoding="UTF-8")))


def cap_time(when: datetime) -> str:
    """Return an instant as CAP writes it: no fraction, no ``Z``, UTC as ``-00:00``.

    >>> cap_time(parse_instant("2026-01-14T17:40:00.9+09:00"))
    '2026-01-14T08:40:00-00:00'
    """
    return to_utc(when).strftime("%Y-%m-%dT%H:%M:%S-00:00")


_Job = tuple[WarningContent, CapHeader, Mapping[str, Area]]


def _add_info(alert: etree._Element, text: Text, job: _Job) -> None:
    """Append one language's ``info``, its elements in the order of the schema."""
    content, header, areas = job
    info = etree.SubElement(alert, _tag("info"))
    _add(info, "language", vocabulary(text.language)["tag"])
    _add(info, "category", "Env")
    _add(info, "category", "Health")
    _add(info, "event", text.view.event)
    for response in _RESPONSES[content.kind]:
        _add(info, "responseType", response)
    _add(info, "urgency", urgency(content, header.sent))
    _add(info, "severity", severity(content))
    _add(info, "certainty", certainty(content))
    _add_pair(info, "eventCode", "sameair", f"PM25-{content.product}")
    _add_times(info, content, header.sent)
    _add(
        info, "senderName", ", ".join(vocabulary(text.language)["parties"].get(p, p) for p in content.parties)
    )
    _add(info, "headline", text.headline)
    _add(info, "description", text.description)
    _add(info, "instruction", text.instruction)
    if header.web:
        _add(info, "web", header.web)
    _add(info, "contact", contact_line(header.contact, text.language))
    for name, value in _parameters(content):
        _add_pair(info, "parameter", name, value)
    for outlook in content.cities:
        _add_area(info, outlook.city, areas, text.language)


def _add_times(info: etree._Element, content: WarningContent, sent: datetime) -> None:
    """Append effective, onset and expires; a last word has no onset and outlives its sending by a day."""
    _add(info, "effective", cap_time(sent))
    expires = parse_instant(content.expires)
    if content.kind in ("all_clear", "cancel"):
        expires = max(expires, to_utc(sent) + LAST_WORD)
    else:
        _add(info, "onset", cap_time(parse_instant(content.onset)))
    _add(info, "expires", cap_time(expires))


def _add_area(info: etree._Element, name: str, areas: Mapping[str, Area], language: Language) -> None:
    """Append a city's area: what it is, its polygon in (lat, lon) order, its code."""
    if name not in areas:
        raise ContractError(f"no area was given for {name}; use alerts.areas.city_area")
    held, place, words = areas[name], city(name), vocabulary(language)
    area = etree.SubElement(info, _tag("area"))
    marks = words["punctuation"]
    _add(area, "areaDesc", f"{words.city(name)}{marks['open']}{words['shapes'][held.shape]}{marks['close']}")
    _add(area, "polygon", " ".join(f"{lat:.4f},{lon:.4f}" for lat, lon in held.polygon))
    _add_pair(area, "geocode", place.geocode["name"], place.geocode["value"])


def _parameters(content: WarningContent) -> list[tuple[str, str]]:
    """Return what a machine may want to read: level, probabilities of each peak day, provenance."""
    content = with_own_inputs(content)
    found = [
        ("sameair:warning", f"{content.warning_id} v{content.version}"),
        ("sameair:product", content.product),
        ("sameair:jointLevel", content.level or "none"),
        ("sameair:jointLevelNote", "not equivalent to any national level"),
        ("sameair:cities", ",".join(c.city for c in content.cities)),
        ("sameair:world", content.world),
        ("sameair:simulated", "true" if content.simulated else "false"),
        ("sameair:run", content.run_id),
        ("sameair:model", content.model_id),
        ("sameair:issueTime", cap_time(parse_instant(content.issue_time))),
        ("sameair:dataUntil", cap_time(parse_instant(content.as_of))),
        ("sameair:policy", content.policy_version),
        ("sameair:degraded", content.degraded or "no"),
        *([("sameair:calibration", content.calibrated)] if content.calibrated else []),
        ("sameair:inputsMissing", ",".join(content.inputs_missing) or "none"),
        *(_origin_parameter(note) for note in (content.origins if says_origin(content) else ())),
    ]
    for outlook in content.cities:
        found += _peak_parameters(outlook)
    return [(name, one_line(value)) for name, value in found]


def _origin_parameter(note: OriginNote) -> tuple[str, str]:
    """Return hours of paths over regions and of local air [h], their range of 80 %, and on what they rest."""
    regions = [f"{r.region} {_tenths(r.hours)} h ({_tenths(r.low)}-{_tenths(r.high)})" for r in note.regions]
    local = note.local
    near = (
        f"local {local.word} {_tenths(local.hours)} h ({_tenths(local.low)}-{_tenths(local.high)}) "
        f"within {local.within_km:g} km"
    )
    said = [*regions, near if local.word != "unknown" else "local unknown"]
    paths = f"{note.members} paths over {note.hours:g} h to {note.arrivals[0]}/{note.arrivals[1]}"
    return f"sameair:{note.city}:origin", "; ".join([*said, paths, note.winds, "hours of paths, no share"])


def _peak_parameters(outlook: CityOutlook) -> list[tuple[str, str]]:
    """Return the peak day's mean [ug m-3] and probabilities [1] of one city."""
    prefix = f"sameair:{outlook.city}:{outlook.peak_day}"
    found = [(f"{prefix}:meanUgM3", f"{outlook.peak_mean:.1f}")]
    for day in outlook.days:
        if day.day == outlook.peak_day:
            shown = SHOWN_THRESHOLDS.get(city(outlook.city).country, tuple(map(int, day.probability)))
            known = [(t, day.probability[str(t)]) for t in shown if str(t) in day.probability]
            found += [(f"{prefix}:probabilityAbove{t}", f"{p:.3f}") for t, p in known]
    return found


def _references(references: Sequence[Reference], header: CapHeader) -> str:
    """Return the triples ``sender,identifier,sent`` of every message still in force that this one follows."""
    return " ".join(
        f"{header.senders.get(r.identifier, header.sender)},{r.identifier},{cap_time(parse_instant(r.sent))}"
        for r in references
    )


def _restriction(content: WarningContent) -> str:
    """Return for whom the message is meant."""
    parties = ", ".join(content.parties)
    return f"For the agencies of the parties {parties} only; not for publication"


def _note(content: WarningContent) -> str:
    """Return the exercise identifier that CAP asks for, or the reason of the version."""
    if content.cap_status == "Actual":
        return one_line(content.reason) or f"policy {content.policy_version}"
    world = "simulated data" if content.simulated else "replay of measured data"
    label = f"{content.cap_status.upper()}: {world} ({content.world}), issue {content.issue_time}"
    return one_line("; ".join(part for part in (label, content.reason) if part))


def _tag(name: str) -> str:
    return f"{{{CAP_NAMESPACE}}}{name}"


def _add(parent: etree._Element, name: str, text: str) -> None:
    etree.SubElement(parent, _tag(name)).text = text


def _add_pair(parent: etree._Element, name: str, key: str, value: str) -> None:
    pair = etree.SubElement(parent, _tag(name))
    _add(pair, "valueName", key)
    _add(pair, "value", value)


def _tenths(hours: float) -> str:
    """Return hours with one decimal at most."""
    return f"{round(hours, 1):g}"
