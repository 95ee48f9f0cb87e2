"""Slack messages in Block Kit: single messages, edited thread roots, and replies. Pure.

Limits: https://docs.slack.dev/reference/block-kit/blocks.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

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
from slack_sdk.models.blocks.basic_components import TextObject

from notifier import wording
from notifier.channels.slack.encoding import encoded, escaped
from notifier.domain.button import MORNING_HOUR, Button, Span, value
from notifier.domain.direction import isolated
from notifier.domain.message import Message
from notifier.domain.notification import Reason
from notifier.domain.time import SECOND as MILLISECONDS
from notifier.domain.value import replace
from notifier.wording import Evidence, Frame, IncidentBlock, Link, Moment, RenderedMessage, RenderOptions

HEADER, SECTION, PART, BLOCKS = 150, 3_000, 1_500, 50
# The limit of all blocks together, in bytes of JSON: `msg_blocks_too_long` starts somewhere between 12,000 and
# 13,200, and Slack documents no number (slackapi/bolt-js, issues 2509 and 2867).
CAP = 10_000
FRAMES = 3

# Reasons that are only posted in the thread, and not in the channel as well.
QUIET = frozenset({Reason.ACKNOWLEDGED, Reason.RESOLVED})

# Colour and word, readable without colour vision and visible at a glance.
_SIGNS = {"critical": "\U0001f7e5", "error": "\U0001f7e7", "warning": "\U0001f7e8", "info": "\U0001f7e6"}
_OVER = "\u2705"

_URL = 3_000
_SPANS = {
    Span.HALF_HOUR: "30 minutes",
    Span.HOUR: "1 hour",
    Span.FOUR_HOURS: "4 hours",
    Span.MORNING: f"until {MORNING_HOUR:02}:00",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockOptions:
    """How a channel shows an episode: with buttons or not, its time zone, and the link to the previous thread."""

    buttons: bool = False
    time_zone: str = "UTC"
    previous: str | None = None

    @property
    def rendering(self) -> RenderOptions:
        return RenderOptions(zone=ZoneInfo(self.time_zone))


PLAIN = BlockOptions()


def payload(message: Message, options: BlockOptions = PLAIN) -> dict[str, Any]:
    """The `text` (for notifications and as a fallback) and the `blocks` of a single message."""
    return _document(wording.render(message, options.rendering))


def root(message: Message, options: BlockOptions) -> dict[str, Any]:
    """The current state of the whole episode, posted first and edited as it changes."""
    tail: list[Block] = []
    if options.previous is not None:
        words = f"<{options.previous}|What was said the last time>"
        tail.append(ContextBlock(elements=[_markdown(words)]))
    buttons = _buttons(message, options) if options.buttons else []
    acts = [ActionsBlock(elements=buttons)] if buttons else []
    return _document(wording.episode(message, options.rendering), acts=acts, tail=tail)


def reply(message: Message, options: BlockOptions = PLAIN) -> dict[str, Any]:
    """The change alone, in short, because the root above shows the rest.

    A reply that is also shown in the channel includes the links, since the root is not visible there.
    """
    rendered = wording.change(message, options.rendering)
    blocks = [block.to_dict() for block in _changes(rendered)]
    links = [] if message.reason in QUIET else [block.to_dict() for block in _links(rendered)]
    linked = [*blocks[:-1], *links, *blocks[-1:]]
    return {"text": _text(rendered), "blocks": linked if len(encoded(linked)) <= CAP else blocks}


def _changes(rendered: RenderedMessage) -> Iterator[Block]:
    if rendered.note is not None:
        yield _plain(rendered.note, PART)
    incidents = [*rendered.blocks, *rendered.brief]
    if not incidents:
        yield _plain(rendered.marked, 600)
    for incident in incidents:
        yield _plain(f"{_sign(incident)} {incident.state}: {incident.title}", 320)
        yield _facts([_span(incident)], None, _open(incident, 700))
    yield _plain_small("\n".join(filter(None, (rendered.more, rendered.why, *rendered.footer))))


def _document(
    rendered: RenderedMessage, *, acts: Sequence[Block] = (), tail: Sequence[Block] = ()
) -> dict[str, Any]:
    return {"text": _text(rendered), "blocks": _fitting(rendered, acts, tail)}


def _text(rendered: RenderedMessage) -> str:
    """Severity, title, place and link, for clients that show only text: a phone, or Mattermost."""
    url = _url(rendered.url or "", 1_000)
    room = SECTION - len(url) - 1
    return f"{escaped(rendered.summary, room)} {url}" if url else escaped(rendered.summary, SECTION)


def _buttons(message: Message, options: BlockOptions) -> list[InteractiveElement]:
    """Buttons that fit the state: no "Acknowledge" for an acknowledged incident, none at all for a resolved one."""
    waits, unresolved, url = wording.open_state(message)
    thread = message.thread_id
    elements: list[InteractiveElement] = []
    if waits:
        elements.append(_button(Button.ACKNOWLEDGE, "Acknowledge", value=value(thread), style="primary"))
    if unresolved:
        elements += [
            _silence(thread, options.time_zone),
            _button(Button.RESOLVE, "Resolve", value=value(thread)),
        ]
    if url is not None and 0 < len(url) <= _URL:
        elements.append(_button(Button.OPEN, "Open", url=url))
    return elements


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


def _fitting(rendered: RenderedMessage, acts: Sequence[Block], tail: Sequence[Block]) -> list[dict[str, Any]]:
    """The blocks under the limit: without code, then without any evidence, finally with fewer incidents."""

    def laid_out(version: RenderedMessage) -> list[dict[str, Any]]:
        # Five incidents in full stay below fifty blocks: note, header, facts, links, buttons, why, three each, rest,
        # and tail.
        return [block.to_dict() for block in (*_blocks(version, acts), *tail)][:BLOCKS]

    def fits(blocks: list[dict[str, Any]]) -> bool:
        return len(encoded(blocks)) <= CAP

    whole = laid_out(rendered)
    if fits(whole):
        return whole
    shorter = list(_shortened(rendered))
    place = bisect_left(shorter, True, key=lambda version: fits(laid_out(version)))
    return laid_out(shorter[min(place, len(shorter) - 1)])


def _shortened(rendered: RenderedMessage) -> Iterator[RenderedMessage]:
    """Shorter versions of the message, each shorter than the one before."""
    without_code = [
        _with(incident, frames=tuple(replace(frame, code=None) for frame in incident.evidence.frames))
        for incident in rendered.blocks
    ]
    yield replace(rendered, blocks=tuple(without_code))
    bare = tuple(
        replace(incident, evidence=Evidence(cause=incident.evidence.cause), labels=())
        for incident in rendered.blocks
    )
    yield replace(rendered, blocks=bare)
    for kept in range(len(rendered.brief) - 1, -1, -1):
        yield _with_fewer_incidents(
            replace(rendered, blocks=bare, brief=rendered.brief[:kept]), len(rendered.brief) - kept
        )
    for kept in range(len(bare) - 1, 0, -1):
        left_out = len(rendered.brief) + len(bare) - kept
        yield _with_fewer_incidents(replace(rendered, blocks=bare[:kept], brief=()), left_out)


def _with(incident: IncidentBlock, *, frames: tuple[Frame, ...]) -> IncidentBlock:
    return replace(incident, evidence=replace(incident.evidence, frames=frames))


def _with_fewer_incidents(rendered: RenderedMessage, left_out: int) -> RenderedMessage:
    more = f"{left_out} more of these incidents have no room here"
    return replace(rendered, more=more if rendered.more is None else f"{more}, {rendered.more}")


def _blocks(rendered: RenderedMessage, acts: Sequence[Block]) -> Iterator[Block]:
    if rendered.note is not None and rendered.note_first:
        yield _plain(rendered.note, PART)
    sign = _OVER if rendered.resolved else _SIGNS.get(rendered.severity, "")
    yield HeaderBlock(text=_plain_text(f"{sign} {rendered.marked}".strip(), HEADER))
    if len(rendered.marked) > HEADER - 3:
        yield _plain(rendered.marked, 600)
    yield from _context_blocks(rendered)
    yield from acts
    for incident in rendered.blocks:
        yield from _incident(incident, several=rendered.several)
    rest = [wording.brief_line(replace(incident, url=None)) for incident in rendered.brief]
    if rendered.more is not None:
        rest.append(rendered.more)
    if rest:
        yield _plain("\n".join(rest), SECTION)
    yield _plain_small("\n".join((rendered.why, *rendered.footer)))


def _context_blocks(rendered: RenderedMessage) -> Iterator[Block]:
    """The place, the first sighting, the labels and the links."""
    if rendered.standing is not None:
        yield _plain(rendered.standing, 300)
    if rendered.several and rendered.since is not None:
        yield _facts([_markdown(f"*{rendered.severity}* · since {_date(rendered.since)}")], rendered.owner)
    if not rendered.several:
        for incident in rendered.blocks:
            if incident.name is not None:
                yield _facts(
                    [_plain_text(rendered.scope, 200), _span(incident)], incident.owner, _open(incident, 700)
                )
    if rendered.note is not None and not rendered.note_first:
        yield _plain(rendered.note, PART)
    yield from _links(rendered)
    if rendered.whole is not None and (url := _url(rendered.whole[1], 1_200)):
        yield ContextBlock(elements=[_markdown(f"<{url}|{rendered.whole[0]}>")])
    if rendered.labels:
        yield _plain_small(_pairs(rendered.labels))


def _incident(incident: IncidentBlock, *, several: bool) -> Iterator[Block]:
    incident_evidence = incident.evidence
    text = [f"{_sign(incident)} {incident.state}: {incident.title}"] if several else []
    text += [incident_evidence.message] if incident_evidence.message else []
    text += incident_evidence.details[:3]
    text += [f"caused by {incident_evidence.cause}"] if incident_evidence.cause else []
    text += incident_evidence.notes[:3]
    text.append(_pairs((*incident.where, *incident.labels)))
    text += [f"context: {_pairs(incident_evidence.context)}"] if incident_evidence.context else []
    quote = "\n".join(filter(None, text))
    if quote:
        yield _plain(quote, SECTION)
    if several:
        yield _facts([_span(incident)], incident.owner, _open(incident, 700))
    if incident_evidence.frames:
        yield _code(incident_evidence.frames[:FRAMES])


def _span(incident: IncidentBlock) -> MarkdownTextObject:
    """Severity, count and first sighting. Contains no text of the event."""
    last = [] if incident.last is None else [f"last {_date(incident.last)}"]
    return _markdown(
        " · ".join([f"*{incident.severity}*", incident.times, f"since {_date(incident.since)}", *last])
    )


def _facts(parts: Sequence[TextObject], owner: str | None, link: str | None = None) -> ContextBlock:
    owned = [] if owner is None else [_plain_text(owner, 200)]
    linked = [] if link is None else [_markdown(link)]
    return ContextBlock(elements=[*parts, *owned, *linked])


def _date(moment: Moment) -> str:
    """A date that Slack formats in each reader's time zone. The fallback is in the channel's zone."""
    seconds = moment.at // MILLISECONDS
    if not 0 <= seconds < 2**31:
        return escaped(str(moment), 100)
    ago = "" if moment.ago is None else f" ({moment.ago})"
    return f"<!date^{seconds}^{{date_short_pretty}} {{time}}|{escaped(moment.text, 60)}>{ago}"


def _code(frames: Sequence[Frame]) -> SectionBlock:
    lines = []
    for number, frame in enumerate(frames):
        lines.append(f"{'called from' if number else 'at'} {frame.place}")
        lines += [f"   {frame.code}"] if frame.code else []
    # A backtick in the text could close the code block.
    text = escaped("\n".join(lines).replace("`", chr(0x2019)), PART)
    return SectionBlock(text=_markdown(f"```{text}```"))


def _sign(incident: IncidentBlock) -> str:
    return _OVER if incident.resolved else _SIGNS.get(incident.severity, "")


def _pairs(pairs: Sequence[tuple[str, str]]) -> str:
    return " · ".join(f"{name} {text}" for name, text in pairs)


def _plain(text: str, limit: int) -> SectionBlock:
    return SectionBlock(text=_plain_text(text, limit))


def _plain_small(text: str) -> ContextBlock:
    return ContextBlock(elements=[_plain_text(text, PART)])


def _plain_text(text: str, limit: int) -> PlainTextObject:
    """Plain text, in which Slack interprets neither markup nor `:fire:`."""
    return PlainTextObject(text=escaped(text, limit), emoji=False)


def _markdown(text: str) -> MarkdownTextObject:
    # Verbatim, so that Slack finds no links or mentions in the text.
    return MarkdownTextObject(text=text, verbatim=True)


def _links(rendered: RenderedMessage) -> Iterator[Block]:
    parts = [part for link in rendered.links for part in _link(link)]
    if parts:
        yield ContextBlock(elements=parts)


def _link(link: Link) -> Iterator[TextObject]:
    """A sender's link. Its title is plain text; only the address is markup."""
    url = _url(link.url, 1_200)
    if url:
        yield _plain_text(f"{isolated(link.title)}:", 100)
        yield _markdown(f"<{url}>")


def _open(incident: IncidentBlock, longest: int) -> str | None:
    """The link to the incident. None if it is too long for the section, because a cut link leads nowhere."""
    url = _url(incident.url or "", longest)
    return f"<{url}|Open {incident.name}>" if url else incident.name


def _url(url: str, longest: int) -> str:
    address = escaped(wording.plain(url, 1_000), 1_500).replace("|", "%7C")
    return address if 0 < len(address) <= longest else ""
