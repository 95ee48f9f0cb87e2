"""Sentry's SDKs as they are, in environments of their own: what they send becomes the incidents that it should."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.environments import isolated
from tests.processes import Service, eventually

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(__file__).parent / "programs"
SETTINGS = {
    "channels": {"console": {"type": "console"}},
    "route": {"channels": ["console"], "group_wait": "1h"},
}
ALIKE = ("service", "environment", "release", "host", "severity", "message", "labels", "fingerprint")
STORE, NEWEST = "sentry-sdk==1.45.1", "sentry-sdk>=2.40,<3"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with Service(tmp_path, SETTINGS) as service:
        yield service


def dsn(service: Service, name: str) -> str:
    """As `notifier keys create --for sentry` prints it."""
    done = service.cli("keys", "create", "--for", "sentry", "--service", name)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def run(command: list[str], service: Service, **environ: str) -> str:
    known = {**os.environ, "NOTIFIER_URL": service.url, "NOTIFIER_KEY": service.key or "", **environ}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=known, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def incidents(service: Service, expected: int) -> dict[str, dict[str, Any]]:
    """By their titles, once there are so many."""
    found: list[dict[str, Any]] = eventually(
        lambda: len(items := service.items("/v1/incidents")) >= expected and items
    )
    return {incident["title"]: incident for incident in found}


def python(sdk: str, *more: str) -> list[str]:
    """The beginning of a command in an environment that has this SDK."""
    wanted = [sdk, "fastapi>=0.135,<1", "httpx<1", "httpx2<3", *(["brotli"] if sdk == NEWEST else []), *more]
    return isolated(*wanted)


@pytest.mark.parametrize("sdk", [STORE, NEWEST])
def test_python(service: Service, sdk: str) -> None:
    """A background task, logs, a message, a task that nobody awaits; and one failure told by notifier's client too."""
    program = str(PROGRAMS / "sentry_python.py")
    run([*python(sdk), "python", program], service, DSN=dsn(service, "billing"), PYTHONPATH=str(ROOT))
    found = incidents(service, 6)
    task = found["CardError: could not charge order 1842"]
    assert task["severity"] == "error"
    assert task["labels"] == {
        "service": "billing", "project": "default", "environment": "staging", "release": "billing@1.4.2",
        "host": "worker-3", "severity": "error", "exception": "CardError",
    }  # fmt: skip
    event = task["latest_event"]
    assert event["exception"]["cause"]["type"] == "KeyError"
    assert event["exception"]["frames"][-1]["function"] == "charge"
    assert "hunter2" not in str(event)
    assert event["context"]["request"]["method"] == "GET"
    logged = found["order 17 of ada failed"]
    assert logged["count"] == 2
    deployed = found["deployed"]
    assert (deployed["severity"], deployed["labels"]["region"]) == ("info", "eu")
    assert deployed["latest_event"]["context"]["breadcrumbs"][-1]["message"] == "paid"
    assert found["LookupError: nobody waits for this"]["latest_event"]["exception"]["frames"]
    # The same failure by both clients is one incident, whose last event reads like the one before.
    both = found["CardError: could not charge order 7"]
    assert both["count"] == 2
    one, other = service.items(f"/v1/incidents/{both['id']}/events")
    assert one["exception"]["frames"] == other["exception"]["frames"]
    assert one["exception"]["cause"]["frames"] == other["exception"]["cause"]["frames"]
    assert [one[name] for name in ALIKE] == [other[name] for name in ALIKE]
    # What a job says of itself: that it began, and that it failed.
    [nightly] = service.items("/v1/monitors")
    assert (nightly["name"], nightly["state"], nightly["environment"]) == ("nightly", "error", "staging")
    assert nightly["schedule"]["every"] == 86_400_000
    assert nightly["incident_id"] == found["nightly says that it failed"]["id"]
    assert len(found) == 6
    assert service.settle()["accepted"] == sum(incident["count"] for incident in found.values())


def test_celery(service: Service, tmp_path: Path) -> None:
    """A real worker: the task is named, and its id is no label."""
    folder = tmp_path / "broker"
    folder.mkdir()
    shutil.copy(PROGRAMS / "sentry_celery.py", tmp_path / "shop.py")
    environ = {"DSN": dsn(service, "shop"), "FOLDER": str(folder), "PYTHONPATH": str(tmp_path)}
    command = python(NEWEST, "celery>=5.6,<6")
    run([*command, "python", str(tmp_path / "shop.py")], service, **environ)
    start = [*command, "celery", "-A", "shop", "worker", "-P", "solo"]
    known, log = {**os.environ, **environ}, subprocess.DEVNULL
    with subprocess.Popen(start, env=known, stdout=log, stderr=log) as worker:
        found = eventually(lambda: service.items("/v1/incidents"), within=60)
        worker.terminate()
    [failure] = found
    assert failure["title"] == "LookupError: no card for order 7"
    assert failure["labels"]["task"] == "shop.charge"
    assert "celery_task_id" not in failure["labels"]
    assert failure["latest_event"]["context"]["tags"]["celery_task_id"]


def test_node(service: Service, tmp_path: Path) -> None:
    """The key in the query, no content type, chunked; a large event compressed."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("there is no Node")
    folder = tmp_path / "node"
    folder.mkdir()
    (folder / "package.json").write_text("{}")
    shutil.copy(PROGRAMS / "sentry_node.cjs", folder / "app.cjs")
    install = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "@sentry/node@11"]
    subprocess.run(install, cwd=folder, check=True, capture_output=True, timeout=300)
    run([node, str(folder / "app.cjs")], service, DSN=dsn(service, "shop"))
    found = incidents(service, 3)
    failure = found["TypeError: could not charge order 1842"]
    assert failure["labels"]["service"] == "shop"
    event = failure["latest_event"]
    assert event["exception"]["cause"]["message"] == "gateway is away"
    assert (event["exception"]["frames"][-1]["function"], event["labels"]) == ("charge", {"region": "eu"})
    assert found["deployed"]["severity"] == "warning"
    assert found["deployed"]["latest_event"].get("exception") is None
    assert len(found["large, and so compressed"]["latest_event"]["context"]["blob"]) <= 4_096
    assert service.settle()["accepted"] == 3
