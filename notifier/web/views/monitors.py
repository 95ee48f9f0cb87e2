"""The page of monitors."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from notifier.domain.matcher import Matcher
from notifier.domain.time import Instant
from notifier.oncall.monitors import MonitorStatus
from notifier.oncall.paging import Listing
from notifier.wording.monitors import expectation
from notifier.wording.text import inline, plain
from notifier.wording.times import duration


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorLine:
    """A monitor and its state. `search` finds its unresolved incident."""

    name: str
    environment: str
    title: str
    where: str
    state: str
    at: Instant
    took: str | None
    expected: str
    due_at: Instant | None
    search: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorsView:
    """The monitors, those in trouble first. `never_checked_in` are configured monitors that have not checked in yet."""

    lines: tuple[MonitorLine, ...]
    never_checked_in: tuple[str, ...]
    url: str
    now: Instant
    cursor: str | None
    next_cursor: str | None


def monitors_view(
    found: Listing[MonitorStatus], declared: Collection[str], *, url: str, now: Instant, cursor: str | None
) -> MonitorsView:
    """A page of the list; configured monitors without a check-in are shown only if the list fits one page."""
    lines = map(_line, sorted(found.items, key=lambda each: (each.incident_id is None, each.name)))
    whole = cursor is None and found.next_cursor is None
    checked_in = {each.name for each in found.items}
    return MonitorsView(
        lines=tuple(lines),
        never_checked_in=tuple(plain(name) for name in sorted(set(declared) - checked_in)) if whole else (),
        url=url,
        now=now,
        cursor=cursor,
        next_cursor=found.next_cursor,
    )


def _line(monitor: MonitorStatus) -> MonitorLine:
    schedule = monitor.schedule
    labels = {"monitor": monitor.name, "environment": monitor.environment}
    search = " ".join(str(Matcher(name=name, op="=", value=value)) for name, value in labels.items())
    where = [*([] if monitor.service == monitor.name else [monitor.service]), monitor.environment]
    late = "" if schedule is None else f", at most {duration(schedule.grace)} later"
    return MonitorLine(
        name=monitor.name,
        environment=monitor.environment,
        title=plain(monitor.name),
        where=" · ".join(inline(part, 60) for part in where),
        state=monitor.state,
        at=monitor.at,
        took=None if monitor.duration_ms is None else duration(int(monitor.duration_ms)),
        expected="at no certain time" if schedule is None else f"{expectation(schedule)}{late}",
        due_at=monitor.due_at,
        search=None if monitor.incident_id is None else search,
    )
