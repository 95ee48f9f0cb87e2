"""Parsing of forms, with limits."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from starlette.requests import ClientDisconnect, Request

from notifier.web.errors import PageError

LARGEST = 256 * 1024
FIELDS_AT_MOST = 2_000
TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """The fields of a form. A field may occur several times; `get` returns its first value, or an empty string."""

    fields: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def get(self, name: str) -> str:
        return self.all(name)[0] if name in self.fields else ""

    def all(self, name: str) -> Sequence[str]:
        return self.fields.get(name, ())


async def read_form(request: Request) -> Form:
    """The form of a POST. `PageError` is raised if it is no form, or too large."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = bytearray()
    try:
        async with asyncio.timeout(TIMEOUT_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > LARGEST:
                    raise PageError(
                        413,
                        f"A form holds at most {LARGEST // 1024} KiB: write less, and press its button again.",
                    )
    except (TimeoutError, ClientDisconnect):
        raise PageError(400, "What the form sends did not come whole: press its button again.") from None
    if body and kind != "application/x-www-form-urlencoded":
        raise PageError(415, "Forms are sent as application/x-www-form-urlencoded.")
    return parse_form(bytes(body))


def parse_form(body: bytes) -> Form:
    """The fields of a form's body or of a query."""
    try:
        text = body.decode("ascii")
        fields = parse_qs(text, keep_blank_values=True, max_num_fields=FIELDS_AT_MOST, errors="replace")
    except ValueError:
        raise PageError(422, "This is not what a form of these pages sends.") from None
    return Form(fields=fields)
