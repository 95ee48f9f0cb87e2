"""Answers as text: aligned for people, harmless for terminals."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from notifier.cli.text import WIDEST, as_json, cell, details, table

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
DOCUMENTS = st.dictionaries(st.text(), VALUES, max_size=5)


def test_columns_are_aligned_and_named_by_their_fields() -> None:
    """Without columns given, the fields of all rows appear in their order; what a row lacks is a dash."""
    assert table([{"id": "a", "last_seen": 1}, {"id": "bcd", "open": True}]) == (
        "ID   LAST SEEN  OPEN\na    1          -\nbcd  -          yes"
    )


def test_a_long_value_is_shortened_in_a_table_only() -> None:
    """A table keeps to the screen; the details have everything."""
    assert table([{"title": "x" * 200}]).splitlines()[1] == "x" * (WIDEST - 3) + "..."
    assert details({"title": "x" * 200}) == "title  " + "x" * 200


def test_values_are_written_in_one_line() -> None:
    assert cell({"region": "eu", "tags": ["a", "b"], "note": None}) == "region=eu tags=a, b note=-"
    values: tuple[object, ...] = ("", None, False, 1.5, [], {})
    assert [cell(value) for value in values] == ["-", "-", "no", "1.5", "-", "-"]


@given(st.lists(DOCUMENTS, min_size=1, max_size=2))
def test_nothing_in_a_table_steers_the_terminal(rows: list[dict[str, object]]) -> None:
    """Whatever the service says, each row is one line of printable characters."""
    lines = table(rows).split("\n")
    assert len(lines) == len(rows) + 1
    assert all(line.isprintable() for line in lines)


@given(DOCUMENTS)
def test_nothing_in_the_details_steers_the_terminal(document: dict[str, object]) -> None:
    assert all(line.isprintable() for line in details(document).split("\n"))


@given(DOCUMENTS)
def test_json_is_plain_ascii_and_loses_nothing(document: dict[str, object]) -> None:
    """A program reads back what the service said; a terminal sees no control character."""
    text = as_json(document)
    assert text.isascii()
    assert all(line.isprintable() for line in text.split("\n"))
    assert json.loads(text) == document
