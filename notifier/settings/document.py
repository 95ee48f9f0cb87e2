"""The file as a tree in which every node knows its place.

YAML is composed, not constructed: the node marks survive, a duplicate key is noticed, and nothing of YAML 1.1
that surprises people (`1:30` as ninety, `010` as eight, dates) becomes a value; such text stays text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any, cast

import yaml

from notifier.domain.errors import Problem
from notifier.settings.values import Scalar

LARGEST_FILE = 8 << 20
MOST_REPEATED = 4 << 20
"""Bytes that aliases may add, every value counted as sixteen at least: a short file can repeat itself without end."""

_LEAST_REPEATED = 16
DEEPEST = 64

_TAG = "tag:yaml.org,2002:"
_WHOLE = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"[-+]?[0-9]+\.[0-9]*(?:[eE][-+]?[0-9]{1,2})?")
_TRUE = {"true", "yes", "on"}
_VARIABLE = re.compile(r"\$\$\{|\$\{([^}]*)\}|\$\{")
_REFERENCE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(:-(.*))?", re.DOTALL)
_SHOWABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")


Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceMark:
    """Where a node stands in the file; line and column from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"

    @property
    def short(self) -> str:
        """`notifier.yaml:12`: the file without its folder, as messages show it to people elsewhere."""
        return f"{PurePath(self.file).name}:{self.line}"


@dataclass(frozen=True, slots=True)
class Missing:
    """Stands where a value could not be had; its problem is noted already, and readers keep quiet."""


MISSING = Missing()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceNode:
    """A value and where it stands.

    `key` is where its key stands: what a complaint about the key points at. A `literal` one is not interpolated.
    """

    value: Scalar | Missing | tuple[SourceNode, ...] | Mapping[str, SourceNode]
    mark: SourceMark
    key: SourceMark
    literal: bool = False

    @property
    def is_empty(self) -> bool:
        """An empty key is the same as one that is left out."""
        return self.value is None

    @property
    def entries(self) -> Mapping[str, SourceNode]:
        """Entries of a mapping that are not empty; of any other value none."""
        written = self.value if isinstance(self.value, Mapping) else {}
        return {key: entry for key, entry in written.items() if not entry.is_empty}

    @property
    def items(self) -> tuple[SourceNode, ...]:
        """Items of a list; of any other value none."""
        return self.value if isinstance(self.value, tuple) else ()

    def plain(self, *, empty: bool = True) -> Any:
        """The value without places: a dict, a list or a scalar; with keys that are left empty, or without."""
        match self.value:
            case Mapping() as written:
                entries = written if empty else self.entries
                return {key: entry.plain(empty=empty) for key, entry in entries.items()}
            case tuple() as items:
                return [item.plain(empty=empty) for item in items]
            case value:
                return value

    def get(self, key: str) -> SourceNode:
        """The node under a key; where nothing is, an empty one in this one's place."""
        return self.entries.get(key) or SourceNode(value=None, mark=self.mark, key=self.key)

    def at(self, path: Path) -> SourceNode:
        """The node at a path, or the nearest one around it."""
        node = self
        for step in path:
            if isinstance(step, int) and step < len(node.items):
                node = node.items[step]
            elif isinstance(step, str) and isinstance(node.value, Mapping) and step in node.value:
                node = node.value[step]
            else:
                break
        return node


class Problems:
    """Problems of a configuration, collected so that all are shown at once."""

    def __init__(self) -> None:
        self._found: set[Problem] = set()

    def add(self, mark: SourceMark, message: str) -> None:
        self._found.add(Problem(file=mark.file, line=mark.line, column=mark.column, message=message))

    def extend(self, problems: Iterable[Problem]) -> None:
        self._found.update(problems)

    def __iter__(self) -> Iterator[Problem]:
        """In the order of the file."""
        return iter(sorted(self._found, key=lambda one: (one.file, one.line, one.column, one.message)))

    def __len__(self) -> int:
        return len(self._found)


def showable(name: str) -> str:
    """A key or a name as an error may show it: only what looks like one, as it may be a misplaced secret."""
    return f"`{name}`" if _SHOWABLE.fullmatch(name) else "this name"


def parse(data: bytes, file: str, problems: Problems) -> SourceNode:
    """The document's root mapping; an empty one where the file is empty or cannot be read as YAML."""
    start = SourceMark(file=file, line=1, column=1)
    empty = SourceNode(value={}, mark=start, key=start)
    try:
        root = _compose(_decode(data))
    except yaml.MarkedYAMLError as error:
        problems.add(_mark(error.problem_mark or error.context_mark, file), _not_yaml(error))
        return empty
    except _UnreadableError as error:
        problems.add(replace(start, line=error.line, column=error.column), str(error))
        return empty
    if root is None:
        return empty
    tree = _Tree(file, problems).node(root, start, ())
    if isinstance(tree.value, Mapping) or tree.value is None:
        return tree if tree.value else empty
    if tree.value is not MISSING:
        problems.add(tree.mark, "the file must be a mapping of sections, such as `channels:` and `route:`")
    return empty


def interpolate(node: SourceNode, environ: Mapping[str, str], problems: Problems) -> SourceNode:
    """The tree with `${VAR}` and `${VAR:-default}` filled in.

    In text values only, and once: what a variable holds is not searched again. `$${` stands for `${`.
    """
    match node.value:
        case str() as text if not node.literal:
            return replace(node, value=_fill(text, environ, node.mark, problems))
        case tuple() as items:
            return replace(node, value=tuple(interpolate(item, environ, problems) for item in items))
        case Mapping() as entries:
            filled = {name: interpolate(entry, environ, problems) for name, entry in entries.items()}
            return replace(node, value=filled)
        case _:
            return node


class _UnreadableError(Exception):
    def __init__(self, message: str, line: int = 1, column: int = 1) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


def _decode(data: bytes) -> str:
    if len(data) > LARGEST_FILE:
        raise _UnreadableError(f"the file is larger than {LARGEST_FILE >> 20} MiB; is it a configuration?")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        raise _UnreadableError("the file is not UTF-8: save it as UTF-8 text", *_place(before)) from None


def _compose(text: str) -> yaml.Node | None:
    try:
        return yaml.compose(text, Loader=_Loader)
    except yaml.reader.ReaderError as error:
        message = "a control character is not allowed here: remove it"
        raise _UnreadableError(message, *_place(text[: error.position])) from None


def _place(before: str) -> tuple[int, int]:
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


class _Loader(yaml.SafeLoader):
    """PyYAML's composer calls itself for every level; a file of brackets must not reach Python's limit."""

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self._depth += 1
        if self._depth > DEEPEST:
            mark = cast("yaml.error.Mark", _event(self).start_mark)
            raise yaml.composer.ComposerError(None, None, f"nested deeper than {DEEPEST} levels", mark)
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


def _event(loader: yaml.SafeLoader) -> yaml.Event:
    return cast("yaml.Event", loader.peek_event())  # type: ignore[no-untyped-call]


def _not_yaml(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or error.context or "it cannot be read"
    if "'\\t'" in problem:
        return "a tab is not allowed here: indent with spaces"
    if problem.endswith("'<scalar>'"):
        return (
            "not valid YAML: text goes on where a value has ended; "
            "one with quotes inside stands in single quotes as a whole: '\"Ann, Bob\" <ann@example.com>'"
        )
    return f"not valid YAML: {problem}"


def _mark(mark: yaml.Mark | None, file: str) -> SourceMark:
    return SourceMark(file=file, line=mark.line + 1 if mark else 1, column=mark.column + 1 if mark else 1)


class _Tree:
    """Turns YAML's nodes into ours; counts what aliases repeat, as they can make a short file endless."""

    def __init__(self, file: str, problems: Problems) -> None:
        self._file = file
        self._problems = problems
        self._seen: set[int] = set()
        self._left = MOST_REPEATED

    def node(self, node: yaml.Node, key: SourceMark, above: tuple[int, ...]) -> SourceNode:
        mark = _mark(node.start_mark, self._file)
        if id(node) in self._seen:
            self._left -= max(_LEAST_REPEATED, len(node.value))
        self._seen.add(id(node))
        if id(node) in above:
            return self._refuse(mark, key, "an alias stands inside what it repeats")
        if self._left <= 0:
            return self._refuse(
                mark, key, f"aliases repeat too much: more than {MOST_REPEATED >> 20} MiB in all"
            )
        above = (*above, id(node))
        match node:
            case yaml.ScalarNode():
                return SourceNode(value=self._scalar(node, mark), mark=mark, key=key)
            case yaml.SequenceNode(tag="tag:yaml.org,2002:seq"):
                return SourceNode(value=self._items(node, above), mark=mark, key=key)
            case yaml.MappingNode(tag="tag:yaml.org,2002:map"):
                return SourceNode(value=self._entries(node, above), mark=mark, key=key)
            case _:
                return self._refuse(mark, key, "tags such as !name are not supported: remove it")

    def _refuse(self, mark: SourceMark, key: SourceMark, message: str) -> SourceNode:
        self._problems.add(mark, message)
        return SourceNode(value=MISSING, mark=mark, key=key)

    def _items(self, node: yaml.SequenceNode, above: tuple[int, ...]) -> tuple[SourceNode, ...]:
        items = []
        for item in node.value:
            items.append(self.node(item, _mark(item.start_mark, self._file), above))
            if self._left <= 0:
                break
        return tuple(items)

    def _entries(self, node: yaml.MappingNode, above: tuple[int, ...]) -> dict[str, SourceNode]:
        own: dict[str, SourceNode] = {}
        merged: dict[str, SourceNode] = {}
        for key, value in node.value:
            mark = _mark(key.start_mark, self._file)
            if key.tag == f"{_TAG}merge":
                merged = self._merged(self.node(value, mark, above)) | merged
            elif not isinstance(key, yaml.ScalarNode) or key.tag != f"{_TAG}str":
                self._problems.add(mark, "a key must be text; put it in quotes")
            elif key.value in own:
                first = own[key.value].key
                name = showable(key.value)
                self._problems.add(
                    mark, f"{name} is here for the second time; the first is in line {first.line}"
                )
            else:
                own[key.value] = self.node(value, mark, above)
            if self._left <= 0:
                break
        return merged | own

    def _merged(self, node: SourceNode) -> dict[str, SourceNode]:
        """Entries that `<<` brings in: of several mappings, the first wins."""
        sources = node.value if isinstance(node.value, tuple) else (node,)
        entries: dict[str, SourceNode] = {}
        for source in sources:
            if isinstance(source.value, Mapping):
                entries = {**source.value, **entries}
            elif source.value is not MISSING:
                self._problems.add(source.mark, "`<<` takes an alias of a mapping, or a list of them")
        return entries

    def _scalar(self, node: yaml.ScalarNode, mark: SourceMark) -> Scalar | Missing:
        text: str = node.value
        value: Scalar | Missing = MISSING
        match node.tag.removeprefix(_TAG):
            case "null":
                value = None
            case "bool":
                value = text.lower() in _TRUE
            case "int" if _WHOLE.fullmatch(text):
                value = int(text)
            case "float" if _DECIMAL.fullmatch(text):
                value = float(text)
            case "str" | "int" | "timestamp" | "value":
                value = text
            case "float" if "n" not in text.lower():
                value = text
            case "float":
                self._problems.add(mark, "a number must be finite; put it in quotes if it is text")
            case _:
                self._problems.add(mark, "tags such as !name are not supported: remove it")
        return value


def _fill(text: str, environ: Mapping[str, str], mark: SourceMark, problems: Problems) -> str | Missing:
    found: list[str] = []

    def value(reference: re.Match[str]) -> str:
        if reference[0] == "$${":
            return "${"
        parts = _REFERENCE.fullmatch(reference[1] or "")
        if parts is None:
            found.append("expected ${NAME} or ${NAME:-default}; write $${ for the signs themselves")
            return ""
        name, has_default, default = parts.groups()
        given = environ.get(name)
        if has_default:
            return given or default
        if given is None:
            found.append(f"the variable {name} is not set: set it, or write ${{{name}:-default}}")
        return given or ""

    filled = _VARIABLE.sub(value, text)
    for message in found:
        problems.add(mark, message)
    return MISSING if found else filled
