"""`notifier explain-grouping` against a server that gives the contract's answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.conftest import Api, Shell

ANSWER = {
    "fingerprint": "0" * 32,
    "version": 2,
    "given": False,
    "title": "TimeoutError: order 1842 timed out after 30s",
    "exception": "TimeoutError",
    "frames": [
        {"file": "shop/tasks.py", "function": "charge", "used": True},
        {"file": "httpx/_client.py", "function": "send", "used": False},
    ],
    "message": {
        "text": "order 1842 timed out after 30s",
        "masked": "order <number> timed out after <duration>",
        "parts": [{"kind": "number", "text": "1842"}, {"kind": "duration", "text": "30s"}],
    },
    "override": ["billing", "TimeoutError", "shop/tasks.py:charge"],
}
EVENT = {"service": "billing", "message": "x"}


@pytest.fixture
def explained(api: Api) -> Api:
    api.answer("POST /v1/fingerprint", ANSWER)
    return api


def test_it_says_what_the_fingerprint_is_made_of(explained: Api, shell: Shell, tmp_path: Path) -> None:
    """Which exception, which frames, what was masked as what, and the list to copy."""
    file = tmp_path / "event.json"
    file.write_text(json.dumps(EVENT))
    result = shell("explain-grouping", str(file))
    assert (result.status, result.err) == (0, "")
    assert result.out.splitlines() == [
        "TimeoutError: order 1842 timed out after 30s",
        "",
        f"fingerprint  {'0' * 32} (version 2)",
        "exception    TimeoutError",
        "told by      its frames",
        "frames       outermost first; * is used",
        "  * shop/tasks.py:charge",
        "    httpx/_client.py:send",
        "message      order <number> timed out after <duration>",
        "masked",
        "    number    1842",
        "    duration  30s",
        "",
        "To group otherwise, send this with the event, and change it:",
        '  "fingerprint": ["billing", "TimeoutError", "shop/tasks.py:charge"]',
    ]
    assert explained.asked[0].document == EVENT


def test_json_is_the_services_answer(explained: Api, shell: Shell) -> None:
    """From standard input as well."""
    result = shell("explain-grouping", "-", "--json", stdin=json.dumps(EVENT).encode())
    assert json.loads(result.out) == ANSWER


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"could not charge order 1842\n", "could not charge order 1842"),
        (b"Traceback:\n  File x\nKeyError: 'a'\n", "Traceback:\n  File x\nKeyError: 'a'"),
        (b"42", "42"),
        (b'"quoted"', '"quoted"'),
        (b"{not json", "{not json"),
        (b"\xff\xfe broken", "\ufffd\ufffd broken"),
    ],
)
def test_what_is_no_json_is_one_message(explained: Api, shell: Shell, text: bytes, message: str) -> None:
    """Of a service that has no name, or the given one."""
    assert shell("explain-grouping", "-", stdin=text).status == 0
    assert shell("explain-grouping", "-", "--service", "billing", stdin=text).status == 0
    assert [asked.document for asked in explained.asked] == [
        {"service": "unnamed", "message": message},
        {"service": "billing", "message": message},
    ]


def test_what_cannot_be_explained_is_said(api: Api, shell: Shell, tmp_path: Path) -> None:
    """A sentence and the status of wrong usage; a refusal is the service's own."""
    for name, stdin in (
        (str(tmp_path / "none"), b""),
        (str(tmp_path), b""),
        ("-", b" \n"),
        ("-", b"x" * 1_100_000),
    ):
        result = shell("explain-grouping", name, stdin=stdin)
        assert (result.status, result.out) == (2, "")
        assert result.err.startswith("notifier: the file ")
    assert api.asked == []
    api.refuse("POST /v1/fingerprint", 422, "Unprocessable Entity", "service: is required")
    result = shell("explain-grouping", "-", stdin=b'{"message": "x"}')
    assert "service: is required" in result.err
    assert result.status != 0


def test_nothing_in_an_answer_steers_the_terminal(api: Api, shell: Shell) -> None:
    """An event's words are shown without control characters."""
    api.answer(
        "POST /v1/fingerprint", {**ANSWER, "title": "\x1b[31mred", "override": ["\x1b[2J"], "given": True}
    )
    out = shell("explain-grouping", "-", stdin=b"x").out
    assert "\x1b" not in out
    assert "with the sender's own list" in out
