"""`NOTIFIER_<SECTION>__<KEY>` sets one key of a plain section, and wins over the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from notifier.settings.document import Node, Problems, showable
from notifier.settings.model import Mark
from notifier.settings.reading import alternatives
from notifier.settings.sections import SECTIONS, names

_PREFIX = "NOTIFIER_"

Overrides = Mapping[str, Mapping[str, Node]]


def overrides(environ: Mapping[str, str], problems: Problems, warnings: Problems) -> Overrides:
    """What the environment sets, by section and key; an empty variable sets nothing.

    Names without `__` are left alone: they may be anybody's (Kubernetes announces a service called `notifier` as
    `NOTIFIER_PORT`); one that looks like a key written with a single `_` gets a warning.
    """
    found: dict[str, dict[str, Node]] = {}
    for variable, text in sorted(environ.items()):
        if not variable.upper().startswith(_PREFIX) or not text:
            continue
        mark = Mark(file=showable(variable).strip("`"), line=1, column=1)
        section, separator, key = variable[len(_PREFIX) :].lower().partition("__")
        if not separator:
            _hint(section, mark, warnings)
        elif section not in SECTIONS:
            message = (
                f"the environment can set {', '.join(sorted(SECTIONS))}; there is no such section among them"
            )
            problems.add(mark, message)
        elif key not in names(section):
            problems.add(mark, f"`{section}` has no such key; {alternatives(key, names(section))}")
        else:
            found.setdefault(section, {})[key] = Node(value=text, mark=mark, key=mark, literal=True)
    return found


def apply(root: Node, found: Overrides) -> Node:
    """The document with the environment's keys; a `url` in the one replaces a `url_file` in the other."""
    if not isinstance(root.value, Mapping):
        return root
    written = {**root.value}
    for section, keys in found.items():
        written[section] = _merged(section, written.get(section), keys)
    return replace(root, value=written)


def _merged(section: str, node: Node | None, keys: Mapping[str, Node]) -> Node:
    if node is None or node.is_empty:
        first = next(iter(keys.values()))
        return Node(value=keys, mark=first.mark, key=first.key)
    if not isinstance(node.value, Mapping):
        return node
    replaced = {_meant(section, name) for name in keys}
    kept = {name: entry for name, entry in node.value.items() if _meant(section, name) not in replaced}
    return replace(node, value={**kept, **keys})


def _meant(section: str, name: str) -> str:
    """The key that a name sets: `x_file` sets `x` where that is a secret."""
    key = SECTIONS[section].get(name.removesuffix("_file"))
    return name.removesuffix("_file") if key is not None and key.secret else name


def _hint(name: str, mark: Mark, warnings: Problems) -> None:
    for section in SECTIONS:
        key = name.removeprefix(f"{section}_")
        if key != name and key in names(section):
            meant = f"{_PREFIX}{section.upper()}__{key.upper()}"
            warnings.add(mark, f"this variable sets nothing; did you mean {meant}, with two `_`?")
