"""Matchers read and judge as Alertmanager's do."""

from __future__ import annotations

import re

import pytest

from notifier.domain.matcher import LONGEST_REGEX, LONGEST_TEXT, Matcher, Patterns, parse, parse_all


@pytest.mark.parametrize(
    ("text", "name", "op", "value"),
    [
        ('service="billing"', "service", "=", "billing"),
        ('service != "billing"', "service", "!=", "billing"),
        ('  service=~"bill.*"  ', "service", "=~", "bill.*"),
        ('service !~ "a|b"', "service", "!~", "a|b"),
        ("service=billing", "service", "=", "billing"),
        ("service = a b ", "service", "=", "a b"),
        ("service=~a.+", "service", "=~", "a.+"),
        ("service=", "service", "=", ""),
        ('service=""', "service", "=", ""),
        ('k8s.pod-name="x"', "k8s.pod-name", "=", "x"),
        ('"two words"="x"', "two words", "=", "x"),
        ('"a=b" != "x"', "a=b", "!=", "x"),
        ('größe="groß"', "größe", "=", "groß"),
        (r'a="say \"no\""', "a", "=", 'say "no"'),
        (r'a="one\ntwo"', "a", "=", "one\ntwo"),
        (r'a="C:\\temp"', "a", "=", "C:\\temp"),
        (r'a="C:\temp"', "a", "=", r"C:\temp"),
        (r'a=~"v\d+\.\d+"', "a", "=~", r"v\d+\.\d+"),
        ("a=b\\", "a", "=", "b\\"),
        ('a=" b "', "a", "=", " b "),
        ('a="b=c, d!~e"', "a", "=", "b=c, d!~e"),
    ],
)
def test_reads_what_alertmanager_reads(text: str, name: str, op: str, value: str) -> None:
    """Name, operator and value come out as written, escapes undone."""
    matcher = parse(text)
    assert (matcher.name, matcher.op, matcher.value) == (name, op, value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "begins with a label's name"),
        ('="x"', "begins with a label's name"),
        ('{a="b"}', "begins with a label's name"),
        ('""="x"', "name is empty"),
        ("service", "no operator follows"),
        ('service "x"', "no operator follows"),
        ("service>3", "no operator follows"),
        ('service=="x"', "equality is one ="),
        ('service=~~"x"', "there is no such operator"),
        ('a="b', "must end with"),
        (r'a="b\"', "must end with"),
        ('a="b" c', "must end with"),
        ('a="b"c"', "must end with"),
        ('a=b"c', "written in quotes itself"),
        ("a='b'", 'quoted with "'),
        ("a=`b`", 'quoted with "'),
        ('a=~"("', "does not compile: missing ) (RE2 syntax)"),
        ('a=~"(?=b)"', "does not compile: invalid perl operator"),
        (r'a=~"(a)\1"', "does not compile"),
        ('a=~"((a{100}){100}){100}"', "does not compile"),
        ('a=~"\ud800"', "valid Unicode"),
        (f'a=~"{"x" * (LONGEST_REGEX + 1)}"', f"at most {LONGEST_REGEX} characters"),
        ("a=" + "x" * LONGEST_TEXT, f"at most {LONGEST_TEXT} characters"),
    ],
)
def test_refuses_with_a_sentence(text: str, sentence: str) -> None:
    """What is no matcher is a ValueError that says what to write."""
    with pytest.raises(ValueError, match=re.escape(sentence)):
        parse(text)


def test_a_refusal_does_not_repeat_the_pattern(capfd: pytest.CaptureFixture[str]) -> None:
    """Neither the error nor RE2's own log shows what was written."""
    with pytest.raises(ValueError, match="does not compile") as refused:
        parse('a=~"hunter2("')
    assert "hunter2" not in str(refused.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ('a="x"', "x", True),
        ('a="x"', "X", False),
        ('a!="x"', "y", True),
        ('a!="x"', "x", False),
        ('a=~"pro.*"', "production", True),
        ('a=~"pro"', "production", False),
        ('a=~"duction"', "production", False),
        ('a=~"a|b"', "ab", False),
        ('a=~"a|b"', "b", True),
        ('a=~".*"', "", True),
        ('a=~".+"', "", False),
        ('a=~"x$"', "x\n", False),
        ('a=~"ä.*"', "änderung", True),
        ('a=~"(?i)PROD"', "prod", True),
        ('a!~"pro.*"', "production", False),
        ('a!~"pro.*"', "staging", True),
        ('a=~".*"', "\ud800", True),
    ],
)
def test_judges_the_whole_value(text: str, value: str, expected: bool) -> None:
    """A regular expression is anchored at both ends, and the same answer comes twice."""
    matcher = parse(text)
    assert [matcher.matches({"a": value}), matcher.matches({"a": value})] == [expected, expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('a=""', True),
        ('a!=""', False),
        ('a="x"', False),
        ('a!="x"', True),
        ('a=~".*"', True),
        ('a!~".+"', True),
    ],
)
def test_a_missing_label_counts_as_empty(text: str, expected: bool) -> None:
    """As in Alertmanager, the absence of a label is its empty value."""
    assert parse(text).matches({"b": "x"}) is expected


def test_equal_matchers_are_equal() -> None:
    """Matchers are values: they compare and hash by what they say."""
    assert parse('a=~"b"') == parse("a =~ b") == Matcher(name="a", op="=~", value="b")
    assert len({parse('a=~"b"'), parse("a=~b"), parse("a=b")}) == 2


def test_making_one_checks_its_expression() -> None:
    """A matcher that exists can be asked; a bad expression never gets that far."""
    with pytest.raises(ValueError, match="does not compile"):
        Matcher(name="a", op="=~", value="[")


def test_an_expression_that_explodes_elsewhere_is_quick_here() -> None:
    """RE2 has no backtracking, so a sender's label cannot stop the service."""
    assert not parse('a=~"(x+x+)+y"').matches({"a": "x" * 5_000})


def test_many_patterns_are_asked_together() -> None:
    """As each alone: the whole value, over the bound of one pass, and with what is no Unicode."""
    patterns = Patterns([f"web-{number}(-.*)?" for number in range(600)] + [".*"])
    assert sorted(patterns.matching_patterns("web-300-a")) == [300, 600]
    assert patterns.matching_patterns("web-3000") == [600]
    assert sorted(patterns.matching_patterns("web-7")) == [7, 600]
    assert patterns.matching_patterns("\ud800") == [600]
    assert Patterns(()).matching_patterns("x") == []


@pytest.mark.parametrize(
    ("text", "matchers"),
    [
        ('a="b"', ['a="b"']),
        ('{a="b"}', ['a="b"']),
        ('{a="b", c=~"d"}', ['a="b"', 'c=~"d"']),
        (' { a = "b" , c!=d,e!~"f|g" , } ', ['a="b"', 'c!="d"', 'e!~"f|g"']),
        (r'{a="x,y", b="}{\"", "odd name"="c"}', ['a="x,y"', r'b="}{\""', '"odd name"="c"']),
        ("{a=b,c=d}", ['a="b"', 'c="d"']),
    ],
)
def test_several_stand_in_braces(text: str, matchers: list[str]) -> None:
    """As Alertmanager writes them; commas and braces in quotes are text."""
    assert [str(matcher) for matcher in parse_all(text)] == matchers


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{a="b"', "in braces"),
        ("{}", "in braces"),
        ("{ , }", "in braces"),
        ("{ }", "in braces"),
        ("{", "in braces"),
        ("{a=b, ,c=d}", "begins with"),
        ('{,a="b"}', "in braces"),
        ('{a="b",,c="d"}', "in braces"),
        ('{a="b" c="d"}', "quote"),
        ('{a="b}', "in braces"),
        ('{a="b", c}', "no operator"),
        ('{a=~"("}', "does not compile"),
        ("{" + "a=b," * 2_000 + "}", "at most 4096"),
    ],
)
def test_what_is_wrong_in_braces_is_said(text: str, sentence: str) -> None:
    """Nothing between two commas is no matcher, and what is one is read as if it stood alone."""
    with pytest.raises(ValueError, match=sentence):
        parse_all(text)
