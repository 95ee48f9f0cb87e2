"""Channel tests: real deliveries whose outcomes are awaited."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from notifier.domain.notification import Reason
from notifier.domain.time import SECOND, Duration
from notifier.policy.rules import AlertingRules
from notifier.runtime.running_service import ChannelTestOutcome
from notifier.runtime.system_messages import system_message
from notifier.store import notifications, views
from notifier.store.database import Database, Tx
from notifier.store.views import DeliveryView
from notifier.wording import sentences

TEST_TIMEOUT: Duration = 40 * SECOND
POLL_S = 0.05


async def test_channel(
    database: Database, rules: AlertingRules, *, name: str, project: str, actor: str
) -> tuple[ChannelTestOutcome, ...]:
    """Sends a real message to each target of a channel, and waits for the outcomes."""
    message = system_message(
        reason=Reason.TEST,
        title="this channel works",
        note=sentences.channel_test(name, actor),
        project=project,
        at=database.now(),
    )
    ids = await database.write(
        lambda tx: notifications.enqueue_test(tx, rules, project=project, channel=name, message=message)
    )
    until = database.now() + TEST_TIMEOUT
    while True:
        sent = await database.read(lambda tx: _deliveries(tx, ids))
        if all(delivery.finished_at is not None for delivery in sent) or database.now() > until:
            return tuple(map(_outcome, sent))
        await asyncio.sleep(POLL_S)


def _deliveries(tx: Tx, ids: Sequence[str]) -> list[DeliveryView]:
    deliveries = (views.delivery(tx, id_, project=None) for id_ in ids)
    return [delivery for delivery in deliveries if delivery is not None]


def _outcome(delivery: DeliveryView) -> ChannelTestOutcome:
    unknown = delivery.finished_at is None
    return ChannelTestOutcome(
        target=delivery.target,
        delivery=delivery.id,
        outcome="pending" if delivery.outcome is None else delivery.outcome.value,
        detail="no outcome yet: look at the delivery later" if unknown else delivery.detail,
    )
