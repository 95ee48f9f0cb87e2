"""Moments as people type them, by their own clock."""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
from zoneinfo import ZoneInfo

import pytest

from notifier.cli.durations import echo, read, with_until_joined
from notifier.cli.session import CommandSession
from notifier.domain.time import parse_rfc3339, rfc3339
from tests.unit.conftest import Api, Shell

BERLIN = ZoneInfo("Europe/Berlin")
# A Sunday, 18:30 in Berlin.
NOW = parse_rfc3339("2026-11-22T17:30:00Z")


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("19:00", "2026-11-22T18:00:00Z"),
        ("18:00", "2026-11-23T17:00:00Z"),
        ("6:15pm", "2026-11-23T17:15:00Z"),
        ("12am", "2026-11-22T23:00:00Z"),
        ("noon", "2026-11-23T11:00:00Z"),
        ("monday midnight", "2026-11-22T23:00:00Z"),
        ("today 19:00:30", "2026-11-22T18:00:30Z"),
        ("tomorrow 09:00", "2026-11-23T08:00:00Z"),
        ("Tomorrow at 9am", "2026-11-23T08:00:00Z"),
        ("monday 09:00", "2026-11-23T08:00:00Z"),
        ("Sun 19:00", "2026-11-22T18:00:00Z"),
        ("sunday 09:00", "2026-11-29T08:00:00Z"),
        ("2027-06-01 09:00", "2027-06-01T07:00:00Z"),
        ("2027-06-01T09:00", "2027-06-01T07:00:00Z"),
        ("2027-06-01T09:00:00", "2027-06-01T07:00:00Z"),
        ("2026-11-22T20:00:00+01:00", "2026-11-22T19:00:00Z"),
        ("2026-11-30T09:00Z", "2026-11-30T09:00:00Z"),
        ("2026-11-30 09:00 -0530", "2026-11-30T14:30:00Z"),
        ("18:00 UTC", "2026-11-22T18:00:00Z"),
        ("18:00 Asia/Tokyo", "2026-11-23T09:00:00Z"),
        ("Monday 9am America/New_York", "2026-11-23T14:00:00Z"),
    ],
)
def test_a_moment_is_by_the_reader_s_clock(text: str, instant: str) -> None:
    """Without a day it is the next time that the clock shows this; a weekday is the next of its name."""
    assert rfc3339(read(text, now=NOW, zone=BERLIN).at) == instant


def test_clocks_that_jump() -> None:
    """A time that is skipped is an hour later, and of one that comes twice the first is meant."""
    assert rfc3339(read("2027-03-28 02:30", now=NOW, zone=BERLIN).at) == "2027-03-28T01:30:00Z"
    assert rfc3339(read("2027-10-31 02:30", now=NOW, zone=BERLIN).at) == "2027-10-31T00:30:00Z"


def test_the_machine_s_clocks_jump_as_those_of_a_zone() -> None:
    """A process of its own, for the machine's zone is the whole process's."""
    program = (
        "from notifier.cli.durations import read\n"
        "print(*(read(f'2027-{day} 02:30', now=0).at for day in ('03-28', '10-31')))"
    )
    zone = {**os.environ, "TZ": "Europe/Berlin"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=zone, capture_output=True, text=True, check=True
    )
    expected = [read(f"2027-{day} 02:30", now=NOW, zone=BERLIN).at for day in ("03-28", "10-31")]
    assert done.stdout.split() == [str(at) for at in expected]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "tomorrow",
        "9",
        "25:00",
        "09:60",
        "today 09:00",
        "2026-11-21 09:00",
        "13pm",
        "someday 09:00",
        "2026-13-01 09:00",
        "9999-12-31 23:59 America/New_York",
        "18:00 Mars/Phobos",
        "18:00 PST",
        "18:00+99:99",
    ],
)
def test_what_is_no_moment_to_come_is_refused(text: str) -> None:
    """With a sentence, and without a guess."""
    with pytest.raises(argparse.ArgumentTypeError):
        read(text, now=NOW, zone=BERLIN)


def test_a_span_is_not_a_moment() -> None:
    """The sentence names the option that takes one."""
    with pytest.raises(argparse.ArgumentTypeError, match="--for"):
        read("2h", now=NOW)


def test_a_span_counts_from_the_start(api: Api, shell: Shell) -> None:
    """A silence that begins tomorrow for two hours ends tomorrow."""
    api.answer("POST /v1/silences", {"id": "s1"}, status=201)
    shell("silences", "add", "a=b", "--comment", "c", "--start", "2099-01-01T09:00:00Z", "--for", "2h")
    assert api.asked[0].document["ends_at"] == "2099-01-01T11:00:00Z"


def test_what_is_meant_is_said_in_full() -> None:
    """Weekday, date, time, zone, and how long it is until then; an instant that says its offset needs no echo."""
    err = io.StringIO()
    session = CommandSession(environ={}, stdin=io.BytesIO(), stdout=io.StringIO(), stderr=err)
    echo("Until", read("2099-06-01 09:00", now=NOW), session)
    assert err.getvalue().startswith("Until Monday 1 June 2099, 09:00 ")
    assert "(UTC" in err.getvalue()
    assert ", in " in err.getvalue()
    echo("Until", read("2099-06-01T09:00:00Z", now=NOW), session)
    assert err.getvalue().count("Until") == 1


def test_quotes_may_be_forgotten() -> None:
    """`--until tomorrow 09:00` is one moment; what follows another word stays as it is."""
    assert with_until_joined(["x", "--until", "tomorrow", "09:00", "7"]) == [
        "x",
        "--until",
        "tomorrow 09:00",
        "7",
    ]
    assert with_until_joined(["x", "--until", "mon", "at", "9am", "7"]) == ["x", "--until", "mon at 9am", "7"]
    assert with_until_joined(["x", "--until", "mon", "9am"]) == ["x", "--until", "mon 9am"]
    assert with_until_joined(["x", "--until", "18:00", "142"]) == ["x", "--until", "18:00", "142"]
    assert with_until_joined(["x", "tomorrow", "09:00"]) == ["x", "tomorrow", "09:00"]


def test_a_snooze_until_a_time_of_day(api: Api, shell: Shell) -> None:
    """The service gets an instant, and the person the full sentence."""
    api.answer("POST /v1/incidents/142/snooze", {"number": 142})
    result = shell("incidents", "snooze", "142", "--until", "tomorrow", "09:00")
    assert result.status == 0, result.err
    assert api.asked[0].document["until"].endswith("Z")
    assert result.err.startswith("Until ")
    assert "09:00" in result.err


@pytest.mark.parametrize(
    ("every", "weekdays", "times"),
    [
        ("sat 22:00-06:00", ["saturday"], ["22:00-06:00"]),
        ("mon-fri", ["monday:friday"], []),
        ("Sat,sun:tue", ["saturday", "sunday:tuesday"], []),
        ("daily 2:00-3:00", ["monday:sunday"], ["02:00-03:00"]),
        ("weekdays 9:00-12:00, 13:00-17:00", ["monday:friday"], ["09:00-12:00", "13:00-17:00"]),
        ("sat, sun 22:00 \u2013 06:00", ["saturday", "sunday"], ["22:00-06:00"]),
    ],
)
def test_hours_of_a_week_as_people_write_them(
    api: Api, shell: Shell, every: str, weekdays: list[str], times: list[str]
) -> None:
    """`sat` is Saturday, `daily` every day; blanks and longer dashes are no matter."""
    api.answer("POST /v1/silences", {"id": "s1"}, status=201)
    shell("silences", "add", "a=b", "--comment", "c", "--every", every, "--start", "2099-01-01 09:00")
    sent = json.loads(api.asked[0].body)
    assert sent["recur"]["weekdays"] == weekdays
    spans = [f"{one['start_time']}-{one['end_time']}" for one in sent["recur"].get("times", ())]
    assert spans == times
    assert sent["starts_at"].startswith(("2098-12-31", "2099-01-01"))
