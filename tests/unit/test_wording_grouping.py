"""Why events are one problem, in sentences."""

from __future__ import annotations

import json
from typing import Any

from notifier.ingest.grouping import Grouping, grouping
from notifier.wording.grouping import GroupingSentences, grouping_sentences

FRAME = {"file": "billing/tasks.py", "function": "charge", "line": 88, "in_app": True}
LIBRARY = {"file": "httpx/_client.py", "function": "send", "line": 9, "in_app": False}


def said(stored: str | None = None, **event: Any) -> GroupingSentences:
    read = grouping(json.dumps({"service": "billing", **event}).encode(), None)
    assert isinstance(read, Grouping)
    return grouping_sentences(read.explanation, stored=stored or read.explanation.fingerprint)


def test_places_in_the_code_are_named() -> None:
    """Each once, and a library's not."""
    exception = {"type": "TimeoutError", "message": "after 30 s", "frames": [FRAME, FRAME, LIBRARY]}
    found = said(exception=exception)
    assert found.places == ("billing/tasks.py in charge",)
    assert found.because.startswith("Every TimeoutError of this service that comes through these places")
    assert (found.message, found.elements, found.note) == (None, (), None)


def test_a_message_is_shown_as_it_is_masked() -> None:
    """Where there is no code to go by."""
    found = said(message="could not charge order 1842")
    assert found.message == "could not charge order <number>"
    assert found.because.startswith("Every event of this service with this message")
    assert said(exception={"type": "ValueError", "message": "no 7"}).because.startswith("Every ValueError")


def test_a_senders_own_list_is_shown() -> None:
    """In its order."""
    found = said(message="m", fingerprint=["{{ default }}", "eu"])
    assert found.elements == ("{{ default }}", "eu")


def test_where_the_rules_have_changed_it_says_so() -> None:
    """The stored fingerprint is another one than the rules would make now."""
    found = said("of-another-time", message="m")
    assert found.note is not None
    assert found.note.startswith("By its content alone this event would be another problem")
