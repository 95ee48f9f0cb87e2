"""Masking of variable parts (instances) in messages; names of things are kept.

The message is split into words, and `word_masking` decides about each of them. The neighbouring words decide in some
cases (`neighbours`), and so do quotes. The result depends on the one message only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Final

from notifier.policy.fingerprint.codes import asks_version, is_code, names_code
from notifier.policy.fingerprint.codes_in_text import QUOTES, is_code_in_text, word_before
from notifier.policy.fingerprint.neighbours import (
    keep_versions,
    mask_details,
    mask_in_context,
    mask_logins,
    mask_peer,
)
from notifier.policy.fingerprint.word_masking import LONGEST_NAME, core_of, masked_word

CHARS: Final = 1_000
IDENTITY_CHARS: Final = 500
"""Less than what is read, so that the cut does not depend on the length of the masked parts before it."""

KINDS: Final = (
    "address", "bytes", "date", "duration", "email", "hex", "id", "ip", "mac", "number", "path", "quoted", "time",
    "user", "uuid",
)  # fmt: skip
Pieces = tuple[list[str], list[str]]
"""The words of a message at even positions and the separators between them; and the same after masking."""

# Scrubbed text was an instance; a number of its length is masked like one, whatever it is joined to.
_SCRUBBED: Final = "[scrubbed]"
_SECRET: Final = "0" * 17
_SPLIT: Final = re.compile(
    r"""("[^"\n]{0,400}"|'(?:(?<!\w')|(?<=\b[bB]'))[^'\n]{0,400}'(?!\w)|`[^`\n]{0,400}`|[\s,;()\[\]{}<>|]+|["'`])"""
).split
_KIND: Final = rf"<(?:{'|'.join(KINDS)})>"
_KINDS: Final = re.compile(f"({_KIND})").split
_MASKED: Final = re.compile(_KIND).search
# Several adjacent instances are treated as one, since lists vary in length.
_SOME: Final = rf"({_KIND})(?:[,. ]{{1,2}}{_KIND}){{0,3}}"
_QUOTED: Final = re.compile(rf"""(?:'{_SOME}'|"{_SOME}"|`{_SOME}`)""").sub
_INSTANCES: Final = re.compile(
    rf"""{_KIND}(?:[\s,;:/|+.#_*=-]{{0,8}}(?:["'`(\[]<?{_KIND}["'`)\]]|<?{_KIND})| ?\(\))*"""
).sub
_MONTHS: Final = frozenset({
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Sept", "Oct", "Nov", "Dec", "January", "February",
    "March", "April", "June", "July", "August", "September", "October", "November", "December",
})  # fmt: skip
_MONTH: Final = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)[a-z]{0,6}"
_DATE: Final = re.compile(
    r"(?:\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6},?\s{1,2})?"
    rf"\b(?:\d\d?(?:st|nd|rd|th)?[ -]{_MONTH}(?:,?[ -]\d{{4}})?"
    rf"|{_MONTH}\s{{1,2}}\d\d?(?:st|nd|rd|th)?\b(?:,?\s\d{{4}}(?!:))?)"
    r"(?:,?(?:\s|T|\sat\s)\d\d?:\d\d(?::\d\d(?:[.,]\d{1,9})?)?)?(?:\s?[AP]M\b)?"
    r"(?:\s(?:GMT|UTC|[A-Z]{2,4}T|[+-]\d{4}))?(?:\s\d{4}\b(?!:))?"
)
# Under these names there is a sentence, not a value. After the words below there is a value, not a name.
_SAYING: Final = frozenset({
    "msg", "message", "error", "err", "desc", "description", "reason", "event", "exception", "detail", "cause",
    "request", "errmsg", "error_message", "error_description", "details", "stderr", "faultstring",
})  # fmt: skip
_VALUED: Final = (
    "entry",
    "value",
    "literal",
    "input",
    "got",
    "received",
    "float",
    "integer",
    "uuid",
    "date",
    "boolean",
)
_READING: Final = frozenset({"data", "string:", "string", "time", "parsing"})
_READ: Final = re.compile(r"time data|input string:?|parsing time|strconv\.\w{1,16}: parsing").fullmatch
_VERBS: Final = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"})
_STATEMENT: Final = re.compile(r"\b(?:SELECT|INSERT INTO|UPDATE|DELETE FROM) |\[parameters: ").search
_STATUS_LINE: Final = re.compile(r"[1-5]\d\d(?: [A-Za-z][A-Za-z'-]{1,20}){1,5}").fullmatch
_SIGNAL: Final = re.compile(r"signal \d{1,2}(?: \(SIG[A-Z]{2,8}\))?").fullmatch
_REQUEST_LINE: Final = re.compile(r"[A-Z]{3,7} \S").match
_SENTENCE_OF_BYTES: Final = re.compile(r"(?:\d{3}[ -])?\d\.\d{1,3}\.\d{1,3} |\d{3} (?=[A-Za-z])").match


@dataclass(frozen=True, slots=True)
class Part:
    """A masked instance: its kind and its original text."""

    kind: str
    text: str


def masked(message: str, *, alone: bool = True) -> str:
    """The message with `<kind>` for each instance. If that leaves no word, less is masked.

    `alone` says that the fingerprint consists of nothing but the message.
    """
    judged = _chosen(message[:CHARS], alone)[1]
    text = "".join(judged).replace(_SECRET, _SCRUBBED)
    if len(text) <= CHARS:
        return text
    ends = accumulate(map(len, judged))
    return "".join(piece for piece, end in zip(judged, ends, strict=True) if end <= CHARS)


@lru_cache(maxsize=2_048)
def identity(message: str, *, alone: bool = True) -> str:
    """The part of a message that goes into a fingerprint. Of instances it only contains that there are some."""
    text = masked(message, alone=alone)
    if "'<" in text or '"<' in text or "`<" in text:
        text = _QUOTED(r"\1\2\3", text)
    text = _INSTANCES("<>", text).replace("<<>", "<>")
    return " ".join(text.split())[:IDENTITY_CHARS]


def parts(message: str, *, alone: bool = True) -> list[Part]:
    """The instances that `masked` masks, in order."""
    masked_parts: list[Part] = []
    pieces, judged = _chosen(message[:CHARS], alone)
    for before, after in zip(pieces, judged, strict=True):
        if not after and before and masked_parts:
            last = masked_parts[-1]
            masked_parts[-1] = Part(last.kind, last.text + before)
        elif before != after:
            masked_parts += _aligned(before, after)
    return [Part(part.kind, part.text.replace(_SECRET, _SCRUBBED)) for part in masked_parts]


def _chosen(message: str, alone: bool) -> Pieces:
    """The pieces before and after masking, masked as far as a word remains.

    A message with `<kind>` is masked already.
    """
    if _SCRUBBED in message:
        message = message.replace(_SCRUBBED, _SECRET)
    if "<" in message and "</" not in message and _MASKED(message) is not None:
        return [message], [message]
    pieces, judged = _judged(message, literal=False)
    if _says_something(judged):
        return pieces, judged
    pieces, judged = _judged(message, literal=True)
    if not alone or _says_something(judged):
        return pieces, judged
    return [message], [message]


def _says_something(judged: Sequence[str]) -> bool:
    for piece in judged:
        if piece.isalpha() and piece not in {"b", "B"}:
            return True
    return any(c.isalpha() for c in "".join(_KINDS("".join(judged).replace("b<bytes>", ""))[::2]))


def _judged(message: str, *, literal: bool) -> Pieces:
    """The pieces before and after masking. `literal` masks quoted text like other text."""
    pieces = _SPLIT(message)
    if _MONTHS.isdisjoint(pieces):
        return _words(message, pieces, literal=literal)
    return _around_dates(message, literal=literal)


def _around_dates(message: str, *, literal: bool) -> Pieces:
    pieces: list[str] = []
    judged: list[str] = []
    end = 0
    for match in _DATE.finditer(message):
        before, after = _text(message[end : match.start()], literal=literal)
        pieces += [*before, match[0]]
        judged += [*after, "<date>"]
        end = match.end()
    before, after = _text(message[end:], literal=literal)
    return pieces + before, judged + after


def _text(message: str, *, literal: bool) -> Pieces:
    return _words(message, _SPLIT(message), literal=literal)


def _words(message: str, pieces: list[str], *, literal: bool) -> Pieces:
    judged = pieces[:]
    judged[::2] = map(masked_word, pieces[::2])
    if judged != pieces or "/" in message:
        mask_in_context(pieces, judged)
        if asks_version(message):
            keep_versions(pieces, judged)
    if ":" in pieces[0] and pieces[0][-1].isdigit():
        mask_peer(pieces, judged)
    if '"' in message or "'" in message or "`" in message:
        _read_quotes(pieces, judged, literal=literal or _shows_arguments(message))
        if "'" in message and _STATEMENT(message) is not None:
            _mask_literals(pieces, judged)
    if ")=(" in message:
        mask_details(pieces, judged)
    if " user " in message or message.startswith("user "):
        mask_logins(pieces, judged)
    return pieces, judged


def _shows_arguments(message: str) -> bool:
    """Whether the message is a tuple of arguments, as Python shows an exception with several, or a record."""
    if message[:1] == "{":
        return True
    return message[:1] == "(" and (
        message[1:2] in {"'", '"'} or (message[1:2].isdigit() and ", " in message[:10])
    )


def _read_quotes(pieces: list[str], judged: list[str], *, literal: bool) -> None:
    for index in range(1, len(pieces), 2):
        piece = pieces[index]
        if len(piece) > 1 and piece[0] in QUOTES and piece[0] == piece[-1] and not piece.isspace():
            speaks = literal or _is_argument(pieces, index)
            before = _name_before(pieces, index)
            if not literal and _is_value(pieces, index, before):
                judged[index] = "<quoted>"
            else:
                judged[index] = _quoted(piece, pieces[index - 1], before, literal=speaks)
            if pieces[index + 1][:1] == ":":
                _read_field(pieces, judged, index + 1)


def _name_before(pieces: Sequence[str], index: int) -> str:
    """The word before a quoted text, or the name of its field in a record: `"error": "..."`."""
    spaced = index > 3 and pieces[index - 1] == "" and pieces[index - 2].isspace()
    colon = index - 3 if spaced else index - 1
    if colon > 0 and pieces[colon] == ":" and pieces[colon - 1][:1] in QUOTES:
        return pieces[colon - 1][1:-1]
    return word_before(pieces, index + 1)


def _read_field(pieces: list[str], judged: list[str], index: int) -> None:
    """Mask a number in a record without spaces, such as `"id":17`, which is no port."""
    number = pieces[index][1:]
    following = pieces[index + 2] if index + 2 < len(pieces) else ""
    if core_of(number).isdigit() and not is_code_in_text(pieces, index, following):
        judged[index] = f":{masked_word(number)}"


def _is_value(pieces: Sequence[str], index: int, before: str) -> bool:
    """Whether the words beside a quoted text make it a parsed value (`parsing time "x"`) or a person's name."""
    if pieces[index + 2 : index + 3] == [" <"] and "@" in pieces[index + 3]:
        return True
    return before in _READING and index > 4 and _READ(f"{pieces[index - 5]} {before}") is not None


def _mask_literals(pieces: list[str], judged: list[str]) -> None:
    """Mask single-quoted texts in SQL statements and their parameters."""
    inside = False
    for index, piece in enumerate(pieces):
        if index % 2 == 0:
            inside = inside or piece in _VERBS or piece == "parameters:"
        elif inside and piece[0] == "'" and len(piece) > 1:
            judged[index] = "<quoted>"


def _is_argument(pieces: Sequence[str], index: int) -> bool:
    """Whether the text is an argument of a quoted exception: `NameError('...')`, or a driver's `(1054, "...")`."""
    if pieces[index - 1] != "" or index < 3:
        return False
    if pieces[index - 2][-1:] == "(":
        return pieces[index - 3][:1].isupper()
    numbered = pieces[index - 2] == ", " and pieces[index - 3].isdigit()
    return numbered and index > 3 and pieces[index - 4][-1:] == "("


def _quoted(piece: str, attached: str, before: str, *, literal: bool) -> str:
    """A quoted text, masked. One word is masked by itself; a sentence is a value unless its name says otherwise."""
    quote, inner = piece[0], piece[1:-1]
    if attached[-1:] in {"b", "B"} and not attached[:-1].isalnum():
        return _bytes(quote, inner)
    if inner and is_code(inner) and before and names_code(before):
        return piece
    named = core_of(before).rstrip("=").rpartition("=")[2].lower()
    if not literal and (named.endswith(_VALUED) or named.isdigit()):
        return "<quoted>"
    if not inner or inner.isspace() or _STATUS_LINE(inner) or _SIGNAL(inner):
        return piece
    if literal or named in _SAYING or _REQUEST_LINE(inner) or " " not in inner:
        inner = "".join(_text(inner, literal=False)[1])
        if len(inner) <= LONGEST_NAME or " " in inner or "<" in inner:
            return f"{quote}{inner}{quote}"
    return "<quoted>"


def _bytes(quote: str, inner: str) -> str:
    """Bytes, masked as a value unless they are a mail server's reply."""
    code = _SENTENCE_OF_BYTES(inner)
    if code is None:
        return "<bytes>"
    return f"{quote}{code[0]}{''.join(_text(inner[code.end() :], literal=False)[1])}{quote}"


def _aligned(before: str, after: str) -> Iterator[Part]:
    """The instances in one piece, located between the parts that were kept."""
    cut = _KINDS(after)
    place = len(cut[0])
    for position in range(1, len(cut), 2):
        kept = cut[position + 1]
        last = position + 2 >= len(cut)
        end = len(before) - len(kept) if last else before.find(kept, place + 1) if kept else place + 1
        if end < place:
            end = len(before)
        if end > place:
            yield Part(cut[position][1:-1], before[place:end])
        place = end + len(kept)
