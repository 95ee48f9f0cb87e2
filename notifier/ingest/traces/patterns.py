"""RE2 patterns for lines: matching takes time linear in the line's length."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import re2


class LineMatch:
    """A match in a line. Groups by number or name; empty if a group did not participate."""

    def __init__(self, match: re2._Match, names: Mapping[str, int]) -> None:
        self._found: Final = match
        self._names: Final = names

    def __getitem__(self, group: int | str) -> str:
        text: bytes | None = self._found[group if isinstance(group, int) else self._names[group]]
        return "" if text is None else text.decode("utf-8", "replace")


class LinePattern:
    """A pattern that is matched at the beginning of a line.

    RE2's binding counts the characters of a str for each match, which costs ten times as much as the match; bytes
    need no count.
    """

    def __init__(self, pattern: str) -> None:
        compiled = re2.compile(pattern)
        self._match: Final = compiled.match
        self._names: Final[Mapping[str, int]] = dict(compiled.groupindex)

    def match(self, line: str) -> LineMatch | None:
        found = self._match(line.encode("utf-8", "surrogatepass"))
        return None if found is None else LineMatch(found, self._names)
