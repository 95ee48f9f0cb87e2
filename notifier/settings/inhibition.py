"""The `inhibit` section: which incidents hold which others."""

from __future__ import annotations

import json
from hashlib import blake2b

from notifier.domain.matcher import Matcher
from notifier.domain.route import Inhibition
from notifier.settings.document import MISSING, Node, Problems
from notifier.settings.reading import Reader, below, line
from notifier.settings.routes import read_labels, read_matchers

_EXAMPLE = """{source: ['severity="critical"'], target: ['severity="warning"'], equal: [service]}"""
_SIDES = ("source", "target")
_BROAD = (
    "without `equal` one such incident holds every other in the whole project; name the labels that they share, "
    "as in [service]"
)


def inhibition_key(source: tuple[Matcher, ...], target: tuple[Matcher, ...], equal: tuple[str, ...]) -> str:
    """16 hex digits from the three, whatever their order inside."""
    sides = [sorted((one.name, one.op, one.value) for one in side) for side in (source, target)]
    return blake2b(json.dumps([*sides, sorted(equal)]).encode(), digest_size=8).hexdigest()


def read_inhibitions(reader: Reader, node: Node | None, warnings: Problems) -> tuple[Inhibition, ...]:
    """Every rule that is whole; what is wrong with the others is noted."""
    if node is None:
        return ()
    found: dict[str, Inhibition] = {}
    for index, item in enumerate(reader.items(node, "inhibit", f"- {_EXAMPLE}")):
        path = f"inhibit[{index}]"
        rule = _rule(reader, item, path)
        if rule is None:
            continue
        if rule.key in found:
            reader.complain(item.mark, path, f"the same rule as in {found[rule.key].line}: remove one")
        found.setdefault(rule.key, rule)
        if not rule.equal and {one.name for one in (*rule.source, *rule.target)} == {"severity"}:
            warnings.add(item.mark, f"{path}: {_BROAD}")
    return tuple(found.values())


def _rule(reader: Reader, node: Node, path: str) -> Inhibition | None:
    entries = reader.entries(node, path)
    reader.only(node, path, {*_SIDES, "equal"})
    if not reader.needs(node, path, _SIDES, _EXAMPLE):
        return None
    source, target = (_side(reader, entries[name], below(path, name)) for name in _SIDES)
    equal = read_labels(reader, entries["equal"], f"{path}.equal", "[service]") if "equal" in entries else ()
    if not source or not target:
        return None
    return Inhibition(
        key=inhibition_key(source, target, equal),
        source=source,
        target=target,
        equal=equal,
        line=line(node.mark),
    )


def _side(reader: Reader, node: Node, path: str) -> tuple[Matcher, ...]:
    if node.value == ():
        reader.complain(
            node.mark, path, "an empty list would take every incident: write at least one matcher"
        )
    return () if node.value is MISSING else read_matchers(reader, node, path)
