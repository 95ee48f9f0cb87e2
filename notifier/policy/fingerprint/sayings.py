"""What a message says that is itself a record: a JSON object, or a dictionary as Python shows it."""

from __future__ import annotations

import json
import re
from typing import Any, Final

FIELDS: Final = ("event", "message", "msg", "error")
CHARS: Final = 8_192
_SHOWN: Final = re.compile(
    r"""['"](event|message|msg|error)['"]\s{0,4}:\s{0,4}[bu]?(?:'((?:[^'\\]|\\.)*+)'|"((?:[^"\\]|\\.)*+)")""",
    re.DOTALL,
).finditer
_CODES: Final = re.compile(
    r"""['"](status|status_code|code|error_code|errno|sqlstate)['"]\s{0,4}:\s{0,4}['"]?([\w.-]{1,64})""",
    re.ASCII,
).finditer
_ESCAPED: Final = re.compile(r"\\([\"'\\])").sub


def spoken(message: str) -> str:
    """The fields that say what happened, else the message as it is."""
    if not _is_record(message):
        return message
    said = [text for text in _fields(message.strip()[:CHARS]) if text]
    return ": ".join(dict.fromkeys(said)) or message


def telling_apart(message: str) -> str:
    """What was spoken, and the codes beside it."""
    text = spoken(message)
    if text is message:
        return message
    return " ".join([text, *(f"{match[1]}={match[2]}" for match in _CODES(message[:CHARS]))])


def _is_record(message: str) -> bool:
    return message[:1] in {"{", "["} or (message[:1].isspace() and message.lstrip()[:1] == "{")


def _fields(text: str) -> list[str]:
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return _shown(text)
    return _said(record, depth=2)


def _said(record: Any, depth: int) -> list[str]:
    if isinstance(record, str):
        return [record.strip()]
    if isinstance(record, list) and record and depth:
        return _said(record[0], depth)
    if not isinstance(record, dict) or not depth:
        return []
    return [text for name in FIELDS for text in _said(record.get(name), depth - 1)]


def _shown(text: str) -> list[str]:
    """By the quotes: a dictionary as Python shows it may hold what no parser reads."""
    found: dict[str, str] = {}
    for match in _SHOWN(text):
        found.setdefault(match[1], _ESCAPED(r"\1", match[2] if match[2] is not None else match[3]).strip())
    return [found[name] for name in FIELDS if name in found]
