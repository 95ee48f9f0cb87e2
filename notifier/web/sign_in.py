"""`/sign-in` and `/sign-out`: from a key to a session, and its end."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from notifier.access.errors import AccessError
from notifier.access.sessions import Sessions, form_token, new_token
from notifier.domain.time import MINUTE, Instant
from notifier.policy.bucket import TokenBucket
from notifier.runtime.running_service import RunningService
from notifier.web.cookies import BEFORE_SIGN_IN, SESSION, cookie_of, drop_cookie, set_cookie
from notifier.web.errors import PageError
from notifier.web.forms import Form
from notifier.web.rendering import page_response, style
from notifier.web.visit import base_path

_TRIES = TokenBucket(size=10, count=10, per=MINUTE)
_ADDRESSES_AT_MOST = 10_000


class SignIn:
    """The door of the pages. `serves` says whether a path is a page's, so that nobody is sent elsewhere after it."""

    def __init__(self, service: RunningService, sessions: Sessions, serves: Callable[[str], bool]) -> None:
        self._service = service
        self._sessions = sessions
        self._serves = serves
        self._tries: dict[str, tuple[float, Instant]] = {}

    def form(
        self, request: Request, *, next_: str, status: int = 200, refusal: str | None = None
    ) -> Response:
        """The form, and the cookie that it belongs to."""
        url = self._service.settings.server.url
        held = cookie_of(request, BEFORE_SIGN_IN, url=url) or new_token()
        base = base_path(self._service)
        values = {
            "base": base,
            "style": f"{base}{style()[0]}",
            "form_token": form_token(held),
            "next": self._allowed(next_),
            "refusal": refusal,
        }
        response = page_response("sign_in", status, values)
        set_cookie(request, response, BEFORE_SIGN_IN, held, url=url)
        return response

    async def sign_in(self, request: Request, form: Form) -> Response:
        """Open a session with the key in the form, and go on to where the person wanted to be."""
        url = self._service.settings.server.url
        held = cookie_of(request, BEFORE_SIGN_IN, url=url)
        if not held or not hmac.compare_digest(form_token(held).encode(), form.get("form_token").encode()):
            raise PageError(
                403, "This form is of another browser, or old: open the page anew, and sign in there."
            )
        next_ = form.get("next")
        if not self._may_try(request):
            sentence = "Too many tries from this address: wait a minute."
            return self.form(request, next_=next_, status=429, refusal=sentence)
        try:
            token = await self._sessions.open(form.get("key").strip())
        except AccessError as error:
            text = str(error)
            return self.form(request, next_=next_, status=403, refusal=f"{text[:1].upper()}{text[1:]}.")
        response = RedirectResponse(f"{base_path(self._service)}{self._allowed(next_)}", 303)
        set_cookie(request, response, SESSION, token, url=url)
        drop_cookie(request, response, BEFORE_SIGN_IN, url=url)
        return response

    async def sign_out(self, request: Request) -> Response:
        """End the session, here and in each tab."""
        url = self._service.settings.server.url
        await self._sessions.end(cookie_of(request, SESSION, url=url))
        response = RedirectResponse(f"{base_path(self._service)}/sign-in", 303)
        drop_cookie(request, response, SESSION, url=url)
        return response

    def _allowed(self, next_: str) -> str:
        """Where to go after signing in: one of our pages, or the first."""
        try:
            parts = urlsplit(next_)
        except ValueError:
            return "/"
        plain = next_.isascii() and next_.isprintable() and "\\" not in next_ and not next_.startswith("//")
        if parts.scheme or parts.netloc or not plain or not self._serves(parts.path):
            return "/"
        return next_

    def _may_try(self, request: Request) -> bool:
        address = "" if request.client is None else request.client.host
        now = self._service.database.now()
        tokens, at = self._tries.get(address, (float(_TRIES.size), now))
        tokens = _TRIES.refilled(tokens, at, now)
        if tokens < 1:
            return False
        if len(self._tries) >= _ADDRESSES_AT_MOST:
            self._tries.clear()
        self._tries[address] = (tokens - 1, now)
        return True
