"""Turns hostile text into plain values: strict JSON, and replacements for what no database can store."""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final, NoReturn

from notifier.ingest.schema import INT_MAX, INT_MIN

BOM: Final = b"\xef\xbb\xbf"
REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"
TOO_DEEP: Final = "[nested too deeply]"
DEPTH: Final = 100
_TOO_DEEP_SENTENCE: Final = "nested too deeply: send fewer levels"


class UnreadableJson(Exception):
    """The text is no valid JSON, or too deep. The message says what is wrong and where, never what was there."""


class Huge(str):
    """A number beyond 64 bits or a double, as its digits. Allowed wherever any value is, invalid in a typed field."""

    __slots__ = ()


_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def text(value: str) -> str:
    """Replaces NUL and lone surrogates, which databases and UTF-8 cannot hold, by U+FFFD."""
    return value if value.isascii() and "\x00" not in value else _UNSTORABLE.sub(REPLACEMENT, value)


def read(raw: bytes) -> Any:
    """The JSON value in these bytes, sanitised. A byte order mark is skipped.

    Raises `UnreadableJson` if the bytes are no JSON, or nested too deeply.
    """
    raw = raw.removeprefix(BOM)
    try:
        return _clean(_decode(raw.decode("utf-8")), DEPTH)
    except UnicodeDecodeError as error:
        raise UnreadableJson(f"not valid UTF-8 (byte {error.start}): send JSON as UTF-8") from None
    except json.JSONDecodeError as error:
        raise UnreadableJson(_syntax(raw, error)) from None
    except RecursionError:
        raise UnreadableJson(_TOO_DEEP_SENTENCE) from None


def clean(tree: Any) -> Any:
    """A decoded tree, sanitised as `read` does. Raises `UnreadableJson` if it is too deep."""
    try:
        return _clean(_with_storable_numbers(tree), DEPTH)
    except RecursionError:
        raise UnreadableJson(_TOO_DEEP_SENTENCE) from None


def size(tree: Any) -> int:
    """The size of a tree as JSON text, in bytes. Raises `UnreadableJson` if it is too deep."""
    try:
        text = json.dumps(tree, ensure_ascii=False, separators=(",", ":"))
    except RecursionError:
        raise UnreadableJson(_TOO_DEEP_SENTENCE) from None
    return len(text.encode("utf-8", "surrogatepass"))


def _with_storable_numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_storable_numbers(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return list(map(_with_storable_numbers, value))
    if type(value) is int and not INT_MIN <= value <= INT_MAX:
        return Huge(value)
    if type(value) is float and not math.isfinite(value):
        return Huge(value)
    return value


def _decode(source: str) -> Any:
    return json.loads(source, parse_int=_int, parse_float=_float, parse_constant=_constant)


def _int(digits: str) -> int | Huge:
    if len(digits) <= 20 and INT_MIN <= (number := int(digits)) <= INT_MAX:
        return number
    return Huge(digits)


def _float(digits: str) -> float | Huge:
    number = float(digits)
    return number if math.isfinite(number) else Huge(digits)


def _constant(_name: str) -> NoReturn:
    raise UnreadableJson("NaN and Infinity are no JSON numbers: send null or a string")


def _clean(value: Any, depth: int) -> Any:
    if type(value) is str:
        return text(value)
    if not isinstance(value, dict | list):
        return value
    if depth == 0:
        return TOO_DEEP
    if isinstance(value, dict):
        return {text(key): _clean(inner, depth - 1) for key, inner in value.items()}
    return [_clean(inner, depth - 1) for inner in value]


def _syntax(raw: bytes, error: json.JSONDecodeError) -> str:
    where = len(error.doc[: error.pos].encode("utf-8", "surrogatepass"))
    if not raw.strip():
        return "empty: send an event as a JSON object"
    if error.msg.startswith("Extra data"):
        return (
            f"not valid JSON: more follows after its end (byte {where}); send several events as an array, or one a "
            "line as application/x-ndjson"
        )
    # The decoder's message names what it expected, never what it found.
    return f"not valid JSON: {error.msg.rstrip(': ').lower().removesuffix(' at')} (byte {where})"
