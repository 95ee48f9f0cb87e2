"""A Slack that enforces Slack's limits."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from typing import Any

from notifier.testing.http import Answer, Request, Server


class FakeSlack(Server):
    """Slack's `chat.postMessage` and an incoming webhook, with their limits and their authentication.

    `fail` makes the next calls answer with Slack's own error code, `script` with any answer at all.
    """

    def __init__(self, *, token: str = "xoxb-test", channels: tuple[str, ...] = ("#oncall",)) -> None:  # noqa: S107
        super().__init__()
        self.token = token
        self.channels = channels
        self.posted: list[dict[str, Any]] = []
        self._script: deque[Answer] = deque()

    @property
    def base_url(self) -> str:
        return f"{self.origin}/api/"

    @property
    def webhook_url(self) -> str:
        return f"{self.origin}/services/T000/B000/s3cr3t"

    def script(self, *answers: Answer) -> None:
        self._script.extend(answers)

    def fail(self, *codes: str, headers: Mapping[str, str] | None = None) -> None:
        self.script(*(_slack(ok=False, error=code, headers=headers or {}) for code in codes))

    def handle(self, request: Request) -> Answer:
        if self._script:
            return self._script.popleft()
        if request.path == "/api/chat.postMessage":
            return self._api(request)
        if request.path == "/services/T000/B000/s3cr3t":
            return self._hook(request)
        return Answer(status=404, body=b"no_service")

    def _api(self, request: Request) -> Answer:
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return _slack(ok=False, error="invalid_auth")
        document = request.json()
        if document.get("channel") not in self.channels:
            return _slack(ok=False, error="channel_not_found")
        if slack_complaint(document) is not None:
            return _slack(ok=False, error="invalid_blocks")
        self.posted.append(document)
        ts = f"1700000000.{len(self.posted):06d}"
        return _slack(ok=True, channel="C000", ts=ts, message={"text": document["text"], "ts": ts})

    def _hook(self, request: Request) -> Answer:
        document = request.json()
        if slack_complaint(document) is not None:
            return Answer(status=400, body=b"invalid_blocks")
        self.posted.append(document)
        return Answer(headers={"Content-Type": "text/html"}, body=b"ok")


def _slack(*, headers: Mapping[str, str] | None = None, **document: Any) -> Answer:
    return Answer(
        headers={"Content-Type": "application/json; charset=utf-8", **(headers or {})},
        body=json.dumps(document).encode(),
    )


# Not documented, and measured differently by those who met it: the least that was refused.
_ALL_BLOCKS = 11_300
_SLACK_LIMITS = {"header": 150, "section": 3_000, "context": 3_000}


def slack_complaint(document: Mapping[str, Any]) -> str | None:
    """Which of Slack's limits a message breaks, or None."""
    blocks = document.get("blocks", [])
    if not document.get("text") and not blocks:
        return "no_text"
    if len(blocks) > 50:
        return "more than 50 blocks"
    if len(json.dumps(blocks, ensure_ascii=False)) > _ALL_BLOCKS:
        return "msg_blocks_too_long"
    return next((why for why in map(_block_complaint, blocks) if why is not None), None)


def _block_complaint(block: Mapping[str, Any]) -> str | None:
    kind = block.get("type")
    if kind not in _SLACK_LIMITS:
        return f"unknown block {kind}"
    parts = [block["text"]] if "text" in block else []
    fields = block.get("fields", [])
    elements = block.get("elements", [])
    if not parts and not fields and not elements:
        return f"an empty {kind}"
    if len(fields) > 10 or len(elements) > 10:
        return f"more than 10 parts in a {kind}"
    limits = [(part, _SLACK_LIMITS[kind]) for part in [*parts, *elements]] + [
        (part, 2_000) for part in fields
    ]
    return next(
        (f"a text in a {kind} of the wrong length" for part, limit in limits if _too_long(part, limit)), None
    )


def _too_long(part: Mapping[str, Any], limit: int) -> bool:
    return not 1 <= len(part["text"].encode("utf-16-le")) // 2 <= limit
