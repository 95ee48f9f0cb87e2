"""Interprets Slack's responses: a receipt, or an error with its outcome.

Errors: https://docs.slack.dev/reference/methods/chat.postMessage and chat.update.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from notifier.channels.http import Reply
from notifier.channels.outcomes import failure
from notifier.channels.slack import codes
from notifier.domain.delivery import Outcome, Receipt
from notifier.domain.errors import SendError
from notifier.domain.time import Duration

_CODE = re.compile(r"[a-z_]{2,60}")
_SCOPES = re.compile(r"[a-z][a-z_.:,-]{1,120}")
# Success fields of Slack-compatible webhooks: Rocket.Chat `success`, Zulip `result`, and other likely names.
_VERDICTS = ("ok", "success", "result", "status")
_SUCCESS_WORDS = frozenset(
    {
        "ok",
        "success",
        "successful",
        "true",
        "sent",
        "accepted",
        "created",
        "delivered",
        "queued",
        "received",
        "posted",
    }
)


class SlackError(SendError):
    """An error with one of Slack's own codes, `code`."""

    def __init__(
        self,
        code: str,
        outcome: Outcome,
        *,
        retry_after: Duration | None = None,
        whole_channel: bool = False,
        needed: str = "",
    ) -> None:
        hint = codes.advice(code, needed=needed)
        detail = f"Slack refused it: {code}" + (f": {hint}" if hint else "")
        super().__init__(outcome, detail, retry_after=retry_after, whole_channel=whole_channel)
        self.code = code


def read_api(reply: Reply) -> Mapping[str, Any]:
    """The document of a Web API response. Raises `SendError`, also for `ok: false` with a successful status."""
    try:
        answer = json.loads(reply.body)
    except (ValueError, RecursionError):
        raise failure(reply.status, reply.retry_after) or _not_json(reply) from None
    if isinstance(answer, dict) and answer.get("ok") is True:
        return answer
    raise _refused(answer, reply)


def read_hook(reply: Reply) -> Receipt:
    """The receipt for a webhook's response: the text `ok`, or JSON that says the same. Raises `SendError` otherwise."""
    text = reply.body.decode("utf-8-sig", "replace").strip()
    answer = _document(text)
    if 200 <= reply.status < 300:
        if text.strip("\"'.! ").lower() in _SUCCESS_WORDS or reply.status == 204 or _reports_success(answer):
            return Receipt()
        if not reply.whole:
            raise _not_json(reply)
    raise _refused(text if answer is None else answer, reply)


def _document(text: str) -> Mapping[str, Any] | None:
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None


def _reports_success(answer: Mapping[str, Any] | None) -> bool:
    """Whether all success fields in the JSON say so, and it contains no error."""
    if answer is None or answer.get("error") or answer.get("errors"):
        return False
    verdicts = [answer[name] for name in _VERDICTS if name in answer]
    return bool(verdicts) and all(map(_is_yes, verdicts))


def _is_yes(verdict: object) -> bool:
    if isinstance(verdict, int):
        return verdict == 1 or 200 <= verdict < 300
    return isinstance(verdict, str) and verdict.lower() in _SUCCESS_WORDS


def _refused(answer: object, reply: Reply) -> SendError:
    """The error for a response with one of Slack's codes. Without a code the status decides."""
    document = answer if isinstance(answer, dict) else {}
    code = document.get("error", answer)
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        return failure(reply.status, reply.retry_after) or _unsuccessful(document, reply)
    by_status = failure(reply.status, reply.retry_after)
    whole = code in codes.WHOLE_CHANNEL
    outcome = codes.OUTCOMES.get(code, Outcome.PERMANENT if by_status is None else by_status.outcome)
    return SlackError(
        code,
        Outcome.PERMANENT if whole else outcome,
        retry_after=reply.retry_after,
        whole_channel=whole,
        needed=_scopes(document.get("needed")),
    )


def _scopes(needed: object) -> str:
    return needed if isinstance(needed, str) and _SCOPES.fullmatch(needed) else ""


def _unsuccessful(document: Mapping[str, Any], reply: Reply) -> SendError:
    """The error for a response with a successful status and a body that is not."""
    if document.get("error") or any(name in document and not _is_yes(document[name]) for name in _VERDICTS):
        return SendError(
            Outcome.PERMANENT, "the receiver's answer says that it did not take the message: its log says why"
        )
    return _not_json(reply)


def _not_json(reply: Reply) -> SendError:
    if not reply.whole:
        return SendError(
            Outcome.AMBIGUOUS, "Slack's answer broke off before it said whether it took the message"
        )
    kind = "a page (HTML)" if "html" in reply.content_type else "something else"
    return SendError(
        Outcome.TRANSIENT,
        f"{kind} came back where Slack answers otherwise: is there a proxy in between, and is the URL right?",
    )
