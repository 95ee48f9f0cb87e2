"""Actions requested by senders, which identify an incident by their own key."""

from __future__ import annotations

from notifier.oncall import actions
from notifier.oncall.actor import Actor
from notifier.store import incidents
from notifier.store.database import Tx

CHANGE = "change"


def acknowledge(tx: Tx, actor: Actor, *, environment: str, fingerprint: str) -> str | None:
    """Acknowledges the open incident of an identity in the actor's project. Returns its id, None if there is none.

    Raises `Refused` if another person has acknowledged it.
    """
    incident = incidents.unresolved(
        tx, project=actor.project, environment=environment, fingerprint=fingerprint
    )
    return None if incident is None else actions.acknowledge(tx, actor, incident)


def record_change(tx: Tx, actor: Actor, *, service: str, summary: str) -> None:
    """Records a change of a service. `summary` is sanitised and scrubbed already."""
    actor.record(tx, CHANGE, service, summary)
