"""Amazon SNS envelopes at a format's door: verification, and confirmation of subscriptions."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

from notifier.api.problems import HttpProblem, retry_after
from notifier.domain.time import SECOND, Instant
from notifier.ingest.batch import Malformed
from notifier.ingest.formats import sns
from notifier.ingest.formats.reading import MissingExtra
from notifier.ingest.formats.sns import SnsMessage
from notifier.runtime.sns import SnsAuthority, SnsUnreachable
from notifier.telemetry.logging import get

AGAIN: Final = 20 * SECOND

log = get("notifier.sns")


class SnsEnvelopes:
    """Accepts messages of allowed topics with a valid signature."""

    def __init__(self, authority: SnsAuthority, now: Callable[[], Instant]) -> None:
        self._authority = authority
        self._now = now

    async def accepted(self, body: bytes, topics: Collection[str], name: str) -> SnsMessage | None:
        """The message if it contains events, or None if it was about the subscription.

        `HttpProblem` is raised if refused.
        """
        try:
            message = sns.parse(body)
        except Malformed as error:
            raise HttpProblem(422, error.message) from None
        if message.topic not in topics:
            raise HttpProblem(403, f"this topic is not allowed: name its ARN in formats.{name}.verify.topics")
        await self._verify(message)
        if message.type == "Notification":
            return message
        if message.type == "SubscriptionConfirmation":
            await self._confirm(message)
        return None

    async def _verify(self, message: SnsMessage) -> None:
        now = self._now()
        if not sns.is_fresh(message, now):
            raise HttpProblem(401, "the message was not made within the last day: it may be a replay")
        if message.certificate is None:
            raise HttpProblem(401, "SigningCertURL: is not Amazon's address of this region's certificates")
        try:
            pem = await self._authority.certificate(message.certificate)
            signed = sns.is_signed(message, pem, now)
        except SnsUnreachable:
            raise retry_after(
                503, "the certificate could not be fetched: send the same again", AGAIN
            ) from None
        except MissingExtra:
            raise HttpProblem(415, "SNS needs the extra `aws` of this service: install it") from None
        if not signed:
            raise HttpProblem(401, "the signature is not that of the certificate")

    async def _confirm(self, message: SnsMessage) -> None:
        if message.token is None:
            raise HttpProblem(422, "Token: is missing, so that there is nothing to confirm with")
        try:
            await self._authority.confirm(message)
        except SnsUnreachable:
            raise retry_after(
                503, "the subscription could not be confirmed: send the same again", AGAIN
            ) from None
        log.info("sns_subscription_confirmed", topic=message.topic)
