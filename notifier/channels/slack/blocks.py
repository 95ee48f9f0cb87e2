"""Slack messages in Block Kit: what is posted once, a root that is edited, and the replies under it. Pure.

Limits: https://docs.slack.dev/reference/block-kit/blocks.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    ContextBlock,
    HeaderBlock,
    InteractiveElement,
    MarkdownTextObject,
    Option,
    PlainTextObject,
    SectionBlock,
    StaticSelectElement,
)

from notifier.channels import wording
from notifier.channels.slack import standing
from notifier.domain.button import MORNING_HOUR, Button, Span, value
from notifier.domain.message import Message

HEADER, SECTION, PART, BLOCKS = 150, 3_000, 1_500, 50
# All blocks together, as bytes of JSON: `msg_blocks_too_long` comes from some 12,000 to 13,200 on, and Slack documents
# no number (slackapi/bolt-js, issues 2509 and 2867).
CAP = 10_000

_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_URL = 3_000
_SPANS = {
    Span.HALF_HOUR: "30 minutes",
    Span.HOUR: "1 hour",
    Span.FOUR_HOURS: "4 hours",
    Span.MORNING: f"until {MORNING_HOUR:02}:00",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How a channel shows an episode: whether with buttons, by which clock, and where the one before stands."""

    buttons: bool = False
    time_zone: str = "UTC"
    previous: str | None = None


def escaped(text: str, limit: int) -> str:
    """`&`, `<` and `>` as Slack wants them, cut to `limit` UTF-16 units without splitting an entity."""
    parts = [_ESCAPES.get(char, char) for char in text]
    sizes = [len(part) + (ord(part[0]) > 0xFFFF) for part in parts]
    if sum(sizes) <= limit:
        return "".join(parts)
    used, kept = 1, 0
    while used + sizes[kept] <= limit:
        used += sizes[kept]
        kept += 1
    return "".join(parts[:kept]) + "…"


def payload(message: Message) -> dict[str, Any]:
    """`text` (the fallback and the notification's line) and `blocks` of a message that stands for itself."""
    return _document(wording.story(message))


def root(message: Message, look: Look) -> dict[str, Any]:
    """The whole episode as it is: what is posted first, and what takes its place when something has changed."""
    tail: list[Block] = []
    if look.previous is not None:
        words = f"<{look.previous}|What was said the last time>"
        tail.append(ContextBlock(elements=[_markdown(words)]))
    buttons = _buttons(message, look) if look.buttons else []
    if buttons:
        tail.append(ActionsBlock(elements=buttons))
    return _document(standing.story(message), tail)


def reply(message: Message) -> dict[str, Any]:
    """What has changed, in short: it stands below the root that shows the rest."""
    told = standing.change(message)
    said = [] if told.note is None else [escaped(told.note, PART)]
    said += map(_line, told.entries) if told.entries else [f"*{escaped(told.headline, 600)}*"]
    asides = ContextBlock(elements=[_markdown(escaped("\n".join(told.asides), PART))])
    blocks = [block.to_dict() for block in (*map(_section, said), asides)]
    return {"text": escaped(told.headline, SECTION), "blocks": blocks}


def _document(told: wording.Story, tail: Sequence[Block] = ()) -> dict[str, Any]:
    text = told.headline if told.titled else f"[{told.scope}] {told.headline}"
    return {"text": escaped(text, SECTION), "blocks": _fitting(told, tail)}


def _line(one: wording.Entry) -> str:
    parts = [escaped(one.severity, 20), escaped(one.span, 200), _link(one, 200) or one.name]
    return f"*{escaped(f'{one.state}: {one.title}', 160)}*\n{' · '.join(filter(None, parts))}"


def _buttons(message: Message, look: Look) -> list[InteractiveElement]:
    """They shrink with the state: who has been acknowledged needs no second one, and what is over none at all."""
    waits, unresolved, url = standing.left(message)
    thread = message.thread_id
    found: list[InteractiveElement] = []
    if waits:
        found.append(_button(Button.ACKNOWLEDGE, "Acknowledge", value=value(thread), style="primary"))
    if unresolved:
        found += [_silence(thread, look.time_zone), _button(Button.RESOLVE, "Resolve", value=value(thread))]
    if url is not None and 0 < len(url) <= _URL:
        found.append(_button(Button.OPEN, "Open", url=url))
    return found


def _button(button: Button, label: str, **parts: Any) -> ButtonElement:
    return ButtonElement(text=PlainTextObject(text=label, emoji=False), action_id=button.value, **parts)


def _silence(thread: str, time_zone: str) -> StaticSelectElement:
    zoned = {**_SPANS, Span.MORNING: f"{_SPANS[Span.MORNING]} ({time_zone})"}
    return StaticSelectElement(
        placeholder=PlainTextObject(text="Silence", emoji=False),
        action_id=Button.SILENCE.value,
        options=[
            Option(text=PlainTextObject(text=words[:75], emoji=False), value=value(thread, span))
            for span, words in zoned.items()
        ],
    )


def _fitting(told: wording.Story, tail: Sequence[Block]) -> list[dict[str, Any]]:
    """The blocks under the cap: without code, then without frames and messages, at last with fewer incidents."""
    blocks: list[dict[str, Any]] = []
    for shorter in _shortened(told):
        # Twenty incidents stay below the limit: note, header, two blocks each, one context, a link and the buttons.
        blocks = [block.to_dict() for block in (*_blocks(shorter), *tail)][:BLOCKS]
        if len(encoded(blocks)) <= CAP:
            break
    return blocks


def _shortened(told: wording.Story) -> Iterator[wording.Story]:
    yield told
    yield replace(told, entries=tuple(replace(one, code=None) for one in told.entries))
    bare = tuple(replace(one, code=None, frame=None, message=None) for one in told.entries)
    yield replace(told, entries=bare)
    for kept in range(len(bare) - 1, 0, -1):
        more = f"{len(bare) - kept} more of these incidents have no room here"
        yield replace(told, entries=bare[:kept], asides=(more, *told.asides))


def _blocks(told: wording.Story) -> Iterator[Block]:
    if told.note is not None:
        yield _section(escaped(told.note, PART))
    yield HeaderBlock(text=PlainTextObject(text=escaped(told.headline, HEADER), emoji=False))
    for one in told.entries:
        yield _entry(one, titled=told.titled)
        if one.frame is not None:
            yield _frame(one)
    yield ContextBlock(elements=[_markdown(escaped("\n".join(told.asides), PART))])


def _entry(one: wording.Entry, *, titled: bool) -> Block:
    lines = [f"*{escaped(f'{one.state}: {one.title}', 600)}*"] if titled else []
    lines.append(f"*{one.severity}* · {escaped(one.span, 200)}")
    lines += [escaped(one.message, 500)] if one.message else []
    if titled:
        lines.append(escaped(" · ".join(f"{name} {value}" for name, value in one.where), 600))
    link = _link(one, 700)
    lines.append(link or one.name or "")
    fields = [_markdown(f"*{name}*\n{escaped(value, 300)}") for name, value in one.where]
    return SectionBlock(
        text=_markdown("\n".join(filter(None, lines))), fields=None if titled else fields or None
    )


def _frame(one: wording.Entry) -> Block:
    # A backtick in the text could end the code span early.
    place = f"`{escaped((one.frame or '').replace('`', chr(0x2019)), 600)}`"
    code = "" if one.code is None else f"\n```{escaped(one.code.replace('`', chr(0x2019)), 1_500)}```"
    return _section(place + code)


def _section(text: str) -> SectionBlock:
    return SectionBlock(text=_markdown(text))


def _markdown(text: str) -> MarkdownTextObject:
    # Verbatim: Slack makes neither links nor mentions of what it finds in the text.
    return MarkdownTextObject(text=text, verbatim=True)


def _link(one: wording.Entry, longest: int) -> str | None:
    """A link that is cut leads nowhere, so one that is too long for the section is left out."""
    url = escaped(wording.plain(one.url or "", 1_000), 1_500).replace("|", "%7C")
    return f"<{url}|Open {one.name or 'notifier'}>" if 0 < len(url) <= longest else None


def encoded(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
