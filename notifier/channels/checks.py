"""Sentences about a receiver that was checked without sending."""

from __future__ import annotations

from notifier.channels.reply import Peer
from notifier.domain.delivery import Outcome
from notifier.domain.errors import SendError
from notifier.domain.time import DAY, Instant

ENDS_SOON_DAYS = 14


def reached(peer: Peer, now: Instant) -> str:
    """A sentence about an open connection. Raises `SendError` if the certificate expires within two weeks."""
    where = f"a connection to {peer.address} port {peer.port} stands"
    if peer.certificate_ends is None:
        return f"{where}, without TLS"
    days = (peer.certificate_ends - now) // DAY
    if days < ENDS_SOON_DAYS:
        raise SendError(
            Outcome.TRANSIENT, f"{where}, but the receiver's certificate ends in {days} days: have it renewed"
        )
    return f"{where}, and the receiver's certificate is valid for {days} days"
