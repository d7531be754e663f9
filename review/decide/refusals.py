"""Why the program refused a decision, in the words of the pages: the refusals that forecasters meet."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from pipeline.errors import Changed, SameairError

KNOWN: Final = (
    (r"is not \w+'s to decide|is not a party of", "decide.not_your_party"),
    (r"has already decided", "decide.why_decided"),
    (r"has voted in round|a text is agreed", "decide.why_voted"),
    (r"was to be reviewed by|its validity is over", "decide.over"),
    (r"needs a reason|say why with", "decide.fault_reason"),
    (r"is not in force|needs a version in force", "decide.not_in_force"),
    (r"written here and is not offered yet", "decide.why_name_theirs"),
    (
        r"not to be voted on|no new text can be offered|could not be issued|is decided first",
        "decide.why_round",
    ),
    (r"names \d+ offered texts|no text \w+ was offered", "decide.why_no_text"),
    (r"is answered; that stands", "decide.why_answered"),
    (r"is for \w+ to answer", "decide.why_not_asked"),
    (r"speaks for \w+ alone", "decide.other_node"),
    (r"only a draft or one in review|cannot be edited|has come to its end", "decide.closed"),
    (r"is under review", "decide.why_under_review"),
    (r"an edit may not change", "decide.why_fixed"),
    (r"contradicts itself", "decide.why_contradicts"),
)
"""How the program's sentence of a refusal is told, and the key of what the pages say."""


@dataclass(frozen=True)
class Refusal:
    """A refusal as the program said it, and the key of the same in the reader's language if there is one."""

    said: str
    key: str


def refusal_of(error: SameairError) -> Refusal:
    """Return what a page says of an error.

    >>> from pipeline.errors import ReviewError
    >>> refusal_of(ReviewError("seoul has already decided: approve by kim")).key
    'decide.why_decided'
    >>> refusal_of(ReviewError("something else")).key
    ''
    """
    said = str(error)
    if isinstance(error, Changed):
        return Refusal(said, "decide.changed_now")
    return Refusal(said, next((key for pattern, key in KNOWN if re.search(pattern, said)), ""))
