"""The transport of the guarded client: sessions that check addresses, and how far a failed exchange got.

It is built on aiohttp, Slack's own asynchronous transport, whose connector can check addresses at connect time. httpx
does not expose that, and takes five times the CPU time for a POST.
"""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote

import aiohttp
import aiohttp.abc
import certifi
import httpx
from aiohttp.abc import AbstractStreamWriter
from yarl import URL

from notifier.channels.addresses import Network, refusal
from notifier.channels.alpn import ALPN, Connection, is_http2_only
from notifier.channels.connection_failures import HTTP2_ONLY, explained_failure, unreachable
from notifier.channels.lookups import stream_addresses
from notifier.channels.outcomes import retry_after
from notifier.channels.reply import Peer, Reply
from notifier.domain.delivery import Outcome
from notifier.domain.errors import SendError
from notifier.domain.time import SECOND, Duration
from notifier.telemetry.clock import Clock

CONNECT: Duration = 8 * SECOND
# Once a status has arrived, a slow body is not worth waiting for.
BODY: Duration = 5 * SECOND
RESPONSE_CAP = 64 * 1024
CONNECTIONS = 100
ODD_HOST = "the address policy refuses this host: give an address in its usual form, as in 192.0.2.1"
# Below the 5 s after which uvicorn and Node close: a request that races with a close counts as a possible repeat.
KEEP_ALIVE_SECONDS = 4.0


class GuardedTransport:
    """Posts to addresses that the policy allows."""

    def __init__(
        self, *, clock: Clock, allow_private_addresses: bool, deadline: Duration, tls: ssl.SSLContext | None
    ) -> None:
        self._clock = clock
        self._allow_private = allow_private_addresses
        self._deadline = deadline
        self._tls = tls
        # One session per set of exempt networks, so that no channel gets a connection that another was allowed to
        # make.
        self._sessions: dict[tuple[str, frozenset[Network]], aiohttp.ClientSession] = {}

    async def post(
        self,
        url: httpx.URL,
        body: bytes,
        *,
        headers: Mapping[str, str],
        exempt: frozenset[Network],
        method: str = "POST",
    ) -> Reply:
        """The response, whatever its status. Raises `SendError`: blocked, transient (unwritten) or ambiguous."""
        exchange = _Exchange(body=body, method=method)
        try:
            async with asyncio.timeout(self._deadline / SECOND):
                await self._exchange(self._session(url.scheme, exempt), url, headers, exchange)
        except aiohttp.InvalidURL:
            raise SendError(Outcome.BLOCKED, ODD_HOST) from None
        except TimeoutError:
            return exchange.reply_or(SendError(exchange.unanswered, exchange.late))
        except (aiohttp.ClientError, OSError, EOFError) as error:
            failure = exchange.failure(error, url.host)
            if failure.outcome is Outcome.AMBIGUOUS and exchange.reply is None:
                failure = await self._http2_only(url, exempt) or failure
            return exchange.reply_or(failure)
        return exchange.reply_or(SendError(exchange.unanswered, exchange.broken))

    async def reach(self, url: httpx.URL, *, exempt: frozenset[Network]) -> Peer:
        """Connects to an address that the policy allows, closes the connection and returns the peer."""
        guard, secure = _Guard(exempt, allow_private=self._allow_private), url.scheme == "https"
        host, port = url.raw_host.decode("ascii"), url.port or (443 if secure else 80)
        try:
            async with asyncio.timeout(CONNECT / SECOND):
                first, *_ = await guard.resolve(host, port)
                _, writer = await asyncio.open_connection(
                    first["host"],
                    port,
                    ssl=self._trust() if secure else None,
                    server_hostname=url.host if secure else None,
                )
        except TimeoutError:
            raise SendError(Outcome.TRANSIENT, "no connection could be made in time") from None
        except OSError as error:
            raise unreachable(error, url.host) from None
        certificate = writer.get_extra_info("peercert") if secure else None
        writer.transport.abort()
        ends = ssl.cert_time_to_seconds(certificate["notAfter"]) * SECOND if certificate else None
        return Peer(address=first["host"], port=port, certificate_ends=ends)

    async def aclose(self) -> None:
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    async def _http2_only(self, url: httpx.URL, exempt: frozenset[Network]) -> SendError | None:
        """The error for a receiver that speaks only HTTP/2, which read nothing. None if that is not the cause."""
        guard = _Guard(exempt, allow_private=self._allow_private)

        async def connect() -> Connection:
            first, *_ = await guard.resolve(url.raw_host.decode("ascii"), url.port or 443)
            return await asyncio.open_connection(first["host"], first["port"])

        if url.scheme == "https" and await is_http2_only(connect, url.host, self._trust()):
            return SendError(Outcome.PERMANENT, HTTP2_ONLY)
        return None

    async def _exchange(
        self, session: aiohttp.ClientSession, url: httpx.URL, headers: Mapping[str, str], exchange: _Exchange
    ) -> None:
        target = URL(
            f"{url.scheme}://{url.netloc.decode('ascii')}{url.raw_path.decode('ascii')}", encoded=True
        )
        body = _Body(exchange) if exchange.method == "POST" else None
        response = await session.request(
            exchange.method, target, data=body, headers=_wire_headers(url, headers), allow_redirects=False
        )
        try:
            exchange.reply = self._reply(response)
            async with asyncio.timeout(BODY / SECOND):
                exchange.reply = await _with_body(exchange.reply, response)
        finally:
            response.close()

    def _reply(self, response: aiohttp.ClientResponse) -> Reply:
        return Reply(
            status=response.status,
            content_type=response.headers.get("Content-Type", ""),
            retry_after=retry_after(response.headers.get("Retry-After"), self._clock.now()),
            whole=False,
            headers={name.lower(): value for name, value in response.headers.items()},
        )

    def _session(self, scheme: str, exempt: frozenset[Network]) -> aiohttp.ClientSession:
        key = (scheme, exempt)
        if key not in self._sessions:
            guard = _Guard(exempt, allow_private=self._allow_private)
            self._sessions[key] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    resolver=guard,
                    socket_factory=guard.socket,
                    use_dns_cache=False,
                    ssl=self._trust() if scheme == "https" else True,
                    limit=CONNECTIONS,
                    keepalive_timeout=KEEP_ALIVE_SECONDS,
                ),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT / SECOND),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                max_line_size=RESPONSE_CAP,
                max_field_size=RESPONSE_CAP,
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            )
        return self._sessions[key]

    def _trust(self) -> ssl.SSLContext:
        """A context that trusts the system's authorities and certifi's. Loaded at the first https request, in 20 ms."""
        if self._tls is None:
            self._tls = ssl.create_default_context()
            self._tls.load_verify_locations(certifi.where())
        self._tls.set_alpn_protocols(ALPN)
        return self._tls


@dataclass(slots=True, kw_only=True)
class _Exchange:
    """The progress of one request. Unless it is known to be unwritten it may have arrived."""

    body: bytes
    method: str
    written: bool = False
    reply: Reply | None = None

    @property
    def unanswered(self) -> Outcome:
        return Outcome.AMBIGUOUS if self.written else Outcome.TRANSIENT

    @property
    def late(self) -> str:
        return (
            "the receiver did not answer in time" if self.written else "no connection could be made in time"
        )

    @property
    def broken(self) -> str:
        return "the connection broke before an answer came" if self.written else "no connection could be made"

    def failure(self, error: BaseException, host: str) -> SendError:
        """The error with the peer's fault if that is known, else by how far the exchange got."""
        explained = explained_failure(error, host)
        return explained or SendError(self.unanswered, f"{self.broken} ({_kind(error)})")

    def reply_or(self, error: SendError) -> Reply:
        """The response if a status has arrived, even without its body. Raises the error otherwise."""
        if self.reply is None:
            raise error from None
        return self.reply


class _Body(aiohttp.BytesPayload):
    """A body that records when it is read: the next step writes it to the socket, together with the headers."""

    def __init__(self, exchange: _Exchange) -> None:
        super().__init__(exchange.body)
        self._exchange = exchange

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        self._exchange.written = True
        await super().write_with_length(writer, content_length)


async def _with_body(reply: Reply, response: aiohttp.ClientResponse) -> Reply:
    body = b""
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) >= RESPONSE_CAP:
            break
    else:
        return _filled(reply, body, whole=True)
    return _filled(reply, body[:RESPONSE_CAP], whole=False)


def _filled(reply: Reply, body: bytes, *, whole: bool) -> Reply:
    return replace(reply, body=body, whole=whole)


def _wire_headers(url: httpx.URL, headers: Mapping[str, str]) -> dict[str, str]:
    own = {"Host": url.netloc.decode("ascii"), "User-Agent": "notifier"}
    if url.userinfo:
        credentials = unquote(url.userinfo.decode("ascii")).encode()
        own["Authorization"] = "Basic " + base64.b64encode(credentials).decode("ascii")
    return own | dict(headers)


def _kind(error: BaseException) -> str:
    """The error's class name. Its text may contain addresses or what was sent."""
    return type(error).__name__


class _Guard(aiohttp.abc.AbstractResolver):
    """Resolves names and checks all addresses, and the dialled one again. TLS and Host keep the name."""

    def __init__(self, exempt: Iterable[Network], *, allow_private: bool) -> None:
        self._exempt = tuple(exempt)
        self._allow_private = allow_private

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 - the interface is aiohttp's
    ) -> list[aiohttp.abc.ResolveResult]:
        addresses = await _resolve(host, port)
        for _, address in addresses:
            self._check(address)
        return [
            {"hostname": host, "host": address, "port": port, "family": kind, "proto": 0, "flags": _NUMERIC}
            for kind, address in addresses
        ]

    async def close(self) -> None:
        return None

    def socket(self, info: tuple[Any, ...]) -> socket.socket:
        """A socket for an allowed address. Hosts that are addresses were not resolved, so they are checked here."""
        family, kind, protocol, _, address = info
        try:
            self._check(str(address[0]))
        except ValueError:
            raise SendError(Outcome.BLOCKED, ODD_HOST) from None
        return socket.socket(family, kind, protocol)

    def _check(self, address: str) -> None:
        why = refusal(address, allow_private=self._allow_private, exempt=self._exempt)
        if why is not None:
            raise SendError(Outcome.BLOCKED, f"the address policy refuses this host: {why}")


_NUMERIC = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV


async def _resolve(host: str, port: int) -> list[tuple[int, str]]:
    """All addresses of a host with their families, in the resolver's order."""
    try:
        infos = await stream_addresses(host, port)
    except (OSError, UnicodeError):
        raise SendError(Outcome.TRANSIENT, "the host name could not be resolved") from None
    return list(dict.fromkeys((int(entry[0]), str(entry[4][0])) for entry in infos))
