"""Links in mails: what a link offers to its recipient, and its action once they confirm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from notifier.domain.incident import Incident
from notifier.domain.time import HOUR, Duration, Instant
from notifier.oncall import actions
from notifier.oncall.actor import Actor
from notifier.oncall.errors import Unknown
from notifier.store import tokens, views
from notifier.store.database import Database, Tx

SNOOZE: Duration = 4 * HOUR
KEY_NAME = "mail link"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """The action that a link would perform in the name of `recipient`, and the incident's current state."""

    action: str
    recipient: str
    incident: Incident
    spent_at: Instant | None
    expired: bool

    @property
    def over(self) -> bool:
        """Whether the link is spent or expired."""
        return self.expired or self.spent_at is not None


async def find_offer(database: Database, token: str, *, url: str | None) -> Offer:
    """The offer of a link. Raises `Unknown`. Changes nothing, because mail scanners follow links."""
    return await database.read(lambda tx: _offer(tx, token, url))


async def accept(database: Database, token: str, *, new_id: Callable[[], str]) -> bool:
    """Performs the action, once. Returns False if the link is spent or expired.

    Raises `Unknown` if there is no such link, and `Refused` if the incident's state does not allow the action. The
    link is not spent then, because the state may change again.
    """
    return await database.write(lambda tx: _accept(tx, token, new_id))


def _offer(tx: Tx, token: str, url: str | None) -> Offer:
    stored = tokens.look(tx, token)
    incident = (
        None if stored is None else views.incident(tx, stored.incident, project=stored.project, url=url)
    )
    if stored is None or incident is None:
        raise Unknown("link")
    return Offer(
        action=stored.action,
        recipient=stored.recipient,
        incident=incident,
        spent_at=stored.spent_at,
        expired=stored.expires_at <= tx.now,
    )


def _accept(tx: Tx, token: str, new_id: Callable[[], str]) -> bool:
    spent = tokens.spend(tx, token)
    if spent is None:
        if tokens.look(tx, token) is None:
            raise Unknown("link")
        return False
    actor = Actor(
        name=spent.recipient,
        key_name=KEY_NAME,
        project=spent.project,
        project_scope=spent.project,
        new_id=new_id,
    )
    name = str(spent.incident)
    if spent.action == "snooze":
        actions.snooze(tx, actor, name, until=tx.now + SNOOZE)
    elif spent.action == "resolve":
        actions.resolve(tx, actor, name)
    else:
        actions.acknowledge(tx, actor, name)
    return True
