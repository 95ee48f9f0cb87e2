"""A rendered message as lines of text, one fact each: for mail, terminals and other text-only output."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from notifier.domain.direction import isolated
from notifier.wording.blocks import IncidentBlock, Pairs
from notifier.wording.messages import RenderedMessage


def lines(told: RenderedMessage) -> list[str]:
    """The whole message. An empty line separates its parts."""
    first = [line for part in _parts(told) for line in ["", *part]]
    return first[1:]


def _parts(message: RenderedMessage) -> Iterator[list[str]]:
    heading, note = [*message.heading, *_facts(message)], [] if message.note is None else [message.note]
    yield from filter(None, [note, heading] if message.note_first else [heading, note])
    acts = [] if message.several else [line for block in message.blocks for line in _acts(block)]
    links = [f"{isolated(link.title)}: {link.url}" for link in message.links]
    whole = [] if message.whole is None else [": ".join(message.whole)]
    yield from filter(None, [[*links, *acts, *whole], [message.why, *_pairs(message.labels)]])
    for block in message.blocks:
        yield from filter(None, [block_lines(block, several=message.several)])
    brief = [brief_line(block) for block in message.brief] + ([message.more] if message.more else [])
    yield from filter(None, [brief, list(message.footer)])


def block_lines(block: IncidentBlock, *, several: bool) -> list[str]:
    """One incident. A single incident leaves out what the headline and the links above already say."""
    evidence = block.evidence
    text = (
        [f"{block.severity} · {block.state}: {block.title}", _joined([block.span, block.owner])]
        if several
        else []
    )
    text += [evidence.message] if evidence.message else []
    text += [f"   {line}" for line in evidence.details]
    text += [f"caused by {evidence.cause}"] if evidence.cause else []
    text += evidence.notes
    for number, frame in enumerate(evidence.frames):
        text.append(f"{'called from' if number else 'at'} {frame.place}")
        text += [f"   {frame.code}"] if frame.code else []
    text += [*_pairs(block.where), *_pairs(block.labels)]
    text += (
        [f"context: {_joined(f'{name}={value}' for name, value in evidence.context)}"]
        if evidence.context
        else []
    )
    return [line for line in [*text, *(_acts(block) if several else ())] if line]


def brief_line(block: IncidentBlock) -> str:
    """`error · New: ValueError: no · 3 times · https://...`."""
    return _joined([block.severity, f"{block.state}: {block.title}", block.times, block.url or block.name])


def _facts(message: RenderedMessage) -> list[str]:
    """The count, the first sighting and the owner. For several incidents only the first sighting."""
    if message.several:
        return [] if message.since is None else [_joined([f"since {message.since}", message.owner])]
    if not message.blocks or message.blocks[0].name is None:
        return []
    block = message.blocks[0]
    return [_joined([block.span, block.owner])]


def _acts(block: IncidentBlock) -> list[str]:
    acts = [f"{label}: {url}" for label, url in block.actions]
    opened = [f"Open {block.name}: {block.url}"] if block.url else [block.name] if block.name else []
    return [*acts, *opened]


def _pairs(pairs: Pairs) -> list[str]:
    return [_joined(f"{name}: {value}" for name, value in pairs)] if pairs else []


def _joined(parts: Iterable[str | None]) -> str:
    return " · ".join(part for part in parts if part)
