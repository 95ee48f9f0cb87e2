"""The outcomes of HTTP answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.channels.outcomes import failure, of_status, retry_after
from notifier.domain.delivery import Outcome
from notifier.domain.time import HOUR, parse_rfc3339

NOW = parse_rfc3339("2026-11-22T05:00:00Z")
NAMED = {408: "transient", 410: "gone", 425: "transient", 429: "throttled"}


def test_every_status_has_its_outcome() -> None:
    """2xx delivered, 3xx and 4xx permanent but for the named ones, 5xx transient."""
    by_class = {1: "permanent", 2: "delivered", 3: "permanent", 4: "permanent", 5: "transient"}
    for status in range(101, 600):
        assert of_status(status).value == NAMED.get(status, by_class[status // 100])


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        (None, None),
        ("120", 120_000),
        (" 0 ", 0),
        ("999999", HOUR),
        ("99999999999", HOUR),
        ("1.5", 1_500),
        ("0.0001", 1),
        ("1.", None),
        ("1e3", None),
        ("-1", None),
        ("1_0", None),
        ("٣", None),
        ("soon", None),
        ("", None),
        ("Sun, 22 Nov 2026 05:00:30 GMT", 30_000),
        ("Sunday, 22-Nov-26 05:00:30 GMT", 30_000),
        ("Sun Nov 22 05:00:30 2026", 30_000),
        ("Sun, 22 Nov 2026 04:00:00 GMT", 0),
        ("Sun, 22 Nov 2099 04:00:00 GMT", HOUR),
    ],
)
def test_retry_after_is_read_in_all_its_forms(header: str | None, wait: int | None) -> None:
    """Seconds and the three HTTP date formats are read, bounded to an hour; anything else is ignored."""
    assert retry_after(header, NOW) == wait


@given(st.text())
def test_retry_after_never_raises(header: str) -> None:
    """Any header gives a bounded delay or none."""
    wait = retry_after(header, NOW)
    assert wait is None or 0 <= wait <= HOUR


def test_an_answer_that_delivers_is_no_error() -> None:
    """A 2xx is no error, and a 429 has its delay."""
    assert failure(204) is None
    error = failure(429, 5_000)
    assert error is not None
    assert (error.outcome, error.retry_after) == (Outcome.THROTTLED, 5_000)
