"""Splits a request's body into events: one object, an array, or newline-delimited JSON."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

import msgspec

from notifier.ingest.sanitise import BOM

MAX_EVENTS: Final = 1_000
_SPLIT_BYTES: Final = 1_048_576
_COMMAS: Final = 100_000
_PROBE_BYTES: Final = 65_536
_NDJSON: Final = ("ndjson", "ldjson", "jsonl", "jsonlines")
_FOREIGN_APPLICATION: Final = (
    "xml",
    "zip",
    "pdf",
    "protobuf",
    "msgpack",
    "cbor",
    "yaml",
    "javascript",
    "gzip",
    "soap",
)
_raws = msgspec.json.Decoder(list[msgspec.Raw])
_FIRST = re.compile(rb"[ \t\r\n]*(.?)", re.DOTALL)
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"?|[\[{]|[\]}]|,', re.DOTALL)


class Malformed(Exception):
    """A body that cannot be split into events. `message` says what is wrong, where, and what to do."""

    def __init__(
        self, message: str, *, reason: Literal["unreadable", "empty", "too_many", "too_large"] = "unreadable"
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitBody:
    """The bytes of each event, in order. `single` is true if the body was one object, so the response is one too."""

    single: bool
    items: Sequence[bytes | msgspec.Raw]


@lru_cache(maxsize=256)
def accepts_content_type(content_type: str | None) -> bool:
    """Whether the content type may be JSON: any JSON type, none, or the defaults that HTTP clients send."""
    kind = _kind(content_type)
    major, _, minor = kind.partition("/")
    if major in {"image", "audio", "video", "font", "multipart", "model"} or kind in {
        "text/html",
        "text/css",
    }:
        return False
    return "json" in minor or not any(word in minor for word in _FOREIGN_APPLICATION)


def split(body: bytes, content_type: str | None) -> SplitBody:
    """Splits a body into its events. Raises `Malformed` if there are none, or more than a thousand."""
    body = body.removeprefix(BOM)
    if is_ndjson(content_type):
        lines = (line.removeprefix(BOM) for line in body.split(b"\n"))
        return SplitBody(single=False, items=_limited([line for line in lines if line.strip()]))
    first = _FIRST.match(body)
    if first is None or not first.group(1):
        raise Malformed("the body is empty: send an event as a JSON object", reason="empty")
    if first.group(1) != b"[":
        return SplitBody(single=True, items=(body,))
    return SplitBody(single=False, items=_limited(_elements(body)))


@lru_cache(maxsize=256)
def is_ndjson(content_type: str | None) -> bool:
    """Whether the content type is NDJSON. None of its names is registered, so several are known."""
    minor = _kind(content_type).partition("/")[2]
    return re.sub("[^a-z]", "", minor).endswith(_NDJSON)


def _kind(content_type: str | None) -> str:
    return "" if content_type is None else content_type.partition(";")[0].strip().lower()


def _limited(items: Sequence[bytes | msgspec.Raw]) -> Sequence[bytes | msgspec.Raw]:
    if not items:
        raise Malformed("there is no event in the body: send at least one", reason="empty")
    if len(items) > MAX_EVENTS:
        raise Malformed(
            f"more than {MAX_EVENTS} events in one body: send them in several requests", reason="too_many"
        )
    return items


def _elements(body: bytes) -> Sequence[bytes | msgspec.Raw]:
    """The elements of an array, undecoded.

    The decoder finds them if the whole body is JSON. If one element is not (NaN, 10,000 levels), they are split by
    brackets and strings, so that the others are kept.
    """
    if body.count(b",") > _COMMAS:
        _refuse_too_many_small_items(body[:_PROBE_BYTES])
    try:
        return _raws.decode(body)
    except RecursionError:
        return _by_brackets(body)
    except msgspec.DecodeError as error:
        return _by_brackets(body, str(error))


def _refuse_too_many_small_items(start: bytes) -> None:
    """Raises `Malformed` for millions of tiny elements, before the decoder makes an object of each."""
    try:
        _by_brackets(start)
    except Malformed as refusal:
        if refusal.reason == "too_many":
            raise


def _by_brackets(body: bytes, why: str = "nested too deeply") -> list[bytes]:
    unreadable = Malformed(f"the body is not valid JSON: {_position_in(why)}")
    if len(body) > _SPLIT_BYTES:
        raise unreadable
    elements: list[bytes] = []
    depth, start = 0, 0
    for token in _TOKEN.finditer(body):
        mark = token.group()[:1]
        if mark in b"[{":
            depth += 1
            start = token.end() if depth == 1 else start
        elif mark in b"]}":
            depth -= 1
        if depth == 0 and mark != b'"':
            if body[token.end() :].strip():
                raise unreadable
            last = body[start : token.start()]
            return [*elements, last] if elements or last.strip() else []
        if depth == 1 and mark == b",":
            elements.append(body[start : token.start()])
            start = token.end()
            _limited(elements)
    raise unreadable


def _position_in(why: str) -> str:
    """The decoder's message without its preamble. It names positions, never content."""
    if "truncated" in why:
        return "it ends early; send it whole"
    return why.removeprefix("JSON is malformed: ")
