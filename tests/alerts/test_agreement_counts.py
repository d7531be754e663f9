"""The page on the agreement states how many states were walked through; it is held to it."""

import re
from pathlib import Path

from tests.alerts import test_agreement, test_agreement_channel, test_agreement_deadline, test_agreement_slots

PAGE = Path(__file__).parents[2] / "docs" / "agreement.md"


def test_the_page_states_as_many_states_as_there_are():
    walked = {
        "two texts and an edit, three rounds, nobody objects": test_agreement.reachable(3, False),
        "the same with objections in the first round": test_agreement.reachable(3, True),
        "two texts, deadline of each node's own clock, warning alone, late arrival": (
            test_agreement_deadline.reachable(late=False)
        ),
        "the same with a party that signs after the deadline": test_agreement_deadline.reachable(late=True),
        "two texts, an objection and an edit, two rounds; messages lost, doubled, reordered, sent again": (
            test_agreement_channel.explore()[0]
        ),
        "two slots about the same days, objections and an edit, two rounds": test_agreement_slots.reachable(),
        "the same where Beijing keeps no rule between slots": test_agreement_slots.reachable("beijing"),
        "the same where Seoul keeps none": test_agreement_slots.reachable("seoul"),
    }
    table = re.findall(r"^\| (.+?) \| ([\d,]+) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    stated = {case: int(number.replace(",", "")) for case, number in table}
    assert stated == {case: len(states) for case, states in walked.items()}
