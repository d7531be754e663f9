"""One error class per reaction of the caller; every message says what to do.

SameairError
├── SourceError            a source failed: go on without it and say so
│   ├── NotYetAvailable    not published yet: try again later
│   ├── SourceUnavailable  time-out or server error after retries
│   │   ├── QuotaSpent     no requests left: ask nothing more until the instant it names
│   │   └── Refused        key or permission: asking again cannot help, a person must act
│   └── BadPayload         the answer does not parse: quarantine it, tell a developer
│       └── UnknownStation a value of a station that no list has: held until a list has it
├── ContractError          a dataset breaks pipeline.schema: stop this step
├── NoUsableModel          nothing trained or inputs too few: fall back to a baseline and say so
├── PolicyError            a rule, policy or city file is inconsistent: refuse to start
├── EnvelopeRefused        a message of another node that cannot be trusted or read: keep it, record why
├── BundleRefused          a bundle of another party that cannot be trusted or read: use nothing of it
├── ReviewError            an illegal step of a warning's life, or a missing right: refuse and record
│   └── Changed            somebody was quicker: show what changed and ask again
├── HeavyWorkError         an errand given to other processes failed there: nothing of the job is written
├── StorageError           disk full, database locked or damaged: stop with the cause
└── UsageError             the command line or settings are wrong: say how to put them right
"""

from __future__ import annotations

from datetime import datetime


class SameairError(Exception):
    """Anything that sameair itself reports; its text is one line that says what to do."""

    exit_code = 1


class SourceError(SameairError):
    r"""A source failed; names the source, the field and the remedy.

    Whatever a source wrote, the text can be stored and printed in one line.

    >>> str(SourceError("airkorea", "pm25Value is 'abc'", field="pm25Value", remedy="see quarantine/ab12"))
    "airkorea: pm25Value is 'abc' (field pm25Value); see quarantine/ab12"
    >>> SourceError("cnemc", "the answer is a\ud800\nb").what
    'the answer is a  b'
    """

    exit_code = 5

    def __init__(self, source: str, what: str, *, field: str | None = None, remedy: str = "") -> None:
        what, field = printable(what), None if field is None else printable(field)
        self.source, self.what, self.field, self.remedy = source, what, field, remedy
        where = f" (field {field})" if field else ""
        super().__init__(f"{source}: {what}{where}" + (f"; {remedy}" if remedy else ""))


def printable(text: str) -> str:
    r"""Return text with a blank for each sign that cannot be shown, such as half a surrogate pair.

    >>> printable("a\x1b[2J\ud800b")
    'a [2J b'
    """
    return "".join(c if c.isprintable() else " " for c in text)


class NotYetAvailable(SourceError):
    """The source has not published yet; ask again later."""


class SourceUnavailable(SourceError):
    """The source did not answer, refused, or has no quota left; only the class itself is worth a retry."""


class QuotaSpent(SourceUnavailable):
    """The service takes no more requests; ``until`` is when it will again, None where only it knows."""

    def __init__(self, source: str, what: str, *, until: datetime | None = None, remedy: str = "") -> None:
        self.until = until
        super().__init__(source, what, remedy=remedy)


class Refused(SourceUnavailable):
    """The service refuses the key, the address or the operation; a person must put that right."""


class BadPayload(SourceError):
    """The source answered something that cannot be read; the raw answer goes to quarantine.

    ``payload`` is the body where it was refused before any parser saw it.
    """

    payload: bytes | None = None


class UnknownStation(BadPayload):
    """An answer holds values of stations that no list of the source has; they are held back."""


class ContractError(SameairError, ValueError):
    """A table or dataset breaks the contract of pipeline.schema."""


class NoUsableModel(SameairError):
    """No trained model may be used for this forecast."""


class PolicyError(SameairError, ValueError):
    """A rule, policy or city file contradicts itself."""


class EnvelopeRefused(SameairError):
    """A message of another node that is not taken; ``reason`` is one word, for records and receipts."""

    exit_code = 5

    def __init__(self, reason: str, what: str) -> None:
        self.reason, self.what = reason, printable(what)
        super().__init__(f"envelope refused ({reason}): {self.what}")


class BundleRefused(SameairError):
    """A bundle of another party of which nothing is used; ``reason`` is one word."""

    exit_code = 5

    def __init__(self, reason: str, what: str) -> None:
        self.reason, self.what = reason, printable(what)
        super().__init__(f"bundle refused ({reason}): {self.what}")


class ReviewError(SameairError):
    """A step that the life of a warning, or the rights of the person, do not allow."""

    exit_code = 4


class Changed(ReviewError):
    """What a person decided about is not any more as it was shown."""


class HeavyWorkError(SameairError):
    """Work given to other processes or machines failed there; names the errand and the remedy."""


class StorageError(SameairError):
    """The disk or the ledger cannot be used; nothing half written is visible."""

    exit_code = 6


class UsageError(SameairError):
    """The command or the settings are wrong; exit code 2."""

    exit_code = 2
