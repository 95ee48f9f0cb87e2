"""Plain, bounded text. Everything from an event passes through here before a channel sees it."""

from __future__ import annotations

import json
import re

from notifier.domain.direction import FSI, closed, isolated, paired

TITLE = VALUE = 200
NOTE = 600

# C0, C1, zero width and bidi controls, line and paragraph separators, lone surrogates, the BOM, tag characters. The
# two joiners are kept between letters of scripts that need them, and within emoji.
_JOINED = "[^\x00-\u02ff\u2000-\u206f]"
_UNSEEN = re.compile(
    f"(?:[\x00-\x1f\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    f"\U000e0000-\U000e0fff]|(?<!{_JOINED})[\u200c\u200d]|[\u200c\u200d](?!{_JOINED}))+"
)


def plain(value: object, limit: int = VALUE) -> str:
    """One visible line of at most `limit` characters. Invisible characters become a space."""
    # A prefix is enough, so that huge values cost little; four times the limit is generous for what is removed.
    text = str(value)[: limit * 4]
    text = " ".join(_UNSEEN.sub(" ", text).split())
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def inline(value: object, limit: int = VALUE) -> str:
    """Plain text for use within a sentence: isolated, so that Hebrew or Arabic does not reorder adjacent words."""
    return isolated(plain(value, limit))


def sentence(text: str, limit: int = VALUE) -> str:
    """One visible line made of `inline` parts: as `plain`, but pairs of isolates are kept."""
    if FSI not in text:
        return plain(text, limit)
    # The bars preserve a space at either end of a part.
    whole = "".join(
        part if place % 2 else " ".join(_UNSEEN.sub(" ", f"|{part}|").split())[1:-1]
        for place, part in enumerate(paired(text))
    ).strip()
    return whole if len(whole) <= limit else closed(whole[: limit - 1].rstrip() + "…")


def multiline(value: object, limit: int) -> str:
    """Text of at most `limit` characters with its lines and indentation: a traceback, a note."""
    text = visible(str(value)[: limit + 1])
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def visible(text: str) -> str:
    """The text without invisible characters, its lines unchanged. Isolates stay if a line has them in pairs."""
    if _UNSEEN.search(text) is None:
        return text
    return "\n".join(_visible(line.expandtabs(4)).rstrip() for line in text.split("\n"))


def _visible(line: str) -> str:
    return "".join(
        part if place % 2 else _UNSEEN.sub(" ", part) for place, part in enumerate(paired(line, " "))
    )


def escaped_unseen(text: str) -> str:
    r"""The text with invisible characters as JSON escapes (`\u202e`); line ends are kept."""
    return _UNSEEN.sub(lambda match: "".join(map(_escape, match[0])), text)


def _escape(character: str) -> str:
    return character if character == "\n" else json.dumps(character)[1:-1].replace("\x7f", "\\u007f")


def number(count: int) -> str:
    """`2,000`."""
    return f"{count:,}"


def counted(count: int, noun: str) -> str:
    """`1 event`, `2,000 events`."""
    return f"{number(count)} {noun if count == 1 else f'{noun}s'}"
