"""Incidents of the first rules go on under a fingerprint of the present ones: an upgrade announces nothing anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from notifier.domain.event import Event
from notifier.domain.time import Instant
from notifier.policy.fingerprint import VERSION
from notifier.policy.fingerprint.upgrade import first_version
from notifier.store.compiled import execute
from notifier.store.database import SerializationConflict, Tx
from notifier.store.intake.statements import any_of_first_version, find_of_first_version, take_over
from notifier.store.json_rows import encode_rows

Identity = tuple[str, str, str]
EXAMPLES = 20
"""Of a new identity's events, how many are asked what they would have been: a storm must not be read one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgrade:
    """There are incidents of the first rules: unresolved, or resolved `since` a moment."""

    since: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A new identity, and its events."""

    identity: Identity
    events: Sequence[Event]


def is_under_way(tx: Tx, since: Instant) -> bool:
    """Whether any incident of the first rules is left that may go on."""
    return execute(tx, any_of_first_version, {"since": since}).first() is not None


def taken_over(tx: Tx, claims: Sequence[Claim], upgrade: Upgrade) -> dict[Identity, sa.Row[Any]]:
    """The incident that each identity goes on, for those that have one; each goes on once."""
    former = {claim.identity: set(_former(claim)) for claim in claims}
    wanted = sorted(set().union(*former.values()))
    if not wanted:
        return {}
    rows = execute(
        tx, find_of_first_version, {"identities": encode_rows(wanted), "since": upgrade.since}
    ).all()
    # In the order of preference, by what they are now.
    waiting: dict[Identity, list[int]] = {}
    for place, row in enumerate(rows):
        waiting.setdefault((row.project, row.environment, row.fingerprint), []).append(place)
    taken: dict[Identity, sa.Row[Any]] = {}
    for claim in claims:
        queues = [waiting[identity] for identity in former[claim.identity] if waiting.get(identity)]
        if queues:
            taken[claim.identity] = rows[min(queues, key=lambda queue: queue[0]).pop(0)]
    _take(tx, taken)
    return taken


def _former(claim: Claim) -> list[Identity]:
    """The identities that the first rules would have given to its events."""
    project, environment, _ = claim.identity
    found = dict.fromkeys(first_version(event.document) for event in claim.events[:EXAMPLES])
    return [(project, environment, fingerprint) for fingerprint in found if fingerprint is not None]


def _take(tx: Tx, taken: dict[Identity, sa.Row[Any]]) -> None:
    rows = sorted((row.number, identity[2], VERSION) for identity, row in taken.items())
    if not rows:
        return
    try:
        execute(tx, take_over, {"taken": encode_rows(rows)})
    except IntegrityError:  # another replica has just opened one
        raise SerializationConflict from None
