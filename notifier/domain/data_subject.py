"""The subject of a request to export or erase data: the value of a label, or a person."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

REMOVED = "[deleted]"
"""The replacement for erased text."""


@dataclass(frozen=True, slots=True)
class DataSubject:
    """A data subject: the value `text` of the label named `label`, or a person known as `text` if that is None.

    A label is found where it is stored as one. A person is found anywhere, regardless of case, as whole words.
    """

    text: str
    label: str | None = None

    @property
    def needles(self) -> tuple[str, ...]:
        """Texts of which every row about the subject contains at least one, as stored; lower case for a person."""
        if self.label is None:
            written = (self.text, _inner(self.text))
            return tuple(dict.fromkeys(form for text in written for form in (text.lower(), _lower(text))))
        matcher = f'{self.label}="{self.text}"'
        return (self.pair, matcher, _inner(matcher))

    @property
    def pair(self) -> str:
        """The label in JSON, as part of an object."""
        return f"{_json(self.label or '')}:{_json(self.text)}"

    def without(self, text: str) -> str:
        """The text with every occurrence of the subject replaced by `REMOVED`."""
        if self.label is None:
            words = "|".join(re.escape(needle) for needle in self.needles)
            return re.sub(rf"(?<!\w)(?:{words})(?!\w)", REMOVED, text, flags=re.IGNORECASE)
        name = self.label
        for needle, instead in zip(
            self.needles,
            (f'{_json(name)}:"{REMOVED}"', f'{name}="{REMOVED}"', _inner(f'{name}="{REMOVED}"')),
            strict=True,
        ):
            text = text.replace(needle, instead)
        return text

    def is_in(self, text: str) -> bool:
        return self.without(text) != text


def _lower(text: str) -> str:
    """Lower case as in SQLite: ASCII letters only."""
    return "".join(char.lower() if char.isascii() else char for char in text)


def _json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _inner(text: str) -> str:
    """The text as it is escaped inside a JSON string."""
    return _json(text)[1:-1]
