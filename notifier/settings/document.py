"""The YAML document as nodes with their places, and its plain values.

The document is composed, not constructed: nodes keep their marks, duplicate keys are detected, and surprising values
of YAML 1.1 (`1:30` as ninety, `010` as eight, dates) remain text.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any, Final, cast

import yaml

from notifier.domain.errors import Problem

LARGEST_FILE = 8 << 20
MOST_REPEATED = 4 << 20
"""How many bytes aliases may add, with at least sixteen for each value: a short file can expand without limit."""

_LEAST = 16
DEEPEST = 64

_TAG = "tag:yaml.org,2002:"
_MISSING = f"{_TAG}missing"
NULL = f"{_TAG}null"
_GIVEN = f"{_TAG}given"
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
    """The place of a node in the file; line and column count from 1."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"

    @property
    def short(self) -> str:
        """The file name without its folder, and the line: `notifier.yaml:12`."""
        return f"{PurePath(self.file).name}:{self.line}"

    def problem(self, sentence: str) -> Problem:
        return Problem(file=self.file, line=self.line, column=self.column, message=sentence)

    def after(self, text: str) -> SourceMark:
        """The place after this text, which is the beginning of the file."""
        return replace(self, line=text.count("\n") + 1, column=len(text) - text.rfind("\n"))


def mark_of(mark: yaml.Mark) -> SourceMark:
    return SourceMark(file=mark.name, line=mark.line + 1, column=mark.column + 1)


MISSING: Final = object()
"""Placeholder for an unavailable value whose problem has been reported already."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """The places of values in a file. A secret from another file has the place of its `x_file` key."""

    file: str
    root: yaml.Node | None = None
    _entries: dict[int, _Entries] = field(default_factory=dict, init=False, repr=False, compare=False)

    def key(self, path: Path) -> SourceMark:
        """The place of the key at a path, or of the nearest enclosing one."""
        return self._marks(path)[0]

    def value(self, path: Path) -> SourceMark:
        """The place of the value at a path, or of the nearest enclosing one."""
        return self._marks(path)[1]

    def problem(self, path: Path, sentence: str, *, at_key: bool = False) -> Problem:
        """A problem at a path."""
        mark = self.key(path) if at_key else self.value(path)
        return mark.problem(f"{dotted(path)}: {sentence}")

    def _marks(self, path: Path) -> tuple[SourceMark, SourceMark]:
        if self.root is None:
            return (SourceMark(file=self.file),) * 2
        key = value = self.root
        for step in path:
            below = self._below(value, step)
            if below is None:
                break
            key, value = below
        return mark_of(key.start_mark), mark_of(value.start_mark)

    def _below(self, node: yaml.Node, step: str | int) -> tuple[yaml.Node, yaml.Node] | None:
        """The key and value under a key, or those of its `x_file`; for an item, both are the item."""
        if isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            return (node.value[step],) * 2 if step < len(node.value) else None
        if id(node) not in self._entries:
            self._entries[id(node)] = entries_of(
                node
            )  # Cached, since ten thousand channels may each have a problem.
        own, file = (self._entries[id(node)].get(name) for name in (str(step), f"{step}_file"))
        return file if file and file[1].tag != NULL and (own is None or own[1].tag == NULL) else own


def redacted_name(name: str) -> str:
    """A key or name for use in an error. Anything unusual is hidden, as it may be a misplaced secret."""
    return f"`{name}`" if _SHOWABLE.fullmatch(name) else "this name"


def dotted(path: Path) -> str:
    """A path as problems show it: `channels.team-mail.to[0]`."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{redacted_name(step).strip('`')}" for step in path)
    return "".join(steps).removeprefix(".")


def composed(data: bytes, file: str, problems: set[Problem]) -> yaml.MappingNode:
    """The document's mapping, empty if the file is empty or no valid YAML."""
    start = SourceMark(file=file)
    text = ""
    try:
        text = data.decode("utf-8-sig") if len(data) <= LARGEST_FILE else ""
        root = _Loader(text, file, problems).get_single_node()
        if isinstance(root, yaml.MappingNode):
            return root
        if len(data) > LARGEST_FILE:
            sentence = f"the file is larger than {LARGEST_FILE >> 20} MiB; is it a configuration?"
            problems.add(start.problem(sentence))
        elif root is not None and root.tag not in {NULL, _MISSING}:
            sentence = "the file must be a mapping of sections, such as `channels:` and `route:`"
            problems.add(start.problem(sentence))
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        problems.add(start.after(before).problem("the file is not UTF-8: save it as UTF-8 text"))
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        problems.add(start.after(before).problem("a control character is not allowed here: remove it"))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problems.add((mark_of(mark) if mark else start).problem(_not_yaml(error)))
    return with_entries(given_node("", yaml.Mark(file, 0, 0, 0, None, 0)), {})


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
    """Composes a document with merge keys applied. Unsupported nodes are reported and become `MISSING`.

    The depth is limited, since PyYAML recurses for every level.
    """

    def __init__(self, text: str, file: str, problems: set[Problem]) -> None:
        super().__init__(text)
        self.name = file
        self._problems = problems
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node:
        self._depth += 1
        if self._depth > DEEPEST:
            mark = cast("Any", self).peek_event().start_mark
            raise yaml.composer.ComposerError(None, None, f"nested deeper than {DEEPEST} levels", mark)
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
        """The mapping with `<<` applied and unique keys: its own keys take precedence, then those merged first."""
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
                name = redacted_name(key.value)
                self._refuse(key, f"{name} is here for the second time; the first is in line {first}")
            else:
                own[key.value] = key, value
        node.value = list((merged | own).values())
        return node

    def _merged(self, node: yaml.Node) -> _Entries:
        entries: _Entries = {}
        for source in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            if isinstance(source, yaml.MappingNode):
                entries = entries_of(source) | entries
            elif source.tag != _MISSING:
                self._refuse(source, "`<<` takes an alias of a mapping, or a list of them")
        return entries

    def _refuse(self, node: yaml.Node, sentence: str) -> yaml.Node:
        self._problems.add(mark_of(node.start_mark).problem(sentence))
        return yaml.ScalarNode(_MISSING, "", node.start_mark, node.start_mark)


def entries_of(node: yaml.Node | None) -> _Entries:
    """The key and value nodes of a mapping, by name."""
    return (
        {key.value: (key, value) for key, value in node.value} if isinstance(node, yaml.MappingNode) else {}
    )


def with_entries(node: yaml.Node, entries: _Entries) -> yaml.MappingNode:
    """A mapping that replaces a node, with the same marks."""
    return yaml.MappingNode(f"{_TAG}map", list(entries.values()), node.start_mark, node.end_mark)


def given_node(text: str, mark: yaml.Mark) -> yaml.ScalarNode:
    """A node for a text from outside the file, without variables."""
    return yaml.ScalarNode(_GIVEN, text, mark, mark)


class PlainValues:
    """Plain values of nodes, with aliases expanded and `${VAR}` and `${VAR:-default}` substituted.

    Only text values are substituted, and only once. `$${` stands for `${`.
    """

    def __init__(self, root: yaml.Node, environ: Mapping[str, str], problems: set[Problem]) -> None:
        self._environ = environ
        self._problems = problems
        written = root.end_mark.index * _LEAST // 2  # A value takes at least two bytes in the file.
        self._left = written + MOST_REPEATED

    def of(self, node: yaml.Node, absent: set[Problem]) -> Any:
        """The value of a node. Unset variables are added to `absent`."""
        cost = max(_LEAST, len(node.value))
        self._left -= cost
        if self._left < 0:
            if self._left + cost >= 0:
                sentence = f"aliases repeat too much: more than {MOST_REPEATED >> 20} MiB in all"
                self._problems.add(mark_of(node.start_mark).problem(f"not valid YAML: {sentence}"))
            return MISSING
        match node:
            case yaml.MappingNode():
                return {key.value: self.of(value, absent) for key, value in node.value}
            case yaml.SequenceNode():
                return [self.of(item, absent) for item in node.value]
        value = _scalar(node.tag.removeprefix(_TAG), node.value)
        if not isinstance(value, str) or node.tag == _GIVEN:
            return value
        faults: list[str] = []
        value = _VARIABLE.sub(lambda reference: self._filled(reference, faults), value)
        absent.update(mark_of(node.start_mark).problem(fault) for fault in faults)
        return MISSING if faults else value

    def _filled(self, reference: re.Match[str], faults: list[str]) -> str:
        if reference[0] == "$${":
            return "${"
        parts = _REFERENCE.fullmatch(reference[1] or "")
        if parts is None:
            faults.append("expected ${NAME} or ${NAME:-default}; write $${ for the signs themselves")
            return ""
        name, has_default, default = parts.groups()
        if not has_default and name not in self._environ:
            faults.append(f"the variable {name} is not set: set it, or write ${{{name}:-default}}")
        return self._environ.get(name) or default or ""


def _scalar(kind: str, text: str) -> Any:
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


def referenced_variables(data: bytes) -> frozenset[str]:
    """All variables that a file refers to."""
    return frozenset(match[1].decode() for match in _REFERRED.finditer(data))
