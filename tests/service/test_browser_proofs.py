"""Every page in a real browser: readable for everybody (axe), unmoved by hostile text, and alive after a restart."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from tests.hostile import CHUNKS, PAYLOADS, VARIANTS, harmless, report
from tests.processes import Service
from tests.service.test_browser import CHROMIUM, LOOKS, PATHS, SETTINGS, Reader, chromium

__all__ = ["chromium"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium"),
]

MORE = (
    "/manual",
    "/manual/guides/email",
    "/manual?q=silence",
    "/groups/{group}",
    "/tasks?task=billing.charge",
)
AXE = "axe-core@4"
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}
# The browser's own reading of what the server sent, before any script of ours adds to it.
CENSUS = """html => [...new DOMParser().parseFromString(html, 'text/html').querySelectorAll('*')].map(
    one => one.tagName + ' ' + one.getAttributeNames().sort().join(' '))"""


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


def _heard(said: list[str], dialog: Any) -> None:
    said.append(f"dialog {dialog.message}")
    dialog.dismiss()


def paths(service: Service) -> list[str]:
    group = service.get("/v1/groups")["items"][0]["id"]
    return [*PATHS, *(path.format(group=group) for path in MORE)]


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


def spread(service: Service, of: Callable[[str], str]) -> None:
    """Reports with all texts of a chunk, notes and silences of half of one; each text alone in lists and as a task."""
    reports = [{**report(list(map(of, chunk))), "fingerprint": [str(n)]} for n, chunk in enumerate(CHUNKS)]
    alone = [
        {"service": text, "environment": text, "message": text, "fingerprint": [text], "labels": {"a": text},
         "severity": "none"}
        for text in map(of, VARIANTS)
    ]  # fmt: skip
    runs = [
        {"id": f"run-{number}", "task": text, "service": text, "state": "failed", "result": text,
         "error": {"type": text, "message": text}, "arguments": {"args": [text], "kwargs": {text: text}}}
        for number, text in enumerate(map(of, VARIANTS))
    ]  # fmt: skip
    with service.client() as client:
        answer = client.post("/v1/events", json=reports)
        assert all(one["status"] == "accepted" for one in answer.json()["results"]), answer.text
        assert client.post("/v1/events", json=alone).status_code == 202
        assert client.post("/v1/task-runs", json=runs).status_code in {200, 202}
        for number, chunk in enumerate(CHUNKS, 1):
            for half in (chunk[::2], chunk[1::2]):
                text = " ".join(map(of, half))[:2_000]
                note = client.post(f"/v1/incidents/{number}/notes", json={"text": text})
                assert note.status_code == 200, note.text
                silence = {
                    "matchers": ['service="quiet"'],
                    "ends_at": "2100-01-01T00:00:00Z",
                    "comment": text,
                }
                assert client.post("/v1/silences", json=silence).status_code == 201
    service.settle()


def shown(service: Service, opened: Callable[[str], str]) -> Iterator[tuple[str, str]]:
    """Each page as `opened` says it; the list of incidents from its beginning to its end."""
    group = service.get("/v1/groups")["items"][0]["id"]
    numbers = [f"/incidents/{n}{part}" for n in range(1, len(CHUNKS) + 1) for part in ("", "/copy")]
    for path in (
        *numbers,
        "/deliveries",
        "/silences",
        "/tasks",
        "/stats",
        "/dead-letters",
        f"/groups/{group}",
    ):
        yield path, opened(path)
    following: str | None = "/incidents?sort=newest"
    while following:
        page = opened(following)
        yield "/incidents", page
        found = re.search('href="([^"]*cursor=[^"]*)"', page)
        following = unescape(found[1]) if found else None


def _opened(reader: Reader, path: str) -> str:
    answer = reader.page.goto(path)
    assert answer.status == 200, path
    addresses = reader.page.evaluate("() => [...document.links].map(one => one.href)")
    assert not [address for address in addresses if address.startswith("javascript:")], path
    return str(answer.text())


def _fetched(reader: Reader, path: str) -> str:
    return str(reader.page.request.get(path).text())


def _searched(reader: Reader, text: str) -> None:
    reader.page.goto("/incidents?state=resolved")
    reader.page.locator("#q").fill(text.replace("\r", " ").replace("\n", " "))
    reader.page.locator("#q").press("Enter")
    reader.page.wait_for_load_state()


def test_hostile_text_adds_nothing_to_a_page(chromium: Any, tmp_path: Path) -> None:
    """Each page has the elements and attributes that it has with harmless text of the same length; nothing runs."""
    seen: dict[str, list[tuple[str, list[str]]]] = {}
    for name, of in (("hostile", str), ("plain", harmless)):
        (tmp_path / name).mkdir()
        # A service of its own: pages that list sessions show those of other tests' readers.
        with Service(tmp_path / name, SETTINGS) as one:
            spread(one, of)
            reader = Reader(chromium, one)
            reader.page.on("dialog", partial(_heard, reader.said))
            opened = partial(_opened, reader) if name == "hostile" else partial(_fetched, reader)
            seen[name] = [(path, reader.page.evaluate(CENSUS, page)) for path, page in shown(one, opened)]
            for text in PAYLOADS if name == "hostile" else ():
                _searched(reader, text)
            # A search that cannot be read is answered with 422, which the browser's console says.
            assert [line for line in reader.said if "422" not in line] == []
            reader.context.close()
    assert len(seen["hostile"]) > 2 * len(CHUNKS) + len(VARIANTS) / 50
    for (path, hostile), (_, plain) in zip(seen["hostile"], seen["plain"], strict=True):
        assert hostile == plain, path


def test_a_restart_under_an_open_page(service: Service, chromium: Any) -> None:
    """The page hears of what comes after the restart, and its forms still work."""
    reader = Reader(chromium, service)
    page = reader.page
    page.goto("/incidents?state=open")
    service.kill()
    service.start()
    service.post({"service": "billing", "message": "after the restart", "fingerprint": ["restart"]})
    page.get_by_role("link", name="1 new").wait_for(timeout=40_000)
    page.get_by_role("link", name="1 new").click()
    page.get_by_text("after the restart").first.click()
    page.get_by_role("button", name="Acknowledge", exact=True).first.click()
    page.get_by_text("acknowledged it").first.wait_for()
    reader.context.close()
