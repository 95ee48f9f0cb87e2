"""Acts that requests of senders ask for: they know an incident by a name of theirs, and not by its id."""

from __future__ import annotations

from notifier.oncall import actions
from notifier.oncall.actor import Actor
from notifier.store import incidents
from notifier.store.database import Tx

CHANGE = "change"


def acknowledge(tx: Tx, actor: Actor, *, environment: str, fingerprint: str) -> str | None:
    """Acknowledge the open incident of an identity in the actor's project: its id, None where there is none.

    `Refused` where somebody else has it.
    """
    found = incidents.unresolved(tx, project=actor.project, environment=environment, fingerprint=fingerprint)
    return None if found is None else actions.acknowledge(tx, actor, found)


def record_change(tx: Tx, actor: Actor, *, service: str, summary: str) -> None:
    """Write down that a service has changed. `summary` is sanitised and scrubbed already."""
    actor.record(tx, CHANGE, service, summary)
