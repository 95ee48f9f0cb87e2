"""The pages of tasks and their runs, and replaying a failed run."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from notifier.domain.time import MINUTE
from tests.web.conftest import Pages

pytestmark = pytest.mark.anyio

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&?#/.."


async def runs(shop: Pages) -> None:
    now = shop.world.clock.now()
    await shop.world.ran({"duration_ms": 5.0, "task": HOSTILE})
    await shop.world.ran(
        {
            "id": HOSTILE,
            "task": HOSTILE,
            "state": "failed",
            "letter": "waiting",
            "created_at": now - MINUTE,
            "finished_at": now,
            "error": json.dumps({"type": HOSTILE, "message": HOSTILE}),
            "result": json.dumps({HOSTILE: HOSTILE}),
            "arguments": json.dumps({"args": [HOSTILE], "kwargs": {}}),
            "replayable": "yes",
        }
    )


async def test_a_task_leads_to_its_runs_and_a_run_is_replayed(shop: Pages) -> None:
    """Any name, id and error are shown as text; the new run is shown after a replay."""
    await runs(shop)
    ann = await shop.browser()
    tasks = await ann.opens("/tasks")
    assert "50 %" in tasks.text
    listed = await ann.opens(next(href for href in tasks.hrefs() if "/tasks/runs" in href))
    assert listed.text.count("failed") > 1
    links = [href for href in listed.hrefs() if "/tasks/run?" in href]
    run = await ann.opens(next(href for href in links if quote(HOSTILE, safe="") in href.replace("+", "%20")))
    assert run.status == 200
    for page in (tasks, listed, run):
        assert ("script", {}) not in page.tags
        assert HOSTILE in page.text
    new = await ann.sends(run.form("/replay"))
    assert "The run will be replayed" in new.text
    assert "pending" in new.text
    assert "manager asked for the run again" in (await ann.opens(str(run.answer.url))).text
    again = await ann.sends(run.form("/replay"))
    assert (again.status, "already" in again.text) == (409, True)


async def test_runs_of_one_state(shop: Pages) -> None:
    """The filter by state shows only such runs; an unknown state gives a sentence."""
    await runs(shop)
    ann = await shop.browser()
    task = quote(HOSTILE, safe="")
    page = await ann.opens(f"/tasks/runs?task={task}&state=completed")
    assert (page.status, "alert(2)>&?#/..: " in page.text) == (200, False)
    for query in ("state=done", "since=1y", "cursor=x"):
        assert (await ann.opens(f"/tasks/runs?task={task}&{query}")).status == 422
    for path in ("/tasks/runs", "/tasks/run", "/tasks/run?id=%00", "/tasks/run?id=nobody"):
        assert (await ann.opens(path)).status == 404


async def test_who_only_reads_replays_nothing(shop: Pages) -> None:
    """Without `manage` the page names the scope; a task of another project is unknown."""
    await runs(shop)
    reader, stranger = await shop.browser("reader"), await shop.browser("stranger")
    page = await reader.opens(f"/tasks/run?id={quote(HOSTILE, safe='')}")
    assert "manage" in page.text
    assert not [form for form in page.forms if form.action.endswith("/replay")]
    assert "No task has run" in (await stranger.opens("/tasks")).text
    assert (await stranger.opens(f"/tasks/run?id={quote(HOSTILE, safe='')}")).status == 404
