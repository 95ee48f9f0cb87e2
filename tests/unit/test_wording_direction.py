"""Text that is written from right to left reorders nothing beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from notifier import wording
from notifier.channels.slack import blocks as slack
from notifier.domain.incident import Incident
from notifier.domain.message import Message
from notifier.domain.value import replace
from notifier.wording import sentences
from notifier.wording.sentences import StormFigures
from notifier.wording.text import inline, plain, sentence
from tests.channels.situations import SITUATIONS

HEBREW, ARABIC = "שגיאה 404 (2)", "فشل الدفع 17!"
FSI, PDI = "\u2068", "\u2069"
_ISOLATE = re.compile(f"{FSI}[^{FSI}{PDI}]*{PDI}")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u06ff]")


def from_right_to_left(told: Incident) -> Incident:
    labels = dict.fromkeys(told.labels, HEBREW)
    owner = None if told.acknowledged_by is None else HEBREW
    return replace(told, title=ARABIC, labels=labels, environment=HEBREW, acknowledged_by=owner)


def translated(message: Message) -> Message:
    """The message as senders and people would make it whose language is written from right to left."""
    told = tuple(
        replace(each, incident=from_right_to_left(each.incident), actor=each.actor and HEBREW)
        for each in message.told
    )
    standing = message.standing and replace(
        message.standing, incidents=tuple(map(from_right_to_left, message.standing.incidents))
    )
    labels = {
        name: HEBREW if name in {"service", "environment"} else value
        for name, value in message.labels.items()
    }
    return replace(message, told=told, standing=standing, labels=labels, conversation=None)


def reordered(text: str) -> str:
    """What is left of a text without its isolates, if letters of the other direction are in it beside others."""
    rest = _ISOLATE.sub("", text)
    return rest if _RIGHT_TO_LEFT.search(rest) and re.search("[A-Za-z]", rest) else ""


def texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield from value.split("\n")
        case dict():
            for each in value.values():
                yield from texts(each)
        case list():
            for each in value:
                yield from texts(each)


@pytest.mark.parametrize("name", SITUATIONS)
def test_a_line_keeps_its_order_beside_hebrew_and_arabic(name: str) -> None:
    """In mails, on a console and in Slack: titles, labels, places and people are isolated."""
    message = translated(SITUATIONS[name])
    told = wording.render(message)
    lines = [told.subject, told.summary, told.headline, *told.heading, *wording.lines(told)]
    posted = [slack.payload(message), slack.root(message, slack.PLAIN), slack.reply(message)]
    assert [line for line in (*lines, *texts(posted)) if reordered(line)] == []
    assert any(PDI in line for line in lines) == bool(_RIGHT_TO_LEFT.search("".join(lines)))


def test_two_titles_in_a_digests_figures_stay_in_their_order() -> None:
    """The number behind each stands behind it."""
    figures = StormFigures(events=9, causes=2, services=1, biggest=[(HEBREW, 7), (ARABIC, 2)])
    note = sentences.storm(figures)
    assert sentence(note) == note
    assert reordered(note) == ""


@pytest.mark.parametrize("text", [f"{FSI}a", f"a{PDI}", f"{PDI}a{FSI}", "\u202eabc\u202c", "\u2067abc\u2069"])
def test_a_sender_isolates_nothing(text: str) -> None:
    """Direction is set by notifier alone, and in pairs."""
    assert inline(text) == plain(text)
    assert not set(sentence(f"New: {text}")) & set("\u2067\u2068\u2069\u202e\u202c")


def test_what_is_cut_ends_its_isolate() -> None:
    """So that what follows keeps its order too."""
    cut = sentence(f"New: {inline('ש' * 100)}", 50)
    assert len(cut) <= 51
    assert cut.endswith(f"…{PDI}")
