"""The section `inhibit`: which incidents hold which others."""

from __future__ import annotations

import json
from hashlib import blake2b
from operator import attrgetter
from typing import Annotated, ClassVar

from pydantic import Field

from notifier.domain.errors import Problem
from notifier.domain.route import Inhibition
from notifier.settings.document import SourceFile
from notifier.settings.names import MATCHERS, DefinedNames, Labels, Listed, Matchers, flat
from notifier.settings.sections import Block, with_default
from notifier.settings.validation_errors import unique

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

    source: _Side = Field(description="Matchers, all of which must match.")
    target: _Side = Field(description="Matchers, all of which must match.")
    equal: Annotated[Labels, Listed("[service]")] = with_default(
        (), "Labels that must have equal values in both."
    )

    @property
    def key(self) -> str:
        """A hash of the three parts, 16 hex digits, independent of the order of matchers."""
        sides = [sorted((m.name, m.op, m.value) for m in flat(side)) for side in (self.source, self.target)]
        return blake2b(json.dumps([*sides, sorted(self.equal)]).encode(), digest_size=8).hexdigest()


def _twice(_key: str, first: int, names: DefinedNames) -> str:
    return f"the same rule as in {names.source.value(('inhibit', first)).short}: remove one"


InhibitionBlocks = Annotated[
    tuple[InhibitionBlock, ...], unique(_twice, by=attrgetter("key")), Listed(f"- {_EXAMPLE}")
]


def inhibition(index: int, block: InhibitionBlock, source: SourceFile, warnings: set[Problem]) -> Inhibition:
    """An inhibition rule of a file. Warns about one that likely holds more than is meant."""
    path = ("inhibit", index)
    both = flat(block.source), flat(block.target)
    if not block.equal and {matcher.name for side in both for matcher in side} == {"severity"}:
        warnings.add(source.problem(path, _BROAD))
    return Inhibition(
        key=block.key, source=both[0], target=both[1], equal=block.equal, line=source.value(path).short
    )
