"""A rendered message as lines of text, one fact each: for mail, a terminal and whatever shows text alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from notifier.wording.blocks import IncidentBlock, Pairs
from notifier.wording.messages import RenderedMessage


def lines(told: RenderedMessage) -> list[str]:
    """The whole message; an empty line separates its parts."""
    first = [one for part in _parts(told) for one in ["", *part]]
    return first[1:]


def _parts(told: RenderedMessage) -> Iterator[list[str]]:
    heading, note = [*told.heading, *_facts(told)], [] if told.note is None else [told.note]
    yield from filter(None, [note, heading] if told.note_first else [heading, note])
    acts = [] if told.several else [one for each in told.blocks for one in _acts(each)]
    links = [f"{link.title}: {link.url}" for link in told.links]
    yield from filter(None, [[*links, *acts], [told.why, *_pairs(told.labels)]])
    for one in told.blocks:
        yield from filter(None, [block_lines(one, several=told.several)])
    rest = [brief_line(one) for one in told.brief] + ([told.more] if told.more else [])
    yield from filter(None, [rest, list(told.footer)])


def block_lines(one: IncidentBlock, *, several: bool) -> list[str]:
    """One incident. Where it is the only one, the headline and the links above have said the half of it."""
    found = one.evidence
    text = [f"{one.severity} · {one.state}: {one.title}", _joined([one.span, one.owner])] if several else []
    text += [found.message] if found.message else []
    text += [f"   {line}" for line in found.details]
    text += [f"caused by {found.cause}"] if found.cause else []
    text += found.notes
    for number, frame in enumerate(found.frames):
        text.append(f"{'called from' if number else 'at'} {frame.place}")
        text += [f"   {frame.code}"] if frame.code else []
    text += [*_pairs(one.where), *_pairs(one.labels)]
    text += (
        [f"context: {_joined(f'{name}={value}' for name, value in found.context)}"] if found.context else []
    )
    return [line for line in [*text, *(_acts(one) if several else ())] if line]


def brief_line(one: IncidentBlock) -> str:
    """`error · New: ValueError: no · 3 times · https://...`."""
    return _joined([one.severity, f"{one.state}: {one.title}", one.times, one.url or one.name])


def _facts(told: RenderedMessage) -> list[str]:
    """How often, since when and who is on it; of several since when alone, for their standing says the rest."""
    if told.several:
        return [] if told.since is None else [_joined([f"since {told.since}", told.owner])]
    if not told.blocks or told.blocks[0].name is None:
        return []
    one = told.blocks[0]
    return [_joined([one.span, one.owner])]


def _acts(one: IncidentBlock) -> list[str]:
    acts = [f"{label}: {url}" for label, url in one.actions]
    opened = [f"Open {one.name}: {one.url}"] if one.url else [one.name] if one.name else []
    return [*acts, *opened]


def _pairs(pairs: Pairs) -> list[str]:
    return [_joined(f"{name}: {value}" for name, value in pairs)] if pairs else []


def _joined(parts: Iterable[str | None]) -> str:
    return " · ".join(part for part in parts if part)
