"""Pictures of mails that are drawn at the same time by several threads of a server."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event, current_thread

import pytest

from alerts import mail_chart
from alerts.examples import example_content


@pytest.mark.slow
def test_a_picture_that_is_begun_before_another_is_ready_has_its_own_letters(monkeypatch):
    """The second goes on after the first is ready; a missing letter is a warning, and that an error here."""
    content, real = example_content(), mail_chart._panel
    begun, joined, ready = Event(), Event(), Event()
    alone = mail_chart.mail_chart(content, "ko")

    def waits(*given):
        if current_thread().name.endswith("_0"):
            begun.set()
            joined.wait(1)
        else:
            joined.set()
            ready.wait(1)
        return real(*given)

    def first():
        found = mail_chart.mail_chart(content, "ko")
        ready.set()
        return found

    def second():
        begun.wait(10)
        return mail_chart.mail_chart(content, "ko")

    monkeypatch.setattr(mail_chart, "_panel", waits)
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(first), pool.submit(second)]
        assert [done.result(30) for done in both] == [alone, alone]
