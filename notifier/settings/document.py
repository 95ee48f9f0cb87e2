"""The file as plain values, and the places of all of them.

YAML is composed, not constructed: the marks of its nodes survive, a duplicate key is noticed, and nothing of YAML 1.1
that surprises people (`1:30` as ninety, `010` as eight, dates) becomes a value; such text stays text.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any, cast

import yaml

from notifier.domain.errors import Problem
from notifier.settings.values import Scalar

LARGEST_FILE = 8 << 20
MOST_REPEATED = 4 << 20
"""Bytes that aliases may add, every value counted as sixteen at least: a short file can repeat itself without end."""

_LEAST = 16
DEEPEST = 64

_TAG = "tag:yaml.org,2002:"
_MISSING = f"{_TAG}missing"
_TAGS: Mapping[type[yaml.Node], Collection[str]] = {
    yaml.MappingNode: ("map",),
    yaml.SequenceNode: ("seq",),
    yaml.ScalarNode: ("null", "bool", "int", "float", "str", "timestamp", "value", "merge", "missing"),
}
_WHOLE = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"[-+]?[0-9]+\.[0-9]*(?:[eE][-+]?[0-9]{1,2})?")
_TRUE = {"true", "yes", "on"}
_VARIABLE = re.compile(r"\$\$\{|\$\{([^}]*)\}|\$\{")
_REFERENCE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(:-(.*))?", re.DOTALL)
_REFERRED = re.compile(rb"\$\{([A-Za-z_][A-Za-z0-9_]*)")
_SHOWABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")


Path = tuple[str | int, ...]
_Entries = dict[str, tuple[yaml.Node, yaml.Node]]


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

    def problem(self, sentence: str) -> Problem:
        return Problem(file=self.file, line=self.line, column=self.column, message=sentence)


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

    def problem(self, path: Path, sentence: str, *, at_key: bool = False) -> Problem:
        """The problem of what stands at a path."""
        mark = self.key(path) if at_key else self.value(path)
        return mark.problem(f"{dotted(path)}: {sentence}")

    def mark(self, mark: yaml.Mark | None) -> SourceMark:
        return replace(self._start, line=mark.line + 1, column=mark.column + 1) if mark else self._start

    def after(self, text: str) -> SourceMark:
        """The place where the file goes on after this text."""
        return replace(self._start, line=text.count("\n") + 1, column=len(text) - text.rfind("\n"))

    def _marks(self, path: Path) -> tuple[SourceMark, SourceMark]:
        if path in self.given:
            return self.given[path]
        key = value = self._root
        for step in path:
            below = _below(value, step)
            if below is None:
                break
            key, value = below
        return self.mark(key.start_mark if key else None), self.mark(value.start_mark if value else None)


def _below(node: yaml.Node | None, step: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    """The key and the value under a key; an item is both."""
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int):
        return (node.value[step],) * 2 if step < len(node.value) else None
    entries = node.value if isinstance(node, yaml.MappingNode) else ()
    return next(((key, value) for key, value in entries if key.value == step), None)


def showable(name: str) -> str:
    """A key or a name as an error may show it: only what looks like one, as it may be a misplaced secret."""
    return f"`{name}`" if _SHOWABLE.fullmatch(name) else "this name"


def dotted(path: Path) -> str:
    """A path as problems show it: `channels.team-mail.to[0]`."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{showable(step).strip('`')}" for step in path)
    return "".join(steps).removeprefix(".")


def parse(data: bytes, file: str, problems: set[Problem]) -> tuple[dict[str, Any], SourceFile]:
    """The document's mapping; an empty one where the file is empty or cannot be read as YAML."""
    source = SourceFile(file)
    if len(data) > LARGEST_FILE:
        problems.add(
            source.value(()).problem(
                f"the file is larger than {LARGEST_FILE >> 20} MiB; is it a configuration?"
            )
        )
        return {}, source
    text = ""
    try:
        text = data.decode("utf-8-sig")
        loader = _Loader(text, source, problems)
        root = loader.get_single_node()
        value = {} if root is None else loader.value(root)
        if isinstance(value, dict):
            return value, SourceFile(file, root)
        if value not in (None, MISSING):
            problems.add(
                source.value(()).problem(
                    "the file must be a mapping of sections, such as `channels:` and `route:`"
                )
            )
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        problems.add(source.after(before).problem("the file is not UTF-8: save it as UTF-8 text"))
    except yaml.reader.ReaderError as error:
        problems.add(
            source.after(text[: error.position]).problem("a control character is not allowed here: remove it")
        )
    except yaml.MarkedYAMLError as error:
        problems.add(source.mark(error.problem_mark or error.context_mark).problem(_not_yaml(error)))
    return {}, source


def interpolate(
    value: Any, source: SourceFile, environ: Mapping[str, str], problems: set[Problem], path: Path = ()
) -> Any:
    """The value with `${VAR}` and `${VAR:-default}` filled in, but for what does not come from the file.

    In text values only, and once: what a variable holds is not searched again. `$${` stands for `${`.
    """
    match value:
        case str() if path not in source.given:
            filled, faults = _filled(value, environ)
            for fault in faults:
                problems.add(source.value(path).problem(fault))
            return MISSING if faults else filled
        case list():
            return [interpolate(v, source, environ, problems, (*path, i)) for i, v in enumerate(value)]
        case dict():
            return {k: interpolate(v, source, environ, problems, (*path, k)) for k, v in value.items()}
        case _:
            return value


def referred(data: bytes) -> frozenset[str]:
    """Every variable that a file names, wherever it does."""
    return frozenset(match[1].decode() for match in _REFERRED.finditer(data))


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


class _Loader(yaml.SafeLoader):
    """Composes what a file may hold, with merges done, and makes values of it; the rest is noted, and `MISSING`.

    PyYAML calls itself for every level, so a file of brackets must not reach Python's limit.
    """

    def __init__(self, text: str, source: SourceFile, problems: set[Problem]) -> None:
        super().__init__(text)
        self._source = source
        self._problems = problems
        self._depth = 0
        self._left = len(text) * _LEAST // 2 + MOST_REPEATED  # a written value takes two bytes at least

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node:
        self._depth += 1
        if self._depth > DEEPEST:
            event: Any = self.peek_event()  # type: ignore[no-untyped-call]
            raise _refusal(f"nested deeper than {DEEPEST} levels", event.start_mark)
        node: Any = super().compose_node(parent, index)
        self._depth -= 1
        if node.end_mark is None:
            return self._refuse(node, "an alias stands inside what it repeats")
        if node.tag.removeprefix(_TAG) not in _TAGS[type(node)]:
            return self._refuse(node, "tags such as !name are not supported: remove it")
        if node.tag == f"{_TAG}float" and "n" in node.value.lower():
            return self._refuse(node, "a number must be finite; put it in quotes if it is text")
        return cast("yaml.Node", node)

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """The mapping with what `<<` brings in, so that every key is there once; its own win, then earlier ones."""
        node = super().compose_mapping_node(anchor)
        own: _Entries = {}
        merged: _Entries = {}
        for key, value in node.value:
            if key.tag == f"{_TAG}merge":
                merged = self._merged(value) | merged
            elif key.tag != f"{_TAG}str":
                self._refuse(key, "a key must be text; put it in quotes")
            elif key.value in own:
                first = own[key.value][0].start_mark.line + 1
                self._refuse(
                    key, f"{showable(key.value)} is here for the second time; the first is in line {first}"
                )
            else:
                own[key.value] = key, value
        node.value = list((merged | own).values())
        return node

    def _merged(self, node: yaml.Node) -> _Entries:
        entries: _Entries = {}
        for source in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            if isinstance(source, yaml.MappingNode):
                entries = {key.value: (key, value) for key, value in source.value} | entries
            elif source.tag != _MISSING:
                self._refuse(source, "`<<` takes an alias of a mapping, or a list of them")
        return entries

    def _refuse(self, node: yaml.Node, message: str) -> yaml.Node:
        self._problems.add(self._source.mark(node.start_mark).problem(message))
        return yaml.ScalarNode(_MISSING, "", node.start_mark, node.start_mark)

    def value(self, node: yaml.Node) -> Any:
        """The value of a node, aliases written out."""
        self._left -= max(_LEAST, len(node.value))
        if self._left < 0:
            raise _refusal(
                f"aliases repeat too much: more than {MOST_REPEATED >> 20} MiB in all", node.start_mark
            )
        match node:
            case yaml.MappingNode():
                return {key.value: self.value(value) for key, value in node.value}
            case yaml.SequenceNode():
                return [self.value(item) for item in node.value]
            case _:
                return _scalar(node.tag.removeprefix(_TAG), node.value)


def _refusal(problem: str, mark: yaml.Mark | None) -> yaml.MarkedYAMLError:
    return yaml.composer.ComposerError(None, None, problem, cast("yaml.error.Mark", mark))


def _scalar(kind: str, text: str) -> Scalar | Missing:
    match kind:
        case "null":
            return None
        case "bool":
            return text.lower() in _TRUE
        case "int" if _WHOLE.fullmatch(text):
            return int(text)
        case "float" if _DECIMAL.fullmatch(text):
            return float(text)
        case _:
            return MISSING if kind == "missing" else text


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
