"""Requests to Amazon SNS: certificates, and confirmation of subscriptions, by the guarded client."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Protocol

from notifier.channels.http import GuardedClient, parse_url
from notifier.channels.reply import Reply
from notifier.domain.errors import SendError
from notifier.domain.time import HOUR, MINUTE, Duration, Instant
from notifier.ingest.formats.sns import SnsMessage

CERTIFICATE_TTL: Final[Duration] = 24 * HOUR
FAILURE_TTL: Final[Duration] = MINUTE
MAX_CACHED: Final = 100
FORM: Final = "application/x-www-form-urlencoded"


class SnsUnreachable(Exception):
    """The request to Amazon failed or was refused. The sender may retry."""


class SnsClient(Protocol):
    """The two requests to Amazon: for a certificate, and to confirm a subscription."""

    async def get(self, address: str) -> Reply: ...
    async def post(self, address: str, body: bytes) -> Reply: ...


class GuardedSnsClient:
    """Sends requests by the guarded client, which checks addresses by the policy."""

    def __init__(self, http: GuardedClient) -> None:
        self._http = http

    async def get(self, address: str) -> Reply:
        return await self._http.get(parse_url(address))

    async def post(self, address: str, body: bytes) -> Reply:
        return await self._http.post(parse_url(address), body, headers={"Content-Type": FORM})


class SnsAuthority:
    """Caches certificates for a day and failures for a minute, so that senders cannot cause requests at will."""

    def __init__(self, client: SnsClient, now: Callable[[], Instant]) -> None:
        self._client = client
        self._now = now
        self._kept: OrderedDict[str, tuple[Instant, bytes | None]] = OrderedDict()

    async def certificate(self, address: str) -> bytes:
        """The certificate at an address from `SnsMessage.certificate`. Raises `SnsUnreachable`."""
        until, pem = self._kept.get(address, (0, None))
        now = self._now()
        if until <= now:
            pem = await self._fetched(address)
            self._kept[address] = (now + (FAILURE_TTL if pem is None else CERTIFICATE_TTL), pem)
            self._kept.move_to_end(address)
            while len(self._kept) > MAX_CACHED:
                self._kept.popitem(last=False)
        if pem is None:
            raise SnsUnreachable
        return pem

    async def confirm(self, message: SnsMessage) -> None:
        """Confirms the subscription of a verified message. Raises `SnsUnreachable`."""
        body = (
            f"Action=ConfirmSubscription&TopicArn={message.topic.replace(':', '%3A')}&Token={message.token}"
        )
        try:
            reply = await self._client.post(f"https://{message.host}/", body.encode())
        except SendError:
            raise SnsUnreachable from None
        if reply.status != 200:
            raise SnsUnreachable

    async def _fetched(self, address: str) -> bytes | None:
        try:
            reply = await self._client.get(address)
        except SendError:
            return None
        return reply.body if reply.status == 200 and reply.whole else None
