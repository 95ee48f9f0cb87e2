"""Tasks as the page of tasks shows them, on both engines."""

from __future__ import annotations

import json

import pytest

from notifier.domain.time import DAY
from notifier.oncall import tasks
from notifier.oncall.errors import Unreadable
from tests.world import World

pytestmark = pytest.mark.anyio


async def test_a_task_has_its_figures_its_errors_and_its_dead_letters(world: World) -> None:
    """Errors by their type, the most frequent first; a task that only has dead letters comes last."""
    now = world.clock.now()
    failed = {
        "state": "failed",
        "letter": "waiting",
        "finished_at": now,
        "error": json.dumps({"type": "OSError"}),
    }
    await world.ran({"duration_ms": 5.0})
    await world.ran(
        failed,
        {**failed, "error": json.dumps({"type": "ValueError"})},
        failed,
        {**failed, "state": "lost", "error": None},
        {**failed, "project": "other"},
        {**failed, "task": "old", "created_at": now - 2 * DAY},
    )
    summaries = await tasks.read(world.database, project="shop", since="24h")
    assert [(each.figures.task, each.figures.runs, each.dead) for each in summaries] == [
        ("billing.tasks.charge", 5, 4),
        ("old", 0, 1),
    ]
    errors = [(error.type, error.count) for error in summaries[0].errors]
    assert errors[0] == ("OSError", 2)
    assert sorted(errors[1:], key=str) == [("ValueError", 1), (None, 1)]
    assert summaries[1].errors == ()


async def test_only_the_spans_that_are_offered_can_be_asked_for(world: World) -> None:
    """A sentence names them, and not what was asked."""
    for since in ("", "1y", "24 h", "<script>", "-1h"):
        with pytest.raises(Unreadable) as refused:
            await tasks.read(world.database, project="shop", since=since)
        assert "24h" in str(refused.value)
        assert "script" not in str(refused.value)
