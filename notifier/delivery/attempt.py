"""One attempt at one delivery: its deadline, and its edge, where any error becomes an outcome."""

from __future__ import annotations

import asyncio

from notifier.channels.base import Channel
from notifier.delivery.jobs import Job
from notifier.domain.delivery import Outcome, Receipt
from notifier.domain.errors import SendError
from notifier.domain.time import SECOND, Duration
from notifier.telemetry.logging import get

DEADLINE: Duration = 30 * SECOND


async def attempt(channel: Channel, job: Job, *, deadline: Duration = DEADLINE) -> Receipt | SendError:
    """Send, within the deadline. A channel's defect is a transient failure: people correct it, and the alert waits."""
    try:
        async with asyncio.timeout(deadline / 1000):
            return await channel.send(job.message, target=job.address, thread=job.thread)
    except SendError as error:
        return error
    except TimeoutError:
        return SendError(Outcome.AMBIGUOUS, f"no outcome within {deadline // SECOND} seconds")
    except Exception as error:  # noqa: BLE001 - the one edge where anything may come
        get("notifier.delivery").error(
            "channel_defect", channel=job.channel, delivery=job.id, error=type(error).__name__, exc_info=error
        )
        return SendError(
            Outcome.TRANSIENT, f"the channel failed with {type(error).__name__}: see the service's log"
        )
