"""The health of channels and their targets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from notifier.domain.delivery import RateLimit
from notifier.domain.time import Instant
from notifier.oncall.actor import Actor
from notifier.policy.rules import AlertingRules
from notifier.policy.targets import tokens_now
from notifier.store import views
from notifier.store.database import Database
from notifier.store.views import TargetRow

Condition = Literal["ok", "cooling", "disabled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelFacts:
    """A configured channel. `rate_limit` is the token bucket of each of its targets."""

    type: str
    targets: tuple[str, ...]
    rate_limit: RateLimit | None
    fallback: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetHealth:
    """One target. `tokens` is the level of its bucket, None without one; `pending` counts waiting deliveries."""

    row: TargetRow
    state: Condition
    tokens: float | None
    pending: int

    @property
    def cool_until(self) -> Instant | None:
        return self.row.cool_until if self.state == "cooling" else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelHealth:
    name: str
    type: str
    fallback: bool
    targets: tuple[TargetHealth, ...]

    @property
    def pending(self) -> int:
        return sum(target.pending for target in self.targets)


async def health(
    database: Database,
    rules: AlertingRules,
    channels: Mapping[str, ChannelFacts],
    *,
    project_scope: str | None,
) -> tuple[ChannelHealth, ...]:
    """All channels, by name. Targets belong to the instance; `pending` counts deliveries of `project_scope` only."""
    ids = sorted({target for targets in rules.targets.values() for target in targets})
    rows, pending = await database.read(
        lambda tx: (views.target_rows(tx, ids), views.pending_by_target(tx, ids, project=project_scope))
    )
    by_id = {row.id: row for row in rows}
    now = database.now()
    return tuple(
        ChannelHealth(
            name=name,
            type=facts.type,
            fallback=facts.fallback,
            targets=tuple(
                _health(by_id[id_], facts, pending.get(id_, 0), now)
                for id_ in rules.targets.get(name, ())
                if id_ in by_id
            ),
        )
        for name, facts in sorted(channels.items())
    )


async def record_test(database: Database, name: str, actor: Actor) -> None:
    """Adds an audit entry for a channel test."""
    await database.write(lambda tx: actor.record(tx, "test_channel", name))


def _health(row: TargetRow, facts: ChannelFacts, pending: int, now: Instant) -> TargetHealth:
    return TargetHealth(
        row=row,
        state=_condition(row, now),
        tokens=tokens_now(facts.rate_limit, row.tokens, row.tokens_at, now),
        pending=pending,
    )


def _condition(row: TargetRow, now: Instant) -> Condition:
    if row.disabled_at is not None:
        return "disabled"
    return "cooling" if row.cool_until is not None and row.cool_until > now else "ok"
