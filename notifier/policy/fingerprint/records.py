"""Messages that are records: JSON objects, or dictionaries as Python shows them."""

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
    r"""['"](status|status_code|code|error_code|errno|sqlstate|reason|type|error_type|exc_type)['"]\s{0,4}:\s{0,4}['"]?([\w.-]{1,64})""",
    re.ASCII,
).finditer
_ESCAPED: Final = re.compile(r"\\([\"'\\])").sub


def record_message(message: str) -> str:
    """The fields of a record that say what happened, joined; any other message is returned unchanged."""
    if not _is_record(message):
        return message
    texts = [text for text in _field_texts(message.strip()[:CHARS]) if text]
    return ": ".join(dict.fromkeys(texts)) or message


def identifying_text(message: str) -> str:
    """The text that distinguishes problems: `record_message`, and the codes in the record."""
    text = record_message(message)
    if text is message:
        return message
    return " ".join([text, *(f"{match[1]}={match[2]}" for match in _CODES(message[:CHARS]))])


def _is_record(message: str) -> bool:
    return message[:1] in {"{", "["} or (message[:1].isspace() and message.lstrip()[:1] == "{")


def _field_texts(text: str) -> list[str]:
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return _shown(text)
    return _texts_in(record, depth=2)


def _texts_in(record: Any, depth: int) -> list[str]:
    if isinstance(record, str):
        return [record.strip()]
    if isinstance(record, list) and record and depth:
        return _texts_in(record[0], depth)
    if not isinstance(record, dict) or not depth:
        return []
    return [text for name in FIELDS for text in _texts_in(record.get(name), depth - 1)]


def _shown(text: str) -> list[str]:
    """The fields found by their quotes, since a dictionary shown by Python may not be parseable."""
    texts: dict[str, str] = {}
    for match in _SHOWN(text):
        texts.setdefault(match[1], _ESCAPED(r"\1", match[2] if match[2] is not None else match[3]).strip())
    return [texts[name] for name in FIELDS if name in texts]
