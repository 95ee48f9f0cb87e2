"""Maps HTTP responses to outcomes: one table for all channels (RULES.md#outcomes). Pure."""

from __future__ import annotations

import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from math import ceil

from notifier.domain.delivery import Outcome
from notifier.domain.errors import SendError
from notifier.domain.time import HOUR, SECOND, Duration, Instant

MAX_RETRY_AFTER: Duration = HOUR

_BY_STATUS = {
    408: Outcome.TRANSIENT,
    410: Outcome.GONE,
    425: Outcome.TRANSIENT,
    429: Outcome.THROTTLED,
}

_HINTS = {
    401: "the receiver wants credentials that the configuration does not give",
    403: "the receiver refuses these credentials or this sender",
    404: "check the URL",
    405: "it takes no POST there, so check the URL",
    407: "a proxy in between wants credentials",
    410: "the receiver says that this address is no longer in use",
    413: "the receiver takes smaller bodies only",
    415: "the receiver takes no JSON there, so check the URL",
    426: "the receiver wants another version of HTTP than 1.1, which is what notifier speaks",
    429: "the receiver asks to slow down",
    502: "a proxy in front of the receiver does not reach it",
    503: "the receiver is down, or has too much to do",
    504: "a proxy in front of the receiver had no answer from it in time",
    505: "the receiver wants another version of HTTP than 1.1, which is what notifier speaks",
}


def of_status(status: int) -> Outcome:
    """The outcome of a response with this status. Redirects are never followed, so they are permanent failures."""
    if 200 <= status < 300:
        return Outcome.DELIVERED
    return _BY_STATUS.get(status, Outcome.TRANSIENT if status >= 500 else Outcome.PERMANENT)


def retry_after(value: str | None, now: Instant) -> Duration | None:
    """`Retry-After` (RFC 9110, 10.2.3) as milliseconds from now, at most an hour. None if it is missing or unusable."""
    if value is None:
        return None
    text = value.strip()
    # The date parser raises on bare numbers, and int() accepts `1_0` and other scripts' digits.
    if re.fullmatch(r"[0-9]{1,20}(?:\.[0-9]{1,20})?", text):
        return min(ceil(float(text) * SECOND), MAX_RETRY_AFTER)
    try:
        moment = parsedate_to_datetime(text)
        aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        at = int(aware.timestamp() * SECOND)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return min(max(0, at - now), MAX_RETRY_AFTER)


def failure(status: int, wait: Duration | None = None) -> SendError | None:
    """The error for a response, or None if the receiver accepted the message."""
    outcome = of_status(status)
    if outcome is Outcome.DELIVERED:
        return None
    if 300 <= status < 400:
        sentence = f"the receiver answered {status}: redirects are not followed, so give the final URL"
    else:
        hint = _HINTS.get(status)
        sentence = f"the receiver answered {status}" + (f": {hint}" if hint else "")
    return SendError(outcome, sentence, retry_after=wait)
