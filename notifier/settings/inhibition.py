"""The `inhibit` section: which incidents hold which others."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import Annotated, ClassVar

from pydantic import Field

from notifier.domain.errors import Problem
from notifier.domain.matcher import Matcher
from notifier.domain.route import Inhibition
from notifier.settings.complaints import Fault, checked
from notifier.settings.document import SourceFile
from notifier.settings.names import MATCHERS, DefinedNames, Labels, Listed, Matchers, flat
from notifier.settings.sections import Block, with_default

_EXAMPLE = """{source: ['severity="critical"'], target: ['severity="warning"'], equal: [service]}"""
_BROAD = (
    "without `equal` one such incident holds every other in the whole project; name the labels that they share, "
    "as in [service]"
)
_Side = Annotated[
    Matchers, Listed(MATCHERS, empty="an empty list would take every incident: write at least one matcher")
]


class InhibitionBlock(Block):
    example: ClassVar[str] = _EXAMPLE

    source: _Side = Field(description="Matchers: all of them must hold.")
    target: _Side = Field(description="Matchers: all of them must hold.")
    equal: Annotated[Labels, Listed("[service]")] = with_default(
        (), "Labels of which both have the same values."
    )

    @property
    def key(self) -> str:
        """16 hex digits from the three, whatever their order inside."""
        sides = [sorted(map(_parts, flat(side))) for side in (self.source, self.target)]
        return blake2b(json.dumps([*sides, sorted(self.equal)]).encode(), digest_size=8).hexdigest()


def _twice(blocks: Sequence[InhibitionBlock | None], names: DefinedNames) -> Iterator[Fault]:
    keys = [None if block is None else block.key for block in blocks]
    for index, key in enumerate(keys):
        if key is not None and key in keys[:index]:
            line = names.source.value(("inhibit", keys.index(key))).short
            yield (index,), f"the same rule as in {line}: remove one"


InhibitionBlocks = Annotated[tuple[InhibitionBlock, ...], checked(_twice), Listed(f"- {_EXAMPLE}")]


def inhibition(index: int, block: InhibitionBlock, source: SourceFile, warnings: set[Problem]) -> Inhibition:
    """A rule of a file; one that likely holds more than is meant is noted."""
    path = ("inhibit", index)
    both = flat(block.source), flat(block.target)
    if not block.equal and {matcher.name for side in both for matcher in side} == {"severity"}:
        warnings.add(source.problem(path, _BROAD))
    return Inhibition(
        key=block.key, source=both[0], target=both[1], equal=block.equal, line=source.value(path).short
    )


def _parts(matcher: Matcher) -> tuple[str, str, str]:
    return matcher.name, matcher.op, matcher.value
