"""`notifier incidents acknowledge` and its siblings against a real server on loopback."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from notifier.cli.durations import span
from notifier.domain.time import DAY, HOUR, MINUTE, SECOND, parse_rfc3339
from tests.unit.conftest import Api, Shell

INCIDENT: dict[str, Any] = {
    "number": 142,
    "id": "i-142",
    "state": "acknowledged",
    "severity": "error",
    "environment": "production",
    "labels": {"service": "billing"},
    "count": 3,
    "acknowledged_by": "ada",
    "title": "TimeoutError: \x1b[2Jupstream",
}


@pytest.mark.parametrize("action", ["acknowledge", "resolve", "reopen"])
def test_an_action_shows_the_incident_as_it_is_then(api: Api, shell: Shell, action: str) -> None:
    """One row for people, the document with `--json`; the actor goes into the body, nothing else does."""
    api.answer(f"POST /v1/incidents/142/{action}", INCIDENT)
    result = shell("incidents", action, "142", "--actor", "ada")
    assert result.status == 0, result.err
    row = result.out.splitlines()[1].split()
    assert row[:5] == ["142", "error", "acknowledged", "billing/production", "3"]
    assert row[7] == "ada"
    assert "\x1b" not in result.out
    assert json.loads(shell("incidents", action, "142", "--json").out) == INCIDENT
    assert [asked.document for asked in api.asked] == [{"actor": "ada"}, {}]


def test_several_incidents_at_once(api: Api, shell: Shell) -> None:
    """One that refuses is named with its reason and does not stop the others; the answer is then no."""
    api.answer("POST /v1/incidents/1/resolve", {**INCIDENT, "number": 1})
    api.refuse("POST /v1/incidents/2/resolve", 409, "Conflict", "it was resolved by bo", state="resolved")
    api.answer("POST /v1/incidents/3/resolve", {**INCIDENT, "number": 3})
    result = shell("incidents", "resolve", "1", "2", "3", "1")
    assert result.status == 1
    assert [line.split()[0] for line in result.out.splitlines()[1:]] == ["1", "3"]
    assert "2: it was resolved by bo." in result.err
    shown = json.loads(shell("incidents", "resolve", "1", "2", "3", "--json").out)
    assert [one["number"] for one in shown["items"]] == [1, 3]


def test_a_refusal_of_one_is_the_commands(api: Api, shell: Shell) -> None:
    """Exit status 1 and the sentence, nothing on standard output; a wrong key ends it at once."""
    api.refuse("POST /v1/incidents/2/reopen", 409, "Conflict", "it is open already", state="open")
    result = shell("incidents", "reopen", "2")
    assert (result.status, result.out) == (1, "")
    assert "it is open already" in result.err
    api.refuse("POST /v1/incidents/3/reopen", 403, "Forbidden", "needs manage")
    assert shell("incidents", "reopen", "3", "2").status == 4
    assert [asked.path for asked in api.asked][-1] == "/v1/incidents/3/reopen"


def test_a_snooze_ends_at_a_moment_or_after_a_span(api: Api, shell: Shell) -> None:
    """`--until` goes to the service as it is, `--for` counts from now; one of the two is needed."""
    api.answer("POST /v1/incidents/142/snooze", INCIDENT)
    assert shell("incidents", "snooze", "142", "--until", "2026-11-22T09:00:00+01:00").status == 0
    assert api.asked[-1].document == {"until": "2026-11-22T09:00:00+01:00"}
    before = int(time.time()) * SECOND
    assert shell("incidents", "snooze", "142", "--for", "1h30m").status == 0
    until = parse_rfc3339(api.asked[-1].document["until"])
    assert 0 <= until - before - 90 * MINUTE <= 60 * SECOND
    for wrong in ((), ("--for", "soon"), ("--for", "2h", "--until", "x"), ("--for", "0h")):
        with pytest.raises(SystemExit) as left:
            shell("incidents", "snooze", "142", *wrong)
        assert left.value.code == 2


def test_an_acknowledgement_may_end(api: Api, shell: Shell) -> None:
    """Without `--until` and `--for` it has no end."""
    api.answer("POST /v1/incidents/142/acknowledge", INCIDENT)
    shell("incidents", "acknowledge", "142")
    shell("incidents", "acknowledge", "142", "--for", "2h")
    assert [set(asked.document) for asked in api.asked] == [set(), {"until"}]


def test_a_note_is_one_argument(api: Api, shell: Shell) -> None:
    """Its text goes to the service as it was typed."""
    api.answer("POST /v1/incidents/142/notes", INCIDENT)
    assert shell("incidents", "note", "142", "restarted the relay", "--actor", "ada").status == 0
    assert api.asked[-1].document == {"text": "restarted the relay", "actor": "ada"}


@pytest.mark.parametrize(
    ("text", "millis"),
    [("30m", 30 * MINUTE), ("1d12h", DAY + 12 * HOUR), ("90s", 90 * SECOND), ("1h0m5s", HOUR + 5 * SECOND)],
)
def test_spans(text: str, millis: int) -> None:
    """Whole numbers, the largest unit first."""
    assert span(text) == millis


@pytest.mark.parametrize("action", ["acknowledge", "resolve"])
def test_a_query_is_one_call(api: Api, shell: Shell, action: str) -> None:
    """What was skipped is named in words, and the answer is then no."""
    skipped = [{"id": "i-7", "reason": "taken"}]
    api.answer(f"POST /v1/incidents/{action}", {"done": 40, "skipped": skipped})
    result = shell("incidents", action, "--query", 'service="billing"', "--actor", "ada")
    assert (result.status, result.err) == (1, "")
    assert result.out.splitlines() == ["done: 40", "skipped: i-7 (somebody else has it)"]
    assert api.asked[-1].document == {"q": 'service="billing"', "actor": "ada"}
    shown = json.loads(shell("incidents", action, "--query", "x", "--json").out)
    assert shown == {"done": 40, "skipped": skipped}


@pytest.mark.parametrize("arguments", [(), ("1", "--query", "x")])
def test_ids_or_a_query(shell: Shell, arguments: tuple[str, ...]) -> None:
    """Neither and both are wrong usage."""
    result = shell("incidents", "resolve", *arguments)
    assert (result.status, result.out) == (2, "")
    assert "--query" in result.err


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("#142", "/v1/incidents/142/acknowledge"),
        (" 142 ", "/v1/incidents/142/acknowledge"),
        ("https://n.example.com/incidents/142", "/v1/incidents/142/acknowledge"),
        ("https://n.example.com/p/incidents/142?id=0192-a#history", "/v1/incidents/0192-a/acknowledge"),
    ],
)
def test_what_people_paste(api: Api, shell: Shell, given: str, path: str) -> None:
    """A link of a message stands for its incident: by the id, for the number may be another's after a restore."""
    api.answer(f"POST {path}", INCIDENT)
    assert shell("ack", given).status == 0
    assert api.asked[-1].path == path


@pytest.mark.parametrize("given", ["", " ", "#"])
def test_what_is_no_id(api: Api, shell: Shell, given: str) -> None:
    """It is said before anything is asked."""
    result = shell("incidents", "show", given)
    assert result.status == 2
    assert "is empty" in result.err
    assert api.asked == []


def test_an_argument_too_many(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    """The usage is that of the command which does not know it."""
    with pytest.raises(SystemExit):
        shell("keys", "create", "--project", "a", "surprise")
    shown = capsys.readouterr().err
    assert "usage: notifier keys create" in shown
    assert "surprise" in shown
