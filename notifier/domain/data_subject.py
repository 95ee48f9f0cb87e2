"""The subject of a request to hand over or to remove data: a label's value, or a person."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

REMOVED = "[deleted]"
"""The text that stands where another was."""


@dataclass(frozen=True, slots=True)
class DataSubject:
    """`text` is the label's value where `label` is its name; else the words that a person is known by.

    A label is found where it is written as one, a person wherever the words stand, whatever their case and not as a
    part of longer words.
    """

    text: str
    label: str | None = None

    @property
    def needles(self) -> tuple[str, ...]:
        """The texts of which a row has at least one, as they are written in rows; of a person in lower case."""
        if self.label is None:
            written = (self.text, _inner(self.text))
            return tuple(dict.fromkeys(form for text in written for form in (text.lower(), _lower(text))))
        matcher = f'{self.label}="{self.text}"'
        return (self.pair, matcher, _inner(matcher))

    @property
    def pair(self) -> str:
        """A label as JSON writes it among others."""
        return f"{_json(self.label or '')}:{_json(self.text)}"

    def without(self, text: str) -> str:
        """The same text with `REMOVED` in the place of what is looked for."""
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
    """Lower case as SQLite has it: of A to Z alone."""
    return "".join(char.lower() if char.isascii() else char for char in text)


def _json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _inner(text: str) -> str:
    """A text as it stands within a text of JSON."""
    return _json(text)[1:-1]
