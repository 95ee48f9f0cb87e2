"""Queries about deliveries, and the command that sends a dead one again."""

from __future__ import annotations

from dataclasses import dataclass

from notifier.domain.delivery import DeliveryState
from notifier.domain.message import Message
from notifier.domain.value import replace
from notifier.oncall.actor import Actor
from notifier.oncall.errors import Refused, Unknown
from notifier.oncall.names import exact_id
from notifier.oncall.paging import Listing, PageRequest, listing
from notifier.policy.rules import AlertingRules
from notifier.store import dead_letters, views
from notifier.store.database import Database, Tx
from notifier.store.json_rows import json_value
from notifier.store.views import DeliveryAttempt, DeliveryView

__all__ = [
    "TARGET_GONE",
    "DeliveryAttempt",
    "DeliveryDetail",
    "DeliveryView",
    "detail",
    "find",
    "get",
    "redeliver",
]

TARGET_GONE = (
    "the configuration no longer has this delivery's target: discard it, or configure the target again"
)


async def find(
    database: Database,
    *,
    project: str,
    state: DeliveryState | None,
    channel: str | None,
    page_request: PageRequest,
) -> Listing[DeliveryView]:
    """Deliveries of a project, newest first."""
    query = views.DeliverySearch(project=project, state=state, channel=channel)
    after = page_request.after("deliveries")
    page = await database.read(
        lambda tx: views.find_deliveries(tx, query, after=after, limit=page_request.limit)
    )
    return listing("deliveries", page)


async def get(
    database: Database, id_: str, *, project_scope: str | None
) -> tuple[DeliveryView, tuple[DeliveryAttempt, ...]]:
    """A delivery with all its attempts. Raises `Unknown`."""

    def read(tx: Tx) -> tuple[DeliveryView, tuple[DeliveryAttempt, ...]]:
        delivery = _known(tx, id_, project_scope)
        return delivery, views.attempts_of(tx, delivery.id)

    return await database.read(read)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryDetail:
    """A delivery with all its attempts, and the message that they carry."""

    delivery: DeliveryView
    attempts: tuple[DeliveryAttempt, ...]
    message: Message


async def detail(database: Database, id_: str, *, project_scope: str | None) -> DeliveryDetail:
    """A delivery with all its details. Raises `Unknown`."""

    def read(tx: Tx) -> DeliveryDetail:
        delivery = _known(tx, id_, project_scope)
        message = Message.from_json(json_value(views.stored_message(tx, delivery.id)))
        return DeliveryDetail(
            delivery=delivery,
            attempts=views.attempts_of(tx, delivery.id),
            message=replace(message, id=delivery.id, thread_id=delivery.thread_id),
        )

    return await database.read(read)


async def redeliver(
    database: Database, rules: AlertingRules, id_: str, actor: Actor
) -> tuple[DeliveryView, tuple[DeliveryAttempt, ...]]:
    """Makes a dead delivery pending again, under its id. Raises `Refused` with its state if it is not dead."""

    def work(tx: Tx) -> tuple[DeliveryView, tuple[DeliveryAttempt, ...]]:
        before = _known(tx, id_, actor.project_scope)
        if before.state is not DeliveryState.DEAD:
            raise Refused(
                f"only a dead delivery is redelivered, and this one is {before.state.value}",
                state=before.state.value,
            )
        if before.target_id not in rules.channel_of:
            raise Refused(TARGET_GONE, state=before.state.value)
        dead_letters.redeliver(tx, rules, [before.id])
        actor.record(tx, "redeliver", before.id)
        return _known(tx, before.id, actor.project_scope), views.attempts_of(tx, before.id)

    return await database.write(work)


def _known(tx: Tx, id_: str, project_scope: str | None) -> DeliveryView:
    delivery = views.delivery(tx, exact_id(tx, "delivery", id_, project_scope), project=project_scope)
    if delivery is None:
        raise Unknown("delivery")
    return delivery
