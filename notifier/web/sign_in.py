"""`/sign-in` and `/sign-out`: a session in exchange for a key, and its end."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from notifier.access.errors import AccessError
from notifier.access.sessions import Sessions, form_token, new_token
from notifier.domain.time import MINUTE
from notifier.policy.bucket import TokenBucket
from notifier.runtime.running_service import RunningService
from notifier.web.attempt_limit import AttemptLimit
from notifier.web.client_address import client_address
from notifier.web.cookies import BEFORE_SIGN_IN, SESSION, cookie_of, drop_cookie, set_cookie
from notifier.web.errors import PageError
from notifier.web.forms import Form
from notifier.web.rendering import page_response
from notifier.web.visit import base_path

_TRIES = TokenBucket(size=10, count=10, per=MINUTE)
_TOO_MANY = "Too many tries from this address: wait a minute."
_NO_LINK = (
    "This link is used, expired or cut off: each signs in once, within ten minutes. "
    "`notifier sign-in-link` makes another; a key signs in here at any time."
)


class SignIn:
    """The sign-in pages. `serves` is whether a path is a page's, so that `next` cannot lead elsewhere."""

    def __init__(self, service: RunningService, sessions: Sessions, serves: Callable[[str], bool]) -> None:
        self._service = service
        self._sessions = sessions
        self._serves = serves
        self._tries = AttemptLimit(_TRIES)

    def form(
        self, request: Request, *, next_: str, status: int = 200, refusal: str | None = None
    ) -> Response:
        """The form, and the cookie that its token is bound to."""
        oidc = self._service.settings.auth.oidc
        provider = None if oidc is None else urlsplit(oidc.issuer).hostname
        values = {"next": self.safe_next(next_), "refusal": refusal, "provider": provider}
        return self._shown(request, "sign_in", status, values)

    async def welcome(self, request: Request, link: str) -> Response:
        """The page of a one-time link. It has a button, so that link scanners do not use the link up."""
        if not await self._sessions.is_valid_link(link):
            return self.form(request, next_="/", status=404, refusal=_NO_LINK)
        return self._shown(request, "welcome", 200, {"link": link})

    async def sign_in(self, request: Request, form: Form) -> Response:
        """Open a session with the key in the form, and redirect to the page that the person asked for."""
        self._check(request, form)
        next_ = form.get("next")
        if not self._may_try(request):
            return self.form(request, next_=next_, status=429, refusal=_TOO_MANY)
        try:
            token = await self._sessions.open(form.get("key").strip())
        except AccessError as error:
            self._failed(request)
            text = str(error)
            return self.form(request, next_=next_, status=403, refusal=f"{text[:1].upper()}{text[1:]}.")
        return self.start_session(request, token, next_)

    async def sign_in_by_link(self, request: Request, form: Form, link: str) -> Response:
        """Open a session from the form of a one-time link."""
        self._check(request, form)
        if not self._may_try(request):
            return self.form(request, next_="/", status=429, refusal=_TOO_MANY)
        token = None
        if await self._sessions.is_valid_link(link):
            token = await self._sessions.open_by_link(link)
        if token is None:
            self._failed(request)
            return self.form(request, next_="/", status=404, refusal=_NO_LINK)
        return self.start_session(request, token, "/")

    def go_on(self, next_: str) -> Response:
        """A redirect to the page that the person asked for before signing in."""
        location = f"{base_path(self._service)}{self.safe_next(next_)}"
        return RedirectResponse(location, 303, {"cache-control": "no-store"})

    async def sign_out(self, request: Request) -> Response:
        """End the session in all tabs."""
        url = self._service.settings.server.url
        await self._sessions.end(cookie_of(request, SESSION, url=url))
        response = RedirectResponse(f"{base_path(self._service)}/sign-in", 303)
        drop_cookie(request, response, SESSION, url=url)
        return response

    def _shown(self, request: Request, template: str, status: int, values: Mapping[str, object]) -> Response:
        """A form for a person without a session, and the cookie that its token is bound to."""
        held = self.browser_of(request) or new_token()
        common = {"base": base_path(self._service), "form_token": form_token(held)}
        response = page_response(template, status, {**common, **values})
        self.keep_browser(request, response, held)
        return response

    def _check(self, request: Request, form: Form) -> None:
        held = self.browser_of(request)
        if not held or not hmac.compare_digest(form_token(held).encode(), form.get("form_token").encode()):
            raise PageError(
                403, "This form is of another browser, or old: open the page anew, and sign in there."
            )

    def start_session(self, request: Request, token: str, next_: str) -> Response:
        """Set the session's cookie, and redirect."""
        url = self._service.settings.server.url
        response = self.go_on(next_)
        set_cookie(request, response, SESSION, token, url=url)
        drop_cookie(request, response, BEFORE_SIGN_IN, url=url)
        return response

    def safe_next(self, next_: str) -> str:
        """The address to go to after sign-in: `next_` if it is one of our pages, else the first page."""
        try:
            parts = urlsplit(next_)
        except ValueError:
            return "/"
        plain = next_.isascii() and next_.isprintable() and "\\" not in next_ and not next_.startswith("//")
        if parts.scheme or parts.netloc or not plain or not self._serves(parts.path):
            return "/"
        return next_

    def address_of(self, request: Request) -> str:
        """The client's address, behind trusted proxies."""
        return client_address(request, self._service.settings.server.trusted_proxies)

    def browser_of(self, request: Request) -> str:
        """The id of a browser without a session; empty if it has no cookie."""
        return cookie_of(request, BEFORE_SIGN_IN, url=self._service.settings.server.url)

    def keep_browser(self, request: Request, response: Response, held: str) -> None:
        set_cookie(request, response, BEFORE_SIGN_IN, held, url=self._service.settings.server.url)

    def _may_try(self, request: Request) -> bool:
        return self._tries.left(self.address_of(request), self._service.database.now())

    def _failed(self, request: Request) -> None:
        """Count a failed attempt. Successful ones are not counted: many people may share the address of one proxy."""
        self._tries.take(self.address_of(request), self._service.database.now())
