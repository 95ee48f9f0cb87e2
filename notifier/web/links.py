"""`/actions/{token}`, the target of links in mails: GET shows a form, and its POST acts."""

from __future__ import annotations

import asyncio

from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send

from notifier.domain.errors import Overloaded, StoreError
from notifier.oncall import mail_links
from notifier.oncall.context import OncallContext
from notifier.oncall.errors import Refused, Unknown
from notifier.web import link_pages
from notifier.web.page import HtmlPage, response

PREFIX = "/actions/"
LARGEST = 16 * 1024
TIMEOUT_S = 10.0


class LinkPages:
    """An ASGI application. The token in the path is the only credential, so paths are never logged."""

    def __init__(self, service: OncallContext) -> None:
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            page = await self._page(request, scope["path"].removeprefix(PREFIX))
        except (StoreError, Overloaded):
            page = link_pages.UNAVAILABLE
        await response(page, head=request.method == "HEAD")(scope, receive, send)

    async def _page(self, request: Request, token: str) -> HtmlPage:
        match request.method:
            case "GET" | "HEAD":
                return await self._show_form(token)
            case "POST":
                return await _refused_body(request) or await self._act(token)
            case _:
                return link_pages.WRONG_METHOD

    async def _show_form(self, token: str) -> HtmlPage:
        """The form. Scanners, previews and prefetches request it too, so it changes nothing."""
        try:
            return link_pages.question(await self._offer(token))
        except Unknown:
            return link_pages.UNKNOWN

    async def _act(self, token: str) -> HtmlPage:
        """The result of the act. An invalid token costs a read, and never a write transaction."""
        service = self._service
        try:
            if (before := await self._offer(token)).over:
                return link_pages.question(before)
            done = await mail_links.accept(service.database, token, new_id=service.new_id)
            offer = await self._offer(token)
        except Refused as error:
            return link_pages.refused(await self._offer(token), str(error))
        except Unknown:
            return link_pages.UNKNOWN
        return link_pages.done(offer) if done else link_pages.question(offer)

    async def _offer(self, token: str) -> mail_links.Offer:
        service = self._service
        return await mail_links.find_offer(service.database, token, url=service.rules.url)


async def _refused_body(request: Request) -> HtmlPage | None:
    """The refusal of a body that is too large or too slow, else None.

    Its content is ignored: the path has the token.
    """
    length = 0
    try:
        async with asyncio.timeout(TIMEOUT_S):
            async for chunk in request.stream():
                length += len(chunk)
                if length > LARGEST:
                    return link_pages.TOO_LARGE
    except (TimeoutError, ClientDisconnect):
        return link_pages.INCOMPLETE
    return None
