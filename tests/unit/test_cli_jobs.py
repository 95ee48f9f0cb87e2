"""`notifier run`: the job is what counts, and its failure is told."""

from __future__ import annotations

import os
import signal
import sys
import threading

import pytest

from notifier.cli.jobs import ProgramRun, Tail
from notifier.client.testing import capture_reports
from tests.unit.conftest import Api, Shell


def test_a_job_that_fails(shell: Shell, capfd: pytest.CaptureFixture[str]) -> None:
    """Its output has passed, its status is kept, and an event says how it ended, without its arguments."""
    job = (
        "sh",
        "-c",
        "echo out; echo 'password=hunter2 no space' >&2; exit 3",
        "--until",
        "tomorrow",
        "09:00",
    )
    with capture_reports() as reports:
        result = shell("run", "--service", "backup", "--severity", "fatal", "--label", "team=db", "--", *job)
    assert (result.status, result.out, result.err) == (3, "", "")
    assert capfd.readouterr() == ("out\n", "password=hunter2 no space\n")
    (event,) = reports
    assert event["message"] == "sh ended with status 3: password=[scrubbed] no space"
    assert (event["service"], event["severity"], event["labels"]) == ("backup", "fatal", {"team": "db"})
    assert event["context"]["exit_status"] == 3
    assert event["context"]["stdout"] == ["out"]
    assert "tomorrow" not in str(event)


@pytest.mark.parametrize(
    ("job", "status", "message"),
    [
        (("true",), 0, None),
        (("sh", "-c", "kill -9 $$"), 137, "sh was ended by SIGKILL"),
        (("sh", "-c", "kill -PIPE $$"), 141, None),
        (("/no/such",), 127, "such could not be started: No such file or directory"),
        (("/",), 126, "/ could not be started: Permission denied"),
    ],
)
def test_how_a_job_ends(shell: Shell, job: tuple[str, ...], status: int, message: str | None) -> None:
    """As a shell says it; what went well is not told, nor that nobody reads any more."""
    with capture_reports() as reports:
        assert shell("run", "--", *job).status == status
    assert [event["message"] for event in reports] == ([message] if message else [])


def test_without_a_key_the_job_runs_all_the_same() -> None:
    """What is missing is said once it matters."""
    keyless = Shell({})
    assert keyless("run", "--", "true").err == ""
    result = keyless("run", "--", "false")
    assert result.status == 1
    assert "is told to nobody: no API key" in result.err


def test_a_job_checks_in(shell: Shell, api: Api) -> None:
    """When it begins, and when it has ended; how it failed is told once, by its monitor."""
    api.answer("POST /v1/monitors/nightly%20backup", {})
    named = ("run", "--monitor", "nightly backup", "--service", "db", "--every", "1d", "--")
    with capture_reports() as reports:
        assert shell(*named, "true").status == 0
        failing = shell(*named, "sh", "-c", "echo 'password=hunter2 no space' >&2; exit 3")
    assert (failing.status, failing.err, reports) == (3, "", [])
    said = [asked.document for asked in api.asked]
    assert [one["status"] for one in said] == ["in_progress", "ok", "in_progress", "error"]
    assert {(one["service"], one["every"], one["severity"]) for one in said} == {("db", "1d", "error")}
    assert said[1]["duration_ms"] > 0
    assert said[3]["message"] == "sh ended with status 3: password=[scrubbed] no space"


def test_a_monitor_that_hears_nothing(shell: Shell, api: Api) -> None:
    """It is said, changes nothing of the job, and a failure is told as without one."""
    api.refuse("POST /v1/monitors/backup", 403, "Forbidden", "the key lacks the scope ingest")
    with capture_reports() as reports:
        result = shell("run", "--monitor", "backup", "--", "false")
    assert result.status == 1
    assert "has not heard that false ended with status 1: the key lacks the scope ingest" in result.err
    assert [event["message"] for event in reports] == ["false ended with status 1"]
    keyless = Shell({})("run", "--monitor", "backup", "--", "true")
    assert (keyless.status, "ended well: no API key" in keyless.err) == (0, True)
    assert shell("run", "--every", "1d", "--", "true").status == 2


@pytest.mark.parametrize("arguments", [(), ("--",), ("--", "")])
def test_nothing_to_run(shell: Shell, arguments: tuple[str, ...]) -> None:
    """It is wrong usage."""
    assert shell("run", *arguments).status == 2


def test_a_signal_is_the_job_s() -> None:
    """It is passed on, and the job has the time it takes to end."""
    job = ProgramRun((sys.executable, "-S", "-c", "import signal; print('x', flush=True); signal.pause()"))
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM)).start()
    job.run()
    assert (job.status, job.ended) == (143, "was ended by SIGTERM")


def test_the_last_lines_are_kept() -> None:
    """However they come, and however much there is."""
    tail = Tail()
    for number in range(100):
        tail.add(b"line ")
        tail.add(b"%d\r\n" % number)
    tail.add(b"\xff" * 5_000)
    kept = tail.text()
    assert len(kept) == 40
    assert kept[-2] == "line 99"
    assert kept[-1] == "\ufffd" * 1_000
