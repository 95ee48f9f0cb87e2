"""`notifier silences` against a server that gives the contract's answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.conftest import Api, Shell

SILENCE: dict[str, Any] = {
    "id": "s1",
    "state": "active",
    "matchers": ['service="billing"'],
    "starts_at": "2026-11-24T10:00:00Z",
    "ends_at": "2026-11-24T12:00:00Z",
    "recur": None,
    "author": "ann",
    "comment": "moving the database",
    "created_at": "2026-11-24T10:00:00Z",
    "created_by": "cli",
    "held": 2,
}
SEEN = {"matching": 2, "unresolved": 7, "counted_all": True, "everything": False, "incidents": []}


def test_add_makes_a_silence_and_says_what_it_meets(api: Api, shell: Shell) -> None:
    """Data on standard output, talk on standard error; the span becomes an end."""
    api.answer("POST /v1/silences", SILENCE, status=201)
    api.answer("POST /v1/silences/preview", SEEN)
    result = shell(
        "silences", "add", 'service="billing"', "--for", "2h", "--comment", "moving the database", "--author", "ann"
    )  # fmt: skip
    assert result.status == 0
    assert "s1" in result.out
    assert "It meets 2 of the 7 incidents that are not resolved." in result.err
    sent = api.asked[0].document
    assert sent["ends_at"].endswith("Z")
    assert (sent["matchers"], sent["author"]) == (['service="billing"'], "ann")
    assert "force" not in sent


@pytest.mark.parametrize(
    ("every", "recur"),
    [
        (
            "saturday,sunday 22:00-06:00",
            {"weekdays": ["saturday", "sunday"], "times": [{"start_time": "22:00", "end_time": "06:00"}]},
        ),
        ("22:00-24:00", {"times": [{"start_time": "22:00", "end_time": "24:00"}]}),
        ("monday:friday", {"weekdays": ["monday:friday"]}),
    ],
)
def test_add_takes_weekly_hours_in_a_zone(api: Api, shell: Shell, every: str, recur: dict[str, Any]) -> None:
    """No end is needed then."""
    api.answer("POST /v1/silences", SILENCE, status=201)
    api.answer("POST /v1/silences/preview", SEEN)
    result = shell(
        "silences", "add", "a=b", "--comment", "c", "--every", every, "--zone", "Europe/Berlin", "--json"
    )  # fmt: skip
    assert json.loads(result.out) == SILENCE
    assert api.asked[0].document["recur"] == {**recur, "location": "Europe/Berlin"}


@pytest.mark.parametrize(
    "words",
    [
        ["add", "a=b"],
        ["add", "--comment", "c"],
        ["add", "a=b", "--comment", "c", "--every", "now and then"],
        ["add", "a=b", "--comment", "c", "--zone", "UTC"],
        ["add", "a=b", "--comment", "c", "--for", "2h", "--until", "2026-11-24T12:00:00Z"],
        ["extend", "s1"],
    ],
)
def test_what_makes_no_sense_is_refused_before_it_is_sent(api: Api, shell: Shell, words: list[str]) -> None:
    """Exit 2, and no request."""
    try:
        status = shell("silences", *words).status
    except SystemExit as left:
        status = int(left.code or 0)
    assert status == 2
    assert api.asked == []


def test_list_shows_what_each_holds(api: Api, shell: Shell) -> None:
    """A table for people, filtered by state."""
    api.answer("GET /v1/silences", {"items": [SILENCE], "next_cursor": None})
    result = shell("silences", "list", "--state", "active")
    assert result.out.splitlines()[0].split() == [
        "ID", "STATE", "MATCHERS", "WHEN", "HELD", "AUTHOR", "COMMENT",
    ]  # fmt: skip
    assert 'service="billing"' in result.out
    assert api.asked[0].query == {"state": "active"}


def test_preview_warns_of_what_silences_everything(api: Api, shell: Shell) -> None:
    """And shows the incidents."""
    incident = {"number": 7, "state": "open", "severity": "error", "count": 3, "title": "boom"}
    seen = {
        "matching": 9_999,
        "unresolved": 10_000,
        "counted_all": False,
        "everything": True,
        "incidents": [incident],
    }
    api.answer("POST /v1/silences/preview", seen)
    result = shell("silences", "preview", 'service=~".*"')
    assert "boom" in result.out
    assert "9999 of the newest 10000 incidents" in result.err
    assert "--force" in result.err


def test_a_silence_that_was_made_is_shown_whatever_comes_after(api: Api, shell: Shell) -> None:
    """Given a service that is stopped in between, then nobody makes a second one for want of the first's id."""
    api.answer("POST /v1/silences", SILENCE, status=201)
    api.refuse("POST /v1/silences/preview", 503, "Service Unavailable", "the database does not answer")
    result = shell("silences", "add", "a=b", "--comment", "c", "--for", "2h", "--json")
    assert (result.status, json.loads(result.out)) == (0, SILENCE)
    assert "could not be asked" in result.err
    assert "the database does not answer" in result.err


@pytest.mark.parametrize("ends_at", ["2026-11-24T13:00:00Z", None])
def test_extend_says_where_it_shortens(api: Api, shell: Shell, ends_at: str | None) -> None:
    """A span counts from now: with hours left, `--for 1h` makes it end earlier, which people do not expect."""
    api.answer("GET /v1/silences/s1", {**SILENCE, "ends_at": ends_at})
    api.answer("PATCH /v1/silences/s1", SILENCE)
    result = shell("silences", "extend", "s1", "--for", "1h")
    assert result.status == 0
    assert f"would have ended at {ends_at or 'no time'}" in result.err


@pytest.mark.parametrize("command", [["preview", "a=b"], ["extend", "s1", "--for", "1h"]])
def test_what_is_no_notifier_is_said_to_be_none(api: Api, shell: Shell, command: list[str]) -> None:
    """Answers of another form end in a sentence, not in a traceback."""
    api.answer("POST /v1/silences/preview", {"matching": "two"})
    api.answer("GET /v1/silences/s1", {"ends_at": "soon"})
    api.answer("PATCH /v1/silences/s1", {})
    result = shell("silences", *command)
    assert result.status == 3
    assert "no notifier" in result.err


def test_extend_and_end_name_the_silence(api: Api, shell: Shell) -> None:
    """PATCH with the new end; DELETE, which answers nothing."""
    api.answer("GET /v1/silences/s1", {**SILENCE, "ends_at": "2026-11-24T11:00:00Z"})
    api.answer("PATCH /v1/silences/s1", SILENCE)
    api.answer("DELETE /v1/silences/s1", None, status=204)
    extended = shell("silences", "extend", "s1", "--until", "2026-11-24T12:00:00Z")
    assert (extended.status, extended.err) == (0, "")
    assert api.asked[1].document == {"ends_at": "2026-11-24T12:00:00Z"}
    result = shell("silences", "end", "s1")
    assert (result.status, result.out) == (0, "")
    assert result.err.startswith("Ended.")
