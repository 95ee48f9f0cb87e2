"""`diagnose()` and `notifier doctor client`: the first question of everybody whose error did not arrive."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from notifier.client import Diagnosis, MemoryTransport, Notifier
from notifier.client.dispatch import HttpTransport
from tests.client.receiver import Receiver, Reply
from tests.sockets import free_port

KEY = "ntf_" + "0" * 40
ROOT = Path(__file__).parents[2]


@pytest.fixture
def service() -> Iterator[Receiver]:
    with Receiver() as one:
        yield one


def notifier(url: str, folder: Path, **options: Any) -> Notifier:
    transport = HttpTransport(url, KEY, spool=folder, pauses=(0.05,))
    return Notifier("billing", transport=transport, send_in_tests=True, **options)


def fails(one: Notifier) -> None:
    one.report(LookupError())


def test_all_is_well(service: Receiver, tmp_path: Path) -> None:
    """Asked from within an application: what is set, what became of all, and the test report is there."""
    one = notifier(service.url, tmp_path, release="1.4.2", ignore=[KeyError, "shop.Closed"])
    app = FastAPI()
    one.instrument(app)

    @app.get("/diagnosis")
    def diagnosis() -> dict[str, Any]:
        one.report(KeyError())
        fails(one)
        return one.diagnose().as_json()

    found = TestClient(app).get("/diagnosis").json()
    one.close()
    assert found["healthy"]
    assert found["watched"] == ["the requests and background tasks of a FastAPI application"]
    assert (found["service"], found["test"]) == ("answers", "taken")
    assert found["counts"] == {"captured": 3, "sent": 2, "spooled": 0, "dropped": {"ignored": 1}}
    settings = {setting["name"]: (setting["value"], setting["origin"]) for setting in found["settings"]}
    assert settings["release"] == ("1.4.2", "argument")
    assert settings["ignore"] == ("KeyError, shop.Closed", "argument")
    assert settings["environment"] == ("production", "default")
    test = next(event for event in service.events if event["id"] == found["test_id"])
    assert test["severity"] == "none"


def test_a_diagnosis_is_a_frozen_value_with_a_text(service: Receiver, tmp_path: Path) -> None:
    """Without the key, in any form."""
    one = notifier(service.url, tmp_path)
    found = one.diagnose()
    one.close()
    assert isinstance(found, Diagnosis)
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.test = "waits"  # type: ignore[misc]
    for line in ("The service answers, and takes the key.", f"Reports go to {service.url}.", str(tmp_path)):
        assert line in str(found)
    assert KEY not in str(found) + repr(found) + json.dumps(found.as_json())
    assert len(service.events) == 1
    assert "It watches nothing by itself: see instrument(app)" in str(found)


def test_what_it_watches_is_said() -> None:
    """An application that was never instrumented is the commonest reason of all."""
    one = Notifier("billing", transport=MemoryTransport())
    one.logging_handler()
    one.task(lambda: None)
    one.task(retries=1)(print)
    watched = one.diagnose().watched
    assert watched == ("the log from ERROR on, where its handler was added", "2 tasks of @notifier.task")


def test_nothing_is_sent_where_none_is_wanted(service: Receiver, tmp_path: Path) -> None:
    """`test=False` only asks."""
    one = notifier(service.url, tmp_path)
    found = one.diagnose(test=False)
    one.close()
    assert (found.service, found.test, found.healthy) == ("answers", "not sent", True)
    assert not service.events


ANSWERS = {
    "refused": (Reply(401, {"detail": "this key is not known"}), "refuses", "this key is not known"),
    "without the scope": (Reply(403, {"detail": "it lacks `ingest`"}), "refuses", "it lacks `ingest`"),
    "another site": (Reply(200, {"hello": "world"}), "stranger", "is no notifier"),
    "busy": (Reply(503, {"detail": "the disk is full"}), "away", "the disk is full"),
    "a notifier's word on nothing": (Reply(400, {"detail": "there is no event"}), "answers", ""),
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_what_is_wrong_with_the_service_is_said(service: Receiver, tmp_path: Path, answer: str) -> None:
    """In its own words, with what to do."""
    reply, kind, words = ANSWERS[answer]
    service.script = lambda _path, _: reply
    one = notifier(service.url, tmp_path)
    found = one.diagnose(timeout=20)
    one.close(0.1)
    assert found.service == kind
    assert words in str(found)
    assert found.healthy is False


def test_a_service_that_is_away(tmp_path: Path) -> None:
    """What was reported waits, and it is said where."""
    one = notifier(f"http://127.0.0.1:{free_port()}", tmp_path)
    fails(one)
    found = one.diagnose(timeout=20)
    one.close(0.1)
    assert (found.service, found.test, found.counts.spooled) == ("away", "waits", 2)
    assert "start it, or set NOTIFIER_URL" in str(found)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"before_send": lambda _: None}, "before_send"),
        ({"before_send": lambda event: event["nothing"]}, "before_send_failed"),
        ({"sample_rate": 0.0}, "sampled"),
    ],
)
def test_what_keeps_reports_back_here_is_named(
    service: Receiver, tmp_path: Path, options: dict[str, Any], reason: str
) -> None:
    """The test report goes the usual way, and shares its fate."""
    one = notifier(service.url, tmp_path, **options)
    fails(one)
    found = one.diagnose()
    one.close()
    assert (found.test, found.test_reason) == ("dropped", reason)
    assert found.counts.dropped == {reason: 2}
    assert f"dropped ({reason}" in str(found)


def test_in_a_test_run_and_with_a_transport_of_one_s_own() -> None:
    """Nothing leaves, and that is said."""
    found = Notifier("billing").diagnose()
    assert "because it is a test run" in str(found)
    assert (found.service, found.test) == ("not asked", "kept here")

    class Own(MemoryTransport):
        pass

    assert (
        "test_diagnosis.Own"
        in Notifier("billing", transport=Own(), send_in_tests=True).diagnose().destination
    )


def doctor(*arguments: str, environ: dict[str, str], spool: Path) -> tuple[int, str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("NOTIFIER_")}
    done = subprocess.run(
        [sys.executable, "-m", "notifier.cli", "doctor", "client", *arguments], cwd=ROOT, capture_output=True,
        text=True, check=False, env={**inherited, "NOTIFIER_SPOOL": str(spool), **environ}, timeout=60,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def test_the_command_says_what_the_client_sees(service: Receiver, tmp_path: Path) -> None:
    """Settings with their origins, the service's answer, and the test report that has arrived."""
    key = tmp_path / "key"
    key.write_text(f"{KEY}\n")
    environ = {"NOTIFIER_URL": service.url, "NOTIFIER_KEY_FILE": str(key), "NOTIFIER_RELEASE": "1.4.2"}
    status, out, err = doctor("--service", "billing", environ=environ, spool=tmp_path)
    assert (status, err) == (0, "")
    assert "NOTIFIER_KEY_FILE" in out
    assert "set, 44 characters" in out
    assert "The test report has arrived" in out
    assert KEY not in out
    (event,) = service.events
    assert (event["service"], event["release"], event["severity"]) == ("billing", "1.4.2", "none")


@pytest.mark.parametrize(
    ("environ", "status", "words"),
    [
        ({}, 2, "Set NOTIFIER_URL"),
        ({"NOTIFIER_URL": "127.0.0.1:8000", "NOTIFIER_KEY": KEY}, 2, "no http or https address"),
        ({"NOTIFIER_URL": "http://x", "NOTIFIER_KEY_FILE": "/nonexistent"}, 2, "cannot be read"),
        ({"NOTIFIER_URL": "http://x", "NOTIFIER_KEY": "two words"}, 2, "copy it anew"),
        ({"NOTIFIER_URL": "http://127.0.0.1:9", "NOTIFIER_KEY": KEY}, 3, "cannot be reached"),
    ],
)
def test_the_command_s_status_says_what_is_wrong(
    tmp_path: Path, environ: dict[str, str], status: int, words: str
) -> None:
    """2: the settings, 3: the service cannot be reached."""
    found, out, err = doctor(environ=environ, spool=tmp_path)
    assert (found, err) == (status, "")
    assert words in out


def test_the_command_s_status_where_the_service_answers(service: Receiver, tmp_path: Path) -> None:
    """4: it refuses the key; 1: it does not take the test report."""
    environ = {"NOTIFIER_URL": service.url, "NOTIFIER_KEY": KEY}
    service.script = lambda _path, _: Reply(401, {"detail": "not known"})
    assert doctor(environ=environ, spool=tmp_path)[0] == 4
    rejected = {"results": [{"status": "rejected", "error": "no"}]}
    service.script = lambda _path, events: Reply(202, rejected if events else {"results": []})
    status, out, _ = doctor("--json", environ=environ, spool=tmp_path / "other")
    assert (status, json.loads(out)["test_reason"]) == (1, "rejected")


def test_the_command_shows_the_processes_of_this_machine(service: Receiver, tmp_path: Path) -> None:
    """Alive and dead, with what they keep and have dropped."""
    service.script = lambda path, events: Reply(503) if path == "/v1/events" and events else Reply()
    program = f"""
import os, sys, time
from notifier.client import Notifier
one = Notifier("shop", url="{service.url}", key="{KEY}", ignore=["KeyError"])
one.message("waits"); one.report(KeyError()); one.counts()
if sys.argv[1] == "dies": os.kill(os.getpid(), 9)
print("ready", flush=True)
time.sleep(60)
"""
    environ = {**os.environ, "NOTIFIER_SPOOL": str(tmp_path)}
    started = [
        subprocess.Popen([sys.executable, "-c", program, how], cwd=ROOT, env=environ, stdout=subprocess.PIPE)
        for how in ("dies", "lives")
    ]
    dead, alive = started
    try:
        dead.wait(60)
        assert alive.stdout is not None
        alive.stdout.readline()
        own = {"NOTIFIER_URL": service.url, "NOTIFIER_KEY": KEY}
        document = json.loads(doctor("--json", "--no-test", environ=own, spool=tmp_path)[1])
        text = doctor("--no-test", environ=own, spool=tmp_path)[1]
    finally:
        for process in started:
            process.kill()
            process.communicate()
    shops = [one for one in document["applications"] if one["service"] == "shop"]
    living = next(one for one in shops if one["alive"])
    assert living["counts"]["dropped"] == {"ignored": 1}
    assert living["counts"]["captured"] >= 2
    assert f"shop: Process {living['name']}, which lives, captured" in text
    assert "of a class in `ignore`" in text or "dropped" in text
