"""Dead letters of both kinds in one list: dead deliveries, and failed or lost runs."""

from __future__ import annotations

from typing import Literal

from notifier.domain.delivery import Outcome
from notifier.domain.task_run import TaskRun
from notifier.domain.time import Instant
from notifier.store.database import Tx
from notifier.store.views.deliveries import DeliveryView, dead_delivery_keys, deliveries_named
from notifier.store.views.paging import Page, PageKey
from notifier.store.views.task_runs import dead_run_keys, runs_named

DeadLetterKind = Literal["delivery", "task_run"]
DeadLetter = DeliveryView | TaskRun


def find_dead_letters(
    tx: Tx,
    *,
    project: str,
    kind: DeadLetterKind | None = None,
    channel: str | None = None,
    outcome: Outcome | None = None,
    task: str | None = None,
    after: PageKey | None,
    limit: int,
) -> Page[DeadLetter]:
    """Dead letters that wait for a person, latest first.

    With `channel` or `outcome` only deliveries are listed, with `task` only runs.
    """
    keys: list[tuple[Instant, str, DeadLetterKind]] = []
    if kind != "task_run" and task is None:
        dead = dead_delivery_keys(
            tx, project=project, channel=channel, outcome=outcome, after=after, limit=limit + 1
        )
        keys += [(at, id_, "delivery") for at, id_ in dead]
    if kind != "delivery" and channel is None and outcome is None:
        keys += [
            (at, id_, "task_run")
            for at, id_ in dead_run_keys(tx, project=project, task=task, after=after, limit=limit + 1)
        ]
    keys.sort(reverse=True)
    first = keys[:limit]
    dead_letters: dict[tuple[DeadLetterKind, str], DeadLetter] = {}
    of_kind = {name: [id_ for _, id_, each in first if each == name] for name in ("delivery", "task_run")}
    dead_letters |= {
        ("delivery", id_): view for id_, view in deliveries_named(tx, of_kind["delivery"]).items()
    }
    runs = runs_named(tx, of_kind["task_run"], project=project)
    dead_letters |= {("task_run", id_): run for id_, run in runs.items()}
    return Page(
        # On PostgreSQL a row may have been deleted between the two queries.
        items=tuple(dead_letters[each, id_] for _, id_, each in first if (each, id_) in dead_letters),
        next_key=first[-1][:2] if len(keys) > limit else None,
    )
