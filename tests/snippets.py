"""The fenced blocks of a text in Markdown: what a reader copies, and how each says that it is tried.

The words after the language say it: `not-run: REASON` and `other: FILE` are not tried, and why; `event` is posted.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

_PARTS = re.compile(
    r"^#+ (?P<heading>[^\n]+)$|"
    r"^(?P<indent> *)```(?P<language>\w+)(?: (?P<info>[^\n]+))?\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True, kw_only=True)
class Block:
    """One fenced block, and the heading that it stands under."""

    heading: str
    language: str
    info: str
    text: str

    @property
    def is_tried(self) -> bool:
        return not self.info.startswith(("not-run: ", "other: "))


def blocks(markdown: str) -> Iterator[Block]:
    """Every block, in order."""
    heading = ""
    for part in _PARTS.finditer(markdown):
        heading = part["heading"] or heading
        if part["language"]:
            text = textwrap.dedent(part["text"])
            yield Block(heading=heading, language=part["language"], info=part["info"] or "", text=text)


def commands(markdown: str) -> list[str]:
    """Every shell command that is tried, its continued lines joined and its comments cut."""
    tried = [block.text for block in blocks(markdown) if block.language == "sh" and block.is_tried]
    text = "\n".join(tried).replace("\\\n", " ")
    return [line for line in (re.sub(r"\s+#.*", "", line).strip() for line in text.splitlines()) if line]
