"""Reading of request bodies."""

from __future__ import annotations

from urllib.parse import parse_qs

from fastapi import Request

LARGEST = 1_000_000


async def whole_body(request: Request) -> bytes | None:
    """The whole body, or None if it is over a megabyte."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST:
            return None
    return bytes(body)


async def fields_of(request: Request) -> dict[str, str]:
    """The fields of a form; of a repeated field, the first value."""
    body = await whole_body(request) or b""
    fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=16)
    return {name: values[0] for name, values in fields.items()}


def is_foreign(request: Request) -> bool:
    """Whether the request comes from a page of another site."""
    origin = request.headers.get("origin")
    return origin is not None and origin != f"{request.url.scheme}://{request.headers.get('host', '')}"
