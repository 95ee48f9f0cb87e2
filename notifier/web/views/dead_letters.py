"""The page of dead letters: their groups by channel and reason or by task, and the letters."""

from __future__ import annotations

from dataclasses import dataclass

from notifier.domain.delivery import Outcome
from notifier.domain.task_run import TaskRun
from notifier.domain.time import Instant
from notifier.oncall.dead_letters import (
    DeadDeliveries,
    DeadLetter,
    DeadLetterCounts,
    DeadRuns,
    DecisionResult,
)
from notifier.oncall.paging import Listing
from notifier.web.views.deliveries import delivery_line
from notifier.web.views.runs import run_line
from notifier.wording.outcomes import OUTCOMES
from notifier.wording.text import counted, plain

GROUPS_AT_MOST = 50
"""The most groups shown, largest first; an application may have any number of task names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterLine:
    """A dead delivery or task run. `path` is its page, `query` that page's query."""

    id: str
    kind: str
    title: str
    to: str
    why: str
    at: Instant
    path: str
    query: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterGroup:
    """Dead letters with the same reason. `query` lists them, and selects them in an act."""

    name: str
    why: str
    count: int
    query: dict[str, str]
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLettersView:
    """A page of dead letters.

    `group` is the selected group; `whole` is false if the counts or the list are truncated.
    """

    now: Instant
    lines: tuple[DeadLetterLine, ...]
    groups: tuple[DeadLetterGroup, ...]
    group: DeadLetterGroup | None
    whole: bool
    query: dict[str, str]
    next_cursor: str | None
    refusal: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DecidedView:
    """The result of an act on several dead letters: a sentence, and why each skipped one was skipped."""

    sentence: str
    back: str
    skipped: tuple[tuple[str, str], ...]
    more: int


def dead_letters_view(
    listing: Listing[DeadLetter],
    counts: DeadLetterCounts,
    *,
    now: Instant,
    query: dict[str, str],
    refusal: str | None = None,
) -> DeadLettersView:
    """The page; `query` is the filter, `refusal` the reason why an act was refused."""
    groups = (
        *(_group_of_deliveries(group, query) for group in counts.deliveries),
        *(_group_of_runs(group, query) for group in counts.runs),
    )
    return DeadLettersView(
        now=now,
        lines=tuple(map(_line, listing.items)),
        groups=groups[:GROUPS_AT_MOST],
        group=next((group for group in groups if group.chosen), None),
        whole=counts.whole and len(groups) <= GROUPS_AT_MOST,
        query=query,
        next_cursor=listing.next_cursor,
        refusal=refusal,
    )


def decided_view(decided: DecisionResult, *, done: str, back: str, shown: int = 20) -> DecidedView:
    """The result of an act; `done` is its past participle."""
    left = f", and {counted(len(decided.skipped), 'other')} left alone" if decided.skipped else ""
    return DecidedView(
        back=back,
        sentence=f"{counted(decided.count, 'dead letter')} {done}{left}.",
        skipped=tuple((skip.id, skip.why) for skip in decided.skipped[:shown]),
        more=max(0, len(decided.skipped) - shown),
    )


def _line(letter: DeadLetter) -> DeadLetterLine:
    if isinstance(letter, TaskRun):
        run = run_line(letter)
        return DeadLetterLine(
            id=letter.id,
            kind="task_run",
            title=run.task,
            to=plain(letter.service),
            why=f"{letter.state.value}: {run.error}" if run.error else letter.state.value,
            at=letter.died_at,
            path="/tasks/run",
            query={"id": letter.id},
        )
    line = delivery_line(letter)
    return DeadLetterLine(
        id=letter.id,
        kind="delivery",
        title=line.title,
        to=f"{line.channel} to {line.target}",
        why=line.answer or "it is a dead letter",
        at=letter.died_at,
        path=f"/deliveries/{letter.id}",
        query={},
    )


def _group_of_deliveries(group: DeadDeliveries, query: dict[str, str]) -> DeadLetterGroup:
    own = {"channel": group.channel}
    if group.outcome is not None:
        own["outcome"] = group.outcome.value
    return DeadLetterGroup(
        name=group.channel,
        why=_why(group.outcome),
        count=group.count,
        query=own,
        chosen=query == own,
    )


def _group_of_runs(group: DeadRuns, query: dict[str, str]) -> DeadLetterGroup:
    own = {"task": group.task}
    return DeadLetterGroup(
        name=plain(group.task) or "(no name)",
        why="runs failed or were lost",
        count=group.count,
        query=own,
        chosen=query == own,
    )


def _why(outcome: Outcome | None) -> str:
    return "it is a dead letter" if outcome is None else OUTCOMES[outcome].happened
