"""The outgoing HTTP client of webhook and Slack: checked addresses, bounded time and size, exact outcomes."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, SecretStr

from notifier.channels.addresses import Network
from notifier.channels.reply import Peer, Reply
from notifier.domain.delivery import Outcome
from notifier.domain.errors import SendError
from notifier.domain.time import SECOND, Duration
from notifier.domain.url_names import shown_url
from notifier.telemetry.clock import Clock

if TYPE_CHECKING:
    import httpx

    from notifier.channels.transport import GuardedTransport

__all__ = ["GuardedClient", "Reply", "name_of", "parse_url"]

# Below the 30 s of an attempt, so that this client can still tell whether the request was written.
DEADLINE: Duration = 25 * SECOND


def parse_url(text: str) -> httpx.URL:
    """Parses a URL to post to. Raises `ValueError` with a sentence that does not repeat the URL."""
    import httpx  # noqa: PLC0415 - takes half a second, and not every start parses a URL

    try:
        url = httpx.URL(text)
        target = url.raw_path
    except (httpx.InvalidURL, ValueError, TypeError):
        raise ValueError("is not a valid URL") from None
    if url.scheme not in {"http", "https"}:
        raise ValueError("must begin with https://")
    if not re.fullmatch(rb"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*", url.raw_host) or not target:
        raise ValueError("has no valid host")
    if url.port is not None and not 1 <= url.port <= 65_535:
        raise ValueError("has no valid port; the URL's port must be 1 to 65535")
    return url


def _checked(url: SecretStr) -> SecretStr:
    parse_url(url.get_secret_value())
    return url


SecretUrl = Annotated[SecretStr, AfterValidator(_checked)]
"""The type of a setting for a URL that is posted to and may hold credentials."""


def name_of(url: httpx.URL) -> str:
    """The URL without userinfo, query, fragment, and tokens in its path, as it is stored and shown."""
    return shown_url(str(url))


class GuardedClient:
    """Posts to addresses that the policy allows.

    `allow_private_addresses` allows everything but link-local, and `http://`. `deadline` limits a whole request, in
    milliseconds. Environment variables are ignored and redirects are not followed.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        allow_private_addresses: bool = False,
        deadline: Duration = DEADLINE,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._clock = clock
        self._allow_private = allow_private_addresses
        self._deadline = deadline
        self._tls = tls
        self._transport: GuardedTransport | None = None

    async def post(
        self,
        url: httpx.URL,
        body: bytes,
        *,
        headers: Mapping[str, str],
        allow_addresses: Iterable[Network] = (),
    ) -> Reply:
        """The response, whatever its status. Raises `SendError`: blocked, transient (unwritten) or ambiguous."""
        self._refuse_plain(url)
        return await self._opened().post(url, body, headers=headers, exempt=frozenset(allow_addresses))

    async def reach(self, url: httpx.URL, *, allow_addresses: Iterable[Network] = ()) -> Peer:
        """Connects as for a post, TLS included, and sends nothing. Raises `SendError` if that fails."""
        self._refuse_plain(url)
        return await self._opened().reach(url, exempt=frozenset(allow_addresses))

    def _refuse_plain(self, url: httpx.URL) -> None:
        if url.scheme != "https" and not self._allow_private:
            raise SendError(
                Outcome.BLOCKED, "http:// is refused: use https://, or set delivery.allow_private_addresses"
            )

    async def get(self, url: httpx.URL) -> Reply:
        """The response to a GET over TLS, whatever its status. Raises `SendError` as `post` does."""
        if url.scheme != "https":
            raise SendError(Outcome.BLOCKED, "http:// is refused: use https://")
        return await self._opened().post(url, b"", headers={}, exempt=frozenset(), method="GET")

    async def aclose(self) -> None:
        if self._transport is not None:
            await self._transport.aclose()

    def _opened(self) -> GuardedTransport:
        if self._transport is None:
            from notifier.channels.transport import GuardedTransport  # noqa: PLC0415 - takes a tenth of a second

            self._transport = GuardedTransport(
                clock=self._clock,
                allow_private_addresses=self._allow_private,
                deadline=self._deadline,
                tls=self._tls,
            )
        return self._transport
