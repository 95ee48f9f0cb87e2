"""The client of an OpenID Connect provider: the address to send people to, and the identity that comes back."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import structlog
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from httpx2 import HTTPError, InvalidURL, create_ssl_context
from joserfc.jwk import KeySet

from notifier.domain.person import RecognisedPerson
from notifier.domain.time import HOUR, SECOND, Instant
from notifier.settings.auth import OpenIdSettings
from notifier.web.errors import PageError
from notifier.web.openid_token import UnknownSigningKey, check_claims, claims_of, keys_in, person_of

DEADLINE_S = 10.0
"""The limit for all requests to the provider within one step of a sign-in."""

_KNOWN_FOR = HOUR
_KEYS_ASKED_EVERY = 10 * SECOND
"""The least time between two fetches of the key set, so that tokens with unknown keys do not load the provider."""
_WELL_KNOWN = "/.well-known/openid-configuration"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderEndpoints:
    """The provider's discovery document. `auth_method` is how this service authenticates at the token endpoint."""

    authorization: str
    token: str
    jwks: str
    userinfo: str | None
    auth_method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingSignIn:
    """The state of a sign-in while the person is at the provider."""

    redirect_uri: str
    state: str
    nonce: str
    verifier: str


class OpenIdProvider:
    """A provider; its discovery document and keys are cached for an hour.

    Methods raise `PageError`: 503 if the provider's answer is missing or malformed, 403 if it refuses or its token
    proves nothing.
    """

    def __init__(self, settings: OpenIdSettings) -> None:
        self.settings = settings
        self._endpoints: tuple[ProviderEndpoints, Instant] | None = None
        self._keys: tuple[KeySet, Instant] | None = None
        self._tls: ssl.SSLContext | None = None

    async def address(self, pending: PendingSignIn, now: Instant) -> str:
        """The provider's authorization URL for a sign-in."""
        async with self._asking(pending.redirect_uri) as http:
            endpoints = await self._described(http, now)
            url, _ = http.create_authorization_url(
                endpoints.authorization,
                state=pending.state,
                nonce=pending.nonce,
                code_verifier=pending.verifier,
            )
        return str(url)

    async def person(self, code: str, pending: PendingSignIn, now: Instant) -> RecognisedPerson:
        """The person who returned with this authorization code."""
        settings = self.settings
        async with self._asking(pending.redirect_uri) as http:
            endpoints = await self._described(http, now)
            http.token_endpoint_auth_method = endpoints.auth_method
            given = await http.fetch_token(
                endpoints.token, code=code, code_verifier=pending.verifier, grant_type="authorization_code"
            )
            token = given.get("id_token") if isinstance(given, dict) else None
            if not isinstance(token, str):
                raise PageError(
                    403, "The provider sent no id token: has it the scope `openid` for this client?"
                )
            claims = await self._claims(http, token, endpoints, now)
            check_claims(
                claims, issuer=settings.issuer, client_id=settings.client_id, nonce=pending.nonce, now=now
            )
            if settings.groups_claim not in claims and endpoints.userinfo is not None:
                claims = await self._with_userinfo(http, claims, given, endpoints.userinfo)
        return person_of(claims, issuer=settings.issuer, groups_claim=settings.groups_claim)

    @asynccontextmanager
    async def _asking(self, redirect_uri: str) -> AsyncIterator[Any]:
        """An HTTP client for one step, within the deadline. Errors are logged and raised as `PageError`."""
        try:
            async with asyncio.timeout(DEADLINE_S), self._client(redirect_uri) as http:
                yield http
        except OAuthError as error:
            log.warning("openid_refused", error=str(error.error)[:100])
            raise PageError(403, "The provider did not confirm this sign-in: start again.") from None
        except (HTTPError, InvalidURL, TimeoutError, OSError, ValueError) as error:
            log.warning("openid_provider_failed", error=type(error).__name__)
            raise PageError(
                503, "The provider does not answer as it must just now: try again, or sign in with a key."
            ) from None

    def _client(self, redirect_uri: str) -> Any:
        self._tls = self._tls or create_ssl_context()
        return AsyncOAuth2Client(
            client_id=self.settings.client_id,
            client_secret=self.settings.client_secret,
            scope=" ".join(self.settings.scopes),
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
            timeout=DEADLINE_S / 2,
            verify=self._tls,
        )

    async def _described(self, http: Any, now: Instant) -> ProviderEndpoints:
        if self._endpoints is not None and 0 <= now - self._endpoints[1] < _KNOWN_FOR:
            return self._endpoints[0]
        document = await _json(http, f"{self.settings.issuer.rstrip('/')}{_WELL_KNOWN}")
        if document.get("issuer") != self.settings.issuer:
            log.warning("openid_issuer_differs", configured=self.settings.issuer)
            raise PageError(
                503,
                "The provider calls itself otherwise than `auth.oidc.issuer` does: correct it, then try again.",
            )
        endpoints = _endpoints(document)
        self._endpoints = endpoints, now
        return endpoints

    async def _claims(
        self, http: Any, token: str, endpoints: ProviderEndpoints, now: Instant
    ) -> Mapping[str, Any]:
        """The claims of a token. If its key is unknown, the key set is fetched again once."""
        keys, at = self._keys or (None, now)
        if keys is None or not 0 <= now - at < _KNOWN_FOR:
            keys, at = await self._ask_keys(http, endpoints, now), now
        elif now - at >= _KEYS_ASKED_EVERY:
            try:
                return claims_of(token, keys)
            except UnknownSigningKey:
                keys = await self._ask_keys(http, endpoints, now)
        try:
            return claims_of(token, keys)
        except UnknownSigningKey:
            raise PageError(
                403, "The provider's token is signed by a key that it does not publish: start again."
            ) from None

    async def _ask_keys(self, http: Any, endpoints: ProviderEndpoints, now: Instant) -> KeySet:
        keys = keys_in(await _json(http, endpoints.jwks))
        self._keys = keys, now
        return keys

    async def _with_userinfo(
        self, http: Any, claims: Mapping[str, Any], given: Mapping[str, Any], address: str
    ) -> Mapping[str, Any]:
        """The claims merged with those of the userinfo endpoint, whose subject must be the same."""
        access = given.get("access_token")
        if not isinstance(access, str) or not access.isascii() or not access.isprintable():
            return claims
        more = await _json(http, address, headers={"authorization": f"Bearer {access}"})
        return {**more, **claims} if more.get("sub") == claims.get("sub") else claims


async def _json(http: Any, address: str, *, headers: Mapping[str, str] | None = None) -> Mapping[str, Any]:
    answer = await http.request("GET", address, withhold_token=True, headers=headers)
    answer.raise_for_status()
    document = answer.json()
    if not isinstance(document, dict):
        raise ValueError("expected an object")  # noqa: TRY004 - as for invalid JSON
    return document


def _endpoints(document: Mapping[str, Any]) -> ProviderEndpoints:
    methods = document.get("token_endpoint_auth_methods_supported")
    posts = (
        isinstance(methods, list) and "client_secret_basic" not in methods and "client_secret_post" in methods
    )
    userinfo = document.get("userinfo_endpoint")
    return ProviderEndpoints(
        authorization=_address(document.get("authorization_endpoint")),
        token=_address(document.get("token_endpoint")),
        jwks=_address(document.get("jwks_uri")),
        userinfo=None if userinfo is None else _address(userinfo),
        auth_method="client_secret_post" if posts else "client_secret_basic",
    )


def _address(value: Any) -> str:
    if not isinstance(value, str) or urlsplit(value).scheme not in {"http", "https"}:
        raise ValueError("expected an address")
    return value
