"""`notifier stats` against a real server on loopback: tables, sparklines, and nothing that steers a terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.cli.stats import ASCII_BLOCKS, BLOCKS, WIDEST_LINE, blocks, duration, percentage, sparkline
from tests.unit.conftest import KEY, Api, Shell

NUMBERS = {"events": 0, "runs": 0, "completed": 0, "failed": 0}
STATS: dict[str, Any] = {
    "since": "2026-11-21T05:00:00Z",
    "tasks": [
        {
            "task": "billing.tasks.charge",
            "runs": 12_300,
            "completed": 12_200,
            "failed": 1,
            "success_rate": 12_200 / 12_201,
            "retries": 31,
            "p50_ms": 340.21,
            "p95_ms": 1_234.5,
        },
        {
            "task": "mail.send",
            "runs": 1,
            "completed": 0,
            "failed": 0,
            "success_rate": None,
            "retries": 0,
            "p50_ms": None,
            "p95_ms": None,
        },
    ],
    "errors": [
        {
            "type": name,
            "count": count,
            "share": count / 9,
            "first_seen": "2026-11-20T07:00:00Z",
            "last_seen": "2026-11-22T04:59:00Z",
        }
        for name, count in (("TimeoutError", 8), (None, 1))
    ],
    "deliveries": [{"channel": "mail", "delivered": 2, "dead": 0, "p95_ms": 125_000}],
    "series": [
        {**NUMBERS, "at": f"2026-11-22T0{hour}:00:00Z", "step": "hour", "events": events, "runs": runs}
        for hour, (events, runs) in enumerate([(0, 0), (1, 100), (8, 12_200)])
    ],
}
TEXT = """\
since 2026-11-21T05:00:00Z, by the hour
events  ▁▂█  9 in all, at most 8 in an hour
runs    ▁▂█  12,300 in all, at most 12,200 in an hour

TASK                  RUNS    COMPLETED  FAILED  SUCCESS  RETRIES  P50     P95
billing.tasks.charge  12,300  12,200     1       99.9 %   31       340 ms  1.2 s
mail.send             1       0          0       -        0        -       -

ERROR           COUNT  SHARE   FIRST SEEN            LAST SEEN
TimeoutError    8      88.8 %  2026-11-20T07:00:00Z  2026-11-22T04:59:00Z
(no exception)  1      11.1 %  2026-11-20T07:00:00Z  2026-11-22T04:59:00Z

CHANNEL  DELIVERED  DEAD  P95
mail     2          0     2m
"""


def test_stats_are_tables_and_sparklines(api: Api, shell: Shell) -> None:
    """Given an answer, it is on standard output with units for people, and nothing is on standard error."""
    api.answer("GET /v1/stats", STATS)
    result = shell("stats")
    assert (result.status, result.out, result.err) == (0, TEXT, "")
    assert api.asked[0].query == {}
    assert api.asked[0].headers["Authorization"] == f"Bearer {KEY}"


def test_stats_pass_the_question_on(api: Api, shell: Shell) -> None:
    """The service reads `--since`: what it says of a bad one is shown, and is wrong usage."""
    api.answer("GET /v1/stats", STATS)
    assert shell("stats", "--since", "2026-11-22T05:00:00+02:00", "--step", "day").status == 0
    assert api.asked[0].query == {"since": "2026-11-22T05:00:00+02:00", "step": "day"}
    errors = [{"path": "since", "message": "give a duration"}]
    api.refuse("GET /v1/stats", 422, "Unprocessable", "since: give a duration", errors=errors)
    result = shell("stats", "--since", "yesterday")
    assert (result.status, result.out) == (2, "")
    assert result.err == "notifier: since: give a duration.\n"


def test_a_step_is_an_hour_or_a_day(shell: Shell) -> None:
    with pytest.raises(SystemExit) as refused:
        shell("stats", "--step", "week")
    assert refused.value.code == 2


def test_stats_as_json_are_the_answer(api: Api, shell: Shell) -> None:
    api.answer("GET /v1/stats", STATS)
    result = shell("stats", "--json")
    assert json.loads(result.out) == STATS
    assert result.out.isascii()


def test_where_nothing_happened_the_lines_are_flat(api: Api, shell: Shell) -> None:
    """Tables without rows are left out."""
    series = [{**NUMBERS, "at": "2026-11-22T00:00:00Z", "step": "day"}] * 3
    api.answer("GET /v1/stats", {**STATS, "tasks": [], "errors": [], "deliveries": [], "series": series})
    assert shell("stats").out == (
        "since 2026-11-21T05:00:00Z, by the day\n"
        "events  ▁▁▁  0 in all, at most 0 in a day\n"
        "runs    ▁▁▁  0 in all, at most 0 in a day\n"
    )


def test_names_cannot_steer_the_terminal(api: Api, shell: Shell) -> None:
    """A task or an error type may be called anything: what is printed is printable."""
    evil = "\x1b[31mred\x1b]0;title\x07\u202e\n\x9b"
    task, error = {**STATS["tasks"][0], "task": evil}, {**STATS["errors"][0], "type": evil}
    delivery, point = {**STATS["deliveries"][0], "channel": evil}, {**STATS["series"][0], "step": evil}
    rows = {"tasks": [task], "errors": [error], "deliveries": [delivery], "series": [point]}
    api.answer("GET /v1/stats", {"since": evil, **rows})
    for options in ((), ("--json",)):
        result = shell("stats", *options)
        assert result.status == 0
        assert "red" in result.out
        assert all(line.isprintable() for line in result.out.split("\n"))


@pytest.mark.parametrize(
    "change",
    [
        {"tasks": None},
        {"errors": 1},
        {"deliveries": [1]},
        {"series": {}},
        {"series": [{}]},
        {"tasks": [{"runs": "many"}]},
        {"errors": [{**STATS["errors"][0], "count": 1.5}]},
    ],
)
def test_another_program_s_stats_are_recognised(api: Api, shell: Shell, change: dict[str, object]) -> None:
    """Whatever answers there, the command ends in a sentence."""
    api.answer("GET /v1/stats", STATS | change)
    result = shell("stats")
    assert (result.status, result.out) == (3, "")
    assert "no notifier" in result.err


def test_odd_figures_are_still_text(api: Api, shell: Shell) -> None:
    """What is no number where one belongs is shown as it came, or as a dash."""
    changed = {"success_rate": float("nan"), "p50_ms": float("inf"), "p95_ms": "long\x1b"}
    api.answer("GET /v1/stats", {**STATS, "tasks": [{**STATS["tasks"][0], **changed}]})
    result = shell("stats")
    assert result.status == 0
    assert all(line.isprintable() for line in result.out.split("\n"))


@pytest.mark.parametrize(("encoding", "line"), [("ascii", "events  _.#  "), ("utf-8", "events  ▁▂█  ")])
def test_a_terminal_without_blocks_gets_ascii(api: Api, encoding: str, line: str) -> None:
    """Given a process whose standard output has no block characters, then no question mark stands for them."""
    api.answer("GET /v1/stats", STATS)
    environ = {"NOTIFIER_URL": api.url, "NOTIFIER_KEY": KEY, "PYTHONIOENCODING": encoding}
    done = subprocess.run(
        [sys.executable, "-m", "notifier.cli", "stats"],
        env=os.environ | environ,
        capture_output=True,
        check=True,
    )
    out = done.stdout.decode(encoding)
    assert line in out
    assert "?" not in out
    assert "\x1b" not in out


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("utf-8", BLOCKS),
        (None, BLOCKS),
        ("latin-1", ASCII_BLOCKS),
        ("cp437", ASCII_BLOCKS),
        ("?", ASCII_BLOCKS),
    ],
)
def test_blocks_are_those_that_can_be_written(encoding: str | None, expected: str) -> None:
    assert blocks(encoding) == expected


@given(st.lists(st.integers(0, 10**18), max_size=1_000))
def test_a_sparkline_shows_what_is_zero_and_what_is_most(values: list[int]) -> None:
    """However many values: it is never too wide, only nothing is the lowest bar, and the most is the highest."""
    line = sparkline(values, BLOCKS)
    assert len(line) <= WIDEST_LINE
    assert len(line) == len(values) or len(values) > WIDEST_LINE
    assert (set(line) <= {BLOCKS[0]}) == (not any(values))
    assert (BLOCKS[-1] in line) == any(values)
    if len(values) <= WIDEST_LINE:
        assert [bar == BLOCKS[0] for bar in line] == [value == 0 for value in values]
        ordered = [BLOCKS.index(bar) for _, bar in sorted(zip(values, line, strict=True))]
        assert ordered == sorted(ordered)


def test_a_long_series_is_drawn_by_sums() -> None:
    """365 days are 61 bars of six; nothing is left out."""
    values = [0] * 364 + [7]
    assert sparkline(values, BLOCKS) == BLOCKS[0] * 60 + BLOCKS[-1]


@pytest.mark.parametrize(
    ("part", "text"),
    [
        (None, "-"),
        (0, "0.0 %"),
        (0.0, "0.0 %"),
        (1e-9, "<0.1 %"),
        (0.001, "0.1 %"),
        (0.29, "29.0 %"),
        (0.9999, "99.9 %"),
        (1, "100.0 %"),
    ],
)
def test_only_all_is_a_hundred_per_cent(part: float | None, text: str) -> None:
    """One failure in a million shows, and so does one success."""
    assert percentage(part) == text


@pytest.mark.parametrize(
    ("millis", "text"),
    [
        (None, "-"),
        (0, "0 ms"),
        (0.04, "<0.1 ms"),
        (3.44, "3.4 ms"),
        (9.96, "10 ms"),
        (340.2, "340 ms"),
        (999.4, "999 ms"),
        (999.6, "1.0 s"),
        (1_000, "1.0 s"),
        (59_940, "59.9 s"),
        (59_949, "59.9 s"),
        (59_960, "1m"),
        (60_000, "1m"),
        (125_000, "2m"),
        (90_000_000, "1d 1h"),
    ],
)
def test_durations_are_for_people(millis: float | None, text: str) -> None:
    assert duration(millis) == text
