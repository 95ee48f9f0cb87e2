"""JSON request bodies of any declared content type, limited in size and time, and validated by a model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from pydantic import ValidationError
from starlette.requests import ClientDisconnect

from notifier.api.errors import invalid_body
from notifier.api.models.requests_base import Acting, RequestModel
from notifier.api.problems import HttpProblem
from notifier.ingest.sanitise import BOM

LARGEST = 1024 * 1024
BODY_TIMEOUT_S = 30.0

# curl's default is a form; browsers cannot send any of these cross-site with a key.
_ACCEPTED = {"", "application/x-www-form-urlencoded", "text/plain", "application/octet-stream"}

M = TypeVar("M", bound=RequestModel)


def body_of(model: type[M]) -> Callable[[Request], Coroutine[Any, Any, M]]:
    """A dependency: the request's body as this model; an empty body counts as `{}`."""

    async def read(request: Request) -> M:
        _check_content_type(request)
        data = await raw_body(request)
        try:
            return model.model_validate_json(data.removeprefix(BOM).strip() or b"{}")
        except ValidationError as error:
            raise invalid_body(error) from None

    return read


def openapi_body(model: type[RequestModel], *, required: bool = True) -> dict[str, Any]:
    """The `openapi_extra` of an operation with such a body."""
    schema = model.model_json_schema()
    return {"requestBody": {"required": required, "content": {"application/json": {"schema": schema}}}}


def _check_content_type(request: Request) -> None:
    """Refuse with 415 a body that is compressed or declared as anything but JSON; some types are taken for JSON."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _ACCEPTED and kind != "application/json" and not kind.endswith("+json"):
        raise HttpProblem(415, "send application/json, or no content type at all")
    if request.headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
        raise HttpProblem(415, "send this body as it is: only /v1/events takes gzip")


async def raw_body(request: Request, *, largest: int = LARGEST) -> bytes:
    """The bytes of the body, limited to `largest` and in time."""
    data = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            async for chunk in request.stream():
                data += chunk
                if len(data) > largest:
                    raise HttpProblem(413, f"the body is over {largest} bytes: send less at once")
    except TimeoutError:
        raise HttpProblem(
            408, f"the body did not come within {BODY_TIMEOUT_S:.0f} s: send it at once"
        ) from None
    except ClientDisconnect:
        raise HttpProblem(400, "the body ended early: send it whole") from None
    return bytes(data)


ActingBody = Annotated[Acting, Depends(body_of(Acting))]
