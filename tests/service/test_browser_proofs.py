"""Every page in a real browser is readable for everybody: axe finds nothing in it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.chromium import LOOKS, PATHS, SETTINGS, Reader, chromium, needs_chromium
from tests.hostile import PAYLOADS
from tests.processes import Service

__all__ = ["chromium"]

pytestmark = [pytest.mark.slow, needs_chromium]

MORE = (
    "/manual",
    "/manual/guides/email",
    "/manual?q=silence",
    "/groups/{group}",
    "/tasks?task=billing.charge",
)
AXE = "axe-core@4"
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The script of axe-core, of its npm package."""
    folder = tmp_path_factory.mktemp("axe")
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed, and axe-core comes from it")
    packed = subprocess.run(
        ["npm", "pack", AXE, "--silent"], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )
    if packed.returncode != 0:
        pytest.skip("axe-core cannot be fetched")
    subprocess.run(["tar", "-xzf", packed.stdout.split()[-1]], cwd=folder, check=True)
    return (folder / "package" / "axe.min.js").read_text(encoding="utf-8")


def fill(service: Service, texts: list[str]) -> None:
    """An incident for each text with the text in every field, a note, a silence, and a run that failed."""
    with service.client() as client:
        for number, text in enumerate(texts):
            event = {
                "service": "billing", "environment": text, "release": text, "host": text, "message": text,
                "fingerprint": [str(number)], "labels": {text: text}, "context": {text: {"of": text}},
                "exception": {
                    "type": text, "module": text, "message": text, "notes": [text],
                    "frames": [{"file": text, "function": text, "line": 1, "code": text, "in_app": True}],
                    "cause": {"type": text, "message": text},
                },
                "task": {"id": f"run-{number}", "name": text},
                "links": [{"title": text, "url": "https://example.com/"}],
            }  # fmt: skip
            assert client.post("/v1/events", json=event).status_code == 202
            note = {"text": text, "actor": re.sub(r"[^ -~]", "?", text)}
            assert client.post(f"/v1/incidents/{number + 1}/notes", json=note).status_code == 200
            matcher = f"release={json.dumps(text)}"
            silence = {"matchers": [matcher], "ends_at": "2100-01-01T00:00:00Z", "comment": text}
            answer = client.post("/v1/silences", json=silence)
            assert answer.status_code in {201, 422}, answer.text
            run = {
                "id": f"run-{number}", "task": text, "service": "billing", "state": "failed", "result": text,
                "error": {"type": text, "message": text}, "arguments": {"args": [text], "kwargs": {text: text}},
            }  # fmt: skip
            assert client.post("/v1/task-runs", json=[run]).status_code in {200, 202}
    service.settle()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that hostile text has come to, in every field."""
    with Service(tmp_path_factory.mktemp("hostile"), SETTINGS) as running:
        fill(running, list(PAYLOADS))
        yield running


def paths(service: Service) -> list[str]:
    group = service.get("/v1/groups")["items"][0]["id"]
    return [*PATHS, *(path.format(group=group) for path in MORE)]


@pytest.mark.slow(takes=38)
@pytest.mark.parametrize("looks", [("light",), ("dark", "phone")], ids="-".join)
def test_axe_finds_nothing(service: Service, chromium: Any, axe: str, looks: tuple[str, ...]) -> None:
    """WCAG 2.2 AA, on every page, with texts of every kind."""
    look = {name: value for each in looks for name, value in LOOKS[each].items()}
    reader = Reader(chromium, service, bypass_csp=True, **look)
    found = {}
    for path in paths(service):
        assert reader.page.goto(path).status == 200, path
        reader.page.evaluate(axe)
        result = reader.page.evaluate("rules => axe.run(document, rules)", RULES)
        violations = [(one["id"], one["nodes"][0]["html"][:200]) for one in result["violations"]]
        if violations:
            found[path] = violations
    reader.context.close()
    assert found == {}
