"""Conversion of stored rows to the `Member` that policy decides about."""

from __future__ import annotations

from notifier.domain.notification import HeldBy
from notifier.domain.severity import Severity
from notifier.domain.state import RESOLVED_BY_NOBODY, State
from notifier.domain.value import Value
from notifier.policy.notifying import Member, Verdict
from notifier.store.statements.incidents import JudgedIncident
from notifier.store.statements.members import MemberRow, ToldMember

UNTOLD = ToldMember(
    group_id="",
    incident=0,
    told_state=None,
    told_severity=None,
    told_count=0,
    first_told_at=None,
    told_at=None,
    held_by=None,
    hold_ref=None,
    escalated=0,
    returns=0,
    critical_at=None,
    decided=None,
    decided_at=None,
)
"""The membership of an incident that has just joined a group."""


def member_of(incident: JudgedIncident, told: ToldMember | MemberRow = UNTOLD, *, recent: int = 0) -> Member:
    """The member for an incident and its membership. `recent` counts events in the `notify_after` window."""
    return Member(
        incident=incident.number,
        state=State(incident.state),
        severity=Severity(incident.severity),
        count=incident.count,
        reopened=incident.previous_id is not None,
        reopened_at=incident.reopened_at,
        acknowledged_at=incident.acknowledged_at,
        by_hand=incident.resolved_by is not None and incident.resolved_by not in RESOLVED_BY_NOBODY,
        opened_at=incident.opened_at,
        resolved_at=incident.resolved_at,
        recent=recent,
        last_seen=incident.last_seen,
        told_state=None if told.told_state is None else State(told.told_state),
        told_severity=None if told.told_severity is None else Severity(told.told_severity),
        told_count=told.told_count,
        first_told_at=told.first_told_at,
        told_at=told.told_at,
        held_by=None if told.held_by is None else HeldBy(told.held_by),
        hold_ref=told.hold_ref,
        escalated=told.escalated,
        decided=told.decided,
        decided_at=told.decided_at,
        critical_at=told.critical_at,
        returns=told.returns,
    )


class JudgedMember(Value, frozen=True, kw_only=True):
    """A member, the row it was read from, and the verdict on it."""

    member: Member
    row: MemberRow
    verdict: Verdict

    @property
    def identity(self) -> tuple[str, str]:
        return self.row.environment, self.row.fingerprint
