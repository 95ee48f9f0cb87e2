"""`/incidents/{number}?id=`: how to look at what a message links to, with a key; to all others nothing of it."""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from notifier.web import words
from notifier.web.page import response

INCIDENTS = "/incidents/"
# As many digits as the largest number has.
_NUMBER = re.compile(r"[0-9]{1,19}")
_ID = re.compile(r"[A-Za-z0-9-]{1,64}")


async def incident_page(scope: Scope, receive: Receive, send: Send) -> None:
    """An ASGI application. It reads nothing, so that a stranger learns not even which incidents there are."""
    request = Request(scope, receive)
    name, id_ = scope["path"].removeprefix(INCIDENTS), request.query_params.get("id")
    if request.method not in {"GET", "HEAD"}:
        page = words.READ_ONLY
    elif _NUMBER.fullmatch(name) and (id_ is None or _ID.fullmatch(id_)):
        page = words.incident(name, id_)
    else:
        page = words.NO_INCIDENT
    await response(page, head=request.method == "HEAD")(scope, receive, send)
