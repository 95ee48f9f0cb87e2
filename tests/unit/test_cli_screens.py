"""What people see: lists that fit, errors as Python prints them, colours on a terminal alone."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import time
import traceback
from pathlib import Path
from typing import Any

import pytest

from notifier.cli import traceback as shown
from notifier.cli.incident_rows import rows
from notifier.cli.screen import Column, Screen, columns_of, cut
from notifier.cli.text import short_ids
from notifier.domain.time import DAY, HOUR, SECOND, parse_rfc3339, rfc3339
from tests.unit.conftest import KEY, Api, Shell

NOW = parse_rfc3339("2026-11-22T17:30:00Z")
NARROW = Screen(width=80, colour=False, now=NOW)
PIPE = Screen(width=None, colour=False, now=NOW)


def incident(**changes: Any) -> dict[str, Any]:
    usual = {
        "id": "0192f0c1-0000-7000-8000-0123456789ab",
        "number": 142,
        "project": "default",
        "environment": "production",
        "fingerprint": "f1",
        "title": "TimeoutError: upstream timed out after 30s",
        "state": "acknowledged",
        "severity": "critical",
        "labels": {"service": "billing", "region": "eu-west-1", "exception": "TimeoutError"},
        "varying": [],
        "count": 1204,
        "first_seen": "2026-11-22T14:25:00Z",
        "last_seen": "2026-11-22T17:29:48Z",
        "acknowledged_by": "ann",
        "resolved_at": None,
        "url": "https://n.example.com/incidents/142",
        "latest_event": {
            "message": "could not charge order 1842",
            "exception": {
                "type": "TimeoutError",
                "module": "builtins",
                "message": "upstream timed out after 30s",
            },
            "links": [{"title": "runbook", "url": "https://wiki.example.com/gateway"}],
            "context": {"order_id": 1842, "cart": {"items": 3}},
            "release": "1.4.2",
            "task": {"name": "billing.charge", "attempt": 3, "max_attempts": 3},
        },
    }
    return usual | changes


def test_a_row_says_what_how_bad_since_when_and_whose() -> None:
    """Number, severity, state, where, count, since, last, owner, title; ids only with `--wide`."""
    head, row = rows([incident()], PIPE, wide=False)
    assert head.split() == [
        "NUMBER", "SEVERITY", "STATE", "SERVICE/ENVIRONMENT", "COUNT", "SINCE", "LAST", "OWNER", "TITLE",
    ]  # fmt: skip
    assert re.split(r"\s{2,}", row.strip()) == [
        "142", "critical", "acknowledged", "billing/production", "1,204", "3h", "12s", "ann",
        "TimeoutError: upstream timed out after 30s",
    ]  # fmt: skip
    assert incident()["id"] not in row
    assert incident()["id"] in list(rows([incident()], NARROW, wide=True))[1]


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("width", [20, 40, 60, 80, 120])
def test_a_table_is_as_narrow_as_its_terminal(width: int, colour: bool) -> None:
    """Whatever is in it; the title keeps the most room, and wide letters count twice."""
    items = [
        incident(title="x" * 300, labels={"service": "checkout-frontend-service"}),
        incident(
            title="接続がタイムアウトしました: 注文の処理に失敗しました", labels={"service": "データ処理"}
        ),
        incident(number=1, state="open", acknowledged_by=None, title="é" * 70),
    ]
    shown = list(rows(items, Screen(width=width, colour=colour, now=NOW), wide=False))
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in shown]
    assert max(map(columns_of, lines)) <= width
    assert lines[1].endswith("..")
    assert "TITLE" in lines[0] or width == 20
    if width == 120:
        assert "xxxxxxxxxxxxxxxxxxxxxxxxxx..." in lines[1]


def test_what_fits_is_not_cut() -> None:
    """Nor shortened."""
    columns = [Column(name="a", short={"long": "l"}), Column(name="b", least=3)]
    assert list(NARROW.table(columns, [["long", "whole"]])) == ["A     B", "long  whole"]
    assert cut("whole", 5) == "whole"
    assert cut("longer", 5) == "lo..."


def test_lines_are_wrapped_by_what_a_terminal_shows() -> None:
    """Wide letters count twice, accents and joiners nothing; a script without spaces is broken; blanks stay inside."""
    text = "  14:02  event   \u63a5\u7d9a\u304c\u62d2\u5426\u3055\u308c\u307e\u3057\u305f: " + "e\u0301" * 25
    lines = list(Screen(width=30, colour=False, now=NOW).wrap(text, " " * 9))
    assert max(map(columns_of, lines)) <= 30
    assert lines[0].startswith("  14:02  event")
    assert all(line.startswith(" " * 9) for line in lines[1:])
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert columns_of("\U0001f469\u200d\U0001f469\u0e31") == 4


def test_moments_are_distances() -> None:
    """One unit in lists, the full time beside it alone; what is to come says so."""
    assert PIPE.ago(rfc3339(NOW - 3 * HOUR - 5 * SECOND)) == "3h ago"
    assert PIPE.ago(rfc3339(NOW + 2 * DAY)) == "in 2d"
    assert PIPE.ago(rfc3339(NOW)) == "now"
    assert PIPE.ago(None) == "-"
    assert re.fullmatch(r"2026-11-2\d \d\d:\d\d:\d\d \S+ \(3h ago\)", PIPE.when(rfc3339(NOW - 3 * HOUR)))


def test_ids_are_shown_by_their_end() -> None:
    """As long as it takes to tell them apart; a sender's short id stays whole."""
    alike = ["0192-0000-aa12345678", "0192-0001-bb12345678", "0192-0002-000000cd"]
    assert list(short_ids(alike).values()) == ["a12345678", "b12345678", "-000000cd"]
    assert short_ids(["run-1"]) == {"run-1": "run-1"}


def test_an_error_is_shown_as_python_prints_it(tmp_path: Path) -> None:
    """Traceback, chained cause and notes: line for line what the interpreter says of the same error."""
    script = tmp_path / "charge.py"
    script.write_text(
        "def gateway():\n    raise ConnectionError('refused')\n\n"
        "def charge():\n    try:\n        gateway()\n    except ConnectionError as error:\n"
        "        raise ValueError('no charge\\nof order 7') from error\n"
    )
    scope: dict[str, Any] = {}
    exec(compile(script.read_text(), str(script), "exec"), scope)
    try:
        scope["charge"]()
    except ValueError as raised:
        raised.add_note("order_id=7")
        raised.__traceback__ = raised.__traceback__.tb_next if raised.__traceback__ else None
        error = raised
        printed = [
            line
            for line in "".join(traceback.format_exception(raised)).splitlines()
            if not re.fullmatch(r"\s+[\^~]+", line)
        ]
        event = _event(error)
    assert list(shown.lines(event)) == printed


def _event(error: BaseException) -> dict[str, Any]:
    frames = [
        {"file": frame.filename, "function": frame.name, "line": frame.lineno, "code": frame.line}
        for frame in traceback.extract_tb(error.__traceback__)
    ]
    return {
        "type": type(error).__name__,
        "module": type(error).__module__,
        "message": str(error),
        "frames": frames,
        "notes": getattr(error, "__notes__", []),
        "cause": None if error.__cause__ is None else _event(error.__cause__),
    }


def test_show_is_a_page_about_one_incident(api: Api, shell: Shell) -> None:
    """Links first, the error, the message, the sender's labels, context, facts, history, and what to do next."""
    at = rfc3339(time.time_ns() // 1_000_000 - HOUR)
    api.answer("GET /v1/incidents/142", incident(first_seen=at, varying=["host"]))
    happened = {"at": at, "kind": "action", "reason": None, "text": "ann acknowledged it."}
    api.answer("GET /v1/incidents/142/timeline", {"items": [happened] * 20})
    result = shell("incidents", "show", "142")
    assert result.status == 0, result.err
    lines = result.out.splitlines()
    assert lines[0] == "Incident 142  critical  acknowledged by ann"
    assert lines[2] == "billing/production: 1,204 events"
    assert "(1h ago)" in lines[3]
    for line in (
        "  runbook  https://wiki.example.com/gateway",
        "TimeoutError: upstream timed out after 30s",
        "  could not charge order 1842",
        "  region  eu-west-1",
        "  order_id  1842",
        '  cart      {"items": 3}',
        "  task     billing.charge, attempt 3 of 3",
        "  8 earlier: notifier explain 142",
        "https://n.example.com/incidents/142",
        "next: notifier incidents resolve 142, notifier explain 142",
    ):
        assert line in lines
    assert lines.index("Links") < lines.index("TimeoutError: upstream timed out after 30s", 3)
    assert "\033" not in result.out
    assert json.loads(shell("incidents", "show", "142", "--json").out)["number"] == 142


def test_an_event_s_words_steer_no_screen(api: Api, shell: Shell) -> None:
    """Escape sequences in frames, notes, links, labels, context and history come out as replacement characters."""
    evil = "\x1b[2J\x9b\u202e"
    failure = {"type": evil, "module": evil, "message": f"a{evil}\nb", "notes": [evil], "frames": [
        {"file": evil, "function": evil, "line": 1, "code": evil}]}  # fmt: skip
    event = {"message": evil, "exception": {**failure, "cause": failure}, "links": [{"title": evil, "url": evil}],
             "context": {evil: {evil: [evil]}}, "release": evil}  # fmt: skip
    api.answer(
        "GET /v1/incidents/1", incident(title=evil, labels={"service": evil, evil: evil}, latest_event=event)
    )
    api.answer("GET /v1/incidents/1/timeline", {"items": [{"at": evil, "kind": evil, "text": evil}]})
    out = shell("incidents", "show", "1").out
    assert not {"\x1b", "\x9b", "\u202e"} & set(out)


@pytest.mark.parametrize(
    ("arguments", "query"),
    [
        ((), {"state": "unresolved"}),
        (("--state", "all"), {}),
        (("--state", "resolved", "--sort", "count"), {"state": "resolved", "sort": "count"}),
        (("service=billing", "timeout"), {"state": "unresolved", "q": 'service="billing" timeout'}),
        (("title=~a b|\\d", "two words"), {"state": "unresolved", "q": 'title=~"a b|\\\\d" "two words"'}),
        (('{a="b"}', 'c="d"'), {"state": "unresolved", "q": '{a="b"} c="d"'}),
        (("x", "--query", "y z"), {"state": "unresolved", "q": "x y z"}),
    ],
)
def test_lists_take_matchers_as_arguments(
    api: Api, shell: Shell, arguments: tuple[str, ...], query: dict[str, str]
) -> None:
    """What the shell has unquoted is quoted again; open ones are the default."""
    api.answer("GET /v1/incidents", {"items": [], "next_cursor": None})
    assert shell("incidents", "list", *arguments).status == 0
    assert api.asked[0].query == query


def _on_a_terminal(api: Api, width: int, *arguments: str, **environ: str) -> str:
    """What a person sees on a terminal of this width."""
    child, terminal = pty.fork()
    if child == 0:
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
        os.environ.pop("COLUMNS", None)
        os.environ.pop("NO_COLOR", None)
        os.environ.update({"NOTIFIER_URL": api.url, "NOTIFIER_KEY": KEY, "TERM": "xterm", **environ})
        os.execv(sys.executable, [sys.executable, "-m", "notifier.cli", *arguments])
    seen = b""
    try:
        while chunk := os.read(terminal, 65536):
            seen += chunk
    except OSError:
        pass
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, seen
    os.close(terminal)
    return seen.decode()


def test_colours_and_cuts_are_for_a_terminal_alone(api: Api) -> None:
    """On one of 80 columns the list fits and severities have colours; with NO_COLOR or through a pipe none has."""
    api.answer("GET /v1/incidents", {"items": [incident(title="x" * 200)], "next_cursor": None})
    seen = _on_a_terminal(api, 80, "incidents", "list")
    assert "\033[1;97;41mcritical\033[0m" in seen
    plain = re.sub(r"\033\[[0-9;]*m", "", seen)
    assert max(map(columns_of, plain.splitlines())) <= 80
    assert "\033" not in _on_a_terminal(api, 80, "incidents", "list", NO_COLOR="1")
    piped = subprocess.run(
        [sys.executable, "-m", "notifier.cli", "incidents", "list"],
        env={**os.environ, "NOTIFIER_URL": api.url, "NOTIFIER_KEY": KEY, "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "\033" not in piped.stdout
    assert "x" * 200 in piped.stdout
