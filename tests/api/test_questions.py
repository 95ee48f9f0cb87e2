"""Parsing of queries and cursors is total."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.oncall import search
from notifier.oncall.errors import Unreadable
from notifier.oncall.paging import ListName, PageRequest, decode, encode

KINDS: tuple[ListName, ...] = get_args(ListName)
# A task run's id is its sender's.
SENDERS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=128)
KEYS = {
    "incidents": st.tuples(st.integers(0, 2**63 - 1)),
    "incidents-by": st.tuples(
        st.sampled_from(("severity", "count", "last_seen")),
        st.integers(0, 2**63 - 1),
        st.integers(0, 2**63 - 1),
    ),
    "events": st.tuples(st.integers(0, 2**63 - 1)),
    "groups": st.tuples(st.integers(0, 2**63 - 1), st.uuids().map(str)),
    "deliveries": st.tuples(st.uuids().map(str)),
    "dead-letters": st.tuples(st.integers(0, 2**63 - 1), SENDERS),
    "keys": st.tuples(st.integers(0, 2**63 - 1), st.uuids().map(str)),
    "task-runs": st.tuples(st.integers(0, 2**63 - 1), SENDERS),
    "silences": st.tuples(st.integers(0, 2**63 - 1), st.uuids().map(str)),
    "monitors": st.tuples(st.integers(0, 2**63 - 1), SENDERS, SENDERS),
}


@pytest.mark.parametrize(
    ("text", "matchers", "words"),
    [
        ("", [], []),
        ("timed out", [], ["timed", "out"]),
        ('"timed out"', [], ["timed out"]),
        ('service="billing" timeout', ['service="billing"'], ["timeout"]),
        ('timeout service="billing"', ['service="billing"'], ["timeout"]),
        (
            '{service="billing",env=~"prod.*", host!=web-1}',
            ['service="billing"', 'env=~"prod.*"', 'host!="web-1"'],
            [],
        ),
        ('service = "a b" c', ['service="a b"'], ["c"]),
        ("service=billing,timeout", ['service="billing"'], ["timeout"]),
        ('path=~"/v\\d+" "say \\"hi\\""', ['path=~"/v\\\\d+"'], ['say "hi"']),
        ('region=""', ['region=""'], []),
        ('""', [], []),
        ("a-b c.d e:f 50%", [], ["a-b", "c.d", "e:f", "50%"]),
        ("KeyError: 'x'", [], ["KeyError:", "'x'"]),
    ],
)
def test_matchers_and_words_in_any_order(text: str, matchers: list[str], words: list[str]) -> None:
    """Matchers in Alertmanager's syntax, with or without braces and commas; quotes keep a phrase together."""
    terms = search.read(text)
    assert [str(matcher) for matcher in terms.matchers] == matchers
    assert list(terms.words) == words


@pytest.mark.parametrize("text", ['a=~"("', 'a="', "a==b", "a=='b'", "x" * 2_001, "a\0b", "a " * 21])
def test_a_query_that_cannot_be_meant_is_refused(text: str) -> None:
    """An ambiguous query is refused with a sentence for `q`."""
    with pytest.raises(Unreadable) as refused:
        search.read(text)
    assert refused.value.path == "q"
    assert str(refused.value)


@given(st.text(max_size=200) | st.text(alphabet="ab =\"~!{},\\'`", max_size=40))
def test_reading_a_query_never_fails_otherwise(text: str) -> None:
    """Any text gives bounded terms or a refusal."""
    try:
        terms = search.read(text)
    except Unreadable:
        return
    assert len(terms.matchers) + len(terms.words) <= search.MAX_TERMS
    assert all(word.strip() for word in terms.words)


@given(st.sampled_from(KINDS).flatmap(lambda kind: st.tuples(st.just(kind), KEYS[kind])))
def test_a_cursor_leads_back_to_its_key(pair: tuple[ListName, tuple[int | str, ...]]) -> None:
    """A cursor is valid for its list only, and decodes to its key."""
    kind, key = pair
    cursor = encode(kind, key)
    assert PageRequest(cursor=cursor).after(kind) == key
    for other in set(KINDS) - {kind}:
        with pytest.raises(Unreadable):
            decode(other, cursor)


@given(
    st.sampled_from(KINDS),
    st.text(max_size=300) | st.binary(max_size=60).map(urlsafe_b64encode).map(bytes.decode),
)
def test_any_text_is_a_cursor_or_refused(kind: ListName, text: str) -> None:
    """Any text is a valid cursor or refused."""
    try:
        key = decode(kind, text)
    except Unreadable:
        return
    assert decode(kind, encode(kind, key)) == key
