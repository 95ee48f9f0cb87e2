"""Task runs: lines of lists, and a page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from notifier.domain.incident_history import AuditEntry
from notifier.domain.task_run import Replayable, RunState, TaskRun
from notifier.domain.time import Instant
from notifier.oncall.paging import Listing
from notifier.oncall.tasks import TaskSummary
from notifier.web.views.audit_trail import ActLine, trail
from notifier.wording.text import TITLE, multiline, plain

JSON_CHARS = 20_000
_DEAD = {RunState.FAILED, RunState.LOST}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLine:
    """A run in a list. `replay` is true if it can be run again."""

    id: str
    task: str
    service: str
    state: str
    attempt: str
    at: Instant
    took_ms: float | None
    error: str
    replay: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskLine:
    """A task: `rate` is its success rate in percent, `errors` the most frequent ones."""

    task: str
    name: str
    runs: int
    failed: int
    rate: str
    retries: int
    p50_ms: float | None
    p95_ms: float | None
    approximate: bool
    errors: tuple[tuple[str, int], ...]
    dead: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TasksView:
    """The page of tasks; `since` is the chosen key of `spans`."""

    now: Instant
    since: str
    spans: tuple[str, ...]
    tasks: tuple[TaskLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsView:
    """The runs of one task, newest first."""

    now: Instant
    task: str
    name: str
    since: str
    state: str
    states: tuple[str, ...]
    figures: TaskLine | None
    runs: tuple[RunLine, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPage:
    """One run. `documents` are its arguments, result and error as JSON, by name."""

    now: Instant
    run: TaskRun
    line: RunLine
    facts: tuple[tuple[str, str], ...]
    documents: tuple[tuple[str, str], ...]
    dead: bool
    acts: tuple[ActLine, ...]


def task_line(summary: TaskSummary, *, errors: int = 3) -> TaskLine:
    figures = summary.figures
    rate = figures.success_rate
    return TaskLine(
        task=figures.task,
        name=plain(figures.task) or "(no name)",
        runs=figures.runs,
        failed=figures.failed,
        rate="–" if rate is None else f"{rate * 100:.3g} %",
        retries=figures.retries,
        p50_ms=figures.p50_ms,
        p95_ms=figures.p95_ms,
        approximate=figures.approximate,
        errors=tuple(
            (plain(error.type or "no error told", 80), error.count) for error in summary.errors[:errors]
        ),
        dead=summary.dead,
    )


def run_line(run: TaskRun) -> RunLine:
    return RunLine(
        id=run.id,
        task=plain(run.task) or "(no name)",
        service=plain(run.service),
        state=run.state.value,
        attempt=str(run.attempt) if run.max_attempts is None else f"{run.attempt} of {run.max_attempts}",
        at=run.created_at,
        took_ms=run.duration_ms,
        error=_error(run.error),
        replay=run.state in _DEAD and run.replayable is Replayable.YES and run.arguments is not None,
    )


def runs_view(
    listing: Listing[TaskRun], *, now: Instant, task: str, since: str, state: str, figures: TaskLine | None
) -> RunsView:
    return RunsView(
        now=now,
        task=task,
        name=plain(task) or "(no name)",
        since=since,
        state=state,
        states=tuple(each.value for each in RunState),
        figures=figures,
        runs=tuple(map(run_line, listing.items)),
        next_cursor=listing.next_cursor,
    )


def run_page(run: TaskRun, *, now: Instant, entries: Sequence[AuditEntry]) -> RunPage:
    named = (("Arguments", run.arguments), ("Result", run.result), ("Error", run.error))
    facts = (
        ("environment", run.environment),
        ("process", run.process),
        ("idempotency key", run.key),
    )
    return RunPage(
        now=now,
        run=run,
        line=run_line(run),
        facts=tuple((name, plain(value)) for name, value in facts if value),
        documents=tuple((name, _json(value)) for name, value in named if value is not None),
        dead=run.state in _DEAD,
        acts=trail(entries),
    )


def _error(error: Mapping[str, Any] | None) -> str:
    if not error:
        return ""
    said = [str(error[name]) for name in ("type", "message") if error.get(name)]
    return plain(": ".join(said) or str(error.get("reason") or ""), TITLE)


def _json(value: object) -> str:
    return multiline(json.dumps(value, ensure_ascii=False, indent=2, sort_keys=False), JSON_CHARS)
