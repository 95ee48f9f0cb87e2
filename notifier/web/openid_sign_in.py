"""`/sign-in/openid` and `/sign-in/openid/callback`: the redirect to the provider, and the session on return."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from notifier.access.errors import AccessError
from notifier.access.sessions import Sessions, new_token
from notifier.domain.time import MINUTE
from notifier.policy.bucket import TokenBucket
from notifier.runtime.running_service import RunningService
from notifier.web.attempt_limit import AttemptLimit
from notifier.web.errors import PageError, status_and_sentence
from notifier.web.forms import Form, parse_form
from notifier.web.sign_in import SignIn
from notifier.web.visit import base_path, origin_of

if TYPE_CHECKING:
    from notifier.web.openid_provider import OpenIdProvider, PendingSignIn

CALLBACK = "/sign-in/openid/callback"
_STARTS = TokenBucket(size=60, count=60, per=MINUTE)
_FIELD_CHARS = 4_096
_TOO_MANY = "Too many sign-ins were begun from this address: wait a minute."
_NOT_OURS = (
    "This sign-in is of another browser, used, or older than ten minutes: nobody is signed in. Start again."
)
_NOT_CONFIRMED = (
    "The provider did not confirm this sign-in: nobody is signed in. Start again, or ask whoever runs it."
)

log = structlog.get_logger(__name__)


class OpenIdSignIn:
    """Sign-in through the provider of `auth.oidc`. A refusal is shown on the sign-in page."""

    def __init__(self, service: RunningService, sessions: Sessions, sign_in: SignIn) -> None:
        self._service = service
        self._sessions = sessions
        self._sign_in = sign_in
        self._starts = AttemptLimit(_STARTS)
        self._known: OpenIdProvider | None = None

    async def redirect_to_provider(self, request: Request) -> Response:
        """Redirect the browser to the provider, with a `state` that is valid in this browser only."""
        next_ = self._sign_in.safe_next(parse_form(request.scope["query_string"]).get("next")[:_FIELD_CHARS])
        now = self._service.database.now()
        if not self._starts.take(self._sign_in.address_of(request), now):
            return self._sign_in.form(request, next_=next_, status=429, refusal=_TOO_MANY)
        browser, state = self._sign_in.browser_of(request) or new_token(), new_token()
        try:
            address = await self._provider().address(self._pending(request, browser, state), now)
        except PageError as error:
            return self._sign_in.form(request, next_=next_, status=error.status, refusal=str(error))
        await self._sessions.begin(state, browser=browser, next_=next_)
        response = RedirectResponse(address, 303, {"cache-control": "no-store"})
        self._sign_in.keep_browser(request, response, browser)
        return response

    async def callback(self, request: Request) -> Response:
        """Open a session for the person that the provider authenticated."""
        query = parse_form(request.scope["query_string"])
        try:
            token, next_ = await self._opened(request, query)
        except (PageError, AccessError) as error:
            status, sentence = status_and_sentence(error) or (403, str(error))
            return self._sign_in.form(request, next_="/", status=status, refusal=sentence)
        return self._sign_in.start_session(request, token, next_)

    async def _opened(self, request: Request, query: Form) -> tuple[str, str]:
        """The token of the new session, and the address that the person first asked for."""
        provider = self._provider()
        state, code, browser = query.get("state"), query.get("code"), self._sign_in.browser_of(request)
        next_ = None
        if browser and state and len(state) + len(browser) + len(code) <= _FIELD_CHARS:
            next_ = await self._sessions.finish_sign_in(state, browser=browser)
        if next_ is None:
            raise PageError(403, _NOT_OURS)
        if not code or "error" in query.fields or query.get("iss") not in {"", provider.settings.issuer}:
            raise PageError(403, _NOT_CONFIRMED)
        pending = self._pending(request, browser, state)
        person = await provider.person(code, pending, self._service.database.now())
        token = await self._sessions.open_for(person)
        log.info("signed_in", issuer=person.issuer, subject=person.subject, name=person.name)
        return token, next_

    def _provider(self) -> OpenIdProvider:
        """The provider in the current configuration."""
        settings = self._service.settings.auth.oidc
        if settings is None:
            raise PageError(404, "No provider is configured here: sign in with a key.")
        if self._known is None or self._known.settings != settings:
            from notifier.web.openid_provider import OpenIdProvider  # noqa: PLC0415 - authlib is an extra

            self._known = OpenIdProvider(settings)
        return self._known

    def _pending(self, request: Request, browser: str, state: str) -> PendingSignIn:
        """The pending sign-in of a `state`. Its other values are derived from that and from the browser's cookie."""
        from notifier.web.openid_provider import PendingSignIn  # noqa: PLC0415 - authlib is an extra

        origin = origin_of(self._service, str(request.base_url))
        return PendingSignIn(
            redirect_uri=f"{origin}{base_path(self._service)}{CALLBACK}",
            state=state,
            nonce=_derived("nonce", browser, state),
            verifier=_derived("verifier", browser, state),
        )


def _derived(purpose: str, browser: str, state: str) -> str:
    text = f"{purpose}:{browser}:{state}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
