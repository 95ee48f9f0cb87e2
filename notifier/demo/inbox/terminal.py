"""Messages as framed text for a terminal. Pure except for `Terminal`, which writes to a stream."""

from __future__ import annotations

import os
import shutil
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TextIO, assert_never

from notifier.demo.inbox import markup
from notifier.demo.inbox.blocks import Line, Style
from notifier.demo.inbox.messages import InboxEntry, ReceivedMail, SlackPost, WebhookCall

WIDEST = 100
LINES = 24
HEAD = 12
_BOLD, _DIM, _PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[0m"


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminalStyle:
    """The abilities of a terminal. `boxes` is whether it shows box-drawing characters."""

    width: int = 80
    colour: bool = False
    boxes: bool = False

    def bold(self, text: str) -> str:
        return f"{_BOLD}{text}{_PLAIN}" if self.colour else text

    def dim(self, text: str) -> str:
        return f"{_DIM}{text}{_PLAIN}" if self.colour else text


def style_of(stream: TextIO, environ: Mapping[str, str]) -> TerminalStyle:
    """The style of a stream: plain if it is no terminal, without colour if NO_COLOR is set (https://no-color.org)."""
    if not stream.isatty():
        return TerminalStyle()
    return TerminalStyle(
        width=max(40, min(shutil.get_terminal_size().columns, WIDEST)),
        colour=not environ.get("NO_COLOR") and environ.get("TERM") != "dumb",
        boxes="utf" in (getattr(stream, "encoding", None) or "").lower(),
    )


def frame(entry: InboxEntry, style: TerminalStyle) -> str:
    """The message as lines behind a vertical bar."""
    corner, bar, end, rule = "┌│└─" if style.boxes else "+|+-"
    title, subject, body = _summary(entry)
    head = f"{corner}{rule} {visible(title)} {entry.at.astimezone():%H:%M:%S} "
    lines = [style.dim(head.ljust(style.width, rule))]
    lines += [f"{style.dim(bar)} {style.bold(line)}" for line in _wrapped(subject, style.width)]
    lines += [f"{style.dim(bar)} {line}".rstrip() for line in _shortened(body, style.width)]
    return "\n".join([*lines, style.dim(end + rule * (style.width - 1)), ""])


def visible(text: str) -> str:
    """The text with control, format and unassigned characters made visible, so that it cannot steer a terminal."""
    return "".join(letter if letter.isprintable() else _shown(letter) for letter in text)


def _shown(letter: str) -> str:
    number = ord(letter)
    if number < 0x20:
        return chr(0x2400 + number)
    if number == 0x7F:
        return "\u2421"
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"


def _summary(entry: InboxEntry) -> tuple[str, str, str]:
    """The title of a message, its emphasized line, and the text below."""
    match entry.message:
        case ReceivedMail() as mail:
            return (
                "email",
                f"Subject: {mail.subject}",
                f"From: {mail.sender}\nTo: {mail.to}\n\n{mail.text.strip()}",
            )
        case SlackPost() as post:
            where = f"Slack {post.channel}{', edited' if post.edited else ''}"
            headers = [_worded(line) for line in post.lines if line.style == "header"]
            return where, headers[0] if headers else markup.plain(post.text), "\n".join(_slack(post))
        case WebhookCall() as hook:
            signed = "signed" if hook.signed else "not signed"
            return f"webhook, {signed}", " - ".join([hook.type, *hook.titles]), _head(hook.body)
        case never:
            assert_never(never)


def _slack(post: SlackPost) -> Iterator[str]:
    if post.thread_ts is not None:
        yield f"\u21b3 in the thread of: {post.thread or post.thread_ts}"
    if len(post.lines) > 1:
        for style, lines in groupby(post.lines, key=lambda line: line.style):
            yield from _lines(style, [_worded(line) for line in lines])
    if post.actions:
        yield " ".join(f"[{action.label}]" for action in post.actions)
    if post.note is not None:
        yield f"Only you see this: {post.note}"


def _worded(line: Line) -> str:
    return line.text if line.plain else markup.plain(line.text)


def _lines(style: Style, texts: Sequence[str]) -> Iterator[str]:
    """The lines of a Slack message; fields share a line, and the header is omitted because it is the title."""
    if style == "field":
        yield " \u00b7 ".join(text.replace("\n", ": ", 1) for text in texts)
    elif style != "header":
        yield from texts


def _head(body: str) -> str:
    lines = body.splitlines()
    return "\n".join([*lines[:HEAD], f"... {len(lines) - HEAD} more lines"] if len(lines) > HEAD else lines)


def _shortened(text: str, width: int) -> Iterator[str]:
    lines = list(_wrapped(text, width))
    yield from lines[:LINES]
    if len(lines) > LINES:
        yield f"... {len(lines) - LINES} more lines; the inbox's page shows them"


def _wrapped(text: str, width: int) -> Iterator[str]:
    for line in text.split("\n"):
        indent = line[: len(line) - len(line.lstrip(" "))][:20]
        yield from textwrap.wrap(
            visible(line.rstrip("\r")), width - 2, subsequent_indent=indent, drop_whitespace=True,
            replace_whitespace=False, break_on_hyphens=False,
        ) or [""]  # fmt: skip


class Terminal:
    """The demo's output. Writing raises `BrokenPipeError` if the reader is gone."""

    def __init__(self, stream: TextIO, environ: Mapping[str, str] = os.environ) -> None:
        self._stream = stream
        self.style = style_of(stream, environ)

    def put(self, text: str) -> None:
        self._stream.write(f"{text}\n")
        self._stream.flush()

    def show(self, entry: InboxEntry) -> None:
        self.put(frame(entry, self.style))
