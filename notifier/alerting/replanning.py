"""Replanning after a reload: open incidents follow the new mute times, inhibition rules and routes.

Holds that the configuration caused are decided again, and escalation steps that are due earlier are moved.
All other changes apply when a group is next flushed.
"""

from __future__ import annotations

from collections.abc import Sequence

from notifier.domain.route import Route
from notifier.store.compiled import execute
from notifier.store.database import Tx
from notifier.store.json_rows import encode_rows, encode_values
from notifier.store.statements.groups import make_replanned_groups_due, next_group_ids
from notifier.store.statements.members import advance_steps, recheck_held

GROUPS_AT_ONCE = 2_000


def replan_after_reload(tx: Tx, routes: Sequence[Route], after: str = "") -> str | None:
    """Replan the next groups, those with ids after `after`. Returns the last id, or None at the end."""
    ids = execute(tx, next_group_ids, {"after": after, "most": GROUPS_AT_ONCE}).scalars().all()
    steps = encode_rows(
        (route.key, number, step.after) for route in routes for number, step in enumerate(route.escalate)
    )
    parameters = {"groups": encode_values(ids), "steps": steps, "now": tx.now}
    # Lock order: groups before members, as in a flush.
    if execute(tx, make_replanned_groups_due, parameters).rowcount:
        tx.signal("groups")
    execute(tx, recheck_held, parameters)
    execute(tx, advance_steps, parameters)
    return ids[-1] if len(ids) == GROUPS_AT_ONCE else None
