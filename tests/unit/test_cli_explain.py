"""`notifier explain` against a real server on loopback: one ordered list, readable at night."""

from __future__ import annotations

import json
from typing import Any

from tests.unit.conftest import Api, Shell

NOTHING = {"count": None, "route": None, "channel": None, "actor": None}
TIMELINE: dict[str, Any] = {
    "items": [
        {
            **NOTHING,
            "at": "2026-11-22T05:00:00Z",
            "kind": "event",
            "reason": None,
            "text": 'First event: "boom" of billing in production.',
        },
        {
            **NOTHING,
            "at": "2026-11-22T05:00:10.250Z",
            "kind": "held",
            "held_by": "silenced",
            "count": 4,
            "text": 'Not told: silenced by ann until 09:00 UTC ("db\x1b[2J maintenance").',
        },
        {
            **NOTHING,
            "at": "2026-11-22T09:00:00Z",
            "kind": "told",
            "reason": "unmuted",
            "text": "Told: what had held it was over, and it was still open.",
        },
    ],
    "truncated": False,
}
INCIDENT = {
    "number": 142,
    "title": "boom",
    "state": "open",
    "severity": "error",
    "count": 4,
    "latest_event": {},
}
TEXT = """\
incident 142: boom
open, error, 4 events

2026-11-22 05:00:00Z  event            First event: "boom" of billing in production.
2026-11-22 05:00:10Z  held   silenced  Not told: silenced by ann until 09:00 UTC ("db\ufffd[2J maintenance").
2026-11-22 09:00:00Z  told   unmuted   Told: what had held it was over, and it was still open.
"""


def test_the_story_is_one_ordered_list(api: Api, shell: Shell) -> None:
    """Who it is, and then a line for each thing that happened; nothing in it steers a terminal."""
    api.answer("GET /v1/incidents/142/timeline", TIMELINE)
    api.answer("GET /v1/incidents/142", INCIDENT)
    result = shell("explain", "142")
    assert (result.status, result.out, result.err) == (0, TEXT, "")


def test_a_note_has_its_lines(api: Api, shell: Shell) -> None:
    """Below each other, beside its moment."""
    noted = {
        **NOTHING,
        "at": "2026-11-22T05:00:00Z",
        "kind": "action",
        "text": "ann noted: one\n\ntwo\x1b[2J\r\n",
    }
    api.answer("GET /v1/incidents/142/timeline", {"items": [noted], "truncated": False})
    api.answer("GET /v1/incidents/142", INCIDENT)
    lines = shell("explain", "142").out.splitlines()[-2:]
    assert lines == ["2026-11-22 05:00:00Z  action    ann noted: one", f"{'':32}two\ufffd[2J"]


def test_programs_get_the_answer_as_it_is(api: Api, shell: Shell) -> None:
    """`--json` is the timeline, and asks for nothing else."""
    api.answer("GET /v1/incidents/a%2Fb/timeline", TIMELINE)
    result = shell("explain", "a/b", "--json")
    assert json.loads(result.out) == TIMELINE
    assert [asked.path for asked in api.asked] == ["/v1/incidents/a%2Fb/timeline"]


def test_what_is_left_out_is_said(api: Api, shell: Shell) -> None:
    """On standard error, as talk."""
    api.answer("GET /v1/incidents/1/timeline", {**TIMELINE, "truncated": True})
    api.answer("GET /v1/incidents/1", {**INCIDENT, "count": 1})
    result = shell("explain", "1")
    assert "only the newest" in result.err
    assert result.out.splitlines()[1] == "open, error, 1 event"


def test_an_incident_that_is_not_there(api: Api, shell: Shell) -> None:
    """Exit status 1, and the service's sentence."""
    api.refuse("GET /v1/incidents/9/timeline", 404, "Not Found", "there is no such incident")
    result = shell("explain", "9")
    assert (result.status, result.out) == (1, "")
    assert "there is no such incident" in result.err
