"""The file as plain values, and the places of all of them.

YAML is composed, not constructed: the marks of its nodes survive, a duplicate key is noticed, and nothing of YAML 1.1
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


class SourceFile:
    """Where in a file its values stand. `given` are places of what does not come from it: of a variable, say."""

    def __init__(self, file: str, root: yaml.Node | None = None) -> None:
        self._start = SourceMark(file=file, line=1, column=1)
        self._root = root
        self.given: dict[Path, tuple[SourceMark, SourceMark]] = {}

    def key(self, path: Path) -> SourceMark:
        """The place of the key at a path, or of the nearest around it."""
        return self._marks(path)[0]

    def value(self, path: Path) -> SourceMark:
        """The place of the value at a path, or of the nearest around it."""
        return self._marks(path)[1]

    def mark(self, mark: yaml.Mark | None) -> SourceMark:
        return replace(self._start, line=mark.line + 1, column=mark.column + 1) if mark else self._start

    def _marks(self, path: Path) -> tuple[SourceMark, SourceMark]:
        if path in self.given:
            return self.given[path]
        key = value = self._root
        for step in path:
            found = _below(value, step)
            if found is None:
                break
            key, value = found
        return tuple(self.mark(node.start_mark if node else None) for node in (key, value))  # type: ignore[return-value]


def _below(node: yaml.Node | None, step: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    """The key and the value under a key, one's own before those that `<<` brings in; an item is both."""
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int):
        return (node.value[step],) * 2 if step < len(node.value) else None
    if not isinstance(node, yaml.MappingNode):
        return None
    own = ((key, value) for key, value in node.value if key.value == step and key.tag == f"{_TAG}str")
    merged = (
        found
        for key, value in node.value
        if key.tag == f"{_TAG}merge"
        for source in (value.value if isinstance(value, yaml.SequenceNode) else [value])
        if (found := _below(source, step)) is not None
    )
    return next(own, None) or next(merged, None)


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


def dotted(path: Path) -> str:
    """A path as problems show it: `channels.team-mail.to[0]`."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{showable(step).strip('`')}" for step in path)
    return "".join(steps).removeprefix(".")


def parse(data: bytes, file: str, problems: Problems) -> tuple[dict[str, Any], SourceFile]:
    """The document's mapping; an empty one where the file is empty or cannot be read as YAML."""
    source = SourceFile(file)
    try:
        root = _compose(_decode(data))
    except yaml.MarkedYAMLError as error:
        problems.add(source.mark(error.problem_mark or error.context_mark), _not_yaml(error))
        return {}, source
    except _UnreadableError as error:
        problems.add(SourceMark(file=file, line=error.line, column=error.column), str(error))
        return {}, source
    source = SourceFile(file, root)
    value = None if root is None else _Values(source, problems).of(root, ())
    if isinstance(value, dict):
        return value, source
    if value is not None and value is not MISSING:
        sentence = "the file must be a mapping of sections, such as `channels:` and `route:`"
        problems.add(source.value(()), sentence)
    return {}, SourceFile(file)


def interpolate(
    value: Any, source: SourceFile, environ: Mapping[str, str], problems: Problems, path: Path = ()
) -> Any:
    """The value with `${VAR}` and `${VAR:-default}` filled in, but for what does not come from the file.

    In text values only, and once: what a variable holds is not searched again. `$${` stands for `${`.
    """
    match value:
        case str() if path not in source.given:
            filled, faults = _filled(value, environ)
            for fault in faults:
                problems.add(source.value(path), fault)
            return MISSING if faults else filled
        case list():
            return [interpolate(v, source, environ, problems, (*path, i)) for i, v in enumerate(value)]
        case dict():
            return {k: interpolate(v, source, environ, problems, (*path, k)) for k, v in value.items()}
        case _:
            return value


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


class _Values:
    """Makes values of YAML's nodes; counts what aliases repeat, as they can make a short file endless."""

    def __init__(self, source: SourceFile, problems: Problems) -> None:
        self._source = source
        self._problems = problems
        self._seen: set[int] = set()
        self._left = MOST_REPEATED

    def of(self, node: yaml.Node, above: tuple[int, ...]) -> Any:
        if id(node) in self._seen:
            self._left -= max(_LEAST_REPEATED, len(node.value))
        self._seen.add(id(node))
        if id(node) in above:
            return self._refuse(node, "an alias stands inside what it repeats")
        if self._left <= 0:
            return self._refuse(node, f"aliases repeat too much: more than {MOST_REPEATED >> 20} MiB in all")
        above = (*above, id(node))
        match node:
            case yaml.ScalarNode():
                return self._scalar(node)
            case yaml.SequenceNode(tag="tag:yaml.org,2002:seq"):
                # What is left out once too much is repeated could make the rest endless.
                return [self.of(item, above) for item in node.value if self._left > 0]
            case yaml.MappingNode(tag="tag:yaml.org,2002:map"):
                return self._entries(node, above)
            case _:
                return self._refuse(node, "tags such as !name are not supported: remove it")

    def _refuse(self, node: yaml.Node, message: str) -> Missing:
        self._problems.add(self._source.mark(node.start_mark), message)
        return MISSING

    def _entries(self, node: yaml.MappingNode, above: tuple[int, ...]) -> dict[str, Any]:
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key, value in node.value:
            if key.tag == f"{_TAG}merge":
                merged = self._merged(value, above) | merged
            elif not isinstance(key, yaml.ScalarNode) or key.tag != f"{_TAG}str":
                self._refuse(key, "a key must be text; put it in quotes")
            elif key.value in own:
                line = lines[key.value]
                again = f"{showable(key.value)} is here for the second time; the first is in line {line}"
                self._refuse(key, again)
            else:
                lines[key.value] = key.start_mark.line + 1
                own[key.value] = self.of(value, above)
            if self._left <= 0:
                break
        return merged | own

    def _merged(self, node: yaml.Node, above: tuple[int, ...]) -> dict[str, Any]:
        """Entries that `<<` brings in: of several mappings, the first wins."""
        brought = self.of(node, above)
        nodes = node.value if isinstance(brought, list) else [node]
        entries: dict[str, Any] = {}
        for source, value in zip(nodes, brought if isinstance(brought, list) else [brought], strict=False):
            if isinstance(value, dict):
                entries = {**value, **entries}
            elif value is not MISSING:
                self._refuse(source, "`<<` takes an alias of a mapping, or a list of them")
        return entries

    def _scalar(self, node: yaml.ScalarNode) -> Scalar | Missing:
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
                self._refuse(node, "a number must be finite; put it in quotes if it is text")
            case _:
                self._refuse(node, "tags such as !name are not supported: remove it")
        return value


def _filled(text: str, environ: Mapping[str, str]) -> tuple[str, list[str]]:
    """The text with its variables filled in, and what is wrong with them."""
    faults: list[str] = []

    def value(reference: re.Match[str]) -> str:
        if reference[0] == "$${":
            return "${"
        parts = _REFERENCE.fullmatch(reference[1] or "")
        if parts is None:
            faults.append("expected ${NAME} or ${NAME:-default}; write $${ for the signs themselves")
            return ""
        name, has_default, default = parts.groups()
        given = environ.get(name)
        if has_default:
            return given or default
        if given is None:
            faults.append(f"the variable {name} is not set: set it, or write ${{{name}:-default}}")
        return given or ""

    return _VARIABLE.sub(value, text), faults
