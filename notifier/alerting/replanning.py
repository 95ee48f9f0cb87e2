"""After a reload: open incidents follow the hours, rules and routes of the new configuration.

A hold that the configuration set is looked at again, and a step of escalation that is due sooner is moved. Everything
else, such as a later step or another timing, follows when the group is looked at next.
"""

from __future__ import annotations

from collections.abc import Sequence

from notifier.domain.route import Route
from notifier.store.compiled import execute
from notifier.store.database import Tx
from notifier.store.json_rows import encode_rows, encode_values
from notifier.store.statements.groups import make_replanned_groups_due, next_group_ids
from notifier.store.statements.members import ask_held_again, hasten_steps

GROUPS_AT_ONCE = 2_000


def replan_after_reload(tx: Tx, routes: Sequence[Route], after: str = "") -> str | None:
    """Let the next groups, those with ids after `after`, follow these routes; the last id, or None at the end."""
    ids = execute(tx, next_group_ids, {"after": after, "most": GROUPS_AT_ONCE}).scalars().all()
    steps = encode_rows(
        (route.key, number, step.after) for route in routes for number, step in enumerate(route.escalate)
    )
    parameters = {"groups": encode_values(ids), "steps": steps, "now": tx.now}
    # Groups are locked before members, as in a flush.
    if execute(tx, make_replanned_groups_due, parameters).rowcount:
        tx.signal("groups")
    execute(tx, ask_held_again, parameters)
    execute(tx, hasten_steps, parameters)
    return ids[-1] if len(ids) == GROUPS_AT_ONCE else None
