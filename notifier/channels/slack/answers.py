"""What Slack's answers mean: a receipt, or one error with its outcome.

Errors: https://docs.slack.dev/reference/methods/chat.postMessage and chat.update.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from notifier.channels.http import Reply
from notifier.channels.outcomes import failure
from notifier.domain.delivery import Outcome, Receipt
from notifier.domain.errors import SendError
from notifier.domain.time import Duration

_WHOLE_CHANNEL = frozenset(
    {"account_inactive", "invalid_auth", "invalid_token", "missing_scope", "not_authed", "token_expired",
     "token_revoked"}
)  # fmt: skip
_OUTCOMES = {
    "ratelimited": Outcome.THROTTLED,
    "rate_limited": Outcome.THROTTLED,
    "message_limit_exceeded": Outcome.THROTTLED,
    "is_archived": Outcome.GONE,
    "channel_is_archived": Outcome.GONE,
    "no_service": Outcome.GONE,
    "no_active_hooks": Outcome.GONE,
    "internal_error": Outcome.TRANSIENT,
    "fatal_error": Outcome.TRANSIENT,
    "service_unavailable": Outcome.TRANSIENT,
    "request_timeout": Outcome.TRANSIENT,
    "team_added_to_org": Outcome.TRANSIENT,
    "rollup_error": Outcome.TRANSIENT,
}


class SlackError(SendError):
    """Slack refused it with one of its own codes, which `code` is."""

    def __init__(
        self, code: str, outcome: Outcome, *, retry_after: Duration | None = None, whole_channel: bool = False
    ) -> None:
        detail = f"Slack refused it: {code}"
        super().__init__(outcome, detail, retry_after=retry_after, whole_channel=whole_channel)
        self.code = code


def read_api(reply: Reply) -> Mapping[str, Any]:
    """The document of a Web API answer; `ok: false` is a failure whatever the status. Raises `SendError`."""
    try:
        answer = json.loads(reply.body)
    except (ValueError, RecursionError):
        raise failure(reply.status, reply.retry_after) or _not_json(reply) from None
    if isinstance(answer, dict) and answer.get("ok") is True:
        return answer
    code = answer.get("error") if isinstance(answer, dict) else None
    raise _refused(code, reply)


def read_hook(reply: Reply) -> Receipt:
    """The receipt that an incoming webhook's answer is: the text `ok`. Raises `SendError`."""
    text = reply.body.decode("utf-8", "replace").strip()
    if 200 <= reply.status < 300:
        if text == "ok":
            return Receipt()
        if not reply.whole:
            raise _not_json(reply)
    raise _refused(text, reply)


def _refused(code: object, reply: Reply) -> SendError:
    """The error for one of Slack's codes; anything that does not look like a code is judged by the status alone."""
    if not isinstance(code, str) or not re.fullmatch(r"[a-z_]{2,60}", code):
        return failure(reply.status, reply.retry_after) or _not_json(reply)
    by_status = failure(reply.status, reply.retry_after)
    outcome = _OUTCOMES.get(code, Outcome.PERMANENT if by_status is None else by_status.outcome)
    if code in _WHOLE_CHANNEL:
        outcome = Outcome.PERMANENT
    return SlackError(code, outcome, retry_after=reply.retry_after, whole_channel=code in _WHOLE_CHANNEL)


def _not_json(reply: Reply) -> SendError:
    if not reply.whole:
        return SendError(
            Outcome.AMBIGUOUS, "Slack's answer broke off before it said whether it took the message"
        )
    kind = "HTML" if "html" in reply.content_type else "something else"
    return SendError(
        Outcome.TRANSIENT,
        f"{kind} came back where Slack answers otherwise: is there a proxy in between, and is the URL right?",
    )
