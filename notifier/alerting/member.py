"""A member of a group as policy judges it, made from its row and its incident's."""

from __future__ import annotations

from typing import Any

from notifier.domain.event import Severity
from notifier.domain.incident import State
from notifier.domain.notification import HeldBy
from notifier.policy.notifying import Member

# Who an incident is resolved by where no person did it.
NOBODY = frozenset({"auto", "event", "recovered"})


def member_of(row: Any, told: Any | None) -> Member:
    return Member(
        incident=row.number,
        state=State(row.state),
        severity=Severity(row.severity),
        count=row.count,
        reopened=row.previous_id is not None,
        told_state=None if told is None or told.told_state is None else State(told.told_state),
        told_severity=None if told is None or told.told_severity is None else Severity(told.told_severity),
        told_count=0 if told is None else told.told_count,
        first_told_at=None if told is None else told.first_told_at,
        told_at=None if told is None else told.told_at,
        held_by=None if told is None or told.held_by is None else HeldBy(told.held_by),
        hold_ref=None if told is None else told.hold_ref,
        reopened_at=row.reopened_at,
        acknowledged_at=row.acknowledged_at,
        by_hand=row.resolved_by is not None and row.resolved_by not in NOBODY,
        escalated=0 if told is None else told.escalated,
        decided=None if told is None else told.decided,
        decided_at=None if told is None else told.decided_at,
        opened_at=row.opened_at,
        resolved_at=row.resolved_at,
        critical_at=None if told is None else told.critical_at,
        returns=0 if told is None else told.returns,
    )
