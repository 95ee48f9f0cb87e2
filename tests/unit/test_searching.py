"""Words of searches and the titles that they meet."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.domain.matcher import parse
from notifier.oncall.search import read, with_matcher
from notifier.policy.searching import Term, asked, meets, terms

TITLE = "HTTPServerError: could not charge order ref000777 in snake_case, 接続がタイムアウト GRÜN"


@pytest.mark.parametrize(
    "word",
    [
        "http",
        "server",
        "ERROR",
        "ref000777",
        "ref000777 in",
        "order",
        "case",
        "タイムアウト",
        "grün",
        "could not",
        ": c",
    ],
)
def test_a_word_meets_where_a_word_begins(word: str) -> None:
    """After what is no letter or digit, at a capital within a name, and anywhere in scripts without spaces."""
    assert meets([word], TITLE)


@pytest.mark.parametrize("word", ["rror", "rder", "erver", "000777", "nake", "ould not", "rün", "nothing"])
def test_no_word_meets_in_the_midst(word: str) -> None:
    """The rest of a word is not found."""
    assert not meets([word], TITLE)


def test_all_words_must_be_there() -> None:
    """And no words are in every title."""
    assert meets(["charge", "order"], TITLE)
    assert not meets(["charge", "nothing"], TITLE)
    assert meets([], TITLE)


def test_labels_are_terms_but_for_what_changes() -> None:
    """Equality with a value is looked up; severity, which rises, and what may be absent are not."""
    assert terms("x", {"service": "a", "severity": "error", "project": "p", "empty": ""}) == {
        "x",
        "service=a",
    }
    matchers = [parse(text) for text in ('service="a"', 'severity="error"', 'x=""', 'y!="b"', 'z=~"c"')]
    assert asked([], matchers) == [Term("service=a")]
    assert asked(["Upstream: timed"], []) == [Term("upstream"), Term("timed", prefix=True)]
    assert asked(["!!!"], []) == []


_texts = st.text(st.sampled_from("aAbB0 _.:-ßİǅ接続タ"), max_size=14)


@given(title=_texts, word=_texts)
def test_whatever_meets_is_found_by_its_terms(title: str, word: str) -> None:
    """No title that has a word lacks a term that is asked for: the index loses nothing."""
    if meets([word], title):
        has = terms(title, {})
        for term in asked([word], []):
            found = any(one.startswith(term.text) for one in has) if term.prefix else term.text in has
            assert found, (term, has)


@pytest.mark.parametrize(
    ("text", "matcher", "narrower"),
    [
        ("", 'severity="critical"', 'severity="critical"'),
        ('timeout severity!="info" "could not"', 'severity="error"', 'timeout "could not" severity="error"'),
        ('{service="a b", severity=~"c.*"}', None, 'service="a b"'),
        ("severity=error  word", 'severity="x y"', 'word severity="x y"'),
    ],
)
def test_a_query_is_narrowed_by_one_label(text: str, matcher: str | None, narrower: str) -> None:
    """The rest stays as it was typed, and means what it meant."""
    given = None if matcher is None else parse(matcher)
    assert with_matcher(text, given, instead_of="severity") == narrower
    wanted = [one for one in read(text).matchers if one.name != "severity"]
    assert read(narrower).matchers == (*wanted, *([] if given is None else [given]))
