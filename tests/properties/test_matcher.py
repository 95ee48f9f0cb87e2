"""The matcher parser is total, and printing is its inverse."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from notifier.domain.matcher import Matcher, Op, parse

OPS: st.SearchStrategy[Op] = st.sampled_from(("=", "!=", "=~", "!~"))
MATCHER_LIKE = st.text(alphabet="ab =~!\"\\n'`{}(.*)", max_size=30)


@given(st.one_of(st.text(), MATCHER_LIKE, st.builds("{}{}{}".format, st.text(), OPS, st.text())))
def test_the_parser_is_total(text: str) -> None:
    """Any text gives a matcher that can be shown and read again, or a ValueError with a sentence."""
    try:
        matcher = parse(text)
    except ValueError as error:
        assert str(error)  # noqa: PT017 - a refusal is one of the two right answers
    else:
        assert parse(str(matcher)) == matcher


@given(name=st.text(min_size=1, max_size=50), op=st.sampled_from(("=", "!=")), value=st.text(max_size=200))
def test_text_and_back(name: str, op: Op, value: str) -> None:
    """`str()` and `parse` are inverses for every name and value."""
    matcher = Matcher(name=name, op=op, value=value)
    assert parse(str(matcher)) == matcher


@given(
    value=st.text(alphabet="ab\n", max_size=5), labels=st.dictionaries(st.just("a"), st.text(alphabet="ab\n"))
)
def test_the_negation_answers_the_opposite(value: str, labels: dict[str, str]) -> None:
    """`!=` and `!~` match exactly when `=` and `=~` do not."""
    for yes, no in (("=", "!="), ("=~", "!~")):
        positive = Matcher(name="a", op=yes, value=value).matches(labels)  # type: ignore[arg-type]
        assert positive is not Matcher(name="a", op=no, value=value).matches(labels)  # type: ignore[arg-type]
