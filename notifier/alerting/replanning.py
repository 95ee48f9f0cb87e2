"""What a new configuration changes about what is open: hours, rules and routes that hold, and steps due sooner.

Everything else follows at the next look: a step that is due later, a timing.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from notifier.domain.notification import HeldBy
from notifier.domain.route import Route
from notifier.store.compiled import execute
from notifier.store.database import Dialect, Tx
from notifier.store.json_rows import encode_rows, encode_values, in_json, rows_from_json
from notifier.store.schema import Big, groups, members
from notifier.store.statements.alerting import next_groups

GROUPS_AT_ONCE = 2_000

Text = sa.Text()


def replan_after_reload(tx: Tx, routes: Sequence[Route], after: str = "") -> str | None:
    """Let the next groups by id go by these routes. Where to go on, None at the end."""
    ids = execute(tx, next_groups, {"after": after, "most": GROUPS_AT_ONCE}).scalars().all()
    steps = encode_rows(
        (one.key, number, step.after) for one in routes for number, step in enumerate(one.escalate)
    )
    these = {"groups": encode_values(ids), "steps": steps, "now": tx.now}
    # Groups before members, as a flush does it.
    if execute(tx, _wake, these).rowcount:
        tx.signal("groups")
    execute(tx, _ask_again, these)
    execute(tx, _hasten, these)
    return ids[-1] if len(ids) == GROUPS_AT_ONCE else None


def _wake(dialect: Dialect) -> sa.ClauseElement:
    now = sa.bindparam("now", type_=Big)
    own = members.c.group_id == groups.c.id
    sooner = sa.select(sa.literal(1)).where(own, *_sooner(_steps(dialect))).correlate(groups).exists()
    held = sa.select(sa.literal(1)).where(own, _by_configuration()).correlate(groups).exists()
    return (
        sa.update(groups)
        .where(
            groups.c.id.in_(in_json(dialect, "groups", Text)),
            sa.or_(groups.c.due_at.is_(None), groups.c.due_at > now),
            sa.or_(sooner, held),
        )
        .values(due_at=now)
    )


def _ask_again(dialect: Dialect) -> sa.ClauseElement:
    own = members.c.group_id.in_(in_json(dialect, "groups", Text))
    return sa.update(members).where(own, _by_configuration()).values(repeat_at=sa.bindparam("now", type_=Big))


def _hasten(dialect: Dialect) -> sa.ClauseElement:
    steps = _steps(dialect)
    own = members.c.group_id.in_(in_json(dialect, "groups", Text))
    return (
        sa.update(members)
        .where(own, members.c.group_id == groups.c.id, *_sooner(steps))
        .values(escalate_at=members.c.first_told_at + steps.c.after)
    )


def _steps(dialect: Dialect) -> sa.Subquery:
    return rows_from_json(dialect, "steps", [("route", Text), ("step", Big), ("after", Big)])


def _by_configuration() -> sa.ColumnElement[bool]:
    """Held by hours, by an inhibition, or for want of a channel: which may be over."""
    return members.c.held_by.in_(
        [sa.literal_column(f"'{one.value}'") for one in (HeldBy.MUTE_TIME, HeldBy.INHIBITED, HeldBy.ROUTE)]
    )


def _sooner(steps: sa.Subquery) -> tuple[sa.ColumnElement[bool], ...]:
    """It was open when it was told last, and its next step is planned for later, or not at all."""
    at = members.c.first_told_at + steps.c.after
    return (
        groups.c.route == steps.c.route,
        members.c.escalated == steps.c.step,
        members.c.told_state == sa.literal_column("'open'"),
        sa.or_(members.c.escalate_at.is_(None), members.c.escalate_at > at),
    )
