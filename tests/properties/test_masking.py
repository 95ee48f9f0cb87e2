"""Masking is idempotent, bounded, and linear in the length of the text."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from notifier.policy.fingerprint import compute, masked
from notifier.policy.fingerprint.masking import CHARS, IDENTITY_CHARS, KINDS, identity, parts
from tests.cost import costs_less_than

WORDS = (
    "status", "error", "code", "user", "for", "from", "GET", "url:", "took", "ms", "seconds", "Nov", "22", "Mon,", "17",
    "404", "-1", "10:00:01", "0x7ffe", "a=b", "id=17", "8f3a2b1", "4g8hXn02sfzZywjG", "users_v2_email_key", "node-17",
    "10.0.0.1:5432", ":8080", "/var/x/y.txt", "C:\\x\\y", "https://x.example.com/a?b=c", "bob@example.com", "'price'",
    "'a b c'", '"', "'", "`x`", "b'abc'", "(", ")", "[", "]=(", ",", "<", ">", "<number>", "<path>/x", "2026-11-22",
    "::1", "fe80::1", "ORA-00942:", "1m32.5s", "5.1.1", "550", "=", ":", "é", "٣", "\n", "pod", "api-7d9f8b6c5d-x2x4z",
)  # fmt: skip
UNITS = (
    "a", "1", "aA1", "a1", "Aa", "-", "a-", "1-", "a.", ":", "0:", "f:", "/", "/a", "a/", "\\", "=", "a=", "@", "a@",
    "'", "'a'", '"a', "`", "<number>", "<", ">", "://", "a://", "Nov ", "22 Nov ", "Mon, ", "b'", ")=(", "user ",
    "for user ", "error ", "%", "1h", "1.", "1:", "x1_", "{", '{"event": "', "{'event': '", "\\'", "jar!/", "é", " ",
)  # fmt: skip
TEXTS = st.one_of(
    st.text(max_size=200),
    st.lists(st.sampled_from(WORDS), max_size=20).map(" ".join),
    st.lists(st.sampled_from(WORDS), max_size=20).map("".join),
    st.text("aZ09 .:/-_='\"<>()@%,\\x\n", max_size=80),
)


@example(message="_--", alone=False)
@given(TEXTS, st.booleans())
def test_masking_twice_is_masking_once(message: str, alone: bool) -> None:
    """Masked text contains nothing that is masked again."""
    once = masked(message, alone=alone)
    assert masked(once, alone=alone) == once


@given(st.one_of(TEXTS, TEXTS.map(lambda text: text * 20)), st.booleans())
def test_nothing_grows_without_bound(message: str, alone: bool) -> None:
    """Neither the shown nor the hashed text exceeds its limit, and every part has a known kind."""
    assert len(masked(message, alone=alone)) <= CHARS
    assert len(identity(message, alone=alone)) <= IDENTITY_CHARS
    assert {part.kind for part in parts(message, alone=alone)} <= set(KINDS)


@given(TEXTS)
def test_parts_are_texts_of_the_message(message: str) -> None:
    """The parts are substrings of the message, in order."""
    place = 0
    for part in parts(message):
        found = message.find(part.text, place)
        assert part.text
        assert found >= 0
        place = found + len(part.text)


@given(st.text("abc deg", min_size=4).filter(str.strip), TEXTS)
def test_a_word_is_left(words: str, message: str) -> None:
    """If a message consists of masked parts only, less is masked, so that not all such messages are equal."""
    assert any(c.isalpha() for c in identity(f"{words} {message}"))


@pytest.mark.parametrize("unit", UNITS)
def test_a_hostile_text_costs_no_more_than_its_length(unit: str) -> None:
    """The cost is linear for repetitive texts."""
    for end in ("", "!", "'", '"', "x", "1", "\x00"):
        message = unit * (8_000 // len(unit)) + end
        work = partial(compute, service="s", message=message, exception=None), partial(parts, message)
        assert all(costs_less_than(0.25, one) for one in work)
