"""`notifier check --format`: a format on a body, without a service."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from notifier.cli import run
from notifier.cli.session import CommandSession, Installed

CONFIG = """
channels: {a: {type: console}}
route: {channels: [a]}
formats:
  ours: {items: alarms, map: {service: app, message: text}}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "notifier.yaml"
    file.write_text(CONFIG)
    return file


def invoke(*arguments: str, stdin: bytes = b"") -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    session = CommandSession(environ={}, stdin=io.BytesIO(stdin), stdout=out, stderr=err, local=Installed)
    return run(["check", *arguments], session), out.getvalue(), err.getvalue()


def test_a_body_is_shown_as_events(config: Path, tmp_path: Path) -> None:
    """The events are data, what was left aside is talk."""
    body = tmp_path / "body.json"
    body.write_text('{"alarms": [{"app": "a", "text": "b", "level": 3}], "by": {"name": "x", "tags": []}}')
    status, out, err = invoke("--config", str(config), "--format", "ours", "--sample", str(body))
    assert (status, json.loads(out)) == (0, [{"service": "a", "message": "b"}])
    assert err == "Not mapped: alarms[].level, by.name, by.tags\n"


def test_a_body_that_would_be_refused_exits_1(config: Path) -> None:
    """With what is wrong, from standard input too, and as JSON."""
    arguments = ("--config", str(config), "--format", "ours", "--sample", "-", "--json")
    status, out, _ = invoke(*arguments, stdin=b'{"alarms": [{"app": "a"}]}')
    shown = json.loads(out)
    assert (status, shown["events"], len(shown["faults"])) == (1, [{"service": "a"}], 1)
    assert shown["faults"][0].startswith("event 0: message: ")
    status, out, _ = invoke(*arguments, stdin=b"{")
    assert (status, json.loads(out)["events"]) == (1, [])


def test_without_a_body_the_formats_own_sample_is_shown(config: Path) -> None:
    """Of those that notifier brings; one's own has none here, so that nothing becomes of it."""
    status, out, _ = invoke("--config", str(config), "--format", "healthchecks")
    assert (status, json.loads(out)[0]["service"]) == (0, "nightly backup")
    status, _, err = invoke("--config", str(config), "--format", "ours")
    assert (status, err) == (2, "notifier: the format ours has no sample: give one with --sample FILE.\n")


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("--format", "nothing"), 2, "there is no such format"),
        (("--sample", "x"), 2, "name it with --format"),
        (("--format", "ours", "--sample", "/no/such/file"), 2, "cannot be read"),
    ],
)
def test_wrong_usage_is_said(config: Path, arguments: tuple[str, ...], status: int, said: str) -> None:
    """With what to do."""
    found, _, err = invoke("--config", str(config), *arguments)
    assert (found, said in err) == (status, True), err


def test_a_sample_that_makes_no_event_is_a_problem_of_the_configuration(config: Path) -> None:
    """At its place, with what is wrong."""
    config.write_text(CONFIG.replace("map:", "sample: {alarms: [{app: a}]}, map:"))
    status, out, _ = invoke("--config", str(config))
    assert status == 1
    assert ":5:33: formats.ours.sample: the sample is not taken: event 0: message: " in out
    config.write_text(CONFIG.replace("map:", "sample: {alarms: []}, map:"))
    assert "nothing becomes of the sample" in invoke("--config", str(config), "--format", "ours")[1]
