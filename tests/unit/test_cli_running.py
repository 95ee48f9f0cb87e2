"""Commands that show how the service stands, and what is watched."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from typing import Any

import pytest

from notifier.domain.time import HOUR, rfc3339
from tests.unit.conftest import KEY, Api, Shell


def _page(*items: Any) -> dict[str, Any]:
    return {"items": list(items), "next_cursor": None}


def _ago(span: int) -> str:
    return rfc3339(time.time_ns() // 1_000_000 - span)


def test_channels_say_what_is_wrong_now(api: Api, shell: Shell) -> None:
    """A row for each target; a failure that is over is no trouble. The name alone lists them."""
    target = {"target": "a@b.c", "state": "ok", "pending": 2, "last_ok_at": _ago(HOUR), "last_error_at": None}
    old = {**target, "last_error": "refused", "last_error_at": _ago(2 * HOUR)}
    new = {**target, "last_error": "refused", "last_error_at": _ago(5_000)}
    dead = {**target, "state": "disabled", "disabled_why": "410 gone", "last_ok_at": None}
    channel = {"name": "mail", "type": "email", "fallback": True, "targets": [old, new, dead]}
    api.answer("GET /v1/channels", _page(channel))
    head, *lines = shell("channels").out.splitlines()
    assert head.split() == ["CHANNEL", "TYPE", "TARGET", "STATE", "WAITS", "LAST", "OK", "TROUBLE"]
    assert [re.split(r"\s{2,}", line)[-1] for line in lines] == ["-", "5s ago: refused", "disabled: 410 gone"]
    assert lines[0].startswith("mail (fallback)  email")
    assert json.loads(shell("channels", "list", "--json").out) == _page(channel)
    assert "last error at" in shell("channels", "--wide").out.lower()


def test_groups_say_what_waits(api: Api, shell: Shell) -> None:
    """Until when, and held by what."""
    group = {"id": "0" * 24 + "12345678", "labels": {"service": "billing"}, "route": "default", "due_at": None,
             "last_told_at": _ago(HOUR), "changed": 3, "held": {"silenced": 2}}  # fmt: skip
    api.answer("GET /v1/groups", _page(group))
    _, row = shell("groups", "list").out.splitlines()
    assert re.split(r"\s{2,}", row) == [
        "12345678", "service=billing", "default", "when woken", "1h ago", "3", "silenced=2",
    ]  # fmt: skip


def test_task_runs_are_listed_shown_and_asked_for_again(api: Api, shell: Shell) -> None:
    """What a run failed with is a traceback."""
    error = {"type": "TimeoutError", "module": "builtins", "message": "too slow", "frames": [
        {"file": "tasks.py", "function": "charge", "line": 7, "code": "await pay()"}]}  # fmt: skip
    run = {"id": "run-1", "task": "billing.charge", "service": "billing", "state": "failed", "attempt": 2,
           "max_attempts": 4, "started_at": _ago(HOUR), "error": error}  # fmt: skip
    api.answer("GET /v1/task-runs", _page(run))
    api.answer("GET /v1/task-runs/run-1", run)
    api.answer("POST /v1/task-runs/run-1/replay", {**run, "id": "run-2", "error": None})
    _, row = shell("tasks", "--state", "failed", "--task", "billing.charge").out.splitlines()
    assert api.asked[0].query == {"state": "failed", "task": "billing.charge"}
    assert re.split(r"\s{2,}", row) == [
        "run-1", "billing.charge", "billing", "failed", "2/4", "1h ago", "TimeoutError: too slow",
    ]  # fmt: skip
    shown = shell("tasks", "show", "run-1").out
    assert '  File "tasks.py", line 7, in charge\n    await pay()\nTimeoutError: too slow\n' in shown
    again = shell("tasks", "replay", "run-1")
    assert again.status == 0
    assert "run-2" in again.out
    assert "runs again once" in again.err


def test_reload_says_what_it_did(api: Api, shell: Shell) -> None:
    """And what only a restart can do; a file with problems is wrong usage, each with its place."""
    done = {
        "version": "b",
        "previous": "a",
        "changed": True,
        "warnings": ["n.yaml:1:1: hm"],
        "needs_restart": ["server.port"],
    }
    api.answer("POST /v1/config/reload", done)
    result = shell("reload")
    assert (result.status, result.out) == (0, "reloaded: a -> b\n")
    assert result.err == "warning: n.yaml:1:1: hm\nserver.port keeps its old value until a restart.\n"
    errors = [{"path": "n.yaml:3:1", "message": "no such key"}]
    api.refuse("POST /v1/config/reload", 422, "Unprocessable Entity", "it has a problem", errors=errors)
    refused = shell("reload")
    assert (refused.status, refused.err) == (2, "notifier: it has a problem.\n  n.yaml:3:1: no such key\n")


def test_the_shortest_way_to_acknowledge(api: Api, shell: Shell) -> None:
    """`notifier ack 142`; what another has is taken over with a word, and the sentence names that word."""
    api.refuse(
        "POST /v1/incidents/142/acknowledge", 409, "Conflict", "ann has it: say `take_over`", state="x"
    )
    refused = shell("ack", "142")
    assert (refused.status, refused.err) == (1, "notifier: ann has it: say --take-over.\n")
    api.answer("POST /v1/incidents/142/acknowledge", {"number": 142, "state": "acknowledged"})
    for command in (("ack",), ("incidents", "ack"), ("incidents", "acknowledge")):
        assert shell(*command, "142", "--take-over").status == 0
        assert api.asked[-1].document == {"take_over": True}
    assert shell("ack", "--query", "x", "--take-over").status == 2


def test_what_is_not_sent_again_says_why(api: Api, shell: Shell) -> None:
    """Each that is skipped with its reason, and the status says that the answer is no."""
    skipped = [{"id": "run-1", "state": "failed", "reason": "its task was not declared with replay=True"}]
    api.answer("POST /v1/dead-letters/redeliver", {"count": 1, "ids": ["d"], "skipped": skipped})
    result = shell("dead-letters", "redeliver", "d", "run-1")
    assert (result.status, result.err) == (1, "")
    assert result.out == "sent again: 1\nskipped: run-1 (its task was not declared with replay=True)\n"


def _dated(silence: dict[str, Any]) -> dict[str, Any]:
    """Numbers are how long ago."""
    return {
        key: _dated(value) if isinstance(value, dict) else _ago(value) if isinstance(value, int) else value
        for key, value in silence.items()
    }


@pytest.mark.parametrize(
    ("silence", "when"),
    [
        ({"state": "active", "ends_at": -2 * HOUR - 60_000}, "on, ends in 2h"),
        ({"state": "pending", "starts_at": -2 * HOUR - 60_000, "ends_at": "x"}, "from in 2h"),
        ({"state": "expired", "ends_at": HOUR}, "ended 1h ago"),
        ({"state": "pending", "recur": {}, "window": {"starts_at": -3 * HOUR - 60_000}}, "next in 3h"),
        ({"state": "active", "recur": {}, "window": {"ends_at": -HOUR - 60_000}}, "on, ends in 1h"),
        ({"state": "pending", "recur": {}, "window": None}, "no more"),
    ],
)
def test_a_silence_says_when(api: Api, shell: Shell, silence: dict[str, Any], when: str) -> None:
    """Until when it is on, or when it is next."""
    held = {"id": "s1", "matchers": ['a="b"'], "held": 0, **_dated(silence)}
    api.answer("GET /v1/silences", _page(held))
    assert re.split(r"\s{2,}", shell("silences").out.splitlines()[1])[3] == when


def test_doubts_name_what_was_typed(api: Api, shell: Shell) -> None:
    """A matcher that no event has met is warned of by its words."""
    seen = {"matching": 0, "unresolved": 1, "counted_all": True, "incidents": [],
            "warnings": [{"path": "matchers[1]", "message": "nobody has sent it"}]}  # fmt: skip
    api.answer("POST /v1/silences/preview", seen)
    result = shell("silences", "preview", "a=b", "regoin=eu")
    assert "warning: regoin=eu: nobody has sent it\n" in result.err


def test_watch_writes_a_line_for_each_change(api: Api) -> None:
    """Until Ctrl-C, which is its end and no failure; what is no longer open is written as it is then."""
    incident = {"id": "i1", "number": 7, "state": "open", "severity": "error", "count": 1, "title": "boom"}
    api.answer("GET /v1/incidents", _page(incident))
    api.answer("GET /v1/incidents/i1", {**incident, "state": "resolved"})
    watching = subprocess.Popen(
        [sys.executable, "-m", "notifier.cli", "incidents", "watch", "--interval", "1"],
        env={**os.environ, "NOTIFIER_URL": api.url, "NOTIFIER_KEY": KEY},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509 - a child of a background job ignores it
    )
    assert watching.stdout is not None
    head, first = watching.stdout.readline(), watching.stdout.readline()
    assert head.startswith("NUMBER")
    assert first.split()[:3] == ["7", "error", "open"]
    api.answer("GET /v1/incidents", _page({**incident, "count": 2}))
    assert watching.stdout.readline().split()[4] == "2"
    api.answer("GET /v1/incidents", _page())
    assert watching.stdout.readline().split()[2] == "resolved"
    watching.send_signal(signal.SIGINT)
    out, err = watching.communicate(timeout=30)
    assert (watching.returncode, out, err) == (0, "", "")


def test_a_name_alone_lists(api: Api, shell: Shell) -> None:
    """With its options and matchers; a word that is no matcher is a command that does not exist."""
    for name in ("incidents", "deliveries", "dead-letters", "silences", "groups", "keys"):
        api.answer(f"GET /v1/{name}", _page())
        assert shell(name).err.startswith("none")
    shell("incidents", "service=billing", "--limit", "1")
    assert api.asked[-1].query == {"q": 'service="billing"', "state": "unresolved", "limit": "1"}
    with pytest.raises(SystemExit):
        shell("incidents", "lst")
