"""Errors as RFC 9457 `application/problem+json`: a sentence, never a traceback, never the input."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

GUARDS: Mapping[str, str] = {"x-content-type-options": "nosniff", "cache-control": "no-store"}
"""Headers of every answer: it is not cached, and browsers do not interpret it as a page."""

GUARD_LINES = tuple((name.encode(), value.encode()) for name, value in GUARDS.items())


@dataclass(eq=False)
class HttpProblem(Exception):
    """An error answer. `detail` says what is wrong and what to do; `more` adds members to the body."""

    status: int
    detail: str
    headers: Mapping[str, str] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)

    def body(self) -> bytes:
        document = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            **self.more,
        }
        return json.dumps(document, ensure_ascii=False).encode()

    def all_headers(self) -> dict[str, str]:
        return {"content-type": "application/problem+json", **self.headers}


def retry_after(status: int, detail: str, millis: int) -> HttpProblem:
    """A 429 or 503 with `Retry-After` in whole seconds, at least one."""
    return HttpProblem(status, detail, {"retry-after": str(max(1, -(-millis // 1000)))})
