"""JMESPath expressions of formats, parsed and checked when a configuration is read.

The size of expressions is limited here, the cost of evaluation in `ingest.formats.interpreter`: the language has no
limits of its own, and bodies are untrusted.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from notifier.settings.validation_errors import alternatives
from notifier.settings.values import Scalar, ScalarForm

CHARS: Final = 1_000
PROJECTIONS: Final = 3
DEPTH: Final = 60
FUNCTIONS: Final[Mapping[str, tuple[int, int]]] = {
    "abs": (1, 1), "avg": (1, 1), "ceil": (1, 1), "contains": (2, 2), "ends_with": (2, 2), "floor": (1, 1),
    "join": (2, 2), "keys": (1, 1), "length": (1, 1), "max": (1, 1), "merge": (1, 100), "min": (1, 1),
    "not_null": (1, 100), "reverse": (1, 1), "sort": (1, 1), "starts_with": (2, 2), "sum": (1, 1),
    "to_array": (1, 1), "to_number": (1, 1), "to_string": (1, 1), "type": (1, 1), "values": (1, 1),
}  # fmt: skip
"""The supported functions, each with its minimum and maximum number of arguments."""
_PROJECTIONS = frozenset({"projection", "value_projection", "filter_projection"})

Node = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression: its text, and its tree of nodes with `type`, `children` and sometimes `value`."""

    text: str
    tree: Node = field(compare=False, repr=False)


def compiled(value: Scalar) -> Expression:
    """Parse an expression. Raises `ValueError` if it is invalid or too large."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError(
            "expected a JMESPath expression, such as labels.severity (in quotes where YAML needs them)"
        )
    if len(value) > CHARS:
        raise ValueError(f"an expression has at most {CHARS:,} characters: make it shorter")
    tree = _parsed(value)
    nodes = list(_below(tree))
    if len([node for node in nodes if node["type"] in _PROJECTIONS]) > PROJECTIONS:
        raise ValueError(f"an expression has at most {PROJECTIONS} projections ([*], [], .*, [?...], slices)")
    for node in nodes:
        _check(node)
    return Expression(value, tree)


def _parsed(text: str) -> Node:
    from jmespath.exceptions import JMESPathError  # noqa: PLC0415 - only if there is an expression
    from jmespath.parser import Parser  # noqa: PLC0415

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Older spelling of texts.
            tree: Node = Parser().parse(text).parsed
    except JMESPathError as error:
        at = getattr(error, "lex_position", None)
        place = "" if at is None else f": look at its character {min(at + 1, len(text))}"
        raise ValueError(f"is no JMESPath expression{place}") from None
    except (RecursionError, ValueError):
        raise ValueError("is no JMESPath expression that can be read: make it simpler") from None
    return tree


def _below(node: Node, depth: int = 0) -> Iterator[Node]:
    """The node and all its descendants, with their depth."""
    if depth > DEPTH:
        raise ValueError(f"an expression has at most {DEPTH} levels: make it simpler")
    yield node
    for child in node["children"]:
        if isinstance(child, dict):
            yield from _below(child, depth + 1)


def _check(node: Node) -> None:
    if node["type"] == "expref":
        raise ValueError("has `&`, and there are no functions here that take an expression: use a projection")
    if node["type"] == "slice" and node["children"][2] == 0:
        raise ValueError("has a slice whose step is 0: write 1, or leave it out")
    if node["type"] != "function_expression":
        return
    name, given = node["value"], len(node["children"])
    if name not in FUNCTIONS:
        raise ValueError(f"has a function that does not exist here: {alternatives(name, FUNCTIONS)}")
    least, most = FUNCTIONS[name]
    if not least <= given <= most:
        raise ValueError(f"has `{name}` with the wrong number of arguments: it takes {least}")


JmesPath = Annotated[
    Expression,
    ScalarForm(compiled, {"type": "string", "minLength": 1, "maxLength": CHARS, "description": "JMESPath."}),
]
