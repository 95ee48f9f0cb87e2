"""Evaluates JMESPath expressions over untrusted values, within a budget shared by all evaluations of one body.

What the specification calls a type error evaluates to null, so that an unexpected value costs a field and not the
event. Equality tests, string conversion and joins are charged too, because small expressions can make large values of
them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from notifier.settings.expressions import Expression, Node

VISITS: Final = 100_000
ITEMS: Final = 1_000
TEXT_CHARS: Final = 65_536
_CHARS_A_VISIT: Final = 64
_ORDERS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "lt": lambda left, right: left < right,
    "lte": lambda left, right: left <= right,
    "gt": lambda left, right: left > right,
    "gte": lambda left, right: left >= right,
}


class OverBudget(Exception):
    """The evaluation exceeds its budget. The message says which limit."""


class Interpreter:
    """Evaluates the expressions of one body. `seen` collects the places that were read, as (id of an object, key)."""

    def __init__(self, seen: set[tuple[int, Any]] | None = None) -> None:
        self._left = VISITS
        self._seen = seen

    def run(self, expression: Expression, value: Any) -> Any:
        """Evaluates an expression. Raises `OverBudget` if it costs too much."""
        result = self._visit(expression.tree, value)
        self._see(result)
        return result

    def select(self, expression: Expression, value: Any) -> Any:
        """Evaluates an expression that only selects a value. What is inside the value does not count as read."""
        return self._visit(expression.tree, value)

    def truth(self, expression: Expression, value: Any) -> bool:
        return is_true(self._visit(expression.tree, value))

    def spend(self, visits: int = 1) -> None:
        self._left -= visits
        if self._left < 0:
            raise OverBudget(f"more than {VISITS:,} steps")

    def equal(self, left: Any, right: Any) -> bool:
        """Whether two values are equal. Unlike in Python, true does not equal 1."""
        self.spend()
        if isinstance(left, dict) and isinstance(right, dict):
            return left.keys() == right.keys() and all(self.equal(left[key], right[key]) for key in left)
        if isinstance(left, list) and isinstance(right, list):
            return len(left) == len(right) and all(map(self.equal, left, right))
        return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)

    def text(self, value: Any) -> str:
        """A string as it is, anything else as JSON. Raises `OverBudget` if it is too long."""
        if isinstance(value, str):
            return value
        self._count(value)
        return self._bounded(json.dumps(value, ensure_ascii=False, separators=(",", ":")))

    def _count(self, value: Any) -> None:
        self.spend()
        if isinstance(value, dict | list):
            for inner in value.values() if isinstance(value, dict) else value:
                self._count(inner)
        elif isinstance(value, str):
            self.spend(len(value) // _CHARS_A_VISIT)

    def _bounded(self, text: str) -> str:
        if len(text) > TEXT_CHARS:
            raise OverBudget(f"a text of more than {TEXT_CHARS:,} characters")
        return text

    def _see(self, value: Any) -> None:
        """Records everything inside a value as read."""
        if self._seen is None or not isinstance(value, dict | list):
            return
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            self._seen.add((id(value), key))
            self._see(inner)

    def _visit(self, node: Node, value: Any) -> Any:
        self.spend()
        handler: Callable[[Node, Any], Any] = getattr(self, f"_{node['type']}")
        return handler(node, value)

    def _field(self, node: Node, value: Any) -> Any:
        if not isinstance(value, dict):
            return None
        if self._seen is not None:
            self._seen.add((id(value), node["value"]))
        return value.get(node["value"])

    def _fold(self, node: Node, value: Any) -> Any:
        for child in node["children"]:
            value = self._visit(child, value)
        return value

    _subexpression = _index_expression = _pipe = _fold

    def _index(self, node: Node, value: Any) -> Any:
        index = node["value"]
        if not isinstance(value, list) or not -len(value) <= index < len(value):
            return None
        if self._seen is not None:
            self._seen.add((id(value), index % len(value)))
        return value[index]

    def _slice(self, node: Node, value: Any) -> Any:
        if not isinstance(value, list):
            return None
        self.spend(len(value))
        return value[slice(*node["children"])]

    def _projection(self, node: Node, value: Any) -> Any:
        return self._project(self._visit(node["children"][0], value), node["children"][1])

    def _value_projection(self, node: Node, value: Any) -> Any:
        base = self._visit(node["children"][0], value)
        return self._project(list(base.values()), node["children"][1]) if isinstance(base, dict) else None

    def _filter_projection(self, node: Node, value: Any) -> Any:
        left, right, condition = node["children"]
        base = self._visit(left, value)
        if not isinstance(base, list):
            return None
        matching = [item for item in self._bounded_list(base) if is_true(self._visit(condition, item))]
        return self._project(matching, right)

    def _project(self, base: Any, right: Node) -> Any:
        if not isinstance(base, list):
            return None
        if right["type"] == "identity":
            return [item for item in self._bounded_list(base) if item is not None]
        results = (self._visit(right, item) for item in self._bounded_list(base))
        return [item for item in results if item is not None]

    def _flatten(self, node: Node, value: Any) -> Any:
        base = self._visit(node["children"][0], value)
        if not isinstance(base, list):
            return None
        flat: list[Any] = []
        for item in base:
            self.spend()
            flat.extend(item) if isinstance(item, list) else flat.append(item)
            self._bounded_list(flat)
        return flat

    def _bounded_list(self, items: list[Any]) -> list[Any]:
        if len(items) > ITEMS:
            raise OverBudget(f"a list of more than {ITEMS:,}")
        return items

    def _comparator(self, node: Node, value: Any) -> Any:
        left, right = (self._visit(child, value) for child in node["children"])
        operator = node["value"]
        if operator in {"eq", "ne"}:
            return self.equal(left, right) == (operator == "eq")
        comparable = _numbers([left, right]) or _all([left, right], str)
        return _ORDERS[operator](left, right) if comparable else None

    def _or_expression(self, node: Node, value: Any) -> Any:
        left, right = node["children"]
        first = self._visit(left, value)
        return first if is_true(first) else self._visit(right, value)

    def _and_expression(self, node: Node, value: Any) -> Any:
        left, right = node["children"]
        first = self._visit(left, value)
        return self._visit(right, value) if is_true(first) else first

    def _not_expression(self, node: Node, value: Any) -> Any:
        return not is_true(self._visit(node["children"][0], value))

    def _same(self, _node: Node, value: Any) -> Any:
        return value

    _identity = _current = _same

    def _literal(self, node: Node, _value: Any) -> Any:
        return node["value"]

    def _multi_select_list(self, node: Node, value: Any) -> Any:
        return None if value is None else [self._visit(child, value) for child in node["children"]]

    def _multi_select_dict(self, node: Node, value: Any) -> Any:
        if value is None:
            return None
        return {child["value"]: self._visit(child["children"][0], value) for child in node["children"]}

    def _function_expression(self, node: Node, value: Any) -> Any:
        arguments = [self._visit(child, value) for child in node["children"]]
        for argument in arguments:
            self.spend(_weight(argument))
        if node["value"] in _PLAIN:
            return _PLAIN[node["value"]](*arguments)
        if node["value"] == "to_string":
            return self.text(arguments[0])
        return self._joined(*arguments) if node["value"] == "join" else self._contains(*arguments)

    def _joined(self, between: Any, texts: Any) -> str | None:
        if not isinstance(between, str) or not _all(texts, str):
            return None
        chars = sum(map(len, texts)) + len(between) * len(texts)
        self.spend(chars // _CHARS_A_VISIT)
        if chars > TEXT_CHARS:
            raise OverBudget(f"a text of more than {TEXT_CHARS:,} characters")
        return between.join(texts)

    def _contains(self, whole: Any, part: Any) -> bool | None:
        if isinstance(whole, str):
            return part in whole if isinstance(part, str) else False
        return any(self.equal(item, part) for item in whole) if isinstance(whole, list) else None


def is_true(value: Any) -> bool:
    """Truth as in JMESPath: null, false and empty values are false; 0 is true."""
    return not (value is None or value is False or value in ("", [], {}))


def _weight(value: Any) -> int:
    """The cost of passing an argument to a function."""
    if isinstance(value, str):
        return len(value) // _CHARS_A_VISIT
    return len(value) if isinstance(value, dict | list) else 0


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _all(values: Any, kind: type) -> bool:
    return isinstance(values, list) and all(isinstance(item, kind) for item in values)


def _numbers(values: Any) -> bool:
    return isinstance(values, list) and all(map(_is_number, values))


def _of_number(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: function(value) if _is_number(value) and math.isfinite(value) else None


def _of_sorted(function: Callable[[list[Any]], Any]) -> Callable[[Any], Any]:
    """Restricts a function to lists of only numbers or only strings. The result for any other list is null."""
    return lambda values: function(values) if _numbers(values) or _all(values, str) else None


def _length(value: Any) -> int | None:
    return len(value) if isinstance(value, str | list | dict) else None


def _merge(*objects: Any) -> dict[str, Any] | None:
    if not all(isinstance(item, dict) for item in objects):
        return None
    return {key: inner for item in objects for key, inner in item.items()}


def _number(value: Any) -> int | float | None:
    if _is_number(value):
        return value  # type: ignore[no-any-return]
    if not isinstance(value, str) or len(value) > 40:
        return None
    for read in (int, float):
        try:
            number = read(value)
        except ValueError:
            continue
        return number if math.isfinite(number) else None
    return None


def _name_of_type(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return "null" if value is None else "boolean"
    names: Sequence[tuple[type, str]] = ((str, "string"), (list, "array"), (dict, "object"))
    return next((name for kind, name in names if isinstance(value, kind)), "number")


def _affix(test: Callable[[str, str], bool]) -> Callable[[Any, Any], bool | None]:
    return lambda whole, part: test(whole, part) if isinstance(whole, str) and isinstance(part, str) else None


def _first(values: Iterable[Any]) -> Any:
    return next((value for value in values if value is not None), None)


_PLAIN: Final[Mapping[str, Callable[..., Any]]] = {
    "abs": _of_number(abs),
    "avg": lambda values: sum(values) / len(values) if _numbers(values) and values else None,
    "ceil": _of_number(math.ceil),
    "ends_with": _affix(str.endswith),
    "floor": _of_number(math.floor),
    "keys": lambda value: list(value) if isinstance(value, dict) else None,
    "length": _length,
    "max": _of_sorted(lambda values: max(values, default=None)),
    "merge": _merge,
    "min": _of_sorted(lambda values: min(values, default=None)),
    "not_null": lambda *values: _first(values),
    "reverse": lambda value: value[::-1] if isinstance(value, str | list) else None,
    "sort": _of_sorted(sorted),
    "starts_with": _affix(str.startswith),
    "sum": lambda values: sum(values) if _numbers(values) else None,
    "to_array": lambda value: value if isinstance(value, list) else [value],
    "to_number": _number,
    "type": _name_of_type,
    "values": lambda value: list(value.values()) if isinstance(value, dict) else None,
}
